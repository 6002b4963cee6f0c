//! The options that change the environment: `-E NAME=VALUE` sets a variable, `-E NAME` removes it.
//!
//! dmon stores them in an [`EnvEdits`]; denv calls [`edit`] for its own environment.

use pure::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use pure::cli::variable_line::FORM;
use pure::text::split_once;
use sys::environment::{Environment, Full};

/// The error for a variable that does not fit into the [`Environment`].
pub const TOO_MANY: Expected = "possible: an environment has at most 2000 variables";

/// The end of other messages about such a variable.
pub const TOO_MANY_VARIABLES: &str = ": more than 2000 variables in the environment";

/// Sets or removes one variable.
///
/// # Errors
/// The expected form, if the name is empty; [`TOO_MANY`].
pub fn edit(environment: &mut Environment, word: CliWord) -> Result<(), Expected> {
    match split_once(word.to_bytes(), b'=') {
        ([], _) => Err(FORM),
        (_, Some(_)) => environment.set(word).map_err(|Full| TOO_MANY),
        (name, None) => {
            environment.remove(name);
            Ok(())
        }
    }
}

/// The variables that name a user, which `-u` sets unless `-E` sets or removes them.
pub const USER_VARIABLES: [&str; 3] = ["HOME", "USER", "LOGNAME"];

/// A changed copy of dmon's own environment; `None` without changes.
#[derive(Default)]
pub struct EnvEdits {
    environment: Option<Environment>,
    /// Which of [`USER_VARIABLES`] were set or removed.
    pub edited: [bool; 3],
}

impl EnvEdits {
    /// Makes the changes visible to dmon itself and to all programs that it executes.
    pub fn install(&self) {
        if let Some(environment) = &self.environment {
            environment.install();
        }
    }
}

/// The option may be repeated: each use adds an edit.
impl OptionValue for EnvEdits {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        if self.environment.is_none() {
            self.environment = Environment::claim();
            let inherited =
                self.environment.as_mut().map_or(Ok(()), |environment| environment.inherit_all());
            inherited.map_err(|Full| TOO_MANY)?;
        }
        let name = split_once(value.to_bytes(), b'=').0;
        for (variable, edited) in USER_VARIABLES.iter().zip(&mut self.edited) {
            *edited |= variable.as_bytes() == name;
        }
        // dmon's first environment is claimed here, so `claim` succeeds.
        self.environment.as_mut().map_or(Err(TOO_MANY), |environment| edit(environment, value))
    }
}

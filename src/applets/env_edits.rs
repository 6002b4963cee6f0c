//! The options that change the environment: `-E NAME=VALUE` sets a variable, `-E NAME` removes it.
//!
//! dmon stores them in an [`EnvEdits`]; denv calls [`edit`] for its own environment.

use pure::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use pure::text::split_once;
use sys::environment::{Environment, Full};

/// The error for a variable that does not fit into the [`Environment`].
pub const TOO_MANY: Expected = "one of at most 1000 variables";

/// Sets or removes one variable.
///
/// # Errors
/// The expected form, if the name is empty; [`TOO_MANY`].
pub fn edit(environment: &mut Environment, word: CliWord) -> Result<(), Expected> {
    match split_once(word.to_bytes(), b'=') {
        ([], _) => Err("a variable (like NAME=VALUE, NAME)"),
        (_, Some(_)) => environment.set(word).map_err(|Full| TOO_MANY),
        (name, None) => {
            environment.remove(name);
            Ok(())
        }
    }
}

/// A changed copy of dmon's own environment; `None` without changes.
#[derive(Default)]
pub struct EnvEdits(Option<Environment>);

impl EnvEdits {
    /// Makes the changes visible to dmon itself and to all programs that it executes.
    pub fn install(&self) {
        self.0.iter().for_each(Environment::install);
    }
}

/// The option may be repeated: each use adds an edit.
impl OptionValue for EnvEdits {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        if self.0.is_none() {
            self.0 = Environment::claim();
            let inherited = self.0.as_mut().map_or(Ok(()), |environment| environment.inherit(None));
            inherited.map_err(|Full| TOO_MANY)?;
        }
        // `claim` succeeds once per process. dmon claims its environment only here.
        self.0.as_mut().map_or(Err(TOO_MANY), |environment| edit(environment, value))
    }
}

//! The options that change the environment: `-E NAME=VALUE` sets a variable, `-E NAME` removes it.
//!
//! dmon stores them in an [`EnvEdits`]; denv calls [`edit`] for its own environment.

use pure::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use pure::text::split_once;
use sys::environment::{Environment, Full};

/// The end of messages about a variable that does not fit into the [`Environment`], from the colon on.
pub const TOO_MANY_VARIABLES: &str = Expected::FewerVariables.text_from("possible".len());

/// Sets or removes one variable. `NAME=` removes it if `empty_removes` is true.
///
/// # Errors
/// The expected form, if the name is empty; too many variables.
pub fn edit(
    environment: &mut Environment,
    word: CliWord,
    empty_removes: bool,
) -> Result<(), Expected> {
    match split_once(word.to_bytes(), b'=') {
        ([], _) => Err(Expected::Variable),
        (_, Some(value)) if !empty_removes || !value.is_empty() => {
            environment.set(word).map_err(|Full| Expected::FewerVariables)
        }
        (name, _) => {
            environment.remove(name);
            Ok(())
        }
    }
}

/// Sets or removes a variable in a copy of this process's environment. The first call makes the copy.
///
/// # Errors
/// As for [`edit`].
pub fn edit_copy(copy: &mut Option<Environment>, word: CliWord) -> Result<(), Expected> {
    if copy.is_none() {
        *copy = Environment::claim();
        copy.as_ref()
            .map_or(Ok(()), Environment::inherit_all)
            .map_err(|Full| Expected::FewerVariables)?;
    }
    // dmon claims one for `-E` and one for each of its children, so `claim` succeeds.
    copy.as_mut().map_or(Err(Expected::FewerVariables), |copy| edit(copy, word, false))
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
        let name = split_once(value.to_bytes(), b'=').0;
        for (variable, edited) in USER_VARIABLES.iter().zip(&mut self.edited) {
            *edited |= variable.as_bytes() == name;
        }
        edit_copy(&mut self.environment, value)
    }
}

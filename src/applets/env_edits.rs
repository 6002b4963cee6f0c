//! One change of the environment as the command line says it: `NAME=VALUE` sets, `NAME` removes. For
//! dmon and denv.

use pure::cli::getopt::{Arg, CliWord, OptionValue};
use pure::cli::value::Expected;
use pure::text::split_once;
use sys::environment::Environment;

/// Makes the change.
///
/// # Errors
/// No name, or one variable too many.
pub fn edit(environment: &mut Environment, word: CliWord) -> Result<(), Expected> {
    match split_once(word.to_bytes(), b'=') {
        ([], _) => Err("a variable (like NAME=VALUE, NAME)"),
        (_, Some(_)) => environment.set(word).or(TOO_MANY),
        (name, None) => {
            environment.remove(name);
            Ok(())
        }
    }
}

/// What is said when there is no room for one more.
pub const TOO_MANY: Result<(), Expected> = Err("one of at most 1000 variables");

/// Our own environment, and the changes made to it.
#[derive(Default)]
pub struct Changed(Option<Environment>);

impl Changed {
    /// From here on the changes, if there are any, are there for all.
    pub fn install(&self) {
        self.0.iter().for_each(Environment::install);
    }
}

impl OptionValue for Changed {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        if self.0.is_none() {
            self.0 = Environment::begin();
            let all = self.0.as_mut().map_or(Ok(()), |environment| environment.inherit(None));
            all.or(TOO_MANY)?;
        }
        self.0.as_mut().map_or(TOO_MANY, |environment| edit(environment, value))
    }
}

//! The option table of an applet: one row per option.
//!
//! [`getopt`](super::getopt) and [`help`](super::help) read the rows. `scripts/gen-docs` makes manuals and completions
//! from the help text, so a row is the only place that describes an option.

use super::option_value::{Arg, Expected};
use crate::exit::Exit;
use crate::text::skip;

/// An option as the help shows it: `-t, --timeout TIME`, a tab, the description.
///
/// Four blanks replace `-t, ` if the option has no letter. An option with a word after its name takes a value;
/// one without is a switch.
#[derive(Clone, Copy)]
pub struct Row(pub &'static str);

impl Row {
    /// Returns the letter, if the option has one.
    #[must_use]
    pub fn letter(self) -> Option<u8> {
        self.0.as_bytes().get(1).copied().filter(|letter| *letter != b' ')
    }

    /// Returns the long name, without dashes.
    #[must_use]
    pub fn name(self) -> &'static [u8] {
        let text = self.without_letter();
        let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t'));
        end.and_then(|end| text.get(..end)).unwrap_or(text)
    }

    /// Returns whether the option requires a value.
    #[must_use]
    pub fn takes_value(self) -> bool {
        self.without_letter().get(self.name().len()) == Some(&b' ')
    }

    fn without_letter(self) -> &'static [u8] {
        skip(self.0.as_bytes(), "-x, --".len())
    }
}

/// One option of an applet whose settings are a `C`.
pub struct Opt<C> {
    pub row: Row,
    effect: Effect<C>,
}

/// The effect of an option when it is parsed.
enum Effect<C> {
    Store(Store<C>),
    Act(Act<C>),
}

/// Stores the argument in the settings, or returns the expected form.
type Store<C> = fn(&mut C, Arg) -> Result<(), Expected>;

/// Does something that can fail for other reasons, and prints its own message if it fails.
type Act<C> = fn(&mut C, Arg) -> Result<(), Exit>;

/// Returns an option that stores its argument.
pub const fn opt<C>(row: &'static str, store: Store<C>) -> Opt<C> {
    Opt { row: Row(row), effect: Effect::Store(store) }
}

/// Returns an option that acts when it is parsed, for example by reading a file.
pub const fn action<C>(row: &'static str, act: Act<C>) -> Opt<C> {
    Opt { row: Row(row), effect: Effect::Act(act) }
}

/// Why an option was rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejected {
    /// Its value does not have this form. No message was printed.
    Expected(Expected),
    /// It failed, and its message was printed.
    Reported,
}

/// The options of one applet with the settings that they change.
pub struct Table<'a, C: 'static> {
    pub options: &'static [Opt<C>],
    pub config: &'a mut C,
}

/// A [`Table`] without its type of settings, followed by [`COMMON`]: one compiled parser serves all applets.
pub trait OptionTable {
    /// Returns the row with this index; `None` after the last.
    fn row(&self, at: usize) -> Option<Row>;

    /// Applies the option with this index; `None` for a row of [`COMMON`], which sets nothing.
    fn apply(&mut self, at: usize, arg: Arg) -> Option<Result<(), Rejected>>;
}

impl<C> OptionTable for Table<'_, C> {
    fn row(&self, at: usize) -> Option<Row> {
        match at.checked_sub(self.options.len()) {
            None => self.options.get(at).map(|option| option.row),
            Some(at) => COMMON.get(at).copied(),
        }
    }

    fn apply(&mut self, at: usize, arg: Arg) -> Option<Result<(), Rejected>> {
        Some(match self.options.get(at)?.effect {
            Effect::Store(store) => store(self.config, arg).map_err(Rejected::Expected),
            Effect::Act(act) => act(self.config, arg).map_err(|_| Rejected::Reported),
        })
    }
}

/// The rows that every applet has, behind its own. Their letters are reserved.
pub const COMMON: [Row; 2] =
    [Row("-h, --help\tShow this."), Row("-V, --version\tShow the version.")];

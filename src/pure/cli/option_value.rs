//! The interface between an option and the field that it sets.
//!
//! The rows of an [option table](super::option_table) call it. [`value`](super::value) and the applets implement
//! [`OptionValue`] for the types of their fields.

use core::ffi::CStr;

/// One word of the command line, a variable or a configuration file. It lives as long as the process.
pub type CliWord = &'static CStr;

/// What a parser returns for a word that has another form.
pub use super::expected::Expected;

/// The argument that an option was given.
#[derive(Clone, Copy)]
pub struct Arg {
    /// The value; empty for a switch.
    pub value: CliWord,
    /// False only for the form `--no-NAME` of a switch.
    pub on: bool,
}

impl Arg {
    /// Returns the argument of an option that takes a value.
    #[must_use]
    pub const fn new(value: CliWord) -> Self {
        Self { value, on: true }
    }

    /// Stores the argument in `field`.
    ///
    /// # Errors
    /// The expected form, if the word does not have it.
    pub fn to(self, field: &mut impl OptionValue) -> Result<(), Expected> {
        field.parse(self)
    }
}

/// A field that an option can set.
pub trait OptionValue {
    /// Replaces the field, or changes it if the option may be repeated.
    ///
    /// # Errors
    /// The expected form, if the word does not have it.
    fn parse(&mut self, arg: Arg) -> Result<(), Expected>;
}

/// A switch.
impl OptionValue for bool {
    fn parse(&mut self, arg: Arg) -> Result<(), Expected> {
        *self = arg.on;
        Ok(())
    }
}

/// Any word; `None` if the option is not given.
impl OptionValue for Option<CliWord> {
    fn parse(&mut self, arg: Arg) -> Result<(), Expected> {
        *self = Some(arg.value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_field_accepts_any_bytes() {
        let mut field = None;
        assert_eq!(Arg::new(c"-1 or \xff").to(&mut field), Ok(()));
        assert_eq!(field, Some(c"-1 or \xff"));
    }
}

//! The value of `--on-full`. dlog and drlog parse it.

use crate::cli::option_value::{Arg, Expected, OptionValue};

/// The handling of lines that cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnFull {
    /// Drop and count them.
    Drop,
    /// Keep them and stop reading. The service blocks when the pipe is full.
    Block,
}

impl OptionValue for OnFull {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = match value.to_bytes() {
            b"drop" => Self::Drop,
            b"block" => Self::Block,
            _ => return Err(Expected::OnFull),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_full_has_two_values() {
        let mut on_full = OnFull::Drop;
        let mut set = |word| on_full.parse(Arg::new(word)).map(|()| on_full);
        assert_eq!(set(c"block"), Ok(OnFull::Block));
        assert_eq!(set(c"drop"), Ok(OnFull::Drop));
        assert!(set(c"").is_err() && set(c"blocks").is_err());
    }
}

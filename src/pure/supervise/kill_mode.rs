//! The value of `--kill-mode`. The machine follows it.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::name_table::index_of;

/// Which processes of the command's run are stopped. The names are those of systemd.kill(5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KillMode {
    /// All of them receive the stop signal and SIGKILL.
    Group,
    /// The command receives the stop signal, all of them SIGKILL. Only if the command exits on its own, the others
    /// receive the stop signal.
    Mixed,
    /// Only the command. The others are left alone.
    Process,
}

impl OptionValue for KillMode {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = match index_of(
            const { Expected::KillMode.text_from("one of ".len()) },
            value.to_bytes(),
        ) {
            Some(0) => Self::Group,
            Some(1) => Self::Mixed,
            Some(2) => Self::Process,
            _ => return Err(Expected::KillMode),
        };
        Ok(())
    }
}

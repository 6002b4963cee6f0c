//! The messages of `--verbose` and `--log-events`: one readable line for each event of a child.
//!
//! The supervisor prints them, on standard error and into the log pipe. An event that is an error is printed without
//! these options, too.

use super::child_event::ChildEvent;
use crate::applets::diag;
use pure::division::divide;
use pure::name_table::entry;
use pure::supervise::machine::Role;
use pure::text::{Put, Text, TextBuf, put_number, put_padded};
use pure::time::Instant;
use pure::unix::{Pid, WaitStatus};
use sys::clock;

/// The state that the messages need.
pub struct VerboseLog {
    /// `--verbose`
    pub on_stderr: bool,
    /// `--log-events`
    pub in_log: bool,
    /// Start of the command's last run.
    pub run_started_at: Instant,
    /// The last sample of the load, as `load_sampler.rs` shows it; empty if nothing is watched.
    pub load: Values,
}

/// The values of the metrics for messages. It is part of the memory of each dmon, so it is shorter than a message.
pub type Values = TextBuf<256>;

/// The texts of the messages.
const TEXTS: &str = " started| stopping| timeout, stopping| killed| paused| resumed\
    | ready| signalled with | exited with | exited by signal ";

impl ChildEvent {
    /// Returns the index of the event in [`TEXTS`] and the number after the text, which is a signal or an exit status.
    const fn text(self) -> (usize, u32) {
        match self {
            Self::Exited(WaitStatus(status)) => match status & 0x7f {
                0 => (8, (status >> 8 & 0xff).cast_unsigned()),
                signal => (9, signal.cast_unsigned()),
            },
            other => other.keyword(),
        }
    }
}

impl VerboseLog {
    /// Prints `ROLE PID TEXT [NUMBER][ after SECONDSs][LOAD]`, an error everywhere, other events as the options say.
    pub fn print(&self, role: Role, event: ChildEvent, pid: Pid, is_error: bool) {
        let (on_stderr, in_log) = (self.on_stderr || is_error, self.in_log || is_error);
        if !(on_stderr || in_log) {
            return;
        }
        let mut line = Text::new();
        let (text, number) = event.text();
        put_number(&mut line, pid.number().cast_unsigned().into());
        line.put(entry(TEXTS, b'|', text));
        if text >= ChildEvent::SIGNALLED {
            put_number(&mut line, number.into());
            if role == Role::Cmd {
                let time = self.run_started_at.until(clock::now());
                line.put(b" after ");
                put_hundredths(&mut line, time.hundredths());
                line.put(b"s");
            }
        }
        let parts = [role.label().as_bytes(), line.bytes(), self.load.bytes()];
        diag::print(on_stderr, in_log, &parts);
    }
}

/// Puts a number of hundredths with two decimals.
#[inline(never)]
pub fn put_hundredths(text: &mut Text, hundredths: u64) {
    let (whole, hundredths) = divide(hundredths, 100);
    put_number(text, whole);
    text.put(b".");
    put_padded(text, hundredths, 2, false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use pure::unix::Signal;

    #[test]
    fn texts_have_the_signal_or_the_exit_status() {
        let text = |status| ChildEvent::Exited(WaitStatus(status)).text();
        assert_eq!(text(3 << 8), (8, 3));
        assert_eq!(text(0xff00), (8, 255));
        assert_eq!(text(9), (9, 9));
        // With a core dump.
        assert_eq!(text(0x86), (9, 6));
        let signalled = ChildEvent::Signalled(Signal::HUP).text();
        assert_eq!(signalled, (7, 1));
    }
}

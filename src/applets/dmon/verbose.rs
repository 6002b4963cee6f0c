//! The messages of `--verbose`: one readable line on standard error for each event of a child.
//!
//! The supervisor prints them. An event that is an error is printed without the option, too.

use super::child_event::ChildEvent;
use crate::applets::diag;
use pure::cli::value::Load;
use pure::division::divide;
use pure::supervise::machine::Role;
use pure::text::{Put, Text, TextBuf, Writer, put_number, put_padded};
use pure::time::Instant;
use pure::unix::{Pid, WaitStatus};
use sys::clock;
use ufmt::uwrite;

/// The state that the messages need.
pub struct VerboseLog {
    pub on: bool,
    /// Start of the command's last run.
    pub run_started_at: Instant,
    /// The last sample of the load; `None` if it is not watched.
    pub load: Option<Load>,
}

impl ChildEvent {
    /// Returns the text of the message and the number after it, which is a signal or an exit status.
    const fn text(self) -> (&'static str, Option<u32>) {
        match self {
            Self::Started => ("started", None),
            Self::Stopping => ("stopping", None),
            Self::TimedOut => ("timeout, stopping", None),
            Self::Killed => ("killed", None),
            Self::Paused => ("paused", None),
            Self::Resumed => ("resumed", None),
            Self::Signalled(signal) => ("signalled with ", Some(signal.number().unsigned_abs())),
            Self::Exited(WaitStatus(status)) => match status & 0x7f {
                0 => ("exited with ", Some((status >> 8 & 0xff).unsigned_abs())),
                signal => ("exited by signal ", Some(signal.unsigned_abs())),
            },
        }
    }
}

impl VerboseLog {
    /// Prints `ROLE PID TEXT [NUMBER][ after SECONDSs][, load LOAD]`, as an error or as a note.
    pub fn print(&self, role: Role, event: ChildEvent, pid: Pid, is_error: bool) {
        let mut line = TextBuf::<96>::new();
        let (text, number) = event.text();
        let Ok(()) = uwrite!(Writer(&mut line), "{} {}", pid.number().unsigned_abs(), text);
        if let Some(number) = number {
            let Ok(()) = uwrite!(Writer(&mut line), "{}", number);
        }
        if let (Role::Cmd, Some(_)) = (role, number) {
            let time = self.run_started_at.until(clock::now());
            line.put(b" after ");
            put_hundredths(&mut line, time.hundredths());
            line.put(b"s");
        }
        if let Some(load) = self.load {
            line.put(b", load ");
            put_hundredths(&mut line, divide(load.0, Load::ONE / 100).0);
        }
        let print = if is_error { diag::eprint } else { diag::note };
        print(&[role.label().as_bytes(), line.bytes()]);
    }
}

/// Puts a number of hundredths with two decimals.
#[inline(never)]
fn put_hundredths(text: &mut Text, hundredths: u64) {
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
        assert_eq!(text(3 << 8), ("exited with ", Some(3)));
        assert_eq!(text(0xff00), ("exited with ", Some(255)));
        assert_eq!(text(9), ("exited by signal ", Some(9)));
        // With a core dump.
        assert_eq!(text(0x86), ("exited by signal ", Some(6)));
        let signalled = ChildEvent::Signalled(Signal::HUP).text();
        assert_eq!(signalled, ("signalled with ", Some(1)));
    }
}

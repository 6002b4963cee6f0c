//! Signals to runs, with their reports.
//!
//! The supervisor's loop calls these functions.

use super::{ChildEvent, Supervisor};
use pure::supervise::machine::Role;
use pure::unix::{Pid, Signal};
use sys::signal;

impl Supervisor<'_> {
    /// Sends the stop signal to a run, or to the child `alone`, and SIGCONT to the run, without which a paused process
    /// would not handle it.
    pub(super) fn stop(&mut self, role: Role, group: Pid, timed_out: bool, alone: bool) {
        let event = if timed_out { ChildEvent::TimedOut } else { ChildEvent::Stopping };
        if let (Role::Cmd, Signal::INT | Signal::QUIT) = (role, self.stop_signal) {
            // It could not be distinguished from Ctrl-C.
            self.sentinel.end();
        }
        self.signal_run(role, group, self.stop_signal, alone, event);
        self.signals.send(role, group, Signal::CONT);
    }

    /// Signals a run, or its child `alone`, and reports `event`, unless dmon has no permission.
    pub(super) fn signal_run(
        &mut self,
        role: Role,
        run: Pid,
        signal: Signal,
        alone: bool,
        event: ChildEvent,
    ) {
        let sent = match alone {
            true => self.signals.check(role, run, signal::kill(run, Some(signal))),
            false => self.signals.send(role, run, signal),
        };
        if sent {
            self.report(role, event, run);
        }
    }
}

//! The actions of job control. They move the terminal between dmon and its command, and suspend dmon.
//!
//! The supervisor's loop calls them.

use super::{ChildEvent, Supervisor};
use pure::supervise::machine::Role;
use pure::unix::{Pid, Signal};
use sys::signal;

impl Supervisor<'_> {
    /// Pauses, resumes or kills a run, or signals its child `alone`. A paused command gives up the terminal, and takes it
    /// back when it resumes.
    pub(super) fn signal(&mut self, role: Role, run: Pid, signal: Signal, alone: bool) {
        let event = match signal {
            Signal::KILL => ChildEvent::Killed,
            _ if alone => ChildEvent::Signalled(signal),
            Signal::STOP => ChildEvent::Paused,
            _ => ChildEvent::Resumed,
        };
        if let (ChildEvent::Resumed, Some(terminal)) = (event, &mut self.terminal) {
            terminal.lend_again(run);
        }
        self.signal_run(role, run, signal, alone, event);
        if let (ChildEvent::Paused, Some(terminal)) = (event, &mut self.terminal) {
            terminal.take_back(Some(run));
        }
    }

    /// Suspends dmon after its command; resumes the command when dmon is resumed.
    pub(super) fn suspend(&mut self, cmd: Option<Pid>, group_signal: Option<Signal>) {
        if let Some(group) = cmd {
            // If it is stopped already, SIGCONT discards this signal.
            self.signals.send(Role::Cmd, group, Signal::TSTP);
        }
        if let Some(terminal) = &mut self.terminal {
            terminal.suspend(cmd, group_signal);
        }
        if let Some(group) = cmd {
            self.signals.send(Role::Cmd, group, Signal::CONT);
        }
    }

    /// Lends the terminal to the command, and resumes it. Returns false if dmon is in the background.
    pub(super) fn lend(&mut self, group: Pid) -> bool {
        let lent = self.terminal.as_mut().is_some_and(|terminal| terminal.lend(group));
        if lent {
            self.signals.send(Role::Cmd, group, Signal::CONT);
        }
        lent
    }

    /// Takes the terminal back from the command, and resumes the rest of dmon's process group. Returns false if dmon is
    /// in the background.
    pub(super) fn take_back(&mut self, cmd: Option<Pid>) -> bool {
        let taken = self.terminal.as_mut().is_some_and(|terminal| terminal.take_back(cmd));
        if taken {
            let _ = signal::killpg_self(Signal::CONT);
        }
        taken
    }
}

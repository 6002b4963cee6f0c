//! Job control: who needs the terminal, and when dmon suspends itself.
//!
//! `event.rs` and `action.rs` call it. The terminal sends its signals to the foreground process group. That is the
//! command's while it has the terminal, otherwise dmon's own, which contains the rest of a pipeline.
//!
//! * A command that SIGTTIN or SIGTTOU stopped needs the terminal: dmon lends it. If another process of dmon's own group
//!   needs it, the kernel sends these signals to dmon, too: dmon takes it back. The supervisor reports whether that was
//!   possible. In the background it is not, as the terminal belongs to the shell.
//! * Another stop signal (Ctrl-Z), to either of them, suspends both.

use super::state::{ChildState, PendingSignals};
use super::{Action, Machine};
use crate::time::Instant;
use crate::unix::{Pid, Signal};
use core::ops::ControlFlow::{self, Break, Continue};

/// What a process group needs after a stop signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(test, derive(Hash))]
enum Need {
    #[default]
    Nothing,
    /// The terminal.
    Terminal,
    /// That dmon suspends itself: by this signal, if others of its process group have not received one.
    Suspension(Signal),
}

impl Need {
    /// Returns what this signal means for the process group that received it.
    fn of(signal: Signal) -> Self {
        match signal {
            Signal::TTIN | Signal::TTOU => Self::Terminal,
            _ => Self::Suspension(Signal::TSTP),
        }
    }

    /// Returns what is needed after the terminal was or was not available. SIGTTIN and not SIGTSTP: a dmon that runs
    /// this one lends it the terminal.
    const fn after(available: bool) -> Self {
        if available { Self::Nothing } else { Self::Suspension(Signal::TTIN) }
    }
}

/// The state of job control.
#[derive(Clone, Debug, Default)]
#[cfg_attr(test, derive(Hash))]
pub(super) struct JobControl {
    /// For the command, which a signal has stopped.
    cmd: Need,
    /// For dmon's own process group.
    own: Need,
    /// Signals of the terminal to dmon that are for the command's process group.
    pass_on: PendingSignals,
}

impl JobControl {
    /// Handles a signal to dmon. Those of job control are for dmon's whole process group.
    pub(super) fn on_signal(&mut self, signal: Signal) {
        match signal {
            Signal::WINCH => self.pass_on(signal),
            Signal::TTIN | Signal::TTOU if self.own != Need::Nothing => {}
            Signal::TSTP | Signal::TTIN | Signal::TTOU => self.own = Need::of(signal),
            _ => {}
        }
    }

    /// Stores a signal until it is passed on to the command's process group.
    pub(super) fn pass_on(&mut self, signal: Signal) {
        self.pass_on.add(signal);
    }

    /// Handles the stop of the running command by this signal.
    pub(super) fn on_cmd_stopped(&mut self, signal: Signal) {
        self.cmd = Need::of(signal);
    }

    /// Handles the result of [`Action::Lend`].
    pub(super) const fn on_lent(&mut self, lent: bool) {
        self.cmd = Need::after(lent);
    }

    /// Handles the result of [`Action::TakeBack`].
    pub(super) const fn on_taken_back(&mut self, taken: bool) {
        self.own = Need::after(taken);
    }
}

impl Machine<'_> {
    /// Does what the stop signals require.
    pub(super) fn drive_job_control(&mut self, now: Instant) -> ControlFlow<Action> {
        let cmd = self.running_cmd();
        if self.stopping.is_some() && matches!(self.cmd, ChildState::Up { .. }) {
            // The stop sequence comes first. It resumes the command.
            return Continue(());
        }
        let job = &mut self.job_control;
        if cmd.is_none() {
            (job.cmd, job.pass_on) = (Need::Nothing, PendingSignals::default());
        }
        match (cmd, job.cmd, job.own) {
            (_, _, Need::Suspension(_)) => self.suspend(cmd, None, now),
            (_, Need::Suspension(signal), _) => self.suspend(cmd, Some(signal), now),
            (Some(group), Need::Terminal, _) => Break(Action::Lend { group }),
            (_, _, Need::Terminal) => Break(Action::TakeBack { cmd: self.cmd.pid() }),
            (Some(group), ..) => match job.pass_on.take() {
                Some(signal) => Break(Action::PassOn { group, signal }),
                None => Continue(()),
            },
            (None, ..) => Continue(()),
        }
    }

    /// Suspends the job. That does all that the stop signals so far require.
    fn suspend(
        &mut self,
        cmd: Option<Pid>,
        signal: Option<Signal>,
        now: Instant,
    ) -> ControlFlow<Action> {
        self.job_control = JobControl { pass_on: self.job_control.pass_on, ..Default::default() };
        self.set_deadline_suspended(true, now);
        Break(Action::Suspend { cmd, signal })
    }
}

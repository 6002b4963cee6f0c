//! The command of `--finish`: when it runs, and what it is told about the run that it follows.
//!
//! `event.rs` and `action.rs` call it. While the finish command runs, it takes the place of the command, as a child whose
//! stop sequence has begun: it gets no other signal than SIGKILL, and neither the load nor a restart concerns it.

use super::state::ChildState;
use super::{Machine, Role};
use crate::supervise::policy::DEFAULT_KILL_AFTER;
use crate::time::Instant;
use crate::unix::{Pid, WaitStatus};

/// The state of the finish command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) enum Finish {
    /// It has ended, or none is to be run.
    Done,
    /// Start it at this time, or later, when no process of the run is left.
    Due(Instant),
    Running {
        /// Earliest time of the command's next start.
        not_before: Instant,
    },
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct RunEnd {
    /// The exit status, or 128 + N for signal N.
    pub status: u8,
    pub why: Why,
}

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Why {
    /// The command exited.
    Exit,
    /// A signal killed it that dmon had not sent.
    Signal,
    /// It exceeded `--timeout` or `--alive`.
    Timeout,
    /// dmon stopped it for another reason.
    Stop,
}

impl RunEnd {
    /// The state before the first run.
    pub const NONE: Self = Self { status: 0, why: Why::Exit };

    pub(super) const fn new(status: WaitStatus, stopped: bool, timed_out: bool) -> Self {
        let why = match (timed_out, stopped, status.0 & 0x7f) {
            (true, ..) => Why::Timeout,
            (false, true, _) => Why::Stop,
            (false, false, 0) => Why::Exit,
            (false, false, _) => Why::Signal,
        };
        Self { status: status.code(), why }
    }
}

impl Machine<'_> {
    /// Returns how the last run ended.
    #[must_use]
    pub const fn run_end(&self) -> RunEnd {
        self.run_end
    }

    /// Returns whose state `cmd` is.
    pub(super) const fn cmd_role(&self) -> Role {
        match self.finish {
            Finish::Running { .. } => Role::Finish,
            Finish::Done | Finish::Due(_) => Role::Cmd,
        }
    }

    /// Handles the end of the finish command. Returns the earliest time of the command's next start.
    pub(super) fn on_finish_ended(&mut self, now: Instant) -> Instant {
        match core::mem::replace(&mut self.finish, Finish::Done) {
            Finish::Running { not_before } => not_before,
            Finish::Done | Finish::Due(_) => now,
        }
    }

    /// Handles the start of the finish command. Even without a limit for the command it has one: the next run waits for it.
    pub(super) fn on_finish_started(&mut self, pid: Pid, now: Instant) {
        if let ChildState::Down { not_before } = self.cmd {
            self.finish = Finish::Running { not_before };
        }
        self.report_daemon_at = None;
        let limit = self.policy.kill_after.unwrap_or(DEFAULT_KILL_AFTER);
        self.cmd = ChildState::Stopping {
            timed_out: false,
            pid,
            started_at: now,
            killed: false,
            next_step: Some(now.add(limit)),
        };
    }
}

//! The machine is asked: the order of the moment, from what is and what is wanted.

use super::{
    Action, ChildState, DrainRestart, KILL_WARN_AFTER, LeftoverState, Machine, Role, RunDeadline,
    StopReason, Sweep, SweepMode,
};
use crate::exit::Exit;
use crate::time::{Instant, earliest};
use crate::unix::{Signal, WaitStatus};
use core::ops::ControlFlow::{self, Break, Continue};

/// An order, or the moment at which there may be one.
type SocketType = ControlFlow<Action, Option<Instant>>;

impl Machine<'_> {
    /// The order of the moment.
    #[inline(never)]
    pub fn next_action(&mut self, now: Instant) -> Action {
        match self.decide(now) {
            Break(action) => action,
            Continue(deadline) => Action::Wait(deadline),
        }
    }

    fn decide(&mut self, now: Instant) -> SocketType {
        let load = self.drive_load(now)?;
        let log = self.drive_log(now)?;
        let cmd = self.drive_cmd(now)?;
        self.drain_and_quit(now)?;
        Continue(earliest(load, earliest(log, cmd)))
    }

    fn drive_load(&self, now: Instant) -> SocketType {
        match self.policy.thresholds {
            [None, None, None, None] => Continue(None),
            _ if self.stopping.is_some() => Continue(None),
            _ if now >= self.next_sample => Break(Action::SampleLoad),
            _ => Continue(Some(self.next_sample)),
        }
    }

    fn drive_cmd(&mut self, now: Instant) -> SocketType {
        let high = self.above.contains(&true);
        if let (Some(pid), true) = (self.running(), core::mem::take(&mut self.suspended)) {
            self.hold(true, now);
            return Break(Action::Suspend(pid));
        }
        match &mut self.cmd {
            // The logger first, so that the first line has a reader.
            ChildState::Down { .. } if self.stopping.is_some() || !self.log_started_once => {
                Continue(None)
            }
            ChildState::Down { not_before } => start(Role::Cmd, *not_before, now),
            ChildState::Up { .. } if self.stopping.is_some() => self.stop(Role::Cmd, false, now),
            ChildState::Up { limit: RunDeadline::At(end), .. } if *end <= now => {
                self.stop(Role::Cmd, true, now)
            }
            ChildState::Up { pid, limit, paused, .. } => {
                if *paused != high {
                    *paused = high;
                    *limit = limit.paused(high, now);
                    let signal = if high { Signal::STOP } else { Signal::CONT };
                    return Break(Action::SignalGroup(Role::Cmd, *pid, signal));
                }
                if let Some(signal) = self.for_cmd.take() {
                    return Break(Action::SignalChild(Role::Cmd, *pid, signal));
                }
                match limit {
                    RunDeadline::At(end) => Continue(Some(*end)),
                    RunDeadline::None | RunDeadline::Paused(_) => Continue(None),
                }
            }
            ChildState::Stopping { .. } | ChildState::Killing { .. } | ChildState::Leftovers(_) => {
                self.continue_stop(Role::Cmd, now)
            }
        }
    }

    fn drive_log(&mut self, now: Instant) -> SocketType {
        match (&self.log, self.drain_until) {
            (ChildState::Down { .. }, None) if !self.policy.logged || self.is_over() => {
                Continue(None)
            }
            (ChildState::Down { .. }, Some(_)) if self.drain_restart != DrainRestart::Pending => {
                Continue(None)
            }
            (ChildState::Down { not_before }, _) => start(Role::Log, *not_before, now),
            (ChildState::Up { .. }, Some(end)) if end <= now => self.stop(Role::Log, false, now),
            (ChildState::Up { pid, .. }, end) => match self.for_log.take() {
                Some(signal) => Break(Action::SignalChild(Role::Log, *pid, signal)),
                None => Continue(end),
            },
            (
                ChildState::Stopping { .. } | ChildState::Killing { .. } | ChildState::Leftovers(_),
                _,
            ) => self.continue_stop(Role::Log, now),
        }
    }

    /// There is nothing to log any more and never will be.
    const fn is_over(&self) -> bool {
        matches!(self.stopping, Some(StopReason::StartFailed(_)))
    }

    /// The last steps, once the command is gone: end of input, the logger's end, ours.
    fn drain_and_quit(&mut self, now: Instant) -> ControlFlow<Action> {
        let (Some(reason), ChildState::Down { .. }) = (self.stopping, self.cmd) else {
            return Continue(());
        };
        if self.policy.logged && self.drain_until.is_none() {
            self.drain_until = Some(now.add(self.policy.drain));
            return Break(Action::ClosePipe);
        }
        match (self.log, self.drain_restart) {
            (ChildState::Down { .. }, DrainRestart::Available | DrainRestart::Used) => {
                Break(Action::CountUnread)
            }
            (ChildState::Down { .. }, DrainRestart::StillUnread(bytes)) => {
                self.drain_restart = DrainRestart::Done;
                Break(Action::ReportUnread(bytes))
            }
            (ChildState::Down { .. }, DrainRestart::Done) => Break(Action::Exit(self.exit(reason))),
            _ => Continue(()),
        }
    }

    fn exit(&self, reason: StopReason) -> Exit {
        match reason {
            StopReason::Succeeded => Exit::SUCCESS,
            StopReason::RestartLimit(exit) | StopReason::StartFailed(exit) => exit,
            StopReason::Requested => Exit(self.last.map_or(0, WaitStatus::code)),
        }
    }

    /// Begins the stop sequence of a child that is up.
    fn stop(&mut self, role: Role, timed_out: bool, now: Instant) -> SocketType {
        let kill_at = self.kill_at(role, now);
        let state = self.state(role);
        let ChildState::Up { pid, started_at, .. } = *state else {
            return Continue(None);
        };
        *state = ChildState::Stopping { pid, started_at, timed_out, kill_at };
        Break(Action::Stop(role, pid, timed_out))
    }

    /// The rest of the stop sequence, and the end of what the run has left behind.
    fn continue_stop(&mut self, role: Role, now: Instant) -> SocketType {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let drains = role == Role::Log && self.drain_until.is_some_and(|end| end > now);
        let all = role == Role::Log && self.drain_until.is_some();
        let state = self.state(role);
        match *state {
            ChildState::Stopping { pid, started_at, timed_out, kill_at } if due(kill_at) => {
                *state = ChildState::Killing {
                    pid,
                    started_at,
                    timed_out,
                    warn_at: Some(now.add(KILL_WARN_AFTER)),
                };
                if role == Role::Log && self.drain_restart == DrainRestart::Available {
                    self.drain_restart = DrainRestart::Used;
                }
                Break(Action::SignalGroup(role, pid, Signal::KILL))
            }
            ChildState::Stopping { kill_at, .. } => Continue(kill_at),
            ChildState::Killing { pid, started_at, timed_out, warn_at } if due(warn_at) => {
                *state = ChildState::Killing { pid, started_at, timed_out, warn_at: None };
                Break(Action::WarnUnkillable(pid))
            }
            ChildState::Killing { warn_at, .. } => Continue(warn_at),
            ChildState::Leftovers(left) if due(left.warn_at) => {
                *state =
                    ChildState::Leftovers(LeftoverState { warn_at: Some(Instant::NEVER), ..left });
                Break(Action::WarnUnkillable(left.group))
            }
            ChildState::Leftovers(left) if left.next_sweep <= now => {
                let LeftoverState { group, signalled, kill_at, warn_at, .. } = left;
                let how = match drains {
                    // The last of a pipeline may still have something to write.
                    true => SweepMode::Check,
                    false if due(kill_at) => SweepMode::Kill,
                    false => SweepMode::Stop,
                };
                if how == SweepMode::Kill && warn_at.is_none() {
                    let warn_at = Some(now.add(KILL_WARN_AFTER));
                    *state = ChildState::Leftovers(LeftoverState { warn_at, ..left });
                }
                Break(Action::Sweep(Sweep { role, group, signalled, all, how }))
            }
            ChildState::Leftovers(LeftoverState { next_sweep, warn_at, .. }) => {
                Continue(earliest(Some(next_sweep), warn_at))
            }
            ChildState::Down { .. } | ChildState::Up { .. } => Continue(None),
        }
    }
}

/// A child that is down and wanted: its start, or the wait for it.
fn start(role: Role, not_before: Instant, now: Instant) -> SocketType {
    if not_before <= now { Break(Action::Start(role)) } else { Continue(Some(not_before)) }
}

impl RunDeadline {
    /// The same limit once the run is paused, or goes on.
    pub(super) const fn paused(self, paused: bool, now: Instant) -> Self {
        match self {
            Self::At(end) if paused => Self::Paused(now.until(end)),
            Self::Paused(left) if !paused => Self::At(now.add(left)),
            other => other,
        }
    }
}

//! Chooses the next action by comparing the current state with the desired one.
//!
//! The supervisor calls [`Machine::next_action`] after each event and each action, until the answer is to wait.

use super::finish::Finish;
use super::state::{ChildState, DrainRestart, LeftoverState, StopReason};
use super::{
    Action, KILL_WARN_AFTER, LOG_CHECK_INTERVAL, LOG_CHECK_TIME, Machine, Role, Sweep, SweepMode,
};
use crate::exit::Exit;
use crate::supervise::kill_mode::KillMode;
use crate::time::{Instant, earliest};
use crate::unix::{Pid, Signal};
use core::ops::ControlFlow::{self, Break, Continue};

/// `Break` with an action to do now, or `Continue` with the time at which there may be one. It lets `?` return the
/// first action that any part of the machine requires.
pub(super) type Step = ControlFlow<Action, Option<Instant>>;

impl Machine<'_> {
    /// Returns what to do now.
    #[inline(never)]
    pub fn next_action(&mut self, now: Instant) -> Action {
        match self.decide(now) {
            Break(action) => action,
            Continue(deadline) => Action::Wait(deadline),
        }
    }

    /// Asks each part of the machine in turn.
    fn decide(&mut self, now: Instant) -> Step {
        let hangup = self.drive_hangup(false, now)?;
        let load = self.drive_load(now)?;
        let log = self.drive_log(now)?;
        self.drive_job_control(now)?;
        let cmd = self.drive_cmd(now)?;
        self.drain_and_exit(now)?;
        Continue(earliest(earliest(hangup, load), earliest(log, cmd)))
    }

    fn drive_load(&self, now: Instant) -> Step {
        match self.next_sample {
            _ if self.stopping.is_some() => Continue(None),
            Some(at) if at <= now => {
                let paused = match self.cmd {
                    ChildState::Up { pid, paused: true, .. } => Some(pid),
                    ChildState::Up { .. }
                    | ChildState::Down { .. }
                    | ChildState::Stopping { .. }
                    | ChildState::Leftovers(_) => None,
                };
                Break(Action::SampleLoad { paused })
            }
            at => Continue(at),
        }
    }

    fn drive_cmd(&mut self, now: Instant) -> Step {
        if let (ChildState::Down { .. }, Finish::Due(at)) = (&self.cmd, self.finish) {
            return start(Role::Finish, at, now);
        }
        let pause = self.paused_by_signal || self.load_is_high;
        let limit = self.run_limit();
        match &mut self.cmd {
            // The logger starts first, so that the first line has a reader.
            ChildState::Down { .. } if self.stopping.is_some() || !self.log_started_once => {
                Continue(None)
            }
            ChildState::Down { not_before } if *not_before > now => Continue(Some(*not_before)),
            ChildState::Down { .. } => match self.drive_hangup(true, now)? {
                None => {
                    self.cmd_started_at = now;
                    Break(Action::Start(Role::Cmd))
                }
                later => Continue(later),
            },
            ChildState::Up { .. } if self.restarting || self.stopping.is_some() => {
                self.stop(Role::Cmd, false, now)
            }
            ChildState::Up { pid, clock, paused, .. } => {
                let end = clock.at(limit);
                if end <= now || self.alive.is_hung() {
                    return self.stop(Role::Cmd, true, now);
                }
                if *paused != pause {
                    *paused = pause;
                    *clock = clock.with_paused(pause, now);
                    self.alive.set_paused(pause, self.policy.alive, now);
                    let signal = if pause { Signal::STOP } else { Signal::CONT };
                    return Break(signal_run(Role::Cmd, *pid, signal, false));
                }
                if let Some(signal) = self.forward_to_cmd.take() {
                    return Break(signal_run(Role::Cmd, *pid, signal, true));
                }
                let group = *pid;
                let look = self.alive.next_look;
                if look <= now {
                    return Break(Action::CheckAlive);
                }
                let sentinel = self.drive_sentinel(group, now)?;
                let next = Some(end.min(look)).filter(|at| *at < Instant::NEVER);
                Continue(earliest(next, sentinel))
            }
            ChildState::Leftovers(leftovers)
                if leftovers.next_sweep > now && is_due(self.report_daemon_at, now) =>
            {
                leftovers.next_sweep = now;
                self.report_daemon_at = None;
                self.daemon_reported = true;
                Break(Action::ReportDaemon)
            }
            ChildState::Stopping { .. } | ChildState::Leftovers(_) => {
                self.continue_stop(self.cmd_role(), now)
            }
        }
    }

    fn drive_log(&mut self, now: Instant) -> Step {
        match (&self.log, self.drain_until) {
            (ChildState::Down { .. }, None) if !self.policy.logged || self.cmd_never_ran() => {
                Continue(None)
            }
            (ChildState::Down { .. }, Some(_)) if self.drain_restart != DrainRestart::Pending => {
                Continue(None)
            }
            (ChildState::Down { not_before }, _) => start(Role::Log, *not_before, now),
            (ChildState::Up { .. }, Some(end)) if end <= now => self.stop(Role::Log, false, now),
            (ChildState::Up { pid, started_at, .. }, end) => {
                let (pid, started_at) = (*pid, *started_at);
                if let Some(signal) = self.forward_to_log.take() {
                    return Break(signal_run(Role::Log, pid, signal, true));
                }
                match self.next_log_check {
                    Some(next) if self.is_started() && self.stopping.is_none() => {
                        self.check_log(pid, started_at, next, now)
                    }
                    Some(_) | None => Continue(end),
                }
            }
            (ChildState::Stopping { .. } | ChildState::Leftovers(_), _) => {
                self.continue_stop(Role::Log, now)
            }
        }
    }

    /// Looks whether a daemon's first logger works.
    fn check_log(&mut self, pid: Pid, started_at: Instant, next: Instant, now: Instant) -> Step {
        if next > now {
            return Continue(Some(next));
        }
        let is_late = started_at.until(now) >= LOG_CHECK_TIME;
        self.next_log_check = if is_late { None } else { Some(now.add(LOG_CHECK_INTERVAL)) };
        if is_late { Continue(None) } else { Break(Action::CheckLog(pid)) }
    }

    /// Reports whether a first start failed. Then there is nothing to log.
    const fn cmd_never_ran(&self) -> bool {
        matches!(self.stopping, Some(StopReason::StartFailed(_)))
    }

    /// Takes the last steps once the command is down: close the pipe, wait for the logger, exit.
    fn drain_and_exit(&mut self, now: Instant) -> ControlFlow<Action> {
        let (Some(reason), ChildState::Down { .. }, Finish::Done) =
            (self.stopping, self.cmd, self.finish)
        else {
            return Continue(());
        };
        if self.policy.logged && self.drain_until.is_none() {
            self.drain_until = Some(now.add(self.policy.drain));
            return Break(Action::ClosePipe);
        }
        let ChildState::Down { .. } = self.log else {
            return Continue(());
        };
        match self.drain_restart {
            DrainRestart::Available | DrainRestart::Used => Break(Action::CountUnread),
            DrainRestart::Pending => Continue(()),
            DrainRestart::StillUnread(bytes) => {
                self.drain_restart = DrainRestart::Done;
                Break(Action::ReportUnread { bytes })
            }
            DrainRestart::Done => Break(Action::Exit(self.exit_status(reason))),
        }
    }

    fn exit_status(&self, reason: StopReason) -> Exit {
        match reason {
            StopReason::Succeeded => Exit::SUCCESS,
            StopReason::RestartLimit(exit) | StopReason::StartFailed(exit) => exit,
            StopReason::Requested => self.last_status,
        }
    }

    /// Starts the stop sequence of a child that is up.
    fn stop(&mut self, role: Role, timed_out: bool, now: Instant) -> Step {
        let next_step = self.kill_at(role, now);
        let state = self.state(role);
        let ChildState::Up { pid, started_at, .. } = *state else {
            return Continue(None);
        };
        *state = ChildState::Stopping { timed_out, pid, started_at, killed: false, next_step };
        let alone = self.kill_mode(role) != KillMode::Group;
        Break(Action::Stop { role, group: pid, timed_out, alone })
    }

    /// Continues the stop sequence, then stops the leftover processes.
    fn continue_stop(&mut self, role: Role, now: Instant) -> Step {
        let kill_mode = self.kill_mode(role);
        match self.state(role) {
            ChildState::Stopping { pid, killed, next_step, .. } if is_due(*next_step, now) => {
                let pid = *pid;
                if *killed {
                    *next_step = None;
                    return Break(Action::WarnUnkillable(pid));
                }
                (*killed, *next_step) = (true, Some(now.add(KILL_WARN_AFTER)));
                if role == Role::Log && self.drain_restart == DrainRestart::Available {
                    self.drain_restart = DrainRestart::Used;
                }
                Break(signal_run(role, pid, Signal::KILL, kill_mode == KillMode::Process))
            }
            ChildState::Stopping { next_step, .. } => Continue(*next_step),
            ChildState::Leftovers(leftovers) if is_due(leftovers.warn_at, now) => {
                leftovers.warn_at = Some(Instant::NEVER);
                Break(Action::WarnUnkillable(leftovers.group))
            }
            ChildState::Leftovers(leftovers) if leftovers.next_sweep > now => {
                Continue(earliest(Some(leftovers.next_sweep), leftovers.warn_at))
            }
            ChildState::Leftovers(_) => self.sweep(role, kill_mode, now),
            ChildState::Down { .. } | ChildState::Up { .. } => Continue(None),
        }
    }

    fn sweep(&mut self, role: Role, kill_mode: KillMode, now: Instant) -> Step {
        let may_daemonize = role == Role::Cmd && self.report_daemon_at.is_some();
        // If the log command is a pipeline, its last process may still be writing: do not signal it yet. The command has
        // no leftover processes during the drain.
        let spares = may_daemonize || self.drain_until.is_some_and(|end| end > now);
        let all_children = self.drain_until.is_some() && self.policy.kill_mode != KillMode::Process;
        let ChildState::Leftovers(leftovers) = self.state(role) else {
            return Continue(None);
        };
        let LeftoverState { group, signalled, kill_at, .. } = *leftovers;
        let mode = match kill_mode {
            KillMode::Process => SweepMode::Resume,
            _ if spares => SweepMode::Check,
            _ if is_due(kill_at, now) => SweepMode::Kill,
            KillMode::Mixed if signalled => SweepMode::Check,
            KillMode::Mixed | KillMode::Group => SweepMode::Stop,
        };
        if mode == SweepMode::Kill && leftovers.warn_at.is_none() {
            leftovers.warn_at = Some(now.add(KILL_WARN_AFTER));
        }
        Break(Action::Sweep(Sweep { role, group, signalled, all_children, mode }))
    }
}

const fn signal_run(role: Role, run: Pid, signal: Signal, alone: bool) -> Action {
    Action::Signal { role, run, signal, alone }
}

fn is_due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

/// Starts a child that is down, or waits until it may start.
fn start(role: Role, not_before: Instant, now: Instant) -> Step {
    if not_before <= now { Break(Action::Start(role)) } else { Continue(Some(not_before)) }
}

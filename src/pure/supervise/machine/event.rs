//! The machine is told: each fact changes what is, or what is wanted.

use super::{
    ChildState, DrainRestart, Event, LeftoverState, MIN_START_INTERVAL, Machine, Role, RunDeadline,
    SAMPLE_INTERVAL, SWEEP_MAX, SWEEP_MIN, Signals, StopReason,
};
use crate::exit::Exit;
use crate::supervise::load;
use crate::time::Instant;
use crate::unix::{Pid, Signal, WaitStatus};

impl Machine<'_> {
    /// Takes in a fact.
    pub fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Started(role, pid) => self.started(role, pid, now),
            Event::StartDeferred(role) => {
                *self.state(role) = ChildState::Down { not_before: now.add(MIN_START_INTERVAL) };
                if role == Role::Log && self.drain_until.is_some_and(|end| end <= now) {
                    self.drain_restart = DrainRestart::Used;
                }
            }
            Event::StartFailed(role, exit) => self.unstarted(role, exit, now),
            Event::Exited(pid, status) => self.ended(pid, status, now),
            Event::SweepDone(role, left) => self.swept(role, left, now),
            Event::Unread(bytes) => {
                self.drain_restart = match self.drain_restart {
                    _ if bytes == 0 => DrainRestart::Done,
                    DrainRestart::Available => DrainRestart::Pending,
                    _ => DrainRestart::StillUnread(bytes),
                }
            }
            Event::Suspended(child) => {
                if let (Some(pid), true) = (self.running(), self.policy.terminal) {
                    self.suspended |= pid == child;
                }
            }
            Event::Resumed => self.hold(false, now),
            Event::Signal(signal @ (Signal::TERM | Signal::INT)) => {
                self.interrupted |= self.policy.terminal && signal == Signal::INT;
                self.on_stop_signal(now);
            }
            Event::Signal(signal) => self.forward(signal),
            Event::LoadSample(sample) => {
                self.next_sample = now.add(SAMPLE_INTERVAL);
                load::update(&self.policy.thresholds, &sample, &mut self.above);
            }
        }
    }

    /// Lets the command's time stand still, or go on.
    pub(super) const fn hold(&mut self, still: bool, now: Instant) {
        if let ChildState::Up { limit, .. } = &mut self.cmd {
            *limit = limit.paused(still, now);
        }
    }

    fn started(&mut self, role: Role, pid: Pid, now: Instant) {
        let limit = match (role, self.policy.timeout) {
            (Role::Cmd, Some(time)) => RunDeadline::At(now.add(time)),
            _ => RunDeadline::None,
        };
        *self.state(role) = ChildState::Up { pid, started_at: now, limit, paused: false };
        match role {
            Role::Cmd => self.cmd_started_once = true,
            Role::Log => self.log_started_once = true,
        }
        if role == Role::Log && self.drain_until.is_some() {
            self.drain_restart = DrainRestart::Used;
            // However little time was given: enough to begin.
            self.drain_until = Some(now.add(self.policy.drain.max(MIN_START_INTERVAL)));
        }
    }

    fn unstarted(&mut self, role: Role, exit: Exit, now: Instant) {
        *self.state(role) = ChildState::Down { not_before: now.add(MIN_START_INTERVAL) };
        match role {
            Role::Cmd if self.cmd_started_once => {
                let not_before = self.on_run_ended(WaitStatus::exited(exit.0), false, now, now);
                self.cmd = ChildState::Down { not_before };
            }
            Role::Log if self.log_started_once => {
                if self.drain_until.is_some() {
                    self.drain_restart = DrainRestart::Used;
                }
            }
            Role::Cmd | Role::Log => {
                self.stopping = self.stopping.or(Some(StopReason::StartFailed(exit)))
            }
        }
    }

    /// TERM or INT: the first stops the command, the next one kills it; in the drain each ends the next
    /// thing that is waited for.
    fn on_stop_signal(&mut self, now: Instant) {
        self.force_stop = self.stop_requested;
        self.stop_requested = true;
        self.stopping = self.stopping.or(Some(StopReason::Requested));
        if self.drain_until.is_some_and(|end| end > now) {
            self.drain_until = Some(now);
        } else if self.drain_until.is_some() {
            self.log.end_grace(now);
        }
        if self.force_stop {
            self.cmd.end_grace(now);
        }
        if let ChildState::Leftovers(left) = &mut self.log {
            left.next_sweep = now;
        }
    }

    fn ended(&mut self, dead: Pid, status: WaitStatus, now: Instant) {
        for role in [Role::Cmd, Role::Log] {
            let (started_at, timed_out, signalled) = match self.state(role) {
                ChildState::Up { pid, started_at, .. } if *pid == dead => {
                    (*started_at, false, false)
                }
                ChildState::Stopping { pid, started_at, timed_out, .. }
                | ChildState::Killing { pid, started_at, timed_out, .. }
                    if *pid == dead =>
                {
                    (*started_at, *timed_out, true)
                }
                ChildState::Leftovers(left) => {
                    // Perhaps the last of them, perhaps the parent of more.
                    left.next_sweep = now;
                    left.sweep_interval = SWEEP_MIN;
                    continue;
                }
                _ => continue,
            };
            let not_before = match role {
                Role::Cmd => self.on_run_ended(status, timed_out, started_at, now),
                Role::Log => started_at.add(MIN_START_INTERVAL),
            };
            let stop_at = match (role, self.drain_until) {
                (Role::Log, Some(end)) => end.max(now),
                _ => now,
            };
            let kill_at = self.kill_at(role, stop_at);
            *self.signals(role) = Signals::default();
            *self.state(role) = ChildState::Leftovers(LeftoverState {
                group: dead,
                signalled,
                kill_at,
                warn_at: None,
                next_sweep: now,
                sweep_interval: SWEEP_MIN,
                not_before,
            });
        }
    }

    fn swept(&mut self, role: Role, any: bool, now: Instant) {
        let drain_until = self.drain_until.filter(|_| role == Role::Log);
        let ChildState::Leftovers(left) = self.state(role) else {
            return;
        };
        if any {
            // The next look, and none too late to end the drain or to kill.
            let next_sweep = now.add(left.sweep_interval);
            let marks = [left.kill_at, drain_until].into_iter().flatten().filter(|at| *at > now);
            left.next_sweep = marks.fold(next_sweep, Instant::min);
            left.sweep_interval = left.sweep_interval.double().min(SWEEP_MAX);
        } else {
            *self.state(role) = ChildState::Down { not_before: left.not_before };
        }
    }

    /// A run of the command is over: whether there is another, and when at the soonest.
    fn on_run_ended(
        &mut self,
        status: WaitStatus,
        timed_out: bool,
        started_at: Instant,
        now: Instant,
    ) -> Instant {
        let well = status.success() && !timed_out;
        self.last = Some(status);
        self.suspended = false;
        if self.policy.terminal && status.killed_by(Signal::INT) && self.stopping.is_none() {
            self.interrupted = true;
            self.stopping = Some(StopReason::Requested);
        }
        if self.stopping.is_none() {
            if self.policy.once && well {
                self.stopping = Some(StopReason::Succeeded);
            } else if !self.restart_history.record_restart(self.policy, now) {
                let exit = if timed_out { Exit::TIMED_OUT } else { Exit(status.code()) };
                self.stopping = Some(StopReason::RestartLimit(exit));
            }
        }
        self.restart_history.next_start(self.policy, well, started_at, now)
    }

    const fn signals(&mut self, role: Role) -> &mut Signals {
        match role {
            Role::Cmd => &mut self.for_cmd,
            Role::Log => &mut self.for_log,
        }
    }

    /// The six signals that may be passed on.
    fn forward(&mut self, signal: Signal) {
        const PASSED: [Signal; 6] =
            [Signal::CONT, Signal::ALRM, Signal::QUIT, Signal::USR1, Signal::USR2, Signal::HUP];
        if !PASSED.contains(&signal) {
            return;
        }
        // CONT would undo the pause that the load has brought.
        let undoes =
            signal == Signal::CONT && matches!(self.cmd, ChildState::Up { paused: true, .. });
        if self.policy.forward_cmd && matches!(self.cmd, ChildState::Up { .. }) && !undoes {
            self.for_cmd.add(signal);
        }
        if self.policy.forward_log && matches!(self.log, ChildState::Up { .. }) {
            self.for_log.add(signal);
        }
    }
}

impl ChildState {
    /// No more grace: KILL now, if the stop signal was sent; once more, if one was in vain, as by a lack of rights.
    const fn end_grace(&mut self, now: Instant) {
        match *self {
            Self::Stopping { pid, started_at, timed_out, .. }
            | Self::Killing { pid, started_at, timed_out, .. } => {
                *self = Self::Stopping { pid, started_at, timed_out, kill_at: Some(now) };
            }
            Self::Leftovers(ref mut left) => {
                left.kill_at = Some(now);
                left.next_sweep = now;
            }
            Self::Down { .. } | Self::Up { .. } => {}
        }
    }
}

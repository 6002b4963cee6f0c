//! Handles events: each updates the current or the desired state.
//!
//! The supervisor calls [`Machine::handle`] with what it observed and with the results of its actions.

use super::finish::{Finish, RunEnd};
use super::interrupt::Interrupt;
use super::state::{ChildState, DrainRestart, LeftoverState, PendingSignals, RunClock, StopReason};
use super::{
    DAEMONIZE_TIME, Event, MAX_SWEEP_INTERVAL, MIN_START_INTERVAL, MIN_SWEEP_INTERVAL, Machine,
    Role, SAMPLE_INTERVAL, TAIL_TIME,
};
use crate::exit::Exit;
use crate::supervise::kill_mode::KillMode;
use crate::supervise::on_signal::SignalAction;
use crate::time::Instant;
use crate::unix::{Pid, Signal, WaitStatus};

impl Machine<'_> {
    /// Updates the state after `event`, which happened at or shortly before `now`.
    pub fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Started(Role::Finish, pid) => self.on_finish_started(pid, now),
            Event::StartDeferred(Role::Finish) => {
                self.finish = Finish::Due(now.add(MIN_START_INTERVAL));
            }
            Event::StartFailed(Role::Finish, _) => self.finish = Finish::Done,
            Event::Started(role, pid) => self.on_started(role, pid, now),
            Event::StartDeferred(role) => {
                *self.state(role) = ChildState::Down { not_before: now.add(MIN_START_INTERVAL) };
                self.check_before_start();
                if role == Role::Log && self.drain_until.is_some_and(|end| end <= now) {
                    self.drain_restart = DrainRestart::Used;
                }
            }
            Event::StartFailed(role, exit) => self.on_start_failed(role, exit, now),
            Event::Exited(pid, status) => self.on_exited(pid, status, now),
            Event::SweepDone { role, found } => self.on_sweep_done(role, found, now),
            Event::LogReads => self.next_log_check = None,
            Event::Unread { bytes } => {
                self.drain_restart = match self.drain_restart {
                    _ if bytes == 0 => DrainRestart::Done,
                    DrainRestart::Available => DrainRestart::Pending,
                    DrainRestart::Pending
                    | DrainRestart::Used
                    | DrainRestart::StillUnread(_)
                    | DrainRestart::Done => DrainRestart::StillUnread(bytes),
                }
            }
            Event::Suspended(child, signal) => {
                if self.policy.terminal && self.running_cmd() == Some(child) {
                    self.job_control.on_cmd_stopped(signal);
                }
            }
            Event::Lent(lent) => self.job_control.on_lent(lent),
            Event::TakenBack(taken) => self.job_control.on_taken_back(taken),
            Event::Resumed => self.set_deadline_suspended(false, now),
            Event::SentinelExited(signal) => {
                self.interrupt.on_sentinel_exited(signal, now);
                if signal == Some(Signal::HUP) {
                    self.on_hangup(now);
                }
            }
            Event::TerminalChecked { gone } => self.on_terminal_checked(gone, now),
            Event::Key(signal) if self.passes_on_key(now) => self.job_control.pass_on(signal),
            Event::Signal(signal @ (Signal::TERM | Signal::INT)) | Event::Key(signal) => {
                self.interrupted |= self.policy.terminal && signal == Signal::INT;
                self.on_stop_request(now);
            }
            Event::Signal(signal) => {
                if signal == Signal::HUP {
                    self.on_hangup(now);
                }
                let action = self.policy.on_signal.get(signal);
                if action.is_none() {
                    self.job_control.on_signal(signal);
                }
                self.forward(signal, action);
                self.act(action);
            }
            Event::AliveChecked { changed } => {
                self.alive.on_look(changed, self.policy.alive, now);
            }
            Event::Random(number) => self.restart_history.random = number,
            Event::Ready => self.unready &= !matches!(self.cmd, ChildState::Up { .. }),
            Event::LoadSample { high } => {
                self.next_sample = Some(now.add(SAMPLE_INTERVAL));
                self.load_is_high = high;
            }
        }
    }

    /// Stops the clock of the command's `--timeout` while dmon is suspended, and starts that of `--alive` again.
    pub(super) fn set_deadline_suspended(&mut self, suspended: bool, now: Instant) {
        if let ChildState::Up { clock, paused, .. } = &mut self.cmd {
            let paused = suspended || *paused;
            *clock = clock.with_paused(paused, now);
            self.alive.set_paused(paused, self.policy.alive, now);
        }
    }

    fn on_started(&mut self, role: Role, pid: Pid, now: Instant) {
        let clock = RunClock::Running(now);
        *self.state(role) = ChildState::Up { pid, started_at: now, clock, paused: false };
        match role {
            Role::Cmd => {
                self.cmd_started_once = true;
                self.alive.set_paused(false, self.policy.alive, now);
                self.interrupt = Interrupt::new_run(self.policy.terminal, now);
            }
            Role::Log | Role::Finish => {
                if self.policy.daemon && !self.log_started_once {
                    self.next_log_check = Some(now);
                }
                self.log_started_once = true;
            }
        }
        if role == Role::Log && self.drain_until.is_some() {
            self.drain_restart = DrainRestart::Used;
            // Even with a short `--drain`, the logger needs time to start and to read.
            self.drain_until = Some(now.add(self.policy.drain.max(MIN_START_INTERVAL)));
        }
    }

    fn on_start_failed(&mut self, role: Role, exit: Exit, now: Instant) {
        *self.state(role) = ChildState::Down { not_before: now.add(MIN_START_INTERVAL) };
        match role {
            Role::Cmd if self.cmd_started_once => {
                let not_before = self.on_cmd_run_ended(WaitStatus::exited(exit.0), false, now, now);
                self.cmd = ChildState::Down { not_before };
            }
            Role::Log if self.log_started_once => {
                if self.drain_until.is_some() {
                    self.drain_restart = DrainRestart::Used;
                }
            }
            Role::Cmd | Role::Log | Role::Finish => {
                self.stop_all(StopReason::StartFailed(exit));
            }
        }
    }

    /// Handles SIGTERM and SIGINT. The first stops the command, a second kills it. While the log drains, each further
    /// signal skips the next wait: first the drain time, then the grace period.
    fn on_stop_request(&mut self, now: Instant) {
        self.force_stop = self.stop_requested;
        self.stop_requested = true;
        self.stop_all(StopReason::Requested);
        self.report_daemon_at = None;
        if self.drain_until.is_some_and(|end| end > now) {
            self.drain_until = Some(now);
        } else if self.drain_until.is_some() {
            self.log.end_grace(now);
        }
        if self.force_stop {
            self.cmd.end_grace(now);
        }
        if let ChildState::Leftovers(leftovers) = &mut self.log {
            leftovers.next_sweep = now;
        }
    }

    fn on_exited(&mut self, dead: Pid, status: WaitStatus, now: Instant) {
        for role in [self.cmd_role(), Role::Log] {
            let (timed_out, started_at, stopped) = match self.state(role) {
                ChildState::Up { pid, started_at, .. } if *pid == dead => {
                    (false, *started_at, None)
                }
                ChildState::Stopping { timed_out, pid, started_at, killed, next_step }
                    if *pid == dead =>
                {
                    let grace_end = if *killed { Some(now) } else { *next_step };
                    (*timed_out, *started_at, Some(grace_end))
                }
                ChildState::Leftovers(leftovers) => {
                    // It may have been the last leftover process. Or its children became orphans, which the next sweep
                    // finds.
                    (leftovers.next_sweep, leftovers.sweep_interval) = (now, MIN_SWEEP_INTERVAL);
                    continue;
                }
                ChildState::Down { .. } | ChildState::Up { .. } | ChildState::Stopping { .. } => {
                    continue;
                }
            };
            // The finish command was not stopped, although it is in that state.
            let stopped = stopped.filter(|_| role != Role::Finish);
            if role == Role::Cmd && self.policy.finish {
                self.finish = Finish::Due(now);
                self.run_end = RunEnd::new(status, stopped.is_some(), timed_out);
            }
            let not_before = self.on_run_ended(role, status, timed_out, started_at, now);
            self.expect_leftovers(role, dead, stopped, not_before, now);
        }
    }

    /// Handles the end of a run; returns the earliest time of the next start.
    fn on_run_ended(
        &mut self,
        role: Role,
        status: WaitStatus,
        timed_out: bool,
        started_at: Instant,
        now: Instant,
    ) -> Instant {
        match role {
            Role::Cmd => self.on_cmd_run_ended(status, timed_out, started_at, now),
            Role::Finish => self.on_finish_ended(now),
            Role::Log => {
                if self.next_log_check.is_some() {
                    self.stop_all(StopReason::StartFailed(Exit::FAILED));
                }
                started_at.add(MIN_START_INTERVAL)
            }
        }
    }

    /// Schedules a sweep for the processes of a run whose child exited. `stopped`: the child was stopped, and its grace
    /// period ends at this time.
    fn expect_leftovers(
        &mut self,
        role: Role,
        group: Pid,
        stopped: Option<Option<Instant>>,
        not_before: Instant,
        now: Instant,
    ) {
        let stop_at = self.spared_until(role).map_or(now, |end| end.max(now));
        let kill_at = match (self.kill_mode(role), stopped) {
            // The workers' grace period is that of the command.
            (KillMode::Mixed, Some(end)) => end,
            _ => self.kill_at(role, stop_at),
        };
        let signalled = stopped.is_some();
        *self.pending_signals(role) = PendingSignals::default();
        *self.state(role) = ChildState::Leftovers(LeftoverState {
            group,
            signalled,
            kill_at,
            warn_at: None,
            next_sweep: now,
            sweep_interval: MIN_SWEEP_INTERVAL,
            not_before,
        });
    }

    /// Returns the time until which the leftover processes of this child's run are not stopped.
    fn spared_until(&self, role: Role) -> Option<Instant> {
        match role {
            Role::Cmd | Role::Finish => self.report_daemon_at,
            // The grace period of the logger's leftovers starts after the drain.
            Role::Log => self.drain_until,
        }
    }

    fn on_sweep_done(&mut self, role: Role, found: bool, now: Instant) {
        let spared_until = self.spared_until(role);
        let ChildState::Leftovers(leftovers) = self.state(role) else {
            return;
        };
        if !found {
            *self.state(role) = ChildState::Down { not_before: leftovers.not_before };
            return;
        }
        // The next sweep must not miss the time of a signal.
        let next_sweep = now.add(leftovers.sweep_interval);
        let limits = [leftovers.kill_at, spared_until].into_iter().flatten().filter(|at| *at > now);
        leftovers.next_sweep = limits.fold(next_sweep, Instant::min);
        leftovers.sweep_interval = leftovers.sweep_interval.double().min(MAX_SWEEP_INTERVAL);
    }

    /// Handles the end of a run of the command: decides whether another one follows, and returns its earliest time.
    fn on_cmd_run_ended(
        &mut self,
        status: WaitStatus,
        timed_out: bool,
        started_at: Instant,
        now: Instant,
    ) -> Instant {
        // A run that dmon stopped is in neither list.
        let restarting = core::mem::take(&mut self.restarting);
        let ended_itself = !timed_out && !restarting && self.stopping.is_none();
        let code = status.code();
        let is_listed = ended_itself && self.policy.success.contains(code);
        self.last_status = Exit(if is_listed { 0 } else { code });
        let succeeded = self.last_status == Exit::SUCCESS && !timed_out;
        self.stop_if_interrupted(status, timed_out, now);
        self.check_before_start();
        self.on_hangup(now);
        if restarting {
            self.report_daemon_at = None;
            return started_at.add(MIN_START_INTERVAL);
        }
        if self.stopping.is_none() {
            if self.policy.once && succeeded {
                self.stopping = Some(StopReason::Succeeded);
            } else if self.unready
                || ended_itself && self.policy.fatal.contains(self.last_status.0)
                || !self.restart_history.record_restart(self.policy, now)
            {
                let exit = match timed_out {
                    true if self.unready => Exit::FAILED,
                    true => Exit::TIMED_OUT,
                    false => self.last_status,
                };
                self.stopping = Some(StopReason::RestartLimit(exit));
            }
        }
        let may_be_daemon = succeeded
            && self.stopping.is_none()
            && !self.daemon_reported
            && started_at.add(DAEMONIZE_TIME) > now;
        self.report_daemon_at = may_be_daemon.then(|| now.add(TAIL_TIME));
        self.restart_history.next_start(self.policy, succeeded, started_at, now)
    }

    const fn pending_signals(&mut self, role: Role) -> &mut PendingSignals {
        match role {
            Role::Cmd | Role::Finish => &mut self.forward_to_cmd,
            Role::Log => &mut self.forward_to_log,
        }
    }

    /// Restarts, pauses or resumes the command, as `--on-signal` says.
    fn act(&mut self, action: Option<SignalAction>) {
        match action {
            None | Some(SignalAction::Send(_)) => return,
            Some(action) => self.paused_by_signal = action == SignalAction::Pause,
        }
        if action != Some(SignalAction::Restart) || self.stopping.is_some() {
            return;
        }
        self.restart_history.consecutive_failures = 0;
        let soon = self.cmd_started_at.add(MIN_START_INTERVAL);
        match (&mut self.cmd, &mut self.finish) {
            (_, Finish::Running { not_before })
            | (
                ChildState::Down { not_before }
                | ChildState::Leftovers(LeftoverState { not_before, .. }),
                _,
            ) => *not_before = soon.min(*not_before),
            (ChildState::Up { .. } | ChildState::Stopping { .. }, _) => self.restarting = true,
        }
    }

    /// Stores a signal until it is forwarded, for the children that `--cmd-sigs`, `--log-sigs` and `action` select.
    fn forward(&mut self, signal: Signal, action: Option<SignalAction>) {
        const FORWARDED: [Signal; 6] =
            [Signal::CONT, Signal::ALRM, Signal::QUIT, Signal::USR1, Signal::USR2, Signal::HUP];
        let is_forwarded = FORWARDED.contains(&signal);
        let to_cmd = match action {
            None => Some(signal).filter(|_| is_forwarded && self.policy.forward_cmd),
            Some(SignalAction::Send(other)) => Some(other),
            Some(_) => None,
        };
        if let (Some(signal), ChildState::Up { paused, .. }) = (to_cmd, self.cmd) {
            // SIGCONT would resume a command that is paused.
            if !(paused && signal == Signal::CONT) {
                self.forward_to_cmd.add(signal);
            }
        }
        if is_forwarded && self.policy.forward_log && matches!(self.log, ChildState::Up { .. }) {
            self.forward_to_log.add(signal);
        }
    }
}

impl ChildState {
    /// Ends the grace period: SIGKILL is due now. If it was sent before, it is sent again: the first may have failed
    /// (`EPERM`).
    const fn end_grace(&mut self, now: Instant) {
        match self {
            Self::Stopping { killed, next_step, .. } => {
                (*killed, *next_step) = (false, Some(now));
            }
            Self::Leftovers(leftovers) => {
                leftovers.kill_at = Some(now);
                leftovers.next_sweep = now;
            }
            Self::Down { .. } | Self::Up { .. } => {}
        }
    }
}

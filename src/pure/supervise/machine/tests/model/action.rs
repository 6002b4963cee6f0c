//! The effects of the machine's actions on the model, which checks that each is allowed.
//!
//! The exploration and the liveness checks call [`Model::outcomes`].

use super::{CLOCK_JUMP, Child, Hangup, Model, StopCause, UNREAD, pid};
use crate::exit::Exit;
use crate::supervise::kill_mode::KillMode;
use crate::supervise::machine::{
    Action, Event, KILL_WARN_AFTER, LOG_CHECK_TIME, MIN_START_INTERVAL, Role, Sweep, SweepMode,
};
use crate::time::{Duration, Instant};
use crate::unix::{Pid, Signal, WaitStatus};

impl Model<'_> {
    /// Performs an action. Returns one model for each possible outcome, the usual one first.
    pub fn outcomes(mut self, action: Action) -> Vec<Self> {
        let now = self.now;
        match action {
            Action::Start(Role::Finish) => return self.start_finish(),
            Action::Start(Role::Cmd) if self.policy.has_jitter() => {
                return [false, true]
                    .into_iter()
                    .flat_map(|jitters| {
                        let mut model = self.clone();
                        model.jitters = jitters;
                        model.handle(Event::Random(if jitters { u32::MAX } else { 0 }));
                        model.start(Role::Cmd)
                    })
                    .collect();
            }
            Action::Start(role) => return self.start(role),
            Action::Stop { role, group, timed_out, alone } => {
                let mode = self.policy.kill_mode;
                assert_eq!(alone, role == Role::Cmd && mode != KillMode::Group, "{self:?}");
                self.stop(role, group, timed_out);
            }
            Action::Signal { role, run, signal: Signal::KILL, alone } => {
                assert_eq!(alone, self.is_alone(role), "{self:?}");
                self.kill(role, run);
            }
            Action::Signal { role, run, signal, alone: false } => self.pause(role, run, signal),
            Action::Signal { role, run, signal, alone: true } => {
                let expected = self.running_child(role, run).pending_signal.take();
                assert_eq!(expected, Some(signal.number()), "not to be forwarded to {role:?}");
            }
            Action::Sweep(sweep) => self.sweep(sweep),
            Action::ClosePipe => {
                assert!(!self.cmd.alive && !self.cmd.has_leftovers, "the command may still write");
                assert_eq!(self.finish_due, None, "the finish command may still write");
                assert!(self.stop_cause.is_some() && self.drain_until.is_none());
                self.drain_until = Some(now.add(self.policy.drain));
            }
            Action::Suspend { cmd, signal } => return self.suspend(cmd, signal),
            Action::Lend { group } => {
                assert_eq!(self.job_control_group(), Some(group));
                let asks = Self::asks_for_terminal(self.cmd_stop) && !self.cmd_refused;
                assert!(asks, "not needed: {self:?}");
                return [true, false]
                    .map(|lent| {
                        let mut model = self.clone();
                        model.cmd_stop = model.cmd_stop.filter(|_| !lent);
                        model.cmd_refused = !lent;
                        model.handle(Event::Lent(lent));
                        model
                    })
                    .into();
            }
            Action::CheckLog(pid) => {
                self.running_child(Role::Log, pid);
                assert!(self.cmd.started_once && self.stop_cause.is_none(), "checked: {self:?}");
                assert!(self.log_check_end.is_some_and(|end| now < end), "a late check: {self:?}");
                return [true, false]
                    .map(|waits| {
                        let mut model = self.clone();
                        model.log_check_end = model.log_check_end.filter(|_| !waits);
                        if waits {
                            model.handle(Event::LogReads);
                        }
                        model
                    })
                    .into();
            }
            Action::TakeBack { cmd } => {
                assert_eq!(cmd, self.cmd.alive.then(|| pid(self.cmd.pid)));
                assert!(Self::asks_for_terminal(self.own_stop), "not needed: {self:?}");
                return [true, false]
                    .map(|taken| {
                        let mut model = self.clone();
                        model.own_stop = (!taken).then_some(Signal::TSTP.number());
                        model.handle(Event::TakenBack(taken));
                        model
                    })
                    .into();
            }
            Action::PassOn { group, signal } => {
                assert_eq!(self.job_control_group(), Some(group));
                assert_eq!(self.cmd_stop, None, "it has stopped: {self:?}");
                assert_eq!(self.to_pass_on.take(), Some(signal.number()));
            }
            Action::CheckTerminal => {
                assert!(self.policy.ends_with_terminal && self.stop_cause.is_none());
                self.advance(Duration::ZERO);
                let mut gone = self.clone();
                if let Hangup::Closing(_) = gone.hangup {
                    gone.hangup = Hangup::Closed;
                }
                let outcomes = match self.hangup {
                    Hangup::Open => vec![self],
                    Hangup::Closing(_) => vec![gone, self],
                    Hangup::Closed | Hangup::Silent => vec![gone],
                };
                let report = |mut model: Self| {
                    let gone = matches!(model.hangup, Hangup::Closed | Hangup::Silent);
                    if gone {
                        model.stop_cause = Some(StopCause::Requested);
                    }
                    model.handle(Event::TerminalChecked { gone });
                    model
                };
                return outcomes.into_iter().map(report).collect();
            }
            Action::StartSentinel { group } => {
                let child = *self.running_child(Role::Cmd, group);
                assert!(self.policy.terminal && child.stopped_at.is_none() && !self.sentinel);
                let due = self.sentinel_due.take();
                assert!(due.is_some_and(|due| due <= now), "an early sentinel: {self:?}");
                let mut failed = self.clone();
                failed.sentinel = false;
                self.sentinel = true;
                let mut closed = self.clone();
                if closed.hangup == Hangup::Open && closed.policy.ends_with_terminal {
                    // SIGHUP has reached the group before the sentinel.
                    closed.hangup = Hangup::Closing(now);
                }
                return vec![self, failed, closed];
            }
            Action::CountUnread => {
                // A command that never ran has written nothing, but a logger that ran may have received messages.
                let has_run = self.cmd.started_once || self.log.started_once;
                let max = if has_run { UNREAD } else { 0 };
                return [max, 0]
                    .map(|unread| {
                        let mut model = self.clone();
                        model.unread = unread;
                        model.handle(Event::Unread { bytes: unread });
                        model
                    })
                    .into();
            }
            Action::ReportUnread { bytes } => {
                assert_eq!(core::mem::take(&mut self.unread), bytes);
                let tried = self.drain_restarts > 0 || self.log.was_killed;
                assert!(tried && bytes > 0, "no drain restart was tried: {self:?}");
            }
            Action::SampleLoad { paused } => {
                let is_paused = self.cmd.alive && self.cmd.paused;
                assert_eq!(paused, is_paused.then(|| pid(self.cmd.pid)), "{self:?}");
                assert!(self.stop_cause.is_none(), "a sample during shutdown");
                return [false, true]
                    .map(|high| {
                        let mut model = self.clone();
                        model.above = high;
                        model.handle(Event::LoadSample { high });
                        model
                    })
                    .into();
            }
            Action::CheckAlive => {
                assert!(self.is_running_normally() && self.unchanged_looks < 4, "{self:?}");
                assert!(self.looked_at.add(self.policy.alive) <= now, "an early look: {self:?}");
                return [true, false]
                    .map(|changed| {
                        let mut model = self.clone();
                        let unchanged = if changed { 0 } else { model.unchanged_looks + 1 };
                        (model.looked_at, model.unchanged_looks) = (now, unchanged);
                        model.handle(Event::AliveChecked { changed });
                        model
                    })
                    .into();
            }
            Action::WarnUnkillable(pid) => {
                let role = if pid.number() < 200 { Role::Cmd } else { Role::Log };
                let warn_at = self.child(role).warn_at.take();
                assert!(warn_at.is_some_and(|at| at <= now), "an early warning: {self:?}");
            }
            Action::ReportDaemon => {
                let at = self.report_daemon_at.take();
                assert!(at.is_some_and(|at| at <= now), "an early report: {self:?}");
                let exists = !self.cmd.alive && self.cmd.has_leftovers;
                assert!(exists && !self.daemon_reported, "a wrong report: {self:?}");
                self.daemon_reported = true;
            }
            Action::Wait(_) | Action::Exit(_) => unreachable!(),
        }
        vec![self]
    }

    /// Returns the group of a command that takes part in job control: not paused, not stopped.
    pub(super) fn job_control_group(&self) -> Option<Pid> {
        let takes_part = self.cmd.alive && !self.cmd.paused && self.cmd.stopped_at.is_none();
        takes_part.then(|| pid(self.cmd.pid))
    }

    fn suspend(mut self, cmd: Option<Pid>, signal: Option<Signal>) -> Vec<Self> {
        assert_eq!(cmd, self.job_control_group());
        let expected = match (self.cmd_stop, self.own_stop) {
            (_, Some(_)) if !Self::asks_for_terminal(self.own_stop) => None,
            (Some(_), _) if self.cmd_refused => Some(Signal::TTIN),
            (Some(_), _) if !Self::asks_for_terminal(self.cmd_stop) => Some(Signal::TSTP),
            _ => panic!("without Ctrl-Z: {self:?}"),
        };
        assert_eq!(signal, expected, "{self:?}");
        (self.cmd_stop, self.own_stop, self.cmd_refused) = (None, None, false);
        let mut later = self.clone();
        later.now = self.now.add(CLOCK_JUMP);
        later.run_deadline = later.run_deadline.map(|end| end.add(CLOCK_JUMP));
        [self, later]
            .map(|mut model| {
                model.start_looking();
                model.handle(Event::Resumed);
                model
            })
            .into()
    }

    fn kill(&mut self, role: Role, pid: Pid) {
        let stopped_at = self.running_child(role, pid).stopped_at;
        assert_eq!(role == Role::Finish, self.cmd.is_finish && role != Role::Log, "{self:?}");
        self.check_kill(role, stopped_at.expect("SIGKILL without a stop signal"));
        let warn_at = self.now.add(KILL_WARN_AFTER);
        let child = self.running_child(role, pid);
        assert!(!child.kill_sent);
        (child.kill_sent, child.was_killed) = (true, true);
        child.warn_at = Some(warn_at);
    }

    fn stop(&mut self, role: Role, group: Pid, timed_out: bool) {
        let now = self.now;
        if role == Role::Log {
            let end = self.drain_until.expect("the logger is stopped before the pipe is closed");
            assert!(end <= now, "the logger is stopped during the drain");
        } else if timed_out {
            let mut limits = [self.run_deadline, self.ready_by].into_iter().flatten();
            let is_due = limits.any(|end| end <= now);
            assert!(is_due || self.unchanged_looks == 4, "stopped before the timeout");
        } else {
            assert!(self.stop_cause.is_some() || self.restarting, "stopped without a reason");
        }
        self.timed_out |= timed_out;
        let child = self.running_child(role, group);
        assert_eq!(child.stopped_at.replace(now), None, "a second stop signal");
        child.paused = false;
        child.pending_signal = None;
        if role == Role::Cmd {
            // The stop sequence resumes it.
            (self.cmd_stop, self.cmd_refused, self.to_pass_on) = (None, false, None);
        }
    }

    /// Pauses or resumes the command.
    fn pause(&mut self, role: Role, group: Pid, signal: Signal) {
        assert_eq!(role, Role::Cmd);
        let (above, stopping) = (self.must_pause(), self.is_stopping());
        let child = self.running_child(role, group);
        let expected = if above { Signal::STOP } else { Signal::CONT };
        assert_eq!((signal, stopping), (expected, false));
        assert_eq!((child.paused, child.stopped_at), (!above, None));
        child.paused = above;
        self.start_looking();
        // It asks again when it continues.
        (self.cmd_stop, self.cmd_refused, self.to_pass_on) = (None, false, None);
    }

    fn start_finish(mut self) -> Vec<Self> {
        let Child { alive, has_leftovers, pid: last, .. } = self.cmd;
        assert!(!alive && !has_leftovers, "the finish command starts beside the run: {self:?}");
        assert_eq!(self.finish_due, Some(self.machine.run_end()), "{self:?}");
        let (mut deferred, mut failed) = (self.clone(), self.clone());
        deferred.handle(Event::StartDeferred(Role::Finish));
        failed.finish_due = None;
        failed.handle(Event::StartFailed(Role::Finish, Exit::NOT_FOUND));
        let (pid, stopped_at) = (pid(last ^ 1), Some(self.now));
        self.cmd = Child {
            alive: true,
            is_finish: true,
            pid: pid.number(),
            stopped_at,
            started_once: true,
            last_start: self.cmd.last_start,
            ..Child::default()
        };
        (self.finish_due, self.report_daemon_at) = (None, None);
        self.handle(Event::Started(Role::Finish, pid));
        vec![self, deferred, failed]
    }

    fn start(mut self, role: Role) -> Vec<Self> {
        let now = self.now;
        let child = *self.child(role);
        assert!(!child.alive, "two instances of {role:?}");
        assert!(!child.has_leftovers, "{role:?} starts beside leftover processes");
        if let Some(last_start) = child.last_start {
            assert!(last_start.until(now) >= MIN_START_INTERVAL, "{role:?} starts too soon");
        }
        if role == Role::Cmd {
            assert!(self.stop_cause.is_none(), "the command starts during shutdown");
            assert!(self.next_start <= now, "the command starts too soon");
            assert_eq!(self.finish_due, None, "the command starts before the finish command");
            assert!(
                !child.started_once || self.hangup == Hangup::Open || !self.policy.terminal,
                "a restart without a terminal: {self:?}"
            );
            assert!(
                !self.policy.logged || self.log.started_once,
                "the command starts before the logger"
            );
            (self.run_deadline, self.ready_by) = (None, None);
            self.timed_out = false;
        } else if self.drain_until.is_some() {
            self.drain_restarts += 1;
            assert!(
                self.drain_restarts == 1 && self.unread > 0,
                "a needless drain restart: {self:?}"
            );
        } else if let Some(StopCause::StartFailed(_)) = self.stop_cause {
            panic!("the logger starts again after a failed start: {self:?}");
        }
        let after = |event: Event| {
            let mut model = self.clone();
            model.child(role).last_start = Some(now);
            model.handle(event);
            model
        };
        let mut deferred = after(Event::StartDeferred(role));
        let mut failed = after(Event::StartFailed(role, Exit::NOT_FOUND));
        if role == Role::Cmd {
            deferred.next_start = now.add(MIN_START_INTERVAL);
        } else if self.drain_until.is_some() {
            // The start is retried until the drain ends.
            deferred.drain_restarts -= u8::from(self.drain_until.is_some_and(|end| end > now));
        }
        match role {
            _ if !child.started_once => {
                failed.stop_cause =
                    failed.stop_cause.or(Some(StopCause::StartFailed(Exit::NOT_FOUND)));
            }
            Role::Cmd => failed.end_run(now, WaitStatus::exited(127)),
            Role::Log | Role::Finish => {}
        }
        let pid = pid(child.pid ^ 1);
        let (alive, started_once, last_start) = (true, true, Some(now));
        *self.child(role) =
            Child { alive, pid: pid.number(), started_once, last_start, ..Child::default() };
        if role == Role::Cmd {
            self.run_deadline = self.policy.timeout.map(|time| now.add(time));
            self.ready_by = self.unready.then(|| now.add(self.policy.ready));
            self.start_looking();
            self.sentinel_due = self.policy.terminal.then_some(now);
            self.typed_at = None;
        } else if let Some(end) = &mut self.drain_until {
            *end = now.add(self.policy.drain.max(MIN_START_INTERVAL));
        } else if self.policy.daemon && !child.started_once {
            self.log_check_end = Some(now.add(LOG_CHECK_TIME));
        }
        self.handle(Event::Started(role, pid));
        vec![self, deferred, failed]
    }

    fn sweep(&mut self, sweep: Sweep) {
        let Sweep { role, group, signalled, all_children, mode } = sweep;
        let drain_until = self.drain_until.filter(|_| role == Role::Log);
        let child = *self.child(role);
        assert!(!child.alive, "a sweep while {role:?} runs");
        assert_eq!((child.pid, child.stopped_at.is_some()), (group.number(), signalled));
        let kill_mode = self.policy.kill_mode;
        let for_all = drain_until.is_some() && kill_mode != KillMode::Process;
        assert_eq!(all_children, for_all, "only the last sweep is for all children");
        let draining = drain_until.is_some_and(|end| end > self.now);
        assert_eq!(mode == SweepMode::Resume, self.is_alone(role), "{self:?}");
        let works = role == Role::Cmd && kill_mode == KillMode::Mixed && signalled;
        let is_spared = role == Role::Cmd && self.report_daemon_at.is_some();
        match mode {
            SweepMode::Resume => {}
            SweepMode::Check => {
                assert!(draining || works || is_spared, "leftovers are not stopped: {self:?}")
            }
            SweepMode::Stop => assert!(!works, "workers receive the stop signal: {self:?}"),
            SweepMode::Kill => {}
        }
        let keeps_all = matches!(mode, SweepMode::Check | SweepMode::Resume);
        assert!(keeps_all || !is_spared, "stopped before the report: {self:?}");
        assert!(!draining || mode == SweepMode::Check, "a pipeline may read until the drain ends");
        if let (SweepMode::Kill, Some(grace_from)) = (mode, child.grace_from) {
            self.check_kill(role, grace_from);
        }
        let has_leftovers = child.has_leftovers;
        let warn_at = self.now.add(KILL_WARN_AFTER);
        let child = self.child(role);
        if mode == SweepMode::Kill && !child.leftovers_killed {
            child.warn_at = Some(warn_at);
        }
        child.sweep_due = false;
        child.leftovers_stopped |= has_leftovers && mode == SweepMode::Stop;
        child.leftovers_killed |= mode == SweepMode::Kill;
        self.handle(Event::SweepDone { role, found: has_leftovers });
    }

    /// Returns the time from the stop signal to SIGKILL; for the finish command from its start.
    pub(super) fn limit(&self, role: Role) -> Option<Duration> {
        let default = Duration::from_secs(10);
        self.policy.kill_after.or_else(|| (role == Role::Finish).then_some(default))
    }

    /// Checks that SIGKILL is sent no earlier than `--kill-after` allows, except after a second stop request.
    fn check_kill(&self, role: Role, grace_from: Instant) {
        let limit = self.limit(role);
        let grace_over = limit.is_some_and(|time| grace_from.until(self.now) >= time);
        let grace_skipped = match role {
            Role::Cmd => self.stop_requests > 1,
            Role::Log => self.log.grace_skipped,
            Role::Finish => self.cmd.grace_skipped,
        };
        assert!(grace_over || grace_skipped, "SIGKILL is early for {role:?}: {self:?}");
    }
}

//! An independent model of dmon, with which the exploration compares the machine.
//!
//! The model knows which processes are alive, which signals they received, and what the manual promises. It performs
//! the machine's actions and checks that each is allowed. It does not look into the machine's state.

mod check;
mod input;

use crate::cli::value::Load;
use crate::exit::Exit;
use crate::supervise::load::Sample;
use crate::supervise::machine::{
    Action, Event, KILL_WARN_AFTER, MIN_START_INTERVAL, Machine, Policy, Role, Sweep, SweepMode,
};
use crate::time::{Duration, Instant};
use crate::unix::{Pid, Signal, WaitStatus};
use heapless::Vec as ShortVec;
pub use input::{Input, StopBehaviour};
use std::hash::Hash;

/// The time of the start, in nanoseconds. So large that the state hash can distinguish times from durations.
pub const CLOCK_START: u64 = 1 << 62;

/// Bytes in the pipe if the logger has not read everything.
const UNREAD: usize = 7;

/// PID of an adopted process, whose exit the machine sees.
const ORPHAN: i32 = 900;

/// A step of the clock that is longer than all durations of the policies.
const CLOCK_JUMP: Duration = Duration::from_secs(10_000);

/// The command or the logger, with the leftover processes of its last run.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Child {
    alive: bool,
    /// PID of the last run; the next run has another one.
    pid: i32,
    started_once: bool,
    last_start: Option<Instant>,
    /// When it received the stop signal.
    stopped_at: Option<Instant>,
    /// It received SIGKILL since the last stop request.
    kill_sent: bool,
    /// A stop request arrived after the drain time, so the logger's grace period is over.
    grace_skipped: bool,
    paused: bool,
    /// A signal that the machine must still forward to it.
    pending_signal: Option<i32>,
    /// Leftover processes are alive; they received the stop signal; they received SIGKILL.
    has_leftovers: bool,
    leftovers_stopped: bool,
    leftovers_killed: bool,
    /// When the grace period of its leftovers starts: at its exit, for the logger not before the drain ends.
    grace_from: Option<Instant>,
    /// The exit of an adopted process was reported, so a sweep is due.
    sweep_due: bool,
    /// When a warning is due that something is alive after SIGKILL.
    warn_at: Option<Instant>,
}

/// Why dmon stops, and thus its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum StopCause {
    /// SIGTERM, SIGINT or Ctrl-C: exit with the status of the last run.
    Requested,
    /// `--once` or no restarts left: exit with this status.
    Finished(Exit),
    /// A first start failed: exit with this status; there is nothing to log.
    StartFailed(Exit),
}

/// The machine and its environment.
#[derive(Clone, Debug, Hash)]
pub struct Model<'a> {
    policy: &'a Policy,
    pub machine: Machine<'a>,
    pub now: Instant,
    cmd: Child,
    log: Child,
    stop_cause: Option<StopCause>,
    /// Number of SIGTERM and SIGINT, at most two.
    stop_requests: u8,
    interrupted: bool,
    last_status: Option<WaitStatus>,
    /// The command's current run exceeded `--timeout`.
    timed_out: bool,
    /// When the current run exceeds `--timeout`.
    run_deadline: Option<Instant>,
    /// The command was suspended from the terminal.
    suspended: bool,
    /// The load is above its threshold.
    above: bool,
    /// Earliest time of the command's next start.
    next_start: Instant,
    /// Consecutive failures of the command, as far as the delays distinguish them.
    failures: usize,
    /// Restarts so far, or within the window of `--max-respawns`.
    restarts: u32,
    /// The times of the restarts within the window.
    recent: ShortVec<Instant, 2>,
    /// When the logger has to stop reading; `None` while the pipe is open.
    drain_until: Option<Instant>,
    /// Bytes in the closed pipe that were not reported yet.
    unread: usize,
    /// Logger starts after the pipe was closed.
    drain_restarts: u8,
}

fn pid(number: i32) -> Pid {
    Pid::new(number).unwrap()
}

impl<'a> Model<'a> {
    pub fn new(policy: &'a Policy) -> Self {
        let now = Instant::from_clock(Duration::from_nanos(CLOCK_START));
        let child = |pid| Child { pid, ..Child::default() };
        Self {
            policy,
            machine: Machine::new(policy, now),
            now,
            cmd: child(100),
            log: child(200),
            stop_cause: None,
            stop_requests: 0,
            interrupted: false,
            last_status: None,
            timed_out: false,
            run_deadline: None,
            suspended: false,
            above: false,
            next_start: now,
            failures: 0,
            restarts: 0,
            recent: ShortVec::new(),
            drain_until: None,
            unread: 0,
            drain_restarts: 0,
        }
    }

    pub fn is_stopping(&self) -> bool {
        self.stop_cause.is_some()
    }

    pub fn has_kill(&self) -> bool {
        self.policy.kill_after.is_some()
    }

    fn child(&mut self, role: Role) -> &mut Child {
        match role {
            Role::Cmd => &mut self.cmd,
            Role::Log => &mut self.log,
        }
    }

    /// Returns the child that a signal is for.
    fn running_child(&mut self, role: Role, pid: Pid) -> &mut Child {
        let child = self.child(role);
        assert!(
            child.alive && child.pid == pid.number(),
            "a signal to {pid:?}, which is not alive"
        );
        child
    }

    fn handle(&mut self, event: Event) {
        self.machine.handle(self.now, event);
    }

    /// Advances the clock. The clock of `--timeout` is stopped during a pause.
    fn advance(&mut self, time: Duration) {
        self.now = self.now.add(time);
        if self.cmd.paused {
            self.run_deadline = self.run_deadline.map(|end| end.add(time));
        }
    }

    /// Performs an action. Returns one model for each possible outcome, the usual one first.
    pub fn outcomes(mut self, action: Action) -> Vec<Self> {
        let now = self.now;
        match action {
            Action::Start(role) => return self.start(role),
            Action::Stop { role, group, timed_out } => {
                if role == Role::Log {
                    let end =
                        self.drain_until.expect("the logger is stopped before the pipe is closed");
                    assert!(end <= now, "the logger is stopped during the drain");
                } else if timed_out {
                    assert!(
                        self.run_deadline.is_some_and(|end| end <= now),
                        "stopped before the timeout"
                    );
                } else {
                    assert!(self.stop_cause.is_some(), "stopped without a reason");
                }
                self.timed_out |= timed_out;
                let child = self.running_child(role, group);
                assert_eq!(child.stopped_at.replace(now), None, "a second stop signal");
                child.paused = false;
                child.pending_signal = None;
            }
            Action::SignalGroup { role, group, signal: Signal::KILL } => {
                let stopped_at = self.running_child(role, group).stopped_at;
                self.check_kill(role, stopped_at.expect("SIGKILL without a stop signal"));
                let child = self.running_child(role, group);
                assert!(!child.kill_sent);
                child.kill_sent = true;
                child.warn_at = Some(now.add(KILL_WARN_AFTER));
            }
            Action::SignalGroup { role, group, signal } => {
                assert_eq!(role, Role::Cmd);
                let (above, stopping) = (self.above, self.is_stopping());
                let child = self.running_child(role, group);
                let expected = if above { Signal::STOP } else { Signal::CONT };
                assert_eq!((signal, stopping), (expected, false));
                assert_eq!((child.paused, child.stopped_at), (!above, None));
                child.paused = above;
            }
            Action::SignalChild { role, pid, signal } => {
                let expected = self.running_child(role, pid).pending_signal.take();
                assert_eq!(expected, Some(signal.number()), "not to be forwarded to {role:?}");
            }
            Action::Sweep(sweep) => self.sweep(sweep),
            Action::ClosePipe => {
                assert!(!self.cmd.alive && !self.cmd.has_leftovers, "the command may still write");
                assert!(self.stop_cause.is_some() && self.drain_until.is_none());
                self.drain_until = Some(now.add(self.policy.drain));
            }
            Action::Suspend { group } => {
                let child = self.running_child(Role::Cmd, group);
                assert!(!child.paused && child.stopped_at.is_none(), "suspended during a pause");
                assert!(core::mem::take(&mut self.suspended), "suspended without Ctrl-Z");
                let mut later = self.clone();
                later.now = now.add(CLOCK_JUMP);
                later.run_deadline = later.run_deadline.map(|end| end.add(CLOCK_JUMP));
                return [self, later]
                    .map(|mut model| {
                        model.handle(Event::Resumed);
                        model
                    })
                    .into();
            }
            Action::CountUnread => {
                // A command that never ran has written nothing.
                let max = if self.cmd.started_once { UNREAD } else { 0 };
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
                let tried = self.drain_restarts > 0 || self.log.kill_sent;
                assert!(tried && bytes > 0, "no drain restart was tried: {self:?}");
            }
            Action::SampleLoad => {
                assert!(self.stop_cause.is_none(), "a sample during shutdown");
                // Between the thresholds, 4 and 2, nothing changes.
                return [0, 30_000, 90_000]
                    .map(|load| {
                        let mut model = self.clone();
                        model.above = load > if model.above { 20_000 } else { 40_000 };
                        let values = [Some(Load(load)), None, None, None];
                        model.handle(Event::LoadSample(Sample { values, processors: 1 }));
                        model
                    })
                    .into();
            }
            Action::WarnUnkillable(pid) => {
                let role = if pid.number() < 200 { Role::Cmd } else { Role::Log };
                let warn_at = self.child(role).warn_at.take();
                assert!(warn_at.is_some_and(|at| at <= now), "an early warning: {self:?}");
            }
            Action::Wait(_) | Action::Exit(_) => unreachable!(),
        }
        vec![self]
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
            assert!(
                !self.policy.logged || self.log.started_once,
                "the command starts before the logger"
            );
            self.run_deadline = None;
            self.timed_out = false;
        } else if let Some(StopCause::StartFailed(_)) = self.stop_cause {
            panic!("the logger starts, but the command never runs: {self:?}");
        } else if self.drain_until.is_some() {
            self.drain_restarts += 1;
            assert!(
                self.drain_restarts == 1 && self.unread > 0,
                "a needless drain restart: {self:?}"
            );
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
            Role::Log => {}
        }
        let pid = pid(child.pid ^ 1);
        let (alive, started_once, last_start) = (true, true, Some(now));
        *self.child(role) =
            Child { alive, pid: pid.number(), started_once, last_start, ..Child::default() };
        if role == Role::Cmd {
            self.run_deadline = self.policy.timeout.map(|time| now.add(time));
        } else if let Some(end) = &mut self.drain_until {
            *end = now.add(self.policy.drain.max(MIN_START_INTERVAL));
        }
        self.handle(Event::Started(role, pid));
        vec![self, deferred, failed]
    }

    fn sweep(&mut self, Sweep { role, group, signalled, all, mode }: Sweep) {
        let drain_until = self.drain_until.filter(|_| role == Role::Log);
        let child = *self.child(role);
        assert!(!child.alive, "a sweep while {role:?} runs");
        assert_eq!((child.pid, child.stopped_at.is_some()), (group.number(), signalled));
        assert_eq!(all, drain_until.is_some(), "only the last sweep is for all children");
        let draining = drain_until.is_some_and(|end| end > self.now);
        assert_eq!(mode == SweepMode::Check, draining, "a pipeline may read until the drain ends");
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
        child.leftovers_stopped |= has_leftovers && mode != SweepMode::Check;
        child.leftovers_killed |= mode == SweepMode::Kill;
        self.handle(Event::SweepDone { role, found: has_leftovers });
    }

    /// Checks that SIGKILL is sent no earlier than `--kill-after` allows, except after a second stop request.
    fn check_kill(&self, role: Role, grace_from: Instant) {
        let grace_over =
            self.policy.kill_after.is_some_and(|time| grace_from.until(self.now) >= time);
        let grace_skipped =
            if role == Role::Cmd { self.stop_requests > 1 } else { self.log.grace_skipped };
        assert!(grace_over || grace_skipped, "SIGKILL is early for {role:?}: {self:?}");
    }

    /// Computes what the manual says after a run of the command: when the next one starts, or why dmon stops.
    fn end_run(&mut self, started_at: Instant, status: WaitStatus) {
        let now = self.now;
        let policy = self.policy;
        let succeeded = status == WaitStatus::SUCCESS && !self.timed_out;
        self.last_status = Some(status);
        self.suspended = false;
        let last_delay = policy.delays.last().copied().unwrap_or(MIN_START_INTERVAL);
        self.failures = match succeeded {
            true => 0,
            false if started_at.until(now) > last_delay => 1,
            false => (self.failures + 1).min(policy.delays.len() + 1),
        };
        let entry = self.failures.max(1) - 1;
        self.next_start = started_at.add(policy.delays.get(entry).copied().unwrap_or(last_delay));
        if succeeded {
            self.next_start = self.next_start.max(now.add(policy.interval));
        }
        if self.stop_cause.is_some() {
            return;
        }
        let max = policy.respawns.max;
        if policy.terminal && status == WaitStatus(Signal::INT.number()) {
            self.stop_cause = Some(StopCause::Requested);
            self.interrupted = true;
        } else if policy.once && succeeded {
            self.stop_cause = Some(StopCause::Finished(Exit(0)));
        } else if let Some(max) = max {
            self.restarts += 1;
            if let Some(window) = policy.respawns.window {
                self.recent.retain(|then| then.until(now) <= window);
                self.restarts = 1 + self.recent.len() as u32;
                let _ = self.recent.push(now);
            }
            if self.restarts > max {
                let exit = if self.timed_out { 124 } else { status.code() };
                self.stop_cause = Some(StopCause::Finished(Exit(exit)));
            }
        }
    }

    /// Reports whether the command is running, not paused and not stopping.
    pub fn is_running_normally(&self) -> bool {
        self.cmd.alive
            && self.cmd.stopped_at.is_none()
            && !self.cmd.paused
            && self.stop_cause.is_none()
    }
}

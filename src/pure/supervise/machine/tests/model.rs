//! An independent model of dmon, with which the exploration compares the machine.
//!
//! The model knows which processes are alive, which signals they received, and what the manual promises. It performs
//! the machine's actions and checks that each is allowed. It does not look into the machine's state.

mod action;
mod check;
mod input;

use crate::exit::Exit;
use crate::supervise::delay::Delay;
use crate::supervise::kill_mode::KillMode;
use crate::supervise::machine::{Event, MIN_START_INTERVAL, Machine, Policy, Role, RunEnd};
use crate::supervise::result_set::ResultSet;
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
    /// It is the finish command, in place of the command.
    is_finish: bool,
    started_once: bool,
    last_start: Option<Instant>,
    /// When it received the stop signal.
    stopped_at: Option<Instant>,
    /// It received SIGKILL since the last stop request.
    kill_sent: bool,
    /// It received SIGKILL.
    was_killed: bool,
    /// A stop request ended its grace period: that of the logger after the drain time, a second one that of the finish
    /// command.
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
    /// A first start failed: exit with this status. The logger is needed only for what the command has written.
    StartFailed(Exit),
}

/// The state of dmon's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Hangup {
    Open,
    /// Its SIGHUP arrived at this time. It may still exist for less than a second.
    Closing(Instant),
    /// It no longer exists, and SIGHUP arrived before.
    Closed,
    /// It no longer exists, and there was no SIGHUP.
    Silent,
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
    /// How the last run ended, if the finish command must still run after it.
    finish_due: Option<RunEnd>,
    /// The command's current run exceeded `--timeout`.
    timed_out: bool,
    /// When the current run exceeds `--timeout`.
    run_deadline: Option<Instant>,
    /// A daemon's command must still report that it is ready, in its current run until this time.
    unready: bool,
    ready_by: Option<Instant>,
    /// The last look at the file of `--alive`, or the start of its clock.
    looked_at: Instant,
    /// The number of looks since the file has changed.
    unchanged_looks: u8,
    /// The number of the signal that stopped the command, unless dmon has reacted.
    cmd_stop: Option<i32>,
    /// It needs the terminal, but dmon is in the background.
    cmd_refused: bool,
    /// The number of the stop signal that dmon received, unless it has reacted.
    own_stop: Option<i32>,
    /// The number of the signal that must be passed on to the command.
    to_pass_on: Option<i32>,
    /// The command's current run has a sentinel.
    sentinel: bool,
    /// When a sentinel is due; `None` if the run has one or cannot have one.
    sentinel_due: Option<Instant>,
    /// When Ctrl-C was typed during the current run.
    typed_at: Option<Instant>,
    /// The state of dmon's terminal.
    hangup: Hangup,
    /// The load is above its threshold.
    above: bool,
    /// `--on-signal`: the command must pause; its current run must end for a restart.
    paused_by_signal: bool,
    restarting: bool,
    /// Earliest time of the command's next start.
    next_start: Instant,
    /// The random number of the current run is the largest, not 0.
    jitters: bool,
    /// Consecutive failures of the command, as far as the delays distinguish them.
    failures: usize,
    /// Restarts so far, or within the window of `--max-respawns`.
    restarts: u32,
    /// The times of the restarts within the window.
    recent: ShortVec<Instant, 2>,
    /// When a report is due that the command has daemonized itself, if leftover processes exist. They are stopped after
    /// it.
    report_daemon_at: Option<Instant>,
    daemon_reported: bool,
    /// When the logger has to stop reading; `None` while the pipe is open.
    drain_until: Option<Instant>,
    /// Bytes in the closed pipe that were not reported yet.
    unread: usize,
    /// Until when an exit of a daemon's first logger is a failed start; `None` before its start and once it works.
    log_check_end: Option<Instant>,
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
            finish_due: None,
            timed_out: false,
            run_deadline: None,
            unready: policy.daemon && policy.ready > Duration::ZERO,
            ready_by: None,
            looked_at: now,
            unchanged_looks: 0,
            cmd_stop: None,
            cmd_refused: false,
            own_stop: None,
            to_pass_on: None,
            sentinel: false,
            sentinel_due: None,
            typed_at: None,
            hangup: Hangup::Open,
            above: false,
            paused_by_signal: false,
            restarting: false,
            next_start: now,
            jitters: false,
            failures: 0,
            restarts: 0,
            recent: ShortVec::new(),
            report_daemon_at: None,
            daemon_reported: false,
            drain_until: None,
            unread: 0,
            log_check_end: None,
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
            Role::Cmd | Role::Finish => &mut self.cmd,
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
        self.hangup = match self.hangup {
            Hangup::Closing(at) if at.until(self.now) >= Duration::from_secs(1) => Hangup::Closed,
            other => other,
        };
        if self.cmd.paused {
            self.run_deadline = self.run_deadline.map(|end| end.add(time));
            self.ready_by = self.ready_by.map(|end| end.add(time));
        }
    }

    /// Starts the clock of `--alive`.
    const fn start_looking(&mut self) {
        (self.looked_at, self.unchanged_looks) = (self.now, 0);
    }

    /// Reports whether Ctrl-C was typed shortly before, during the current run.
    fn was_typed(&self) -> bool {
        self.typed_at.is_some_and(|at| at.until(self.now) <= Duration::from_secs(10))
    }

    /// Computes what the manual says after a run of the command: when the next one starts, or why dmon stops.
    fn end_run(&mut self, started_at: Instant, status: WaitStatus) {
        let now = self.now;
        let policy = self.policy;
        let is_in = |set: &ResultSet| {
            let is_stopped = self.timed_out || self.restarting;
            self.stop_cause.is_none() && !is_stopped && set.contains(status.code())
        };
        let (is_success, is_fatal) = (is_in(&policy.success), is_in(&policy.fatal));
        let result = if is_success { WaitStatus::SUCCESS } else { status };
        let succeeded = result == WaitStatus::SUCCESS && !self.timed_out;
        self.last_status = Some(result);
        (self.cmd_stop, self.cmd_refused, self.to_pass_on) = (None, false, None);
        self.report_daemon_at = None;
        // 65 535 of 65 536 parts.
        let longest = |jitter: Duration| {
            let (seconds, nanoseconds) = jitter.as_timespec();
            let parts = (seconds * 1_000_000_000 + u64::from(nanoseconds)) / 65_536;
            Duration::from_nanos(parts * 65_535)
        };
        let jitters = self.jitters;
        let end = |from: Instant, delay: Delay| {
            let end = from.add(delay.time);
            if jitters { end.add(longest(delay.jitter)) } else { end }
        };
        let last_delay = policy.delays.last().copied();
        let last_delay = last_delay.unwrap_or(Delay::new(MIN_START_INTERVAL));
        self.failures = match succeeded {
            true => 0,
            false if started_at.until(now) > last_delay.time => 1,
            false => (self.failures + 1).min(policy.delays.len() + 1),
        };
        let entry = self.failures.max(1) - 1;
        self.next_start = end(started_at, policy.delays.get(entry).copied().unwrap_or(last_delay));
        if succeeded {
            self.next_start = self.next_start.max(end(now, policy.interval));
        }
        if self.stop_cause.is_some() {
            return;
        }
        let max = policy.restart_limit.max;
        let died_of_sigint = status == WaitStatus(Signal::INT.number());
        if policy.terminal && (self.was_typed() || died_of_sigint && !self.timed_out) {
            self.stop_cause = Some(StopCause::Requested);
            self.interrupted = died_of_sigint;
        } else if self.restarting {
            self.failures = 0;
            self.next_start = started_at.add(MIN_START_INTERVAL);
            self.restarting = false;
            return;
        } else if self.unready {
            let exit = if self.timed_out { 125 } else { result.code() };
            self.stop_cause = Some(StopCause::Finished(Exit(exit)));
        } else if policy.once && succeeded {
            self.stop_cause = Some(StopCause::Finished(Exit(0)));
        } else if is_fatal {
            self.stop_cause = Some(StopCause::Finished(Exit(status.code())));
        } else if let Some(max) = max {
            self.restarts += 1;
            if let Some(window) = policy.restart_limit.window {
                self.recent.retain(|then| then.until(now) <= window);
                self.restarts = 1 + self.recent.len() as u32;
                let _ = self.recent.push(now);
            }
            if self.restarts > max {
                let exit = if self.timed_out { 124 } else { result.code() };
                self.stop_cause = Some(StopCause::Finished(Exit(exit)));
            }
        }
        let is_short = started_at.until(now) < Duration::from_secs(5);
        let may_be_daemon = succeeded && is_short && !self.is_alone(Role::Cmd);
        if self.stop_cause.is_none() && may_be_daemon && !self.daemon_reported {
            self.report_daemon_at = Some(now.add(Duration::from_millis(100)));
        }
    }

    /// Reports whether the other processes of the run are left alone.
    fn is_alone(&self, role: Role) -> bool {
        role != Role::Log && self.policy.kill_mode == KillMode::Process
    }

    /// Reports whether a stop signal is a request for the terminal.
    fn asks_for_terminal(stop: Option<i32>) -> bool {
        [Signal::TTIN, Signal::TTOU].iter().any(|signal| stop == Some(signal.number()))
    }

    /// Reports whether the command must pause.
    fn must_pause(&self) -> bool {
        self.above || self.paused_by_signal
    }

    /// Reports whether the command is running, not paused and not stopping, or paused by a signal, which may last.
    pub fn is_running_normally(&self) -> bool {
        self.cmd.alive && self.cmd.paused && self.paused_by_signal
            || self.cmd.alive
                && self.cmd.stopped_at.is_none()
                && !self.cmd.paused
                && self.stop_cause.is_none()
    }
}

//! The supervisor's state machine. `applets/dmon/supervisor.rs` drives it.
//!
//! The machine does no I/O and reads no clock. Events go in through [`Machine::handle`], actions come out of
//! [`Machine::next_action`], and both receive the current time.
//!
//! The *current* state is one [`ChildState`] for the command and one for the logger. The *desired* state follows from
//! the policy, from `stopping` (everything must stop) and from `load_is_high` (the command must pause). Each action
//! is computed on demand from the difference between the two. No action is queued, so none can go stale.

mod action;
mod alive;
mod event;
mod finish;
mod hangup;
mod interrupt;
mod job_control;
mod restart;
mod state;
#[cfg(test)]
mod tests;

use crate::exit::Exit;
use crate::supervise::kill_mode::KillMode;
use crate::supervise::on_signal::SignalActions;
use crate::supervise::policy::Policy;
use crate::time::{Duration, Instant};
use crate::unix::{Pid, Signal, WaitStatus};
use alive::Alive;
use finish::Finish;
pub use finish::{RunEnd, Why};
use hangup::Hangup;
use interrupt::Interrupt;
use job_control::JobControl;
use restart::RestartHistory;
use state::{ChildState, DrainRestart, PendingSignals, StopReason};

/// The children that dmon supervises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The command.
    Cmd,
    /// The logger, which reads the command's output.
    Log,
    /// The command of `--finish`, which runs between two runs of the command.
    Finish,
}

impl Role {
    /// Returns the prefix of messages about this child.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cmd => "cmd ",
            Self::Log => "log ",
            Self::Finish => "finish ",
        }
    }
}

/// Minimum time between two starts of the same child, so that a command that exits at once cannot spin the CPU.
/// daemontools and sysvinit wait one second, too.
pub const MIN_START_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two samples of the load. The kernel computes a new load every five seconds (LOAD_FREQ,
/// include/linux/sched/loadavg.h).
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// Polling interval for leftover processes: it starts with the minimum and doubles after each sweep that finds any.
/// Usually SIGCHLD reports their exit; polling covers processes that are not our children.
const MIN_SWEEP_INTERVAL: Duration = Duration::from_millis(100);
const MAX_SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// A command that daemonizes itself exits with 0 within this time. Usually it takes milliseconds, but some first wait until
/// the daemon is ready.
const DAEMONIZE_TIME: Duration = Duration::from_secs(5);

/// Time after the exit of such a command for which its leftover processes are not stopped. Those of an ordinary command,
/// such as the process substitutions of bash, exit within milliseconds.
const TAIL_TIME: Duration = MIN_SWEEP_INTERVAL;

/// Time after SIGKILL until a warning that the process is still alive. Such a process hangs in the kernel.
const KILL_WARN_AFTER: Duration = Duration::from_secs(5);

/// Time for which a daemon's parent waits for its logger to read: at most 50 ms with the last interval. A logger that
/// cannot open its file exits within about a millisecond.
const LOG_CHECK_TIME: Duration = Duration::from_millis(49);

/// Polling interval of this wait. Usually the first look is enough: dlog reads 0.3 ms after its exec.
const LOG_CHECK_INTERVAL: Duration = Duration::from_nanos(250_000);

/// Something that happened, as the supervisor reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A start succeeded.
    Started(Role, Pid),
    /// No process or pipe could be created (`EAGAIN`, `ENOMEM`). The error is transient, so the start is retried.
    StartDeferred(Role),
    /// The child could not be prepared or executed. The exit status describes the failure.
    StartFailed(Role, Exit),
    /// A child exited and was reaped: the command, the logger or an adopted process.
    Exited(Pid, WaitStatus),
    /// A child was stopped by this signal.
    Suspended(Pid, Signal),
    /// The result of [`Action::Lend`]: false if dmon is in the background.
    Lent(bool),
    /// The result of [`Action::TakeBack`]: false if dmon is in the background.
    TakenBack(bool),
    /// The sentinel exited because of this signal to the command's process group. `None`: for another reason.
    SentinelExited(Option<Signal>),
    /// dmon continues after [`Action::Suspend`].
    Resumed,
    /// The result of a sweep: whether any leftover process was found.
    SweepDone { role: Role, found: bool },
    /// The result of [`Action::CheckLog`], if the logger waits for input.
    LogReads,
    /// The result of [`Action::CountUnread`].
    Unread { bytes: usize },
    /// dmon received a signal.
    Signal(Signal),
    /// dmon received SIGINT or SIGQUIT while its own process group is the foreground job: Ctrl-C or Ctrl-\.
    Key(Signal),
    /// The result of [`Action::CheckTerminal`]: whether the terminal no longer exists.
    TerminalChecked { gone: bool },
    /// The result of [`Action::SampleLoad`]: whether any metric is above its threshold.
    LoadSample { high: bool },
    /// A random number, before the first start. Later ones follow from it.
    Random(u32),
    /// The result of [`Action::CheckAlive`].
    AliveChecked { changed: bool },
    /// The command has reported that it is ready.
    Ready,
}

/// The next thing to do. All actions except `Wait`, `Suspend` and `Exit` complete at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Start the child. Answered by `Started`, `StartDeferred` or `StartFailed`.
    Start(Role),
    /// Send the stop signal to the process group that the child leads, or to the child `alone`, and SIGCONT to the
    /// group. `timed_out` is true if the run exceeded `--timeout`, false on shutdown.
    Stop { role: Role, group: Pid, timed_out: bool, alone: bool },
    /// Send SIGSTOP, SIGCONT or SIGKILL to the process group that the child leads. Or send SIGKILL, or a signal that dmon
    /// forwards, to the child `alone`.
    Signal { role: Role, run: Pid, signal: Signal, alone: bool },
    /// Look for leftover processes. Answered by `SweepDone`.
    Sweep(Sweep),
    /// Close dmon's write end of the log pipe, so that the logger reads the end of its input.
    ClosePipe,
    /// Suspend the command, if it is running, and dmon (Ctrl-Z). When dmon is resumed, resume the command. Answered by
    /// `Resumed`. `signal`: for dmon's process group, unless it has already received one.
    Suspend { cmd: Option<Pid>, signal: Option<Signal> },
    /// Make this process group, which the command leads, the foreground job of the terminal, and resume it. Answered by
    /// `Lent`.
    Lend { group: Pid },
    /// Make dmon's process group the foreground job again, if the command is, and resume it. Answered by `TakenBack`.
    TakeBack { cmd: Option<Pid> },
    /// Send a signal that dmon received from the terminal to the process group that the command leads.
    PassOn { group: Pid, signal: Signal },
    /// Start a sentinel in this process group, which the command leads. If that fails, the run has none.
    StartSentinel { group: Pid },
    /// Look whether the logger waits for input, and thus works. Answered by `LogReads`, or not at all.
    CheckLog(Pid),
    /// Look whether dmon's terminal still exists. Answered by `TerminalChecked`.
    CheckTerminal,
    /// Count the bytes in the log pipe. Answered by `Unread`.
    CountUnread,
    /// Report that this many bytes in the log pipe were never read.
    ReportUnread { bytes: usize },
    /// Sample the load. Answered by `LoadSample`. If the process group `paused` is paused, send it SIGSTOP again, in case
    /// another process has sent it SIGCONT.
    SampleLoad { paused: Option<Pid> },
    /// Look whether the file of `--alive` has changed since the last look or the start. Answered by `AliveChecked`.
    CheckAlive,
    /// Warn that this process, or process group, is still alive after SIGKILL.
    WarnUnkillable(Pid),
    /// Report that the command has daemonized itself: it has exited, and its leftover processes are stopped.
    ReportDaemon,
    /// Wait for an event, at most until this time.
    Wait(Option<Instant>),
    /// Exit: nothing is left to do, and no child is alive.
    Exit(Exit),
}

/// A search for the processes that a run left behind, and what to do with them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sweep {
    pub role: Role,
    /// The process group that the run led.
    pub group: Pid,
    /// This process group received the stop signal during the run.
    pub signalled: bool,
    /// Include all children of dmon, not only those of the run. True for the logger after the command is down for good,
    /// unless the command's other processes are left alone.
    pub all_children: bool,
    pub mode: SweepMode,
}

/// What a sweep does with the processes that it finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SweepMode {
    /// Only look.
    Check,
    /// Send SIGCONT to the process group of the run, which may be paused. Find nothing: all processes are left alone.
    Resume,
    /// Send the stop signal and SIGCONT, once to each process.
    Stop,
    /// Send SIGKILL.
    Kill,
}

/// The state machine: the current state of both children, and the desired state.
// Field order: see src/lib.rs.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Hash))]
#[repr(C)]
pub struct Machine<'a> {
    cmd: ChildState,
    /// Always true without a logger.
    log_started_once: bool,
    /// `Some` as soon as everything has to stop.
    stopping: Option<StopReason>,
    /// SIGTERM or SIGINT arrived.
    stop_requested: bool,
    /// SIGTERM or SIGINT arrived a second time.
    force_stop: bool,
    /// SIGINT killed the command or stopped dmon.
    interrupted: bool,
    /// It was reported that the command has daemonized itself. That is reported once.
    daemon_reported: bool,
    /// A daemon's command must still report that it is ready.
    unready: bool,
    job_control: JobControl,
    policy: &'a Policy,
    drain_restart: DrainRestart,
    hangup: Hangup,
    log: ChildState,
    cmd_started_once: bool,
    /// Deadline for the logger to drain the pipe; `None` until our write end is closed.
    drain_until: Option<Instant>,
    /// Ctrl-C during the current run.
    interrupt: Interrupt,
    finish: Finish,
    /// How the last run ended.
    run_end: RunEnd,
    /// When to report that the command has daemonized itself, if its last run may have. Until then its leftover processes
    /// are not stopped.
    report_daemon_at: Option<Instant>,
    /// The exit status of the command's last run; 0 before it.
    last_status: Exit,
    /// When the last start of the command was tried; before that, when dmon started.
    cmd_started_at: Instant,
    /// `--on-signal`: the end of this run is a restart, which is not a failure.
    restarting: bool,
    /// `--on-signal`: the command must pause.
    paused_by_signal: bool,
    /// A metric is above its threshold.
    load_is_high: bool,
    /// `None` if no metric is watched.
    next_sample: Option<Instant>,
    /// When to look whether the first logger of a daemon works. `None` before its start, and once it works.
    next_log_check: Option<Instant>,
    alive: Alive,
    /// PendingSignals to forward to the command, to the logger.
    forward_to_cmd: PendingSignals,
    forward_to_log: PendingSignals,
    restart_history: RestartHistory,
}

impl<'a> Machine<'a> {
    /// Returns the state before the first start of either child.
    #[must_use]
    pub fn new(policy: &'a Policy, now: Instant) -> Self {
        let down = ChildState::Down { not_before: now };
        Self {
            cmd: down,
            log: down,
            cmd_started_once: false,
            log_started_once: !policy.logged,
            stopping: None,
            next_log_check: None,
            stop_requested: false,
            force_stop: false,
            interrupted: false,
            interrupt: Interrupt::default(),
            alive: Alive::IDLE,
            finish: Finish::Done,
            run_end: RunEnd::NONE,
            hangup: Hangup::default(),
            job_control: JobControl::default(),
            daemon_reported: false,
            unready: policy.daemon && !policy.ready.is_zero(),
            report_daemon_at: None,
            drain_until: None,
            drain_restart: if policy.logged { DrainRestart::Available } else { DrainRestart::Done },
            last_status: Exit::SUCCESS,
            restart_history: RestartHistory::default(),
            cmd_started_at: now,
            restarting: false,
            paused_by_signal: false,
            load_is_high: false,
            next_sample: policy.thresholds.iter().any(Option::is_some).then_some(now),
            forward_to_cmd: PendingSignals::default(),
            forward_to_log: PendingSignals::default(),
            policy,
        }
    }

    /// Reports whether both children have started at least once.
    #[must_use]
    pub const fn is_started(&self) -> bool {
        self.cmd_started_once && self.log_started_once
    }

    /// Reports whether the start is complete, so that a daemon's parent may exit: both children have started, the command
    /// is ready, and the first logger works. If everything stops earlier for another reason, the start has succeeded,
    /// unless the command must report that it is ready.
    #[must_use]
    pub const fn is_launched(&self) -> bool {
        self.is_started()
            && !self.unready
            && match self.stopping {
                None => self.next_log_check.is_none(),
                Some(StopReason::StartFailed(_)) => false,
                Some(_) => true,
            }
    }

    /// Reports whether a daemon's command must still report that it is ready.
    #[must_use]
    pub const fn is_unready(&self) -> bool {
        self.unready
    }

    /// Reports whether an exit of the logger is an error now: for a daemon, whose logger's own messages are lost, unless
    /// everything stops.
    #[must_use]
    pub const fn is_log_exit_error(&self) -> bool {
        self.policy.daemon && self.stopping.is_none()
    }

    /// Reports whether Ctrl-C caused the shutdown. Then dmon must die of SIGINT, so that its parent, often a shell,
    /// stops as well.
    #[must_use]
    pub const fn was_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Returns the value of `--on-signal`.
    #[must_use]
    pub const fn on_signal(&self) -> &'a SignalActions {
        &self.policy.on_signal
    }

    /// Returns the command's PID if it is running and not paused.
    #[must_use]
    pub const fn running_cmd(&self) -> Option<Pid> {
        match self.cmd {
            ChildState::Up { pid, paused: false, .. } => Some(pid),
            ChildState::Up { .. }
            | ChildState::Down { .. }
            | ChildState::Stopping { .. }
            | ChildState::Leftovers(_) => None,
        }
    }

    /// Returns the role of the child with this PID; `None` for any other process.
    #[must_use]
    pub fn role_of(&self, child: Pid) -> Option<Role> {
        match Some(child) {
            pid if pid == self.cmd.pid() => Some(self.cmd_role()),
            pid if pid == self.log.pid() => Some(Role::Log),
            _ => None,
        }
    }

    /// Returns the time at which SIGKILL follows a stop signal that is sent `now`; `None`: never. A second SIGTERM
    /// kills the command at once, but not the logger, which may still have lines to write.
    fn kill_at(&self, role: Role, now: Instant) -> Option<Instant> {
        match role {
            Role::Cmd | Role::Finish if self.force_stop => Some(now),
            Role::Cmd | Role::Log | Role::Finish => {
                self.policy.kill_after.map(|time| now.add(time))
            }
        }
    }

    /// Returns the time after which the clock of a run ends it.
    fn run_limit(&self) -> Duration {
        let limit = self.policy.timeout.unwrap_or(Duration::MAX);
        if self.unready { limit.min(self.policy.ready) } else { limit }
    }

    /// Stops everything, unless that has begun for another reason.
    const fn stop_all(&mut self, reason: StopReason) {
        if self.stopping.is_none() {
            self.stopping = Some(reason);
        }
    }

    /// Returns which processes of a run are stopped. All processes of a logger belong to it.
    const fn kill_mode(&self, role: Role) -> KillMode {
        match role {
            Role::Cmd | Role::Finish => self.policy.kill_mode,
            Role::Log => KillMode::Group,
        }
    }

    const fn state(&mut self, role: Role) -> &mut ChildState {
        match role {
            Role::Cmd | Role::Finish => &mut self.cmd,
            Role::Log => &mut self.log,
        }
    }
}

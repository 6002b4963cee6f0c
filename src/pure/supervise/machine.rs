//! What dmon does next: a pure machine that is told facts and asked for orders.
//!
//! The loop in `keeper.rs` asks [`Machine::next`] and carries the order out; what it sees goes into
//! [`Machine::hear`]. An order is made when it is asked for, from all that is known then; there is no
//! list of orders that could be out of date. What *is* stands in the two [`Life`]s; what is *wanted* follows from `stopping`.

mod action;
mod event;
mod restart;
#[cfg(test)]
mod tests;

use crate::exit::Exit;
use crate::supervise::load::{self, Sample};
use crate::supervise::policy::Policy;
use crate::time::{Duration, Instant};
use crate::unix::{Pid, Signal, WaitStatus};
use restart::RestartHistory;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Cmd,
    Log,
}

impl Role {
    /// Before what is told about it.
    #[must_use]
    pub const fn label(self) -> &'static [u8] {
        match self {
            Self::Cmd => b"cmd ",
            Self::Log => b"log ",
        }
    }
}

/// From one start of a child to its next, at least: a command that dies as soon as it lives must not
/// keep the machine busy. The field's old supervisors and inits wait a second as well.
pub const MIN_START_INTERVAL: Duration = Duration::from_secs(1);

/// How often the load is read: the kernel computes it anew every 5 seconds (LOAD_FREQ of
/// kernel/sched/loadavg.c).
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// How soon we look again whether what a run left behind is gone; each time nothing has changed it takes
/// twice as long, up to a limit. Most of the time the death of a child tells us at once; this is for
/// those that are not our children.
const SWEEP_MIN: Duration = Duration::from_millis(100);
const SWEEP_MAX: Duration = Duration::from_secs(5);

/// How long after KILL a process that still lives is worth a warning: it hangs in the kernel.
const KILL_WARN_AFTER: Duration = Duration::from_secs(5);

/// What has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The start that was stop_requested has worked.
    Started(Role, Pid),
    /// It has not: no process could be made. That may pass.
    StartDeferred(Role),
    /// It has not: the command could not be made ready or executed.
    StartFailed(Role, Exit),
    /// A child, ours or adopted, has ended and been reaped.
    Exited(Pid, WaitStatus),
    /// A child was stopped by a signal.
    Suspended(Pid),
    /// The halt that was stop_requested is over.
    Resumed,
    /// The sweep that was stop_requested found something left, or not.
    SweepDone(Role, bool),
    /// The pipe that was looked into holds so many bytes.
    Unread(usize),
    /// A signal to dmon itself.
    Signal(Signal),
    LoadSample(Sample),
}

/// What to do now. Every order but `Wait` and `Quit` is done at once and never waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Answered by `Started`, `Refused` or `Unstarted`.
    Start(Role),
    /// Stop signal, then CONT, to the group that this child leads; because its run is late, or for good.
    Stop(Role, Pid, bool),
    /// To the group that this child leads.
    SignalGroup(Role, Pid, Signal),
    /// To this child alone.
    SignalChild(Role, Pid, Signal),
    /// Answered by `Swept`.
    Sweep(Sweep),
    /// Give up our end for writing, so that the logger comes to the end of its input.
    ClosePipe,
    /// The terminal has stopped the command that leads this group: stop too, until somebody lets us go on,
    /// then let it go on. Answered by `Resumed`.
    Suspend(Pid),
    /// See how much the pipe holds. Answered by `Unread`.
    CountUnread,
    /// So many bytes have found no reader: that has to be said.
    ReportUnread(usize),
    /// Answered by `Load`.
    SampleLoad,
    /// This child was sent KILL and does not die.
    WarnUnkillable(Pid),
    /// Nothing to do until then, or until a fact.
    Wait(Option<Instant>),
    /// All is done and everything is dead.
    Exit(Exit),
}

/// A look for what a run has left behind, and what to do to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sweep {
    pub role: Role,
    /// The group that the run has led.
    pub group: Pid,
    /// That group has had its stop signal with the run.
    pub signalled: bool,
    /// Everything that is left is meant: the other child is gone for good.
    pub all: bool,
    pub how: SweepMode,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SweepMode {
    Check,
    /// Those not told yet get the stop signal and CONT.
    Stop,
    Kill,
}

/// How long a run may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
enum RunDeadline {
    None,
    At(Instant),
    /// Paused with so much left.
    Paused(Duration),
}

/// Where one child stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
enum ChildState {
    Down {
        not_before: Instant,
    },
    Up {
        pid: Pid,
        started_at: Instant,
        limit: RunDeadline,
        paused: bool,
    },
    /// Was sent the stop signal; `late` because of its time limit.
    Stopping {
        pid: Pid,
        started_at: Instant,
        timed_out: bool,
        kill_at: Option<Instant>,
    },
    /// Was sent KILL.
    Killing {
        pid: Pid,
        started_at: Instant,
        timed_out: bool,
        warn_at: Option<Instant>,
    },
    /// Has ended and may have left processes behind.
    Leftovers(LeftoverState),
}

/// What is known of a run that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
struct LeftoverState {
    group: Pid,
    /// The group has had its stop signal with the run.
    signalled: bool,
    kill_at: Option<Instant>,
    /// Known from the first KILL on.
    warn_at: Option<Instant>,
    next_sweep: Instant,
    sweep_interval: Duration,
    /// The next run, once nothing is left.
    not_before: Instant,
}

/// Why everything is being stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
enum StopReason {
    /// TERM or INT.
    Requested,
    /// `--once`, and the command ended well.
    Succeeded,
    /// No restarts left after a run that ended so.
    RestartLimit(Exit),
    /// The very first start failed.
    StartFailed(Exit),
}

/// A few signals below 32.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
struct Signals(u32);

impl Signals {
    fn add(&mut self, signal: Signal) {
        self.0 |= 1_u32.wrapping_shl(signal.number().unsigned_abs());
    }

    fn take(&mut self) -> Option<Signal> {
        let lowest = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        i32::try_from(lowest).ok().filter(|n| *n < 32).and_then(Signal::new)
    }
}

// In this order: what is large comes last, so that the way to what is small is short.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Hash))]
#[repr(C)]
pub struct Machine<'a> {
    cmd: ChildState,
    log: ChildState,
    /// Both have started at least once (the logger: or is not wanted at all).
    cmd_started_once: bool,
    log_started_once: bool,
    stopping: Option<StopReason>,
    /// TERM or INT was heard once, twice.
    stop_requested: bool,
    force_stop: bool,
    /// Ctrl-C has ended it all.
    interrupted: bool,
    /// The command was stopped by the terminal.
    suspended: bool,
    /// Until when the logger may read on; `None` while the pipe is open.
    drain_until: Option<Instant>,
    drain_restart: DrainRestart,
    /// How the last run of the command ended.
    last: Option<WaitStatus>,
    /// Which of what is watched is high.
    above: [bool; load::KINDS],
    next_sample: Instant,
    for_cmd: Signals,
    for_log: Signals,
    policy: &'a Policy,
    restart_history: RestartHistory,
}

/// The logger's last chance: if it ends with data left in the pipe, it is started once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
enum DrainRestart {
    Available,
    Pending,
    /// It was started, or could not be.
    Used,
    /// And so many bytes are left all the same.
    StillUnread(usize),
    /// Nothing is left to read, or to say.
    Done,
}

impl<'a> Machine<'a> {
    #[must_use]
    pub fn new(policy: &'a Policy, now: Instant) -> Self {
        let down = ChildState::Down { not_before: now };
        Self {
            cmd: down,
            log: down,
            cmd_started_once: false,
            log_started_once: !policy.logged,
            stopping: None,
            stop_requested: false,
            force_stop: false,
            interrupted: false,
            suspended: false,
            drain_until: None,
            drain_restart: if policy.logged { DrainRestart::Available } else { DrainRestart::Done },
            last: None,
            restart_history: RestartHistory::default(),
            above: [false; load::KINDS],
            next_sample: now,
            for_cmd: Signals::default(),
            for_log: Signals::default(),
            policy,
        }
    }

    /// Both run for the first time: a daemon's parent may go.
    #[must_use]
    pub const fn is_started(&self) -> bool {
        self.cmd_started_once && self.log_started_once
    }

    /// When KILL follows a stop signal that is sent now. Only the command's end is hastened by a second
    /// order: the logger has lines to store.
    fn kill_at(&self, role: Role, now: Instant) -> Option<Instant> {
        match role {
            Role::Cmd if self.force_stop => Some(now),
            _ => self.policy.kill_after.map(|time| now.add(time)),
        }
    }

    /// Ctrl-C has ended it all: who waits for us shall see that.
    #[must_use]
    pub const fn was_interrupted(&self) -> bool {
        self.interrupted
    }

    /// The command, if it runs now and is not paused.
    #[must_use]
    pub const fn running(&self) -> Option<Pid> {
        match self.cmd {
            ChildState::Up { pid, paused: false, .. } => Some(pid),
            _ => None,
        }
    }

    /// Which child that is, if it is one.
    #[must_use]
    pub fn role_of(&self, child: Pid) -> Option<Role> {
        let is = |state: &ChildState| match state {
            ChildState::Up { pid, .. }
            | ChildState::Stopping { pid, .. }
            | ChildState::Killing { pid, .. } => *pid == child,
            ChildState::Down { .. } | ChildState::Leftovers(_) => false,
        };
        [(Role::Cmd, &self.cmd), (Role::Log, &self.log)]
            .into_iter()
            .find(|one| is(one.1))
            .map(|one| one.0)
    }

    const fn state(&mut self, role: Role) -> &mut ChildState {
        match role {
            Role::Cmd => &mut self.cmd,
            Role::Log => &mut self.log,
        }
    }
}

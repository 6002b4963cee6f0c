//! What dmon does next: a pure machine that is told facts and asked for orders.
//!
//! The loop in `keeper.rs` asks [`Machine::next`] and carries the order out; what it sees goes into
//! [`Machine::hear`]. An order is made when it is asked for, from all that is known then; there is no
//! list of orders that could be out of date. What *is* stands in the two [`Life`]s; what is *wanted* follows from `stopping`.

mod hear;
mod next;
mod rerun;
#[cfg(test)]
mod tests;

use crate::applets::dmon::load::{self, Reading, Watch};
use crate::pure::fault::Exit;
use crate::pure::time::{Duration, Instant};
use crate::pure::unix::{Pid, Signal, Status};
use heapless::Vec;
use rerun::Reruns;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Cmd,
    Log,
}

impl Who {
    /// Before what is told about it.
    #[must_use]
    pub const fn word(self) -> &'static [u8] {
        match self {
            Self::Cmd => b"cmd ",
            Self::Log => b"log ",
        }
    }
}

/// From one start of a child to its next, at least: a command that dies as soon as it lives must not
/// keep the machine busy. The field's old supervisors and inits wait a second as well.
pub const SPACING: Duration = Duration::seconds(1);

/// How often the load is read: the kernel computes it anew every 5 seconds (LOAD_FREQ of
/// kernel/sched/loadavg.c).
const LOAD_PERIOD: Duration = Duration::seconds(5);

/// How soon we look again whether what a run left behind is gone; each time nothing has changed it takes
/// twice as long, up to a limit. Most of the time the death of a child tells us at once; this is for
/// those that are not our children.
const LOOK_AGAIN: Duration = Duration::milliseconds(100);
const LOOK_SELDOM: Duration = Duration::seconds(5);

/// How long after KILL a process that still lives is worth a warning: it hangs in the kernel.
const UNKILLABLE: Duration = Duration::seconds(5);

/// The most restarts that can be counted within a time.
pub const MOST_RECENT: usize = 64;

/// The most entries of a list of delays.
pub const MOST_DELAYS: usize = 16;

/// What the command line asks for, as far as it decides what happens when.
// In this order: what is large comes last, so that the way to what is small is short.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Policy {
    /// There is a log command.
    pub logged: bool,
    pub once: bool,
    pub respawns: Respawns,
    pub interval: Duration,
    pub timeout: Option<Duration>,
    /// `None`: never.
    pub kill_after: Option<Duration>,
    pub drain: Duration,
    pub watch: Watch,
    pub forward_cmd: bool,
    pub forward_log: bool,
    /// The command is started in a terminal, where Ctrl-C ends everything and Ctrl-Z stops everything.
    pub terminal: bool,
    /// Empty: [`SPACING`].
    pub delays: Vec<Duration, MOST_DELAYS>,
}

/// How many restarts there may be, `None` for no limit; in all, or within `window`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Respawns {
    pub most: Option<u32>,
    pub window: Option<Duration>,
}

impl Default for Policy {
    /// What a command line without options asks for.
    fn default() -> Self {
        Self {
            logged: false,
            once: false,
            respawns: Respawns::default(),
            delays: Vec::new(),
            interval: Duration::ZERO,
            timeout: None,
            kill_after: Some(Duration::seconds(10)),
            drain: Duration::seconds(5),
            watch: [None; load::KINDS],
            forward_cmd: false,
            forward_log: false,
            terminal: false,
        }
    }
}

/// What has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// The start that was ordered has worked.
    Started(Who, Pid),
    /// It has not: no process could be made. That may pass.
    Refused(Who),
    /// It has not: the command could not be made ready or executed.
    Unstarted(Who, Exit),
    /// A child, ours or adopted, has ended and been reaped.
    Ended(Pid, Status),
    /// A child was stopped by a signal.
    Stopped(Pid),
    /// The halt that was ordered is over.
    Resumed,
    /// The sweep that was ordered found something left, or not.
    Swept(Who, bool),
    /// The pipe that was looked into holds so many bytes.
    Unread(usize),
    /// A signal to dmon itself.
    Asked(Signal),
    Load(Reading),
}

/// What to do now. Every order but `Wait` and `Quit` is done at once and never waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Answered by `Started`, `Refused` or `Unstarted`.
    Start(Who),
    /// Stop signal, then CONT, to the group that this child leads; because its run is late, or for good.
    Stop(Who, Pid, bool),
    /// To the group that this child leads.
    SendGroup(Who, Pid, Signal),
    /// To this child alone.
    Send(Who, Pid, Signal),
    /// Answered by `Swept`.
    Sweep(Sweep),
    /// Give up our end for writing, so that the logger comes to the end of its input.
    ClosePipe,
    /// The terminal has stopped the command that leads this group: stop too, until somebody lets us go on,
    /// then let it go on. Answered by `Resumed`.
    Halt(Pid),
    /// See how much the pipe holds. Answered by `Unread`.
    Peek,
    /// So many bytes have found no reader: that has to be said.
    Lament(usize),
    /// Answered by `Load`.
    ReadLoad,
    /// This child was sent KILL and does not die.
    Warn(Pid),
    /// Nothing to do until then, or until a fact.
    Wait(Option<Instant>),
    /// All is done and everything is dead.
    Quit(Exit),
}

/// A look for what a run has left behind, and what to do to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sweep {
    pub who: Who,
    /// The group that the run has led.
    pub group: Pid,
    /// That group has had its stop signal with the run.
    pub told: bool,
    /// Everything that is left is meant: the other child is gone for good.
    pub all: bool,
    pub how: How,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    Look,
    /// Those not told yet get the stop signal and CONT.
    Stop,
    Kill,
}

/// How long a run may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
enum Limit {
    Never,
    At(Instant),
    /// Paused with so much left.
    Held(Duration),
}

/// Where one child stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
enum Life {
    Down {
        not_before: Instant,
    },
    Up {
        pid: Pid,
        since: Instant,
        limit: Limit,
        paused: bool,
    },
    /// Was sent the stop signal; `late` because of its time limit.
    Dying {
        pid: Pid,
        since: Instant,
        late: bool,
        kill_at: Option<Instant>,
    },
    /// Was sent KILL.
    Killed {
        pid: Pid,
        since: Instant,
        late: bool,
        warn_at: Option<Instant>,
    },
    /// Has ended and may have left processes behind.
    Left(Left),
}

/// What is known of a run that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
struct Left {
    group: Pid,
    /// The group has had its stop signal with the run.
    told: bool,
    kill_at: Option<Instant>,
    /// Known from the first KILL on.
    warn_at: Option<Instant>,
    look_at: Instant,
    pause: Duration,
    /// The next run, once nothing is left.
    not_before: Instant,
}

/// Why everything is being stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
enum Reason {
    /// TERM or INT.
    Order,
    /// `--once`, and the command ended well.
    Done,
    /// No restarts left after a run that ended so.
    GivenUp(Exit),
    /// The very first start failed.
    Failed(Exit),
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
    cmd: Life,
    log: Life,
    /// Both have started at least once (the logger: or is not wanted at all).
    cmd_began: bool,
    log_began: bool,
    stopping: Option<Reason>,
    /// TERM or INT was heard once, twice.
    ordered: bool,
    hasty: bool,
    /// Ctrl-C has ended it all.
    interrupted: bool,
    /// The command was stopped by the terminal.
    halted: bool,
    /// Until when the logger may read on; `None` while the pipe is open.
    drain_until: Option<Instant>,
    encore: Encore,
    /// How the last run of the command ended.
    last: Option<Status>,
    /// Which of what is watched is high.
    high: [bool; load::KINDS],
    read_load_at: Instant,
    for_cmd: Signals,
    for_log: Signals,
    policy: &'a Policy,
    reruns: Reruns,
}

/// The logger's last chance: if it ends with data left in the pipe, it is started once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
enum Encore {
    Possible,
    Wanted,
    /// It was started, or could not be.
    Spent,
    /// And so many bytes are left all the same.
    InVain(usize),
    /// Nothing is left to read, or to say.
    Over,
}

impl<'a> Machine<'a> {
    #[must_use]
    pub fn new(policy: &'a Policy, now: Instant) -> Self {
        let down = Life::Down { not_before: now };
        Self {
            cmd: down,
            log: down,
            cmd_began: false,
            log_began: !policy.logged,
            stopping: None,
            ordered: false,
            hasty: false,
            interrupted: false,
            halted: false,
            drain_until: None,
            encore: if policy.logged { Encore::Possible } else { Encore::Over },
            last: None,
            reruns: Reruns::default(),
            high: [false; load::KINDS],
            read_load_at: now,
            for_cmd: Signals::default(),
            for_log: Signals::default(),
            policy,
        }
    }

    /// Both run for the first time: a daemon's parent may go.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.cmd_began && self.log_began
    }

    /// When KILL follows a stop signal that is sent now. Only the command's end is hastened by a second
    /// order: the logger has lines to store.
    fn kill_at(&self, who: Who, now: Instant) -> Option<Instant> {
        match who {
            Who::Cmd if self.hasty => Some(now),
            _ => self.policy.kill_after.map(|time| now.plus(time)),
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
            Life::Up { pid, paused: false, .. } => Some(pid),
            _ => None,
        }
    }

    /// Which child that is, if it is one.
    #[must_use]
    pub fn whose(&self, child: Pid) -> Option<Who> {
        let is = |life: &Life| match life {
            Life::Up { pid, .. } | Life::Dying { pid, .. } | Life::Killed { pid, .. } => {
                *pid == child
            }
            Life::Down { .. } | Life::Left(_) => false,
        };
        [(Who::Cmd, &self.cmd), (Who::Log, &self.log)]
            .into_iter()
            .find(|one| is(one.1))
            .map(|one| one.0)
    }

    const fn life(&mut self, who: Who) -> &mut Life {
        match who {
            Who::Cmd => &mut self.cmd,
            Who::Log => &mut self.log,
        }
    }
}

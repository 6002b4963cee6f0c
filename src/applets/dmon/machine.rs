//! What dmon does next: a pure machine that is told facts and asked for orders.
//!
//! The loop in `mod.rs` asks [`Machine::next`] and carries the order out; what it sees goes into
//! [`Machine::hear`]. Each order is decided on the newest facts: nothing is queued that could go
//! stale. What *is* stands in the two [`Life`]s; what is *wanted* follows from `stopping`.

use super::load::{Limits, Reading};
use crate::pure::fault::Exit;
use crate::pure::time::{Duration, Instant, sooner};
use crate::pure::unix::{Pid, Signal, Status};
use core::ops::ControlFlow::{self, Break, Continue};
use heapless::{Deque, Vec};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Cmd,
    Log,
}

/// Least time between two starts of one child. A command that fails at once would otherwise fill the
/// machine with forks; one second is what daemontools has proved.
pub const SPACING: Duration = Duration::seconds(1);

/// How often the load is read: the kernel computes it anew every 5 seconds (LOAD_FREQ of
/// kernel/sched/loadavg.c).
const LOAD_PERIOD: Duration = Duration::seconds(5);

/// How often we look again whether what a run left behind is gone. Most of the time the death of a
/// child tells us at once; this is for kernels where we cannot adopt it.
const LOOK_AGAIN: Duration = Duration::milliseconds(100);

/// How long after KILL a process that still lives is worth a warning: it hangs in the kernel.
const UNKILLABLE: Duration = Duration::seconds(5);

/// The most restarts that can be counted within a time.
pub const MOST_RECENT: usize = 64;

/// The most entries of a list of delays.
pub const MOST_DELAYS: usize = 16;

/// What the command line asks for, as far as it decides what happens when.
#[derive(Clone, Debug)]
pub struct Policy {
    /// There is a log command.
    pub logged: bool,
    pub once: bool,
    /// How many restarts, `None` for no limit; in all, or within `window`.
    pub respawns: Option<u32>,
    pub window: Option<Duration>,
    /// Never empty in use; empty counts as [`SPACING`].
    pub delays: Vec<Duration, MOST_DELAYS>,
    pub interval: Duration,
    pub timeout: Option<Duration>,
    /// `None`: never.
    pub kill_after: Option<Duration>,
    pub drain: Duration,
    pub load: Option<Limits>,
    pub forward_cmd: bool,
    pub forward_log: bool,
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
    /// The sweep that was ordered found something left, or not.
    Swept(Who, bool),
    /// The pipe that was looked into holds something, or not.
    Unread(bool),
    /// A signal to dmon itself.
    Asked(Signal),
    Load(Reading),
}

/// What to do now. Every order but `Wait` and `Quit` is done at once and never waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Answered by `Started`, `Refused` or `Unstarted`.
    Start(Who),
    /// Stop signal, then CONT, to the group that this child leads.
    Stop(Pid),
    /// To the group that this child leads.
    SendGroup(Pid, Signal),
    /// To this child alone.
    Send(Pid, Signal),
    /// End what the run of `group` has left behind: those not told yet get the stop signal, or all
    /// get KILL. Answered by `Swept`.
    Sweep { who: Who, group: Pid, told: bool, kill: bool },
    /// Give up our end for writing, so that the logger comes to the end of its input.
    ClosePipe,
    /// See whether the pipe holds something. Answered by `Unread`.
    Peek,
    /// Answered by `Load`.
    ReadLoad,
    /// This child was sent KILL and does not die.
    Warn(Pid),
    /// Nothing to do until then, or until a fact.
    Wait(Option<Instant>),
    /// All is done and everything is dead.
    Quit(Exit),
}

/// How long a run may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Limit {
    Never,
    At(Instant),
    /// Paused with so much left.
    Held(Duration),
}

/// Where one child stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
    /// Has ended and may have left processes behind, which are `told` to stop with it or yet to tell.
    Left {
        group: Pid,
        told: bool,
        kill_at: Option<Instant>,
        look_at: Instant,
        not_before: Instant,
    },
}

/// Why everything is being stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
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

/// An order, or the moment at which there may be one.
type Flow = ControlFlow<Order, Option<Instant>>;

#[derive(Clone, Debug)]
pub struct Machine {
    policy: Policy,
    cmd: Life,
    log: Life,
    /// Both have started at least once (the logger: or is not wanted at all).
    cmd_began: bool,
    log_began: bool,
    stopping: Option<Reason>,
    /// TERM or INT was heard once, twice.
    ordered: bool,
    hasty: bool,
    /// Until when the logger may read on; `None` while the pipe is open.
    drain_until: Option<Instant>,
    /// The logger may be started once more in the drain; it is wanted so.
    encore: Encore,
    last: Option<Status>,
    bad_in_row: usize,
    respawned: u32,
    recent: Deque<Instant, MOST_RECENT>,
    high: bool,
    read_load_at: Instant,
    for_cmd: Signals,
    for_log: Signals,
}

/// The logger's last chance: if it ends with data left in the pipe, it is started once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Encore {
    Possible,
    Wanted,
    Over,
}

impl Machine {
    #[must_use]
    pub fn new(policy: Policy, now: Instant) -> Self {
        let down = Life::Down { not_before: now };
        Self {
            cmd: down,
            log: down,
            cmd_began: false,
            log_began: !policy.logged,
            stopping: None,
            ordered: false,
            hasty: false,
            drain_until: None,
            encore: if policy.logged { Encore::Possible } else { Encore::Over },
            last: None,
            bad_in_row: 0,
            respawned: 0,
            recent: Deque::new(),
            high: false,
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

    /// The order of the moment.
    pub fn next(&mut self, now: Instant) -> Order {
        match self.decide(now) {
            Break(order) => order,
            Continue(deadline) => Order::Wait(deadline),
        }
    }

    fn decide(&mut self, now: Instant) -> Flow {
        let load = self.watch_load(now)?;
        let log = self.tend_log(now)?;
        let cmd = self.tend_cmd(now)?;
        self.finish(now)?;
        Continue(sooner(load, sooner(log, cmd)))
    }

    fn watch_load(&self, now: Instant) -> Flow {
        match self.policy.load {
            Some(_) if self.stopping.is_none() => {
                if now >= self.read_load_at {
                    return Break(Order::ReadLoad);
                }
                Continue(Some(self.read_load_at))
            }
            _ => Continue(None),
        }
    }

    fn tend_cmd(&mut self, now: Instant) -> Flow {
        match &mut self.cmd {
            // The logger first, so that the first line has a reader.
            Life::Down { .. } if self.stopping.is_some() || !self.log_began => Continue(None),
            Life::Down { not_before } => start(Who::Cmd, *not_before, now),
            Life::Up { .. } if self.stopping.is_some() => self.stop(Who::Cmd, false, now),
            Life::Up { limit: Limit::At(end), .. } if *end <= now => self.stop(Who::Cmd, true, now),
            Life::Up { pid, limit, paused, .. } => {
                if *paused != self.high {
                    *paused = self.high;
                    *limit = limit.held(self.high, now);
                    let signal = if self.high { Signal::STOP } else { Signal::CONT };
                    return Break(Order::SendGroup(*pid, signal));
                }
                if let Some(signal) = self.for_cmd.take() {
                    return Break(Order::Send(*pid, signal));
                }
                match limit {
                    Limit::At(end) => Continue(Some(*end)),
                    Limit::Never | Limit::Held(_) => Continue(None),
                }
            }
            Life::Dying { .. } | Life::Killed { .. } | Life::Left { .. } => {
                self.bury(Who::Cmd, now)
            }
        }
    }

    fn tend_log(&mut self, now: Instant) -> Flow {
        match (&self.log, self.drain_until) {
            (Life::Down { .. }, None) if !self.policy.logged || self.is_over() => Continue(None),
            (Life::Down { .. }, Some(_)) if self.encore != Encore::Wanted => Continue(None),
            (Life::Down { not_before }, _) => start(Who::Log, *not_before, now),
            (Life::Up { .. }, Some(end)) if end <= now => self.stop(Who::Log, false, now),
            (Life::Up { pid, .. }, end) => match self.for_log.take() {
                Some(signal) => Break(Order::Send(*pid, signal)),
                None => Continue(end),
            },
            (Life::Dying { .. } | Life::Killed { .. } | Life::Left { .. }, _) => {
                self.bury(Who::Log, now)
            }
        }
    }

    /// There is nothing to log any more and never will be.
    const fn is_over(&self) -> bool {
        matches!(self.stopping, Some(Reason::Failed(_)))
    }

    /// The last steps, once the command is gone: end of input, the logger's end, ours.
    fn finish(&mut self, now: Instant) -> ControlFlow<Order> {
        let (Some(reason), Life::Down { .. }) = (self.stopping, self.cmd) else {
            return Continue(());
        };
        if self.policy.logged && self.drain_until.is_none() {
            self.drain_until = Some(now.plus(self.policy.drain));
            return Break(Order::ClosePipe);
        }
        match (self.log, self.encore) {
            (Life::Down { .. }, Encore::Possible) => {
                self.encore = Encore::Over;
                Break(Order::Peek)
            }
            (Life::Down { .. }, Encore::Over) => Break(Order::Quit(self.exit(reason))),
            _ => Continue(()),
        }
    }

    fn exit(&self, reason: Reason) -> Exit {
        match reason {
            Reason::Done => Exit::FINE,
            Reason::GivenUp(exit) | Reason::Failed(exit) => exit,
            Reason::Order => Exit(self.last.map_or(0, Status::code)),
        }
    }

    const fn life(&mut self, who: Who) -> &mut Life {
        match who {
            Who::Cmd => &mut self.cmd,
            Who::Log => &mut self.log,
        }
    }

    /// Begins the stop sequence of a child that is up.
    fn stop(&mut self, who: Who, late: bool, now: Instant) -> Flow {
        let kill_at = self.policy.kill_after.map(|d| now.plus(d));
        let life = self.life(who);
        let Life::Up { pid, since, .. } = *life else {
            return Continue(None);
        };
        *life = Life::Dying { pid, since, late, kill_at };
        if who == Who::Log {
            self.encore = Encore::Over;
        }
        Break(Order::Stop(pid))
    }

    /// The rest of the stop sequence, and the end of what the run has left behind.
    fn bury(&mut self, who: Who, now: Instant) -> Flow {
        let hasty = self.hasty;
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let life = self.life(who);
        match *life {
            Life::Dying { pid, since, late, kill_at } if hasty || due(kill_at) => {
                *life = Life::Killed { pid, since, late, warn_at: Some(now.plus(UNKILLABLE)) };
                Break(Order::SendGroup(pid, Signal::KILL))
            }
            Life::Dying { kill_at, .. } => Continue(kill_at),
            Life::Killed { pid, since, late, warn_at } if due(warn_at) => {
                *life = Life::Killed { pid, since, late, warn_at: None };
                Break(Order::Warn(pid))
            }
            Life::Killed { warn_at, .. } => Continue(warn_at),
            Life::Left { group, told, kill_at, look_at, .. } if look_at <= now => {
                Break(Order::Sweep { who, group, told, kill: hasty || due(kill_at) })
            }
            Life::Left { look_at, .. } => Continue(Some(look_at)),
            Life::Down { .. } | Life::Up { .. } => Continue(None),
        }
    }

    /// Takes in a fact.
    pub fn hear(&mut self, now: Instant, fact: Fact) {
        match fact {
            Fact::Started(who, pid) => self.started(who, pid, now),
            Fact::Refused(who) => {
                *self.life(who) = Life::Down { not_before: now.plus(SPACING) };
                if who == Who::Log && self.drain_until.is_some_and(|end| end <= now) {
                    self.encore = Encore::Over;
                }
            }
            Fact::Unstarted(who, exit) => self.unstarted(who, exit, now),
            Fact::Ended(pid, status) => self.ended(pid, status, now),
            Fact::Swept(who, left) => {
                if let Life::Left { look_at, not_before, .. } = self.life(who) {
                    if left {
                        *look_at = now.plus(LOOK_AGAIN);
                    } else {
                        *self.life(who) = Life::Down { not_before: *not_before };
                    }
                }
            }
            Fact::Unread(unread) => {
                self.encore = if unread { Encore::Wanted } else { Encore::Over };
            }
            Fact::Asked(Signal::TERM | Signal::INT) => {
                self.hasty = self.ordered;
                self.ordered = true;
                self.stopping = self.stopping.or(Some(Reason::Order));
            }
            Fact::Asked(signal) => self.forward(signal),
            Fact::Load(reading) => {
                self.read_load_at = now.plus(LOAD_PERIOD);
                self.high =
                    self.policy.load.is_some_and(|limits| limits.is_high(reading, self.high));
            }
        }
    }

    fn started(&mut self, who: Who, pid: Pid, now: Instant) {
        let limit = match (who, self.policy.timeout) {
            (Who::Cmd, Some(time)) => Limit::At(now.plus(time)),
            _ => Limit::Never,
        };
        *self.life(who) = Life::Up { pid, since: now, limit, paused: false };
        match who {
            Who::Cmd => self.cmd_began = true,
            Who::Log => self.log_began = true,
        }
        if who == Who::Log && self.drain_until.is_some() {
            self.encore = Encore::Over;
            self.drain_until = Some(now.plus(self.policy.drain));
        }
    }

    fn unstarted(&mut self, who: Who, exit: Exit, now: Instant) {
        *self.life(who) = Life::Down { not_before: now.plus(SPACING) };
        match who {
            Who::Cmd if self.cmd_began => {
                let not_before = self.judge(Status::exited(exit.0), false, now, now);
                self.cmd = Life::Down { not_before };
            }
            Who::Log if self.log_began => {
                if self.drain_until.is_some() {
                    self.encore = Encore::Over;
                }
            }
            Who::Cmd | Who::Log => self.stopping = self.stopping.or(Some(Reason::Failed(exit))),
        }
    }

    fn ended(&mut self, dead: Pid, status: Status, now: Instant) {
        for who in [Who::Cmd, Who::Log] {
            let fresh = self.policy.kill_after.map(|d| now.plus(d));
            let (since, late, told, kill_at) = match *self.life(who) {
                Life::Up { pid, since, .. } if pid == dead => (since, false, false, fresh),
                Life::Dying { pid, since, late, kill_at } if pid == dead => {
                    (since, late, true, kill_at)
                }
                Life::Killed { pid, since, late, .. } if pid == dead => {
                    (since, late, true, Some(now))
                }
                Life::Left { ref mut look_at, .. } => {
                    // Perhaps the last of them, perhaps the parent of more.
                    *look_at = now;
                    continue;
                }
                _ => continue,
            };
            let not_before = match who {
                Who::Cmd => self.judge(status, late, since, now),
                Who::Log => since.plus(SPACING),
            };
            *self.signals(who) = Signals::default();
            *self.life(who) = Life::Left { group: dead, told, kill_at, look_at: now, not_before };
        }
    }

    /// A run of the command is over: whether there is another, and when at the soonest.
    fn judge(&mut self, status: Status, late: bool, since: Instant, now: Instant) -> Instant {
        let well = status.is_well() && !late;
        self.last = Some(status);
        let longest = self.policy.delays.last().copied().unwrap_or(SPACING);
        let first_of_row = since.until(now) > longest;
        self.bad_in_row = match (well, first_of_row) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => self.bad_in_row.saturating_add(1),
        };
        if self.stopping.is_none() {
            if self.policy.once && well {
                self.stopping = Some(Reason::Done);
            } else if !self.may_respawn(now) {
                let exit = if late { Exit::TIMED_OUT } else { Exit(status.code()) };
                self.stopping = Some(Reason::GivenUp(exit));
            }
        }
        let entry = self.policy.delays.get(self.bad_in_row.saturating_sub(1));
        let spaced = since.plus(*entry.unwrap_or(&longest));
        let rested = if well { now.plus(self.policy.interval) } else { now };
        spaced.max(rested)
    }

    /// Counts one more restart, if it is allowed.
    fn may_respawn(&mut self, now: Instant) -> bool {
        let Some(most) = self.policy.respawns else {
            return true;
        };
        let Some(window) = self.policy.window else {
            self.respawned = self.respawned.saturating_add(1);
            return self.respawned <= most;
        };
        while self.recent.front().is_some_and(|then| then.until(now) > window) {
            self.recent.pop_front();
        }
        let few = usize::try_from(most).is_ok_and(|most| self.recent.len() < most);
        few && self.recent.push_back(now).is_ok()
    }

    const fn signals(&mut self, who: Who) -> &mut Signals {
        match who {
            Who::Cmd => &mut self.for_cmd,
            Who::Log => &mut self.for_log,
        }
    }

    fn forward(&mut self, signal: Signal) {
        // CONT would undo the pause that the load has brought.
        let undoes = signal == Signal::CONT && matches!(self.cmd, Life::Up { paused: true, .. });
        if self.policy.forward_cmd && matches!(self.cmd, Life::Up { .. }) && !undoes {
            self.for_cmd.add(signal);
        }
        if self.policy.forward_log && matches!(self.log, Life::Up { .. }) {
            self.for_log.add(signal);
        }
    }
}

/// A child that is down and wanted: its start, or the wait for it.
fn start(who: Who, not_before: Instant, now: Instant) -> Flow {
    if not_before <= now { Break(Order::Start(who)) } else { Continue(Some(not_before)) }
}

impl Limit {
    /// The same limit once the run is paused, or goes on.
    const fn held(self, paused: bool, now: Instant) -> Self {
        match self {
            Self::At(end) if paused => Self::Held(now.until(end)),
            Self::Held(left) if !paused => Self::At(now.plus(left)),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;

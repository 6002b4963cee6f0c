//! The world that the machine is tried in, as it looks from outside: who lives, what has been told to
//! whom, and what the manual says must come of it. It knows nothing of how the machine thinks. Test code.

use crate::cli::value::Load;
use crate::exit::Exit;
use crate::supervise::load::Sample;
use crate::supervise::machine::{
    Action, Event, KILL_WARN_AFTER, MIN_START_INTERVAL, Machine, Policy, Role, SWEEP_MAX, Sweep,
    SweepMode,
};
use crate::time::{Duration, Instant};
use crate::unix::{Pid, Signal, WaitStatus};
use heapless::Vec as Few;
use std::hash::Hash;

/// Where the clock begins: so far away that a moment is told from a span by its size.
pub const BEGINNING: u64 = 1 << 62;

/// The bytes that a pipe holds when the logger has not read all.
const UNREAD: usize = 7;

/// A death that the machine hears of: what one of its children has left behind.
const ORPHAN: i32 = 900;

/// SweepMode far the clock leaps: far beyond all that a policy names.
const LEAP: Duration = Duration::from_secs(10_000);

/// A child and what it has left behind, as the world knows them.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Child {
    alive: bool,
    /// The number of the last run; the next has another.
    pid: i32,
    /// A start has worked once.
    began: bool,
    last_start: Option<Instant>,
    /// When it was sent the stop signal; whether KILL too, since it was asked for the last time.
    told: Option<Instant>,
    killed: bool,
    /// An order to stop has come when it was to end anyway.
    hurried: bool,
    paused: bool,
    /// A signal that is to be passed on to it, and has not been yet.
    owed: Option<i32>,
    /// Something that the last run has left behind lives; whether it was sent the stop signal, KILL.
    left: bool,
    left_told: bool,
    left_killed: bool,
    /// When it had to be gone: from its end on, or, as the logger, when no more may be read.
    patience: Option<Instant>,
    /// Of what it has left somebody has ended: it is worth a look.
    look_owed: bool,
    /// When it is worth a warning that it lives on after KILL.
    warn_at: Option<Instant>,
}

/// Why dmon is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Why {
    /// TERM, INT or Ctrl-C: with the status of the last run.
    Ordered,
    /// With that.
    Over(Exit),
    /// With that, and there is nothing to log.
    Failed(Exit),
}

#[derive(Clone, Debug, Hash)]
pub struct Model<'a> {
    policy: &'a Policy,
    pub machine: Machine<'a>,
    pub now: Instant,
    cmd: Child,
    log: Child,
    why: Option<Why>,
    /// SweepMode many orders to stop there were, up to two.
    orders: u8,
    interrupted: bool,
    /// SweepMode the command's last run ended; whether the one of now has lasted too long.
    last: Option<WaitStatus>,
    timed_out: bool,
    /// When its time is over, if no pause comes.
    runs_out: Option<Instant>,
    /// The terminal has stopped it.
    suspended: bool,
    high: bool,
    /// When the next run may begin; how many have failed in a row.
    due: Instant,
    failed: usize,
    /// SweepMode many restarts there were; or when, if only those of some time count.
    restarts: u32,
    recent: Few<Instant, 2>,
    /// Once the pipe is closed: until when the logger may read on, what it has left unread and nobody has
    /// said so, and how often it was started again.
    reads_until: Option<Instant>,
    unread: usize,
    encores: u8,
}

/// What may happen while dmon waits.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    Deadline,
    /// dmon was stopped, or the machine slept: it is far later than it was to be.
    Leap,
    Dies(Role, WaitStatus, bool),
    /// The order to stop and the death come together.
    DiesToo(Role),
    BothDie,
    Stops(Role),
    /// The last of what was left behind goes, and the machine hears of it, or not: it was no child of ours.
    LeftGoes(Role, bool),
    /// One of several.
    Orphan,
    Signal(Signal),
}

/// SweepMode the children take it that they are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// They end at the stop signal, the logger at the end of its input.
    Prompt,
    /// They end at the stop signal only.
    Slow,
    /// They end at KILL only, and leave somebody who is the same.
    Deaf,
}

fn pid(number: i32) -> Pid {
    Pid::new(number).unwrap()
}

impl<'a> Model<'a> {
    pub fn new(policy: &'a Policy) -> Self {
        let now = Instant::from_clock(Duration::from_nanos(BEGINNING));
        let child = |pid| Child { pid, ..Child::default() };
        Self {
            policy,
            machine: Machine::new(policy, now),
            now,
            cmd: child(100),
            log: child(200),
            why: None,
            orders: 0,
            interrupted: false,
            last: None,
            timed_out: false,
            runs_out: None,
            suspended: false,
            high: false,
            due: now,
            failed: 0,
            restarts: 0,
            recent: Few::new(),
            reads_until: None,
            unread: 0,
            encores: 0,
        }
    }

    pub fn is_ending(&self) -> bool {
        self.why.is_some()
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

    fn owner(&mut self, role: Role, pid: Pid) -> &mut Child {
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

    /// Time goes on; that of the command only if it is not paused.
    fn pass(&mut self, time: Duration) {
        self.now = self.now.add(time);
        if self.cmd.paused {
            self.runs_out = self.runs_out.map(|end| end.add(time));
        }
    }

    /// All that may follow from an order that is answered: one world an answer, the likely one first.
    pub fn answers(mut self, action: Action) -> Vec<Self> {
        let now = self.now;
        match action {
            Action::Start(role) => return self.start(role),
            Action::Stop(role, pid, timed_out) => {
                if role == Role::Log {
                    let end =
                        self.reads_until.expect("the logger is stopped while there is a pipe");
                    assert!(end <= now, "the logger is stopped while it may read");
                } else if timed_out {
                    assert!(self.runs_out.is_some_and(|end| end <= now), "too soon to time out");
                } else {
                    assert!(self.why.is_some(), "stopped for nothing");
                }
                self.timed_out |= timed_out;
                let child = self.owner(role, pid);
                assert_eq!(child.told.replace(now), None, "to many programs that means: at once");
                child.paused = false;
                child.owed = None;
            }
            Action::SignalGroup(role, pid, Signal::KILL) => {
                let told = self.owner(role, pid).told.expect("KILL without a warning");
                self.check_kill(role, told);
                let child = self.owner(role, pid);
                assert!(!child.killed);
                child.killed = true;
                child.warn_at = Some(now.add(KILL_WARN_AFTER));
            }
            Action::SignalGroup(role, pid, signal) => {
                assert_eq!(role, Role::Cmd);
                let (high, ending) = (self.high, self.why.is_some());
                let child = self.owner(role, pid);
                let due = if high { Signal::STOP } else { Signal::CONT };
                assert_eq!((signal, ending), (due, false));
                assert_eq!((child.paused, child.told), (!high, None));
                child.paused = high;
            }
            Action::SignalChild(role, pid, signal) => {
                let owed = self.owner(role, pid).owed.take();
                assert_eq!(owed, Some(signal.number()), "nobody has sent that to {role:?}");
            }
            Action::Sweep(sweep) => self.sweep(sweep),
            Action::ClosePipe => {
                assert!(!self.cmd.alive && !self.cmd.left, "the command could still write");
                assert!(self.why.is_some() && self.reads_until.is_none());
                self.reads_until = Some(now.add(self.policy.drain));
            }
            Action::Suspend(pid) => {
                let child = self.owner(Role::Cmd, pid);
                assert!(!child.paused && child.told.is_none(), "a halt of what is paused");
                assert!(core::mem::take(&mut self.suspended), "a halt of what was not stopped");
                let mut later = self.clone();
                later.now = now.add(LEAP);
                later.runs_out = later.runs_out.map(|end| end.add(LEAP));
                return [self, later]
                    .map(|mut world| {
                        world.handle(Event::Resumed);
                        world
                    })
                    .into();
            }
            Action::CountUnread => {
                // Nothing, if there was nobody to write it.
                let max = if self.cmd.began { UNREAD } else { 0 };
                return [max, 0]
                    .map(|unread| {
                        let mut world = self.clone();
                        world.unread = unread;
                        world.handle(Event::Unread(unread));
                        world
                    })
                    .into();
            }
            Action::ReportUnread(bytes) => {
                assert_eq!(core::mem::take(&mut self.unread), bytes);
                let tried = self.encores > 0 || self.log.killed;
                assert!(tried && bytes > 0, "another logger might have read it: {self:?}");
            }
            Action::SampleLoad => {
                assert!(self.why.is_none(), "the load is of no matter any more");
                // Between the limits, 4 and 2, all stays as it is.
                return [0, 30_000, 90_000]
                    .map(|load| {
                        let mut world = self.clone();
                        world.high = load > if world.high { 20_000 } else { 40_000 };
                        let values = [Some(Load(load)), None, None, None];
                        world.handle(Event::LoadSample(Sample { values, processors: 1 }));
                        world
                    })
                    .into();
            }
            Action::WarnUnkillable(pid) => {
                let role = if pid.number() < 200 { Role::Cmd } else { Role::Log };
                let due = self.child(role).warn_at.take();
                assert!(due.is_some_and(|at| at <= now), "a warning about nothing: {self:?}");
            }
            Action::Wait(_) | Action::Exit(_) => unreachable!(),
        }
        vec![self]
    }

    fn start(mut self, role: Role) -> Vec<Self> {
        let now = self.now;
        let child = *self.child(role);
        assert!(!child.alive, "two of {role:?}");
        assert!(!child.left, "{role:?} starts beside what its last run has left");
        if let Some(last) = child.last_start {
            assert!(last.until(now) >= MIN_START_INTERVAL, "{role:?} starts too soon");
        }
        if role == Role::Cmd {
            assert!(self.why.is_none(), "the command starts although all is over");
            assert!(self.due <= now, "the command starts too soon");
            assert!(!self.policy.logged || self.log.began, "the first line would have no reader");
            self.runs_out = None;
            self.timed_out = false;
        } else if let Some(Why::Failed(_)) = self.why {
            panic!("there is nothing to log any more: {self:?}");
        } else if self.reads_until.is_some() {
            self.encores += 1;
            assert!(self.encores == 1 && self.unread > 0, "a drain restart for nothing: {self:?}");
        }
        let failed = |event: Event| {
            let mut world = self.clone();
            world.child(role).last_start = Some(now);
            world.handle(event);
            world
        };
        let mut refused = failed(Event::StartDeferred(role));
        let mut unstarted = failed(Event::StartFailed(role, Exit::NOT_FOUND));
        if role == Role::Cmd {
            refused.due = now.add(MIN_START_INTERVAL);
        } else if self.reads_until.is_some() {
            // It is tried again as long as it may read.
            refused.encores -= u8::from(self.reads_until.is_some_and(|end| end > now));
        }
        match role {
            _ if !child.began => {
                unstarted.why = unstarted.why.or(Some(Why::Failed(Exit::NOT_FOUND)));
            }
            Role::Cmd => unstarted.run_is_over(now, WaitStatus::exited(127)),
            Role::Log => {}
        }
        let pid = pid(child.pid ^ 1);
        let (alive, began, last_start) = (true, true, Some(now));
        *self.child(role) =
            Child { alive, pid: pid.number(), began, last_start, ..Child::default() };
        if role == Role::Cmd {
            self.runs_out = self.policy.timeout.map(|time| now.add(time));
        } else if let Some(end) = &mut self.reads_until {
            *end = now.add(self.policy.drain.max(MIN_START_INTERVAL));
        }
        self.handle(Event::Started(role, pid));
        vec![self, refused, unstarted]
    }

    fn sweep(&mut self, Sweep { role, group, signalled, all, how }: Sweep) {
        let reads = self.reads_until.filter(|_| role == Role::Log);
        let child = *self.child(role);
        assert!(!child.alive, "a sweep while {role:?} runs");
        assert_eq!((child.pid, child.told.is_some()), (group.number(), signalled));
        assert_eq!(all, reads.is_some(), "only at the end all that is left is the logger's");
        let may_read = reads.is_some_and(|end| end > self.now);
        assert_eq!(
            how == SweepMode::Check,
            may_read,
            "the last of a pipeline may read as long as it"
        );
        if let (SweepMode::Kill, Some(started_at)) = (how, child.patience) {
            self.check_kill(role, started_at);
        }
        let left = child.left;
        let warn_at = self.now.add(KILL_WARN_AFTER);
        let child = self.child(role);
        if how == SweepMode::Kill && !child.left_killed {
            child.warn_at = Some(warn_at);
        }
        child.look_owed = false;
        child.left_told |= left && how != SweepMode::Check;
        child.left_killed |= how == SweepMode::Kill;
        self.handle(Event::SweepDone(role, left));
    }

    /// KILL comes no sooner than `-k` says, but for who is told twice.
    fn check_kill(&self, role: Role, told: Instant) {
        let patient = self.policy.kill_after.is_some_and(|time| told.until(self.now) >= time);
        let hurried = if role == Role::Cmd { self.orders > 1 } else { self.log.hurried };
        assert!(patient || hurried, "KILL comes too soon for {role:?}: {self:?}");
    }

    /// A run of the command is over: what the manual says about the next, or about the end.
    fn run_is_over(&mut self, started_at: Instant, status: WaitStatus) {
        let now = self.now;
        let policy = self.policy;
        let well = status == WaitStatus::SUCCESS && !self.timed_out;
        self.last = Some(status);
        self.suspended = false;
        let last_delay = policy.delays.last().copied().unwrap_or(MIN_START_INTERVAL);
        self.failed = match well {
            true => 0,
            false if started_at.until(now) > last_delay => 1,
            false => (self.failed + 1).min(policy.delays.len() + 1),
        };
        let entry = self.failed.max(1) - 1;
        self.due = started_at.add(policy.delays.get(entry).copied().unwrap_or(last_delay));
        if well {
            self.due = self.due.max(now.add(policy.interval));
        }
        if self.why.is_some() {
            return;
        }
        let max = policy.respawns.max;
        if policy.terminal && status == WaitStatus(Signal::INT.number()) {
            self.why = Some(Why::Ordered);
            self.interrupted = true;
        } else if policy.once && well {
            self.why = Some(Why::Over(Exit(0)));
        } else if let Some(max) = max {
            self.restarts += 1;
            if let Some(window) = policy.respawns.window {
                self.recent.retain(|then| then.until(now) <= window);
                self.restarts = 1 + self.recent.len() as u32;
                let _ = self.recent.push(now);
            }
            if self.restarts > max {
                let exit = if self.timed_out { 124 } else { status.code() };
                self.why = Some(Why::Over(Exit(exit)));
            }
        }
    }

    pub fn events(&self, deadline: Option<Instant>) -> Vec<Happening> {
        let Policy { terminal, forward_cmd, forward_log, .. } = self.policy;
        let mut events = vec![Happening::Signal(Signal::TERM), Happening::Leap];
        events.extend(deadline.map(|_| Happening::Deadline));
        if *terminal {
            events.push(Happening::Signal(Signal::INT));
        }
        if *forward_cmd || *forward_log {
            events.extend([Happening::Signal(Signal::USR1), Happening::Signal(Signal::CONT)]);
        }
        for (role, child) in [(Role::Cmd, self.cmd), (Role::Log, self.log)] {
            if child.alive {
                events.push(Happening::Dies(role, WaitStatus::SUCCESS, false));
                events.push(Happening::Dies(role, WaitStatus::exited(3), true));
                events.extend([Happening::DiesToo(role), Happening::Stops(role)]);
            } else if child.left {
                events.extend([Happening::LeftGoes(role, true), Happening::LeftGoes(role, false)]);
                events.push(Happening::Orphan);
            }
        }
        if self.cmd.alive {
            events.push(Happening::Dies(Role::Cmd, WaitStatus(Signal::INT.number()), false));
            events.extend(self.log.alive.then_some(Happening::BothDie));
        }
        events
    }

    pub fn happen(&mut self, event: Happening, deadline: Option<Instant>) {
        match event {
            Happening::Deadline => {
                let time = deadline.map_or(Duration::ZERO, |deadline| self.now.until(deadline));
                self.pass(time);
            }
            Happening::Leap => self.pass(LEAP),
            Happening::Dies(role, status, left) => self.die(role, status, left),
            Happening::DiesToo(role) => {
                self.ask(Signal::TERM);
                self.die(role, WaitStatus::exited(4), true);
            }
            Happening::BothDie => {
                self.die(Role::Cmd, WaitStatus::exited(5), true);
                self.die(Role::Log, WaitStatus::exited(5), true);
            }
            Happening::Stops(role) => {
                let child = *self.child(role);
                let halts = self.policy.terminal && role == Role::Cmd;
                self.suspended |= halts && !child.paused && child.told.is_none();
                self.handle(Event::Suspended(pid(child.pid)));
            }
            Happening::LeftGoes(role, heard) => {
                self.child(role).left = false;
                self.child(role).look_owed = heard;
                if heard {
                    self.orphan_ends();
                }
            }
            Happening::Orphan => self.orphan_ends(),
            Happening::Signal(signal) => self.ask(signal),
        }
    }

    fn orphan_ends(&mut self) {
        for child in [&mut self.cmd, &mut self.log] {
            child.look_owed |= !child.alive && child.left;
        }
        self.handle(Event::Exited(pid(ORPHAN), WaitStatus(9)));
    }

    fn ask(&mut self, signal: Signal) {
        let now = self.now;
        if signal == Signal::TERM || signal == Signal::INT {
            self.orders = 2.min(self.orders + 1);
            self.why = self.why.or(Some(Why::Ordered));
            self.interrupted |= signal == Signal::INT && self.policy.terminal;
            self.log.hurried |= self.reads_until.is_some_and(|end| end <= now);
            self.reads_until = self.reads_until.map(|end| end.min(now));
            // A KILL that did not help may help now.
            self.cmd.killed &= !(self.cmd.alive && self.orders > 1);
            self.log.killed &= !(self.log.alive && self.log.hurried);
        } else {
            let forward = [self.policy.forward_cmd, self.policy.forward_log];
            for (role, forward) in [Role::Cmd, Role::Log].into_iter().zip(forward) {
                let stopping = role == Role::Cmd && self.why.is_some()
                    || role == Role::Log && self.reads_until.is_some_and(|end| end <= now);
                let child = self.child(role);
                let undoes = signal == Signal::CONT && child.paused;
                if forward && child.alive && child.told.is_none() && !undoes && !stopping {
                    child.owed = Some(signal.number());
                }
            }
        }
        self.handle(Event::Signal(signal));
    }

    fn die(&mut self, role: Role, status: WaitStatus, left: bool) {
        let now = self.now;
        let child = *self.child(role);
        let started = child.last_start.unwrap_or(now);
        if role == Role::Cmd {
            self.run_is_over(started, status);
        }
        let reads = self.reads_until.filter(|_| role == Role::Log);
        let patience = Some(reads.unwrap_or(now).max(now));
        let child = self.child(role);
        *child = Child {
            alive: false,
            left,
            patience,
            owed: None,
            paused: false,
            warn_at: None,
            ..*child
        };
        let number = child.pid;
        self.handle(Event::Exited(pid(number), status));
    }

    /// What happens next where all go on as they are expected to: `None` if that is nothing.
    pub fn expected(&self, manner: Manner, deadline: Option<Instant>) -> Option<Happening> {
        let ends = self.reads_until.is_some() && manner == Manner::Prompt;
        for (role, child) in [(Role::Cmd, self.cmd), (Role::Log, self.log)] {
            let deaf = manner == Manner::Deaf;
            let reads_on = role == Role::Cmd || !ends;
            if child.alive && (child.killed || !deaf && child.told.is_some() || !reads_on) {
                return Some(Happening::Dies(role, WaitStatus(Signal::KILL.number()), deaf));
            }
            if child.left && (child.left_killed || !deaf && child.left_told || !reads_on) {
                return Some(Happening::LeftGoes(role, true));
            }
        }
        deadline.map(|_| Happening::Deadline)
    }

    /// The command runs, and nothing is wrong with that.
    pub fn runs(&self) -> bool {
        self.cmd.alive && self.cmd.told.is_none() && !self.cmd.paused && self.why.is_none()
    }

    /// What must hold whenever dmon sleeps.
    pub fn check_wait(&self, deadline: Option<Instant>) {
        let now = self.now;
        let [cmd, log] = [self.cmd, self.log];
        let by = |limit: Instant| deadline.is_some_and(|deadline| deadline <= limit);
        assert!(deadline.is_none_or(|deadline| deadline > now), "waits for the past: {self:?}");
        for (role, child) in [(Role::Cmd, cmd), (Role::Log, log)] {
            assert!(!child.look_owed, "nobody looks whether that was the last: {self:?}");
            if let (false, true, Some(started_at)) = (child.alive, child.left, child.patience) {
                assert!(by(now.add(SWEEP_MAX)), "looks too seldom: {self:?}");
                let reads = self.reads_until.filter(|end| role == Role::Log && *end > now);
                assert!(reads.is_none_or(by), "may read for too long: {self:?}");
                let kill = self.policy.kill_after.map(|time| started_at.add(time));
                let kills = kill.is_none_or(|at| child.left_killed || at > now && by(at));
                assert!(kills || reads.is_some(), "KILL comes too late: {self:?}");
            }
            let lives = child.alive || child.left;
            let warns = child.warn_at.is_none_or(by);
            assert!(!lives || warns, "nobody says that it lives on: {self:?}");
            assert_eq!(child.owed, None, "a signal is not passed on: {self:?}");
        }
        assert!(!self.suspended, "the terminal waits: {self:?}");
        if self.orders > 1 {
            assert!(!cmd.alive || cmd.killed, "a second action kills at once: {self:?}");
            assert!(cmd.alive || !cmd.left || cmd.left_killed, "and all that is left: {self:?}");
        }
        self.check_answers();
        if cmd.alive && cmd.told.is_none() {
            assert!(self.why.is_none(), "the command is not stopped: {self:?}");
            let watched = self.policy.thresholds != [None; 4];
            assert_eq!(cmd.paused, self.high, "paused by mistake: {self:?}");
            assert!(!watched || by(now.add(Duration::from_secs(5))), "the load is not read");
            if let (Some(end), false) = (self.runs_out, cmd.paused) {
                assert!(by(end), "the run may last too long: {self:?}");
            }
        }
        // What is down comes up again, as soon as it may, a last look at what it has left apart.
        let by = |limit: Instant| by(limit.max(now.add(SWEEP_MAX)));
        if !cmd.alive && self.why.is_none() && (log.began || !self.policy.logged) {
            assert!(by(self.due), "the command sleeps for ever: {self:?}");
        }
        let unheard = self.policy.logged && !matches!(self.why, Some(Why::Failed(_)));
        if !log.alive && unheard && self.reads_until.is_none() {
            assert!(by(now.add(MIN_START_INTERVAL)), "the logger sleeps for ever: {self:?}");
        }
        if let (true, true, Some(end)) = (log.alive, log.told.is_none(), self.reads_until) {
            assert!(by(end), "the logger may read for ever: {self:?}");
        }
    }

    /// What else the machine is asked, by those who watch it.
    fn check_answers(&self) {
        let Self { machine, policy, cmd, log, .. } = self;
        assert_eq!(machine.is_started(), cmd.began && (log.began || !policy.logged));
        for (role, child) in [(Role::Cmd, cmd), (Role::Log, log)] {
            assert_eq!(machine.role_of(pid(child.pid)), child.alive.then_some(role));
        }
        assert_eq!(machine.role_of(pid(ORPHAN)), None);
        let runs = cmd.alive && cmd.told.is_none() && !cmd.paused;
        assert_eq!(machine.running(), runs.then(|| pid(cmd.pid)));
    }

    /// What must hold when dmon ends, its status before all.
    pub fn check_quit(&self, exit: Exit) {
        for child in [self.cmd, self.log] {
            assert!(!child.alive && !child.left, "quits with something alive: {self:?}");
        }
        let right = match self.why {
            None => panic!("quits for nothing: {self:?}"),
            Some(Why::Ordered) => match self.last {
                None => Exit(0),
                Some(WaitStatus(raw)) if raw & 0x7f == 0 => Exit((raw >> 8) as u8),
                Some(WaitStatus(raw)) => Exit(128 + (raw & 0x7f) as u8),
            },
            Some(Why::Over(exit) | Why::Failed(exit)) => exit,
        };
        assert_eq!(exit, right, "{self:?}");
        assert_eq!(self.machine.was_interrupted(), self.interrupted, "{self:?}");
        assert_eq!(self.policy.logged, self.reads_until.is_some(), "{self:?}");
        assert_eq!(self.unread, 0, "nobody says what was left unread: {self:?}");
    }
}

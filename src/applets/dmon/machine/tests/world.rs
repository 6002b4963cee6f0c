//! The world that the machine is tried in, as it looks from outside: who lives, what has been told to
//! whom, and what the manual says must come of it. It knows nothing of how the machine thinks. Test code.

use crate::applets::dmon::load::Reading;
use crate::applets::dmon::machine::{
    Fact, How, LOOK_SELDOM, Machine, Order, Policy, SPACING, Sweep, UNKILLABLE, Who,
};
use crate::pure::fault::Exit;
use crate::pure::time::{Duration, Instant};
use crate::pure::unix::{Pid, Signal, Status};
use crate::pure::value::Load;
use heapless::Vec as Few;
use std::hash::Hash;

/// Where the clock begins: so far away that a moment is told from a span by its size.
pub const BEGINNING: u64 = 1 << 62;

/// The bytes that a pipe holds when the logger has not read all.
const UNREAD: usize = 7;

/// A death that the machine hears of: what one of its children has left behind.
const ORPHAN: i32 = 900;

/// How far the clock leaps: far beyond all that a policy names.
const LEAP: Duration = Duration::seconds(10_000);

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
pub struct World<'a> {
    policy: &'a Policy,
    pub machine: Machine<'a>,
    pub now: Instant,
    cmd: Child,
    log: Child,
    why: Option<Why>,
    /// How many orders to stop there were, up to two.
    orders: u8,
    interrupted: bool,
    /// How the command's last run ended; whether the one of now has lasted too long.
    last: Option<Status>,
    late: bool,
    /// When its time is over, if no pause comes.
    runs_out: Option<Instant>,
    /// The terminal has stopped it.
    halted: bool,
    high: bool,
    /// When the next run may begin; how many have failed in a row.
    due: Instant,
    failed: usize,
    /// How many restarts there were; or when, if only those of some time count.
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
pub enum Event {
    Deadline,
    /// dmon was stopped, or the machine slept: it is far later than it was to be.
    Leap,
    Dies(Who, Status, bool),
    /// The order to stop and the death come together.
    DiesToo(Who),
    BothDie,
    Stops(Who),
    /// The last of what was left behind goes, and the machine hears of it, or not: it was no child of ours.
    LeftGoes(Who, bool),
    /// One of several.
    Orphan,
    Signal(Signal),
}

/// How the children take it that they are to end.
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

impl<'a> World<'a> {
    pub fn new(policy: &'a Policy) -> Self {
        let now = Instant::after_zero(Duration::nanoseconds(BEGINNING));
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
            late: false,
            runs_out: None,
            halted: false,
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

    fn child(&mut self, who: Who) -> &mut Child {
        match who {
            Who::Cmd => &mut self.cmd,
            Who::Log => &mut self.log,
        }
    }

    fn owner(&mut self, who: Who, pid: Pid) -> &mut Child {
        let child = self.child(who);
        assert!(
            child.alive && child.pid == pid.number(),
            "a signal to {pid:?}, which is not alive"
        );
        child
    }

    fn hear(&mut self, fact: Fact) {
        self.machine.hear(self.now, fact);
    }

    /// Time goes on; that of the command only if it is not paused.
    fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        if self.cmd.paused {
            self.runs_out = self.runs_out.map(|end| end.plus(time));
        }
    }

    /// All that may follow from an order that is answered: one world an answer, the likely one first.
    pub fn answers(mut self, order: Order) -> Vec<Self> {
        let now = self.now;
        match order {
            Order::Start(who) => return self.start(who),
            Order::Stop(who, pid, late) => {
                if who == Who::Log {
                    let end =
                        self.reads_until.expect("the logger is stopped while there is a pipe");
                    assert!(end <= now, "the logger is stopped while it may read");
                } else if late {
                    assert!(self.runs_out.is_some_and(|end| end <= now), "too soon to be late");
                } else {
                    assert!(self.why.is_some(), "stopped for nothing");
                }
                self.late |= late;
                let child = self.owner(who, pid);
                assert_eq!(child.told.replace(now), None, "to many programs that means: at once");
                child.paused = false;
                child.owed = None;
            }
            Order::SendGroup(who, pid, Signal::KILL) => {
                let told = self.owner(who, pid).told.expect("KILL without a warning");
                self.check_kill(who, told);
                let child = self.owner(who, pid);
                assert!(!child.killed);
                child.killed = true;
                child.warn_at = Some(now.plus(UNKILLABLE));
            }
            Order::SendGroup(who, pid, signal) => {
                assert_eq!(who, Who::Cmd);
                let (high, ending) = (self.high, self.why.is_some());
                let child = self.owner(who, pid);
                let due = if high { Signal::STOP } else { Signal::CONT };
                assert_eq!((signal, ending), (due, false));
                assert_eq!((child.paused, child.told), (!high, None));
                child.paused = high;
            }
            Order::Send(who, pid, signal) => {
                let owed = self.owner(who, pid).owed.take();
                assert_eq!(owed, Some(signal.number()), "nobody has sent that to {who:?}");
            }
            Order::Sweep(sweep) => self.sweep(sweep),
            Order::ClosePipe => {
                assert!(!self.cmd.alive && !self.cmd.left, "the command could still write");
                assert!(self.why.is_some() && self.reads_until.is_none());
                self.reads_until = Some(now.plus(self.policy.drain));
            }
            Order::Halt(pid) => {
                let child = self.owner(Who::Cmd, pid);
                assert!(!child.paused && child.told.is_none(), "a halt of what is paused");
                assert!(core::mem::take(&mut self.halted), "a halt of what was not stopped");
                let mut later = self.clone();
                later.now = now.plus(LEAP);
                later.runs_out = later.runs_out.map(|end| end.plus(LEAP));
                return [self, later]
                    .map(|mut world| {
                        world.hear(Fact::Resumed);
                        world
                    })
                    .into();
            }
            Order::Peek => {
                // Nothing, if there was nobody to write it.
                let most = if self.cmd.began { UNREAD } else { 0 };
                return [most, 0]
                    .map(|unread| {
                        let mut world = self.clone();
                        world.unread = unread;
                        world.hear(Fact::Unread(unread));
                        world
                    })
                    .into();
            }
            Order::Lament(bytes) => {
                assert_eq!(core::mem::take(&mut self.unread), bytes);
                let tried = self.encores > 0 || self.log.killed;
                assert!(tried && bytes > 0, "another logger might have read it: {self:?}");
            }
            Order::ReadLoad => {
                assert!(self.why.is_none(), "the load is of no matter any more");
                // Between the limits, 4 and 2, all stays as it is.
                return [0, 30_000, 90_000]
                    .map(|load| {
                        let mut world = self.clone();
                        world.high = load > if world.high { 20_000 } else { 40_000 };
                        let values = [Some(Load(load)), None, None, None];
                        world.hear(Fact::Load(Reading { values, processors: 1 }));
                        world
                    })
                    .into();
            }
            Order::Warn(pid) => {
                let who = if pid.number() < 200 { Who::Cmd } else { Who::Log };
                let due = self.child(who).warn_at.take();
                assert!(due.is_some_and(|at| at <= now), "a warning about nothing: {self:?}");
            }
            Order::Wait(_) | Order::Quit(_) => unreachable!(),
        }
        vec![self]
    }

    fn start(mut self, who: Who) -> Vec<Self> {
        let now = self.now;
        let child = *self.child(who);
        assert!(!child.alive, "two of {who:?}");
        assert!(!child.left, "{who:?} starts beside what its last run has left");
        if let Some(last) = child.last_start {
            assert!(last.until(now) >= SPACING, "{who:?} starts too soon");
        }
        if who == Who::Cmd {
            assert!(self.why.is_none(), "the command starts although all is over");
            assert!(self.due <= now, "the command starts too soon");
            assert!(!self.policy.logged || self.log.began, "the first line would have no reader");
            self.runs_out = None;
            self.late = false;
        } else if let Some(Why::Failed(_)) = self.why {
            panic!("there is nothing to log any more: {self:?}");
        } else if self.reads_until.is_some() {
            self.encores += 1;
            assert!(self.encores == 1 && self.unread > 0, "an encore for nothing: {self:?}");
        }
        let failed = |fact: Fact| {
            let mut world = self.clone();
            world.child(who).last_start = Some(now);
            world.hear(fact);
            world
        };
        let mut refused = failed(Fact::Refused(who));
        let mut unstarted = failed(Fact::Unstarted(who, Exit::NOT_FOUND));
        if who == Who::Cmd {
            refused.due = now.plus(SPACING);
        } else if self.reads_until.is_some() {
            // It is tried again as long as it may read.
            refused.encores -= u8::from(self.reads_until.is_some_and(|end| end > now));
        }
        match who {
            _ if !child.began => {
                unstarted.why = unstarted.why.or(Some(Why::Failed(Exit::NOT_FOUND)));
            }
            Who::Cmd => unstarted.run_is_over(now, Status::exited(127)),
            Who::Log => {}
        }
        let pid = pid(child.pid ^ 1);
        let (alive, began, last_start) = (true, true, Some(now));
        *self.child(who) =
            Child { alive, pid: pid.number(), began, last_start, ..Child::default() };
        if who == Who::Cmd {
            self.runs_out = self.policy.timeout.map(|time| now.plus(time));
        } else if let Some(end) = &mut self.reads_until {
            *end = now.plus(self.policy.drain.max(SPACING));
        }
        self.hear(Fact::Started(who, pid));
        vec![self, refused, unstarted]
    }

    fn sweep(&mut self, Sweep { who, group, told, all, how }: Sweep) {
        let reads = self.reads_until.filter(|_| who == Who::Log);
        let child = *self.child(who);
        assert!(!child.alive, "a sweep while {who:?} runs");
        assert_eq!((child.pid, child.told.is_some()), (group.number(), told));
        assert_eq!(all, reads.is_some(), "only at the end all that is left is the logger's");
        let may_read = reads.is_some_and(|end| end > self.now);
        assert_eq!(how == How::Look, may_read, "the last of a pipeline may read as long as it");
        if let (How::Kill, Some(since)) = (how, child.patience) {
            self.check_kill(who, since);
        }
        let left = child.left;
        let warn_at = self.now.plus(UNKILLABLE);
        let child = self.child(who);
        if how == How::Kill && !child.left_killed {
            child.warn_at = Some(warn_at);
        }
        child.look_owed = false;
        child.left_told |= left && how != How::Look;
        child.left_killed |= how == How::Kill;
        self.hear(Fact::Swept(who, left));
    }

    /// KILL comes no sooner than `-k` says, but for who is told twice.
    fn check_kill(&self, who: Who, told: Instant) {
        let patient = self.policy.kill_after.is_some_and(|time| told.until(self.now) >= time);
        let hurried = if who == Who::Cmd { self.orders > 1 } else { self.log.hurried };
        assert!(patient || hurried, "KILL comes too soon for {who:?}: {self:?}");
    }

    /// A run of the command is over: what the manual says about the next, or about the end.
    fn run_is_over(&mut self, since: Instant, status: Status) {
        let now = self.now;
        let policy = self.policy;
        let well = status == Status::WELL && !self.late;
        self.last = Some(status);
        self.halted = false;
        let last_delay = policy.delays.last().copied().unwrap_or(SPACING);
        self.failed = match well {
            true => 0,
            false if since.until(now) > last_delay => 1,
            false => (self.failed + 1).min(policy.delays.len() + 1),
        };
        let entry = self.failed.max(1) - 1;
        self.due = since.plus(policy.delays.get(entry).copied().unwrap_or(last_delay));
        if well {
            self.due = self.due.max(now.plus(policy.interval));
        }
        if self.why.is_some() {
            return;
        }
        let most = policy.respawns.most;
        if policy.terminal && status == Status(Signal::INT.number()) {
            self.why = Some(Why::Ordered);
            self.interrupted = true;
        } else if policy.once && well {
            self.why = Some(Why::Over(Exit(0)));
        } else if let Some(most) = most {
            self.restarts += 1;
            if let Some(window) = policy.respawns.window {
                self.recent.retain(|then| then.until(now) <= window);
                self.restarts = 1 + self.recent.len() as u32;
                let _ = self.recent.push(now);
            }
            if self.restarts > most {
                let exit = if self.late { 124 } else { status.code() };
                self.why = Some(Why::Over(Exit(exit)));
            }
        }
    }

    pub fn events(&self, deadline: Option<Instant>) -> Vec<Event> {
        let Policy { terminal, forward_cmd, forward_log, .. } = self.policy;
        let mut events = vec![Event::Signal(Signal::TERM), Event::Leap];
        events.extend(deadline.map(|_| Event::Deadline));
        if *terminal {
            events.push(Event::Signal(Signal::INT));
        }
        if *forward_cmd || *forward_log {
            events.extend([Event::Signal(Signal::USR1), Event::Signal(Signal::CONT)]);
        }
        for (who, child) in [(Who::Cmd, self.cmd), (Who::Log, self.log)] {
            if child.alive {
                events.push(Event::Dies(who, Status::WELL, false));
                events.push(Event::Dies(who, Status::exited(3), true));
                events.extend([Event::DiesToo(who), Event::Stops(who)]);
            } else if child.left {
                events.extend([Event::LeftGoes(who, true), Event::LeftGoes(who, false)]);
                events.push(Event::Orphan);
            }
        }
        if self.cmd.alive {
            events.push(Event::Dies(Who::Cmd, Status(Signal::INT.number()), false));
            events.extend(self.log.alive.then_some(Event::BothDie));
        }
        events
    }

    pub fn happen(&mut self, event: Event, deadline: Option<Instant>) {
        match event {
            Event::Deadline => {
                let time = deadline.map_or(Duration::ZERO, |deadline| self.now.until(deadline));
                self.pass(time);
            }
            Event::Leap => self.pass(LEAP),
            Event::Dies(who, status, left) => self.die(who, status, left),
            Event::DiesToo(who) => {
                self.ask(Signal::TERM);
                self.die(who, Status::exited(4), true);
            }
            Event::BothDie => {
                self.die(Who::Cmd, Status::exited(5), true);
                self.die(Who::Log, Status::exited(5), true);
            }
            Event::Stops(who) => {
                let child = *self.child(who);
                let halts = self.policy.terminal && who == Who::Cmd;
                self.halted |= halts && !child.paused && child.told.is_none();
                self.hear(Fact::Stopped(pid(child.pid)));
            }
            Event::LeftGoes(who, heard) => {
                self.child(who).left = false;
                self.child(who).look_owed = heard;
                if heard {
                    self.orphan_ends();
                }
            }
            Event::Orphan => self.orphan_ends(),
            Event::Signal(signal) => self.ask(signal),
        }
    }

    fn orphan_ends(&mut self) {
        for child in [&mut self.cmd, &mut self.log] {
            child.look_owed |= !child.alive && child.left;
        }
        self.hear(Fact::Ended(pid(ORPHAN), Status(9)));
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
            for (who, forward) in [Who::Cmd, Who::Log].into_iter().zip(forward) {
                let stopping = who == Who::Cmd && self.why.is_some()
                    || who == Who::Log && self.reads_until.is_some_and(|end| end <= now);
                let child = self.child(who);
                let undoes = signal == Signal::CONT && child.paused;
                if forward && child.alive && child.told.is_none() && !undoes && !stopping {
                    child.owed = Some(signal.number());
                }
            }
        }
        self.hear(Fact::Asked(signal));
    }

    fn die(&mut self, who: Who, status: Status, left: bool) {
        let now = self.now;
        let child = *self.child(who);
        let started = child.last_start.unwrap_or(now);
        if who == Who::Cmd {
            self.run_is_over(started, status);
        }
        let reads = self.reads_until.filter(|_| who == Who::Log);
        let patience = Some(reads.unwrap_or(now).max(now));
        let child = self.child(who);
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
        self.hear(Fact::Ended(pid(number), status));
    }

    /// What happens next where all go on as they are expected to: `None` if that is nothing.
    pub fn expected(&self, manner: Manner, deadline: Option<Instant>) -> Option<Event> {
        let ends = self.reads_until.is_some() && manner == Manner::Prompt;
        for (who, child) in [(Who::Cmd, self.cmd), (Who::Log, self.log)] {
            let deaf = manner == Manner::Deaf;
            let reads_on = who == Who::Cmd || !ends;
            if child.alive && (child.killed || !deaf && child.told.is_some() || !reads_on) {
                return Some(Event::Dies(who, Status(Signal::KILL.number()), deaf));
            }
            if child.left && (child.left_killed || !deaf && child.left_told || !reads_on) {
                return Some(Event::LeftGoes(who, true));
            }
        }
        deadline.map(|_| Event::Deadline)
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
        for (who, child) in [(Who::Cmd, cmd), (Who::Log, log)] {
            assert!(!child.look_owed, "nobody looks whether that was the last: {self:?}");
            if let (false, true, Some(since)) = (child.alive, child.left, child.patience) {
                assert!(by(now.plus(LOOK_SELDOM)), "looks too seldom: {self:?}");
                let reads = self.reads_until.filter(|end| who == Who::Log && *end > now);
                assert!(reads.is_none_or(by), "may read for too long: {self:?}");
                let kill = self.policy.kill_after.map(|time| since.plus(time));
                let kills = kill.is_none_or(|at| child.left_killed || at > now && by(at));
                assert!(kills || reads.is_some(), "KILL comes too late: {self:?}");
            }
            let lives = child.alive || child.left;
            let warns = child.warn_at.is_none_or(by);
            assert!(!lives || warns, "nobody says that it lives on: {self:?}");
            assert_eq!(child.owed, None, "a signal is not passed on: {self:?}");
        }
        assert!(!self.halted, "the terminal waits: {self:?}");
        if self.orders > 1 {
            assert!(!cmd.alive || cmd.killed, "a second order kills at once: {self:?}");
            assert!(cmd.alive || !cmd.left || cmd.left_killed, "and all that is left: {self:?}");
        }
        self.check_answers();
        if cmd.alive && cmd.told.is_none() {
            assert!(self.why.is_none(), "the command is not stopped: {self:?}");
            let watched = self.policy.watch != [None; 4];
            assert_eq!(cmd.paused, self.high, "paused by mistake: {self:?}");
            assert!(!watched || by(now.plus(Duration::seconds(5))), "the load is not read");
            if let (Some(end), false) = (self.runs_out, cmd.paused) {
                assert!(by(end), "the run may last too long: {self:?}");
            }
        }
        // What is down comes up again, as soon as it may, a last look at what it has left apart.
        let by = |limit: Instant| by(limit.max(now.plus(LOOK_SELDOM)));
        if !cmd.alive && self.why.is_none() && (log.began || !self.policy.logged) {
            assert!(by(self.due), "the command sleeps for ever: {self:?}");
        }
        let unheard = self.policy.logged && !matches!(self.why, Some(Why::Failed(_)));
        if !log.alive && unheard && self.reads_until.is_none() {
            assert!(by(now.plus(SPACING)), "the logger sleeps for ever: {self:?}");
        }
        if let (true, true, Some(end)) = (log.alive, log.told.is_none(), self.reads_until) {
            assert!(by(end), "the logger may read for ever: {self:?}");
        }
    }

    /// What else the machine is asked, by those who watch it.
    fn check_answers(&self) {
        let Self { machine, policy, cmd, log, .. } = self;
        assert_eq!(machine.has_begun(), cmd.began && (log.began || !policy.logged));
        for (who, child) in [(Who::Cmd, cmd), (Who::Log, log)] {
            assert_eq!(machine.whose(pid(child.pid)), child.alive.then_some(who));
        }
        assert_eq!(machine.whose(pid(ORPHAN)), None);
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
                Some(Status(raw)) if raw & 0x7f == 0 => Exit((raw >> 8) as u8),
                Some(Status(raw)) => Exit(128 + (raw & 0x7f) as u8),
            },
            Some(Why::Over(exit) | Why::Failed(exit)) => exit,
        };
        assert_eq!(exit, right, "{self:?}");
        assert_eq!(self.machine.was_interrupted(), self.interrupted, "{self:?}");
        assert_eq!(self.policy.logged, self.reads_until.is_some(), "{self:?}");
        assert_eq!(self.unread, 0, "nobody says what was left unread: {self:?}");
    }
}

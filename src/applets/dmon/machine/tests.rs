//! Every state the machine can reach, to a depth, in a world that does the worst: children die at any
//! moment or never, starts fail, time leaps, signals come when they like. Test code.

use super::{Fact, How, Machine, Order, Policy, Respawns, SPACING, Sweep, Who};
use crate::applets::dmon::load::{Limits, Reading};
use crate::pure::fault::Exit;
use crate::pure::time::{Duration, Instant};
use crate::pure::unix::{Pid, Signal, Status};
use crate::pure::value::{Load, threshold};
use std::collections::HashSet;
use std::fmt::Write;

/// One child as the world knows it.
#[derive(Clone, Copy, Debug, Default)]
struct Child {
    alive: bool,
    /// The number of the last run; the next has another.
    pid: i32,
    /// Something that the last run left behind lives.
    left: bool,
    /// KILL was sent to the child, to what it left.
    killed: bool,
    left_killed: bool,
    paused: bool,
    last_start: Option<Instant>,
}

#[derive(Clone, Debug)]
struct World {
    machine: Machine,
    now: Instant,
    cmd: Child,
    log: Child,
    closed: bool,
    stopped: bool,
    terminal: bool,
    /// Starts of the logger since the pipe was closed.
    encores: u8,
}

/// What the world may do while dmon waits.
#[derive(Clone, Copy, Debug)]
enum Event {
    Deadline,
    Dies(Who, Status, bool),
    Stops(Who),
    LeftGoes(Who),
    Signal(Signal),
}

const ORPHAN: i32 = 900;

fn pid(number: i32) -> Pid {
    Pid::new(number).unwrap()
}

impl World {
    fn new(policy: Policy) -> Self {
        let now = Instant::after_zero(Duration::seconds(1000));
        let child = |pid| Child { pid, ..Child::default() };
        let terminal = policy.terminal;
        let machine = Machine::new(policy, now);
        Self {
            machine,
            now,
            cmd: child(100),
            log: child(200),
            closed: false,
            stopped: false,
            terminal,
            encores: 0,
        }
    }

    fn child(&mut self, who: Who) -> &mut Child {
        match who {
            Who::Cmd => &mut self.cmd,
            Who::Log => &mut self.log,
        }
    }

    fn owner(&mut self, pid: Pid) -> &mut Child {
        let who = if pid.number() < 200 { Who::Cmd } else { Who::Log };
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

    /// All that may follow from an order that is answered: one world an answer.
    fn answers(&self, order: Order) -> Vec<World> {
        let told = |fact| {
            let mut world = self.clone();
            world.hear(fact);
            world
        };
        let mut world = self.clone();
        match order {
            Order::Start(who) => {
                let now = self.now;
                let stopped = self.stopped;
                let child = world.child(who);
                assert!(!child.alive, "two of {who:?}");
                assert!(!child.left, "{who:?} starts beside what its last run left");
                assert!(who == Who::Log || !stopped, "the command starts after the order to stop");
                if let Some(last) = child.last_start {
                    assert!(last.until(now) >= SPACING, "{who:?} starts too soon");
                }
                let number = child.pid ^ 1;
                let fresh =
                    Child { alive: true, pid: number, last_start: Some(now), ..Child::default() };
                *child = fresh;
                if self.closed {
                    assert_eq!(who, Who::Log);
                    world.encores += 1;
                    assert_eq!(world.encores, 1, "more than one encore");
                }
                world.hear(Fact::Started(who, pid(number)));
                let failed = |fact| {
                    let mut world = told(fact);
                    world.child(who).last_start = Some(now);
                    world
                };
                vec![
                    world,
                    failed(Fact::Refused(who)),
                    failed(Fact::Unstarted(who, Exit::NOT_FOUND)),
                ]
            }
            Order::Stop(_, pid, _) => {
                world.owner(pid).paused = false;
                vec![world]
            }
            Order::SendGroup(_, pid, signal) => {
                let child = world.owner(pid);
                match signal {
                    Signal::KILL => child.killed = true,
                    Signal::STOP => child.paused = true,
                    Signal::CONT => child.paused = false,
                    other => panic!("{other:?} to a group"),
                }
                vec![world]
            }
            Order::Send(_, pid, signal) => {
                assert!([Signal::USR1, Signal::CONT].contains(&signal), "{signal:?} is passed on");
                world.owner(pid);
                vec![world]
            }
            Order::Sweep(Sweep { who, group, how, .. }) => {
                let closed = world.closed;
                let child = world.child(who);
                assert!(!child.alive, "a sweep while {who:?} runs");
                assert_eq!(child.pid, group.number());
                assert!(how != How::Look || closed && who == Who::Log);
                child.left_killed |= how == How::Kill && child.left;
                let left = child.left;
                world.hear(Fact::Swept(who, left));
                vec![world]
            }
            Order::ClosePipe => {
                assert!(
                    !self.cmd.alive && !self.cmd.left,
                    "the pipe is closed before the command is gone"
                );
                assert!(!self.closed);
                world.closed = true;
                vec![world]
            }
            Order::Halt(pid) => {
                assert!(!world.owner(pid).paused, "a halt of what is paused");
                world.hear(Fact::Resumed);
                vec![world]
            }
            Order::Peek => vec![told(Fact::Unread(7)), told(Fact::Unread(0))],
            Order::Lament(bytes) => {
                assert_eq!(bytes, 7);
                vec![world]
            }
            Order::ReadLoad => [0, 90_000]
                .map(|load| {
                    told(Fact::Load(Reading {
                        values: [Some(Load(load)), None, None, None],
                        processors: 1,
                    }))
                })
                .into(),
            Order::Warn(pid) => {
                let who = if pid.number() < 200 { Who::Cmd } else { Who::Log };
                let child = *world.child(who);
                let killed =
                    if child.alive { child.killed } else { child.left_killed || !child.left };
                assert!(killed, "a warning about what was not killed: {self:?}");
                vec![world]
            }
            Order::Wait(_) | Order::Quit(_) => vec![],
        }
    }

    fn events(&self, deadline: Option<Instant>) -> Vec<Event> {
        let mut events = vec![
            Event::Signal(Signal::TERM),
            Event::Signal(Signal::USR1),
            Event::Signal(Signal::CONT),
        ];
        if deadline.is_some() {
            events.push(Event::Deadline);
        }
        for (who, child) in [(Who::Cmd, self.cmd), (Who::Log, self.log)] {
            if child.alive {
                events.push(Event::Dies(who, Status::WELL, false));
                events.push(Event::Dies(who, Status::exited(3), true));
                events.push(Event::Dies(who, Status(15), false));
                if self.terminal {
                    events.push(Event::Dies(who, Status(2), false));
                    events.push(Event::Stops(who));
                }
            }
            if child.left {
                events.push(Event::LeftGoes(who));
            }
        }
        events
    }

    fn happen(&mut self, event: Event, deadline: Option<Instant>) {
        match event {
            Event::Deadline => self.now = deadline.unwrap(),
            Event::Dies(who, status, left) => {
                // Ctrl-C in the terminal.
                self.stopped |= self.terminal && who == Who::Cmd && status == Status(2);
                let child = self.child(who);
                *child = Child { alive: false, left, ..*child };
                let number = child.pid;
                self.hear(Fact::Ended(pid(number), status));
            }
            Event::Stops(who) => {
                let number = self.child(who).pid;
                self.hear(Fact::Stopped(pid(number)));
            }
            Event::LeftGoes(who) => {
                self.child(who).left = false;
                self.hear(Fact::Ended(pid(ORPHAN), Status(9)));
            }
            Event::Signal(signal) => {
                self.stopped |= signal == Signal::TERM;
                self.hear(Fact::Asked(signal));
            }
        }
    }

    /// What must hold whenever dmon sleeps.
    fn check_wait(&self, deadline: Option<Instant>) {
        let alive = self.cmd.alive || self.log.alive;
        assert!(alive || deadline.is_some(), "sleeps for ever with nothing alive: {self:?}");
        assert!(deadline.is_none_or(|d| d > self.now), "waits for the past: {self:?}");
        let left = self.cmd.left && !self.cmd.alive || self.log.left && !self.log.alive;
        assert!(!left || deadline.is_some(), "sleeps beside what was left: {self:?}");
    }

    /// The state with all moments told from now, so that the same situation at another time is the
    /// same state.
    fn key(&self) -> String {
        let debug = format!("{self:?}");
        let mut key = String::with_capacity(debug.len());
        let mut rest = debug.as_str();
        while let Some(at) = rest.find("Instant(") {
            let (before, after) = rest.split_at(at + "Instant(".len());
            let (number, tail) = after.split_once(')').unwrap();
            let moment = Instant::after_zero(Duration::nanoseconds(number.parse().unwrap()));
            let (ahead, ago) = (self.now.until(moment), moment.until(self.now));
            // What is long past makes no difference any more.
            let ago = ago.min(Duration::seconds(100));
            write!(key, "{before}+{ahead:?}-{ago:?}").unwrap();
            rest = tail;
        }
        key + rest
    }

    /// However deaf everybody is to all but KILL: two orders to stop end in Quit.
    fn must_quit(mut self) {
        let mut waits = 0;
        while waits < 1500 {
            let order = self.machine.next(self.now);
            match order {
                Order::Quit(_) => return,
                Order::Wait(deadline) => {
                    waits += 1;
                    let killed = |c: Child| c.alive && c.killed;
                    let event = if killed(self.cmd) {
                        Event::Dies(Who::Cmd, Status(9), true)
                    } else if killed(self.log) {
                        Event::Dies(Who::Log, Status(9), true)
                    } else if self.cmd.left && self.cmd.left_killed {
                        Event::LeftGoes(Who::Cmd)
                    } else if self.log.left && self.log.left_killed {
                        Event::LeftGoes(Who::Log)
                    } else if !self.stopped || deadline.is_none() || waits % 500 == 0 {
                        Event::Signal(Signal::TERM)
                    } else {
                        Event::Deadline
                    };
                    self.happen(event, deadline);
                }
                order => self = self.answers(order).swap_remove(0),
            }
        }
        panic!("never quits: {self:?}");
    }
}

/// Walks all states; gives their number.
fn explore(policy: &Policy, depth: usize) -> usize {
    let mut seen = HashSet::new();
    let mut edge = vec![World::new(policy.clone())];
    for _ in 0..depth {
        let mut next = Vec::new();
        for world in edge.drain(..) {
            // All orders up to the next wait, on every path of answers.
            let mut busy = vec![(world, 0)];
            while let Some((mut world, steps)) = busy.pop() {
                assert!(steps < 20, "does not settle: {world:?}");
                let order = world.machine.next(world.now);
                match order {
                    Order::Quit(_) => {
                        for child in [world.cmd, world.log] {
                            assert!(
                                !child.alive && !child.left,
                                "quits with something alive: {world:?}"
                            );
                        }
                    }
                    Order::Wait(deadline) => {
                        world.check_wait(deadline);
                        assert_eq!(
                            world.machine.next(world.now),
                            order,
                            "asked twice, two answers"
                        );
                        if seen.insert(world.key()) {
                            for event in world.events(deadline) {
                                let mut world = world.clone();
                                world.happen(event, deadline);
                                next.push(world);
                            }
                            world.must_quit();
                        }
                    }
                    order => busy.extend(world.answers(order).into_iter().map(|w| (w, steps + 1))),
                }
            }
        }
        edge = next;
    }
    seen.len()
}

#[test]
fn every_reachable_state_keeps_the_promises() {
    let seconds = |n| Some(Duration::seconds(n));
    let at_most = |n, window| Respawns { most: Some(n), window };
    let high = threshold(b"4").unwrap();
    let limits = [Some(Limits { high, low: high.half() }), None, None, None];
    let base = Policy::default();
    let logged = Policy { logged: true, ..Policy::default() };
    let table = [
        ("plain", 9, base.clone()),
        ("logged", 6, logged.clone()),
        ("once, logged", 6, Policy { once: true, ..logged.clone() }),
        ("no restarts", 7, Policy { respawns: at_most(0, None), ..logged.clone() }),
        ("two in a minute", 9, Policy { respawns: at_most(2, seconds(60)), ..base.clone() }),
        ("timeout", 9, Policy { timeout: seconds(3), ..base.clone() }),
        ("timeout, load", 7, Policy { timeout: seconds(30), watch: limits, ..base.clone() }),
        ("terminal", 6, Policy { terminal: true, ..logged.clone() }),
        (
            "terminal, load",
            6,
            Policy { terminal: true, watch: limits, timeout: seconds(30), ..base.clone() },
        ),
        ("load, logged", 5, Policy { watch: limits, ..logged.clone() }),
        (
            "never kill",
            9,
            Policy { kill_after: None, interval: Duration::seconds(7), ..base.clone() },
        ),
        ("no drain", 6, Policy { drain: Duration::ZERO, ..logged.clone() }),
        (
            "all signals",
            5,
            Policy { forward_cmd: true, forward_log: true, watch: limits, ..logged },
        ),
    ];
    let mut sum = 0;
    for (name, depth, policy) in table {
        let states = explore(&policy, depth);
        println!("{name}: {states} states");
        sum += states;
    }
    println!("{sum} states in all");
    assert!(sum > 2000, "the walk has become too short to mean anything: {sum}");
}

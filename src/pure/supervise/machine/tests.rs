//! Every state the machine can reach, to a depth, with all options that it knows of, in a world that does
//! the worst: children die at any moment or never, starts fail, the clock stands or leaps, signals come when
//! they like. Test code.

mod model;

use super::restart::RestartHistory;
use super::{Action, MIN_START_INTERVAL, SWEEP_MAX};
use crate::cli::option_table::{Opt, opt};
use crate::cli::value::threshold;
use crate::supervise::load::PauseRange;
use crate::supervise::policy::Policy;
use crate::testing::parse_words;
use crate::time::{Duration, Instant};
use crate::unix::Signal;
use model::{BEGINNING, Happening, Manner, Model};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Makes a state's key. Moments count from now, so that the same situation at another time is the same
/// state; and what is long past makes no difference any more.
struct Key {
    now: u64,
    sum: u64,
}

const LONG_PAST: i64 = 100_000_000_000;

impl Key {
    /// Splitmix64, more or less.
    const fn mix(&mut self, n: u64) {
        self.sum = (self.sum.rotate_left(23) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.sum ^= self.sum >> 32;
    }
}

// Each of its own: this is the inner loop, and is not optimised.
impl Hasher for Key {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.mix((*byte).into()));
    }

    fn write_u8(&mut self, n: u8) {
        self.mix(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.mix(n.into());
    }

    fn write_i32(&mut self, n: i32) {
        self.mix(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.mix(n as u64);
    }

    fn write_usize(&mut self, n: usize) {
        self.mix(n as u64);
    }

    fn write_u64(&mut self, n: u64) {
        let n = if n < BEGINNING { n as i64 } else { n.wrapping_sub(self.now) as i64 };
        self.mix(n.max(-LONG_PAST) as u64);
    }

    fn finish(&self) -> u64 {
        self.sum
    }
}

/// The same in all states of one walk.
impl Hash for Policy {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Hash for RestartHistory {
    fn hash<H: Hasher>(&self, key: &mut H) {
        let Self { consecutive_failures, restarts, recent } = self;
        // The lists of delays below are shorter.
        (consecutive_failures.min(&3), restarts).hash(key);
        recent.iter().for_each(|then| then.hash(key));
    }
}

impl Model<'_> {
    fn key(&self) -> u64 {
        let zero = Instant::from_clock(Duration::ZERO);
        let (seconds, nanoseconds) = zero.until(self.now).as_timespec();
        let now = seconds * 1_000_000_000 + u64::from(nanoseconds) + 1;
        let mut key = Key { now, sum: 0 };
        self.hash(&mut key);
        key.finish()
    }
}

/// The options that reach the machine, by the letters of the command line.
const OPTIONS: &[Opt<Policy>] = &[
    opt("-1, --once\tOnce.", |c, v| v.to(&mut c.once)),
    opt("-m, --max-respawns N\tRestarts.", |c, v| v.to(&mut c.respawns)),
    opt("-d, --delay TIME\tDelays.", |c, v| v.to(&mut c.delays)),
    opt("-i, --interval TIME\tInterval.", |c, v| v.to(&mut c.interval)),
    opt("-t, --timeout TIME\tTimeout.", |c, v| v.to(&mut c.timeout)),
    opt("-k, --kill-after TIME\tGrace.", |c, v| v.to(&mut c.kill_after)),
    opt("-L, --load-high N\tLoad.", |c, v| {
        let high = threshold(v.value.to_bytes())?;
        c.thresholds[0] = Some(PauseRange { high, low: high.half() });
        Ok(())
    }),
    opt("-s, --cmd-sigs\tForward.", |c, v| v.to(&mut c.forward_cmd)),
    opt("-S, --log-sigs\tForward.", |c, v| v.to(&mut c.forward_log)),
    opt("-D, --drain TIME\tDrain.", |c, v| v.to(&mut c.drain)),
];

/// All command lines that mean something else to the machine, options that exclude each other left out;
/// and of how many options each is made.
fn policies() -> Vec<(usize, Policy)> {
    let choices: [&[&str]; 10] = [
        &["", "-1"],
        &["", "-m0", "-m2 -d1,3", "-m1/1m"],
        &["", "-i7"],
        &["", "-t3"],
        &["", "-k0"],
        &["", "-L4"],
        &["", "-s -S"],
        &["", "(terminal)"],
        &["", "(logged)"],
        &["", "-D0"],
    ];
    let mut lines = vec![Vec::new()];
    for choice in choices {
        lines = lines
            .iter()
            .flat_map(|line: &Vec<&str>| choice.iter().map(|words| [line, &[*words][..]].concat()))
            .collect();
    }
    let policy = |words: Vec<&str>| {
        let name = words.join(" ");
        let (logged, terminal) = (name.contains("(logged)"), name.contains("(terminal)"));
        let options: Vec<&str> = name.split(' ').filter(|word| word.starts_with('-')).collect();
        if options.contains(&"-D0") && !logged {
            return None;
        }
        let mut policy = Policy { logged, terminal, ..Policy::default() };
        parse_words(OPTIONS, &mut policy, &options).unwrap();
        policy.validate().ok()?;
        let count = words.iter().filter(|words| !words.is_empty()).count();
        Some((count, policy))
    };
    lines.into_iter().filter_map(policy).collect()
}

/// Where a walk through the states of one policy stands.
struct Walk<'a> {
    policy: &'a Policy,
    seen: HashSet<u64>,
    roads: Vec<Road>,
}

/// All goes as it is expected to go from now on. For each state, how long it takes to the goal: the command
/// runs, or dmon has ended if it was `stop_requested` to stop. In milliseconds, and in waits.
struct Road {
    manner: Manner,
    stop_requested: bool,
    limit: u64,
    known: HashMap<u64, (u64, u32)>,
}

/// The most orders from one wait to the next.
const MOST_STEPS: usize = 20;

/// More than enough; looks at what does not go take the most.
const MOST_WAITS: u32 = 60;

impl Road {
    /// Those that the policy has; and how long they may be by the manual.
    fn all(policy: &Policy) -> Vec<Self> {
        // What has gone unheard, of either child, is missed at the next look.
        let looks = 2 * milliseconds(SWEEP_MAX);
        let kill = milliseconds(policy.kill_after.unwrap_or(Duration::ZERO));
        let drain = milliseconds(policy.drain);
        // The logger may be started once more, if it has died with something unread.
        let drain_restart =
            milliseconds(MIN_START_INTERVAL) + milliseconds(policy.drain.max(MIN_START_INTERVAL));
        let longest = policy.delays.last().copied().unwrap_or(MIN_START_INTERVAL);
        let pause = milliseconds(longest.max(policy.interval));
        let road = |manner, stop_requested, limit| {
            let limit = limit + looks;
            Self { manner, stop_requested, limit, known: HashMap::new() }
        };
        let mut roads = vec![
            road(Manner::Prompt, true, drain + milliseconds(MIN_START_INTERVAL)),
            road(Manner::Slow, true, drain + drain_restart),
            // What a run leaves behind has its own time, from the end of the run on.
            road(Manner::Deaf, true, 2 * kill + drain + drain_restart + 2 * kill),
            road(Manner::Slow, false, pause),
        ];
        // Without KILL, what is deaf may stay for ever, and the next run waits as long.
        if policy.kill_after.is_some() {
            roads.push(road(Manner::Deaf, false, 2 * kill + pause));
        }
        roads
    }

    fn measure(&mut self, key: u64, world: &Model, mut deadline: Option<Instant>) {
        if self.known.contains_key(&key) {
            return;
        }
        let mut world = world.clone();
        let mut way = Vec::new();
        let mut waits = 0;
        let (mut left, mut waits_left) = loop {
            let key = world.key();
            if let Some(known) = self.known.get(&key) {
                break *known;
            }
            way.push((key, world.now));
            if !self.stop_requested && (world.runs() || world.is_ending()) {
                break (0, 0);
            }
            // Role never wants KILL to come has to ask for it.
            let asks = self.stop_requested && !world.has_kill() && waits % 2 == 1;
            let event = match world.expected(self.manner, deadline) {
                _ if self.stop_requested && !world.is_ending() => Happening::Signal(Signal::TERM),
                Some(Happening::Deadline) if asks => Happening::Signal(Signal::TERM),
                None if self.stop_requested && !world.has_kill() => Happening::Signal(Signal::TERM),
                Some(event) => event,
                None => panic!("for ever: {:?} {} {world:?}", self.manner, self.stop_requested),
            };
            world.happen(event, deadline);
            waits += 1;
            assert!(waits < MOST_WAITS, "{:?} {} {world:?}", self.manner, self.stop_requested);
            let mut steps = 0;
            let end = loop {
                steps += 1;
                assert!(steps < MOST_STEPS, "does not settle: {world:?}");
                match world.machine.next_action(world.now) {
                    Action::Exit(_) => break true,
                    Action::Wait(at) => {
                        world.check_wait(at);
                        deadline = at;
                        break false;
                    }
                    action => world = world.answers(action).swap_remove(0),
                }
            };
            if end {
                break (0, 0);
            }
        };
        let mut end = world.now;
        for (key, now) in way.into_iter().rev() {
            left += milliseconds(now.until(end));
            waits_left += 1;
            end = now;
            assert!(
                left <= self.limit && waits_left < MOST_WAITS,
                "{left} of {} ms, {waits_left} waits: {:?} {} {world:?}",
                self.limit,
                self.manner,
                self.stop_requested,
            );
            self.known.insert(key, (left, waits_left));
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    let (seconds, nanoseconds) = time.as_timespec();
    seconds * 1000 + u64::from(nanoseconds) / 1_000_000
}

impl<'a> Walk<'a> {
    fn new(policy: &'a Policy) -> Self {
        Self { policy, seen: HashSet::new(), roads: Road::all(policy) }
    }

    /// Visits all states; says how many.
    fn explore(mut self, depth: usize) -> usize {
        let mut edge = self.settle(Model::new(self.policy));
        for _ in 1..depth {
            let mut next = Vec::new();
            for (world, deadline) in edge {
                for event in world.events(deadline) {
                    let mut world = world.clone();
                    world.happen(event, deadline);
                    next.extend(self.settle(world));
                }
            }
            edge = next;
        }
        self.seen.len()
    }

    /// All orders up to the next wait, on every path of answers: the waits that are new.
    fn settle(&mut self, world: Model<'a>) -> Vec<(Model<'a>, Option<Instant>)> {
        let mut waits = Vec::new();
        let mut busy = vec![(world, 0)];
        while let Some((mut world, steps)) = busy.pop() {
            assert!(steps < MOST_STEPS, "does not settle: {world:?}");
            match world.machine.next_action(world.now) {
                Action::Exit(exit) => world.check_quit(exit),
                Action::Wait(deadline) => {
                    let again = world.machine.next_action(world.now);
                    assert_eq!(again, Action::Wait(deadline), "asked twice, two answers");
                    let key = world.key();
                    if self.seen.insert(key) {
                        world.check_wait(deadline);
                        for road in &mut self.roads {
                            if road.stop_requested || !world.is_ending() {
                                road.measure(key, &world, deadline);
                            }
                        }
                        waits.push((world, deadline));
                    }
                }
                action => busy.extend(world.answers(action).into_iter().map(|w| (w, steps + 1))),
            }
        }
        waits
    }
}

/// The policies that are left to walk through; none once a walk has failed.
struct Turns<'a> {
    policies: &'a [(usize, Policy)],
    taken: &'a AtomicUsize,
}

impl<'a> Iterator for Turns<'a> {
    type Item = &'a (usize, Policy);

    fn next(&mut self) -> Option<Self::Item> {
        self.policies.get(self.taken.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Turns<'_> {
    fn drop(&mut self) {
        self.taken.store(self.policies.len(), Ordering::Relaxed);
    }
}

#[test]
fn every_reachable_state_keeps_the_promises() {
    let deepest = if std::env::var_os("DMON_LONG").is_some() { 8 } else { 7 };
    let policies = policies();
    let taken = AtomicUsize::new(0);
    let work = || {
        let turns = Turns { policies: &policies, taken: &taken };
        // The fewer options, the deeper.
        let depth = |count: &usize| deepest - (2 * count).min(4);
        turns.map(|(count, policy)| Walk::new(policy).explore(depth(count))).sum::<usize>()
    };
    let states: usize = std::thread::scope(|scope| {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    println!("{states} states with {} sets of options", policies.len());
    assert!(states > 300_000, "the walk has become too short to mean anything");
}

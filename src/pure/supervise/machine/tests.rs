//! Explores every state that the machine can reach, up to a depth, with all options that it knows.
//!
//! Children exit at any time or never, starts fail, the clock stops or jumps, signals arrive at any time. In each state
//! the [`model`] checks safety: every action is allowed, every wait is short enough. [`LivenessCheck`] checks that the
//! command runs again, or that dmon exits, within the time that the manual allows.

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
use model::{CLOCK_START, Input, Model, StopBehaviour};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Hashes a state. Times count relative to now, so that the same situation at another time is the same state. Times that
/// are long past are all equal.
struct StateHasher {
    now: u64,
    sum: u64,
}

/// In nanoseconds: longer ago than all durations of the policies below.
const LONG_PAST: i64 = 100_000_000_000;

impl StateHasher {
    /// Mixes like splitmix64.
    const fn mix(&mut self, n: u64) {
        self.sum = (self.sum.rotate_left(23) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.sum ^= self.sum >> 32;
    }
}

// One method for each size: this is the inner loop, and tests are not optimised.
impl Hasher for StateHasher {
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
        let n = if n < CLOCK_START { n as i64 } else { n.wrapping_sub(self.now) as i64 };
        self.mix(n.max(-LONG_PAST) as u64);
    }

    fn finish(&self) -> u64 {
        self.sum
    }
}

/// The policy is the same in all states of one exploration.
impl Hash for Policy {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Hash for RestartHistory {
    fn hash<H: Hasher>(&self, key: &mut H) {
        let Self { consecutive_failures, restarts, recent } = self;
        // The longest list of delays below has two entries.
        (consecutive_failures.min(&3), restarts).hash(key);
        recent.iter().for_each(|then| then.hash(key));
    }
}

impl Model<'_> {
    fn key(&self) -> u64 {
        let zero = Instant::from_clock(Duration::ZERO);
        let (seconds, nanoseconds) = zero.until(self.now).as_timespec();
        let now = seconds * 1_000_000_000 + u64::from(nanoseconds) + 1;
        let mut key = StateHasher { now, sum: 0 };
        self.hash(&mut key);
        key.finish()
    }
}

/// The options of the machine, with the letters of the command line.
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

/// Returns the policies of all combinations of options that do not exclude each other, each with its number of options.
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

/// The exploration of the states of one policy.
struct Exploration<'a> {
    policy: &'a Policy,
    /// Hashes of the states that were visited.
    seen: HashSet<u64>,
    checks: Vec<LivenessCheck>,
}

/// Checks from any state that the goal is reached in time if all processes behave in the given way from now on. The goal
/// is a running command, or dmon's exit if `stop_requested`.
struct LivenessCheck {
    behaviour: StopBehaviour,
    stop_requested: bool,
    /// Maximum time in milliseconds.
    limit: u64,
    /// For each state, the time in milliseconds and the number of waits to the goal.
    known: HashMap<u64, (u64, u32)>,
}

/// Maximum number of actions between two waits.
const MAX_STEPS: usize = 20;

/// Maximum number of waits to the goal, chosen generously. Sweeps for leftovers that do not exit need most of them.
const MAX_WAITS: u32 = 60;

impl LivenessCheck {
    /// Returns the checks for a policy, with the times that the manual allows.
    fn all(policy: &Policy) -> Vec<Self> {
        // The exit of a process that is not our child is noticed by the next sweep, for either child.
        let sweeps = 2 * milliseconds(SWEEP_MAX);
        let kill = milliseconds(policy.kill_after.unwrap_or(Duration::ZERO));
        let drain = milliseconds(policy.drain);
        // The logger may be started a second time if it exited with unread bytes.
        let drain_restart =
            milliseconds(MIN_START_INTERVAL) + milliseconds(policy.drain.max(MIN_START_INTERVAL));
        let longest = policy.delays.last().copied().unwrap_or(MIN_START_INTERVAL);
        let pause = milliseconds(longest.max(policy.interval));
        let check = |behaviour, stop_requested, limit| {
            let limit = limit + sweeps;
            Self { behaviour, stop_requested, limit, known: HashMap::new() }
        };
        let mut checks = vec![
            check(StopBehaviour::EndOfInput, true, drain + milliseconds(MIN_START_INTERVAL)),
            check(StopBehaviour::StopSignal, true, drain + drain_restart),
            // Leftover processes have their own grace period, from the end of the run on.
            check(StopBehaviour::KillOnly, true, 2 * kill + drain + drain_restart + 2 * kill),
            check(StopBehaviour::StopSignal, false, pause),
        ];
        // Without SIGKILL such leftovers may stay for ever, and the next run waits for them.
        if policy.kill_after.is_some() {
            checks.push(check(StopBehaviour::KillOnly, false, 2 * kill + pause));
        }
        checks
    }

    fn verify(&mut self, key: u64, model: &Model, mut deadline: Option<Instant>) {
        if self.known.contains_key(&key) {
            return;
        }
        let mut model = model.clone();
        let mut path = Vec::new();
        let mut waits = 0;
        let (mut time_left, mut waits_left) = loop {
            let key = model.key();
            if let Some(known) = self.known.get(&key) {
                break *known;
            }
            path.push((key, model.now));
            if !self.stop_requested && (model.is_running_normally() || model.is_stopping()) {
                break (0, 0);
            }
            // With `-k 0` only a further SIGTERM leads to SIGKILL.
            let requests_kill = self.stop_requested && !model.has_kill() && waits % 2 == 1;
            let input = match model.expected_input(self.behaviour, deadline) {
                _ if self.stop_requested && !model.is_stopping() => Input::Signal(Signal::TERM),
                Some(Input::Deadline) if requests_kill => Input::Signal(Signal::TERM),
                None if self.stop_requested && !model.has_kill() => Input::Signal(Signal::TERM),
                Some(input) => input,
                None => {
                    panic!("never ends: {:?} {} {model:?}", self.behaviour, self.stop_requested)
                }
            };
            model.apply(input, deadline);
            waits += 1;
            assert!(waits < MAX_WAITS, "{:?} {} {model:?}", self.behaviour, self.stop_requested);
            let mut steps = 0;
            let exited = loop {
                steps += 1;
                assert!(steps < MAX_STEPS, "does not settle: {model:?}");
                match model.machine.next_action(model.now) {
                    Action::Exit(_) => break true,
                    Action::Wait(at) => {
                        model.check_wait(at);
                        deadline = at;
                        break false;
                    }
                    action => model = model.outcomes(action).swap_remove(0),
                }
            };
            if exited {
                break (0, 0);
            }
        };
        let mut end = model.now;
        for (key, now) in path.into_iter().rev() {
            time_left += milliseconds(now.until(end));
            waits_left += 1;
            end = now;
            assert!(
                time_left <= self.limit && waits_left < MAX_WAITS,
                "{time_left} of {} ms, {waits_left} waits: {:?} {} {model:?}",
                self.limit,
                self.behaviour,
                self.stop_requested,
            );
            self.known.insert(key, (time_left, waits_left));
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    let (seconds, nanoseconds) = time.as_timespec();
    seconds * 1000 + u64::from(nanoseconds) / 1_000_000
}

impl<'a> Exploration<'a> {
    fn new(policy: &'a Policy) -> Self {
        Self { policy, seen: HashSet::new(), checks: LivenessCheck::all(policy) }
    }

    /// Visits all states up to `depth` waits; returns their number.
    fn explore(mut self, depth: usize) -> usize {
        let mut frontier = self.run_until_waits(Model::new(self.policy));
        for _ in 1..depth {
            let mut next = Vec::new();
            for (model, deadline) in frontier {
                for input in model.inputs(deadline) {
                    let mut model = model.clone();
                    model.apply(input, deadline);
                    next.extend(self.run_until_waits(model));
                }
            }
            frontier = next;
        }
        self.seen.len()
    }

    /// Performs actions up to the next wait, with every outcome. Returns the waits in new states.
    fn run_until_waits(&mut self, model: Model<'a>) -> Vec<(Model<'a>, Option<Instant>)> {
        let mut waits = Vec::new();
        let mut pending = vec![(model, 0)];
        while let Some((mut model, steps)) = pending.pop() {
            assert!(steps < MAX_STEPS, "does not settle: {model:?}");
            match model.machine.next_action(model.now) {
                Action::Exit(exit) => model.check_exit(exit),
                Action::Wait(deadline) => {
                    let again = model.machine.next_action(model.now);
                    assert_eq!(
                        again,
                        Action::Wait(deadline),
                        "a second call returns another action"
                    );
                    let key = model.key();
                    if self.seen.insert(key) {
                        model.check_wait(deadline);
                        for check in &mut self.checks {
                            if check.stop_requested || !model.is_stopping() {
                                check.verify(key, &model, deadline);
                            }
                        }
                        waits.push((model, deadline));
                    }
                }
                action => {
                    pending
                        .extend(model.outcomes(action).into_iter().map(|model| (model, steps + 1)));
                }
            }
        }
        waits
    }
}

/// Distributes the policies to the threads. It is empty once an exploration has failed.
struct PolicyQueue<'a> {
    policies: &'a [(usize, Policy)],
    next: &'a AtomicUsize,
}

impl<'a> Iterator for PolicyQueue<'a> {
    type Item = &'a (usize, Policy);

    fn next(&mut self) -> Option<Self::Item> {
        self.policies.get(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for PolicyQueue<'_> {
    fn drop(&mut self) {
        self.next.store(self.policies.len(), Ordering::Relaxed);
    }
}

#[test]
fn every_reachable_state_is_safe_and_live() {
    let deepest = if std::env::var_os("DMON_LONG").is_some() { 8 } else { 7 };
    let policies = policies();
    let next = AtomicUsize::new(0);
    let work = || {
        let queue = PolicyQueue { policies: &policies, next: &next };
        // Fewer options have fewer states, so they are explored more deeply.
        let depth = |count: &usize| deepest - (2 * count).min(4);
        queue.map(|(count, policy)| Exploration::new(policy).explore(depth(count))).sum::<usize>()
    };
    let states: usize = std::thread::scope(|scope| {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    println!("{states} states with {} sets of options", policies.len());
    assert!(states > 300_000, "the exploration is too small to be meaningful");
}

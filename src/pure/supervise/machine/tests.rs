//! Explores every state that the machine can reach, up to a depth, with all options that it knows.
//!
//! Children exit at any time or never, starts fail, the clock stops or jumps, signals arrive at any time. In each state
//! the [`model`] checks safety: every action is allowed, every wait is short enough. [`liveness`] checks that the
//! command runs again, or that dmon exits, within the time that the manual allows.

mod liveness;
mod model;
mod results;
mod state_hash;

use super::Action;
use crate::cli::option_table::{Opt, opt};
use crate::cli::value::{threshold, time};
use crate::supervise::load::PauseRange;
use crate::supervise::policy::Policy;
use crate::testing::parse_words;
use crate::time::Instant;
use liveness::LivenessCheck;
use model::Model;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The options of the machine, with the letters of the command line.
const OPTIONS: &[Opt<Policy>] = &[
    opt("-1, --once\tOnce.", |c, v| v.to(&mut c.once)),
    opt("-m, --max-respawns N\tRestarts.", |c, v| v.to(&mut c.restart_limit)),
    opt("-d, --delay TIME\tDelays.", |c, v| v.to(&mut c.delays)),
    opt("-i, --interval TIME\tInterval.", |c, v| v.to(&mut c.interval)),
    opt("-x, --success LIST\tSuccess.", |c, v| v.to(&mut c.success)),
    opt("-X, --fatal LIST\tFatal.", |c, v| v.to(&mut c.fatal)),
    opt("-t, --timeout TIME\tTimeout.", |c, v| v.to(&mut c.timeout)),
    opt("    --alive TIME\tFile.", |c, v| {
        c.alive = time(v.value.to_bytes())?.quarter();
        Ok(())
    }),
    opt("-N, --ready TIME\tReady.", |c, v| v.to(&mut c.ready)),
    opt("    --finish\tFinish.", |c, v| v.to(&mut c.finish)),
    opt("-k, --kill-after TIME\tGrace.", |c, v| v.to(&mut c.kill_after)),
    opt("    --kill-mode MODE\tMode.", |c, v| v.to(&mut c.kill_mode)),
    opt("-L, --load-high N\tLoad.", |c, v| {
        let high = threshold(v.value.to_bytes())?;
        let low = high.half().load;
        c.thresholds[0] =
            Some(PauseRange { file: b"f", high: high.load, low, per_cpu: high.per_cpu });
        Ok(())
    }),
    opt("-s, --cmd-sigs\tForward.", |c, v| v.to(&mut c.forward_cmd)),
    opt("-S, --log-sigs\tForward.", |c, v| v.to(&mut c.forward_log)),
    opt("    --on-signal SIG\tSignals.", |c, v| v.to(&mut c.on_signal)),
    opt("-D, --drain TIME\tDrain.", |c, v| v.to(&mut c.drain)),
];

/// The words without which `--ready` has no effect, and itself: they count as none.
const READY_WORDS: usize = 3;

/// Returns the policies of all combinations of options that do not exclude each other, each with its number of options.
fn policies() -> Vec<(usize, Policy)> {
    let choices: [&[&str]; 16] = [
        &["", "-1"],
        &["", "-m0", "-m2 -d1,3", "-m2 -d1,3~8", "-m1/1m"],
        &["", "-i7", "-i0~7"],
        &["", "-t3"],
        &["", "-k0"],
        &["", "--kill-mode=mixed", "--kill-mode=process"],
        &["", "-L4"],
        &["", "-s -S"],
        &["", "(terminal)", "(daemon)"],
        &["", "(logged)"],
        &["", "-D0"],
        &["", "-x3,127", "-X3,INT"],
        &[
            "",
            "--on-signal=ALRM=restart --on-signal=QUIT=pause --on-signal=USR2=resume --on-signal=PWR=HUP",
        ],
        &["", "--alive=8"],
        &["", "--finish"],
        &["", "--ready=4"],
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
        let [logged, terminal, daemon] =
            ["(logged)", "(terminal)", "(daemon)"].map(|word| name.contains(word));
        let options: Vec<&str> = name.split(' ').filter(|word| word.starts_with('-')).collect();
        let ready = options.contains(&"--ready=4");
        if !logged && (daemon || options.contains(&"-D0")) || ready && !daemon {
            return None;
        }
        // These have nothing to do with each other. All combinations would take a multiple of the time.
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let only_daemon = daemon && !ready;
        let is_other =
            has(&["-1", "-m", "-i", "-s", "-k0", "-D0", "--kill", "-x3", "-X3"]) || only_daemon;
        if has(&["--alive"]) && is_other
            || has(&["--finish"])
                && (only_daemon
                    || has(&["-i", "-s", "-m1", "-m2", "-L4", "--alive", "-x3", "-X3", "-D0"]))
            || has(&["--kill-mode"]) && has(&["-i", "-s", "-m1", "(daemon)", "-x3", "-X3"])
            || has(&["--on-signal"])
                && (only_daemon || has(&["--kill-mode", "-x3", "-X3", "-k0", "-D0"]))
            || ready && has(&["-i", "-s", "-m1", "-m2", "-D0", "--kill-mode"])
            || has(&["~"])
                && (ready || has(&["--finish", "--kill-mode", "-k0", "-L4", "-D0", "-x3", "-X3"]))
            || has(&["-x3", "-X3"]) && has(&["-i", "-s", "-m1", "-k0", "-L4", "-D0", "(daemon)"])
        {
            return None;
        }
        let mut policy =
            Policy { logged, terminal, daemon, ends_with_terminal: terminal, ..Policy::default() };
        parse_words(OPTIONS, &mut policy, &options).unwrap();
        policy.validate().ok()?;
        let count = words.iter().filter(|words| !words.is_empty()).count();
        Some((count - if ready { READY_WORDS } else { 0 }, policy))
    };
    lines.into_iter().filter_map(policy).collect()
}

/// Maximum number of actions between two waits.
const MAX_STEPS: usize = 20;

/// The exploration of the states of one policy.
struct Exploration<'a> {
    policy: &'a Policy,
    /// Hashes of the states that were visited.
    seen: HashSet<u64>,
    checks: Vec<LivenessCheck>,
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

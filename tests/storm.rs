//! Fault injection: dmon runs with random options and commands, and receives random signals, loads and full disks.
//!
//! Each storm is generated from a seed; `DMON_SEED=N` repeats one. `DMON_STORM=SECONDS` sets the duration of all storms
//! together (`make storm`). The test observes dmon from outside only: status lines, log, /proc, and the journal that
//! the command (tests/tools/chaos-child.rs) writes. After each storm, `checks` compares them with the promises.

/// Verifies the promises of dmon after a storm.
mod checks;
/// Generates a plan from a seed.
mod generator;
/// Injects signals, loads and full disks.
mod inject;
/// Parses the status lines of dmon and the journal.
mod journal;
/// Verifies that no line is lost, repeated or reordered.
mod line_checks;
/// Parses the log, and finds lost, repeated and reordered lines.
pub mod log_lines;
/// Samples dmon between two actions, and verifies zombies and pauses.
mod observe;
/// The plan of a storm: options, commands, and actions with their times.
mod plan;
/// Runs a storm.
mod runner;

use crate::rig::random::Random;
use crate::rig::{scaled, tools};
use generator::Environment;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Number of storms that run at the same time. They mostly sleep.
const PARALLEL: usize = 6;

#[test]
fn dmon_keeps_its_promises_under_random_faults() {
    let Some(chaos_child) = tools::example("chaos-child") else { return };
    if !tools::is_native("emulated processes have other names, and signals interrupt the emulator")
    {
        return;
    }
    let environment = Environment {
        chaos_child: chaos_child.display().to_string(),
        has_subreaper: tools::can_adopt(),
        can_mount: tools::can_mount() && tools::has(&["nsenter"]),
    };
    let seconds = std::env::var("DMON_STORM").ok().and_then(|word| word.parse().ok());
    let duration = Duration::from_secs(seconds.unwrap_or(scaled(30, 300) as u64));
    let first_seed = Random::given().unwrap_or_else(Random::fresh);
    let (count, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let started = Instant::now();
    let run_storms = || {
        while started.elapsed() < duration && !failed.load(Ordering::Relaxed) {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let seed = if Random::given().is_some() { first_seed } else { first_seed + number };
            let _flag = FlagOnPanic(&failed);
            runner::run(&generator::plan(seed, &environment));
        }
    };
    std::thread::scope(|scope| (0..PARALLEL).for_each(|_| drop(scope.spawn(run_storms))));
    println!("{} storms, starting with DMON_SEED={first_seed}", count.into_inner());
}

/// Makes the other threads stop after a failure.
struct FlagOnPanic<'a>(&'a AtomicBool);

impl Drop for FlagOnPanic<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(std::thread::panicking(), Ordering::Relaxed);
    }
}

//! Random lines for dmon, random commands, random signals to all of them, full disks and changing loads; what dmon
//! promises is asked from outside, of what was seen and written down. Each storm has a seed: `DMON_SEED=N` brings
//! that one again and again. `DMON_STORM=SECONDS` says how long they blow (`make storm`).

/// What a storm is made of.
mod plan;
/// The storm itself: dmon is started, struck and ended, and looked at meanwhile.
pub mod scene;
/// What must be true after it.
pub mod verdict;

use crate::rig::random::Random;
use crate::rig::{times, tools};
use plan::{Plan, World};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many storms blow at the same time. Mostly they sleep.
const AT_ONCE: usize = 6;

#[test]
fn whatever_happens_dmon_keeps_its_promises() {
    let Some(stormy) = tools::own("stormy") else { return };
    if !tools::is_native("processes have other names there, and signals come when they must not") {
        return;
    }
    let world = World {
        stormy: stormy.display().to_string(),
        adopts: tools::can_adopt(),
        mounts: tools::can_mount() && tools::has(&["nsenter"]),
    };
    let given = std::env::var("DMON_STORM").ok().and_then(|word| word.parse().ok());
    let time = Duration::from_secs(given.unwrap_or(times(30, 300) as u64));
    let first = Random::given().unwrap_or_else(Random::fresh);
    let (count, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    let blow = || {
        while begun.elapsed() < time && !failed.load(Ordering::Relaxed) {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let seed = if Random::given().is_some() { first } else { first + number };
            let _alarm = Alarm(&failed);
            scene::play(&Plan::new(seed, &world));
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(blow))));
    println!("{} storms from DMON_SEED={first} on", count.into_inner());
}

/// Tells the others that a storm has failed.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(std::thread::panicking(), Ordering::Relaxed);
    }
}

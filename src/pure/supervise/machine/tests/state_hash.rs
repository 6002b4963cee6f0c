//! A hash of the states of the model.
//!
//! The exploration identifies a state by this hash alone, and visits it once.

use super::model::{CLOCK_START, Model};
use crate::supervise::machine::restart::RestartHistory;
use crate::supervise::policy::Policy;
use crate::time::{Duration, Instant};
use std::hash::{Hash, Hasher};

/// Hashes a state. Times count relative to now, so that the same situation at another time is the same state. Times
/// that are long past are all equal.
struct StateHasher {
    /// The current time in nanoseconds.
    now: u64,
    sum: u64,
}

/// In nanoseconds: longer ago than all durations of the policies that are explored.
const LONG_PAST: i64 = 100_000_000_000;

impl StateHasher {
    /// Mixes like splitmix64.
    const fn mix(&mut self, n: u64) {
        self.sum = (self.sum.rotate_left(23) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.sum ^= self.sum >> 32;
    }
}

// One method for each size, because this is the inner loop: the default methods pass the bytes to `write`.
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
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        // The model sets the random number before each start.
        let Self { consecutive_failures, restarts, recent, random: _ } = self;
        // The longest list of delays that is explored has two entries.
        (consecutive_failures.min(&3), restarts).hash(hasher);
        recent.iter().for_each(|then| then.hash(hasher));
    }
}

impl Model<'_> {
    /// Returns the hash of this state.
    pub fn key(&self) -> u64 {
        let zero = Instant::from_clock(Duration::ZERO);
        let (seconds, nanoseconds) = zero.until(self.now).as_timespec();
        let now = seconds * 1_000_000_000 + u64::from(nanoseconds) + 1;
        let mut key = StateHasher { now, sum: 0 };
        self.hash(&mut key);
        key.finish()
    }
}

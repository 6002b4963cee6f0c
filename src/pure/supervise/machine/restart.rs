//! The history of the command's runs, which determines when the next one starts and whether it may.
//!
//! The machine calls it when a run of the command has ended.

use super::MIN_START_INTERVAL;
use crate::supervise::delay::Delay;
use crate::supervise::policy::{MAX_RECENT, Policy};
use crate::time::Instant;
use heapless::Vec;

/// The history of the command's runs.
// Field order: see src/lib.rs.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(super) struct RestartHistory {
    /// Consecutive failures. Reset by a successful run, or by one that outlasted the longest delay.
    pub(super) consecutive_failures: usize,
    /// All restarts, or the place in `recent` of the next one, if `--max-respawns` has a window.
    pub(super) restarts: u32,
    /// Selects the random times of the next delays. The supervisor sets it; each number follows from the last.
    pub(super) random: u32,
    /// The times of the last restarts, as many as the window may contain; unused without one.
    pub(super) recent: Vec<Instant, MAX_RECENT>,
}

impl RestartHistory {
    /// Returns the earliest time of the next start after a run that started at `started_at` and ended `now`.
    pub(super) fn next_start(
        &mut self,
        policy: &Policy,
        succeeded: bool,
        started_at: Instant,
        now: Instant,
    ) -> Instant {
        const DEFAULT: Delay = Delay::new(MIN_START_INTERVAL);
        // All numbers of 32 bits in turn. Their upper halves are more random (Knuth, The Art of Computer Programming, 3.2).
        let random = (self.random >> 16) as u16;
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let last_delay = policy.delays.last().unwrap_or(&DEFAULT);
        self.consecutive_failures = match succeeded {
            true => 0,
            false if started_at.until(now) > last_delay.time => 1,
            false => self.consecutive_failures.saturating_add(1),
        };
        let delay = policy.delays.get(self.consecutive_failures.saturating_sub(1));
        let spaced = delay.unwrap_or(last_delay).end(started_at, random);
        if succeeded { spaced.max(policy.interval.end(now, random)) } else { spaced }
    }

    /// Counts a restart; returns false if `--max-respawns` does not allow it.
    pub(super) fn record_restart(&mut self, policy: &Policy, now: Instant) -> bool {
        let Some(max) = policy.restart_limit.max else {
            return true;
        };
        let place = self.restarts;
        self.restarts = place.saturating_add(1);
        let Some(window) = policy.restart_limit.window else {
            return self.restarts <= max;
        };
        if self.restarts >= max {
            self.restarts = 0;
        }
        // The restart that this one replaces was the first of as many as the window may contain.
        let fits = match self.recent.get_mut(place as usize) {
            Some(first) => core::mem::replace(first, now).until(now) > window,
            None => self.recent.push(now).is_ok(),
        };
        place < max && fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    #[test]
    fn a_success_or_a_long_run_resets_the_delays() {
        let delay = |second| Delay::new(Duration::from_secs(second));
        let mut policy = Policy { interval: delay(7), ..Policy::default() };
        policy.delays.extend([1, 2, 4].map(delay));
        let mut history = RestartHistory::default();
        let at = |second: u64| Instant::from_clock(Duration::from_secs(second));
        let mut next = |succeeded, lasted: u64| {
            history.next_start(&policy, succeeded, at(100), at(100 + lasted))
        };
        for second in [1, 2, 4, 4] {
            assert_eq!(next(false, 0), at(100 + second));
        }
        assert_eq!(next(false, 5), at(101));
        assert_eq!(next(false, 4), at(102));
        assert_eq!(next(true, 0), at(107));
        assert_eq!(next(false, 0), at(101));
    }

    /// Returns how much the next delays add if the numbers begin with `random`, as a part of the maximum.
    fn parts(random: u32, count: usize) -> std::vec::Vec<u64> {
        let jitter = Duration::from_nanos(1 << 32);
        let interval = Delay { time: Duration::from_secs(600), jitter };
        let policy = Policy { interval, ..Policy::default() };
        let mut history = RestartHistory { random, ..RestartHistory::default() };
        let now = Instant::from_clock(Duration::from_secs(100));
        let mut next = || {
            let end = history.next_start(&policy, true, now, now);
            let (seconds, nanoseconds) = now.add(interval.time).until(end).as_timespec();
            seconds * 1_000_000_000 + u64::from(nanoseconds)
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn random_times_cover_everything_up_to_the_maximum() {
        assert_eq!(parts(0, 1), [0]);
        assert_eq!(parts(u32::MAX, 1), [0xffff_0000]);
        let found = parts(1, 64_000);
        for part in 0..64 {
            let count = found.iter().filter(|added| **added >> 26 == part).count();
            assert!((700..1300).contains(&count), "{count} of 1000 in part {part}");
        }
        let is_near = |one: &[u64]| one[0].abs_diff(one[1]) < 1 << 22;
        let near = found.windows(2).filter(|two| is_near(two)).count();
        assert!(near < 64_000 / 250, "{near} times are like the one before");
    }

    /// However similar their first numbers are, the machines of a fleet part after a few runs.
    #[test]
    fn two_dmons_of_a_fleet_draw_different_times() {
        for other in [2, 3, 1 << 8, 1 << 16, 1 << 31] {
            let [one, two] = [parts(1, 40), parts(other, 40)];
            let far = one.iter().zip(&two).filter(|(a, b)| a.abs_diff(**b) > 1 << 26).count();
            assert!(far > 30, "{far} of 40 times differ, first {other}");
        }
    }

    #[test]
    fn a_delay_with_a_random_time_counts_from_the_start() {
        let mut policy = Policy::default();
        let [second, minute] = [1, 60].map(Duration::from_secs);
        policy.delays.push(Delay { time: second, jitter: minute }).unwrap();
        policy.delays.push(Delay::new(minute)).unwrap();
        let mut history = RestartHistory { random: 1 << 31, ..RestartHistory::default() };
        let at = |second: u64| Instant::from_clock(Duration::from_secs(100 + second));
        let next = history.next_start(&policy, false, at(0), at(20));
        assert!(next <= at(31) && next.until(at(31)) < Duration::from_millis(1), "{next:?}");
        // The next entry has none.
        assert_eq!(history.next_start(&policy, false, at(0), at(20)), at(60));
        // The first entry again, with another random time.
        let next = history.next_start(&policy, true, at(0), at(20));
        let differs = next < at(30) || next > at(32);
        assert!(next > at(1) && differs, "{next:?}");
    }
}

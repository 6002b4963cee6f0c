//! The history of the command's runs, which determines when the next one starts and whether it may.
//!
//! The machine calls it when a run of the command has ended.

use super::MIN_START_INTERVAL;
use crate::supervise::policy::{MAX_RECENT, Policy};
use crate::time::Instant;
use heapless::Vec;

/// The history of the command's runs.
#[derive(Clone, Debug, Default)]
pub(super) struct RestartHistory {
    /// Consecutive failures. Reset by a successful run, or by one that outlasted the longest delay.
    pub(super) consecutive_failures: usize,
    /// All restarts, or the place in `recent` of the next one, if `--max-respawns` has a window.
    pub(super) restarts: u32,
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
        let last_delay = policy.delays.last().copied().unwrap_or(MIN_START_INTERVAL);
        self.consecutive_failures = match succeeded {
            true => 0,
            false if started_at.until(now) > last_delay => 1,
            false => self.consecutive_failures.saturating_add(1),
        };
        let delay = policy.delays.get(self.consecutive_failures.saturating_sub(1));
        let spaced = started_at.add(*delay.unwrap_or(&last_delay));
        if succeeded { spaced.max(now.add(policy.interval)) } else { spaced }
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
        let mut policy = Policy { interval: Duration::from_secs(7), ..Policy::default() };
        policy.delays.extend([1, 2, 4].map(Duration::from_secs));
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
}

//! Runs one after another: how long to wait between them, how many there may be.

use super::MIN_START_INTERVAL;
use crate::supervise::policy::{MAX_RECENT, Policy};
use crate::time::Instant;
use heapless::Deque;

/// What has to be remembered of earlier runs.
#[derive(Clone, Debug, Default)]
pub(super) struct RestartHistory {
    /// How many have ended badly since one that did not, or that lasted.
    pub(super) consecutive_failures: usize,
    /// All restarts so far; or the moments of those that still count within the window.
    pub(super) restarts: u32,
    pub(super) recent: Deque<Instant, MAX_RECENT>,
}

impl RestartHistory {
    /// A run that began at `since` is over: when the next may start at the soonest.
    pub(super) fn next_start(
        &mut self,
        policy: &Policy,
        well: bool,
        started_at: Instant,
        now: Instant,
    ) -> Instant {
        let last = policy.delays.last().copied().unwrap_or(MIN_START_INTERVAL);
        self.consecutive_failures = match well {
            true => 0,
            false if started_at.until(now) > last => 1,
            false => self.consecutive_failures.saturating_add(1),
        };
        let entry = policy.delays.get(self.consecutive_failures.saturating_sub(1));
        let spaced = started_at.add(*entry.unwrap_or(&last));
        if well { spaced.max(now.add(policy.interval)) } else { spaced }
    }

    /// Counts one more restart, if it is allowed.
    pub(super) fn record_restart(&mut self, policy: &Policy, now: Instant) -> bool {
        let Some(max) = policy.respawns.max else {
            return true;
        };
        let Some(window) = policy.respawns.window else {
            self.restarts = self.restarts.saturating_add(1);
            return self.restarts <= max;
        };
        while self.recent.front().is_some_and(|then| then.until(now) > window) {
            self.recent.pop_front();
        }
        let few = usize::try_from(max).is_ok_and(|max| self.recent.len() < max);
        few && self.recent.push_back(now).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    #[test]
    fn a_run_that_went_well_or_lasted_begins_the_list_of_delays_anew() {
        let mut policy = Policy { interval: Duration::from_secs(7), ..Policy::default() };
        policy.delays.extend([1, 2, 4].map(Duration::from_secs));
        let mut restart_history = RestartHistory::default();
        let at = |second: u64| Instant::from_clock(Duration::from_secs(second));
        let mut next = |well, lasted: u64| {
            restart_history.next_start(&policy, well, at(100), at(100 + lasted))
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

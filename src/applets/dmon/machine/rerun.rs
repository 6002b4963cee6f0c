//! Runs one after another: how long to wait between them, how many there may be.

use super::{MOST_RECENT, Policy, SPACING};
use crate::pure::time::Instant;
use heapless::Deque;

/// What has to be remembered of earlier runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Reruns {
    /// How many have ended badly since one that did not, or that lasted.
    pub(super) bad_in_row: usize,
    /// All restarts so far; or the moments of those that still count within the window.
    pub(super) restarts: u32,
    pub(super) recent: Deque<Instant, MOST_RECENT>,
}

impl Reruns {
    /// A run that began at `since` is over: when the next may start at the soonest.
    pub(super) fn pause(
        &mut self,
        policy: &Policy,
        well: bool,
        since: Instant,
        now: Instant,
    ) -> Instant {
        let last = policy.delays.last().copied().unwrap_or(SPACING);
        self.bad_in_row = match well {
            true => 0,
            false if since.until(now) > last => 1,
            false => self.bad_in_row.saturating_add(1),
        };
        let entry = policy.delays.get(self.bad_in_row.saturating_sub(1));
        let spaced = since.plus(*entry.unwrap_or(&last));
        if well { spaced.max(now.plus(policy.interval)) } else { spaced }
    }

    /// Counts one more restart, if it is allowed.
    pub(super) fn allow(&mut self, policy: &Policy, now: Instant) -> bool {
        let Some(most) = policy.respawns.most else {
            return true;
        };
        let Some(window) = policy.respawns.window else {
            self.restarts = self.restarts.saturating_add(1);
            return self.restarts <= most;
        };
        while self.recent.front().is_some_and(|then| then.until(now) > window) {
            self.recent.pop_front();
        }
        let few = usize::try_from(most).is_ok_and(|most| self.recent.len() < most);
        few && self.recent.push_back(now).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::time::Duration;

    #[test]
    fn a_run_that_went_well_or_lasted_begins_the_list_of_delays_anew() {
        let mut policy = Policy { interval: Duration::seconds(7), ..Policy::default() };
        policy.delays.extend([1, 2, 4].map(Duration::seconds));
        let mut reruns = Reruns::default();
        let at = |second: u64| Instant::after_zero(Duration::seconds(second));
        let mut next = |well, lasted: u64| reruns.pause(&policy, well, at(100), at(100 + lasted));
        for second in [1, 2, 4, 4] {
            assert_eq!(next(false, 0), at(100 + second));
        }
        assert_eq!(next(false, 5), at(101));
        assert_eq!(next(false, 4), at(102));
        assert_eq!(next(true, 0), at(107));
        assert_eq!(next(false, 0), at(101));
    }
}

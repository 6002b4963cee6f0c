//! Spans and moments of the monotonic clock, in 64-bit nanoseconds.
//!
//! Nothing here can overflow: sums stop at the far end of time, 584 years away.

use core::num::NonZeroU64;

/// A length of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Duration(u64);

impl Duration {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn from_secs(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000_000))
    }

    #[must_use]
    pub const fn from_millis(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    #[must_use]
    pub const fn from_nanos(n: u64) -> Self {
        Self(n)
    }

    #[must_use]
    pub const fn double(self) -> Self {
        Self(self.0.saturating_mul(2))
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn hundredths(self) -> u64 {
        self.0 / 10_000_000
    }

    /// Whole seconds and the nanoseconds beyond them, as `struct timespec` has them.
    #[must_use]
    pub const fn as_timespec(self) -> (u64, u32) {
        (self.0 / 1_000_000_000, (self.0 % 1_000_000_000) as u32)
    }
}

/// A moment: the time since the clock began, which only its owner knows. Never zero, so that a moment
/// that may not come (an `Option`) is as small as one that does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The far end of time.
    pub const NEVER: Self = Self(NonZeroU64::MAX);

    #[must_use]
    pub const fn from_clock(d: Duration) -> Self {
        Self(NonZeroU64::MIN.saturating_add(d.0))
    }

    #[must_use]
    #[inline(never)]
    pub const fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d.0))
    }

    /// From here to `later`; zero when that has passed.
    #[must_use]
    pub const fn until(self, later: Self) -> Duration {
        Duration(later.0.get().saturating_sub(self.0.get()))
    }
}

/// The earlier of two moments, of which one or both may never come.
#[must_use]
#[inline(never)]
pub fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stop_at_the_end_of_time() {
        let end = Instant::from_clock(Duration::from_nanos(u64::MAX));
        assert_eq!(end.add(Duration::from_secs(1)), end);
        assert_eq!(Duration::from_secs(u64::MAX), Duration::from_nanos(u64::MAX));
        assert_eq!(end.until(Instant::from_clock(Duration::ZERO)), Duration::ZERO);
    }

    #[test]
    fn a_length_has_parts() {
        let length = Duration::from_nanos(12_345_678_901);
        assert_eq!(length.as_timespec(), (12, 345_678_901));
        assert_eq!(length.hundredths(), 1234);
        assert_eq!(length.double(), Duration::from_nanos(24_691_357_802));
        assert!(Duration::ZERO.is_zero() && !length.is_zero());
    }

    #[test]
    fn the_sooner_of_two_wins_and_never_loses_to_never() {
        let at = |n| Some(Instant::from_clock(Duration::from_secs(n)));
        assert_eq!(earliest(at(3), at(2)), at(2));
        assert_eq!(earliest(None, at(2)), at(2));
        assert_eq!(earliest(at(3), None), at(3));
        assert_eq!(earliest(None, None), None);
    }
}

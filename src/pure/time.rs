//! Durations and points of the monotonic clock, in nanoseconds of 64 bits.
//!
//! All layers use it in place of `core::time`, whose types are larger and whose sums can panic. Here a sum saturates
//! after 584 years.

use crate::division::divide;
use core::num::NonZeroU64;

/// A length of time in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Duration(u64);

impl Duration {
    pub const ZERO: Self = Self(0);
    /// Longer than every other duration.
    pub const MAX: Self = Self(u64::MAX);

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

    /// Returns twice the duration.
    #[must_use]
    pub const fn double(self) -> Self {
        Self(self.0.saturating_mul(2))
    }

    /// Returns a quarter of the duration.
    #[must_use]
    pub const fn quarter(self) -> Self {
        Self(self.0 / 4)
    }

    /// Returns so many of the 65 536 parts of the duration, which counts in steps of 65 536 ns.
    #[must_use]
    pub const fn fraction(self, parts: u16) -> Self {
        Self((self.0 >> 16) * parts as u64)
    }

    /// Returns the difference; `None` if `other` is longer.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Returns whole hundredths of a second.
    #[must_use]
    pub const fn hundredths(self) -> u64 {
        divide(divide(self.0, 1000).0, 10_000).0
    }

    /// Returns seconds and nanoseconds as in `struct timespec`.
    #[must_use]
    pub const fn as_timespec(self) -> (u64, u32) {
        let milliseconds = divide(divide(self.0, 1000).0, 1000).0;
        let seconds = divide(milliseconds, 1000).0;
        (seconds, (self.0 - seconds * 1_000_000_000) as u32)
    }
}

/// A point on the monotonic clock. It is never zero, so that `Option<Instant>` is no larger than `Instant`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The first point on the clock, which has passed.
    pub const START: Self = Self(NonZeroU64::MIN);

    /// The last point on the clock, which is never reached.
    pub const NEVER: Self = Self(NonZeroU64::MAX);

    /// Returns the point at which clock_gettime(2) shows this time.
    #[must_use]
    pub const fn from_clock(d: Duration) -> Self {
        Self(NonZeroU64::MIN.saturating_add(d.0))
    }

    /// Returns the point after this duration, at most [`NEVER`](Self::NEVER).
    #[must_use]
    #[inline(never)]
    pub const fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d.0))
    }

    /// Returns the point before this duration, at least [`START`](Self::START).
    #[must_use]
    pub const fn before(self, d: Duration) -> Self {
        Self::from_clock(Duration(self.0.get().saturating_sub(d.0).saturating_sub(1)))
    }

    /// Returns the duration until `later`; zero if `later` has passed.
    #[must_use]
    pub const fn until(self, later: Self) -> Duration {
        Duration(later.0.get().saturating_sub(self.0.get()))
    }
}

/// Returns the earlier of two points, where `None` is never.
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
    fn sums_saturate() {
        let end = Instant::from_clock(Duration::from_nanos(u64::MAX));
        assert_eq!(end.add(Duration::from_secs(1)), end);
        assert_eq!(Duration::from_secs(u64::MAX), Duration::from_nanos(u64::MAX));
        assert_eq!(end.until(Instant::from_clock(Duration::ZERO)), Duration::ZERO);
    }

    #[test]
    fn durations_convert_between_units() {
        let length = Duration::from_nanos(12_345_678_901);
        assert_eq!(length.as_timespec(), (12, 345_678_901));
        assert_eq!(length.hundredths(), 1234);
        assert_eq!(length.double(), Duration::from_nanos(24_691_357_802));
        assert!(Duration::ZERO.is_zero() && !length.is_zero());
    }

    #[test]
    fn the_earliest_point_is_before_never() {
        let at = |n| Some(Instant::from_clock(Duration::from_secs(n)));
        assert_eq!(earliest(at(3), at(2)), at(2));
        assert_eq!(earliest(None, at(2)), at(2));
        assert_eq!(earliest(at(3), None), at(3));
        assert_eq!(earliest(None, None), None);
    }
}

//! Spans and moments of the monotonic clock, in 64-bit nanoseconds; the calendar of the log stamps.
//!
//! Nothing here can overflow: sums stop at the far end of time, 584 years away.

/// A length of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Duration(u64);

impl Duration {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn seconds(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000_000))
    }

    #[must_use]
    pub const fn milliseconds(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    #[must_use]
    pub const fn nanoseconds(n: u64) -> Self {
        Self(n)
    }

    #[must_use]
    pub const fn doubled(self) -> Self {
        Self(self.0.saturating_mul(2))
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whole seconds and the nanoseconds beyond them, as `struct timespec` has them.
    #[must_use]
    pub const fn parts(self) -> (u64, u32) {
        (self.0 / 1_000_000_000, (self.0 % 1_000_000_000) as u32)
    }
}

/// A moment: the time since the clock began, which only its owner knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant(u64);

impl Instant {
    #[must_use]
    pub const fn after_zero(d: Duration) -> Self {
        Self(d.0)
    }

    #[must_use]
    pub const fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d.0))
    }

    /// From here to `later`; zero when that has passed.
    #[must_use]
    pub const fn until(self, later: Self) -> Duration {
        Duration(later.0.saturating_sub(self.0))
    }
}

/// The earlier of two moments, of which one or both may never come.
#[must_use]
pub fn sooner(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// A second of the civil calendar, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Civil {
    pub year: i64,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl Civil {
    /// From seconds since 1970, before which it works too.
    ///
    /// Years are counted from March, so that the leap day is the last of its year, in eras of 400
    /// years = 146 097 days (the method is Howard Hinnant's `civil_from_days`).
    #[must_use]
    pub fn of_epoch(seconds: i64) -> Self {
        let days = seconds.div_euclid(86_400) + 719_468;
        let time = seconds.rem_euclid(86_400);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let small = |n: i64| u8::try_from(n).unwrap_or(0);
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(day_of_year - (153 * from_march + 2) / 5 + 1),
            hour: small(time / 3600),
            minute: small(time / 60 % 60),
            second: small(time % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stop_at_the_end_of_time() {
        let end = Instant::after_zero(Duration::nanoseconds(u64::MAX));
        assert_eq!(end.plus(Duration::seconds(1)), end);
        assert_eq!(Duration::seconds(u64::MAX), Duration::nanoseconds(u64::MAX));
        assert_eq!(end.until(Instant::after_zero(Duration::ZERO)), Duration::ZERO);
    }

    #[test]
    fn the_sooner_of_two_wins_and_never_loses_to_never() {
        let at = |n| Some(Instant::after_zero(Duration::seconds(n)));
        assert_eq!(sooner(at(3), at(2)), at(2));
        assert_eq!(sooner(None, at(2)), at(2));
        assert_eq!(sooner(at(3), None), at(3));
        assert_eq!(sooner(None, None), None);
    }

    /// Every day from 1600 to 2500 follows the one before it, by the calendar's own rules.
    #[test]
    fn the_calendar_counts_every_day() {
        let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
        let length = |y, m| match m {
            2 if leap(y) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let first = -135_140 * 86_400_i64;
        let (mut y, mut m, mut d) = (1600, 1_u8, 1_u8);
        for n in 0..328_000_i64 {
            let seen = Civil::of_epoch(first + n * 86_400 + 86_399);
            assert_eq!((seen.year, seen.month, seen.day), (y, m, d));
            assert_eq!((seen.hour, seen.minute, seen.second), (23, 59, 59));
            d += 1;
            if d > length(y, m) {
                (m, d) = (m + 1, 1);
            }
            if m > 12 {
                (y, m) = (y + 1, 1);
            }
        }
    }

    #[test]
    fn well_known_seconds() {
        let seen = Civil::of_epoch(2_208_988_800);
        assert_eq!((seen.year, seen.month, seen.day, seen.hour), (2040, 1, 1, 0));
        assert_eq!(Civil::of_epoch(0).year, 1970);
    }
}

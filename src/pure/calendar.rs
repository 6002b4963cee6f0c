//! The Gregorian calendar in UTC.
//!
//! Timestamps, archive names and syslog headers use it.

use crate::division::divide;

/// A date and time of day in UTC, to the second. Months and days count from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Civil {
    pub year: u32,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl Civil {
    /// Converts seconds since 1970-01-01 00:00 UTC. Negative numbers are earlier times, down to the year 0.
    ///
    /// The method is `civil_from_days` by Howard Hinnant. Years start in March, so that the leap day is the last day
    /// of its year. The calendar repeats after an era of 400 years, which has 146 097 days. All numbers are unsigned and
    /// fit in 32 bits, because 32-bit ARM has no instruction that divides.
    #[must_use]
    pub fn of_epoch(seconds: i64) -> Self {
        let seconds = u64::try_from(seconds.saturating_add(719_468 * 86_400)).unwrap_or(0);
        let days = divide(seconds / 2, 43_200).0;
        let time = (seconds - days * 86_400) as u32;
        let days = u32::try_from(days).unwrap_or(u32::MAX);
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let to_u8 = |n: u32| u8::try_from(n).unwrap_or(0);
        Self {
            year: year_of_era + era * 400 + u32::from(month <= 2),
            month: to_u8(month),
            day: to_u8(day_of_year - (153 * from_march + 2) / 5 + 1),
            hour: to_u8(time / 3600),
            minute: to_u8(time / 60 % 60),
            second: to_u8(time % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares every day from 1600 to 2500 with one that is counted from its predecessor.
    #[test]
    fn each_day_follows_the_previous_one() {
        let leap =
            |y: u32| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
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
    fn epoch_and_2040_are_correct() {
        let seen = Civil::of_epoch(2_208_988_800);
        assert_eq!((seen.year, seen.month, seen.day, seen.hour), (2040, 1, 1, 0));
        assert_eq!(Civil::of_epoch(0).year, 1970);
    }
}

//! The values of option words: numbers, times, sizes, loads and signals.
//!
//! The option tables call it through [`OptionValue`]. The applets call the functions for values inside other words.
//! A word with a surplus byte or a value out of range is an error.

use super::option_value::{Arg, Expected, OptionValue};
use crate::text::split_once;
use crate::time::Duration;
use crate::unix::{Pid, Signal};

/// Parses decimal digits; `None` if there are none, other bytes, or more than 64 bits.
fn digits(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0_u64, |n, byte| {
        let digit = byte.checked_sub(b'0').filter(|d| *d < 10)?;
        n.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Parses a decimal number with an optional fraction, in units of 1/`scale`, a power of ten. Returns the whole units,
/// and whether more than zeros follow them.
pub(crate) fn decimal(word: &[u8], scale: u32) -> Option<(u64, bool)> {
    let (whole, fraction) = split_once(word, b'.');
    let mut sum = match whole {
        [] if fraction.is_some_and(|f| !f.is_empty()) => 0,
        _ => digits(whole)?.checked_mul(scale.into())?,
    };
    let (mut place, mut has_rest) = (scale, false);
    for byte in fraction.unwrap_or(&[]) {
        let digit = u32::from(byte.checked_sub(b'0').filter(|d| *d < 10)?);
        place /= 10;
        has_rest |= place == 0 && digit > 0;
        sum = sum.checked_add(u64::from(digit * place))?;
    }
    Some((sum, has_rest))
}

/// Parses a whole number of 32 bits; `None` for a negative number, which means "no limit".
///
/// # Errors
/// The expected form, for any other word.
pub fn count(word: &[u8]) -> Result<Option<u32>, Expected> {
    if let [b'-', rest @ ..] = word {
        return digits(rest).map(|_| None).ok_or(Expected::Number);
    }
    number(word).map(Some)
}

/// Parses a whole number of 64 bits.
///
/// # Errors
/// The expected form, for any other word.
pub fn number_u64(word: &[u8]) -> Result<u64, Expected> {
    digits(word).ok_or(Expected::Number)
}

/// Parses a whole number of 32 bits.
///
/// # Errors
/// The expected form, for any other word.
pub fn number(word: &[u8]) -> Result<u32, Expected> {
    digits(word).and_then(|n| u32::try_from(n).ok()).ok_or(Expected::Number)
}

/// Parses a number, or two with a `-` between them, the second not below the first.
#[must_use]
pub fn range(word: &[u8]) -> Option<(u32, u32)> {
    let (first, last) = split_once(word, b'-');
    let first = number(first).ok()?;
    let last = last.map_or(Ok(first), number).ok()?;
    (first <= last).then_some((first, last))
}

/// Parses the PID of a process.
#[must_use]
pub fn pid(word: &[u8]) -> Option<Pid> {
    Pid::new(i32::try_from(digits(word)?).ok()?)
}

/// Parses a file descriptor: a whole number below 2^31.
///
/// # Errors
/// The expected form, for any other word.
pub fn descriptor(word: &[u8]) -> Result<i32, Expected> {
    number(word).ok().and_then(|n| i32::try_from(n).ok()).ok_or(Expected::Descriptor)
}

/// The letters of units with their factors.
type Units = [(u8, u32)];

/// In seconds.
const TIME_UNITS: &Units = &[(b's', 1), (b'm', 60), (b'h', 3600), (b'd', 86_400), (b'w', 604_800)];

/// In seconds; only [`LongTime`] has them.
const LONG_TIME_UNITS: &Units = &[(b'M', 30 * 86_400), (b'y', 365 * 86_400)];

/// In bytes.
const SIZE_UNITS: &Units = &[
    (b'b', 1),
    (b'k', 1 << 10),
    (b'm', 1 << 20),
    (b'g', 1 << 30),
    (b'B', 1),
    (b'K', 1 << 10),
    (b'M', 1 << 20),
    (b'G', 1 << 30),
];

/// Splits a word into number and factor of its unit. The factor is 1 without a unit.
fn split_unit<'a>(word: &'a [u8], units: &Units) -> (&'a [u8], u64) {
    let split = word.split_last().and_then(|(last, number)| {
        let unit = units.iter().find(|unit| unit.0 == *last)?;
        Some((number, unit.1.into()))
    });
    split.unwrap_or((word, 1))
}

fn time_in(word: &[u8], units: &Units) -> Option<Duration> {
    let (number, unit) = split_unit(word, units);
    let (nanoseconds, has_rest) = decimal(number, 1_000_000_000)?;
    // Rounded up: zero would switch an option off.
    let nanoseconds = nanoseconds.checked_add(has_rest.into())?;
    nanoseconds.checked_mul(unit).map(Duration::from_nanos)
}

/// Parses a time as [`time`] does.
#[inline(never)]
fn short_time(word: &[u8]) -> Option<Duration> {
    time_in(word, TIME_UNITS)
}

/// Parses a time: a decimal number with a unit of `s m h d w`. Without a unit it is in seconds. A fraction of a
/// nanosecond counts as one.
///
/// # Errors
/// The expected form, for any other word, or more than 584 years.
pub fn time(word: &[u8]) -> Result<Duration, Expected> {
    short_time(word).ok_or(Expected::Time)
}

/// Parses a time as [`time`] does, also with the units `M` (30 days) and `y` (365 days).
///
/// # Errors
/// The same as for [`time`].
pub fn long_time(word: &[u8]) -> Result<Duration, Expected> {
    let time = time_in(word, LONG_TIME_UNITS).or_else(|| short_time(word));
    time.ok_or(Expected::LongTime)
}

/// Parses a size in bytes: a whole number with a unit of `b k m g`, powers of 1024, in either case.
///
/// # Errors
/// The expected form, for any other word, or 2^64 bytes and more.
pub fn size(word: &[u8]) -> Result<u64, Expected> {
    let (number, unit) = split_unit(word, SIZE_UNITS);
    digits(number).and_then(|n| n.checked_mul(unit)).ok_or(Expected::Size)
}

/// A load average to compare with. Zero means none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Threshold {
    pub load: Load,
    /// Whether `load` applies to each CPU that is online, not to the machine.
    pub per_cpu: bool,
}

impl Threshold {
    /// Returns half of the load.
    #[must_use]
    pub const fn half(self) -> Self {
        Self { load: Load(self.load.0 / 2), ..self }
    }
}

/// A load average, or another metric with thresholds, in units of 1/10 000: /proc/loadavg has two decimals, and a
/// percentage adds two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Load(pub i64);

impl Load {
    /// A load of 1.0.
    pub const ONE: u16 = 10_000;
}

/// Parses `4`, `4.0` or `150%`.
///
/// # Errors
/// The expected form, for any other word, or more than four decimals (two in a percentage).
pub fn threshold(word: &[u8]) -> Result<Threshold, Expected> {
    let (number, scale, per_cpu) = match word {
        [number @ .., b'%'] => (number, Load::ONE / 100, true),
        _ => (word, Load::ONE, false),
    };
    let (load, has_rest) = decimal(number, scale.into()).ok_or(Expected::Load)?;
    let load = u32::try_from(load)
        .ok()
        .filter(|_| !has_rest)
        .map(|load| Load(load.into()))
        .ok_or(Expected::Load)?;
    Ok(Threshold { load, per_cpu })
}

/// Parses a signal by name or number.
///
/// # Errors
/// The expected form, for any other word, or a number outside of 1 to 64.
pub fn signal(word: &[u8]) -> Result<Signal, Expected> {
    let by_number = || digits(word).and_then(|n| i32::try_from(n).ok()).and_then(Signal::new);
    Signal::named(word).or_else(by_number).ok_or(Expected::Signal)
}

/// Parses `COUNT`, or `COUNT/TIME` with this `separator`. The time is not zero; a count below zero is `None`, as in
/// [`count`].
#[must_use]
#[inline(never)]
pub fn count_and_time(word: &[u8], separator: u8) -> Option<(Option<u32>, Option<Duration>)> {
    let (count, time) = split_once(word, separator);
    let count = self::count(count).ok()?;
    let time = match time.map(self::time) {
        None => None,
        Some(Ok(time)) if !time.is_zero() => Some(time),
        Some(_) => return None,
    };
    Some((count, time))
}

/// A time.
impl OptionValue for Duration {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = time(value.to_bytes())?;
        Ok(())
    }
}

/// A time; zero means `None`.
impl OptionValue for Option<Duration> {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = Some(time(value.to_bytes())?).filter(|time| !time.is_zero());
        Ok(())
    }
}

/// A load.
impl OptionValue for Threshold {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = threshold(value.to_bytes())?;
        Ok(())
    }
}

/// A signal.
impl OptionValue for Signal {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = signal(value.to_bytes())?;
        Ok(())
    }
}

/// A file descriptor.
impl OptionValue for i32 {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = descriptor(value.to_bytes())?;
        Ok(())
    }
}

/// The age of a log file; see [`long_time`].
#[derive(Clone, Copy, Debug)]
pub struct LongTime(pub Duration);

impl OptionValue for LongTime {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.0 = long_time(value.to_bytes())?;
        Ok(())
    }
}

/// A size in bytes; see [`size`].
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl OptionValue for Size {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.0 = size(value.to_bytes())?;
        Ok(())
    }
}

/// A whole number; see [`number`].
#[derive(Clone, Copy, Debug)]
pub struct Count(pub u32);

impl OptionValue for Count {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.0 = number(value.to_bytes())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    #[test]
    fn times_have_units_and_fractions() {
        let is = |word: &str, milliseconds| {
            assert_eq!(time(word.as_bytes()), Ok(Duration::from_millis(milliseconds)))
        };
        is("0", 0);
        is("90", 90_000);
        is("1.5m", 90_000);
        is(".25s", 250);
        is("2h", 7_200_000);
        is("1d", 86_400_000);
        is("1w", 604_800_000);
        is("1.", 1000);
        is("1.5000000000", 1500);
        assert_eq!(time(b"0.0000000001"), Ok(Duration::from_nanos(1)));
        assert_eq!(time(b"1.0000000009"), Ok(Duration::from_nanos(1_000_000_001)));
        assert_eq!(time(b"0.0000000000"), Ok(Duration::ZERO));
        for bad in [
            "",
            "s",
            ".",
            "-1",
            "1x",
            "1 s",
            "1ss",
            "0x10",
            "1e3",
            "1.0.0",
            "1:",
            "1.:",
            "٣",
            "999999999999w",
            "18446744073709551616",
        ] {
            assert_eq!(time(bad.as_bytes()), Err(Expected::Time), "{bad}");
        }
    }

    #[test]
    fn sizes_and_long_times_have_units() {
        assert_eq!(size(b"150k"), Ok(153_600));
        assert_eq!(size(b"0"), Ok(0));
        for (units, factor) in [("bB", 1), ("kK", 1024), ("mM", 1_048_576), ("gG", 1_073_741_824)] {
            for unit in units.chars() {
                assert_eq!(size(format!("3{unit}").as_bytes()), Ok(3 * factor), "{unit}");
            }
        }
        assert_eq!(long_time(b"2M"), Ok(Duration::from_secs(60 * 86_400)));
        assert_eq!(long_time(b"1y"), time(b"365d"));
        for bad in ["", "k", "1.5k", "-1", "1kb", "99999999999g"] {
            assert!(size(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(long_time(b"600y").is_err());
    }

    #[test]
    fn a_negative_count_is_no_limit() {
        assert_eq!(count(b"0"), Ok(Some(0)));
        assert_eq!(count(b"-1"), Ok(None));
        for bad in ["", "-", "--1", "1x", "+1", "4294967296", " 1"] {
            assert_eq!(count(bad.as_bytes()), Err(Expected::Number), "{bad}");
        }
        assert_eq!(number_u64(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(number_u64(b"18446744073709551616"), Err(Expected::Number));
    }

    #[test]
    fn pids_and_descriptors_have_31_bits() {
        assert_eq!(pid(b"2147483647").map(Pid::number), Some(i32::MAX));
        for bad in ["", "0", "-1", "7x", "2147483648"] {
            assert_eq!(pid(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(descriptor(b"0"), Ok(0));
        assert_eq!(descriptor(b"2147483647"), Ok(i32::MAX));
        assert!(descriptor(b"2147483648").is_err() && descriptor(b"-1").is_err());
    }

    #[test]
    fn loads_are_absolute_or_per_cpu() {
        let load = |load, per_cpu| Ok(Threshold { load: Load(load), per_cpu });
        assert_eq!(threshold(b"4"), load(40_000, false));
        assert_eq!(threshold(b"4.25"), load(42_500, false));
        assert_eq!(threshold(b"150%"), load(15_000, true));
        assert_eq!(threshold(b"12.50%"), load(1250, true));
        for bad in ["", "%", "-1", "4,0", "1.00001", "12.345%", "1%%", "x"] {
            assert_eq!(threshold(bad.as_bytes()), Err(Expected::Load), "{bad}");
        }
        assert_eq!(threshold(b"150%").map(Threshold::half), load(7500, true));
    }

    #[test]
    fn signals_have_names_or_numbers() {
        assert_eq!(signal(b"term"), Ok(Signal::TERM));
        assert_eq!(signal(b"9"), Ok(Signal::KILL));
        for bad in ["", "0", "65", "TERMINATE", "-9"] {
            assert_eq!(signal(bad.as_bytes()), Err(Expected::Signal), "{bad}");
        }
    }

    #[test]
    fn fields_store_their_values_and_zero_is_none() {
        fn given<F: OptionValue>(mut field: F, word: &str) -> Result<F, Expected> {
            Arg::new(word_of(word)).to(&mut field)?;
            Ok(field)
        }
        let minute = Duration::from_secs(60);
        assert_eq!(given(Duration::ZERO, "1m"), Ok(minute));
        assert_eq!(given(minute, "0"), Ok(Duration::ZERO));
        assert_eq!(given(None, "1m"), Ok(Some(minute)));
        assert_eq!(given(Some(minute), "0"), Ok(None));
        assert_eq!(given(Threshold::default(), "0.0001"), threshold(b"0.0001"));
        assert_eq!(given(Signal::TERM, "INT"), Ok(Signal::INT));
        assert_eq!(given(0, "7"), Ok(7));
        assert_eq!(given(LongTime(minute), "1M").map(|time| time.0), long_time(b"30d"));
        assert_eq!(given(Size(0), "1k").map(|size| size.0), Ok(1024));
        assert_eq!(given(Count(0), "7").map(|count| count.0), Ok(7));
    }

    /// Random bytes never cause a panic, and leading zeros do not change a time.
    #[test]
    fn any_bytes_are_parsed_or_rejected() {
        let mut random = crate::testing::Random(0x2545_F491_4F6C_DD1D);
        for _ in 0..200_000 {
            let alphabet = b"0123456789.%-smhdwTERMKIL \xff\0";
            let word: Vec<u8> = (0..random.below(12))
                .map(|_| alphabet[random.below(alphabet.len() as u64)])
                .collect();
            let _ = (count(&word), threshold(&word), signal(&word));
            if let Ok(t) = time(&word) {
                assert_eq!(time(&[b"00", word.as_slice()].concat()), Ok(t));
            }
        }
    }
}

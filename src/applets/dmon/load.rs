//! Load averages: the text of /proc/loadavg, and when a load is high. Pure.

use crate::pure::text::halves;
use crate::pure::value::{self, Load, Threshold};

/// Pause above `high`, go on at or below `low`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub high: Threshold,
    pub low: Threshold,
}

/// The load of the machine and how many processors carry it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    pub load: Load,
    pub processors: u64,
}

impl Limits {
    #[must_use]
    pub const fn per_cpu(&self) -> bool {
        self.high.per_cpu || self.low.per_cpu
    }

    /// Whether the load counts as high now, when it `was` so before: between the two limits nothing
    /// changes.
    #[must_use]
    pub const fn is_high(&self, reading: Reading, was: bool) -> bool {
        let limit = if was { self.low } else { self.high };
        let processors = if limit.per_cpu { reading.processors } else { 1 };
        reading.load.0 > limit.load.0.saturating_mul(processors)
    }
}

/// The first number of /proc/loadavg (proc(5)): the average over one minute, two decimals.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Load> {
    let first = text.split(|b| *b == b' ').next()?;
    value::threshold(first).ok().filter(|t| !t.per_cpu).map(|t| t.load)
}

/// How many numbers a list like `0-3,5` has: /sys/devices/system/cpu/online.
#[must_use]
pub fn count_listed(text: &[u8]) -> Option<u64> {
    let mut sum = 0;
    for range in text.trim_ascii().split(|b| *b == b',') {
        let (first, last) = halves(range, b'-');
        let first = value::number(first).ok()?;
        let last = last.map_or(Ok(first), value::number).ok()?;
        sum += u64::from(last.checked_sub(first)?) + 1;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::value::threshold;

    #[test]
    fn the_kernels_texts() {
        assert_eq!(parse(b"0.20 0.18 0.12 1/80 11206\n"), Some(Load(2000)));
        assert_eq!(parse(b"123.45 0 0"), Some(Load(1_234_500)));
        for odd in [&b""[..], b"\n", b"x", b"-1.0 0", b"50% 1"] {
            assert_eq!(parse(odd), None);
        }
        assert_eq!(count_listed(b"0-3\n"), Some(4));
        assert_eq!(count_listed(b"0"), Some(1));
        assert_eq!(count_listed(b"0-1,4-5,7\n"), Some(5));
        for odd in [&b""[..], b"3-1", b"0-", b"0-3,", b"a", b"0-99999999999"] {
            assert_eq!(count_listed(odd), None);
        }
    }

    #[test]
    fn high_is_above_and_low_is_at_or_below() {
        let half = |high: Threshold| Limits { high, low: high.half() };
        let limits = half(threshold(b"4").unwrap());
        let load = |hundredths: u64| Reading { load: Load(hundredths * 100), processors: 8 };
        assert!(!limits.is_high(load(400), false));
        assert!(limits.is_high(load(401), false));
        assert!(limits.is_high(load(201), true));
        assert!(!limits.is_high(load(200), true));
        let limits = half(threshold(b"50%").unwrap());
        assert!(!limits.is_high(load(400), false));
        assert!(limits.is_high(load(401), false));
    }
}

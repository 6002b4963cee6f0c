//! Load and pressure: the kernel's texts about them, and when they are high. Pure.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value::{self, Load, Threshold};
use crate::name_table::index_of;
use crate::text::{split_once, strip_prefix};
use core::ffi::CStr;

/// Pause above `high`, go on at or below `low`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PauseRange {
    pub high: Threshold,
    pub low: Threshold,
}

/// What is watched: the load; and the pressure on three things, as the kernel tells it
/// (Documentation/accounting/psi.rst).
pub const FILES: [&CStr; KINDS] =
    [c"/proc/loadavg", c"/proc/pressure/cpu", c"/proc/pressure/io", c"/proc/pressure/memory"];

/// How many kinds that are.
pub const KINDS: usize = 4;

/// The limits of each kind.
pub type Thresholds = [Option<PauseRange>; KINDS];

/// The load of the machine and how many processors carry it; the pressures, in percent. What could not be
/// read is `None`, and not high.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    pub values: [Option<Load>; KINDS],
    pub processors: u64,
}

impl PauseRange {
    /// Whether a value counts as high now, when it `was` so before: between the two limits nothing
    /// changes.
    #[must_use]
    pub const fn is_high(&self, value: Load, processors: u64, was: bool) -> bool {
        let limit = if was { self.low } else { self.high };
        let processors = if limit.per_cpu { processors } else { 1 };
        value.0 > limit.load.0.saturating_mul(processors)
    }
}

/// Brings up to date which kinds are high.
pub fn update(watch: &Thresholds, sample: &Sample, high: &mut [bool; KINDS]) {
    for ((limits, value), high) in watch.iter().zip(sample.values).zip(high) {
        *high = match (limits, value) {
            (Some(limits), Some(value)) => limits.is_high(value, sample.processors, *high),
            _ => false,
        };
    }
}

/// The limits of pressure: `cpu|io|memory:HIGH[:LOW]`, in percent.
#[derive(Default)]
pub struct Pressure(pub [Option<PauseRange>; KINDS - 1]);

impl OptionValue for Pressure {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        const WANTED: Expected = "a resource and percentages (like cpu:40, io:50:20)";
        let (name, limits) = split_once(value.to_bytes(), b':');
        let (high, low) = split_once(limits.ok_or(WANTED)?, b':');
        let high = percent(high).ok_or(WANTED)?;
        let low = low.map_or(Some(high.half()), percent).ok_or(WANTED)?;
        let at = index_of("cpu io memory", name).ok_or(WANTED)?;
        let place = self.0.get_mut(at).ok_or(WANTED)?;
        *place = Some(PauseRange { high, low });
        if low.load < high.load { Ok(()) } else { Err(WANTED) }
    }
}

fn percent(word: &[u8]) -> Option<Threshold> {
    value::threshold(word).ok().filter(|threshold| !threshold.per_cpu)
}

/// The first number of a file of [`FILES`]: the load, the average over one minute (proc(5)); or the share
/// of the last ten seconds in which some process had to wait, behind `some avg10=`. Two decimals.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Load> {
    let text = strip_prefix(text, b"some avg10=").unwrap_or(text);
    percent(split_once(text, b' ').0).map(|threshold| threshold.load)
}

/// How many numbers a list like `0-3,5` has: /sys/devices/system/cpu/online.
#[must_use]
pub fn count_listed(text: &[u8]) -> Option<u64> {
    let mut sum = 0;
    for range in text.trim_ascii().split(|b| *b == b',') {
        let (first, last) = split_once(range, b'-');
        let first = value::number(first).ok()?;
        let last = last.map_or(Ok(first), value::number).ok()?;
        sum += u64::from(last.checked_sub(first)?) + 1;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::value::threshold;
    use crate::testing::word_of;

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
        let half = |high: Threshold| PauseRange { high, low: high.half() };
        let limits = half(threshold(b"4").unwrap());
        let is_high = |limits: PauseRange, hundredths: u64, was| {
            limits.is_high(Load(hundredths * 100), 8, was)
        };
        assert!(!is_high(limits, 400, false));
        assert!(is_high(limits, 401, false));
        assert!(is_high(limits, 201, true));
        assert!(!is_high(limits, 200, true));
        let limits = half(threshold(b"50%").unwrap());
        assert!(!is_high(limits, 400, false));
        assert!(is_high(limits, 401, false));
    }

    #[test]
    fn pressures_have_limits() {
        let mut pressure = Pressure::default();
        let mut set = |word| pressure.parse(Arg::new(word_of(word))).map(|()| pressure.0);
        let is = |high, low| {
            Some(PauseRange { high: percent(high).unwrap(), low: percent(low).unwrap() })
        };
        assert_eq!(set("cpu:40").unwrap(), [is(b"40", b"20"), None, None]);
        assert_eq!(set("memory:9.5:1").unwrap(), [is(b"40", b"20"), None, is(b"9.5", b"1")]);
        for bad in [
            "", "cpu", "cpu:", ":1", "disk:1", "cpu:1:", "cpu:1:1", "cpu:1:2", "cpu:40%",
            "io:1:0:0",
        ] {
            assert!(set(bad).is_err(), "{bad}");
        }
        let text = b"some avg10=12.34 avg60=1.00 avg300=0.00 total=1\nfull avg10=0.00\n";
        assert_eq!(parse(text), Some(Load(123_400)));
        for odd in [&b""[..], b"some", b"some avg10=", b"some avg10=x ", b"full avg10=1.00 "] {
            assert_eq!(parse(odd), None);
        }
    }

    #[test]
    fn each_kind_is_judged_by_its_own() {
        let limits = |high: &[u8]| {
            let high = percent(high).unwrap();
            Some(PauseRange { high, low: high.half() })
        };
        let watch = [limits(b"4"), limits(b"40"), None, None];
        let mut high = [false; KINDS];
        let mut hear = |load, cpu| {
            let values = [Some(Load(load)), cpu, Some(Load(1_000_000)), None];
            update(&watch, &Sample { values, processors: 1 }, &mut high);
            high
        };
        assert_eq!(hear(40_000, None), [false; 4]);
        assert_eq!(hear(40_001, Some(Load(400_001))), [true, true, false, false]);
        assert_eq!(hear(20_000, Some(Load(200_001))), [false, true, false, false]);
        assert_eq!(hear(20_000, None), [false; 4]);
    }
}

//! The rules for the load: the text of /proc files, and when a metric is above its threshold.
//!
//! `applets/dmon/load_sampler.rs` parses the files with it. The machine decides with it when to pause the command.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value::{self, Load, Threshold};
use crate::name_table::index_of;
use crate::text::{split, split_once, strip_prefix};
use core::ffi::CStr;

/// The thresholds of one metric: pause above `high`, resume at or below `low`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PauseRange {
    pub high: Threshold,
    pub low: Threshold,
}

/// The files of the metrics: the load average, and the pressure on three resources
/// (Documentation/accounting/psi.rst).
pub const FILES: [&CStr; METRIC_COUNT] =
    [c"/proc/loadavg", c"/proc/pressure/cpu", c"/proc/pressure/io", c"/proc/pressure/memory"];

/// The number of metrics.
pub const METRIC_COUNT: usize = 4;

/// The thresholds of each metric, in the order of [`FILES`]; `None`: not watched.
pub type Thresholds = [Option<PauseRange>; METRIC_COUNT];

/// One sample of all metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// The load average, and the pressures in percent. `None`, a metric that is not watched or could not be read, is
    /// never above its threshold.
    pub values: [Option<Load>; METRIC_COUNT],
    /// Processors that are online.
    pub processors: u64,
}

impl PauseRange {
    /// Reports whether `value` is above its threshold. `was_above` is the previous result, which stays the same between
    /// `low` and `high`.
    #[must_use]
    pub const fn is_above(&self, value: Load, processors: u64, was_above: bool) -> bool {
        let limit = if was_above { self.low } else { self.high };
        let processors = if limit.per_cpu { processors } else { 1 };
        value.0 > limit.load.0.saturating_mul(processors)
    }
}

/// Updates, for each metric, whether it is above its threshold.
pub fn update(thresholds: &Thresholds, sample: &Sample, above: &mut [bool; METRIC_COUNT]) {
    for ((range, value), above) in thresholds.iter().zip(sample.values).zip(above) {
        *above = match (range, value) {
            (Some(range), Some(value)) => range.is_above(value, sample.processors, *above),
            _ => false,
        };
    }
}

/// The thresholds of `--pressure cpu|io|memory:HIGH[:LOW]`, in percent.
#[derive(Default)]
pub struct Pressure(pub [Option<PauseRange>; METRIC_COUNT - 1]);

impl OptionValue for Pressure {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        const WANTED: Expected = "a resource and percentages (like cpu:40, io:50:20)";
        let (resource, range) = split_once(value.to_bytes(), b':');
        let (high, low) = split_once(range.ok_or(WANTED)?, b':');
        let high = percent(high).ok_or(WANTED)?;
        let low = low.map_or(Some(high.half()), percent).ok_or(WANTED)?;
        let index = index_of("cpu io memory", resource).ok_or(WANTED)?;
        let entry = self.0.get_mut(index).ok_or(WANTED)?;
        *entry = Some(PauseRange { high, low });
        if low.load < high.load { Ok(()) } else { Err(WANTED) }
    }
}

fn percent(text: &[u8]) -> Option<Threshold> {
    value::threshold(text).ok().filter(|threshold| !threshold.per_cpu)
}

/// Parses the first number of one of [`FILES`], with two decimals: the load average of the last minute (proc(5)), or
/// `some avg10=`, the share of the last ten seconds in which at least one process waited for the resource.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Load> {
    let text = strip_prefix(text, b"some avg10=").unwrap_or(text);
    percent(split_once(text, b' ').0).map(|threshold| threshold.load)
}

/// Counts the numbers of a list like `0-3,5` (/sys/devices/system/cpu/online); `None` for any other text.
#[must_use]
pub fn count_listed(text: &[u8]) -> Option<u64> {
    let mut count = 0;
    for range in split(split_once(text, b'\n').0, b',') {
        let (first, last) = split_once(range, b'-');
        let first = value::number(first).ok()?;
        let last = last.map_or(Ok(first), value::number).ok()?;
        count += u64::from(last.checked_sub(first)?) + 1;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::value::threshold;
    use crate::testing::word_of;

    #[test]
    fn parses_proc_and_sys_files() {
        assert_eq!(parse(b"0.20 0.18 0.12 1/80 11206\n"), Some(Load(2000)));
        assert_eq!(parse(b"123.45 0 0"), Some(Load(1_234_500)));
        for bad in [&b""[..], b"\n", b"x", b"-1.0 0", b"50% 1"] {
            assert_eq!(parse(bad), None);
        }
        assert_eq!(count_listed(b"0-3\n"), Some(4));
        assert_eq!(count_listed(b"0"), Some(1));
        assert_eq!(count_listed(b"0-1,4-5,7\n"), Some(5));
        for bad in [&b""[..], b"3-1", b"0-", b"0-3,", b"a", b"0-99999999999"] {
            assert_eq!(count_listed(bad), None);
        }
    }

    #[test]
    fn pauses_above_high_and_resumes_at_low() {
        let half = |high: Threshold| PauseRange { high, low: high.half() };
        let range = half(threshold(b"4").unwrap());
        let is_above = |range: PauseRange, hundredths: u64, was| {
            range.is_above(Load(hundredths * 100), 8, was)
        };
        assert!(!is_above(range, 400, false));
        assert!(is_above(range, 401, false));
        assert!(is_above(range, 201, true));
        assert!(!is_above(range, 200, true));
        let range = half(threshold(b"50%").unwrap());
        assert!(!is_above(range, 400, false));
        assert!(is_above(range, 401, false));
    }

    #[test]
    fn parses_pressure_thresholds() {
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
        for bad in [&b""[..], b"some", b"some avg10=", b"some avg10=x ", b"full avg10=1.00 "] {
            assert_eq!(parse(bad), None);
        }
    }

    #[test]
    fn each_metric_has_its_own_thresholds() {
        let range = |high: &[u8]| {
            let high = percent(high).unwrap();
            Some(PauseRange { high, low: high.half() })
        };
        let thresholds = [range(b"4"), range(b"40"), None, None];
        let mut above = [false; METRIC_COUNT];
        let mut update = |load, cpu| {
            let values = [Some(Load(load)), cpu, Some(Load(1_000_000)), None];
            super::update(&thresholds, &Sample { values, processors: 1 }, &mut above);
            above
        };
        assert_eq!(update(40_000, None), [false; 4]);
        assert_eq!(update(40_001, Some(Load(400_001))), [true, true, false, false]);
        assert_eq!(update(20_000, Some(Load(200_001))), [false, true, false, false]);
        assert_eq!(update(20_000, None), [false; 4]);
    }
}

//! The rules for the load: the text of /proc files, and when a metric is above its threshold.
//!
//! `applets/dmon/load_sampler.rs` parses the files with it. The machine decides with it when to pause the command.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value::{self, Load};
use crate::name_table::index_of;
use crate::text::{split, split_once, strip_prefix};
use core::ffi::CStr;

/// The thresholds of one metric: pause above `high`, resume at or below `low`. Zero if the metric is not watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PauseRange {
    pub high: Load,
    pub low: Load,
    /// Whether they apply to each CPU that is online, not to the machine.
    pub per_cpu: bool,
}

impl PauseRange {
    /// Reports whether the metric is watched.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        self.high.0 > 0
    }
}

/// The files of the metrics: the load average, and the pressure on three resources
/// (Documentation/accounting/psi.rst).
pub const FILES: [&CStr; METRIC_COUNT] =
    [c"/proc/loadavg", c"/proc/pressure/cpu", c"/proc/pressure/io", c"/proc/pressure/memory"];

/// The number of metrics.
pub const METRIC_COUNT: usize = 4;

/// The thresholds of each metric, in the order of [`FILES`].
pub type Thresholds = [PauseRange; METRIC_COUNT];

/// One sample of all metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// The load average, and the pressures in percent. Zero, which is never above a threshold, for a metric that is not
    /// watched or could not be read.
    pub values: [Load; METRIC_COUNT],
    /// Processors that are online.
    pub processors: u32,
}

impl PauseRange {
    /// Reports whether `value` is above its threshold. `was_above` is the previous result, which stays the same between
    /// `low` and `high`.
    #[must_use]
    pub const fn is_above(&self, value: Load, processors: u32, was_above: bool) -> bool {
        let limit = if was_above { self.low } else { self.high };
        let processors = if self.per_cpu { processors } else { 1 };
        value.0 > limit.0.saturating_mul(processors)
    }
}

/// Updates, for each metric, whether it is above its threshold.
pub fn update(thresholds: &Thresholds, sample: &Sample, above: &mut [bool; METRIC_COUNT]) {
    for ((range, value), above) in thresholds.iter().zip(&sample.values).zip(above) {
        *above = range.is_above(*value, sample.processors, *above);
    }
}

/// Parses `cpu|io|memory:HIGH[:LOW]`, in percent (`--pressure`).
impl OptionValue for Thresholds {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        const WANTED: Expected = "a resource and percentages (like cpu:40, io:50:20)";
        let (resource, range) = split_once(value.to_bytes(), b':');
        let (high, low) = split_once(range.ok_or(WANTED)?, b':');
        let high = percent(high).ok_or(WANTED)?;
        let low = low.map_or(Some(Load(high.0 / 2)), percent).ok_or(WANTED)?;
        // The first metric is the load average.
        let index = index_of("\0 cpu io memory", resource).ok_or(WANTED)?;
        let entry = self.get_mut(index).ok_or(WANTED)?;
        *entry = PauseRange { high, low, per_cpu: false };
        if low < high { Ok(()) } else { Err(WANTED) }
    }
}

fn percent(text: &[u8]) -> Option<Load> {
    value::threshold(text).ok().filter(|threshold| !threshold.per_cpu).map(|found| found.load)
}

/// Parses the first number of one of [`FILES`], with two decimals: the load average of the last minute (proc(5)), or
/// `some avg10=`, the share of the last ten seconds in which at least one process waited for the resource.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Load> {
    let text = strip_prefix(text, b"some avg10=").unwrap_or(text);
    percent(split_once(text, b' ').0)
}

/// Counts the numbers of a list like `0-3,5` (/sys/devices/system/cpu/online); `None` for any other text.
#[must_use]
pub fn count_listed(text: &[u8]) -> Option<u32> {
    let mut count = 0_u32;
    for range in split(split_once(text, b'\n').0, b',') {
        let (first, last) = value::range(range)?;
        count = count.saturating_add(last - first).saturating_add(1);
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::value::threshold;
    use crate::testing::word_of;

    const NONE: PauseRange = PauseRange { high: Load(0), low: Load(0), per_cpu: false };

    /// Returns the thresholds of a word of the option.
    fn range(word: &[u8]) -> PauseRange {
        let high = threshold(word).unwrap();
        PauseRange { high: high.load, low: high.half().load, per_cpu: high.per_cpu }
    }

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
        let is_above = |range: PauseRange, hundredths: u32, was| {
            range.is_above(Load(hundredths * 100), 8, was)
        };
        let absolute = range(b"4");
        assert!(!is_above(absolute, 400, false));
        assert!(is_above(absolute, 401, false));
        assert!(is_above(absolute, 201, true));
        assert!(!is_above(absolute, 200, true));
        let per_cpu = range(b"50%");
        assert!(!is_above(per_cpu, 400, false));
        assert!(is_above(per_cpu, 401, false));
        assert!(!NONE.is_above(Load(0), 8, true));
    }

    #[test]
    fn parses_pressure_thresholds() {
        let mut thresholds = Thresholds::default();
        let mut set = |word| thresholds.parse(Arg::new(word_of(word))).map(|()| thresholds);
        let memory = PauseRange { low: Load(10_000), ..range(b"9.5") };
        assert_eq!(set("cpu:40").unwrap(), [NONE, range(b"40"), NONE, NONE]);
        assert_eq!(set("memory:9.5:1").unwrap(), [NONE, range(b"40"), NONE, memory]);
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
        let thresholds = [range(b"4"), range(b"40"), NONE, NONE];
        let mut above = [false; METRIC_COUNT];
        let mut update = |load, cpu| {
            let values = [Load(load), Load(cpu), Load(0), Load(0)];
            super::update(&thresholds, &Sample { values, processors: 1 }, &mut above);
            above
        };
        assert_eq!(update(40_000, 0), [false; 4]);
        assert_eq!(update(40_001, 400_001), [true, true, false, false]);
        assert_eq!(update(20_000, 200_001), [false, true, false, false]);
        assert_eq!(update(20_000, 0), [false; 4]);
    }
}

//! The rules for the load: the text of the files, and when a metric is above its threshold.
//!
//! `applets/dmon/load_sampler.rs` samples the metrics with it. The machine learns only whether the command must pause.

use crate::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use crate::cli::value::{self, Load};
use crate::name_table::index_of;
use crate::text::{first, skip, split, split_once, strip_prefix};

/// The thresholds of one metric: pause above `high`, resume at or below `low`. If `high` is less than `low`: pause below
/// `high`, resume at or above `low`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PauseRange {
    /// The path of the file with the value.
    pub file: &'static [u8],
    pub high: Load,
    pub low: Load,
    /// Whether they apply to each CPU that is online, not to the machine.
    pub per_cpu: bool,
}

/// The files of the first metrics: the load average, and the pressure on three resources
/// (Documentation/accounting/psi.rst). The others are sensors.
pub const FILES: [&[u8]; 4] =
    [b"/proc/loadavg", b"/proc/pressure/cpu", b"/proc/pressure/io", b"/proc/pressure/memory"];

/// The number of metrics: those of [`FILES`] and four sensors.
pub const METRIC_COUNT: usize = FILES.len() + 4;

/// The thresholds of each metric; `None` if it is not watched.
pub type Thresholds = [Option<PauseRange>; METRIC_COUNT];

impl PauseRange {
    /// Reports whether `value` is beyond its threshold. `was_above` is the previous result, which stays the same between
    /// `low` and `high`. The value `low` never is.
    #[must_use]
    pub fn is_above(&self, value: Load, processors: u32, was_above: bool) -> bool {
        let limit = if was_above { self.low } else { self.high };
        let processors = if self.per_cpu { processors } else { 1 };
        // A load per CPU has 32 bits, so this does not overflow.
        let limit = Load(limit.0.wrapping_mul(processors.into()));
        if self.low < self.high { value > limit } else { value < limit }
    }
}

/// Parses `cpu|io|memory:HIGH[:LOW]`, in percent (`--pressure`).
impl OptionValue for Thresholds {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        let (resource, range) = split_once(value.to_bytes(), b':');
        let (high, low) = split_once(range.ok_or(Expected::Pressure)?, b':');
        let high = percent(high).ok_or(Expected::Pressure)?;
        let low = low.map_or(Some(Load(high.0 / 2)), percent).ok_or(Expected::Pressure)?;
        // The first metric is the load average.
        let index = index_of("\0 cpu io memory", resource).ok_or(Expected::Pressure)?;
        let (entry, file) = self.get_mut(index).zip(FILES.get(index)).ok_or(Expected::Pressure)?;
        *entry = Some(PauseRange { file, high, low, per_cpu: false });
        if low < high { Ok(()) } else { Err(Expected::Pressure) }
    }
}

/// Adds `FILE:HIGH:LOW`, the thresholds of a sensor (`--sensor`).
///
/// # Errors
/// The expected form, for any other word, or if there are four sensors.
pub fn add_sensor(word: CliWord, thresholds: &mut Thresholds) -> Result<(), Expected> {
    let mut add = || {
        let (rest, low) = split_number(word.to_bytes())?;
        let (file, high) = split_number(rest)?;
        let sensors = thresholds.iter_mut().skip(FILES.len());
        let free = sensors.into_iter().find(|sensor| sensor.is_none())?;
        *free = Some(PauseRange { file, high, low, per_cpu: false });
        (!file.is_empty() && high != low).then_some(())
    };
    add().ok_or(Expected::Sensor)
}

/// Splits a word into the text before its last colon and the number after it.
fn split_number(word: &[u8]) -> Option<(&[u8], Load)> {
    let at = word.iter().rposition(|byte| *byte == b':')?;
    Some((first(word, at), signed(skip(word, at + 1))?))
}

/// Parses a number that may be negative. Decimals after the fourth are ignored.
fn signed(text: &[u8]) -> Option<Load> {
    let negative = strip_prefix(text, b"-");
    let (number, _) = value::decimal(negative.unwrap_or(text), Load::ONE.into())?;
    let number = i64::try_from(number).ok()?;
    Some(Load(if negative.is_some() { -number } else { number }))
}

fn percent(text: &[u8]) -> Option<Load> {
    value::threshold(text).ok().filter(|threshold| !threshold.per_cpu).map(|found| found.load)
}

/// Finds the first word of a file that is a number: the load average of the last minute (proc(5)), `some avg10=`, the
/// share of the last ten seconds in which at least one process waited for the resource, or the value of a sensor.
/// Returns it as a number and as text.
#[must_use]
#[inline(never)]
pub fn parse(text: &[u8]) -> Option<(Load, &[u8])> {
    // Letters, digits and the characters of numbers.
    let mut words = text.split(|byte| !matches!(byte, b'-'..=b'9' | b'A'..=b'z'));
    words.find_map(|word| Some((signed(word)?, word)))
}

/// Converts a load average of sysinfo(2), which is in units of 1/65536 (`SI_LOAD_SHIFT`).
#[must_use]
pub const fn from_sysinfo(load: u64) -> Load {
    Load(((load * Load::ONE as u64) >> 16) as i64)
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

    /// Returns the thresholds of a word of the option.
    fn range(word: &[u8]) -> PauseRange {
        let high = threshold(word).unwrap();
        let low = high.half().load;
        PauseRange { file: b"f", high: high.load, low, per_cpu: high.per_cpu }
    }

    /// Returns the thresholds that this word of `--sensor` adds.
    fn sensor(word: &str) -> Option<PauseRange> {
        let mut thresholds = Thresholds::default();
        add_sensor(word_of(word), &mut thresholds).ok()?;
        thresholds[FILES.len()]
    }

    #[test]
    fn parses_proc_and_sys_files() {
        for (text, word, value) in [
            (&b"0.20 0.18 0.12 1/80 11206\n"[..], "0.20", 2000),
            (b"123.45 0 0", "123.45", 1_234_500),
            (b"-40000\n", "-40000", -400_000_000),
            (b"temperatures:\t50 -128 0\n", "50", 500_000),
            (b"fan-speed: 2500\n", "2500", 25_000_000),
            (b"98%", "98", 980_000),
            (b"temp1: 50\xc2\xb0C", "50", 500_000),
            (b"12.34567", "12.34567", 123_456),
            (b"922337203685477", "922337203685477", 9_223_372_036_854_770_000),
            (b"some avg10=12.34 avg60=1.00 total=1\nfull avg10=0.00\n", "12.34", 123_400),
        ] {
            assert_eq!(parse(text), Some((Load(value), word.as_bytes())));
        }
        for bad in [&b""[..], b"\n", b"x", b"-", b"1.2.3", b"922337203685478", b"\xff\0"] {
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
        let is_above = |range: PauseRange, hundredths: i64, was| {
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
        // A battery: pause below 20, resume at or above 50.
        let battery = sensor("f:20:50").unwrap();
        assert!(!is_above(battery, 2000, false));
        assert!(is_above(battery, 1999, false));
        assert!(is_above(battery, 4999, true));
        assert!(!is_above(battery, 5000, true));
        for range in [absolute, per_cpu, battery] {
            assert!(!range.is_above(range.low, 8, false) && !range.is_above(range.low, 8, true));
        }
    }

    #[test]
    fn parses_pressure_thresholds() {
        let mut thresholds = Thresholds::default();
        let mut set = |word| thresholds.parse(Arg::new(word_of(word))).map(|()| thresholds);
        let cpu = PauseRange { file: FILES[1], ..range(b"40") };
        let memory = PauseRange { file: FILES[3], low: Load(10_000), ..range(b"9.5") };
        assert_eq!(set("cpu:40").unwrap()[..4], [None, Some(cpu), None, None]);
        assert_eq!(set("memory:9.5:1").unwrap()[..4], [None, Some(cpu), None, Some(memory)]);
        for bad in [
            "", "cpu", "cpu:", ":1", "disk:1", "cpu:1:", "cpu:1:1", "cpu:1:2", "cpu:40%",
            "io:1:0:0",
        ] {
            assert!(set(bad).is_err(), "{bad}");
        }
        for bad in [&b""[..], b"some", b"some avg10=", b"some avg10=x "] {
            assert_eq!(parse(bad), None);
        }
    }

    #[test]
    fn sensors_have_a_file_and_two_numbers() {
        let range = |file: &'static str, high, low| {
            let file = file.as_bytes();
            Some(PauseRange { file, high: Load(high), low: Load(low), per_cpu: false })
        };
        assert_eq!(sensor("/t:70000:65000"), range("/t", 700_000_000, 650_000_000));
        assert_eq!(sensor("a:b:1::-5:-10.5"), range("a:b:1:", -50_000, -105_000));
        assert_eq!(sensor("b:20:50"), range("b", 200_000, 500_000));
        for bad in [
            "",
            ":",
            "::",
            ":2:1",
            "f",
            "f:1",
            "f:1:",
            "f::1",
            "f:1:1",
            "f:0:-0",
            "f:x:1",
            "f:1:2%",
            "f:--1:2",
            "f:+1:2",
            "f:922337203685478:1",
            "f: 1:2",
        ] {
            assert_eq!(sensor(bad), None, "{bad}");
        }
        let mut thresholds = Thresholds::default();
        let results = [(); 5].map(|()| add_sensor(c"f:2:1", &mut thresholds).is_ok());
        assert_eq!(results, [true, true, true, true, false]);
        assert_eq!(thresholds[..4], [None; 4]);
    }
}

//! Samples the load, the pressure that the kernel reports, and sensors.
//!
//! The supervisor calls it; [`load`](pure::supervise::load) has the rules for the values.

use super::verbose::Values;
use crate::applets::diag::os_error;
use pure::cli::value::Load;
use pure::exit::Exit;
use pure::supervise::load::{self, METRIC_COUNT, PauseRange, Thresholds};
use pure::text::{Put, Text, first};
use pure::unix::Errno;
use sys::{file, sysinfo};

/// Bytes to read of each file: enough for its first number, and for a list of processors with a few gaps.
const HEAD_SIZE: usize = 64;

/// Samples the metrics that have a threshold, updates which are `above` it, and reports whether any is. Stores all values
/// for messages, as `, NAME VALUE`.
///
/// Without /proc/loadavg the load average comes from sysinfo(2). Another file that cannot be read is not above its
/// threshold.
#[must_use]
#[inline(never)]
pub fn sample(
    thresholds: &Thresholds,
    above: &mut [bool; METRIC_COUNT],
    shown: &mut Values,
) -> bool {
    shown.clear();
    let mut high = false;
    for (at, (range, above)) in thresholds.iter().zip(above).enumerate() {
        let Some(range) = range else { continue };
        let mut buf = [0; HEAD_SIZE];
        let (value, text) = read(range.file, &mut buf).unwrap_or_else(|_| {
            let value = if at == 0 { load::from_sysinfo(sysinfo::load()) } else { range.low };
            (value, b"unreadable")
        });
        shown.put(b", ");
        shown.put(if at == 0 { b"load" } else { range.file });
        shown.put(b" ");
        shown.put(text);
        let processors = if range.per_cpu { count_processors() } else { 1 };
        *above = range.is_above(value, processors, *above);
        high |= *above;
    }
    high
}

/// Reads the number of a metric. Returns it as a number and as text; `ENODATA` if the file has none.
fn read<'a>(path: &[u8], buf: &'a mut [u8; HEAD_SIZE]) -> Result<(Load, &'a [u8]), Errno> {
    let mut name = Text::new();
    name.put(path);
    name.put(b"\0");
    let name = sys::c_str(name.bytes()).ok_or(Errno::NAMETOOLONG)?;
    let size = file::head(name, buf)?.len();
    // A number that the end of the buffer may have cut is none.
    if let [.., last] = buf
        && size == HEAD_SIZE
    {
        *last = b'x';
    }
    load::parse(first(buf, size)).ok_or(Errno::NODATA)
}

/// Checks that all pressures and sensors with a threshold can be read.
///
/// # Errors
/// The exit status, after the error was reported.
pub fn check(thresholds: &Thresholds) -> Result<(), Exit> {
    for PauseRange { file, .. } in thresholds.iter().skip(1).flatten() {
        read(file, &mut [0; HEAD_SIZE]).map_err(|error| os_error("cannot read ", file, error))?;
    }
    Ok(())
}

/// Counts the processors that are online; without /sys, those that dmon may use.
fn count_processors() -> u32 {
    let mut buf = [0; HEAD_SIZE];
    let text = file::head(c"/sys/devices/system/cpu/online", &mut buf).ok();
    text.and_then(load::count_listed).unwrap_or_else(|| sysinfo::processors().max(1))
}

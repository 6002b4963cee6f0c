//! Samples the load and the pressure that the kernel reports.
//!
//! The supervisor calls it; [`load`] has the rules for the values.

use crate::applets::diag::error;
use pure::cli::value::Load;
use pure::exit::Exit;
use pure::supervise::load::{self, Sample, Thresholds};
use sys::{file, sysinfo};

/// Bytes to read of each file: enough for its first number, and for a list of processors with a few gaps.
const HEAD_SIZE: usize = 64;

/// Samples the metrics that have a threshold. Without /proc/loadavg the load average comes from sysinfo(2).
#[must_use]
pub fn sample(thresholds: &Thresholds) -> Sample {
    let mut values = <[_; load::METRIC_COUNT]>::default();
    for ((value, range), path) in values.iter_mut().zip(thresholds).zip(&load::FILES) {
        if range.is_some() {
            let mut buf = [0; HEAD_SIZE];
            *value = file::head(path, &mut buf).ok().and_then(load::parse);
        }
    }
    let mut processors = 1;
    if let ([load, ..], [Some(range), ..]) = (&mut values, thresholds) {
        // sysinfo(2) counts in units of 1/65536 (SI_LOAD_SHIFT).
        *load = load.or(Some(Load((sysinfo::load() * u64::from(Load::ONE)) >> 16)));
        if range.high.per_cpu {
            processors = count_processors();
        }
    }
    Sample { values, processors }
}

/// Checks that all metrics with a threshold can be read.
///
/// # Errors
/// The exit status, after the error was reported: this kernel has no pressure files.
pub fn check(thresholds: &Thresholds) -> Result<(), Exit> {
    if thresholds.iter().all(Option::is_none) {
        return Ok(());
    }
    let sample = sample(thresholds);
    for ((value, range), path) in sample.values.iter().zip(thresholds).zip(&load::FILES) {
        if range.is_some() && value.is_none() {
            return Err(error("cannot read ", path.to_bytes(), ": no pressure is told there"));
        }
    }
    Ok(())
}

/// Counts the processors that are online; without /sys, those that dmon may use.
fn count_processors() -> u64 {
    let mut buf = [0; HEAD_SIZE];
    let text = file::head(c"/sys/devices/system/cpu/online", &mut buf).ok();
    text.and_then(load::count_listed).unwrap_or_else(|| sysinfo::processors().max(1))
}

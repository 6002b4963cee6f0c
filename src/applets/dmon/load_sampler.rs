//! Samples the load and the pressure that the kernel reports.
//!
//! The supervisor calls it; [`load`] has the rules for the values.

use crate::applets::diag::error;
use core::ffi::CStr;
use pure::cli::value::Load;
use pure::exit::Exit;
use pure::supervise::load::{self, Sample, Thresholds};
use sys::{file, sysinfo};

/// Bytes to read of each file: enough for its first number, and for a list of processors with a few gaps.
const HEAD_SIZE: usize = 64;

/// Samples the metrics that have a threshold. Without /proc/loadavg the load average comes from sysinfo(2).
#[must_use]
#[inline(never)]
pub fn sample(thresholds: &Thresholds) -> Sample {
    let mut values = [Load(0); load::METRIC_COUNT];
    let mut processors = 1;
    for ((value, range), path) in values.iter_mut().zip(thresholds).zip(&load::FILES) {
        if range.is_watched() {
            *value = read(path).unwrap_or(Load(0));
        }
    }
    let ([load, ..], [range, ..]) = (&mut values, thresholds);
    if range.is_watched() && *load == Load(0) {
        // sysinfo(2) counts in units of 1/65536 (SI_LOAD_SHIFT).
        *load = Load(((sysinfo::load() * u64::from(Load::ONE)) >> 16) as u32);
    }
    if range.per_cpu {
        processors = count_processors();
    }
    Sample { values, processors }
}

/// Reads a metric.
#[inline(never)]
fn read(path: &CStr) -> Option<Load> {
    let mut buf = [0; HEAD_SIZE];
    file::head(path, &mut buf).ok().and_then(load::parse)
}

/// Checks that all pressures with a threshold can be read.
///
/// # Errors
/// The exit status, after the error was reported: this kernel has no pressure files.
pub fn check(thresholds: &Thresholds) -> Result<(), Exit> {
    let ([_, ranges @ ..], [_, files @ ..]) = (thresholds, &load::FILES);
    for (range, path) in ranges.iter().zip(files) {
        if range.is_watched() && read(path).is_none() {
            return Err(error("cannot read ", path.to_bytes(), ": no pressure is told there"));
        }
    }
    Ok(())
}

/// Counts the processors that are online; without /sys, those that dmon may use.
fn count_processors() -> u32 {
    let mut buf = [0; HEAD_SIZE];
    let text = file::head(c"/sys/devices/system/cpu/online", &mut buf).ok();
    text.and_then(load::count_listed).unwrap_or_else(|| sysinfo::processors().max(1))
}

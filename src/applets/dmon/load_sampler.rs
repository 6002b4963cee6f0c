//! Load and pressure as the kernel tells them now, for the keeper. What they mean is decided in
//! [`load`](super::load).

use crate::applets::diag::error;
use pure::cli::value::Load;
use pure::exit::Exit;
use pure::supervise::load::{self, Sample, Thresholds};
use sys::{file, sysinfo};

/// What is watched, as it is now. Without /proc/loadavg the load is what sysinfo(2) says in 1/65536.
#[must_use]
pub fn read(watch: &Thresholds) -> Sample {
    let mut values = [None; load::KINDS];
    for ((value, limits), file) in values.iter_mut().zip(watch).zip(&load::FILES) {
        if limits.is_some() {
            let mut room = [0; 64];
            *value = file::head(file, &mut room).ok().and_then(load::parse);
        }
    }
    let mut processors = 1;
    if let ([load, ..], [Some(limits), ..]) = (&mut values, watch) {
        *load = load.or(Some(Load((sysinfo::load() * Load::ONE) >> 16)));
        if limits.high.per_cpu {
            processors = count_processors();
        }
    }
    Sample { values, processors }
}

/// Whether all can be read that is watched.
///
/// # Errors
/// A pressure that the kernel does not tell.
pub fn check(watch: &Thresholds) -> Result<(), Exit> {
    let sample = read(watch);
    for ((value, limits), file) in sample.values.iter().zip(watch).zip(&load::FILES) {
        if limits.is_some() && value.is_none() {
            return Err(error("cannot read ", file.to_bytes(), ": no pressure is told there"));
        }
    }
    Ok(())
}

/// SweepMode many processors are online; without /sys, how many we may use.
fn count_processors() -> u64 {
    let mut room = [0; 64];
    let text = file::head(c"/sys/devices/system/cpu/online", &mut room).ok();
    text.and_then(load::count_listed).unwrap_or_else(|| sysinfo::processors().max(1))
}

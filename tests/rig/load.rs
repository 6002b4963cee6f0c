//! A load average that the test sets: a file of the test, mounted over `/proc/loadavg`.

use super::reads::Reads;
use super::{Rig, tools};
use std::fmt::{Display, Formatter, Result};
use std::os::unix::fs::FileExt;

/// A prefix of command lines: `format!("{load} dmon -n -L 4 sleep 1000")`.
pub struct Load {
    file: std::fs::File,
    reads: Reads,
}

impl Load {
    /// Sets the initial load, or skips the test.
    pub fn new(rig: &Rig, load: f64) -> Option<Load> {
        if !tools::can_mount() {
            return None;
        }
        rig.write("load", text(load));
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(rig.path("load"))
            .expect("the file of the load");
        Some(Load { file, reads: Reads::of(rig, "load") })
    }

    /// Sets the load with a single write, so that no reader sees half of it.
    pub fn set(&self, load: f64) {
        self.file.write_all_at(text(load).as_bytes(), 0).expect("a new load");
    }

    /// Waits until the load is read after this call.
    pub fn wait_reading(&self) {
        self.reads.wait_next();
    }
}

/// Formats the load as the kernel does, always with the same length.
fn text(load: f64) -> String {
    format!("{:<40}\n", format!("{load:.2} 0.00 0.00 1/100 1000"))
}

impl Display for Load {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        write!(
            to,
            "{} sh -c 'mount --bind load /proc/loadavg && exec \"$@\"' sh",
            tools::unshare_mounts()
        )
    }
}

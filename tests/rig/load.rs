//! A load average that the test sets: a file of the test, mounted over `/proc/loadavg`.

use super::wait::poll;
use super::{Rig, limit, tools};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::fmt::{Display, Formatter, Result};
use std::os::unix::fs::FileExt;

/// A prefix of command lines: `format!("{load} dmon -n -L 4 sleep 1000")`.
pub struct Load {
    file: std::fs::File,
    readings: Inotify,
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
        let readings =
            Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).expect("inotify");
        readings
            .add_watch(&rig.path("load"), AddWatchFlags::IN_ACCESS)
            .expect("a watch on the load");
        Some(Load { file, readings })
    }

    /// Sets the load with a single write, so that no reader sees half of it.
    pub fn set(&self, load: f64) {
        self.file.write_all_at(text(load).as_bytes(), 0).expect("a new load");
    }

    /// Waits until the file is read after this call.
    pub fn wait_reading(&self) {
        while self.readings.read_events().is_ok() {}
        let read = poll(|| self.readings.read_events().ok());
        assert!(read.is_some(), "waited {:?} for a read of the load", limit());
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

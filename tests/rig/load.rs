//! A load average that the test sets: `/proc/loadavg` is a file of the test's, seen by nobody else.

use super::{Rig, limit, tools};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::fmt::{Display, Formatter, Result};
use std::os::unix::fs::FileExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Written as a prefix of a line: `format!("{load} dmon -n -L 4 sleep 1000")`.
pub struct Load {
    file: std::fs::File,
    readings: Inotify,
}

impl Load {
    /// The load to begin with; nothing, with a word to the user, where such a thing cannot be made.
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

    /// One write over the old text: no reader ever finds half of it.
    pub fn set(&self, load: f64) {
        self.file.write_all_at(text(load).as_bytes(), 0).expect("a new load");
    }

    /// Waits until somebody has read the load that is set now.
    pub fn wait_reading(&self) {
        while self.readings.read_events().is_ok() {}
        let begun = Instant::now();
        while self.readings.read_events().is_err() {
            assert!(begun.elapsed() < limit(), "waited {:?} for a look at the load", limit());
            sleep(Duration::from_millis(5));
        }
    }
}

/// As the kernel writes it; always of the same length.
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

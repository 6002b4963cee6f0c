//! When a program reads a file of the test.

use super::wait::poll;
use super::{Rig, limit};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// The reads of one file since it is observed.
pub struct Reads {
    file: String,
    events: Inotify,
}

impl Reads {
    pub fn of(rig: &Rig, file: &str) -> Reads {
        let events =
            Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).expect("inotify");
        events.add_watch(&rig.path(file), AddWatchFlags::IN_ACCESS).expect("a watch on the file");
        Reads { file: file.to_string(), events }
    }

    /// Waits until the file is read after this call.
    #[track_caller]
    pub fn wait_next(&self) {
        while self.events.read_events().is_ok() {}
        let read = poll(|| self.events.read_events().ok());
        assert!(read.is_some(), "waited {:?} for a read of {}", limit(), self.file);
    }
}

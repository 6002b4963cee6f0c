//! The standard descriptors, in a process that was started without some of them.
//!
//! dmon and the loggers call it first.

use sys::fd;

/// Opens those of the descriptors 0, 1 and 2 that are closed, so that no other file gets their numbers: on /dev/null, or
/// where that is missing on the root directory, on which each read and write fails.
pub fn open() {
    for _ in 0..fd::closed_standard() {
        // The lowest free descriptor is a closed one of the three.
        if fd::open_lowest(c"/dev/null", true).is_err() {
            let _ = fd::open_lowest(c"/", false);
        }
    }
}

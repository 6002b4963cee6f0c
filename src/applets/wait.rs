//! The wait for events in the main loops of dmon and of the loggers.

use core::ffi::c_int;
use pure::time::Duration;
use sys::poll::{self, Ready};
use sys::signal::{self, SignalSet};

/// Waits as [`poll::ppoll`] does. If ppoll(2) fails, for example because of a limit of one open file, waits for a signal
/// for at most one second. Then the caller neither spins nor misses a signal.
#[must_use]
pub fn wait(mask: &SignalSet, input: c_int, output: c_int, limit: Option<Duration>) -> Ready {
    poll::ppoll(mask, input, output, limit).unwrap_or_else(|_| {
        signal::wait_one_second();
        Ready { input: false, output: false }
    })
}

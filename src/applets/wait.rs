//! The one wait of dmon and of the loggers.

use core::ffi::c_int;
use pure::time::Duration;
use sys::poll::{self, Ready};
use sys::signal::{self, SignalSet};

/// Waits as [`poll::ppoll`] does. If ppoll itself fails (a limit of one open file, say), it waits for one second or
/// for a signal, so that the caller neither spins nor misses a signal.
#[must_use]
pub fn wait(
    mask: &SignalSet,
    input: Option<c_int>,
    output: Option<c_int>,
    limit: Option<Duration>,
) -> Ready {
    poll::ppoll(mask, input, output, limit).unwrap_or_else(|_| {
        signal::wait_one_second();
        Ready { input: false, output: false }
    })
}

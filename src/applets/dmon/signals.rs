//! The signals that dmon hears, and what commands find of them.

use crate::applets::diag::os_error;
use pure::exit::Exit;
use pure::unix::Signal;
use sys::signal::{self, SignalSet};

/// What is caught. PIPE and XFSZ only to be harmless: a message to a closed pipe, or to a file that may not grow, is
/// lost, not dmon.
pub const CAUGHT: [Signal; 11] = [
    Signal::CHLD,
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::ALRM,
    Signal::USR1,
    Signal::USR2,
    Signal::CONT,
    Signal::PIPE,
    Signal::XFSZ,
];

/// What else commands shall find at its default, if whoever started us has ignored it: Python and
/// shells do so. What is caught is so by itself.
const RESET: [Signal; 3] = [Signal::TSTP, Signal::TTIN, Signal::TTOU];

/// The mask for commands, and the mask to wait with.
pub type Masks = (SignalSet, SignalSet);

/// Holds back all that is caught, from here on to the first wait.
///
/// # Errors
/// None that a kernel is known to give.
pub fn catch() -> Result<Masks, Exit> {
    let refused = |error| os_error("cannot catch signals", b"", error);
    signal::catch_all(&CAUGHT, &RESET, Some(Signal::TTOU)).map_err(refused)
}

/// Undoes [`catch`], for a process that only waits for another.
pub fn restore(masks: &Masks) {
    signal::restore_defaults(&CAUGHT, &masks.0);
}

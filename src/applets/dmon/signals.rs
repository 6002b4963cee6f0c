//! The signals that dmon catches, and the signal state of its commands.
//!
//! `mod.rs` sets them up; the supervisor and the daemon's parent use the result.

use crate::applets::diag::os_error;
use pure::exit::Exit;
use pure::unix::Signal;
use sys::signal::{self, SignalSet};

/// The signals that dmon catches. SIGPIPE and SIGXFSZ are caught only because their default is to terminate dmon: a
/// message to a closed pipe, or to a file at its size limit, is lost, but dmon continues.
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

/// Signals that are reset to their default action. Python and shells ignore some, and commands would inherit that. For
/// caught signals, execve(2) does the same.
const RESET: [Signal; 3] = [Signal::TSTP, Signal::TTIN, Signal::TTOU];

/// Two masks of blocked signals.
pub struct SignalMasks {
    /// The mask that dmon was started with.
    pub inherited: SignalSet,
    /// The mask for ppoll(2): caught signals are not blocked.
    pub waiting: SignalSet,
}

/// Catches the signals and blocks them, except in ppoll(2).
///
/// # Errors
/// The exit status, after the error was reported. No kernel is known to fail here.
pub fn catch() -> Result<SignalMasks, Exit> {
    let cannot = |error| os_error("cannot catch signals", b"", error);
    // SIGTTOU is blocked, so that dmon may take the terminal back from the background (tcsetpgrp(3)).
    let (inherited, waiting) =
        signal::catch_all(&CAUGHT, &RESET, Some(Signal::TTOU)).map_err(cannot)?;
    Ok(SignalMasks { inherited, waiting })
}

/// Undoes [`catch`] in the daemon's parent, which only waits.
pub fn restore(masks: &SignalMasks) {
    signal::restore_defaults(&CAUGHT, &masks.inherited);
}

//! The terminal on standard input, if it is the controlling terminal (ioctl_tty(2)).

use super::fd::STDIN;
use super::{Result, check};
use core::ffi::c_int;
use pure::unix::Pid;

/// Saved terminal modes (termios(3)).
pub struct Modes {
    saved: bool,
    modes: libc::termios,
}

impl Modes {
    /// Returns an empty place for modes.
    #[must_use]
    pub const fn none() -> Self {
        // SAFETY: all zeros are a valid termios.
        Self { saved: false, modes: unsafe { core::mem::zeroed() } }
    }

    /// Saves the current modes. Returns false if standard input is not a terminal.
    pub fn save(&mut self) -> bool {
        // SAFETY: TCGETS writes the kernel's part of a termios.
        let answer = unsafe { libc::ioctl(STDIN, libc::TCGETS, &raw mut self.modes) };
        self.saved = answer == 0;
        self.saved
    }

    /// Reports whether there are saved modes.
    #[must_use]
    pub const fn are_saved(&self) -> bool {
        self.saved
    }

    /// Forgets the saved modes.
    pub const fn forget(&mut self) {
        self.saved = false;
    }

    /// Restores the saved modes, if there are any. TCSETS does not wait for pending output, which Ctrl-S holds back:
    /// TCSETSW would wait behind a blocked writer.
    pub fn restore(&self) {
        if self.saved {
            // SAFETY: TCSETS reads the kernel's part of a termios.
            unsafe { libc::ioctl(STDIN, libc::TCSETS, &raw const self.modes) };
        }
    }
}

/// Returns the foreground process group; `None` if standard input is not the controlling terminal.
#[must_use]
pub fn foreground() -> Option<Pid> {
    let mut group: c_int = 0;
    // SAFETY: TIOCGPGRP writes one pid.
    let answer = unsafe { libc::ioctl(STDIN, libc::TIOCGPGRP, &raw mut group) };
    Pid::new(group).filter(|_| answer == 0)
}

/// Makes `group` the foreground process group. A caller in the background must block or ignore SIGTTOU.
///
/// # Errors
/// `ENOTTY`, `EPERM` (tcsetpgrp(3)).
pub fn set_foreground(group: Pid) -> Result<()> {
    let group = group.number();
    // SAFETY: TIOCSPGRP reads one pid.
    check(unsafe { libc::ioctl(STDIN, libc::TIOCSPGRP, &raw const group) }).map(drop)
}

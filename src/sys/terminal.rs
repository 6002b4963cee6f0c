//! The terminal on standard input, if it is ours to control (tty_ioctl(4)).

use super::file::STDIN;
use super::{Result, check};
use core::ffi::c_int;
use pure::unix::Pid;

/// How a terminal treats what is typed and shown (termios(3)), once that was noted.
pub struct Modes {
    noted: bool,
    modes: libc::termios,
}

impl Modes {
    /// None yet.
    #[must_use]
    pub const fn none() -> Self {
        // SAFETY: all zeros are a valid termios.
        Self { noted: false, modes: unsafe { core::mem::zeroed() } }
    }

    /// Notes those of the terminal; says whether there is one.
    pub fn note(&mut self) -> bool {
        // SAFETY: TCGETS writes the kernel's part of a termios.
        let answer = unsafe { libc::ioctl(STDIN, libc::TCGETS, &raw mut self.modes) };
        self.noted = answer == 0;
        self.noted
    }

    pub const fn forget(&mut self) {
        self.noted = false;
    }

    /// Gives the terminal those that were noted, if any, once all that was written is shown.
    pub fn set(&self) {
        if self.noted {
            // SAFETY: TCSETSW reads the kernel's part of a termios.
            unsafe { libc::ioctl(STDIN, libc::TCSETSW, &raw const self.modes) };
        }
    }
}

/// The process group that gets what is typed; `None` without a terminal that is ours.
#[must_use]
pub fn foreground() -> Option<Pid> {
    let mut group: c_int = 0;
    // SAFETY: TIOCGPGRP writes one pid.
    let answer = unsafe { libc::ioctl(STDIN, libc::TIOCGPGRP, &raw mut group) };
    Pid::new(group).filter(|_| answer == 0)
}

/// Makes `group` the one that gets it. Who is not of the foreground group must hold back TTOU.
///
/// # Errors
/// As tcsetpgrp(3).
pub fn set_foreground(group: Pid) -> Result<()> {
    let group = group.number();
    // SAFETY: TIOCSPGRP reads one pid.
    check(unsafe { libc::ioctl(STDIN, libc::TIOCSPGRP, &raw const group) }).map(drop)
}

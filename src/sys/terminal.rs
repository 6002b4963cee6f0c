//! The controlling terminal of this process (tty(4), ioctl_tty(2)).

use super::fd::STDIN;
use super::file::{self, File, Mode};
use super::kernel::syscall;
use super::{Result, call, check_long};
use core::ffi::c_int;
use pure::unix::{Errno, Pid};

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

    /// Saves the current modes.
    pub fn save(&mut self, terminal: c_int) {
        // SAFETY: TCGETS writes the kernel's part of a termios.
        let answer =
            unsafe { syscall!(libc::SYS_ioctl, terminal, libc::TCGETS, &raw mut self.modes) };
        self.saved = answer == 0;
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

    /// Restores the saved modes, if there are any, and forgets them. TCSETS does not wait for pending output, which
    /// Ctrl-S holds back: TCSETSW would wait behind a blocked writer.
    pub fn restore(&mut self, terminal: c_int) {
        if self.saved {
            // SAFETY: TCSETS reads the kernel's part of a termios.
            unsafe { syscall!(libc::SYS_ioctl, terminal, libc::TCSETS, &raw const self.modes) };
        }
        self.saved = false;
    }
}

/// Opens the controlling terminal; `None` if there is none. The descriptor is closed by exec. Without /dev/tty it is
/// standard input, which may be another file.
#[must_use]
pub fn open() -> Option<c_int> {
    match File::open(c"/dev/tty", Mode::ReadNonblock) {
        Ok(file) => {
            let terminal = file.fd();
            core::mem::forget(file);
            Some(terminal)
        }
        Err(Errno::NXIO) => None,
        Err(_) => Some(STDIN),
    }
}

/// Reports whether this process no longer has a controlling terminal, which it had before.
#[must_use]
pub fn is_gone() -> bool {
    matches!(File::open(c"/dev/tty", Mode::ReadNonblock), Err(Errno::NXIO))
}

/// Returns the foreground process group; `None` if it is outside of this PID namespace.
///
/// # Errors
/// `ENOTTY` if this is not the controlling terminal (tcgetpgrp(3)).
pub fn foreground(terminal: c_int) -> Result<Option<Pid>> {
    let mut group: c_int = 0;
    // SAFETY: TIOCGPGRP writes one pid.
    let answer = unsafe { syscall!(libc::SYS_ioctl, terminal, libc::TIOCGPGRP, &raw mut group) };
    check_long(answer)?;
    Ok(Pid::new(group))
}

/// Reports whether this process is in the foreground, by a read of no bytes: in the background it fails with EIO if
/// SIGTTIN is blocked (tty_check_change, drivers/tty/tty_jobctrl.c).
#[must_use]
pub fn may_read(terminal: c_int) -> bool {
    file::read(terminal, &mut []) != Err(Errno::IO)
}

/// Makes `group` the foreground process group. A caller in the background must block or ignore SIGTTOU.
///
/// # Errors
/// `ENOTTY`, `EPERM` (tcsetpgrp(3)).
pub fn set_foreground(terminal: c_int, group: Pid) -> Result<()> {
    let group = group.number();
    // SAFETY: TIOCSPGRP reads one pid.
    unsafe { call!(libc::SYS_ioctl, terminal, libc::TIOCSPGRP, &raw const group) }.map(drop)
}

//! Advisory locks on open files (flock(2)).

use super::file::File;
use super::{Result, check};

/// Takes the exclusive lock of an open file without waiting.
///
/// The lock belongs to the open file: it survives fork(2), and the kernel releases it when the last descriptor is
/// closed, also by SIGKILL.
///
/// # Errors
/// `EAGAIN` if another open file holds the lock.
pub fn lock(file: &File) -> Result<()> {
    // SAFETY: the arguments are numbers.
    check(unsafe { libc::flock(file.fd(), libc::LOCK_EX | libc::LOCK_NB) }).map(drop)
}

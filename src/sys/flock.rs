//! Advisory locks on open files (flock(2)).

use super::file::File;
use super::{Result, call};

/// Takes the exclusive lock of an open file without waiting.
///
/// The lock belongs to the open file: it survives fork(2), and the kernel releases it when the last descriptor is
/// closed, also by SIGKILL.
///
/// # Errors
/// `EAGAIN` if another open file holds the lock.
pub fn lock(file: &File) -> Result<()> {
    let (call, operation) = (libc::SYS_flock, libc::LOCK_EX | libc::LOCK_NB);
    // SAFETY: the arguments are numbers.
    unsafe { call!(call, file.fd(), operation) }.map(drop)
}

//! Advisory locks on open files (flock(2)), and the mark of their holder (fcntl(2)).

use super::file::File;
use super::{Result, call};
use core::ffi::{c_int, c_long, c_short};

/// fcntl(2) with the numbers of [`libc::F_SETLK`] and [`libc::F_GETLK`].
#[cfg(target_pointer_width = "64")]
const FCNTL: c_long = libc::SYS_fcntl;
#[cfg(target_pointer_width = "32")]
const FCNTL: c_long = libc::SYS_fcntl64;

/// Takes the exclusive lock of an open file without waiting.
///
/// The lock belongs to the open file: it survives fork(2), and the kernel releases it when the last descriptor is
/// closed, also by SIGKILL.
///
/// # Errors
/// `EAGAIN` if another open file holds the lock.
pub fn lock(file: &File) -> Result<()> {
    flock(file, libc::LOCK_EX)
}

/// Takes the lock of an open file together with others who test it, without waiting.
///
/// # Errors
/// `EAGAIN` if another open file holds the exclusive lock.
pub fn test(file: &File) -> Result<()> {
    flock(file, libc::LOCK_SH)
}

#[inline(never)]
fn flock(file: &File, operation: c_int) -> Result<()> {
    let operation = operation | libc::LOCK_NB;
    // SAFETY: the arguments are numbers.
    unsafe { call!(libc::SYS_flock, file.fd(), operation) }.map(drop)
}

/// Marks this process as the holder of the lock, until it exits or closes the file. A child does not inherit the mark.
/// It is a lock of fcntl(2), which is independent of that of flock(2).
///
/// # Errors
/// `ENOLCK` (fcntl(2), `F_SETLK`).
pub fn mark(file: &File) -> Result<()> {
    fcntl(file, libc::F_SETLK).map(drop)
}

/// Returns whether another process has called [`mark`] and still runs.
#[must_use]
pub fn is_marked(file: &File) -> bool {
    fcntl(file, libc::F_GETLK).is_ok_and(|kind| c_int::from(kind) != libc::F_UNLCK)
}

/// Sets or finds a write lock of the whole file. Returns the kind of the lock that was found.
fn fcntl(file: &File, operation: c_int) -> Result<c_short> {
    // SAFETY: all zeros is a valid value; it stands for the whole file.
    let mut lock: libc::flock = unsafe { core::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as c_short;
    // SAFETY: the kernel reads and writes the structure.
    unsafe { call!(FCNTL, file.fd(), operation, &raw mut lock) }?;
    Ok(lock.l_type)
}

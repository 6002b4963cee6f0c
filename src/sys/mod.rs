//! System calls as safe functions: the one place where the kernel is asked, and the one where `unsafe`
//! stands.
//!
//! No wrapper decides anything. Each gives what the kernel gave, as a [`Result`] with the errno of
//! the call; each is safe for any argument its types allow.

#![allow(clippy::useless_conversion, reason = "what is one on 64 bits is needed on 32")]

pub mod args;
pub mod clock;
pub mod dir;
pub mod file;
pub mod memory;
pub mod process;
pub mod signal;
#[cfg(feature = "dsyslog")]
pub mod socket;
pub mod system;
pub mod user;
pub mod wait;

use crate::pure::unix::Errno;
use core::ffi::{c_int, c_long};

pub type Result<T> = core::result::Result<T, Errno>;

/// What the last failed call left in errno.
fn errno() -> Errno {
    // SAFETY: the location is this thread's own and always valid.
    Errno(unsafe { *libc::__errno_location() })
}

/// −1 is a failure, all else the answer.
fn check(answer: c_int) -> Result<c_int> {
    if answer == -1 { Err(errno()) } else { Ok(answer) }
}

/// The same for calls that answer with a size.
fn check_size(answer: isize) -> Result<usize> {
    usize::try_from(answer).map_err(|_| errno())
}

/// The same for calls made by number.
fn check_long(answer: c_long) -> Result<c_long> {
    if answer == -1 { Err(errno()) } else { Ok(answer) }
}

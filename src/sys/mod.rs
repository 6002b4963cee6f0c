//! System calls as safe functions: the one place where the kernel is asked, and the one where `unsafe`
//! stands.
//!
//! No wrapper decides anything. Each gives what the kernel gave, as a [`Result`] with the errno of
//! the call; each is safe for any argument its types allow.

#![allow(clippy::useless_conversion, reason = "what is one on 64 bits is needed on 32")]

pub mod args;
pub mod clock;
pub mod dir;
pub mod environment;
pub mod file;
pub mod listing;
pub mod memory;
pub mod process;
pub mod signal;
pub mod socket;
pub mod system;
pub mod terminal;
pub mod user;
#[cfg(target_feature = "sse2")]
pub mod vector;
pub mod wait;

use crate::pure::unix::Errno;
use core::ffi::{CStr, c_int, c_long};

pub type Result<T> = core::result::Result<T, Errno>;

/// Bytes that end in a NUL as the kernel takes them.
#[must_use]
pub fn c_str(bytes: &[u8]) -> Option<&CStr> {
    // SAFETY: a NUL is there, at the end at the latest.
    (bytes.last() == Some(&0)).then(|| unsafe { CStr::from_ptr(bytes.as_ptr().cast()) })
}

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

/// The same for calls made by number that answer with an int.
fn check_int(answer: c_long) -> Result<c_int> {
    check(c_int::try_from(answer).unwrap_or(-1))
}

/// The same for calls made by number.
fn check_long(answer: c_long) -> Result<c_long> {
    if answer == -1 { Err(errno()) } else { Ok(answer) }
}

//! The one place where the program waits: for input, for a moment, for any caught signal.

use super::signal::Mask;
use crate::pure::time::Instant;
use core::ffi::c_int;

/// Waits until `input` can be read (or has ended), until `deadline`, or until a signal was caught,
/// whichever is first; says whether there is input. Neither given: only a signal ends it.
///
/// ppoll(2) lets the caught signals in and shuts them out again in one step with the waiting.
#[must_use]
pub fn wait(mask: &Mask, input: Option<c_int>, deadline: Option<Instant>) -> bool {
    // SAFETY: all zeros are a valid timespec; on 32-bit ARM it has padding, so no literal.
    let mut limit: libc::timespec = unsafe { core::mem::zeroed() };
    let limit = match deadline {
        Some(moment) => {
            let (seconds, nanoseconds) = super::clock::now().until(moment).parts();
            limit.tv_sec = i32::try_from(seconds).unwrap_or(i32::MAX).into();
            limit.tv_nsec = i32::try_from(nanoseconds).unwrap_or(0).into();
            &raw const limit
        }
        None => core::ptr::null(),
    };
    let mut watched = libc::pollfd { fd: input.unwrap_or(-1), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry (ignored when its number is −1), a timespec or null, a mask of ours.
    let answer = unsafe { libc::ppoll(&raw mut watched, 1, limit, &raw const mask.0) };
    answer > 0
}

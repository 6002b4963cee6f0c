//! The one place where the program waits: for input, for room to write, for a moment, for any caught
//! signal.

use super::signal::Mask;
use crate::pure::time::Instant;
use core::ffi::c_int;

/// What a wait has found.
#[derive(Clone, Copy)]
pub struct Ready {
    /// The input can be read, or has ended.
    pub input: bool,
    /// The output has room, or is broken.
    pub output: bool,
}

/// Waits until `input` can be read (or has ended), `output` can be written (or is broken), until
/// `deadline`, or until a signal was caught, whichever is first. None given: only a signal ends it.
///
/// ppoll(2) lets the caught signals in and shuts them out again in one step with the waiting.
#[must_use]
pub fn wait(
    mask: &Mask,
    input: Option<c_int>,
    output: Option<c_int>,
    deadline: Option<Instant>,
) -> Ready {
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
    // A number below zero is passed over.
    let watch =
        |fd: Option<c_int>, events| libc::pollfd { fd: fd.unwrap_or(-1), events, revents: 0 };
    let mut watched = [watch(input, libc::POLLIN), watch(output, libc::POLLOUT)];
    // SAFETY: two entries, a timespec or null, a mask of ours.
    let answer = unsafe { libc::ppoll(watched.as_mut_ptr(), 2, limit, &raw const mask.0) };
    let [input, output] = watched.map(|one| answer > 0 && one.revents != 0);
    Ready { input, output }
}

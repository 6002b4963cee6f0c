//! The one place where the program waits: for input, for room to write, for a moment, for any caught
//! signal.

use super::errno;
use super::signal::{self, SignalSet};
use core::ffi::c_int;
use pure::time::Duration;
use pure::unix::Errno;

/// What a wait has found.
#[derive(Clone, Copy)]
pub struct Ready {
    /// The input can be read, or has ended.
    pub input: bool,
    /// The output has room, or is broken.
    pub output: bool,
}

/// Waits until `input` can be read (or has ended), `output` can be written (or is broken), `limit` is
/// over, or a signal was caught, whichever is first. None given: only a signal ends it.
///
/// ppoll(2) lets the caught signals in and shuts them out again in one step with the waiting.
#[must_use]
pub fn ppoll(
    mask: &SignalSet,
    input: Option<c_int>,
    output: Option<c_int>,
    limit: Option<Duration>,
) -> Ready {
    // A number below zero is passed over.
    let watch =
        |fd: Option<c_int>, events| libc::pollfd { fd: fd.unwrap_or(-1), events, revents: 0 };
    let mut watched = [watch(input, libc::POLLIN), watch(output, libc::POLLOUT)];
    let found = poll(&mut watched, limit, Some(mask));
    if found < 0 && errno() != Errno::INTR {
        // More descriptors than a limit of one allows, say: that must neither make us deaf nor keep the machine busy.
        signal::wait_one_second();
    }
    let any = found > 0;
    let [input, output] = watched.map(|one| any && one.revents != 0);
    Ready { input, output }
}

/// The same without waiting: whether there is anything to say of these.
pub(crate) fn poll_now(watched: &mut [libc::pollfd]) -> bool {
    poll(watched, Some(Duration::ZERO), None) > 0
}

/// Lets this time pass. Signals that are caught wait, too.
pub fn sleep(time: Duration) {
    poll(&mut [], Some(time), None);
}

fn poll(watched: &mut [libc::pollfd], limit: Option<Duration>, mask: Option<&SignalSet>) -> c_int {
    // SAFETY: all zeros are a valid timespec; on 32-bit ARM it has padding, so no literal.
    let mut time: libc::timespec = unsafe { core::mem::zeroed() };
    if let Some(limit) = limit {
        let (seconds, nanoseconds) = limit.as_timespec();
        time.tv_sec = i32::try_from(seconds).unwrap_or(i32::MAX).into();
        time.tv_nsec = i32::try_from(nanoseconds).unwrap_or(0).into();
    }
    let time = if limit.is_some() { &raw const time } else { core::ptr::null() };
    let mask = mask.map_or(core::ptr::null(), SignalSet::pointer);
    let count = watched.len() as libc::nfds_t;
    // SAFETY: a slice of entries, a timespec or null, a mask of ours or null.
    unsafe { libc::ppoll(watched.as_mut_ptr(), count, time, mask) }
}

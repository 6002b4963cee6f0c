//! Waiting for input, buffer space, a time or a caught signal (ppoll(2)).

use super::kernel::syscall;
use super::signal::{self, SignalSet};
use super::{Result, check_long};
use core::ffi::{c_int, c_long};
use pure::time::Duration;
use pure::unix::Errno;

/// The result of a wait.
#[derive(Clone, Copy)]
pub struct Ready {
    /// The input can be read, or has ended.
    pub input: bool,
    /// The output can be written, or is broken.
    pub output: bool,
}

/// A descriptor that [`ppoll`] does not wait for.
pub const NONE: c_int = -1;

/// Waits until `input` can be read, `output` can be written, `limit` has passed or a caught signal arrives.
///
/// ppoll(2) installs `mask` for the duration of the wait, so a signal that arrives just before it is not missed.
///
/// # Errors
/// `EINVAL` if the limit on open files is too low for two descriptors; `ENOMEM`. A signal is not an error.
pub fn ppoll(
    mask: &SignalSet,
    input: c_int,
    output: c_int,
    limit: Option<Duration>,
) -> Result<Ready> {
    let mut entries = [
        libc::pollfd { fd: input, events: libc::POLLIN, revents: 0 },
        libc::pollfd { fd: output, events: libc::POLLOUT, revents: 0 },
    ];
    match check_long(poll(&mut entries, limit, Some(mask))) {
        Ok(_) | Err(Errno::INTR) => {
            let [input, output] = entries;
            Ok(Ready { input: input.revents != 0, output: output.revents != 0 })
        }
        Err(error) => Err(error),
    }
}

/// Fills in `revents` without waiting and reports whether any is set.
pub(crate) fn poll_now(entries: &mut [libc::pollfd]) -> bool {
    poll(entries, Some(Duration::ZERO), None) > 0
}

/// Sleeps. Blocked signals do not end the sleep.
pub fn sleep(time: Duration) {
    poll(&mut [], Some(time), None);
}

fn poll(entries: &mut [libc::pollfd], limit: Option<Duration>, mask: Option<&SignalSet>) -> c_long {
    // The kernel's old timespec: two longs on every machine. 68 years are enough. The kernel writes the rest into it.
    let mut time = limit.map(|limit| {
        let (seconds, nanoseconds) = limit.as_timespec();
        [i32::try_from(seconds).unwrap_or(i32::MAX) as c_long, nanoseconds as c_long]
    });
    let time = time.as_mut().map_or(core::ptr::null_mut(), core::ptr::from_mut);
    let mask = mask.map_or(core::ptr::null(), SignalSet::pointer);
    let (call, first, count) = (libc::SYS_ppoll, entries.as_mut_ptr(), entries.len());
    // SAFETY: the pointers are to `count` entries, to a timespec or null, and to a signal set or null.
    unsafe { syscall!(call, first, count, time, mask, signal::SIZE) }
}

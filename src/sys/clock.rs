//! The clocks: one that only ever goes forward, for waiting; one that people set, for stamps.

use pure::time::{Duration, Instant};

fn read(clock: libc::clockid_t) -> (i64, u32) {
    // SAFETY: all zeros are a valid timespec; on 32-bit ARM it has padding, so no literal.
    let mut time: libc::timespec = unsafe { core::mem::zeroed() };
    // By number: musl's function looks for a faster way in the kernel's shared page, which costs more at each
    // start than is saved. On 32 bits it is needed, as it knows the old kernels' clock.
    #[cfg(all(target_env = "musl", target_pointer_width = "64"))]
    // SAFETY: `time` is ours to write. The two clocks we name exist on every kernel.
    unsafe {
        libc::syscall(libc::SYS_clock_gettime, clock, &raw mut time)
    };
    #[cfg(not(all(target_env = "musl", target_pointer_width = "64")))]
    // SAFETY: as above.
    unsafe {
        libc::clock_gettime(clock, &raw mut time)
    };
    (time.tv_sec, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// CLOCK_MONOTONIC: not moved by setting the time.
#[must_use]
pub fn now() -> Instant {
    let (seconds, nanoseconds) = monotonic();
    let seconds = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Instant::from_clock(seconds).add(Duration::from_nanos(u64::from(nanoseconds)))
}

/// The same in the form of [`real`].
#[must_use]
pub fn monotonic() -> (i64, u32) {
    read(libc::CLOCK_MONOTONIC)
}

/// CLOCK_REALTIME: seconds since 1970 and the nanoseconds beyond them.
#[must_use]
pub fn real() -> (i64, u32) {
    read(libc::CLOCK_REALTIME)
}

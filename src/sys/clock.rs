//! The clocks: CLOCK_MONOTONIC for waiting, CLOCK_REALTIME for timestamps.

use pure::time::{Duration, Instant};

fn read(clock: libc::clockid_t) -> (i64, u32) {
    // On 32-bit ARM a timespec contains padding, so it is zeroed and not written as a literal.
    // SAFETY: all zeros are a valid timespec.
    let mut time: libc::timespec = unsafe { core::mem::zeroed() };
    // musl's clock_gettime first looks for the vDSO, which costs more at each start than it saves. On 32 bits its
    // fallback for kernels before 5.1 is needed.
    #[cfg(all(target_env = "musl", target_pointer_width = "64"))]
    // SAFETY: `time` is writable.
    unsafe {
        libc::syscall(libc::SYS_clock_gettime, clock, &raw mut time)
    };
    #[cfg(not(all(target_env = "musl", target_pointer_width = "64")))]
    // SAFETY: `time` is writable.
    unsafe {
        libc::clock_gettime(clock, &raw mut time)
    };
    (time.tv_sec, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Returns the time of CLOCK_MONOTONIC, which setting the clock does not change.
#[must_use]
pub fn now() -> Instant {
    let (seconds, nanoseconds) = monotonic();
    let seconds = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Instant::from_clock(seconds).add(Duration::from_nanos(u64::from(nanoseconds)))
}

/// Returns the seconds and nanoseconds of CLOCK_MONOTONIC.
#[must_use]
pub fn monotonic() -> (i64, u32) {
    read(libc::CLOCK_MONOTONIC)
}

/// Returns the seconds since 1970 and the nanoseconds of CLOCK_REALTIME.
#[must_use]
pub fn real() -> (i64, u32) {
    read(libc::CLOCK_REALTIME)
}

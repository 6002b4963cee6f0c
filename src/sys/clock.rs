//! The clocks: CLOCK_MONOTONIC for waiting, CLOCK_REALTIME for timestamps, CLOCK_BOOTTIME for the age of a file.

#[cfg(target_env = "musl")]
use super::kernel::syscall;
#[cfg(target_env = "musl")]
use core::ffi::c_long;
use pure::time::{Duration, Instant};

/// The number of the call that writes a time of 64 bits. The libc crate has no name for that of 32-bit machines.
#[cfg(target_env = "musl")]
const CLOCK_GETTIME: c_long = {
    #[cfg(target_pointer_width = "64")]
    let number = libc::SYS_clock_gettime;
    #[cfg(all(target_pointer_width = "32", not(target_arch = "mips")))]
    let number = 403;
    #[cfg(target_arch = "mips")]
    let number = 4403;
    number
};

/// Reads a clock: seconds, nanoseconds. The call is made by number because musl's function first looks for the vDSO, which
/// costs more at each start than it saves.
#[cfg(target_env = "musl")]
fn read(clock: libc::clockid_t) -> (i64, u32) {
    let mut time = [0_i64; 2];
    // SAFETY: `time` has the layout of the kernel's timespec with 64 bits.
    let answer = unsafe { syscall!(CLOCK_GETTIME, clock, time.as_mut_ptr()) };
    if cfg!(target_pointer_width = "32") && answer != 0 {
        // Linux before 5.1.
        let mut old: [c_long; 2] = [0; 2];
        // SAFETY: the old timespec consists of two longs.
        unsafe { syscall!(libc::SYS_clock_gettime, clock, old.as_mut_ptr()) };
        time = old.map(i64::from);
    }
    let [seconds, nanoseconds] = time;
    (seconds, u32::try_from(nanoseconds).unwrap_or(0))
}

/// As above, in a dynamic executable: by the function, which faketime(1) replaces.
#[cfg(not(target_env = "musl"))]
fn read(clock: libc::clockid_t) -> (i64, u32) {
    // SAFETY: all zeros are a valid timespec.
    let mut time: libc::timespec = unsafe { core::mem::zeroed() };
    // SAFETY: `time` is writable.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    (time.tv_sec, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Returns the time of CLOCK_MONOTONIC, which setting the clock does not change.
#[must_use]
pub fn now() -> Instant {
    let (seconds, nanoseconds) = monotonic();
    let seconds = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Instant::from_clock(seconds).add(Duration::from_nanos(u64::from(nanoseconds)))
}

/// Returns the point that is so long after the present.
#[must_use]
#[inline(never)]
pub fn after(length: Duration) -> Instant {
    now().add(length)
}

/// Returns the seconds and nanoseconds of CLOCK_MONOTONIC.
#[must_use]
pub fn monotonic() -> (i64, u32) {
    read(libc::CLOCK_MONOTONIC)
}

/// Returns the seconds of CLOCK_BOOTTIME, which also counts while the machine is suspended (Linux 2.6.39). Setting the
/// clock does not change it.
#[must_use]
pub fn boot() -> u32 {
    u32::try_from(read(libc::CLOCK_BOOTTIME).0).unwrap_or(0)
}

/// Returns the seconds since 1970 and the nanoseconds of CLOCK_REALTIME.
#[must_use]
pub fn real() -> (i64, u32) {
    read(libc::CLOCK_REALTIME)
}

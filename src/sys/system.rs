//! What the whole machine is asked: the load without /proc, the number of processors.

/// The 1-minute load average, in 1/65536 (sysinfo(2)).
#[must_use]
pub fn load() -> u64 {
    // SAFETY: all zeros are a valid sysinfo.
    let mut info: libc::sysinfo = unsafe { core::mem::zeroed() };
    // SAFETY: `info` is ours to write.
    unsafe { libc::sysinfo(&raw mut info) };
    let [one_minute, ..] = info.loads;
    u64::from(one_minute)
}

/// How many processors this process may use.
#[must_use]
pub fn processors() -> u64 {
    // SAFETY: a number in, a number out.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    u64::try_from(count).unwrap_or(1).max(1)
}

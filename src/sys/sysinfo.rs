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

/// The name of this machine (uname(2)), as far as it fits; a dash for each byte that does not print.
#[must_use]
pub fn host_name() -> heapless::Vec<u8, 64> {
    // SAFETY: all zeros are a valid utsname.
    let mut names: libc::utsname = unsafe { core::mem::zeroed() };
    // SAFETY: `names` is ours to write.
    unsafe { libc::uname(&raw mut names) };
    #[allow(clippy::unnecessary_cast, reason = "C's char has a sign on some machines")]
    let bytes = names.nodename.iter().map(|c| *c as u8);
    bytes
        .take_while(|byte| *byte != 0)
        .map(|byte| if byte.is_ascii_graphic() { byte } else { b'-' })
        .take(64)
        .collect()
}

/// How many processors this process may use (sched_getaffinity(2)), of the first 1024.
#[must_use]
pub fn processors() -> u64 {
    let mut mask = [0_u8; 128];
    // SAFETY: length and pointer are those of an array; 0 is this process.
    unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, mask.len(), mask.as_mut_ptr()) };
    mask.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>().max(1)
}

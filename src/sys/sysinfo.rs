//! Facts about the whole machine: load, host name, number of CPUs.

/// Returns the 1-minute load average in units of 1/65536 (sysinfo(2)). It works without /proc.
#[must_use]
pub fn load() -> u64 {
    // SAFETY: all zeros are a valid sysinfo.
    let mut info: libc::sysinfo = unsafe { core::mem::zeroed() };
    // SAFETY: `info` is writable.
    unsafe { libc::syscall(libc::SYS_sysinfo, &raw mut info) };
    let [one_minute, ..] = info.loads;
    u64::from(one_minute)
}

/// Appends the host name (uname(2)), as the kernel has it. Linux limits it to 64 bytes.
pub fn put_host_name(text: &mut heapless::Vec<u8, 64>) {
    // SAFETY: all zeros are a valid utsname.
    let mut names: libc::utsname = unsafe { core::mem::zeroed() };
    // SAFETY: `names` is writable.
    unsafe { libc::syscall(libc::SYS_uname, &raw mut names) };
    #[allow(clippy::unnecessary_cast, reason = "c_char is signed on some machines")]
    let bytes = names.nodename.iter().map(|c| *c as u8);
    for byte in bytes.take_while(|byte| *byte != 0) {
        let _ = text.push(byte);
    }
}

/// Returns how many of the first 1024 CPUs this process may use (sched_getaffinity(2)); 0 if the call fails.
#[must_use]
pub fn processors() -> u32 {
    let mut mask = [0_u8; 128];
    // SAFETY: length and pointer are those of an array; 0 is this process.
    unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, mask.len(), mask.as_mut_ptr()) };
    mask.iter().map(|byte| byte.count_ones()).sum()
}

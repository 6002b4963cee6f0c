//! Facts about the whole machine: load, host name, number of CPUs.

use super::kernel::syscall;
use core::ffi::CStr;

/// Returns the 1-minute load average in units of 1/65536 (sysinfo(2)). It works without /proc.
#[must_use]
pub fn load() -> u64 {
    // SAFETY: all zeros are a valid sysinfo.
    let mut info: libc::sysinfo = unsafe { core::mem::zeroed() };
    // SAFETY: `info` is writable.
    unsafe { syscall!(libc::SYS_sysinfo, &raw mut info) };
    let [one_minute, ..] = info.loads;
    u64::from(one_minute)
}

/// Reads the host name (uname(2)), as the kernel has it. Linux limits it to 64 bytes.
pub fn read_host_name(name: &mut heapless::VecView<u8>) {
    // SAFETY: all zeros are a valid utsname.
    let mut names: libc::utsname = unsafe { core::mem::zeroed() };
    // SAFETY: `names` is writable.
    unsafe { syscall!(libc::SYS_uname, &raw mut names) };
    name.clear();
    // SAFETY: the kernel ends the name with a NUL.
    let _ = name.extend_from_slice(unsafe { CStr::from_ptr(names.nodename.as_ptr()) }.to_bytes());
}

/// Returns how many of the first 1024 CPUs this process may use (sched_getaffinity(2)); 0 if the call fails.
#[must_use]
pub fn processors() -> u32 {
    let mut mask = [0_u8; 128];
    // SAFETY: length and pointer are those of an array; 0 is this process.
    unsafe { syscall!(libc::SYS_sched_getaffinity, 0, mask.len(), mask.as_mut_ptr()) };
    mask.iter().map(|byte| byte.count_ones()).sum()
}

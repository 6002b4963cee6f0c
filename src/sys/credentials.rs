//! Who a process is. Made by number and not by the C library's functions, which carry the change
//! to all threads of a process and take locks for that.

use super::{Result, check_long};

// Old 32-bit kernels count users in 16 bits; these are the calls that do not.
#[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
use libc::{SYS_setgid as SETGID, SYS_setgroups as SETGROUPS, SYS_setuid as SETUID};
#[cfg(any(target_arch = "arm", target_arch = "x86"))]
use libc::{SYS_setgid32 as SETGID, SYS_setgroups32 as SETGROUPS, SYS_setuid32 as SETUID};

/// Replaces all supplementary groups.
///
/// # Errors
/// As setgroups(2): only root may.
pub fn set_groups(groups: &[u32]) -> Result<()> {
    // SAFETY: length and pointer are those of a slice of the kernel's gid_t.
    check_long(unsafe { libc::syscall(SETGROUPS, groups.len(), groups.as_ptr()) }).map(drop)
}

/// Becomes a member of `gid` alone: real, effective and saved when root asks.
///
/// # Errors
/// As setgid(2).
pub fn set_gid(gid: u32) -> Result<()> {
    // SAFETY: a number.
    check_long(unsafe { libc::syscall(SETGID, gid) }).map(drop)
}

/// Becomes `uid`, for good when root asks.
///
/// # Errors
/// As setuid(2).
pub fn set_uid(uid: u32) -> Result<()> {
    // SAFETY: a number.
    check_long(unsafe { libc::syscall(SETUID, uid) }).map(drop)
}

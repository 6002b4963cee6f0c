//! The user and the groups of this process (credentials(7)).
//!
//! The calls that change IDs are made by number. The C library's functions change all threads of a process, which requires locks.

use super::{Result, call};
use core::ffi::c_long;
use pure::accounts::ProcessIds;

// On these machines the calls without a suffix take 16-bit IDs.
#[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
use libc::{
    SYS_getgroups as GETGROUPS, SYS_getresgid as GETRESGID, SYS_getresuid as GETRESUID,
    SYS_setgid as SETGID, SYS_setgroups as SETGROUPS, SYS_setuid as SETUID,
};
#[cfg(any(target_arch = "arm", target_arch = "x86"))]
use libc::{
    SYS_getgroups32 as GETGROUPS, SYS_getresgid32 as GETRESGID, SYS_getresuid32 as GETRESUID,
    SYS_setgid32 as SETGID, SYS_setgroups32 as SETGROUPS, SYS_setuid32 as SETUID,
};

/// Stores the IDs of this process, unless it has more groups than [`ProcessIds`] can hold (getgroups(2), `EINVAL`).
pub fn get(ids: &mut ProcessIds) {
    // SAFETY: the call writes at most as many numbers as there are.
    let count = unsafe { call!(GETGROUPS, ProcessIds::MAX_GROUPS, ids.groups.as_mut_ptr()) };
    if let Ok(count) = count {
        ids.group_count = usize::try_from(count).unwrap_or(0);
        get_three(GETRESUID, &mut ids.uids);
        get_three(GETRESGID, &mut ids.gids);
    }
}

/// Stores the real, effective and saved ID.
#[inline(never)]
fn get_three(call: c_long, [real, effective, saved]: &mut [u32; 3]) {
    // SAFETY: the call writes three numbers.
    let _ = unsafe { call!(call, &raw mut *real, &raw mut *effective, &raw mut *saved) };
}

/// Replaces the supplementary groups.
///
/// # Errors
/// `EPERM` without CAP_SETGID (setgroups(2)).
pub fn set_groups(groups: &[u32]) -> Result<()> {
    // SAFETY: length and pointer are those of a slice of the kernel's gid_t.
    unsafe { call!(SETGROUPS, groups.len(), groups.as_ptr()) }.map(drop)
}

/// Sets the group ID: with CAP_SETGID the real, the effective and the saved one.
///
/// # Errors
/// `EPERM` (setgid(2)).
pub fn set_gid(gid: u32) -> Result<()> {
    // SAFETY: the argument is a number.
    unsafe { call!(SETGID, gid) }.map(drop)
}

/// Sets the user ID: with CAP_SETUID the real, the effective and the saved one, which is irrevocable.
///
/// # Errors
/// `EPERM`; `EAGAIN` if the user has too many processes (setuid(2)).
pub fn set_uid(uid: u32) -> Result<()> {
    // SAFETY: the argument is a number.
    unsafe { call!(SETUID, uid) }.map(drop)
}

//! The status of files: type, size, identity (stat(2)).

use super::file::File;
use core::ffi::{CStr, c_int, c_long};

/// The type of an open file, as far as writing to it differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A file on a disk: a write never waits for a reader.
    Regular,
    /// A pipe, a terminal, a device.
    Other,
}

/// Returns the type of an open file.
#[must_use]
pub fn kind(fd: c_int) -> Kind {
    if has_type(fd, libc::S_IFREG) { Kind::Regular } else { Kind::Other }
}

/// Returns whether `fd` is a pipe or a FIFO.
#[must_use]
pub fn is_fifo(fd: c_int) -> bool {
    has_type(fd, libc::S_IFIFO)
}

/// Returns the size of an open file in bytes; 0 if the kernel does not report it.
#[must_use]
pub fn size(fd: c_int) -> u64 {
    fstat(fd).and_then(|status| u64::try_from(status.st_size).ok()).unwrap_or(0)
}

/// Returns whether `path` names the open file, and no other path does.
#[must_use]
pub fn is_sole_name(file: &File, path: &CStr) -> bool {
    named(file.fd(), libc::AT_FDCWD, path).is_some_and(|status| status.st_nlink < 2)
}

/// Returns the status of `path`, relative to the directory `from`, if it names the open file `fd`.
pub(crate) fn named(fd: c_int, from: c_int, path: &CStr) -> Option<libc::stat64> {
    let (open, named) = (fstat(fd)?, fstatat(from, path)?);
    (open.st_dev == named.st_dev && open.st_ino == named.st_ino).then_some(named)
}

/// Returns whether an open file has a name.
#[must_use]
pub fn has_name(fd: c_int) -> bool {
    fstat(fd).is_some_and(|status| status.st_nlink > 0)
}

/// Returns whether an open file is regular and has no second name.
#[must_use]
pub fn is_private(fd: c_int) -> bool {
    fstat(fd)
        .is_some_and(|status| status.st_mode & libc::S_IFMT == libc::S_IFREG && status.st_nlink < 2)
}

/// Returns the permissions and the group of an open file.
#[must_use]
pub fn permissions(fd: c_int) -> Option<(u32, u32)> {
    fstat(fd).map(|status| (status.st_mode & 0o777, status.st_gid))
}

fn has_type(fd: c_int, file_type: libc::mode_t) -> bool {
    fstat(fd).is_some_and(|status| status.st_mode & libc::S_IFMT == file_type)
}

fn fstat(fd: c_int) -> Option<libc::stat64> {
    fstatat(fd, c"")
}

/// The number of the call that writes a `stat64`. The libc crate has no name for that of MIPS (arch/mips/kernel/syscalls).
const FSTATAT: c_long = {
    #[cfg(target_pointer_width = "64")]
    let number = libc::SYS_newfstatat;
    #[cfg(all(target_pointer_width = "32", not(target_arch = "mips")))]
    let number = libc::SYS_fstatat64;
    #[cfg(target_arch = "mips")]
    let number = 4293;
    number
};

/// Returns the status of `path`, relative to the directory `from`. An empty path is the open file `from` itself
/// (`AT_EMPTY_PATH`, Linux 2.6.39).
///
/// The C library's function would convert the times, which nobody reads: 1.2 kB on 32 bits. Its structure begins with
/// the kernel's.
fn fstatat(from: c_int, path: &CStr) -> Option<libc::stat64> {
    // SAFETY: all zeros are a valid stat64.
    let mut status: libc::stat64 = unsafe { core::mem::zeroed() };
    let (path, buffer, flags) = (path.as_ptr(), &raw mut status, libc::AT_EMPTY_PATH);
    // SAFETY: the path ends in NUL; `status` is writable and not smaller than the kernel's structure.
    let answer = unsafe { libc::syscall(FSTATAT, from, path, buffer, flags) };
    (answer == 0).then_some(status)
}

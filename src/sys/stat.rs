//! The status of files: type, size, identity (stat(2)).

use super::file::File;
use super::kernel::syscall;
use core::ffi::{CStr, c_int, c_long};
use core::mem::{MaybeUninit, offset_of};

/// The type of an open file, as far as writing to it differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A file on a disk: a write never waits for a reader.
    Regular,
    /// A pipe, a terminal, a device.
    Other,
}

/// The part of a file's status that this module uses.
#[derive(Clone, Copy)]
struct Status {
    device: u64,
    inode: u64,
    size: i64,
    mode: u32,
    links: u32,
    group: u32,
    /// The time of the last modification: seconds and nanoseconds.
    modified: [c_long; 2],
}

/// The version of a file: a change of any of these is a change of the file. Not the times of access and of the status,
/// which readers and renames change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    inode: u64,
    size: i64,
    modified: [c_long; 2],
}

/// Returns the version of the file at `path`, which is not empty; `None` if there is no file.
#[must_use]
pub fn version(path: &CStr) -> Option<Version> {
    fstatat(libc::AT_FDCWD, path).map(|Status { inode, size, modified, .. }| Version {
        inode,
        size,
        modified,
    })
}

/// Returns the type of an open file.
#[must_use]
pub fn kind(fd: c_int) -> Kind {
    if has_type(fd, libc::S_IFREG) { Kind::Regular } else { Kind::Other }
}

/// Returns whether two descriptors refer to the same file.
#[must_use]
pub fn is_same(one: c_int, other: c_int) -> bool {
    references(one, other, c"") > 0
}

/// Returns whether `fd` is a pipe or a FIFO.
#[must_use]
pub fn is_fifo(fd: c_int) -> bool {
    has_type(fd, libc::S_IFIFO)
}

/// Returns the size of an open file in bytes; 0 if the kernel does not report it.
#[must_use]
pub fn size(fd: c_int) -> u64 {
    fstat(fd).and_then(|status| u64::try_from(status.size).ok()).unwrap_or(0)
}

/// Returns whether `path` names the open file, and no other path does.
#[must_use]
pub fn is_sole_name(file: &File, path: &CStr) -> bool {
    references(file.fd(), libc::AT_FDCWD, path) == 2
}

/// Returns the number of references to a file, if the open file `fd` is `path` relative to the directory `from`:
/// the names of the file, and one for `fd`. 0 if these are two files.
pub(crate) fn references(fd: c_int, from: c_int, path: &CStr) -> u32 {
    match (fstat(fd), fstatat(from, path)) {
        (Some(open), Some(named)) if open.device == named.device && open.inode == named.inode => {
            named.links.saturating_add(1)
        }
        _ => 0,
    }
}

/// Returns whether an open file has a name.
#[must_use]
pub fn has_name(fd: c_int) -> bool {
    fstat(fd).is_some_and(|status| status.links > 0)
}

/// Returns the permissions and the group of an open file.
#[must_use]
pub fn permissions(fd: c_int) -> Option<(u32, u32)> {
    fstat(fd).map(|status| (status.mode & 0o777, status.group))
}

fn has_type(fd: c_int, file_type: libc::mode_t) -> bool {
    fstat(fd).is_some_and(|status| status.mode & libc::S_IFMT == file_type)
}

fn fstat(fd: c_int) -> Option<Status> {
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

/// The offset of the modification time in the kernel's structure (asm/stat.h). On 32 bits the C library moves it.
const MODIFIED: usize = offset_of!(libc::stat64, st_size)
    + match () {
        () if cfg!(target_pointer_width = "64") => 40,
        () if cfg!(target_arch = "arm") => 32,
        () if cfg!(target_arch = "x86") => 28,
        () => 16,
    };

/// Returns the status of `path`, relative to the directory `from`. An empty path is the open file `from` itself
/// (`AT_EMPTY_PATH`, Linux 2.6.39).
///
/// The C library's function would convert the times, which nobody reads: 1.2 kB on 32 bits. Its structure begins with
/// the kernel's.
fn fstatat(from: c_int, path: &CStr) -> Option<Status> {
    let mut buffer = MaybeUninit::<libc::stat64>::uninit();
    let (path, flags) = (path.as_ptr(), libc::AT_EMPTY_PATH);
    // SAFETY: the path ends in NUL; `buffer` is writable and not smaller than the kernel's structure.
    let answer = unsafe { syscall!(FSTATAT, from, path, buffer.as_mut_ptr(), flags) };
    if answer != 0 {
        return None;
    }
    let status = buffer.as_ptr();
    // SAFETY: the kernel has written these fields.
    unsafe {
        Some(Status {
            device: (*status).st_dev,
            inode: (*status).st_ino,
            size: (*status).st_size,
            mode: (*status).st_mode,
            links: (*status).st_nlink as u32,
            group: (*status).st_gid,
            modified: status.byte_add(MODIFIED).cast::<[c_long; 2]>().read(),
        })
    }
}

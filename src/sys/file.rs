//! Files: opened by path, read, written, truncated, removed.

use super::kernel::syscall;
use super::{Result, call, check_int, check_long};
use core::ffi::{CStr, c_int, c_long};
use libc::{
    O_APPEND, O_CLOEXEC, O_CREAT, O_LARGEFILE, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR,
    O_WRONLY,
};
use pure::text;

/// An open file. It is closed when it is dropped, and by exec.
pub struct File(c_int);

/// How a file is opened. Every mode adds `O_CLOEXEC` and `O_NOCTTY`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Read,
    /// Read, without blocking on a FIFO that has no writer.
    ReadNonblock,
    /// A directory, to read its names.
    Directory,
    ReadWrite,
    /// Write; the file is created, and must not exist, not even as a link.
    CreateNew,
    /// As `Append`, and never through a symbolic link.
    AppendNoFollow,
    /// Read, and append; created if it does not exist; never through a symbolic link, and without blocking.
    LockFile,
    /// As `LockFile`, and write at any offset.
    State,
    /// Append, without blocking; created if it does not exist.
    Append,
    /// A FIFO for reading and writing, so that open(2) does not wait for the other end.
    Fifo,
    /// Write to a terminal or pipe that exists, without blocking.
    Console,
}

impl Drop for File {
    #[inline(never)]
    fn drop(&mut self) {
        super::fd::close(self.0);
    }
}

impl File {
    /// Opens `path`. A new file gets the mode 0666 less umask, a lock file 0644 less umask.
    ///
    /// # Errors
    /// `ENOENT`; `EACCES`; `ENXIO` for a FIFO without a reader; `ELOOP` for a link that is not followed (open(2)).
    pub fn open(path: &CStr, mode: Mode) -> Result<Self> {
        let permissions = if mode == Mode::LockFile { 0o644 } else { 0o666 };
        Self::open_at(libc::AT_FDCWD, path, mode, permissions)
    }

    /// Opens a path relative to an open directory. A new file gets the mode `permissions` less umask.
    pub(crate) fn open_at(from: c_int, path: &CStr, mode: Mode, permissions: u32) -> Result<Self> {
        let flags = match mode {
            Mode::Read => O_RDONLY,
            Mode::ReadNonblock => O_RDONLY | O_NONBLOCK,
            Mode::Directory => O_RDONLY | libc::O_DIRECTORY,
            Mode::ReadWrite => O_RDWR,
            Mode::CreateNew => O_WRONLY | O_CREAT | libc::O_EXCL,
            Mode::LockFile => O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOFOLLOW,
            Mode::State => O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW,
            Mode::Append => O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK,
            Mode::AppendNoFollow => O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOFOLLOW,
            Mode::Fifo => O_RDWR | O_NONBLOCK,
            Mode::Console => O_WRONLY | O_NONBLOCK,
        } | O_CLOEXEC
            | O_NOCTTY
            | O_LARGEFILE;
        // SAFETY: the path ends in NUL.
        let answer = unsafe { syscall!(libc::SYS_openat, from, path.as_ptr(), flags, permissions) };
        check_int(answer).map(Self)
    }

    /// Returns a file that is not open: each call on it fails.
    #[must_use]
    pub const fn closed() -> Self {
        Self(-1)
    }

    /// Returns standard output, which is closed with it.
    #[must_use]
    pub const fn stdout() -> Self {
        Self(libc::STDOUT_FILENO)
    }

    /// Returns the descriptor, which stays owned by this file.
    #[must_use]
    pub const fn fd(&self) -> c_int {
        self.0
    }

    /// Returns the descriptor, which stays open until exec or [`close`](super::fd::close).
    #[must_use]
    pub const fn into_fd(self) -> c_int {
        let fd = self.0;
        core::mem::forget(self);
        fd
    }

    /// Takes ownership of an open descriptor.
    pub(crate) const fn adopt(fd: c_int) -> Self {
        Self(fd)
    }
}

/// Reads at most `buffer.len()` bytes and returns how many; 0 at the end of the file.
///
/// # Errors
/// `EINTR`, `EAGAIN`, `EISDIR`, `EIO` (read(2)).
pub fn read(fd: c_int, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: pointer and length are those of a slice.
    unsafe { transfer(libc::SYS_read, fd, buffer.as_mut_ptr(), buffer.len()) }.map(size_of_int)
}

/// Writes some of `bytes` and returns how many.
///
/// # Errors
/// `EINTR`, `EAGAIN`, `EPIPE`, `ENOSPC`, `EDQUOT`, `EIO` (write(2)).
pub fn write(fd: c_int, bytes: &[u8]) -> Result<usize> {
    // SAFETY: pointer and length are those of a slice.
    unsafe { transfer(libc::SYS_write, fd, bytes.as_ptr(), bytes.len()) }.map(size_of_int)
}

/// Reads or writes. A result of two integers of the same size is returned in registers.
///
/// # Safety
/// `size` bytes from `start` on can be read, or for read(2) written.
#[inline(never)]
unsafe fn transfer(call: c_long, fd: c_int, start: *const u8, size: usize) -> Result<c_int> {
    // SAFETY: the caller guarantees it.
    check_int(unsafe { syscall!(call, fd, start, size) })
}

const fn size_of_int(n: c_int) -> usize {
    n.cast_unsigned() as usize
}

/// Waits until the written data is on the disk (fdatasync(2)).
///
/// # Errors
/// `EINVAL` for a pipe or a terminal; `EIO`, `ENOSPC` or `EDQUOT` if the data is lost.
pub fn sync(fd: c_int) -> Result<()> {
    // SAFETY: the argument is a number.
    unsafe { call!(libc::SYS_fdatasync, fd) }.map(drop)
}

/// Truncates an open file to zero bytes.
///
/// # Errors
/// `EINVAL` if the file is not regular; `EIO` (ftruncate(2)).
pub fn truncate(file: &File) -> Result<()> {
    // SAFETY: the arguments are numbers.
    unsafe { call!(libc::SYS_ftruncate, file.0, 0) }.map(drop)
}

/// Sets the mode of an open file.
///
/// # Errors
/// `EPERM` if the file belongs to another user; `EROFS` (fchmod(2)).
pub fn fchmod(file: &File, mode: u32) -> Result<()> {
    // SAFETY: the arguments are numbers.
    unsafe { call!(libc::SYS_fchmod, file.0, mode) }.map(drop)
}

/// Sets the group of an open file.
///
/// # Errors
/// `EPERM` if the process is not in that group; `EROFS` (fchownat(2), `AT_EMPTY_PATH`).
pub fn set_group(fd: c_int, group: u32) -> Result<()> {
    let (path, same, flags) = (c"".as_ptr(), u32::MAX, libc::AT_EMPTY_PATH);
    // SAFETY: the path ends in NUL.
    check_long(unsafe { syscall!(libc::SYS_fchownat, fd, path, same, group, flags) }).map(drop)
}

/// Permissions for [`access`].
pub const WRITE: c_int = libc::W_OK;
pub const EXECUTE: c_int = libc::X_OK;

/// Checks whether this process has these permissions for `path`; root needs only one `x` bit to execute a file.
///
/// # Errors
/// `EACCES`, `ENOENT`, `ENOTDIR`, `EROFS` (access(2)).
pub fn access(path: &CStr, permissions: c_int) -> Result<()> {
    let (call, here) = (libc::SYS_faccessat, libc::AT_FDCWD);
    // SAFETY: the path ends in NUL.
    unsafe { call!(call, here, path.as_ptr(), permissions) }.map(drop)
}

/// Removes a name.
///
/// # Errors
/// `ENOENT`, `EACCES`, `EPERM`, `EROFS` (unlink(2)).
pub fn remove(path: &CStr) -> Result<()> {
    remove_at(libc::AT_FDCWD, path)
}

/// Removes a name, relative to an open directory.
pub(crate) fn remove_at(from: c_int, path: &CStr) -> Result<()> {
    // SAFETY: the path ends in NUL.
    unsafe { call!(libc::SYS_unlinkat, from, path.as_ptr(), 0) }.map(drop)
}

/// Reads the file `path` to its end and passes each piece of up to 1024 bytes to `visit`.
///
/// # Errors
/// `ENOENT`, `EACCES` (open(2)); `EISDIR`, `EIO` (read(2)).
pub fn for_each_piece(path: &CStr, visit: &mut dyn FnMut(&[u8])) -> Result<()> {
    let file = File::open(path, Mode::Read)?;
    let mut buffer = [0; 1024];
    loop {
        match read(file.fd(), &mut buffer)? {
            0 => return Ok(()),
            n => visit(text::first(&buffer, n)),
        }
    }
}

/// Reads the start of the file `path` with one call: enough for the small files of /proc and /sys. A
/// FIFO does not block.
///
/// # Errors
/// `ENOENT`, `EACCES` (open(2)); `EISDIR`, `EIO` (read(2)).
pub fn head<'a>(path: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let file = File::open(path, Mode::ReadNonblock)?;
    let n = read(file.fd(), buffer)?;
    Ok(text::first(buffer, n))
}

/// Reads the target of the symbolic link `path`; `None` if it cannot be read. A longer target is cut.
#[must_use]
pub fn read_link<'a>(path: &CStr, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let (from, path, call) = (libc::AT_FDCWD, path.as_ptr(), libc::SYS_readlinkat);
    // SAFETY: the path ends in NUL; pointer and length are those of a slice.
    let n = unsafe { syscall!(call, from, path, buffer.as_mut_ptr(), buffer.len()) };
    usize::try_from(n).ok().and_then(|n| buffer.get(..n))
}

//! Open file descriptors: the standard three, pipes, duplicates, readiness.
//!
//! The applets use descriptors by number if another process opened the file, as with standard input.

use super::file::{self, File};
use super::kernel::syscall;
use super::{Result, call, check_int, check_long, poll};
use core::ffi::{CStr, c_int};
use libc::{O_CLOEXEC, O_NOCTTY, O_RDONLY, O_RDWR};

/// Standard input, output and error.
pub const STDIN: c_int = libc::STDIN_FILENO;
pub const STDOUT: c_int = libc::STDOUT_FILENO;
pub const STDERR: c_int = libc::STDERR_FILENO;

/// Returns how many of the descriptors 0, 1 and 2 are closed.
#[must_use]
pub fn closed_standard() -> usize {
    let mut standard = [STDIN, STDOUT, STDERR].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    poll::poll_now(&mut standard);
    standard.iter().filter(|entry| entry.revents & libc::POLLNVAL != 0).count()
}

/// Opens `path` for reading, or for reading and writing, with the lowest free descriptor. It stays open, and commands
/// inherit it.
///
/// # Errors
/// `ENOENT`, `EACCES`, `EISDIR` for writing to a directory (open(2)).
pub fn open_lowest(path: &CStr, writable: bool) -> Result<()> {
    let flags = if writable { O_RDWR } else { O_RDONLY } | O_NOCTTY;
    let (from, path) = (libc::AT_FDCWD, path.as_ptr());
    // SAFETY: the path ends in NUL.
    unsafe { call!(libc::SYS_openat, from, path, flags) }.map(drop)
}

/// Creates a pipe and returns its read end and its write end. Both are closed by exec.
///
/// # Errors
/// `EMFILE`, `ENFILE` (pipe2(2), Linux 2.6.27).
pub fn pipe() -> Result<(File, File)> {
    let mut ends = [-1; 2];
    // SAFETY: pipe2 writes two numbers.
    unsafe { call!(libc::SYS_pipe2, ends.as_mut_ptr(), O_CLOEXEC) }?;
    let [read, write] = ends;
    Ok((File::adopt(read), File::adopt(write)))
}

/// Makes descriptor `to` refer to the open file of `from`, which may be the same. Commands inherit it.
///
/// # Errors
/// `EBADF` (dup3(2)).
pub fn dup_onto(from: c_int, to: c_int) -> Result<()> {
    let (call, request) =
        if from == to { (libc::SYS_fcntl, libc::F_SETFD) } else { (libc::SYS_dup3, to) };
    // SAFETY: the arguments are numbers.
    unsafe { call!(call, from, request, 0) }.map(drop)
}

/// Returns another descriptor for the same open file. It is above 2 and is closed by exec.
///
/// # Errors
/// `EMFILE`, `EBADF` (fcntl(2), `F_DUPFD_CLOEXEC`).
pub fn dup_cloexec(fd: c_int) -> Result<File> {
    // SAFETY: the arguments are numbers.
    let answer = unsafe { syscall!(libc::SYS_fcntl, fd, libc::F_DUPFD_CLOEXEC, 3) };
    check_int(answer).map(File::adopt)
}

/// Closes the descriptors from 0 to `end`, which is excluded. close_range(2) would need Linux 5.9.
pub fn close_below(end: c_int) {
    (0..end).for_each(close);
}

/// Closes all descriptors from `first` on; before Linux 5.9 those below 1024, the usual limit of a process.
pub fn close_from(first: c_int) {
    // SAFETY: the arguments are numbers.
    if unsafe { call!(libc::SYS_close_range, first, u32::MAX) }.is_err() {
        (first..1024).for_each(close);
    }
}

/// Closes a descriptor.
#[inline(never)]
pub fn close(fd: c_int) {
    // SAFETY: the argument is a number.
    unsafe { syscall!(libc::SYS_close, fd) };
}

/// Returns how many bytes can be read from a pipe or a socket; 0 if the kernel does not report it (`FIONREAD`).
#[must_use]
pub fn bytes_readable(fd: c_int) -> usize {
    let mut bytes: c_int = 0;
    // SAFETY: FIONREAD writes one int.
    match unsafe { call!(libc::SYS_ioctl, fd, libc::FIONREAD, &raw mut bytes) } {
        Ok(_) => usize::try_from(bytes).unwrap_or(0),
        Err(_) => 0,
    }
}

/// Writes at most PIPE_BUF `bytes` to a pipe that other processes write to: all of them or none, and never waits.
///
/// O_NONBLOCK would apply to the other processes, too, because the flag belongs to the open file. A poll(2) before a
/// write(2) does not help if another process fills the pipe in between. So the bytes go into a new pipe, where they are
/// one buffer, and splice(2) moves this buffer.
///
/// # Errors
/// `EAGAIN` if the pipe is full; `EMFILE`, `ENFILE` (pipe2(2)); `EPIPE` without a reader.
pub fn write_to_shared_pipe(pipe: c_int, bytes: &[u8]) -> Result<()> {
    let (reader, writer) = self::pipe()?;
    let size = file::write(writer.fd(), bytes)?;
    let (call, none) = (libc::SYS_splice, core::ptr::null_mut::<libc::loff_t>());
    let flags = libc::SPLICE_F_NONBLOCK;
    // SAFETY: pipes have no offsets.
    check_long(unsafe { syscall!(call, reader.fd(), none, pipe, none, size, flags) }).map(drop)
}

/// Returns whether a write of up to PIPE_BUF bytes would not block (`POLLOUT`, or an error is pending).
#[must_use]
pub fn is_writable(fd: c_int) -> bool {
    poll::poll_now(&mut [libc::pollfd { fd, events: libc::POLLOUT, revents: 0 }])
}

//! Files: opened, read, written, locked, named.

use super::{Result, check, check_int, check_long, check_size, poll};
use core::ffi::{CStr, c_int};
use libc::{
    O_APPEND, O_CLOEXEC, O_CREAT, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY,
};
use pure::text;

/// An open file of ours, closed when it goes out of scope and never passed on to a command.
pub struct File(c_int);

/// Standard input, output and error, which are never closed.
pub const STDIN: c_int = libc::STDIN_FILENO;
pub const STDOUT: c_int = libc::STDOUT_FILENO;
pub const STDERR: c_int = libc::STDERR_FILENO;

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Read,
    /// The same without waiting for who writes.
    ReadNonblock,
    /// To read its names.
    Directory,
    ReadWrite,
    /// Write, made; it must not be there, nor lead anywhere.
    CreateNew,
    /// As `Append`, but never by way of a symbolic link.
    AppendNoFollow,
    /// Read, and write at the end, made if it is not there; never by way of a symbolic link, nor waiting for anybody.
    LockFile,
    /// Each write at the end, made if it is not there; what has no room for a write refuses it.
    Append,
    /// A FIFO at both ends, which never waits for the other one.
    Fifo,
    /// A terminal or a pipe to write to, which must be there.
    Console,
}

impl Drop for File {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and nobody uses it after this.
        unsafe { libc::close(self.0) };
    }
}

impl File {
    /// Opens `path`; a new file gets the permissions 0666 less umask.
    ///
    /// # Errors
    /// As open(2).
    pub fn open(path: &CStr, mode: Mode) -> Result<Self> {
        Self::open_at(libc::AT_FDCWD, path, mode, 0o666)
    }

    /// The same for a path relative to an open directory, and with other permissions.
    pub(crate) fn open_at(from: c_int, path: &CStr, mode: Mode, permissions: u32) -> Result<Self> {
        let flags = match mode {
            Mode::Read => O_RDONLY,
            Mode::ReadNonblock => O_RDONLY | O_NONBLOCK,
            Mode::Directory => O_RDONLY | libc::O_DIRECTORY,
            Mode::ReadWrite => O_RDWR,
            Mode::CreateNew => O_WRONLY | O_CREAT | libc::O_EXCL,
            Mode::LockFile => O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOFOLLOW,
            Mode::Append => O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK,
            Mode::AppendNoFollow => O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOFOLLOW,
            Mode::Fifo => O_RDWR | O_NONBLOCK,
            Mode::Console => O_WRONLY | O_NONBLOCK,
        } | O_CLOEXEC
            | O_NOCTTY;
        // SAFETY: the path ends in NUL; the permissions are openat's variable argument.
        check(unsafe { libc::openat(from, path.as_ptr(), flags, permissions) }).map(Self)
    }

    #[must_use]
    pub const fn fd(&self) -> c_int {
        self.0
    }

    /// Takes over a descriptor that nobody else closes.
    pub(crate) const fn adopt(number: c_int) -> Self {
        Self(number)
    }
}

/// A pipe: the end to read from, the end to write to.
///
/// # Errors
/// As pipe2(2), which is there since Linux 2.6.27.
pub fn pipe() -> Result<(File, File)> {
    let mut ends = [-1; 2];
    // SAFETY: room for the two numbers it writes.
    check_long(unsafe { libc::syscall(libc::SYS_pipe2, ends.as_mut_ptr(), O_CLOEXEC) })?;
    let [read, write] = ends;
    Ok((File(read), File(write)))
}

/// Reads what there is, at most all of `room`; 0 is the end of the file.
///
/// # Errors
/// As read(2).
pub fn read(file: c_int, room: &mut [u8]) -> Result<usize> {
    // SAFETY: pointer and length are those of a slice.
    check_size(unsafe { libc::read(file, room.as_mut_ptr().cast(), room.len()) })
}

/// Writes some of `bytes`; says how many.
///
/// # Errors
/// As write(2).
pub fn write(file: c_int, bytes: &[u8]) -> Result<usize> {
    // SAFETY: pointer and length are those of a slice.
    check_size(unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) })
}

/// Puts what was written on the disk. Files that have no disk behind them (pipes, terminals) give EINVAL.
///
/// # Errors
/// As fdatasync(2).
pub fn sync(file: c_int) -> Result<()> {
    // SAFETY: a number.
    check(unsafe { libc::fdatasync(file) }).map(drop)
}

/// How many bytes wait to be read; 0 when that cannot be told.
#[must_use]
pub fn bytes_readable(file: c_int) -> usize {
    let mut bytes: c_int = 0;
    // SAFETY: FIONREAD writes one int.
    match check(unsafe { libc::ioctl(file, libc::FIONREAD, &raw mut bytes) }) {
        Ok(_) => usize::try_from(bytes).unwrap_or(0),
        Err(_) => 0,
    }
}

/// Makes descriptor `to` the same open file as `from`, inherited by commands.
///
/// # Errors
/// As dup3(2): the two must differ.
pub fn dup_onto(from: c_int, to: c_int) -> Result<()> {
    // SAFETY: numbers.
    check_long(unsafe { libc::syscall(libc::SYS_dup3, from, to, 0) }).map(drop)
}

/// Another descriptor for the same open file, closed when it goes out of scope and not inherited.
///
/// # Errors
/// As fcntl(2), `F_DUPFD_CLOEXEC`.
pub fn dup_cloexec(file: c_int) -> Result<File> {
    // SAFETY: numbers. From 3 on, so that it is never taken for one of the standard three.
    let answer = unsafe { libc::syscall(libc::SYS_fcntl, file, libc::F_DUPFD_CLOEXEC, 3) };
    check_int(answer).map(File)
}

/// Opens whatever of the descriptors 0, 1 and 2 is closed, so that no file of ours is ever taken for
/// one of them: on /dev/null, or where that is missing on the root directory, which gives an error to
/// every read and write.
pub fn open_standard() {
    let mut three = [STDIN, STDOUT, STDERR].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    poll::poll_now(&mut three);
    for _ in three.iter().filter(|one| one.revents & libc::POLLNVAL != 0) {
        // The lowest free number is the one that is missing.
        // SAFETY: the path ends in NUL.
        if unsafe { libc::openat(libc::AT_FDCWD, c"/dev/null".as_ptr(), O_RDWR | O_NOCTTY) } == -1 {
            // SAFETY: the path ends in NUL.
            unsafe { libc::openat(libc::AT_FDCWD, c"/".as_ptr(), O_RDONLY) };
        }
    }
}

/// What a descriptor leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A file on a disk: writing never waits for somebody else.
    Regular,
    /// A pipe, a terminal, a device.
    Other,
}

/// What `file` leads to.
#[must_use]
pub fn kind(file: c_int) -> Kind {
    if is_of(file, libc::S_IFREG) { Kind::Regular } else { Kind::Other }
}

#[must_use]
pub fn is_fifo(file: c_int) -> bool {
    is_of(file, libc::S_IFIFO)
}

#[must_use]
pub fn is_directory(file: c_int) -> bool {
    is_of(file, libc::S_IFDIR)
}

fn is_of(file: c_int, kind: libc::mode_t) -> bool {
    status(file).is_some_and(|status| status.st_mode & libc::S_IFMT == kind)
}

fn status(file: c_int) -> Option<libc::stat> {
    status_at(file, c"")
}

/// What `path` leads to, from an open directory; an empty path is the open file itself (`AT_EMPTY_PATH`
/// of stat(2), Linux 2.6.39).
fn status_at(from: c_int, path: &CStr) -> Option<libc::stat> {
    // SAFETY: all zeros are a valid stat.
    let mut status: libc::stat = unsafe { core::mem::zeroed() };
    let (path, room, flags) = (path.as_ptr(), &raw mut status, libc::AT_EMPTY_PATH);
    // By number where the kernel writes the C library's structure itself.
    #[cfg(target_pointer_width = "64")]
    // SAFETY: the path ends in NUL, `status` is ours to write.
    let answer = unsafe { libc::syscall(libc::SYS_newfstatat, from, path, room, flags) };
    #[cfg(not(target_pointer_width = "64"))]
    // SAFETY: as above.
    let answer = unsafe { libc::fstatat(from, path, room, flags) };
    (answer == 0).then_some(status)
}

/// How many bytes an open file has.
#[must_use]
pub fn size(file: c_int) -> u64 {
    status(file).and_then(|status| u64::try_from(status.st_size).ok()).unwrap_or(0)
}

/// Whether a write would be taken now, at least PIPE_BUF bytes of it, or fail at once.
#[must_use]
pub fn is_writable(file: c_int) -> bool {
    poll::poll_now(&mut [libc::pollfd { fd: file, events: libc::POLLOUT, revents: 0 }])
}

/// Cuts off the last `bytes` that we have appended to a file on a disk.
///
/// # Errors
/// `EINVAL` for what is no such file, and when somebody else has appended since.
pub fn undo_append(file: c_int, bytes: u64) -> Result<()> {
    // SAFETY: numbers. After an append the position is the end of what was written.
    let position = unsafe { libc::lseek(file, 0, libc::SEEK_CUR) };
    let end = size(file);
    match (kind(file), u64::try_from(position), end.checked_sub(bytes).map(libc::off_t::try_from)) {
        (Kind::Regular, Ok(position), Some(Ok(left))) if position == end => {
            // SAFETY: numbers.
            check(unsafe { libc::ftruncate(file, left) }).map(drop)
        }
        _ => Err(pure::unix::Errno::INVAL),
    }
}

/// Takes the lock of an open file, if nobody else has it (flock(2): it goes with the open file, so
/// a fork keeps it and a death gives it back).
///
/// # Errors
/// `EAGAIN` when somebody has it.
pub fn lock(file: &File) -> Result<()> {
    // SAFETY: two numbers.
    check(unsafe { libc::flock(file.0, libc::LOCK_EX | libc::LOCK_NB) }).map(drop)
}

/// Empties an open file.
///
/// # Errors
/// As ftruncate(2).
pub fn truncate(file: &File) -> Result<()> {
    // SAFETY: two numbers.
    check(unsafe { libc::ftruncate(file.0, 0) }).map(drop)
}

/// Whether `path` is still the name of that open file, and its only one.
#[must_use]
pub fn is_sole_name(file: &File, path: &CStr) -> bool {
    match (status(file.0), status_at(libc::AT_FDCWD, path)) {
        (Some(open), Some(named)) => {
            open.st_dev == named.st_dev && open.st_ino == named.st_ino && named.st_nlink < 2
        }
        _ => false,
    }
}

/// Removes a name.
///
/// # Errors
/// As unlink(2).
pub fn remove(path: &CStr) -> Result<()> {
    // SAFETY: the path ends in NUL.
    check(unsafe { libc::unlink(path.as_ptr()) }).map(drop)
}

/// Reads `path` to its end, piece by piece.
///
/// # Errors
/// As open(2) and read(2).
pub fn for_each_piece(path: &CStr, take: &mut dyn FnMut(&[u8])) -> Result<()> {
    let file = File::open(path, Mode::Read)?;
    let mut room = [0; 1024];
    loop {
        match read(file.fd(), &mut room)? {
            0 => return Ok(()),
            n => take(text::first(&room, n)),
        }
    }
}

/// The beginning of `path`, as much as one read gives: for the small files of /proc and /sys.
///
/// # Errors
/// As open(2) and read(2).
pub fn head<'a>(path: &CStr, room: &'a mut [u8]) -> Result<&'a [u8]> {
    let file = File::open(path, Mode::Read)?;
    let n = read(file.fd(), room)?;
    Ok(text::first(room, n))
}

/// Whether the symbolic link `path` consists of that number.
#[must_use]
pub fn link_is_number(path: &CStr, number: c_int) -> bool {
    let mut room = [0_u8; 16];
    // SAFETY: the path ends in NUL; pointer and length are those of an array.
    let n = unsafe { libc::readlink(path.as_ptr(), room.as_mut_ptr().cast(), room.len()) };
    let text = usize::try_from(n).ok().and_then(|n| room.get(..n));
    let read = text.and_then(|text| pure::cli::value::number(text).ok());
    read.and_then(|read| c_int::try_from(read).ok()) == Some(number)
}

//! drlog's directory: its lock, and its files by their names. `target.rs` uses it to keep `current` open.

use core::ffi::{CStr, c_int};
use pure::cli::option_value::CliWord;
use pure::log::archive::{ArchiveName, Archives, FileName};
use pure::log::rotate;
use pure::text::{Put, Text, first, put_number};
use pure::time::Duration;
use pure::unix::Errno;
use sys::dir::Directory;
use sys::file::{self, File, Mode};
use sys::{flock, poll};

/// The file that is written.
const CURRENT: &CStr = c"current";
/// The file that contains the second in which `current` was created.
const TIMESTAMP: &CStr = c".timestamp";
/// The locked file. Other users cannot open it, so they cannot lock it. They could lock a directory that they may read.
const LOCK: &CStr = c".lock";

/// The mode of new files, less umask.
const MODE: u32 = 0o640;

/// The number of times to wait for the lock at the start, and the length of each wait: five seconds in all. A drlog that
/// was asked to exit may still store the rest of its input.
pub const LOCK_WAITS: u32 = 50;
const LOCK_WAIT: Duration = Duration::from_millis(100);

/// An open and locked log directory.
pub struct LogDir {
    dir: Directory,
    /// Keeps the lock until it is closed.
    _lock: File,
    /// Separates hours, minutes and seconds in archive names: `:`, or `-` on a file system that does not allow colons.
    colon: u8,
}

impl LogDir {
    /// Opens and locks the directory `path`. Waits for the lock at most `waits` times.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `ENOTDIR`, `EROFS`, `ENOSPC` (open(2)); `EAGAIN` if another process holds the lock. `what`
    /// becomes the text of the message before the name of the directory.
    pub fn open(path: CliWord, mut waits: u32, what: &mut &'static str) -> Result<Self, Errno> {
        *what = "cannot open ";
        let dir = Directory::open(path)?;
        *what = "cannot create .lock in ";
        let lock = dir.open_file(LOCK, Mode::LockFile, 0o600)?;
        *what = "cannot lock ";
        while let Err(errno) = flock::lock(&lock) {
            if errno != Errno::AGAIN || waits == 0 {
                return Err(errno);
            }
            waits -= 1;
            poll::sleep(LOCK_WAIT);
        }
        Ok(Self { dir, _lock: lock, colon: b':' })
    }

    /// Opens `current` for appending, and creates it if it does not exist.
    ///
    /// # Errors
    /// `EACCES`; `ENOSPC`; `EROFS`; `ELOOP` if it is a symbolic link (open(2)).
    #[inline(never)]
    pub fn open_current(&self) -> Result<File, Errno> {
        self.dir.open_file(CURRENT, Mode::AppendNoFollow, MODE)
    }

    /// Returns whether `path` names this directory.
    pub fn is_at(&self, path: CliWord) -> bool {
        self.dir.is_at(path)
    }

    /// Returns whether `current` names the open file `fd`.
    pub fn is_current(&self, fd: c_int) -> bool {
        self.dir.contains(CURRENT, fd)
    }

    /// Lists all archives.
    ///
    /// # Errors
    /// `ENOENT` if the directory was removed (getdents64(2)). Then no archive name is certain to be new.
    #[inline(never)]
    pub fn list(&self, archives: &mut Archives) -> Result<(), Errno> {
        *archives = Archives::NONE;
        self.dir.for_each(&mut |name, is_file| archives.add(name, is_file))
    }

    /// Removes the oldest one of these archives. It may be gone.
    ///
    /// # Errors
    /// `EACCES`, `EPERM`, `EROFS` (unlink(2)).
    pub fn remove_oldest(&self, archives: &Archives) -> Result<(), Errno> {
        match self.dir.remove(c_str(&archives.oldest_file)) {
            Err(Errno::NOENT) => Ok(()),
            result => result,
        }
    }

    /// Removes the oldest archive to free space on a full disk, but never the only one. Returns whether it did.
    pub fn free_space(&self) -> bool {
        let mut archives = Archives::NONE;
        let listed = self.list(&mut archives);
        listed.is_ok() && archives.count > 1 && self.remove_oldest(&archives).is_ok()
    }

    /// Renames `current` to an archive, which must not exist.
    ///
    /// # Errors
    /// `ENOENT` if there is no `current`; `EACCES`, `ENOSPC`, `EROFS` (rename(2)).
    pub fn archive_current(&mut self, name: &ArchiveName) -> Result<(), Errno> {
        let result = self.rename(name, false);
        if result != Err(Errno::INVAL) {
            return result;
        }
        self.colon = b'-';
        self.rename(name, false)
    }

    /// Renames the archive to `current`.
    ///
    /// # Errors
    /// `EACCES`, `EROFS` (rename(2)).
    pub fn restore_current(&self, name: &ArchiveName) -> Result<(), Errno> {
        self.rename(name, true)
    }

    #[inline(never)]
    fn rename(&self, name: &ArchiveName, is_back: bool) -> Result<(), Errno> {
        let mut text = [0; size_of::<FileName>()];
        name.put_file_name(self.colon, &mut text);
        let (from, to) = (CURRENT, c_str(&text));
        let (from, to) = if is_back { (to, from) } else { (from, to) };
        self.dir.rename(from, to)
    }

    /// Returns the second that `.timestamp` contains: when `current` was created. 0 if it is unknown.
    pub fn read_timestamp(&self) -> i64 {
        let mut buffer = [0; 24];
        // `LockFile` reads, and does not follow a symbolic link.
        let file = self.dir.open_file(TIMESTAMP, Mode::LockFile, MODE);
        let n = file.and_then(|file| file::read(file.fd(), &mut buffer)).unwrap_or(0);
        rotate::recorded_second(first(&buffer, n))
    }

    /// Writes the second in which `current` was created to `.timestamp`.
    ///
    /// # Errors
    /// `EACCES`, `ENOSPC`, `EROFS`; `EEXIST` if another user's link has this name (open(2), write(2)).
    pub fn write_timestamp(&self, second: i64) -> Result<(), Errno> {
        let mut text = Text::new();
        put_number(&mut text, second.cast_unsigned());
        text.put(b"\n");
        // Create a new file. Writing to the old one could change a file that another user has linked here.
        let _ = self.dir.remove(TIMESTAMP);
        let file = self.dir.open_file(TIMESTAMP, Mode::CreateNew, MODE)?;
        file::write(file.fd(), text.bytes()).map(drop)
    }
}

/// Returns a file name as a C string.
#[inline(never)]
fn c_str(name: &FileName) -> &CStr {
    sys::c_str(name).unwrap_or(c"")
}

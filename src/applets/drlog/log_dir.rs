//! drlog's directory: its lock, and its files by their names. `target.rs` uses it to keep `current` open.

use core::ffi::{CStr, c_int};
use pure::cli::option_value::CliWord;
use pure::log::archive::{ArchiveName, Archives};
use pure::log::rotate;
use pure::text::{Put, TextBuf, first, put_number};
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

/// A part of a message.
pub const CANNOT_OPEN_CURRENT: &str = "cannot open current in ";

/// The number of times to wait for the lock at the start, and the length of each wait: five seconds in all. A drlog that
/// was asked to exit may still store the rest of its input.
pub const LOCK_WAITS: u32 = 50;
const LOCK_WAIT: Duration = Duration::from_millis(100);

/// An open and locked log directory.
pub struct LogDir {
    dir: Directory,
    /// Keeps the lock until it is closed.
    _lock: File,
    /// The mode of new files.
    mode: u32,
    /// The `.timestamp` that this process has created, and the second that it contains.
    timestamp: Option<File>,
    recorded: i64,
    /// Separates hours, minutes and seconds in archive names: `:`, or `-` on a file system that does not allow colons.
    colon: u8,
}

impl LogDir {
    /// Opens and locks the directory `path`, and opens `current` in it. Waits for the lock at most `waits` times. New files
    /// get the mode `mode`.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `ENOTDIR`, `EROFS`, `ENOSPC` (open(2)); `EAGAIN` if another process holds the lock. `what`
    /// becomes the text of the message before the name of the directory.
    pub fn open(
        path: CliWord,
        mode: u32,
        mut waits: u32,
        what: &mut &'static str,
    ) -> Result<(Self, File), Errno> {
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
        let dir = Self { dir, _lock: lock, mode, timestamp: None, recorded: 0, colon: b':' };
        *what = CANNOT_OPEN_CURRENT;
        let file = dir.open_current(mode)?;
        Ok((dir, file))
    }

    /// Opens `current` for appending, and creates it with this mode if it does not exist.
    ///
    /// # Errors
    /// `EACCES`; `ENOSPC`; `EROFS`; `ELOOP` if it is a symbolic link (open(2)).
    pub fn open_current(&self, mode: u32) -> Result<File, Errno> {
        self.dir.open_file(CURRENT, Mode::AppendNoFollow, mode)
    }

    /// Returns whether `path` names this directory, and `current` the open file `fd`.
    pub fn is_intact(&self, path: CliWord, fd: c_int) -> bool {
        self.is_at(path) && self.dir.contains(CURRENT, fd)
    }

    /// Returns whether `path` names this directory.
    pub fn is_at(&self, path: CliWord) -> bool {
        self.dir.is_at(path)
    }

    /// Adds all archives to an empty list.
    ///
    /// # Errors
    /// `ENOENT` if the directory was removed (getdents64(2)). Then no archive name is certain to be new.
    pub fn list(&self, archives: &mut Archives) -> Result<(), Errno> {
        self.dir.for_each_file(&mut |name| archives.add(name.to_bytes()))
    }

    /// Removes the oldest one of these archives. It may be gone.
    ///
    /// # Errors
    /// `EACCES`, `EPERM`, `EROFS` (unlink(2)).
    pub fn remove_oldest(&self, archives: &Archives) -> Result<(), Errno> {
        match self.dir.remove(c_str(archives.oldest_text.bytes())) {
            Err(Errno::NOENT) => Ok(()),
            result => result,
        }
    }

    /// Removes the oldest archive to free space on a full disk, but never the only one. Returns whether it did.
    pub fn free_space(&self) -> bool {
        let mut archives = Archives::default();
        let listed = self.list(&mut archives);
        listed.is_ok() && archives.count > 1 && self.remove_oldest(&archives).is_ok()
    }

    /// Renames `current` to an archive.
    ///
    /// # Errors
    /// `ENOENT` if there is no `current`; `EACCES`, `ENOSPC`, `EROFS` (rename(2)).
    pub fn archive_current(&mut self, name: ArchiveName) -> Result<(), Errno> {
        match self.rename(CURRENT, c_str(name.text(self.colon).bytes())) {
            Err(Errno::INVAL) if self.colon == b':' => {
                self.colon = b'-';
                self.archive_current(name)
            }
            result => result,
        }
    }

    /// Renames the archive to `current`.
    ///
    /// # Errors
    /// `EEXIST` if there is another `current`; `EACCES`, `EROFS` (rename(2)).
    pub fn restore_current(&self, name: ArchiveName) -> Result<(), Errno> {
        self.rename(c_str(name.text(self.colon).bytes()), CURRENT)
    }

    /// Renames a file, and never replaces another one. Linux before 3.15 and some file systems lack `RENAME_NOREPLACE`.
    /// There, only [`ArchiveName::after`] ensures that the name is unused.
    fn rename(&self, from: &CStr, to: &CStr) -> Result<(), Errno> {
        match self.dir.rename_no_replace(from, to) {
            Err(Errno::NOSYS | Errno::INVAL) => self.dir.rename(from, to),
            result => result,
        }
    }

    /// Returns the second that `.timestamp` contains: when `current` was created. 0 if it is unknown.
    pub fn read_timestamp(&mut self) -> i64 {
        let mut buffer = [0; 24];
        // `LockFile` reads, and does not follow a symbolic link.
        let file = self.dir.open_file(TIMESTAMP, Mode::LockFile, self.mode);
        let n = file.and_then(|file| file::read(file.fd(), &mut buffer)).unwrap_or(0);
        self.timestamp = None;
        self.recorded = rotate::recorded_second(first(&buffer, n));
        self.recorded
    }

    /// Records in `.timestamp` when `current` was created. Never records an earlier second than before: the clock was set
    /// back, or was not set after a boot.
    ///
    /// # Errors
    /// `EACCES`, `ENOSPC`, `EROFS`; `EEXIST` if another user's link has this name (open(2), write(2)).
    pub fn record(&mut self, created_at: i64) -> Result<(), Errno> {
        if created_at <= self.recorded {
            return Ok(());
        }
        let file = match self.timestamp.take() {
            Some(file) => file,
            None => {
                // Create a new file. Writing to the old one could change a file that another user has linked here.
                let _ = self.dir.remove(TIMESTAMP);
                self.dir.open_file(TIMESTAMP, Mode::CreateNew, self.mode)?
            }
        };
        let mut text = TextBuf::<24>::new();
        put_number(&mut text, created_at.unsigned_abs());
        text.put(b"\n");
        file::write_at_start(file.fd(), text.bytes())?;
        (self.timestamp, self.recorded) = (Some(file), created_at);
        Ok(())
    }
}

/// Returns a name as a C string. The name of no archive is empty, and names no file.
fn c_str(name: &[u8]) -> &CStr {
    sys::c_str(name).unwrap_or(c"")
}

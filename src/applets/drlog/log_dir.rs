//! drlog's directory: its files by their names. `current.rs` uses it to keep `current` open.

use core::ffi::CStr;
use pure::cli::option_value::CliWord;
use pure::log::archive::{ArchiveName, ArchiveNameText, Archives};
use pure::log::rotate;
use pure::text::{Put, TextBuf, first, put_number};
use pure::unix::Errno;
use sys::dir::Directory;
use sys::file::{self, File, Mode};

/// The file that is written.
const CURRENT: &CStr = c"current";
/// The file that contains the second in which `current` was created.
const TIMESTAMP: &CStr = c".timestamp";

/// An open log directory.
pub struct LogDir {
    dir: Directory,
    /// Separates hours, minutes and seconds in archive names: `:`, or `-` on a file system that does not allow colons.
    colon: u8,
}

impl LogDir {
    /// Opens the directory `path`.
    ///
    /// # Errors
    /// `ENOENT`; `EACCES`; `ENOTDIR` if it is not a directory (open(2)).
    pub fn open(path: CliWord) -> Result<Self, Errno> {
        Directory::open(path).map(|dir| Self { dir, colon: b':' })
    }

    /// Opens `current` for appending, and creates it if it does not exist.
    ///
    /// # Errors
    /// `EACCES`; `ENOSPC`; `EROFS`; `ELOOP` if it is a symbolic link (open(2)).
    pub fn open_current(&self) -> Result<File, Errno> {
        self.dir.open_file(CURRENT, Mode::AppendNoFollow)
    }

    /// Finds all archives.
    ///
    /// # Errors
    /// `ENOENT` if the directory was removed (getdents64(2)). Then no archive name is certain to be new.
    pub fn archives(&self) -> Result<Archives, Errno> {
        let mut archives = Archives::default();
        self.dir.for_each_file(&mut |name| archives.add(name.to_bytes()))?;
        Ok(archives)
    }

    /// Removes an archive, whose name may contain colons or dashes.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `EPERM`, `EROFS` (unlink(2)).
    pub fn remove(&self, name: ArchiveName) -> Result<(), Errno> {
        let other = if self.colon == b':' { b'-' } else { b':' };
        match self.dir.remove(c_str(&name.text(self.colon))) {
            Err(Errno::NOENT) => self.dir.remove(c_str(&name.text(other))),
            result => result,
        }
    }

    /// Removes the oldest archive to free space on a full disk. Returns whether it did.
    pub fn remove_oldest(&self) -> bool {
        let oldest = self.archives().ok().and_then(|archives| archives.oldest);
        oldest.is_some_and(|oldest| self.remove(oldest).is_ok())
    }

    /// Renames `current` to an archive.
    ///
    /// # Errors
    /// `ENOENT` if there is no `current`; `EACCES`, `ENOSPC`, `EROFS` (rename(2)).
    pub fn archive_current(&mut self, name: ArchiveName) -> Result<(), Errno> {
        match self.rename_to(&name.text(self.colon)) {
            Err(Errno::INVAL) if self.colon == b':' => {
                self.colon = b'-';
                self.rename_to(&name.text(self.colon))
            }
            result => result,
        }
    }

    /// Renames `current`, and never replaces an archive. Linux before 3.15 and some file systems lack `RENAME_NOREPLACE`.
    /// There, only [`ArchiveName::after`] ensures that the name is unused.
    fn rename_to(&self, name: &ArchiveNameText) -> Result<(), Errno> {
        match self.dir.rename_no_replace(CURRENT, c_str(name)) {
            Err(Errno::NOSYS | Errno::INVAL) => self.dir.rename(CURRENT, c_str(name)),
            result => result,
        }
    }

    /// Records in `.timestamp` when `current` was created. Errors are ignored, because only its age depends on it.
    pub fn write_timestamp(&self, created_at: i64) {
        let mut text = TextBuf::<24>::new();
        put_number(&mut text, created_at.unsigned_abs());
        text.put(b"\n");
        // Create a new file. Opening the old one could truncate a file that another user has linked here.
        let _ = self.dir.remove(TIMESTAMP);
        if let Ok(file) = self.dir.open_file(TIMESTAMP, Mode::CreateNew) {
            let _ = file::write(file.fd(), text.bytes());
        }
    }

    /// Returns the second in which `current` was created. If it is unknown, returns `now` and records it.
    pub fn read_timestamp(&self, now: i64) -> i64 {
        let mut buffer = [0; 24];
        // `LockFile` reads, and does not follow a symbolic link.
        let file = self.dir.open_file(TIMESTAMP, Mode::LockFile);
        let n = file.and_then(|file| file::read(file.fd(), &mut buffer)).unwrap_or(0);
        rotate::created_at(first(&buffer, n), now).unwrap_or_else(|| {
            self.write_timestamp(now);
            now
        })
    }
}

/// Returns the name as a C string. It always ends in NUL, so the default is never used.
fn c_str(name: &ArchiveNameText) -> &CStr {
    sys::c_str(name.bytes()).unwrap_or(c"log-")
}

//! drlog's directory: its files by their names.

use core::ffi::CStr;
use pure::cli::option_value::CliWord;
use pure::log::rotate::{self, ArchiveName, Archives};
use pure::text::{Put, TextBuf, first, put_number};
use pure::unix::Errno;
use sys::dir::Directory;
use sys::file::{self, File, Mode};

/// What is written.
const CURRENT: &CStr = c"current";
/// Holds the second when that was begun.
const TIMESTAMP: &CStr = c".timestamp";

/// What could not be done, with which error; the directory's name follows.
pub type DirError = (&'static str, Errno);

pub struct LogDir {
    dir: Directory,
    /// Between hours and minutes: a dash where the file system has no colons.
    colon: u8,
}

impl LogDir {
    /// What is written, open at its end, made if it is not there; never by way of a link.
    pub fn current(&self) -> Result<File, Errno> {
        self.dir.open_file(CURRENT, Mode::AppendNoFollow)
    }

    /// All old logs. Without them there is no name that is certain not to be one of theirs.
    pub fn archives(&self) -> Result<Archives, Errno> {
        let mut found = Archives::default();
        self.dir.for_each_file(&mut |name| found.add(name.to_bytes()))?;
        Ok(found)
    }

    /// Removes an old log, by whichever of its two spellings it has.
    pub fn remove(&self, name: ArchiveName) -> Result<(), Errno> {
        let other = if self.colon == b':' { b'-' } else { b':' };
        match self.dir.remove(c_str(&name.text(self.colon))) {
            Err(Errno::NOENT) => self.dir.remove(c_str(&name.text(other))),
            removed => removed,
        }
    }

    /// Removes the oldest log, to make room on a full disk.
    pub fn remove_oldest(&self) -> bool {
        let oldest = self.archives().ok().and_then(|found| found.oldest);
        oldest.is_some_and(|oldest| self.remove(oldest).is_ok())
    }

    /// Gives `current` the name of an old log.
    pub fn rename_current(&mut self, name: ArchiveName) -> Result<(), Errno> {
        match self.rename_to(&name.text(self.colon)) {
            Err(Errno::INVAL) if self.colon == b':' => {
                self.colon = b'-';
                self.rename_to(&name.text(self.colon))
            }
            other => other,
        }
    }

    /// Renames `current`. Where neither the kernel (before Linux 3.15) nor the file system can refuse to replace a
    /// file, the name is only free because it was chosen to be new.
    fn rename_to(&self, name: &rotate::ArchiveNameText) -> Result<(), Errno> {
        match self.dir.rename_no_replace(CURRENT, c_str(name)) {
            Err(Errno::NOSYS | Errno::INVAL) => self.dir.rename(CURRENT, c_str(name)),
            other => other,
        }
    }

    /// Notes when `current` was begun; nothing depends on it but the age.
    pub fn write_timestamp(&self, created_at: i64) {
        let mut text = TextBuf::<24>::new();
        put_number(&mut text, created_at.unsigned_abs());
        text.put(b"\n");
        // Always a new file: whoever may write in the directory shall not have another one emptied.
        let _ = self.dir.remove(TIMESTAMP);
        if let Ok(file) = self.dir.open_file(TIMESTAMP, Mode::CreateNew) {
            let _ = file::write(file.fd(), text.bytes());
        }
    }

    /// When `current` was begun: now, if that is not known.
    pub fn read_timestamp(&self, now: i64) -> i64 {
        let mut room = [0; 24];
        let file = self.dir.open_file(TIMESTAMP, Mode::LockFile);
        let read = file.and_then(|file| file::read(file.fd(), &mut room)).unwrap_or(0);
        rotate::created_at(first(&room, read), now).unwrap_or_else(|| {
            self.write_timestamp(now);
            now
        })
    }
}

fn c_str(name: &rotate::ArchiveNameText) -> &CStr {
    sys::c_str(name.bytes()).unwrap_or(c"log-")
}

/// The directory and the file in it that is written.
///
/// # Errors
/// One of the two cannot be opened.
pub fn open(path: CliWord) -> Result<(LogDir, File), DirError> {
    let dir = Directory::open(path).map_err(|error| ("cannot open ", error))?;
    let log_dir = LogDir { dir, colon: b':' };
    let current = log_dir.current().map_err(|error| ("cannot open current in ", error))?;
    Ok((log_dir, current))
}

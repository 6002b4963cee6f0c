//! drlog's directory: its files by their names.

use super::rotate::{self, Found, Name};
use crate::pure::opts::Word;
use crate::pure::text::{Message, Put, head, put_number};
use crate::pure::unix::Errno;
use crate::sys;
use crate::sys::dir::Directory;
use crate::sys::file::{self, File, Mode};
use core::ffi::CStr;

/// What is written.
const CURRENT: &CStr = c"current";
/// Holds the second when that was begun.
const TIMESTAMP: &CStr = c".timestamp";

/// What could not be done, with which error; the directory's name follows.
pub type Refused = (&'static str, Errno);

pub struct Files {
    dir: Directory,
    /// Between hours and minutes: a dash where the file system has no colons.
    colon: u8,
}

impl Files {
    /// What is written, open at its end, made if it is not there; never by way of a link.
    pub fn current(&self) -> Result<File, Errno> {
        self.dir.open_file(CURRENT, Mode::Current)
    }

    /// All old logs. Without them there is no name that is certain not to be one of theirs.
    pub fn look(&self) -> Result<Found, Errno> {
        let mut found = Found::default();
        self.dir.for_each_file(&mut |name| found.hear(name.to_bytes()))?;
        Ok(found)
    }

    /// Removes an old log, by whichever of its two spellings it has.
    pub fn remove(&self, name: Name) -> Result<(), Errno> {
        let other = if self.colon == b':' { b'-' } else { b':' };
        match self.dir.remove(c_str(&name.text(self.colon))) {
            Err(Errno::NOENT) => self.dir.remove(c_str(&name.text(other))),
            removed => removed,
        }
    }

    /// Removes the oldest log, to make room on a full disk.
    pub fn remove_oldest(&self) -> bool {
        let oldest = self.look().ok().and_then(|found| found.oldest);
        oldest.is_some_and(|oldest| self.remove(oldest).is_ok())
    }

    /// Gives `current` the name of an old log.
    pub fn rename_current(&mut self, name: Name) -> Result<(), Errno> {
        match self.dir.rename(CURRENT, c_str(&name.text(self.colon))) {
            Err(Errno::INVAL) if self.colon == b':' => {
                self.colon = b'-';
                self.dir.rename(CURRENT, c_str(&name.text(self.colon)))
            }
            other => other,
        }
    }

    /// Notes when `current` was begun; nothing depends on it but the age.
    pub fn note(&self, begun: i64) {
        let mut text = Message::<24>::new();
        put_number(&mut text, begun.unsigned_abs());
        text.put(b"\n");
        // Always a new file: whoever may write in the directory shall not have another one emptied.
        let _ = self.dir.remove(TIMESTAMP);
        if let Ok(file) = self.dir.open_file(TIMESTAMP, Mode::New) {
            let _ = file::write(file.number(), text.bytes());
        }
    }

    /// When `current` was begun: now, if that is not known.
    pub fn noted(&self, now: i64) -> i64 {
        let mut room = [0; 24];
        let file = self.dir.open_file(TIMESTAMP, Mode::Own);
        let read = file.and_then(|file| file::read(file.number(), &mut room)).unwrap_or(0);
        rotate::begun(head(&room, read), now).unwrap_or_else(|| {
            self.note(now);
            now
        })
    }
}

fn c_str(name: &rotate::Text) -> &CStr {
    sys::c_str(name.bytes()).unwrap_or(c"log-")
}

/// The directory and the file in it that is written.
///
/// # Errors
/// One of the two cannot be opened.
pub fn open(path: Word) -> Result<(Files, File), Refused> {
    let dir = Directory::open(path).map_err(|error| ("cannot open ", error))?;
    let files = Files { dir, colon: b':' };
    let current = files.current().map_err(|error| ("cannot open current in ", error))?;
    Ok((files, current))
}

//! The pid file: one dmon a file, held by a lock that dies with its holder, so that stale content is
//! no obstacle. It tells whom a killed dmon has left behind, and the next one waits until they are gone.

use crate::applets::tell::{self, failed, refused};
use crate::pure::fault::Exit;
use crate::pure::opts::Word;
use crate::pure::text::{Message, Put, head, put_number};
use crate::pure::time::Duration;
use crate::pure::unix::{Errno, Pid};
use crate::pure::value;
use crate::sys::file::{self, File, Kind, Mode};
use crate::sys::{clock, listing, process, wait};

/// The locked file. Dropping it removes the name, if it is still that of our file, then gives the lock
/// back.
pub struct PidFile {
    file: File,
    path: Word,
}

/// How often the file may turn out not to be the only one of its name once it is locked. Somebody may have removed it
/// since we opened it, which is bad luck more than once. It is always so if it has a second name, by which it may be
/// somebody's file that shall not be emptied, or if the file system does not tell files apart.
const ATTEMPTS: u32 = 100;

/// How often we look whether somebody is still there.
const LOOK: Duration = Duration::milliseconds(10);

/// A pid and a newline: ten digits at the most.
const ROOM: usize = 16;

impl PidFile {
    /// Opens, locks and empties the file, made if it is not there. If it holds the number of a dmon that was killed,
    /// that one's command has had its stop signal from the kernel, and may be busy with its end: that is waited for,
    /// `patience` at the most. Who is left is known by the session, which dmon led if init or dmon itself made one.
    ///
    /// # Errors
    /// It cannot be opened, it is a link or no file on a disk, or has another name; somebody else has the lock.
    pub fn claim(path: Word, patience: Duration) -> Result<Self, Exit> {
        let cannot = |error| refused("cannot open ", path.to_bytes(), error);
        for _ in 0..ATTEMPTS {
            let file = File::open(path, Mode::Own).map_err(cannot)?;
            if file::kind(file.number()) != Kind::Regular {
                return Err(failed("", path.to_bytes(), " is no file for a pid"));
            }
            match file::lock(&file) {
                Err(Errno::AGAIN) => return Err(running(&file, path)),
                Err(error) => return Err(refused("cannot lock ", path.to_bytes(), error)),
                // The holder before us may have removed the name between our open and our lock.
                Ok(()) if file::is_named(&file, path) => {
                    outlive(&file, patience);
                    file::empty(&file).map_err(cannot)?;
                    return Ok(Self { file, path });
                }
                Ok(()) => {}
            }
        }
        Err(failed("cannot lock ", path.to_bytes(), ": it has a second name"))
    }

    /// Writes our number.
    ///
    /// # Errors
    /// As write(2).
    pub fn write(&self) -> Result<(), Exit> {
        let mut text = Message::<ROOM>::new();
        put_number(&mut text, process::me().unsigned_abs().into());
        text.put(b"\n");
        let cannot = |error| refused("cannot write ", self.path.to_bytes(), error);
        match file::write(self.file.number(), text.bytes()) {
            Ok(n) if n == text.bytes().len() => Ok(()),
            Ok(_) => Err(cannot(Errno::NOSPC)),
            Err(error) => Err(cannot(error)),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if file::is_named(&self.file, self.path) {
            // It may be in a directory that was made read-only: then it stays, unlocked and harmless.
            let _ = file::remove(self.path);
        }
    }
}

/// Waits until nothing is left of the dmon whose number the file holds.
fn outlive(file: &File, patience: Duration) {
    let mut room = [0; ROOM];
    let Some(dead) = holder(file, &mut room).1 else {
        return;
    };
    let end = clock::now().plus(patience);
    while listing::has_left_session(dead) && clock::now() < end {
        wait::pause(LOOK);
    }
}

/// The complaint about a second dmon, with the first one's number.
fn running(file: &File, path: Word) -> Exit {
    let mut room = [0; ROOM];
    let (then, pid) = match holder(file, &mut room) {
        (text, Some(_)) => (": already running, pid ", text),
        _ => (": already running", &[][..]),
    };
    tell::say(&[path.to_bytes(), then.as_bytes(), pid]);
    Exit::FAILED
}

/// The number in the file, as text and as a number; anything may stand there.
fn holder<'a>(file: &File, room: &'a mut [u8; ROOM]) -> (&'a [u8], Option<Pid>) {
    let n = file::read(file.number(), room).unwrap_or(0);
    let text = head(room, n).trim_ascii_end();
    (text, value::pid(text))
}

//! The pid file: one dmon a file, held by a lock that dies with its holder, so that stale content is
//! no obstacle.

use crate::applets::tell::{self, failed, refused};
use crate::pure::fault::Exit;
use crate::pure::opts::Word;
use crate::pure::text::{Message, Put, head, put_number};
use crate::pure::unix::Errno;
use crate::sys::file::{self, File, Kind, Mode};
use crate::sys::process;

/// The locked file. Dropping it removes the name, if it is still that of our file, then gives the lock
/// back.
pub struct PidFile {
    file: File,
    path: Word,
}

/// How often somebody may remove the file between our opening and our locking it. More than once is bad
/// luck, always is a file system that does not tell files apart.
const ATTEMPTS: u32 = 100;

/// A pid and a newline: ten digits at the most.
const ROOM: usize = 16;

impl PidFile {
    /// Opens, locks and empties the file, made if it is not there.
    ///
    /// # Errors
    /// It cannot be opened, it is a link or no file on a disk; somebody else has the lock.
    pub fn claim(path: Word) -> Result<Self, Exit> {
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
                    file::empty(&file).map_err(cannot)?;
                    return Ok(Self { file, path });
                }
                Ok(()) => {}
            }
        }
        Err(failed("cannot lock ", path.to_bytes(), ": it changes all the time"))
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

/// The complaint about a second dmon, with the first one's number.
fn running(file: &File, path: Word) -> Exit {
    let mut room = [0; ROOM];
    let n = file::read(file.number(), &mut room).unwrap_or(0);
    let text = head(&room, n).trim_ascii_end();
    let is_number = crate::pure::value::number(text).is_ok();
    let (then, pid) =
        if is_number { (": already running, pid ", text) } else { (": already running", &[][..]) };
    tell::say(&[path.to_bytes(), then.as_bytes(), pid]);
    Exit::FAILED
}

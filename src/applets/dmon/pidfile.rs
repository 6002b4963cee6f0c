//! The pid file: one dmon a file, held by a lock that dies with its holder, so that stale content is
//! no obstacle.

use crate::pure::fault::Fault;
use crate::pure::opts::Word;
use crate::pure::text::Message;
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
    pub fn claim(path: Word) -> Result<Self, Fault> {
        let refused = |error| Fault::refused("cannot open ", path.to_bytes(), error);
        for _ in 0..ATTEMPTS {
            let file = File::open(path, Mode::Own).map_err(refused)?;
            if file::kind(file.number()) != Kind::Regular {
                return Err(Fault::failed("").word(path.to_bytes()).then(" is no file for a pid"));
            }
            match file::lock(&file) {
                Err(Errno::AGAIN) => return Err(running(&file, path)),
                Err(error) => return Err(Fault::refused("cannot lock ", path.to_bytes(), error)),
                // The holder before us may have removed the name between our open and our lock.
                Ok(()) if file::is_named(&file, path) => {
                    file::empty(&file).map_err(refused)?;
                    return Ok(Self { file, path });
                }
                Ok(()) => {}
            }
        }
        Err(Fault::failed("cannot lock ").word(path.to_bytes()).then(": it changes all the time"))
    }

    /// Writes our number.
    ///
    /// # Errors
    /// As write(2).
    pub fn write(&self) -> Result<(), Fault> {
        let mut text = Message::<ROOM>::new();
        let _ = ufmt::uwrite!(text, "{}\n", process::me());
        let refused = |error| Fault::refused("cannot write ", self.path.to_bytes(), error);
        match file::write(self.file.number(), text.bytes()) {
            Ok(n) if n == text.bytes().len() => Ok(()),
            Ok(_) => Err(refused(Errno::NOSPC)),
            Err(error) => Err(refused(error)),
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
fn running(file: &File, path: Word) -> Fault {
    let mut room = [0; ROOM];
    let n = file::read(file.number(), &mut room).unwrap_or(0);
    let text = room.get(..n).unwrap_or(&[]).trim_ascii_end();
    let fault = Fault::failed("").word(path.to_bytes());
    match crate::pure::value::number(text) {
        Ok(pid) => fault.then(": already running, pid ").number(pid.into()),
        Err(_) => fault.then(": already running"),
    }
}

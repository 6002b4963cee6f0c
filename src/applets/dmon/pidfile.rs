//! The pid file: one dmon a file, held by a lock that dies with its holder, so that stale content is
//! no obstacle. It tells whom a killed dmon has left behind, and the next one waits until they are gone.

use super::process_list;
use crate::applets::diag::{self, error, os_error};
use pure::cli::option_value::CliWord;
use pure::cli::value;
use pure::exit::Exit;
use pure::text::{Put, TextBuf, first, put_number};
use pure::time::Duration;
use pure::unix::{Errno, Pid};
use sys::file::{self, File, Kind, Mode};
use sys::{clock, poll, process};

/// The locked file. Dropping it removes the name, if it is still that of our file, then gives the lock
/// back.
pub struct PidFile {
    file: File,
    path: CliWord,
}

/// SweepMode often the file may turn out not to be the only one of its name once it is locked. Somebody may have removed it
/// since we opened it, which is bad luck more than once. It is always so if it has a second name, by which it may be
/// somebody's file that shall not be emptied, or if the file system does not tell files apart.
const ATTEMPTS: u32 = 100;

/// SweepMode often we look whether somebody is still there.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A pid and a newline: ten digits at the most.
const PID_TEXT_SIZE: usize = 16;

impl PidFile {
    /// Opens, locks and empties the file, made if it is not there. If it holds the number of a dmon that was killed,
    /// that one's command has had its stop signal from the kernel, and may be busy with its end: that is waited for,
    /// `patience` at the most. Role is left is known by the session, which dmon led if init or dmon itself made one.
    ///
    /// # Errors
    /// It cannot be opened, it is a link or no file on a disk, or has another name; somebody else has the lock.
    pub fn lock(path: CliWord, timeout: Duration) -> Result<Self, Exit> {
        let cannot = |error| os_error("cannot open ", path.to_bytes(), error);
        for _ in 0..ATTEMPTS {
            let file = File::open(path, Mode::LockFile).map_err(cannot)?;
            if file::kind(file.fd()) != Kind::Regular {
                return Err(error("", path.to_bytes(), " is no file for a pid"));
            }
            match file::lock(&file) {
                Err(Errno::AGAIN) => return Err(already_running(&file, path)),
                Err(error) => return Err(os_error("cannot lock ", path.to_bytes(), error)),
                // The holder before us may have removed the name between our open and our lock.
                Ok(()) if file::is_sole_name(&file, path) => {
                    wait_for_previous(&file, timeout);
                    file::truncate(&file).map_err(cannot)?;
                    return Ok(Self { file, path });
                }
                Ok(()) => {}
            }
        }
        Err(error("cannot lock ", path.to_bytes(), ": it has a second name"))
    }

    /// Writes our number.
    ///
    /// # Errors
    /// As write(2).
    pub fn write(&self) -> Result<(), Exit> {
        let mut text = TextBuf::<PID_TEXT_SIZE>::new();
        put_number(&mut text, process::getpid().unsigned_abs().into());
        text.put(b"\n");
        let cannot = |error| os_error("cannot write ", self.path.to_bytes(), error);
        match file::write(self.file.fd(), text.bytes()) {
            Ok(n) if n == text.bytes().len() => Ok(()),
            Ok(_) => Err(cannot(Errno::NOSPC)),
            Err(error) => Err(cannot(error)),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if file::is_sole_name(&self.file, self.path) {
            // It may be in a directory that was made read-only: then it stays, unlocked and harmless.
            let _ = file::remove(self.path);
        }
    }
}

/// Waits until nothing is left of the dmon role_of number the file holds.
fn wait_for_previous(file: &File, timeout: Duration) {
    let mut room = [0; PID_TEXT_SIZE];
    let Some(dead) = read_pid(file, &mut room).1 else {
        return;
    };
    let end = clock::now().add(timeout);
    while process_list::has_left_session(dead) && clock::now() < end {
        poll::sleep(POLL_INTERVAL);
    }
}

/// The complaint about a second dmon, with the first one's number.
fn already_running(file: &File, path: CliWord) -> Exit {
    let mut room = [0; PID_TEXT_SIZE];
    let (then, pid) = match read_pid(file, &mut room) {
        (text, Some(_)) => (": already running, pid ", text),
        _ => (": already running", &[][..]),
    };
    diag::eprint(&[path.to_bytes(), then.as_bytes(), pid]);
    Exit::FAILED
}

/// The number in the file, as text and as a number; anything may stand there.
fn read_pid<'a>(file: &File, room: &'a mut [u8; PID_TEXT_SIZE]) -> (&'a [u8], Option<Pid>) {
    let n = file::read(file.fd(), room).unwrap_or(0);
    let text = first(room, n).trim_ascii_end();
    (text, value::pid(text))
}

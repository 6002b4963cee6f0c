//! The PID file, which only one dmon can lock.
//!
//! `mod.rs` locks it before the start. The kernel releases the lock when the process exits, so a stale file is no
//! obstacle. But the PID in a stale file identifies the processes that a killed dmon left behind, and the next dmon
//! waits until they have exited.

use super::process_list;
use crate::applets::diag::{self, error, os_error};
use pure::cli::option_value::CliWord;
use pure::cli::value;
use pure::exit::Exit;
use pure::text::{TextBuf, Writer, first};
use pure::time::Duration;
use pure::unix::{Errno, Pid};
use sys::file::{self, File, Mode};
use sys::stat::{self, Kind};
use sys::{clock, flock, poll, process};
use ufmt::uwrite;

/// The locked file. Dropping it removes the path, if it still names our file, and then releases the lock.
pub struct PidFile {
    file: File,
    path: CliWord,
}

/// Attempts to lock the file. An attempt fails if the path is not the only name of the locked file. The path may have
/// been removed between open(2) and flock(2), which is unlikely to happen twice. If the file has a second name, which
/// may be in use for something else, or the file system has no inode numbers, all attempts fail: dmon never truncates
/// such a file.
const ATTEMPTS: u32 = 100;

/// Polling interval while the processes of a killed dmon exit.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Bytes for a PID, at most ten digits, and a newline.
const PID_TEXT_SIZE: usize = 16;

impl PidFile {
    /// Opens, locks and truncates the file; creates it if necessary. If it contains the PID of a killed dmon, the
    /// kernel sent the stop signal to the command of that dmon, which may still be exiting. This function waits for it,
    /// at most `timeout`. The session identifies its processes, if init or dmon itself made dmon the session leader.
    ///
    /// # Errors
    /// The exit status, after the error was reported: the file cannot be opened, is a link, is not a regular file, has
    /// a second name, or another process holds the lock.
    pub fn lock(path: CliWord, timeout: Duration) -> Result<Self, Exit> {
        let cannot = |error| os_error("cannot open ", path.to_bytes(), error);
        for _ in 0..ATTEMPTS {
            let file = File::open(path, Mode::LockFile).map_err(cannot)?;
            if stat::kind(file.fd()) != Kind::Regular {
                return Err(error("", path.to_bytes(), " is no file for a pid"));
            }
            match flock::lock(&file) {
                Err(Errno::AGAIN) => return Err(already_running(&file, path)),
                Err(error) => return Err(os_error("cannot lock ", path.to_bytes(), error)),
                Ok(()) if stat::is_sole_name(&file, path) => {
                    wait_for_previous(&file, timeout);
                    file::truncate(&file).map_err(cannot)?;
                    // Whatever the umask is: others read the PID, and only dmon's user may write another one there. A
                    // file of another user keeps its mode.
                    let _ = file::fchmod(&file, 0o644);
                    return Ok(Self { file, path });
                }
                // The previous holder removed the path between our open and our flock.
                Ok(()) => {}
            }
        }
        Err(error("cannot lock ", path.to_bytes(), ": it has a second name"))
    }

    /// Writes dmon's PID.
    ///
    /// # Errors
    /// The exit status, after the error was reported.
    pub fn write(&self) -> Result<(), Exit> {
        let mut text = TextBuf::<PID_TEXT_SIZE>::new();
        let Ok(()) = uwrite!(Writer(&mut text), "{}\n", process::getpid());
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
        if stat::is_sole_name(&self.file, self.path) {
            // In a directory that became read-only it stays, unlocked and harmless.
            let _ = file::remove(self.path);
        }
    }
}

/// Waits until the processes of the dmon whose PID the file contains have exited.
fn wait_for_previous(file: &File, timeout: Duration) {
    let mut buf = [0; PID_TEXT_SIZE];
    let Some(previous) = read_pid(file, &mut buf).1 else {
        return;
    };
    let deadline = clock::now().add(timeout);
    while process_list::session_outlives(previous) && clock::now() < deadline {
        poll::sleep(POLL_INTERVAL);
    }
}

/// Reports that another dmon holds the lock, with its PID if the file contains one.
fn already_running(file: &File, path: CliWord) -> Exit {
    let mut buf = [0; PID_TEXT_SIZE];
    let (text, pid) = match read_pid(file, &mut buf) {
        (pid, Some(_)) => (": already running, pid ", pid),
        (_, None) => (": already running", &[][..]),
    };
    diag::eprint(&[path.to_bytes(), text.as_bytes(), pid]);
    Exit::FAILED
}

/// Reads the file: its text, and the PID if the text is one.
fn read_pid<'a>(file: &File, buf: &'a mut [u8; PID_TEXT_SIZE]) -> (&'a [u8], Option<Pid>) {
    let n = file::read(file.fd(), buf).unwrap_or(0);
    let text = first(buf, n).trim_ascii_end();
    (text, value::pid(text))
}

//! The PID file, which only one dmon can lock.
//!
//! `mod.rs` locks it before the start. The kernel releases the lock when the process exits, so a stale file is no
//! obstacle. But the PID in a stale file identifies the processes that a killed dmon left behind, and the next dmon
//! stops them.

use super::config::Config;
use super::predecessor::{POLL_INTERVAL, Predecessor};
use super::process_list::{self, State};
use super::spawn::Job;
use crate::applets::diag::{error, error_bytes, os_error};
use core::mem::ManuallyDrop;
use pure::cli::option_value::CliWord;
use pure::cli::value;
use pure::exit::Exit;
use pure::pid_set::PidSet;
use pure::text::{Text, Writer, first};
use pure::unix::{Errno, Pid};
use sys::file::{self, File, Mode};
use sys::stat::{self, Kind};
use sys::{flock, poll, process};
use ufmt::uwrite;

/// The locked file. Dropping it removes the path, if it still names our file. The exit of dmon releases the lock.
pub struct PidFile {
    file: ManuallyDrop<File>,
    path: CliWord,
}

/// Attempts to lock the file. An attempt fails if the path is not the only name of the locked file. The path may have
/// been removed between open(2) and flock(2), which is unlikely to happen twice. If the file has a second name, which
/// may be in use for something else, or the file system has no inode numbers, all attempts fail: dmon never truncates
/// such a file.
const ATTEMPTS: u32 = 100;

/// Number of times to wait for a dmon that holds the lock and may be dying: it received SIGKILL and has not exited yet.
const MAX_WAITS: u32 = 10;

/// Bytes for a PID, at most ten digits, and a newline.
const PID_TEXT_SIZE: usize = 16;

impl PidFile {
    /// Opens, locks and truncates the file; creates it if necessary. If a dying dmon holds the lock, waits for its exit.
    /// If the file contains the PID of a killed dmon, stops the processes that it left behind. `signalled` is empty
    /// before and after.
    ///
    /// # Errors
    /// The exit status, after the error was reported: the file cannot be opened, is a link, is not a regular file, has
    /// a second name, or another process holds the lock.
    pub fn lock(
        path: CliWord,
        config: &Config,
        job: &Job,
        signalled: &mut PidSet<'static>,
    ) -> Result<Self, Exit> {
        let cannot = |error| os_error("cannot open ", path.to_bytes(), error);
        let mut waits = MAX_WAITS;
        for _ in 0..ATTEMPTS {
            let file = File::open(path, Mode::LockFile).map_err(cannot)?;
            if stat::kind(file.fd()) != Kind::Regular {
                return Err(error("", path.to_bytes(), " is no file for a pid"));
            }
            match flock::lock(&file) {
                Err(Errno::AGAIN) => {
                    let mut buf = [0; PID_TEXT_SIZE];
                    let (text, holder) = read_pid(&file, &mut buf);
                    // A dmon that received SIGKILL does not sleep. Without the mark, a dmon with `--signal` tests the
                    // lock, or the file contains another PID.
                    let is_asleep = |pid| process_list::state(pid) == State::Asleep;
                    if waits == 0 || flock::is_marked(&file) && holder.is_some_and(is_asleep) {
                        return Err(already_running(path, text, holder));
                    }
                    waits -= 1;
                    poll::sleep(POLL_INTERVAL);
                }
                Err(error) => return Err(os_error("cannot lock ", path.to_bytes(), error)),
                Ok(()) if stat::is_sole_name(&file, path) => {
                    if let Some(pid) = pid_in(&file) {
                        Predecessor::new(pid, config, job, signalled)
                            .stop(config.policy.kill_after);
                    }
                    file::truncate(&file).map_err(cannot)?;
                    // Whatever the umask is: others read the PID, and only dmon's user may write another one there. A
                    // file of another user keeps its mode.
                    let _ = file::fchmod(&file, 0o644);
                    return Ok(Self { file: ManuallyDrop::new(file), path });
                }
                // The previous holder removed the path between our open and our flock.
                Ok(()) => {}
            }
        }
        Err(error("cannot lock ", path.to_bytes(), ": it has a second name"))
    }

    /// Writes dmon's PID, and marks dmon as the holder.
    ///
    /// # Errors
    /// The exit status, after the error was reported.
    pub fn write(&self) -> Result<(), Exit> {
        let mut text = Text::new();
        let Ok(()) = uwrite!(Writer(&mut text), "{}\n", process::getpid().cast_unsigned());
        let written = file::write(self.file.fd(), text.bytes()).and_then(|n| {
            if n < text.bytes().len() { Err(Errno::NOSPC) } else { flock::mark(&self.file) }
        });
        written.map_err(|error| os_error("cannot write ", self.path.to_bytes(), error))
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

/// Reports that another dmon holds the lock, with its PID if `text`, the content of the file, is one.
fn already_running(path: CliWord, text: &[u8], holder: Option<Pid>) -> Exit {
    const RUNNING: &[u8] = b": already running, pid ";
    let (running, pid) = match holder {
        Some(_) => (RUNNING, text),
        None => (const { RUNNING.split_at(": already running".len()).0 }, &[][..]),
    };
    error_bytes(path.to_bytes(), running, pid)
}

/// Reads the PID in the file.
#[must_use]
pub fn pid_in(file: &File) -> Option<Pid> {
    read_pid(file, &mut [0; PID_TEXT_SIZE]).1
}

/// Reads the file: its text, and the PID if the text is one.
fn read_pid<'a>(file: &File, buf: &'a mut [u8; PID_TEXT_SIZE]) -> (&'a [u8], Option<Pid>) {
    let n = file::read(file.fd(), buf).unwrap_or(0);
    let text = first(buf, n).trim_ascii_end();
    (text, value::pid(text))
}

//! `--signal`: sends a signal to the dmon that runs with a PID file, or finds out whether one runs.
//!
//! `mod.rs` calls it in place of a start. The PID of a stale file is never signalled: only a running dmon holds the lock,
//! and only if it also has the mark of the holder does the file contain its PID.

use super::config::Config;
use super::pidfile;
use super::predecessor::POLL_INTERVAL;
use crate::applets::diag::{error, os_error};
use core::mem::ManuallyDrop;
use pure::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use pure::cli::value;
use pure::exit::Exit;
use pure::text::split_once;
use pure::time::Instant;
use pure::unix::{Errno, Signal};
use sys::file::{File, Mode};
use sys::{clock, flock, poll, signal};

/// The value of `--signal`.
#[derive(Clone, Copy)]
pub struct Request {
    pub is_given: bool,
    /// `None` asks whether dmon runs.
    signal: Option<Signal>,
    /// When to give up the wait for its exit.
    deadline: Instant,
}

impl Request {
    pub const NONE: Self = Self { is_given: false, signal: None, deadline: Instant::NEVER };
}

/// `SIG[:TIME]`; SIG may be 0.
impl OptionValue for Request {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        let (signal, time) = split_once(value.to_bytes(), b':');
        self.is_given = true;
        self.signal = if signal == b"0" { None } else { Some(value::signal(signal)?) };
        if let Some(time) = time {
            self.deadline = clock::after(value::time(time)?);
        }
        Ok(())
    }
}

/// Sends the signal of `--signal` to the dmon that holds the PID file. Waits for its exit if the signal causes that.
/// `operand` is the first word after the options.
///
/// # Errors
/// The exit status, after the error was reported.
#[inline(never)]
pub fn send(config: &Config, operand: Option<CliWord>) -> Result<Exit, Exit> {
    let (Some(path), None) = (config.pid_file, operand) else {
        return Err(error("option --signal requires -p, and no command", b"", ""));
    };
    let mut what = "cannot open ";
    let (text, exit) = match try_to_send(path, config.request, &mut what) {
        Ok(()) => return Ok(Exit::SUCCESS),
        Err(Errno::NOENT | Errno::SRCH) => (": not running", Exit::NOT_RUNNING),
        Err(Errno::AGAIN) => (": still running", Exit::TIMED_OUT),
        Err(errno) => return Err(os_error(what, path.to_bytes(), errno)),
    };
    if config.request.signal.is_some() {
        error("", path.to_bytes(), text);
    }
    Err(exit)
}

/// Does it. `what` becomes the text of the message before the path.
///
/// # Errors
/// `ENOENT` or `ESRCH` if no dmon runs; `EAGAIN` if the time is over; `EACCES` (open(2)), `EPERM` (kill(2)).
fn try_to_send(path: CliWord, request: Request, what: &mut &'static str) -> Result<(), Errno> {
    let file = ManuallyDrop::new(File::open(path, Mode::ReadNonblock)?);
    *what = "cannot signal the dmon of ";
    let mut is_sent = false;
    while flock::test(&file) == Err(Errno::AGAIN) {
        let Some(signal) = request.signal else { return Ok(()) };
        // Without the mark, dmon has not started completely.
        if !is_sent
            && flock::is_marked(&file)
            && let Some(pid) = pidfile::pid_in(&file)
        {
            match signal::kill(pid, Some(signal)) {
                // It has just exited.
                Err(Errno::SRCH) => {}
                result => result?,
            }
            is_sent = true;
            if !matches!(signal, Signal::TERM | Signal::INT | Signal::KILL) {
                return Ok(());
            }
        }
        if request.deadline <= clock::now() {
            return Err(Errno::AGAIN);
        }
        poll::sleep(POLL_INTERVAL);
    }
    if is_sent { Ok(()) } else { Err(Errno::SRCH) }
}

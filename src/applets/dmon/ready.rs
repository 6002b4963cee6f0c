//! The pipe through which the command reports that it is ready (`--ready`).
//!
//! The spawner opens one for each run, so a process that an old run left behind cannot report for the new one. The
//! supervisor reads it.

use core::ffi::c_int;
use core::mem;
use pure::cli::option_value::{CliWord, Expected};
use pure::cli::value;
use pure::text::find_byte;
use pure::time::Duration;
use pure::unix::Pid;
use sys::{fd, file, poll};

/// The time in which the command must be ready, if the option has none.
const DEFAULT_LIMIT: Duration = Duration::from_secs(30);

/// The lowest descriptor that the command may get, and the highest.
const FIRST: u32 = 3;
const LAST: u32 = i32::MAX.cast_unsigned();

/// The pipe of the last run.
pub struct ReadyPipe {
    /// Both ends are open until the next run: the command sees no broken pipe, and dmon no end of its input.
    reader: c_int,
    pub writer: c_int,
    /// The run, until its command is ready or has ended.
    pub run: Option<Pid>,
}

impl ReadyPipe {
    /// The state before the first run.
    pub const NONE: Self = Self { reader: poll::NONE, writer: poll::NONE, run: None };

    /// Opens the pipe of a new run, and closes that of the last one. If there can be no pipe, the new run has the old
    /// one; the first start fails, as does the one that reports a failed start.
    pub fn open(&mut self) {
        if let Ok((reader, writer)) = fd::pipe() {
            fd::close(mem::replace(&mut self.reader, reader.into_fd()));
            fd::close(mem::replace(&mut self.writer, writer.into_fd()));
        }
    }

    /// Returns the descriptor to wait for.
    pub const fn input(&self) -> c_int {
        if self.run.is_some() { self.reader } else { poll::NONE }
    }

    /// Returns the run if its command has just reported that it is ready: it has written a newline.
    pub fn take(&mut self) -> Option<Pid> {
        let reader = self.input();
        let mut bytes = [0; 512];
        if reader == poll::NONE || fd::bytes_readable(reader) == 0 {
            return None;
        }
        let _ = file::read(reader, &mut bytes);
        find_byte(&bytes, b'\n').and_then(|_| self.run.take())
    }
}

/// Parses `FD[:TIME]`.
///
/// # Errors
/// The expected form, for any other word.
pub fn parse(word: CliWord, fd: &mut c_int, limit: &mut Duration) -> Result<(), Expected> {
    match value::count_and_time(word.to_bytes(), b':') {
        Some((Some(number @ FIRST..=LAST), time)) => {
            *fd = number.cast_signed();
            *limit = time.unwrap_or(DEFAULT_LIMIT);
            Ok(())
        }
        _ => Err(Expected::Ready),
    }
}

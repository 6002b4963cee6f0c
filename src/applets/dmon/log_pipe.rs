//! The log pipe, from the command's output to the logger's input.
//!
//! `mod.rs` creates it, and the supervisor owns it. Both ends stay open in dmon so that command and logger can be
//! restarted independently.

use crate::applets::diag::os_error;
use core::ffi::c_int;
use pure::exit::Exit;
use sys::fd;

/// The descriptors of both ends of the pipe; `None` without a logger. They stay open until dmon exits.
#[derive(Default)]
pub struct LogPipe {
    pub reader: Option<c_int>,
    /// `None` once the drain has started.
    pub writer: Option<c_int>,
}

impl LogPipe {
    /// Creates the pipe, if a logger reads it.
    ///
    /// # Errors
    /// The exit status, after the error was reported.
    pub fn create(logged: bool) -> Result<Self, Exit> {
        if !logged {
            return Ok(Self::default());
        }
        let cannot = |error| os_error("cannot make a pipe", b"", error);
        let (reader, writer) = fd::pipe().map_err(cannot)?;
        Ok(Self { reader: Some(reader.into_fd()), writer: Some(writer.into_fd()) })
    }

    /// Closes dmon's write end, so that the logger reads the end of its input.
    pub fn close_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            fd::close(writer);
        }
    }

    /// Returns the number of bytes that no logger has read.
    pub fn count_unread(&self) -> usize {
        self.reader.map_or(0, fd::bytes_readable)
    }
}

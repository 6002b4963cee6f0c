//! The log pipe, from the command's output to the logger's input.
//!
//! `mod.rs` creates it, and the supervisor owns it. Both ends stay open in dmon so that command and logger can be
//! restarted independently.

use crate::applets::diag::os_error;
use core::ffi::c_int;
use pure::exit::Exit;
use sys::fd;
use sys::file::File;

/// Both ends of the pipe.
pub struct LogPipe {
    reader: File,
    /// `None` once the drain has started.
    writer: Option<File>,
}

impl LogPipe {
    /// Creates the pipe.
    ///
    /// # Errors
    /// The exit status, after the error was reported.
    pub fn create() -> Result<Self, Exit> {
        let cannot = |error| os_error("cannot make a pipe", b"", error);
        let (reader, writer) = fd::pipe().map_err(cannot)?;
        Ok(Self { reader, writer: Some(writer) })
    }

    /// Returns the descriptor of the read end.
    pub fn reader(&self) -> c_int {
        self.reader.fd()
    }

    /// Returns the descriptor of the write end; `None` if it is closed.
    pub fn writer(&self) -> Option<c_int> {
        self.writer.as_ref().map(File::fd)
    }

    /// Closes dmon's write end, so that the logger reads the end of its input.
    pub fn close_writer(&mut self) {
        self.writer = None;
    }

    /// Returns the number of bytes that no logger has read.
    pub fn count_unread(&self) -> usize {
        fd::bytes_readable(self.reader.fd())
    }
}

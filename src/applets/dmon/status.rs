//! Status lines (`--write-info`): one line for each event of a child, for other programs.
//!
//! The supervisor writes them. If the reader of the FIFO or socket is missing or slow, or the disk is full, whole lines
//! are dropped. dmon never waits.

use super::child_event::ChildEvent;
use crate::applets::diag::os_error;
use crate::applets::log_file;
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::name_table::entry;
use pure::supervise::machine::Role;
use pure::text::{Put, Text, first, put_number};
use pure::unix::{Errno, Pid, WaitStatus};
use sys::file::{self, File};
use sys::socket::Socket;

/// The keywords of the events. Scripts parse them; they are those of the C dmon.
const KEYWORDS: &str = "start |stop |timeout |kill |pause |resume |ready |signal |exit ";

impl ChildEvent {
    /// The index of the first keyword with a number at the end of the status line.
    pub const SIGNALLED: usize = 7;

    /// Returns the index of the event in [`KEYWORDS`], and the number at the end of the status line: a signal, or the
    /// status of waitpid(2).
    pub const fn keyword(self) -> (usize, u32) {
        match self {
            Self::Started => (0, 0),
            Self::Stopping => (1, 0),
            Self::TimedOut => (2, 0),
            Self::Killed => (3, 0),
            Self::Paused => (4, 0),
            Self::Resumed => (5, 0),
            Self::Ready => (6, 0),
            Self::Signalled(signal) => (Self::SIGNALLED, signal.number().cast_unsigned()),
            Self::Exited(WaitStatus(status)) => (8, status.cast_unsigned()),
        }
    }
}

/// The destination of the status lines.
pub struct StatusWriter {
    path: CliWord,
    /// The path is a socket, which is connected again after an error.
    is_socket: bool,
    /// `None` after an error.
    file: Option<File>,
    /// The file ends with a piece of a line. The next line ends it.
    is_torn: bool,
}

impl StatusWriter {
    /// Opens the file or FIFO, or connects to the socket.
    ///
    /// # Errors
    /// The exit status, after the error was reported.
    pub fn open(path: CliWord) -> Result<Self, Exit> {
        // open(2) fails with `ENXIO` for a socket.
        let (is_socket, file) = match log_file::open(path) {
            Err(Errno::NXIO) => (true, Socket::unix(path).map(Socket::into_file)),
            other => (false, other),
        };
        let file = file.map_err(|error| os_error("cannot open ", path.to_bytes(), error))?;
        Ok(Self { path, is_socket, file: Some(file), is_torn: false })
    }

    /// Writes `ROLE KEYWORD PID [NUMBER]`.
    pub fn write_event(&mut self, role: Role, event: ChildEvent, pid: Pid) {
        let mut line = Text::new();
        // A program that parses the lines must not take the piece for a whole line.
        line.put(if self.is_torn { b"?\n" } else { b"" });
        let (keyword, number) = event.keyword();
        line.put(role.label().as_bytes());
        line.put(entry(KEYWORDS, b'|', keyword));
        put_number(&mut line, pid.number().cast_unsigned().into());
        if keyword >= ChildEvent::SIGNALLED {
            line.put(b" ");
            put_number(&mut line, number.into());
        }
        line.put(b"\n");
        // The connection may have broken since the last line: connect and try again.
        if !self.write(line.bytes()) && self.is_socket {
            self.file = Socket::unix(self.path).map(Socket::into_file).ok();
            self.write(line.bytes());
        }
    }

    /// Writes the line or drops it. Returns false if the file is broken, so that a new connection may help.
    fn write(&mut self, line: &[u8]) -> bool {
        let Some(fd) = self.file.as_ref().map(File::fd) else {
            return false;
        };
        match file::write(fd, line) {
            Ok(n) => {
                self.is_torn = first(line, n).last() != Some(&b'\n');
                // The reader of a stream sees the end of input.
                if self.is_torn && self.is_socket {
                    (self.file, self.is_torn) = (None, false);
                }
                true
            }
            Err(Errno::AGAIN | Errno::NOSPC | Errno::DQUOT) => true,
            Err(_) => false,
        }
    }
}

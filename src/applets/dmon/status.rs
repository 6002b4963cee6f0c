//! What happens, a line each: for other programs as status lines, for people on standard error. The file,
//! FIFO or socket that status lines go to may come and go and be full: then lines are lost, whole ones;
//! nothing waits for it.

use crate::applets::diag::{eprint, os_error};
use crate::applets::log_file;
use pure::cli::option_value::CliWord;
use pure::cli::value::Load;
use pure::exit::Exit;
use pure::supervise::machine::Role;
use pure::text::{Put, Text, TextBuf, put_number, put_padded};
use pure::time::Instant;
use pure::unix::{Errno, Pid};
use sys::clock;
use sys::file::{self, File};
use sys::socket::{Socket, SocketType};

/// Where status lines go, if anywhere.
pub struct Status {
    path: CliWord,
    /// It is a socket, to be connected again when that breaks.
    is_socket: bool,
    /// `None` while it is broken.
    file: Option<File>,
}

impl Status {
    /// Opens it.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: CliWord) -> Result<Self, Exit> {
        // A path that cannot be opened may be that of a socket (open(2), `ENXIO`).
        let (is_socket, file) = match log_file::open(path) {
            Err(Errno::NXIO) => (true, connect(path)),
            other => (false, other),
        };
        let file = file.map_err(|error| os_error("cannot open ", path.to_bytes(), error))?;
        Ok(Self { path, is_socket, file: Some(file) })
    }

    /// `cmd WHAT PID`, and a number if there is one. The words are those of the C program of this name.
    pub fn write_event(&mut self, role: Role, what: &[u8], pid: Pid, number: Option<i32>) {
        let mut line = TextBuf::<64>::new();
        line.put(role.label());
        line.put(what);
        for number in [Some(pid.number()), number].into_iter().flatten() {
            line.put(b" ");
            put_number(&mut line, number.unsigned_abs().into());
        }
        line.put(b"\n");
        // A connection may have been broken since the last line: once more, with a new one.
        if !self.write(line.bytes()) && self.is_socket {
            self.file = connect(self.path).ok();
            self.write(line.bytes());
        }
    }

    /// Says whether it is worth trying again with another file.
    fn write(&mut self, line: &[u8]) -> bool {
        let Some(number) = self.file.as_ref().map(File::fd) else {
            return false;
        };
        match file::write(number, line) {
            Ok(n) if n < line.len() => {
                // Half a line is none. Role reads a stream can only be told by its end.
                if file::undo_append(number, n as u64).is_err() {
                    self.file = None;
                }
                true
            }
            Ok(_) | Err(Errno::AGAIN | Errno::NOSPC | Errno::DQUOT) => true,
            Err(_) => false,
        }
    }
}

/// Connects to a socket of messages or of a stream.
fn connect(path: CliWord) -> Result<File, Errno> {
    match Socket::unix(path, SocketType::Datagram) {
        Err(Errno::PROTOTYPE) => Socket::unix(path, SocketType::Stream),
        other => other,
    }
    .map(Socket::into_file)
}

/// What is said to people.
pub struct VerboseLog {
    pub on: bool,
    /// When the command was started last.
    pub began: Instant,
    /// The load, if it is watched, as it was read last.
    pub load: Option<Load>,
}

impl VerboseLog {
    /// `cmd PID WHAT`; the number is a signal, or how a run has ended.
    pub fn print(&self, role: Role, what: &[u8], more: &[u8], pid: Pid, number: Option<i32>) {
        let mut text = TextBuf::<96>::new();
        put_number(&mut text, pid.number().unsigned_abs().into());
        text.put(b" ");
        text.put(what);
        text.put(more);
        if let Some(number) = number {
            let [signal, code, ..] = number.to_le_bytes();
            put_number(&mut text, (code | signal & 0x7f).into());
        }
        if let (Role::Cmd, Some(_)) = (role, number) {
            let time = self.began.until(clock::now());
            put_hundredths(&mut text, b" after ", time.hundredths());
            text.put(b"s");
        }
        if let Some(load) = self.load {
            put_hundredths(&mut text, b", load ", load.0 / (Load::ONE / 100));
        }
        eprint(&[role.label(), text.bytes()]);
    }
}

/// A number of hundredths, as one with two decimals.
#[inline(never)]
fn put_hundredths(text: &mut Text, before: &[u8], number: u64) {
    text.put(before);
    put_number(text, number / 100);
    text.put(b".");
    put_padded(text, number, 2, false);
}

//! What happens, a line each: for other programs as status lines, for people on standard error. The file,
//! FIFO or socket that status lines go to may come and go and be full: then lines are lost, whole ones;
//! nothing waits for it.

use super::machine::Who;
use crate::applets::store;
use crate::applets::tell::{refused, say};
use crate::pure::fault::Exit;
use crate::pure::opts::Word;
use crate::pure::text::{Message, Put, Text, put_digits, put_number};
use crate::pure::time::Instant;
use crate::pure::unix::{Errno, Pid};
use crate::pure::value::Load;
use crate::sys::clock;
use crate::sys::file::{self, File};
use crate::sys::socket::{Flow, Socket};

/// Where status lines go, if anywhere.
pub struct Status {
    path: Word,
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
    pub fn open(path: Word) -> Result<Self, Exit> {
        // A path that cannot be opened may be that of a socket (open(2), `ENXIO`).
        let (is_socket, file) = match store::open(path) {
            Err(Errno::NXIO) => (true, connect(path)),
            other => (false, other),
        };
        let file = file.map_err(|error| refused("cannot open ", path.to_bytes(), error))?;
        Ok(Self { path, is_socket, file: Some(file) })
    }

    /// `cmd WHAT PID`, and a number if there is one. The words are those of the C program of this name.
    pub fn tell(&mut self, who: Who, what: &[u8], pid: Pid, number: Option<i32>) {
        let mut line = Message::<64>::new();
        line.put(who.word());
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
        let Some(number) = self.file.as_ref().map(File::number) else {
            return false;
        };
        match file::write(number, line) {
            Ok(n) if n < line.len() => {
                // Half a line is none. Who reads a stream can only be told by its end.
                if file::take_back(number, n as u64).is_err() {
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
fn connect(path: Word) -> Result<File, Errno> {
    match Socket::unix(path, Flow::Messages) {
        Err(Errno::PROTOTYPE) => Socket::unix(path, Flow::Stream),
        other => other,
    }
    .map(Socket::into_file)
}

/// What is said to people.
pub struct Voice {
    pub on: bool,
    /// When the command was started last.
    pub began: Instant,
    /// The load, if it is watched, as it was read last.
    pub load: Option<Load>,
}

impl Voice {
    /// `cmd PID WHAT`; the number is a signal, or how a run has ended.
    pub fn tell(&self, who: Who, what: &[u8], more: &[u8], pid: Pid, number: Option<i32>) {
        let mut text = Message::<96>::new();
        put_number(&mut text, pid.number().unsigned_abs().into());
        text.put(b" ");
        text.put(what);
        text.put(more);
        if let Some(number) = number {
            let [signal, code, ..] = number.to_le_bytes();
            put_number(&mut text, (code | signal & 0x7f).into());
        }
        if let (Who::Cmd, Some(_)) = (who, number) {
            let time = self.began.until(clock::now());
            put_hundredths(&mut text, b" after ", time.hundredths());
            text.put(b"s");
        }
        if let Some(load) = self.load {
            put_hundredths(&mut text, b", load ", load.0 / (Load::ONE / 100));
        }
        say(&[who.word(), text.bytes()]);
    }
}

/// A number of hundredths, as one with two decimals.
#[inline(never)]
fn put_hundredths(text: &mut Text, before: &[u8], number: u64) {
    text.put(before);
    put_number(text, number / 100);
    text.put(b".");
    put_digits(text, number, 2, false);
}

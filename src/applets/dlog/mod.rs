//! dlog: standard input to the end of a file, line by line, with a stamp before each if asked for.

mod stamp;

use crate::applets::Call;
use crate::applets::pump::{self, BATCH, Sink};
use crate::pure::fault::{Exit, Fault};
use crate::pure::opts::{About, Asked, Opt, Word, flag, value};
use crate::pure::unix::Errno;
use crate::pure::value as values;
use crate::sys::clock;
use crate::sys::file::{self, File, Mode};
use crate::sys::memory::Block;
use core::ffi::c_int;
use stamp::Stamp;

const ABOUT: About = About {
    name: "dlog",
    usage: "[options] [file]",
    purpose: "Append standard input to a file (or to standard output), line by line.",
};

struct Config {
    stamped: bool,
    prefix: Option<Word>,
    skip_empty: bool,
    input: c_int,
    buffered: bool,
}

const OPTIONS: &[Opt<Config>] = &[
    flag(b't', "timestamp", "Put the time before each line (UTC).", |c, on| c.stamped = on),
    value(b'p', "prefix", "TEXT", "Put this text before each line, after the time.", |c, w| {
        c.prefix = Some(w);
        Ok(())
    }),
    flag(b'e', "skip-empty", "Drop empty lines.", |c, on| c.skip_empty = on),
    value(b'i', "input-fd", "FD", "Read this descriptor instead of 0.", |c, w| {
        let number = values::number(w.to_bytes())?;
        c.input = c_int::try_from(number).map_err(|_| "a descriptor")?;
        Ok(())
    }),
    flag(b'b', "buffered", "Never wait until lines are on the disk.", |c, on| c.buffered = on),
];

/// The applet.
///
/// # Errors
/// The file cannot be opened, the input cannot be read.
pub fn run(call: &Call) -> Result<Exit, Fault> {
    file::open_standard();
    let mut config = Config {
        stamped: false,
        prefix: None,
        skip_empty: false,
        input: file::STDIN,
        buffered: false,
    };
    let used = match call.options(OPTIONS, &mut config)? {
        Asked::Work(used) => used,
        other => return call.answer(&other, &ABOUT, OPTIONS),
    };
    let path = call.args.word(used + 1);
    if let Some(word) = call.args.word(used + 2) {
        return Err(Fault::failed("one file at most, what is '").word(word.to_bytes()).then("'?"));
    }
    let Some(out) = OUT.take() else {
        return Err(Fault::failed("two loggers in one process"));
    };
    let input = config.input;
    let mut log = Log {
        file: path.map(open).transpose()?,
        path,
        config,
        out,
        used: 0,
        border: true,
        stale: false,
        lost: false,
        stamp: Stamp::new(),
    };
    pump::pump(input, &mut log)
}

fn open(path: Word) -> Result<File, Fault> {
    File::open(path, Mode::Append)
        .map_err(|error| Fault::refused("cannot open ", path.to_bytes(), error))
}

/// Lines with stamps are put together here, so that a batch is one write or two.
static OUT: Block<BATCH> = Block::new();

/// The sink: a file, or standard output when there is no path.
struct Log {
    config: Config,
    path: Option<Word>,
    /// `None`: standard output, or a file that could not be opened again.
    file: Option<File>,
    out: &'static mut [u8; BATCH],
    used: usize,
    /// The last byte stored ended a line (or nothing was stored yet).
    border: bool,
    /// To be opened again at the next border.
    stale: bool,
    lost: bool,
    stamp: Stamp,
}

impl Sink for Log {
    fn take(&mut self, batch: &[u8]) {
        let mut rest = batch;
        if self.stale
            && let Some(end) = rest.iter().position(|b| *b == b'\n')
        {
            let (line, more) = rest.split_at_checked(end + 1).unwrap_or((rest, &[]));
            self.store(line);
            self.reopen();
            rest = more;
        }
        self.store(rest);
    }

    fn reopen(&mut self) {
        self.stale = !self.border;
        if let (false, Some(path)) = (self.stale, self.path) {
            match open(path) {
                Ok(file) => self.file = Some(file),
                // The old file is better than none.
                Err(fault) => say(&fault),
            }
        }
    }

    fn end(&mut self) -> Exit {
        if !self.border {
            self.store(b"\n");
        }
        if self.lost { Exit::LOST } else { Exit::FINE }
    }
}

impl Log {
    /// Writes a piece of the input, and waits until it is on the disk if asked to.
    fn store(&mut self, piece: &[u8]) {
        if self.config.stamped || self.config.skip_empty || self.config.prefix.is_some() {
            self.dress(piece);
            self.flush();
        } else {
            self.write(piece);
        }
        if let Some(last) = piece.last() {
            self.border = *last == b'\n';
        }
        if let (false, Some(file)) = (self.config.buffered, &self.file) {
            // What has no disk behind it cannot be synced and need not be.
            let _ = file::sync(file.number());
        }
    }

    /// Puts the lines of a piece with their stamps into the out buffer.
    fn dress(&mut self, piece: &[u8]) {
        let (seconds, _) = clock::real();
        let mut border = self.border;
        for line in piece.split_inclusive(|b| *b == b'\n') {
            if border && self.config.skip_empty && line == b"\n" {
                continue;
            }
            if border && self.config.stamped {
                let stamp = self.stamp.text(seconds);
                self.put(&stamp);
            }
            if let (true, Some(prefix)) = (border, self.config.prefix) {
                self.put(prefix.to_bytes());
                self.put(b" ");
            }
            self.put(line);
            border = line.ends_with(b"\n");
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        if bytes.len() > BATCH - self.used {
            self.flush();
        }
        match self.out.get_mut(self.used..self.used + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.used += bytes.len();
            }
            None => self.write(bytes),
        }
    }

    fn flush(&mut self) {
        let number = self.number();
        let done = write_all(number, self.out.get(..self.used).unwrap_or(&[]));
        self.used = 0;
        self.note(done);
    }

    fn write(&mut self, bytes: &[u8]) {
        let done = write_all(self.number(), bytes);
        self.note(done);
    }

    fn number(&self) -> c_int {
        self.file.as_ref().map_or(file::STDOUT, File::number)
    }

    /// One message an outage.
    fn note(&mut self, done: Result<(), Errno>) {
        if let Err(error) = done {
            if !self.lost {
                let path = self.path.map_or(&b"standard output"[..], |path| path.to_bytes());
                say(&Fault::refused("cannot write ", path, error));
            }
            self.lost = true;
        }
    }
}

fn say(fault: &Fault) {
    let _ = file::write(file::STDERR, fault.line("dlog").bytes());
}

/// Writes all of it: short writes are finished.
fn write_all(file: c_int, bytes: &[u8]) -> Result<(), Errno> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match file::write(file, rest) {
            Ok(n) => rest = rest.get(n..).unwrap_or(&[]),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

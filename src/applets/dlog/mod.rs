//! dlog: standard input to the end of a file, line by line, with a stamp before each if asked for.

use crate::applets::dress::{LONGEST_PREFIX, OUT, Style};
use crate::applets::logger::{Logger, Sync, Target};
use crate::applets::pump;
use crate::applets::store::{Gap, OnFull, Store};
use crate::applets::{Call, say};
use crate::pure::fault::{Exit, Fault};
use crate::pure::opts::{About, Asked, Opt, Word, flag, value};
use crate::pure::stamp::{self, Format};
use crate::pure::time::Duration;
use crate::pure::unix::{Errno, Signal};
use crate::pure::value as values;
use crate::sys::file::{self, File, Mode};
use core::ffi::c_int;

const ABOUT: About = About {
    name: "dlog",
    usage: "[options] [file]",
    purpose: "Append standard input to a file (or to standard output), line by line.",
};

struct Config {
    style: Style,
    input: c_int,
    buffered: bool,
    period: Option<Duration>,
    on_full: OnFull,
}

const OPTIONS: &[Opt<Config>] = &[
    flag(b't', "timestamp", "Put the time before each line (UTC).", |c, on| {
        c.style.stamp = on.then_some(Format::Utc);
    }),
    value(0, "time", "FORMAT", "The same as utc, iso, tai64n, epoch or mono.", |c, w| {
        stamp::format(w.to_bytes()).map(|format| c.style.stamp = Some(format))
    }),
    value(b'p', "prefix", "TEXT", "Put this text before each line, after the time.", |c, w| {
        c.style.prefix = Some(w);
        if w.count_bytes() > LONGEST_PREFIX { Err("a text of at most 4096 bytes") } else { Ok(()) }
    }),
    flag(b'e', "skip-empty", "Drop empty lines.", |c, on| c.style.skip_empty = on),
    value(b'i', "input-fd", "FD", "Read this descriptor instead of 0.", |c, w| {
        values::descriptor(w.to_bytes()).map(|fd| c.input = fd)
    }),
    flag(b'b', "buffered", "Do not wait until lines are on the disk.", |c, on| c.buffered = on),
    value(0, "sync", "TIME", "Put them on the disk at most that often.", |c, w| {
        values::time(w.to_bytes()).map(|time| c.period = Some(time))
    }),
    value(0, "on-full", "drop|block", "What to do when the disk is full; drop.", |c, w| {
        c.on_full = match w.to_bytes() {
            b"drop" => OnFull::Drop,
            b"block" => OnFull::Block,
            _ => return Err("drop or block"),
        };
        Ok(())
    }),
];

/// The applet.
///
/// # Errors
/// The file cannot be opened, the input cannot be read.
pub fn run(call: &Call) -> Result<Exit, Fault> {
    file::open_standard();
    let mut config = Config {
        style: Style::default(),
        input: file::STDIN,
        buffered: false,
        period: None,
        on_full: OnFull::Drop,
    };
    let used = match call.options(OPTIONS, &mut config)? {
        Asked::Work(used) => used,
        other => return call.answer(&other, &ABOUT, OPTIONS),
    };
    let path = call.args.word(used + 1);
    if let Some(word) = call.args.word(used + 2) {
        return Err(Fault::failed("one file at most, what is ").word(word.to_bytes()).then("?"));
    }
    let file = path.map(open).transpose()?;
    let number = file.as_ref().map_or(file::STDOUT, File::number);
    let name = path.map_or(&b"standard output"[..], |path| path.to_bytes());
    let mut target =
        FileTarget { path, file, store: Store::new(ABOUT.name, name, config.on_full, number) };
    let sync = match config.period {
        _ if config.buffered || path.is_none() => Sync::Never,
        Some(period) => Sync::Every(period),
        None => Sync::Each,
    };
    let out = pump::claim(&OUT)?;
    let mut logger = Logger::new(ABOUT.name, &mut target, config.style, sync, out);
    pump::pump(config.input, &mut logger)
}

/// Opens the file at its end. A FIFO is opened for reading too, so that it need not have a reader, and
/// a reader that comes and goes loses nothing (fifo(7)).
fn open(path: Word) -> Result<File, Fault> {
    let refused = |error| Fault::refused("cannot open ", path.to_bytes(), error);
    match File::open(path, Mode::Append) {
        Err(Errno::NXIO) => File::open(path, Mode::Fifo),
        Ok(file) if file::is_fifo(file.number()) => File::open(path, Mode::Fifo),
        other => other,
    }
    .map_err(refused)
}

/// The file, or standard output when there is no path.
struct FileTarget {
    path: Option<Word>,
    file: Option<File>,
    store: Store,
}

impl Target for FileTarget {
    fn store(&self) -> &Store {
        &self.store
    }

    fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    fn write(&mut self, bytes: &[u8], gap: Gap) -> usize {
        self.store.write(bytes, gap, &mut || false)
    }

    fn hear(&mut self, signal: Signal) {
        let (Signal::HUP, Some(path)) = (signal, self.path) else {
            return;
        };
        match open(path) {
            Ok(file) => {
                self.store.turn_to(&file);
                self.file = Some(file);
            }
            // The old file is better than none.
            Err(fault) => say(ABOUT.name, &fault),
        }
    }
}

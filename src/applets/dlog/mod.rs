//! dlog: standard input to the end of a file, line by line, with a stamp before each if asked for.

use crate::applets::dress::Style;
use crate::applets::logger::{Logger, Target};
use crate::applets::options::{About, Call};
use crate::applets::pump::{self, Buffers};
use crate::applets::store::{self, Gap, OnFull, Store};
use crate::applets::tell::refused;
use crate::pure::fault::Exit;
use crate::pure::opts::{Opt, Word, opt};
use crate::pure::time::Duration;
use crate::pure::unix::Signal;
use crate::sys::file::{self, File, Kind, Mode};
use core::ffi::c_int;

const ABOUT: About = About {
    usage: "Usage: dlog [options] [file]
Append standard input to a file (or to standard output), line by line.\n\n",
    variables: &["DLOG_OPTIONS"],
    has_file: false,
};

pub struct Config {
    style: Style,
    input: c_int,
    buffered: bool,
    period: Option<Duration>,
    on_full: OnFull,
}

pub const OPTIONS: &[Opt<Config>] = &[
    opt("-t, --timestamp\tPut the time before each line (UTC).", |c, v| c.style.turn(v)),
    opt("    --time FORMAT\tThe same as utc, iso, tai64n, epoch or mono.", |c, v| {
        v.to(&mut c.style.stamp)
    }),
    opt("-p, --prefix TEXT\tPut this text before each line, after the time.", |c, v| {
        v.to(&mut c.style.prefix)
    }),
    opt("-e, --skip-empty\tDrop empty lines.", |c, v| v.to(&mut c.style.skip_empty)),
    opt("-i, --input-fd FD\tRead this descriptor instead of 0.", |c, v| v.to(&mut c.input)),
    opt("-b, --buffered\tDo not wait until lines are on the disk.", |c, v| v.to(&mut c.buffered)),
    opt("    --sync TIME\tPut them on the disk at most that often.", |c, v| v.to(&mut c.period)),
    opt("    --on-full drop|block\tWhat to do when the disk is full; drop.", |c, v| {
        v.to(&mut c.on_full)
    }),
];

/// The applet.
///
/// # Errors
/// The file cannot be opened, the input cannot be read.
pub fn run(call: &Call) -> Result<Exit, Exit> {
    file::open_standard();
    let mut config = Config {
        style: Style::default(),
        input: file::STDIN,
        buffered: false,
        period: None,
        on_full: OnFull::Drop,
    };
    let at = call.options(&ABOUT, OPTIONS, &mut config)?;
    let path = call.operand(at)?;
    let file = match path {
        Some(path) => Some(open(path)?),
        // Open for us alone, it does not wait: others may fill a pipe, a terminal may take less than a piece.
        None if file::kind(file::STDOUT) == Kind::Other => {
            File::open(c"/proc/self/fd/1", Mode::Console).ok()
        }
        None => None,
    };
    let number = file.as_ref().map_or(file::STDOUT, File::number);
    let name = path.map_or(&b"standard output"[..], |path| path.to_bytes());
    let syncs = path.is_some() && !config.buffered;
    let store = Store::new(name, config.on_full, syncs, number);
    let mut target = FileTarget { path, file, store };
    let Buffers { front, batch, out } = pump::buffers()?;
    let mut logger = Logger::new(&mut target, config.style, config.period, front, out);
    pump::pump(config.input, batch, &mut logger)
}

/// Opens the file at its end.
fn open(path: Word) -> Result<File, Exit> {
    store::open(path).map_err(|error| refused("cannot open ", path.to_bytes(), error))
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
        // If that fails, the old file is better than none.
        if let Ok(file) = open(path) {
            self.store.turn_to(&file);
            self.file = Some(file);
        }
    }
}

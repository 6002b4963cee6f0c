//! dlog: standard input to the end of a file, line by line, with a stamp before each if asked for.

use crate::applets::diag::os_error;
use crate::applets::line_logger::{LineLogger, LogTarget};
use crate::applets::line_prefix::PrefixOptions;
use crate::applets::log_file::{self, LogFile, LossNotice, OnFull};
use crate::applets::option_sources::{AppletInfo, Invocation, Parsed};
use crate::applets::pump::{self, Buffers};
use core::ffi::c_int;
use pure::cli::option_table::{Opt, opt};
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::time::Duration;
use pure::unix::Signal;
use sys::file::{self, File, Kind, Mode};

const INFO: AppletInfo = AppletInfo {
    usage: "Usage: dlog [options] [file]
Append standard input to a file (or to standard output), line by line.\n\n",
    variables: &["DLOG_OPTIONS"],
    has_file: false,
};

pub struct Config {
    prefix_options: PrefixOptions,
    input: c_int,
    buffered: bool,
    period: Option<Duration>,
    on_full: OnFull,
}

pub const OPTIONS: &[Opt<Config>] = &[
    opt("-t, --timestamp\tPut the time before each line (UTC).", |c, v| {
        c.prefix_options.set_timestamp(v)
    }),
    opt("    --time FORMAT\tThe same as utc, iso, tai64n, epoch or mono.", |c, v| {
        v.to(&mut c.prefix_options.timestamp)
    }),
    opt("-p, --prefix TEXT\tPut this text before each line, after the time.", |c, v| {
        v.to(&mut c.prefix_options.prefix)
    }),
    opt("-e, --skip-empty\tDrop empty lines.", |c, v| v.to(&mut c.prefix_options.skip_empty)),
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
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    file::open_standard();
    let mut config = Config {
        prefix_options: PrefixOptions::default(),
        input: file::STDIN,
        buffered: false,
        period: None,
        on_full: OnFull::Drop,
    };
    let Parsed::Options { operands_at } = invocation.options(&INFO, OPTIONS, &mut config)? else {
        return Ok(Exit::SUCCESS);
    };
    let path = invocation.operand(operands_at)?;
    let file = match path {
        Some(path) => Some(open(path)?),
        // Open for us alone, it does not wait: others may fill a pipe, a terminal may take less than a piece.
        None if file::kind(file::STDOUT) == Kind::Other => {
            File::open(c"/proc/self/fd/1", Mode::Console).ok()
        }
        None => None,
    };
    let number = file.as_ref().map_or(file::STDOUT, File::fd);
    let name = path.map_or(&b"standard output"[..], |path| path.to_bytes());
    let syncs = path.is_some() && !config.buffered;
    let log_file = LogFile::new(name, config.on_full, syncs, number);
    let mut target = FileTarget { path, file, log_file };
    let Buffers { prefix, batch, out } = pump::buffers()?;
    let mut logger =
        LineLogger::new(&mut target, config.prefix_options, config.period, prefix, out);
    pump::pump(config.input, batch, &mut logger)
}

/// Opens the file at its end.
fn open(path: CliWord) -> Result<File, Exit> {
    log_file::open(path).map_err(|error| os_error("cannot open ", path.to_bytes(), error))
}

/// The file, or standard output when there is no path.
struct FileTarget {
    path: Option<CliWord>,
    file: Option<File>,
    log_file: LogFile,
}

impl LogTarget for FileTarget {
    fn log_file(&self) -> &LogFile {
        &self.log_file
    }

    fn log_file_mut(&mut self) -> &mut LogFile {
        &mut self.log_file
    }

    fn write(&mut self, bytes: &[u8], loss_notice: LossNotice) -> usize {
        self.log_file.write(bytes, loss_notice, &mut || false)
    }

    fn on_signal(&mut self, signal: Signal) {
        let (Signal::HUP, Some(path)) = (signal, self.path) else {
            return;
        };
        // If that fails, the old file is better than none.
        if let Ok(file) = open(path) {
            self.log_file.switch_to(&file);
            self.file = Some(file);
        }
    }
}

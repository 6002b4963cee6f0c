//! dlog: appends standard input to a file, line by line. The table of applets calls it.

use crate::applets::diag::os_error;
use crate::applets::line_logger::{self, LogTarget};
#[cfg(test)]
pub use crate::applets::line_options::OPTIONS;
use crate::applets::line_options::{DLOG_PACKED, LineConfig};
use crate::applets::log_file::{self, LogFile, LossNotice, Recovery};
use crate::applets::logger::{self, Buffers};
use crate::applets::option_sources::{AppletInfo, Invocation};
use crate::applets::sink::Request;
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::unix::Errno;
use sys::fd;
use sys::file::{File, Mode};
use sys::stat::{self, Kind};

const INFO: AppletInfo = AppletInfo {
    usage: "Usage: dlog [options] [file]
Append standard input to a file (or to standard output), line by line.\n\n",
    variables: &["DLOG_OPTIONS"],
    has_file: false,
};

/// Runs dlog.
///
/// # Errors
/// [`Exit::FAILED`] for wrong options, and if the file cannot be opened or the input cannot be read.
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    logger::run(invocation, &INFO, DLOG_PACKED, LineConfig::DEFAULT, start)
}

/// Logs to the file `path`, or to standard output without it.
fn start(
    config: &mut LineConfig,
    path: Option<CliWord>,
    buffers: &'static mut Buffers,
) -> Result<Exit, Exit> {
    let (name, file) = match path {
        Some(path) => (path.to_bytes(), open(path)?),
        None => (&b"standard output"[..], standard_output()),
    };
    let syncs = path.is_some() && !config.buffered;
    let log_file = LogFile::new(name, config.on_full, syncs, file);
    let mut target = FileTarget { path, log_file };
    target.log_file.is_stdout = path.is_none();
    line_logger::run(&mut target, config, buffers)
}

/// Returns standard output. A pipe or terminal is opened again with `O_NONBLOCK`, because the flag on the inherited open
/// file description would affect other processes.
///
/// A blocking write could hang even after poll(2): another process may fill the pipe first, and a terminal may accept
/// only part of the bytes.
fn standard_output() -> File {
    match stat::kind(fd::STDOUT) {
        Kind::Regular => File::stdout(),
        Kind::Other => {
            File::open(c"/proc/self/fd/1", Mode::Console).unwrap_or_else(|_| File::stdout())
        }
    }
}

fn open(path: CliWord) -> Result<File, Exit> {
    match log_file::open(path) {
        Ok(file) => Ok(file),
        Err(Errno::AGAIN) => Ok(File::closed()),
        Err(error) => Err(os_error("cannot open ", path.to_bytes(), error)),
    }
}

/// The log file, or standard output if `path` is `None`.
struct FileTarget {
    path: Option<CliWord>,
    log_file: LogFile,
}

impl LogTarget for FileTarget {
    fn log_file(&mut self) -> &mut LogFile {
        &mut self.log_file
    }

    fn write(&mut self, bytes: &[u8], loss_notice: LossNotice) -> usize {
        if let (true, Some(path)) = (self.log_file.must_open(), self.path)
            && let Ok(file) = log_file::open(path)
        {
            self.log_file.switch_to(file);
        }
        self.log_file.write(bytes, loss_notice, &mut |_| Recovery::Fail)
    }

    /// Opens the file again by its name. If that fails, logging continues in the old file.
    fn handle(&mut self, request: Request) {
        match (request, self.path) {
            (Request::Reopen, Some(path)) => {
                if let Ok(file) = open(path) {
                    self.log_file.switch_to(file);
                }
            }
            (Request::Reopen, None) | (Request::Rotate, _) => {}
        }
    }
}

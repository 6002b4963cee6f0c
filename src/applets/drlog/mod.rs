//! drlog: appends standard input to a directory of rotated log files. The table of applets calls it.

mod current;
mod log_dir;

use crate::applets::line_logger::{self, LogTarget};
#[cfg(test)]
pub use crate::applets::line_options::OPTIONS;
use crate::applets::line_options::{DRLOG_PACKED, LineConfig};
use crate::applets::log_file::{LogFile, LossNotice};
use crate::applets::logger::{self, Buffers};
use crate::applets::option_sources::{AppletInfo, Invocation};
use crate::applets::pump::Request;
use current::{Current, DirError, Rotated};
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::log::archive::{ArchiveName, Archives};
use pure::log::report_once::ReportOnce;
use pure::log::rotate::{Due, Rotation};
use pure::text::{first, skip};
use sys::clock;

const INFO: AppletInfo = AppletInfo {
    usage: "Usage: drlog [options] directory
Append standard input to DIRECTORY/current; rotate it by size and age.\n\n",
    variables: &["DRLOG_OPTIONS"],
    has_file: false,
};

/// Runs drlog.
///
/// # Errors
/// [`Exit::FAILED`] for wrong options, and if the directory cannot be opened or the input cannot be read.
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    logger::run(invocation, &INFO, DRLOG_PACKED, LineConfig::DEFAULT, start)
}

/// Logs to the directory `path`.
fn start(
    config: &mut LineConfig,
    path: Option<CliWord>,
    buffers: &'static mut Buffers,
) -> Result<Exit, Exit> {
    let Some(path) = path else {
        return Err(INFO.missing("no directory given. "));
    };
    let mut target = DirTarget::open(path, config).map_err(|error| error.report(path))?;
    line_logger::run(&mut target, config, buffers)
}

/// The directory of log files.
struct DirTarget {
    path: CliWord,
    current: Current,
    rotation: Rotation,
    report: ReportOnce,
}

impl DirTarget {
    fn open(path: CliWord, config: &LineConfig) -> Result<Self, DirError> {
        let current = Current::open(path, config.on_full, !config.buffered)?;
        let rotation = Rotation::new(config.limits, current.size(), current.created_at());
        Ok(Self { path, current, rotation, report: ReportOnce::default() })
    }

    fn is_due(&self, now: i64) -> bool {
        match self.rotation.due(now) {
            Due::No => false,
            Due::Now => true,
            Due::At(at) => at <= clock::now(),
        }
    }

    /// Rotates. If that fails, the old file is used until the next attempt.
    fn rotate(&mut self, now: i64) {
        match self.try_to_rotate(now) {
            Ok(()) => {
                self.report.succeeded();
                self.rotation.succeeded();
            }
            Err(error) => {
                if self.report.is_first() {
                    let _ = error.report(self.path);
                }
                self.rotation.failed(clock::now());
            }
        }
    }

    fn try_to_rotate(&mut self, now: i64) -> Result<(), DirError> {
        let archives =
            self.current.dir().archives().map_err(|errno| DirError::new("cannot read ", errno))?;
        match self.current.rotate(ArchiveName::after(archives.newest, now))? {
            Rotated::Missing => self.reopen(),
            Rotated::Done => {
                self.rotation.file_changed(0, now);
                self.current.dir().write_timestamp(now);
                self.remove_surplus(archives)
            }
        }
    }

    /// Removes the oldest archives. `archives` are those before the rotation, which has added one.
    fn remove_surplus(&self, archives: Archives) -> Result<(), DirError> {
        let dir = self.current.dir();
        let mut oldest = archives.oldest;
        for more in (0..self.rotation.limits().surplus(archives.count + 1)).rev() {
            let Some(name) = oldest else {
                break;
            };
            dir.remove(name)
                .map_err(|errno| DirError::new("cannot remove an old log in ", errno))?;
            oldest = if more > 0 { dir.archives().ok().and_then(|left| left.oldest) } else { None };
        }
        Ok(())
    }

    /// Opens directory and file again by their names.
    fn reopen(&mut self) -> Result<(), DirError> {
        self.current.reopen(self.path)?;
        self.rotation.file_changed(self.current.size(), self.current.created_at());
        Ok(())
    }
}

impl LogTarget for DirTarget {
    fn log_file(&self) -> &LogFile {
        self.current.log_file()
    }

    fn log_file_mut(&mut self) -> &mut LogFile {
        self.current.log_file_mut()
    }

    fn write(&mut self, bytes: &[u8], loss_notice: LossNotice) -> usize {
        let mut done = 0;
        let (now, _) = clock::real();
        self.rotation.clock_read(now);
        loop {
            if self.log_file().at_line_start() && self.is_due(now) {
                self.rotate(now);
            }
            let rest = skip(bytes, done);
            let part = first(rest, self.rotation.take_until_full(rest));
            let was_dropping = self.log_file().is_dropping();
            let n = self.current.write(part, loss_notice);
            self.rotation.appended(n);
            done += n;
            // `n` includes dropped bytes, but neither removed ones nor the loss notice.
            if was_dropping || self.log_file().is_dropping() {
                self.rotation.set_size(self.current.size());
            }
            if done >= bytes.len() || n < part.len() {
                return done;
            }
        }
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Rotate if self.rotation.is_empty() => {}
            Request::Rotate => self.rotate(clock::real().0),
            Request::Reopen => {
                if let Err(error) = self.reopen() {
                    let _ = error.report(self.path);
                }
            }
        }
    }
}

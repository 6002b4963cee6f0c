//! drlog: standard input to a directory of log files: `current`, and a few old ones.

mod log_dir;

use crate::applets::diag::os_error;
use crate::applets::line_logger::{LineLogger, LogTarget};
use crate::applets::line_prefix::PrefixOptions;
use crate::applets::log_file::{LogFile, LossNotice, OnFull};
use crate::applets::option_sources::{AppletInfo, Invocation, Parsed};
use crate::applets::pump::{self, Buffers};
use core::ffi::c_int;
use log_dir::{DirError, LogDir, open};
use pure::cli::option_table::{Opt, opt};
use pure::cli::option_value::CliWord;
use pure::cli::value::{Count, LongTime, Size};
use pure::exit::Exit;
use pure::log::rotate::{ArchiveName, RotateLimits};
use pure::text::{first, skip};
use pure::time::{Duration, Instant};
use pure::unix::{Errno, Signal};
use sys::clock;
use sys::file::{self, File};

const INFO: AppletInfo = AppletInfo {
    usage: "Usage: drlog [options] directory
Append standard input to DIRECTORY/current; rotate it by size and age.\n\n",
    variables: &["DRLOG_OPTIONS"],
    has_file: false,
};

pub struct Config {
    prefix_options: PrefixOptions,
    input: c_int,
    buffered: bool,
    limits: RotateLimits,
}

pub const OPTIONS: &[Opt<Config>] = &[
    opt("-s, --max-size SIZE\tRotate when current has grown to this; 150k.", |c, v| {
        v.to(&mut c.limits.size)
    }),
    opt("-T, --max-time TIME\tRotate when it has been used so long; 5d.", |c, v| {
        v.to(&mut c.limits.time)
    }),
    opt("-m, --max-files COUNT\tKeep so many old logs; 10, 0 is no limit.", |c, v| {
        v.to(&mut c.limits.files)
    }),
    opt("-t, --timestamp\tPut the time before each line (UTC).", |c, v| {
        c.prefix_options.set_timestamp(v)
    }),
    opt("-e, --skip-empty\tDrop empty lines.", |c, v| v.to(&mut c.prefix_options.skip_empty)),
    opt("-i, --input-fd FD\tRead this descriptor instead of 0.", |c, v| v.to(&mut c.input)),
    opt("-b, --buffered\tDo not wait until lines are on the disk.", |c, v| v.to(&mut c.buffered)),
];

/// The applet.
///
/// # Errors
/// The directory cannot be used, the input cannot be read.
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    file::open_standard();
    let mut config = Config {
        prefix_options: PrefixOptions::default(),
        input: file::STDIN,
        buffered: false,
        limits: RotateLimits {
            size: Size(150 << 10),
            time: LongTime(Duration::from_secs(5 * 86_400)),
            files: Count(10),
        },
    };
    let Parsed::Options { operands_at } = invocation.options(&INFO, OPTIONS, &mut config)? else {
        return Ok(Exit::SUCCESS);
    };
    let Some(path) = invocation.operand(operands_at)? else {
        return Err(INFO.missing("no directory given. "));
    };
    let mut logs = Logs::open(path, config.limits, !config.buffered)
        .map_err(|(what, error)| os_error(what, path.to_bytes(), error))?;
    let Buffers { prefix, batch, out } = pump::buffers()?;
    pump::pump(
        config.input,
        batch,
        &mut LineLogger::new(&mut logs, config.prefix_options, None, prefix, out),
    )
}

/// How long after a rotation that failed the next is tried.
const RETRY: Duration = Duration::from_secs(1);

/// How many old logs are removed after a rotation: each costs a look through the directory, which must not keep
/// the service waiting where there are many.
const MAX_REMOVED: u32 = 64;

/// The directory and the file that is written.
struct Logs {
    path: CliWord,
    log_dir: LogDir,
    current: File,
    log_file: LogFile,
    /// Bytes in `current`.
    size: u64,
    /// The second when it was begun.
    created_at: i64,
    limits: RotateLimits,
    retry_at: Option<Instant>,
    /// Said once a streak of failures.
    reported: bool,
}

impl Logs {
    fn open(path: CliWord, limits: RotateLimits, syncs: bool) -> Result<Self, DirError> {
        let (log_dir, current) = open(path)?;
        let log_file = LogFile::new(path.to_bytes(), OnFull::Drop, syncs, current.fd());
        let size = file::size(current.fd());
        let created_at = log_dir.read_timestamp(clock::real().0);
        Ok(Self {
            path,
            log_dir,
            current,
            log_file,
            size,
            created_at,
            limits,
            retry_at: None,
            reported: false,
        })
    }

    /// Whether it is time to rotate, and not too soon after a failure.
    fn is_due(&self, now: i64) -> bool {
        self.limits.is_due(self.size, self.created_at, now)
            && self.retry_at.is_none_or(|at| at <= clock::now())
    }

    /// Makes `current` an old log and begins a new one. When that fails, `current` is used on.
    fn rotate(&mut self, now: i64) {
        self.retry_at = None;
        let result = self.try_rotate(now);
        if let Err((what, error)) = result {
            if !self.reported {
                let _ = os_error(what, self.path.to_bytes(), error);
            }
            self.retry_at = Some(clock::now().add(RETRY));
        }
        self.reported = result.is_err();
    }

    fn try_rotate(&mut self, now: i64) -> Result<(), DirError> {
        let found = self.log_dir.archives().map_err(|error| ("cannot read ", error))?;
        match self.log_dir.rename_current(ArchiveName::after(found.newest, now)) {
            // The directory is gone, or somebody has moved the file away.
            Err(Errno::NOENT) => return self.reopen(),
            other => other.map_err(|error| ("cannot rename current in ", error))?,
        }
        let current = self.log_dir.current();
        let current = current.map_err(|error| ("cannot make current in ", error))?;
        self.switch_to(current, 0, now);
        self.log_dir.write_timestamp(now);
        let most = match self.limits.files.0 {
            0 => u32::MAX,
            most => most,
        };
        let surplus = (found.count + 1).saturating_sub(most).min(MAX_REMOVED);
        let mut oldest = found.oldest;
        for more in (0..surplus).rev() {
            let Some(name) = oldest else { break };
            self.log_dir.remove(name).map_err(|error| ("cannot remove an old log in ", error))?;
            oldest = if more > 0 {
                self.log_dir.archives().ok().and_then(|found| found.oldest)
            } else {
                None
            };
        }
        Ok(())
    }

    fn switch_to(&mut self, current: File, size: u64, created_at: i64) {
        self.log_file.switch_to(&current);
        self.size = size;
        self.created_at = created_at;
        self.current = current;
    }

    /// Directory and file again, by their names.
    fn reopen(&mut self) -> Result<(), DirError> {
        let (log_dir, current) = open(self.path)?;
        self.log_dir = log_dir;
        let created_at = self.log_dir.read_timestamp(clock::real().0);
        let size = file::size(current.fd());
        self.switch_to(current, size, created_at);
        Ok(())
    }
}

impl LogTarget for Logs {
    fn log_file(&self) -> &LogFile {
        &self.log_file
    }

    fn log_file_mut(&mut self) -> &mut LogFile {
        &mut self.log_file
    }

    fn write(&mut self, bytes: &[u8], loss_notice: LossNotice) -> usize {
        let mut done = 0;
        let (now, _) = clock::real();
        // A clock that was set back counts from here.
        self.created_at = self.created_at.min(now);
        loop {
            if self.log_file.at_line_start() && self.is_due(now) {
                self.rotate(now);
            }
            let rest = skip(bytes, done);
            let share = if self.retry_at.is_some() {
                rest.len()
            } else {
                self.limits.take_until_full(self.size, rest)
            };
            let Self { log_file, log_dir, .. } = self;
            let share = first(rest, share);
            let was_out = log_file.is_dropping();
            let written = log_file.write(share, loss_notice, &mut || log_dir.remove_oldest());
            self.size += written as u64;
            done += written;
            // What was dropped, taken back or put into the gap is not in `written`.
            if was_out || self.log_file.is_dropping() {
                self.size = file::size(self.current.fd());
            }
            if done >= bytes.len() || written < share.len() {
                return done;
            }
        }
    }

    fn on_signal(&mut self, signal: Signal) {
        match signal {
            Signal::ALRM if self.size > 0 => self.rotate(clock::real().0),
            Signal::HUP => {
                if let Err((what, error)) = self.reopen() {
                    let _ = os_error(what, self.path.to_bytes(), error);
                }
            }
            _ => {}
        }
    }
}

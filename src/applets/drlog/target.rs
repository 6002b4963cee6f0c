//! drlog's target: `current` in a locked directory. `mod.rs` opens it, and `line_logger.rs` writes to it.
//!
//! The file that is written is always named `current`. `rotation_steps` ensures that for drlog's own rotations. Other
//! programs may remove or rename the file or the directory, so drlog looks at the names at most once a second, and only
//! before it writes. What it wrote to a removed file since the last look is lost, and counts as lost.

use super::log_dir::{CANNOT_OPEN_CURRENT, LOCK_WAITS, LogDir};
use crate::applets::diag::{error, os_error};
use crate::applets::line_logger::LogTarget;
use crate::applets::line_options::LineConfig;
use crate::applets::log_file::{LogFile, LossNotice, Recovery};
use crate::applets::pump::Request;
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::log::archive::{ArchiveName, Archives};
use pure::log::report_once::ReportOnce;
use pure::log::rotate::{self, Rotation};
use pure::log::rotation_steps::Step;
use pure::text::{first, skip};
use pure::unix::Errno;
use sys::file;
use sys::{clock, stat};

/// The directory of log files.
pub struct DirTarget {
    path: CliWord,
    /// The mode of new files.
    mode: u32,
    dir: LogDir,
    log_file: LogFile,
    rotation: Rotation,
    /// The second of CLOCK_BOOTTIME in which drlog has looked at the names.
    checked_at: u32,
    /// Something was written since then.
    is_unchecked: bool,
    /// The clock was not behind `.timestamp` when the age was read from it. Otherwise a clock that is set later would
    /// make the file too young.
    is_timed: bool,
    rotate_report: ReportOnce,
    reopen_report: ReportOnce,
    timestamp_report: ReportOnce,
}

impl DirTarget {
    /// Opens and locks the directory `path`, and opens `current` in it.
    ///
    /// # Errors
    /// [`Exit::FAILED`] after a message.
    pub fn open(path: CliWord, config: &LineConfig) -> Result<Self, Exit> {
        // The umask is applied here, because a new `current` gets the mode of the old one.
        let mode = 0o640 & !file::clear_umask();
        let mut what = "";
        let (dir, file) = LogDir::open(path, mode, LOCK_WAITS, &mut what)
            .map_err(|errno| report(what, path, errno))?;
        let mut target = Self {
            path,
            mode,
            dir,
            log_file: LogFile::new(path.to_bytes(), config.on_full, !config.buffered, file),
            rotation: Rotation::new(config.limits),
            checked_at: 0,
            is_unchecked: false,
            is_timed: false,
            rotate_report: ReportOnce::default(),
            reopen_report: ReportOnce::default(),
            timestamp_report: ReportOnce::default(),
        };
        target.file_opened();
        Ok(target)
    }

    /// Opens `current` again by its name, and also the directory, if another one has its name now.
    ///
    /// # Errors
    /// As [`LogDir::open`].
    fn reopen(&mut self, what: &mut &'static str) -> Result<(), Errno> {
        let file = if self.dir.is_at(self.path) {
            self.dir.open_current(self.mode)?
        } else {
            let (dir, file) = LogDir::open(self.path, self.mode, 0, what)?;
            self.dir = dir;
            file
        };
        self.log_file.switch_to(file);
        self.file_opened();
        Ok(())
    }

    /// Records size and age of the opened file.
    fn file_opened(&mut self) {
        let size = stat::size(self.log_file.fd());
        let recorded = self.dir.read_timestamp();
        let (now, (time, _)) = (clock::boot(), clock::real());
        let age = if size > 0 { rotate::age(recorded, time) } else { 0 };
        self.rotation.file_changed(size, age, now);
        self.is_timed = recorded <= time;
        self.record(time, age);
    }

    /// Records in `.timestamp` when `current` was created, by its age at `time`.
    fn record(&mut self, time: i64, age: u32) {
        let result = self.dir.record(time - i64::from(age));
        report_once(&mut self.timestamp_report, "cannot write .timestamp in ", result, self.path);
    }

    /// Looks at the names of file and directory, and opens them again if others have their names now.
    fn check(&mut self, now: u32) {
        self.checked_at = now;
        let mut is_lost = core::mem::take(&mut self.is_unchecked);
        let mut what = CANNOT_OPEN_CURRENT;
        let mut result = Ok(());
        if !self.dir.is_intact(self.path, self.log_file.fd()) {
            is_lost &= self.is_removed();
            if self.is_removed() {
                self.log_file.file_removed(is_lost);
                self.rotation.file_changed(0, 0, now);
            }
            result = self.reopen(&mut what);
            if is_lost && result.is_ok() {
                self.report_removal();
            }
        }
        if result.is_ok() && self.is_timed {
            // If the clock was set, the time of the creation has changed, too.
            self.record(clock::real().0, self.rotation.age(now));
        }
        report_once(&mut self.reopen_report, what, result, self.path);
    }

    fn is_removed(&self) -> bool {
        !stat::has_name(self.log_file.fd())
    }

    fn report_removal(&self) {
        let _ = error("current was removed, with its last lines: ", self.path.to_bytes(), "");
    }

    /// Returns the exit status after the last write, whose result is `exit`.
    pub fn finish(&self, exit: Exit) -> Exit {
        if self.is_unchecked && self.is_removed() {
            self.report_removal();
            return Exit::DATA_LOST;
        }
        exit
    }

    /// Rotates, then removes the oldest archives. If the rotation fails, the old file is used until the next attempt.
    fn rotate(&mut self, now: u32) {
        // Unless `file_changed` follows, the rotation has failed.
        self.rotation.failed(now);
        let mut archives = Archives::default();
        let mut what = "cannot rotate ";
        let mut result = self.try_to_rotate(now, &mut archives);
        if result == Err(Errno::NOENT) {
            // Another program has moved `current` or the directory.
            return self.check(now);
        }
        if result.is_ok() {
            what = "cannot remove an old log in ";
            result = self.remove_surplus(&mut archives, now);
        }
        report_once(&mut self.rotate_report, what, result, self.path);
    }

    /// Makes the steps of a rotation. Adds the archives before it to `archives`.
    ///
    /// # Errors
    /// The first error of a step; `ENOENT` if there is no `current`.
    fn try_to_rotate(&mut self, now: u32, archives: &mut Archives) -> Result<(), Errno> {
        self.dir.list(archives)?;
        let (time, _) = clock::real();
        let name = ArchiveName::after(archives.newest, time).ok_or(Errno::EXIST)?;
        let (mode, group) = stat::permissions(self.log_file.fd()).unwrap_or((self.mode, 0));
        let (mut step, mut failure) = (Step::Archive, Ok(()));
        loop {
            let result = match step {
                Step::Archive => self.dir.archive_current(name),
                Step::Create | Step::CreateAgain => match self.dir.open_current(mode) {
                    Ok(file) => {
                        // Only root, or a member of the group, may set it.
                        let _ = file::set_group(file.fd(), group);
                        self.log_file.switch_to(file);
                        self.rotation.file_changed(0, 0, now);
                        self.is_timed = true;
                        self.record(time, 0);
                        return Ok(());
                    }
                    Err(errno) => Err(errno),
                },
                Step::RemoveOldest => {
                    archives.count = archives.count.saturating_sub(1);
                    self.dir.remove_oldest(archives)
                }
                Step::Restore => self.dir.restore_current(name),
                Step::End(_) => return failure,
            };
            failure = failure.and(result);
            step = step.next(result);
        }
    }

    /// Removes the oldest archives. `archives` are those before the rotation, which has added one.
    fn remove_surplus(&mut self, archives: &mut Archives, now: u32) -> Result<(), Errno> {
        for more in (0..self.rotation.surplus(archives.count + 1)).rev() {
            let removed = self.dir.remove_oldest(archives);
            if removed.is_err() {
                self.rotation.postpone(now);
                return removed;
            }
            if more > 0 {
                *archives = Archives::default();
                self.dir.list(archives)?;
            }
        }
        Ok(())
    }
}

/// Prints the error of an operation on the directory `path`. Returns [`Exit::FAILED`].
fn report(what: &str, path: CliWord, errno: Errno) -> Exit {
    match errno {
        Errno::AGAIN => error(what, path.to_bytes(), ": in use by another process"),
        errno => os_error(what, path.to_bytes(), errno),
    }
}

/// Reports an error, but only the first one since the last success.
fn report_once(once: &mut ReportOnce, what: &str, result: Result<(), Errno>, path: CliWord) {
    match result {
        Ok(()) => once.succeeded(),
        Err(errno) if once.is_first() => drop(report(what, path, errno)),
        Err(_) => {}
    }
}

impl LogTarget for DirTarget {
    fn log_file(&mut self) -> &mut LogFile {
        &mut self.log_file
    }

    fn write(&mut self, bytes: &[u8], loss_notice: LossNotice) -> usize {
        let mut done = 0;
        let now = clock::boot();
        if now != self.checked_at {
            self.check(now);
        }
        loop {
            if self.rotation.is_due(now, self.log_file.at_line_start()) {
                self.rotate(now);
            }
            let rest = skip(bytes, done);
            let part = first(rest, self.rotation.take_until_full(rest));
            let was_dropping = self.log_file.is_dropping();
            let Self { dir, log_file, rotation, .. } = self;
            let fd = log_file.fd();
            let n = log_file.write(part, loss_notice, &mut |error| match error {
                Errno::NOSPC | Errno::DQUOT if dir.free_space() => Recovery::Retry,
                Errno::FBIG if stat::size(fd) > 0 && rotation.require(now) => Recovery::Leave,
                _ => Recovery::Fail,
            });
            rotation.appended(n);
            done += n;
            // `n` includes dropped bytes, but neither removed ones nor the loss notice.
            if was_dropping || log_file.is_dropping() {
                rotation.set_size(stat::size(fd));
            }
            self.is_unchecked |= n > 0 && !log_file.is_dropping();
            if done >= bytes.len() || log_file.blocked.is_some() {
                return done;
            }
        }
    }

    fn handle(&mut self, request: Request) {
        let now = clock::boot();
        self.check(now);
        match request {
            Request::Rotate if self.rotation.is_empty() => {}
            Request::Rotate => self.rotate(now),
            Request::Reopen => {
                let mut what = CANNOT_OPEN_CURRENT;
                if let Err(errno) = self.reopen(&mut what) {
                    let _ = report(what, self.path, errno);
                }
            }
        }
    }
}

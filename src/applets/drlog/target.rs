//! drlog's target: `current` in a locked directory. `mod.rs` opens it, and `line_logger.rs` writes to it.
//!
//! The file that is written is always named `current`. `rotation_steps` ensures that for drlog's own rotations. Other
//! programs may remove or rename the file or the directory, so drlog looks at the names at most once a second, and only
//! before it writes. What it wrote to a removed file since the last look is lost, and counts as lost.

use super::log_dir::{LOCK_WAITS, LogDir};
use crate::applets::diag::{error, os_error};
use crate::applets::line_logger::{self, LogTarget};
use crate::applets::line_options::LineConfig;
use crate::applets::log_file::{LogFile, LossNotice, Recovery};
use crate::applets::logger::Buffers;
use crate::applets::sink::Request;
use core::mem::ManuallyDrop;
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::log::archive::Archives;
use pure::log::rotate::{self, Rotation};
use pure::log::rotation_steps::{self, LogFiles};
use pure::text::{first, skip};
use pure::unix::Errno;
use sys::file::{self, File};
use sys::{clock, stat};

/// The directory of log files. The exit closes its descriptors.
pub struct DirTarget {
    path: CliWord,
    dir: ManuallyDrop<LogDir>,
    log_file: ManuallyDrop<LogFile>,
    rotation: Rotation,
    /// The second that `.timestamp` contains.
    recorded: i64,
    /// The second of CLOCK_BOOTTIME in which drlog has looked at the names.
    checked_at: u32,
    /// Something was written since then.
    is_unchecked: bool,
    /// The set of operations that have failed since their last success.
    failed: u8,
}

/// The operations whose failure is reported once. Each one is a bit of [`DirTarget::failed`].
const OPENING: u8 = 1;
const ROTATION: u8 = 2;
const RECORDING: u8 = 4;

/// A part of a message.
const CANNOT_OPEN_CURRENT: &str = "cannot open current in ";

/// Logs to the directory `path`.
///
/// # Errors
/// [`Exit::FAILED`] after a message.
pub fn run(
    path: CliWord,
    config: &mut LineConfig,
    buffers: &'static mut Buffers,
) -> Result<Exit, Exit> {
    let mut what = "";
    let dir = LogDir::open(path, LOCK_WAITS, &mut what);
    let opened = dir.and_then(|dir| {
        what = CANNOT_OPEN_CURRENT;
        dir.open_current().map(|file| (dir, file))
    });
    let (dir, file) = opened.map_err(|errno| report(what, path, errno))?;
    let log_file = LogFile::new(path.to_bytes(), config.on_full, !config.buffered, file);
    let mut target = DirTarget {
        path,
        dir: ManuallyDrop::new(dir),
        log_file: ManuallyDrop::new(log_file),
        rotation: Rotation::new(config.limits),
        recorded: 0,
        checked_at: clock::boot(),
        is_unchecked: false,
        failed: 0,
    };
    target.file_opened();
    let exit = line_logger::run(&mut target, config, buffers)?;
    if target.is_unchecked && !stat::has_name(target.log_file.fd()) {
        report(LOST, path, Errno::NOENT);
        return Ok(Exit::DATA_LOST);
    }
    Ok(exit)
}

impl DirTarget {
    /// Finds out size and age of the opened file.
    fn file_opened(&mut self) {
        self.recorded = self.dir.read_timestamp();
        let (time, _) = clock::real();
        let size = stat::size(self.log_file.fd());
        let age = if size > 0 { rotate::age(self.recorded, time) } else { 0 };
        self.rotation.file_changed(size, age, self.checked_at);
        if age == 0 {
            self.record(time);
        }
    }

    /// Records in `.timestamp` that `current` was created at `time`. Never records an earlier second than before: the
    /// clock was set back, or was not set after a boot.
    fn record(&mut self, time: i64) {
        if time > self.recorded {
            self.recorded = time;
            let result = self.dir.write_timestamp(time);
            self.report_once(RECORDING, "cannot write .timestamp in ", result);
        }
    }

    /// Looks at the names of file and directory, and opens them again if others have their names now.
    fn check(&mut self, now: u32) {
        self.checked_at = now;
        let mut is_lost = core::mem::take(&mut self.is_unchecked);
        let mut what = CANNOT_OPEN_CURRENT;
        let mut result = Ok(());
        let has_moved = !self.dir.is_at(self.path);
        if has_moved || !self.dir.is_current(self.log_file.fd()) {
            if stat::has_name(self.log_file.fd()) {
                is_lost = false;
            } else {
                self.log_file.file_removed(is_lost);
                self.rotation.file_changed(0, 0, now);
            }
            result = self.reopen(has_moved, &mut what);
            if is_lost && result.is_ok() {
                what = LOST;
                result = Err(Errno::NOENT);
            }
        }
        self.report_once(OPENING, what, result);
    }

    /// Opens `current` again by its name, and before it the directory if that has moved.
    ///
    /// # Errors
    /// As [`LogDir::open`] and [`LogDir::open_current`].
    fn reopen(&mut self, has_moved: bool, what: &mut &'static str) -> Result<(), Errno> {
        if has_moved {
            *self.dir = LogDir::open(self.path, 0, what)?;
            *what = CANNOT_OPEN_CURRENT;
        }
        let file = self.dir.open_current()?;
        self.log_file.switch_to(file);
        self.file_opened();
        Ok(())
    }

    /// Rotates, then removes the oldest archives. If the rotation fails, the old file is used until the next attempt.
    fn rotate(&mut self, now: u32) {
        // Unless `file_changed` follows, the rotation has failed.
        self.rotation.failed(now);
        let mut archives = Archives::NONE;
        let mut what = "cannot rotate ";
        let mut result = self.try_to_rotate(now, &mut archives);
        if result == Err(Errno::NOENT) {
            // Another program has moved `current` or the directory.
            return self.check(now);
        }
        if result.is_ok() {
            what = "cannot remove an old log in ";
            result = self.remove_surplus(&mut archives);
            if result.is_err() {
                self.rotation.postpone(now);
            }
        }
        self.report_once(ROTATION, what, result);
    }

    /// Rotates. Adds the archives before it to `archives`.
    ///
    /// # Errors
    /// The first error of a step; `ENOENT` if there is no `current`.
    fn try_to_rotate(&mut self, now: u32, archives: &mut Archives) -> Result<(), Errno> {
        self.dir.list(archives)?;
        let (time, _) = clock::real();
        archives.newest.advance(time)?;
        let file = rotation_steps::rotate(&mut Files { dir: &mut self.dir, archives })?;
        // Only root, or a member of the group, may set it.
        if let Some((mode, group)) = stat::permissions(self.log_file.fd()) {
            let _ = file::set_group(file.fd(), group);
            let _ = file::fchmod(&file, mode);
        }
        self.log_file.switch_to(file);
        self.rotation.file_changed(0, 0, now);
        self.record(time);
        Ok(())
    }

    /// Removes the oldest archives. `archives` are those before the rotation, which has added one.
    fn remove_surplus(&self, archives: &mut Archives) -> Result<(), Errno> {
        let mut surplus = self.rotation.surplus(archives.count + 1);
        while surplus > 0 {
            self.dir.remove_oldest(archives)?;
            surplus -= 1;
            if surplus > 0 {
                self.dir.list(archives)?;
            }
        }
        Ok(())
    }

    /// Reports the error of an operation, but only the first one since its last success.
    fn report_once(&mut self, operation: u8, what: &str, result: Result<(), Errno>) {
        let has_failed = self.failed & operation != 0;
        self.failed &= !operation;
        if let Err(errno) = result {
            self.failed |= operation;
            if !has_failed {
                report(what, self.path, errno);
            }
        }
    }
}

/// The message about lines in a file that has no name any more.
const LOST: &str = "lost the last lines of current in ";

/// Prints the error of an operation on the directory `path`. Returns [`Exit::FAILED`].
fn report(what: &str, path: CliWord, errno: Errno) -> Exit {
    match errno {
        Errno::AGAIN => error(what, path.to_bytes(), ": in use by another process"),
        errno => os_error(what, path.to_bytes(), errno),
    }
}

/// The files of a rotation. The newest archive is the new one.
struct Files<'a> {
    dir: &'a mut LogDir,
    archives: &'a mut Archives,
}

impl LogFiles for Files<'_> {
    type File = File;

    fn archive(&mut self) -> Result<(), Errno> {
        self.dir.archive_current(&self.archives.newest)
    }

    fn create(&mut self) -> Result<File, Errno> {
        self.dir.open_current()
    }

    fn remove_oldest(&mut self) -> Result<(), Errno> {
        self.archives.count = self.archives.count.saturating_sub(1);
        self.dir.remove_oldest(self.archives)
    }

    fn restore(&mut self) -> Result<(), Errno> {
        self.dir.restore_current(&self.archives.newest)
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
        if request == Request::Rotate && !self.rotation.is_empty() {
            self.rotate(now);
        }
    }
}

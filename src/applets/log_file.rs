//! An open file that lines are appended to. dlog and drlog write through [`LogFile`]; dmon calls [`open`] for its status
//! file.
//!
//! [`LogState`] decides which lines are dropped while the file cannot be written. This module does the I/O.

#[cfg(test)]
mod tests;

#[cfg(not(test))]
use super::diag::{error as error_text, os_error};
use core::ffi::c_int;
use pure::cli::option_value::CliWord;
use pure::diag::Line;
use pure::log::lines;
use pure::log::loss::Loss;
use pure::log::on_full::OnFull;
use pure::log::outage::{LogState, Notice, RETRY_INTERVAL};
use pure::log::report_once::ReportOnce;
use pure::text::{Put, first};
use pure::time::Instant;
use pure::unix::Errno;
use sys::file::{File, Mode};
use sys::stat::Kind;
#[cfg(not(test))]
use sys::{clock, fd, file, stat};
#[cfg(test)]
use tests::{clock, error_text, fd, file, os_error, stat};

/// `PIPE_BUF` of pipe(7): a pipe that poll(2) reports as writable accepts this many bytes in one piece.
const PIPE_BUF: usize = 4096;

/// The reason why a log file accepts no data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blocked {
    /// The buffer of a pipe or terminal is full until its reader reads. The next attempt is at this time at the latest.
    BufferFull(Instant),
    /// A write failed; the next attempt is at this time.
    Until(Instant),
    /// The pipe has lost its last reader (EPIPE).
    Broken,
}

/// Appends the line that replaces dropped lines.
pub type LossNotice<'a> = &'a mut dyn FnMut(&mut Line, Loss);

/// What to do after a failed write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovery {
    /// Write again: some space was freed.
    Retry,
    /// Return: the caller will open another file.
    Leave,
    /// The write has failed.
    Fail,
}

/// Opens `path` for appending. A FIFO is opened for reading, too, if its permissions allow it. Then open(2) needs no
/// other reader, and the FIFO keeps its data while readers come and go (fifo(7)).
///
/// # Errors
/// `ENOENT`, `EACCES`, `EISDIR`, `EROFS`, `ENOSPC` (open(2)); `EAGAIN` for a FIFO that grants only write permission and
/// has no reader.
pub fn open(path: CliWord) -> Result<File, Errno> {
    match File::open(path, Mode::Append) {
        Err(Errno::NXIO) => match File::open(path, Mode::Fifo) {
            Err(Errno::ACCES) => Err(Errno::AGAIN),
            other => other,
        },
        Ok(file) if stat::is_fifo(file.fd()) => File::open(path, Mode::Fifo).or(Ok(file)),
        other => other,
    }
}

/// A log file and its state.
pub struct LogFile {
    /// The name in error messages.
    name: &'static [u8],
    /// A FIFO that grants only write permission is not open while it has no reader, nor is a file that was removed.
    file: File,
    /// This is a part of a pipeline, in which the reader sets the pace.
    pub is_stdout: bool,
    kind: Kind,
    on_full: OnFull,
    /// `None`: the file accepts data.
    pub blocked: Option<Blocked>,
    /// The time at which a full FIFO counts as a failed write; `None` if the last write succeeded.
    full_until: Option<Instant>,
    state: LogState,
    /// Lines must reach the disk.
    syncs: bool,
    /// Something was written since the last sync.
    is_dirty: bool,
    report: ReportOnce,
    lost_data: bool,
}

impl LogFile {
    #[must_use]
    #[inline(never)]
    pub fn new(name: &'static [u8], on_full: OnFull, syncs: bool, file: File) -> Self {
        Self {
            name,
            kind: stat::kind(file.fd()),
            file,
            is_stdout: false,
            on_full,
            blocked: None,
            full_until: None,
            state: LogState::NEW,
            syncs,
            is_dirty: false,
            report: ReportOnce::default(),
            lost_data: false,
        }
    }

    /// Syncs and closes the old file, and continues with a new one. Only for a line boundary or a blocked
    /// file, because each file contains whole lines.
    pub fn switch_to(&mut self, file: File) {
        self.sync();
        self.file = file;
        self.blocked = None;
        self.state.file_changed();
    }

    /// Closes a removed file, which the caller reports. Each write fails until [`switch_to`](Self::switch_to).
    /// `is_lost`: lines were written to it that must not be lost.
    pub fn file_removed(&mut self, is_lost: bool) {
        self.file = File::closed();
        self.is_dirty = false;
        self.lost_data |= is_lost;
        let _ = self.report.is_first();
    }

    #[must_use]
    pub const fn fd(&self) -> c_int {
        self.file.fd()
    }

    /// Returns whether the next byte starts a line.
    #[must_use]
    pub const fn at_line_start(&self) -> bool {
        self.state.at_line_start()
    }

    #[must_use]
    pub const fn is_dropping(&self) -> bool {
        self.state.is_dropping()
    }

    /// Returns the number of dropped lines that the file does not report; `None` if there is no outage.
    #[must_use]
    pub fn unreported_lines(&self) -> Option<u64> {
        self.state.notice().map(|notice| notice.loss.lines)
    }

    /// Returns whether lines were dropped or a sync failed.
    #[must_use]
    pub const fn lost_data(&self) -> bool {
        self.lost_data
    }

    /// Returns whether something was written that must still be synced.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Returns the time of the next attempt to end an outage, which requires no new lines; never if there is no outage.
    #[must_use]
    pub const fn retry_at(&self) -> Instant {
        self.state.retry_at()
    }

    /// Returns whether to try now to open a FIFO that had no reader.
    #[must_use]
    pub fn must_open(&self) -> bool {
        self.fd() < 0 && (!self.is_dropping() || self.retry_at() <= clock::now())
    }

    /// Writes or drops `bytes`. Returns the number of bytes that were written or dropped: all, unless
    /// [`blocked`](Self::blocked) says why not.
    ///
    /// `recover` is called with the error of a failed write.
    pub fn write(
        &mut self,
        bytes: &[u8],
        loss_notice: LossNotice,
        recover: &mut dyn FnMut(Errno) -> Recovery,
    ) -> usize {
        if self.is_dropping() && !self.end_outage(loss_notice) {
            self.state.drop_bytes(bytes);
            return bytes.len();
        }
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match self.write_some(rest) {
                Ok(n) => {
                    let n = n as usize;
                    self.state.written(first(rest, n));
                    self.report.succeeded();
                    self.full_until = None;
                    done += n;
                }
                Err(Errno::INTR) => {}
                Err(error) => match recover(error) {
                    Recovery::Retry => {}
                    Recovery::Leave => return done,
                    Recovery::Fail => {
                        let Some(blocked) = self.blocked_by(error) else {
                            self.drop_bytes(rest);
                            return bytes.len();
                        };
                        self.blocked = Some(blocked);
                        return done;
                    }
                },
            }
        }
        done
    }

    /// Reports a failed write. Returns how it blocks the file; `None` if lines are dropped instead.
    fn blocked_by(&mut self, error: Errno) -> Option<Blocked> {
        if error == Errno::AGAIN {
            if self.is_stdout || self.on_full == OnFull::Block {
                return Some(Blocked::BufferFull(Instant::NEVER));
            }
            let now = clock::now();
            let until = *self.full_until.get_or_insert(now.add(RETRY_INTERVAL));
            if now < until {
                return Some(Blocked::BufferFull(until));
            }
            self.full_until = None;
        }
        self.report_once(error);
        if error == Errno::PIPE && self.is_stdout {
            return Some(Blocked::Broken);
        }
        match self.on_full {
            OnFull::Block => Some(Blocked::Until(clock::now().add(RETRY_INTERVAL))),
            OnFull::Drop => None,
        }
    }

    /// Makes one write that never waits for a reader. Returns the number of written bytes: a result of two integers of the
    /// same size is returned in registers.
    fn write_some(&mut self, bytes: &[u8]) -> Result<u32, Errno> {
        let piece = match self.kind {
            Kind::Regular => bytes,
            Kind::Other if self.fd() < 0 => return Err(Errno::NXIO),
            Kind::Other if !fd::is_writable(self.fd()) => return Err(Errno::AGAIN),
            Kind::Other => atomic_piece(bytes),
        };
        let n = file::write(self.fd(), piece)?;
        self.is_dirty = self.syncs;
        Ok(n as u32)
    }

    /// Syncs the file to the disk if that is required. A pipe or terminal has no disk and cannot be synced (EINVAL).
    pub fn sync(&mut self) {
        if !core::mem::take(&mut self.is_dirty) {
            return;
        }
        match file::sync(self.fd()) {
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => {
                // The kernel does not report which bytes are lost.
                self.lost_data = true;
                self.report_once(error);
            }
        }
    }

    fn report_once(&mut self, error: Errno) {
        if self.report.is_first() {
            const WHAT: &str = "cannot write ";
            let _ = match error {
                // A FIFO: the reader is slow, or there is none.
                Errno::AGAIN | Errno::NXIO => error_text(WHAT, self.name, ": nobody reads it"),
                error => os_error(WHAT, self.name, error),
            };
        }
    }

    /// Drops `rest` after a failed write.
    fn drop_bytes(&mut self, rest: &[u8]) {
        self.state.write_failed(rest, clock::now());
        self.lost_data = true;
    }

    /// Tries to end the outage if the time has come. Returns whether it is over.
    fn end_outage(&mut self, loss_notice: LossNotice) -> bool {
        let now = clock::now();
        if now < self.retry_at() {
            return false;
        }
        self.write_loss_notice(loss_notice);
        if self.is_dropping() {
            self.state.write_failed(b"", now);
        }
        !self.is_dropping()
    }

    /// Tries to write the loss notice. If all of it is written, the outage is over.
    pub fn write_loss_notice(&mut self, loss_notice: LossNotice) {
        let Some(Notice { newline, loss }) = self.state.notice() else {
            return;
        };
        let mut line = Line::new();
        line.put(if newline { b"\n" } else { b"" });
        loss_notice(&mut line, loss);
        let n = self.write_some(line.bytes()).unwrap_or(0) as usize;
        if n == line.bytes().len() {
            self.state.notice_written();
            self.report.succeeded();
        } else {
            self.state.written(first(line.bytes(), n));
        }
    }

    /// Drops `rest`, which will never be written.
    pub fn give_up(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.drop_bytes(rest);
        }
    }
}

/// Returns the start of `bytes` that a pipe takes in one piece. It ends at a line boundary if a line fits.
fn atomic_piece(bytes: &[u8]) -> &[u8] {
    let piece = first(bytes, PIPE_BUF.min(bytes.len()));
    let after = if piece.len() < bytes.len() { lines::after_last(piece) } else { None };
    first(piece, piece.len() - after.unwrap_or(0))
}

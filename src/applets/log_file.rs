//! One open file that lines are appended to, and what happens when it cannot be written. Shared by dlog
//! and drlog; dmon opens its status file in the same way.
//!
//! A full disk must not hang the service that logs. So by default lines are dropped and counted until
//! the file can be written again; the count then stands in the gap. The file always holds whole lines:
//! one that was cut off is taken back.

#[cfg(test)]
mod tests;

#[cfg(not(test))]
use super::diag::os_error;
use core::ffi::c_int;
use pure::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use pure::diag::Line;
use pure::log::lines;
use pure::text::{first, skip};
use pure::time::{Duration, Instant};
use pure::unix::Errno;
use sys::file::{File, Kind, Mode};
#[cfg(not(test))]
use sys::{clock, file};
#[cfg(test)]
use tests::{clock, file, os_error};

/// How often a file that cannot be written is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// As much as goes into a pipe with room for anything in one piece, without waiting: PIPE_BUF of pipe(7).
const PIPE_BUF: usize = 4096;

/// What to do with lines that cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnFull {
    /// Drop and count them.
    Drop,
    /// Keep them and let the service wait.
    Block,
}

impl OptionValue for OnFull {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = match value.to_bytes() {
            b"drop" => Self::Drop,
            b"block" => Self::Block,
            _ => return Err("drop or block"),
        };
        Ok(())
    }
}

/// Why nothing can be taken for now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blocked {
    /// Until the reader at the other end has made room.
    BufferFull,
    Until(Instant),
    /// For ever: there is no reader any more.
    Broken,
}

/// A time in which lines are dropped.
#[derive(Clone, Copy, Default)]
struct Outage {
    lines: u64,
    bytes: u64,
    retry_at: Option<Instant>,
    /// The last byte dropped was not the end of a line.
    midline: bool,
    /// The file ends in a piece of a line that could not be taken back.
    torn: bool,
}

/// Makes the line that stands in the gap, from the lines and bytes lost.
pub type LossNotice<'a> = &'a mut dyn FnMut(u64, u64) -> Line;

/// Opens a file for lines at its end. A FIFO is opened for reading too, so that it need not have a reader,
/// and a reader that comes and goes loses nothing (fifo(7)).
///
/// # Errors
/// As open(2).
pub fn open(path: CliWord) -> Result<File, Errno> {
    match File::open(path, Mode::Append) {
        Err(Errno::NXIO) => File::open(path, Mode::Fifo),
        Ok(file) if file::is_fifo(file.fd()) => File::open(path, Mode::Fifo),
        other => other,
    }
}

pub struct LogFile {
    /// For messages.
    name: &'static [u8],
    file: c_int,
    kind: Kind,
    on_full: OnFull,
    pub blocked: Option<Blocked>,
    outage: Option<Outage>,
    /// How many bytes of an unfinished line stand at the end of the file.
    partial: u64,
    /// Lines have to be on the disk some time.
    syncs: bool,
    /// Some are written and not on the disk.
    dirty: bool,
    /// Said once an outage.
    reported: bool,
    lost: bool,
}

impl LogFile {
    #[must_use]
    pub fn new(name: &'static [u8], on_full: OnFull, syncs: bool, file: c_int) -> Self {
        Self {
            name,
            file,
            kind: file::kind(file),
            on_full,
            blocked: None,
            outage: None,
            partial: 0,
            syncs,
            dirty: false,
            reported: false,
            lost: false,
        }
    }

    /// Another file of the same kind from here on; the old one, which must still be open, is left in order. Only at a
    /// border, or when the old one takes no more.
    pub fn switch_to(&mut self, file: &File) {
        self.sync();
        self.file = file.fd();
        self.blocked = None;
        self.partial = 0;
        if let Some(outage) = &mut self.outage {
            outage.torn = false;
        }
    }

    #[must_use]
    pub const fn file(&self) -> c_int {
        self.file
    }

    /// The next byte begins a line.
    #[must_use]
    pub fn at_line_start(&self) -> bool {
        self.partial == 0 && self.outage.is_none_or(|outage| !outage.midline)
    }

    /// Lines are being dropped.
    #[must_use]
    pub const fn is_dropping(&self) -> bool {
        self.outage.is_some()
    }

    #[must_use]
    pub const fn lost_data(&self) -> bool {
        self.lost
    }

    /// Writes these bytes or drops them; says how many of them are dealt with: all, unless `stuck` says
    /// why not. `make_room` may free some of a full disk.
    pub fn write(
        &mut self,
        bytes: &[u8],
        loss_notice: LossNotice,
        make_room: &mut dyn FnMut() -> bool,
    ) -> usize {
        let mut done = 0;
        if self.is_dropping() {
            done = self.end_outage(bytes, loss_notice);
            if self.is_dropping() {
                return done;
            }
        }
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match self.write_some(rest) {
                Ok(n) => {
                    let written = first(rest, n);
                    self.partial = match lines::after_last(written) {
                        Some(after) => after as u64,
                        None => self.partial + n as u64,
                    };
                    done += n;
                    self.reported = false;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.blocked = Some(Blocked::BufferFull);
                    return done;
                }
                Err(Errno::PIPE) => {
                    self.report_once(Errno::PIPE);
                    self.blocked = Some(Blocked::Broken);
                    return done;
                }
                Err(Errno::NOSPC | Errno::DQUOT) if make_room() => {}
                Err(error) => {
                    self.report_once(error);
                    if self.on_full == OnFull::Block {
                        self.blocked = Some(Blocked::Until(clock::now().add(RETRY)));
                        return done;
                    }
                    self.begin_outage(rest);
                    return bytes.len();
                }
            }
        }
        done
    }

    /// One write, which never waits for a reader.
    fn write_some(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        match self.kind {
            Kind::Regular => self.append(bytes),
            Kind::Other if !file::is_writable(self.file) => Err(Errno::AGAIN),
            Kind::Other => self.append(first(bytes, PIPE_BUF.min(bytes.len()))),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        let n = file::write(self.file, bytes)?;
        self.dirty = self.syncs;
        Ok(n)
    }

    /// Some lines have to be put on the disk.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Puts on the disk what was written, if that has to be there. What has no disk behind it cannot be synced and need
    /// not be.
    pub fn sync(&mut self) {
        if !core::mem::take(&mut self.dirty) {
            return;
        }
        match file::sync(self.file) {
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => {
                // Nobody knows how much.
                self.lost = true;
                self.report_once(error);
            }
        }
    }

    fn report_once(&mut self, error: Errno) {
        if !self.reported {
            let _ = os_error("cannot write ", self.name, error);
        }
        self.reported = true;
    }

    /// Nothing more can be written: the piece of a line that was is taken back, `rest` is dropped.
    fn begin_outage(&mut self, rest: &[u8]) {
        let mut outage = Outage { retry_at: Some(clock::now().add(RETRY)), ..Outage::default() };
        outage.torn = self.partial > 0 && file::undo_append(self.file, self.partial).is_err();
        outage.bytes = self.partial;
        outage.drop_all(rest);
        self.partial = 0;
        self.lost = true;
        self.outage = Some(outage);
    }

    /// Tries to end an outage, at a border and not more often than each second; else drops. Says how
    /// many bytes were dropped.
    fn end_outage(&mut self, bytes: &[u8], loss_notice: LossNotice) -> usize {
        let Some(mut outage) = self.outage else {
            return 0;
        };
        let line_end =
            if outage.midline { lines::first_line(bytes).unwrap_or(bytes.len()) } else { 0 };
        let due = outage.retry_at.is_none_or(|at| at <= clock::now());
        let mut dropped = if due { line_end } else { bytes.len() };
        outage.drop_all(first(bytes, dropped));
        self.outage = Some(outage);
        if due && !outage.midline && !self.write_loss_notice(&mut outage, loss_notice) {
            outage.retry_at = Some(clock::now().add(RETRY));
            outage.drop_all(skip(bytes, dropped));
            dropped = bytes.len();
            self.outage = Some(outage);
        }
        dropped
    }

    /// Writes the line in the gap; then the outage is over.
    fn write_loss_notice(&mut self, outage: &mut Outage, loss_notice: LossNotice) -> bool {
        let line = loss_notice(outage.lines, outage.bytes);
        if outage.torn && self.write_some(b"\n").is_err() {
            return false;
        }
        outage.torn = false;
        match self.write_some(line.bytes()) {
            Ok(n) if n == line.bytes().len() => {
                self.outage = None;
                self.reported = false;
                true
            }
            Ok(n) => {
                outage.torn = file::undo_append(self.file, n as u64).is_err();
                false
            }
            Err(_) => false,
        }
    }

    /// The moment at which it is worth trying again without new lines.
    #[must_use]
    pub fn retry_at(&self) -> Option<Instant> {
        self.outage.filter(|outage| !outage.midline).and_then(|outage| outage.retry_at)
    }

    /// What could not be written and never will be.
    pub fn give_up(&mut self, rest: [&[u8]; 2], loss_notice: LossNotice) {
        for rest in rest.into_iter().filter(|rest| !rest.is_empty()) {
            match &mut self.outage {
                Some(outage) => outage.drop_all(rest),
                None => self.begin_outage(rest),
            }
        }
        if let Some(mut outage) = self.outage {
            outage.retry_at = None;
            outage.lines += u64::from(outage.midline);
            outage.midline = false;
            let _ = self.write_loss_notice(&mut outage, loss_notice);
        }
    }
}

impl Outage {
    fn drop_all(&mut self, bytes: &[u8]) {
        self.lines += lines::count(bytes);
        self.bytes += bytes.len() as u64;
        if let Some(last) = bytes.last() {
            self.midline = *last != b'\n';
        }
    }
}

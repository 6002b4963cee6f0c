//! One open file that lines are appended to, and what happens when it cannot be written. Shared by dlog
//! and drlog; dmon opens its status file in the same way.
//!
//! A full disk must not hang the service that logs. So by default lines are dropped and counted until
//! the file can be written again; the count then stands in the gap. The file always holds whole lines:
//! one that was cut off is taken back.

#[cfg(test)]
mod tests;

#[cfg(not(test))]
use super::tell::refused;
use crate::pure::fault::Line;
use crate::pure::lines;
use crate::pure::opts::{Field, Given, Word};
use crate::pure::text::{head, tail};
use crate::pure::time::{Duration, Instant};
use crate::pure::unix::Errno;
use crate::pure::value::Wanted;
use crate::sys::file::{File, Kind, Mode};
#[cfg(not(test))]
use crate::sys::{clock, file};
use core::ffi::c_int;
#[cfg(test)]
use tests::{clock, file, refused};

/// How often a file that cannot be written is tried again.
const RETRY: Duration = Duration::seconds(1);

/// As much as goes into a pipe with room for anything in one piece, without waiting: PIPE_BUF of pipe(7).
const PIECE: usize = 4096;

/// What to do with lines that cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnFull {
    /// Drop and count them.
    Drop,
    /// Keep them and let the service wait.
    Block,
}

impl Field for OnFull {
    fn set(&mut self, Given { word, .. }: Given) -> Result<(), Wanted> {
        *self = match word.to_bytes() {
            b"drop" => Self::Drop,
            b"block" => Self::Block,
            _ => return Err("drop or block"),
        };
        Ok(())
    }
}

/// Why nothing can be taken for now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stuck {
    /// Until the reader at the other end has made room.
    Room,
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
pub type Gap<'a> = &'a mut dyn FnMut(u64, u64) -> Line;

/// Opens a file for lines at its end. A FIFO is opened for reading too, so that it need not have a reader,
/// and a reader that comes and goes loses nothing (fifo(7)).
///
/// # Errors
/// As open(2).
pub fn open(path: Word) -> Result<File, Errno> {
    match File::open(path, Mode::Append) {
        Err(Errno::NXIO) => File::open(path, Mode::Fifo),
        Ok(file) if file::is_fifo(file.number()) => File::open(path, Mode::Fifo),
        other => other,
    }
}

pub struct Store {
    /// For messages.
    name: &'static [u8],
    file: c_int,
    kind: Kind,
    on_full: OnFull,
    pub stuck: Option<Stuck>,
    outage: Option<Outage>,
    /// How many bytes of an unfinished line stand at the end of the file.
    open: u64,
    /// Lines have to be on the disk some time.
    syncs: bool,
    /// Some are written and not on the disk.
    dirty: bool,
    /// Said once an outage.
    said: bool,
    lost: bool,
}

impl Store {
    #[must_use]
    pub fn new(name: &'static [u8], on_full: OnFull, syncs: bool, file: c_int) -> Self {
        Self {
            name,
            file,
            kind: file::kind(file),
            on_full,
            stuck: None,
            outage: None,
            open: 0,
            syncs,
            dirty: false,
            said: false,
            lost: false,
        }
    }

    /// Another file of the same kind from here on; the old one, which must still be open, is left in order. Only at a
    /// border, or when the old one takes no more.
    pub fn turn_to(&mut self, file: &File) {
        self.sync();
        self.file = file.number();
        self.stuck = None;
        self.open = 0;
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
    pub fn at_border(&self) -> bool {
        self.open == 0 && self.outage.is_none_or(|outage| !outage.midline)
    }

    /// Lines are being dropped.
    #[must_use]
    pub const fn is_out(&self) -> bool {
        self.outage.is_some()
    }

    #[must_use]
    pub const fn has_lost(&self) -> bool {
        self.lost
    }

    /// Writes these bytes or drops them; says how many of them are dealt with: all, unless `stuck` says
    /// why not. `make_room` may free some of a full disk.
    pub fn write(&mut self, bytes: &[u8], gap: Gap, make_room: &mut dyn FnMut() -> bool) -> usize {
        let mut done = 0;
        if self.is_out() {
            done = self.end_outage(bytes, gap);
            if self.is_out() {
                return done;
            }
        }
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match self.write_some(rest) {
                Ok(n) => {
                    let written = head(rest, n);
                    self.open = match lines::after_last(written) {
                        Some(after) => after as u64,
                        None => self.open + n as u64,
                    };
                    done += n;
                    self.said = false;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.stuck = Some(Stuck::Room);
                    return done;
                }
                Err(Errno::PIPE) => {
                    self.say(Errno::PIPE);
                    self.stuck = Some(Stuck::Broken);
                    return done;
                }
                Err(Errno::NOSPC | Errno::DQUOT) if make_room() => {}
                Err(error) => {
                    self.say(error);
                    if self.on_full == OnFull::Block {
                        self.stuck = Some(Stuck::Until(clock::now().plus(RETRY)));
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
            Kind::Other if !file::has_room(self.file) => Err(Errno::AGAIN),
            Kind::Other => self.append(head(bytes, PIECE.min(bytes.len()))),
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
                self.say(error);
            }
        }
    }

    fn say(&mut self, error: Errno) {
        if !self.said {
            let _ = refused("cannot write ", self.name, error);
        }
        self.said = true;
    }

    /// Nothing more can be written: the piece of a line that was is taken back, `rest` is dropped.
    fn begin_outage(&mut self, rest: &[u8]) {
        let mut outage = Outage { retry_at: Some(clock::now().plus(RETRY)), ..Outage::default() };
        outage.torn = self.open > 0 && file::take_back(self.file, self.open).is_err();
        outage.bytes = self.open;
        outage.drop_all(rest);
        self.open = 0;
        self.lost = true;
        self.outage = Some(outage);
    }

    /// Tries to end an outage, at a border and not more often than each second; else drops. Says how
    /// many bytes were dropped.
    fn end_outage(&mut self, bytes: &[u8], gap: Gap) -> usize {
        let Some(mut outage) = self.outage else {
            return 0;
        };
        let first =
            if outage.midline { lines::first_line(bytes).unwrap_or(bytes.len()) } else { 0 };
        let due = outage.retry_at.is_none_or(|at| at <= clock::now());
        let mut dropped = if due { first } else { bytes.len() };
        outage.drop_all(head(bytes, dropped));
        self.outage = Some(outage);
        if due && !outage.midline && !self.fill_gap(&mut outage, gap) {
            outage.retry_at = Some(clock::now().plus(RETRY));
            outage.drop_all(tail(bytes, dropped));
            dropped = bytes.len();
            self.outage = Some(outage);
        }
        dropped
    }

    /// Writes the line in the gap; then the outage is over.
    fn fill_gap(&mut self, outage: &mut Outage, gap: Gap) -> bool {
        let line = gap(outage.lines, outage.bytes);
        if outage.torn && self.write_some(b"\n").is_err() {
            return false;
        }
        outage.torn = false;
        match self.write_some(line.bytes()) {
            Ok(n) if n == line.bytes().len() => {
                self.outage = None;
                self.said = false;
                true
            }
            Ok(n) => {
                outage.torn = file::take_back(self.file, n as u64).is_err();
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
    pub fn give_up(&mut self, rest: [&[u8]; 2], gap: Gap) {
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
            let _ = self.fill_gap(&mut outage, gap);
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

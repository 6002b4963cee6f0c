//! What dlog and drlog have in common: lines are dressed, written, put on the disk; HUP and ALRM are
//! obeyed when a line ends; whatever cannot be written waits or is counted.

use super::diag::{self, name};
use super::line_prefix::{LinePrefixer, PrefixOptions};
use super::log_file::{Blocked, LogFile};
use super::pump::{Interest, Out, PrefixBuf, Sink};
use core::ops::Range;
use pure::diag::Line;
use pure::exit::Exit;
use pure::log::lines;
use pure::text::{Put, put_number};
use pure::time::{Duration, Instant, earliest};
use pure::unix::Signal;
use sys::clock;

/// Where whole lines go: dlog's file, drlog's directory.
pub trait LogTarget {
    fn log_file(&self) -> &LogFile;
    fn log_file_mut(&mut self) -> &mut LogFile;

    /// As [`Store::write`].
    fn write(&mut self, bytes: &[u8], loss_notice: super::log_file::LossNotice) -> usize;

    /// HUP, ALRM: called at a border.
    fn on_signal(&mut self, signal: Signal);
}

pub struct LineLogger<'a> {
    target: &'a mut dyn LogTarget,
    /// Nothing is put before the lines: they go through as they are.
    plain: bool,
    out: &'static mut Out,
    /// The part of `out` that is still to be written.
    pending: Range<usize>,
    /// How often lines are put on the disk at the most; else each batch is, before the next is read.
    period: Option<Duration>,
    /// When the next may be.
    sync_at: Option<Instant>,
    /// Signals to obey at the next border.
    reopen: bool,
    rotate: bool,
    prefixer: LinePrefixer<'static>,
}

impl<'a> LineLogger<'a> {
    pub fn new(
        target: &'a mut dyn LogTarget,
        prefix_options: PrefixOptions,
        period: Option<Duration>,
        prefix: &'static mut PrefixBuf,
        out: &'static mut Out,
    ) -> Self {
        Self {
            target,
            prefixer: LinePrefixer::new(prefix_options, prefix),
            plain: prefix_options.is_plain(),
            out,
            pending: 0..0,
            period,
            sync_at: None,
            reopen: false,
            rotate: false,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let Self { target, prefixer, .. } = self;
        target.write(bytes, &mut |lines, bytes| loss_notice(prefixer, lines, bytes))
    }

    fn flush(&mut self) {
        let Self { target, prefixer, out, pending, .. } = self;
        let bytes = out.get(pending.clone()).unwrap_or(&[]);
        pending.start +=
            target.write(bytes, &mut |lines, bytes| loss_notice(prefixer, lines, bytes));
    }

    /// Obeys what was waiting for a border, if this is one, or if nothing more can be written as it is; what could not
    /// be goes elsewhere then, perhaps.
    fn apply_requests(&mut self) {
        let log_file = self.target.log_file();
        if !(self.reopen | self.rotate) || log_file.blocked.is_none() && !log_file.at_line_start() {
            return;
        }
        if core::mem::take(&mut self.reopen) {
            self.target.on_signal(Signal::HUP);
        }
        if core::mem::take(&mut self.rotate) {
            self.target.on_signal(Signal::ALRM);
        }
        self.flush();
    }

    /// Puts on the disk what must be there now.
    fn sync_if_due(&mut self) {
        if !self.target.log_file().is_dirty() || !self.pending.is_empty() {
            return;
        }
        if let Some(period) = self.period {
            let now = clock::now();
            if self.sync_at.is_some_and(|at| now < at) {
                return;
            }
            self.sync_at = Some(now.add(period));
        }
        self.target.log_file_mut().sync();
    }
}

/// The line that stands where others were lost.
fn loss_notice(prefixer: &mut LinePrefixer, lines: u64, bytes: u64) -> Line {
    let mut line = Line::new();
    prefixer.put_prefix(&mut line);
    line.put(name().as_bytes());
    line.put(b": ");
    put_number(&mut line, lines);
    line.put(b" lines (");
    put_number(&mut line, bytes);
    line.put(b" bytes) lost\n");
    line
}

impl Sink for LineLogger<'_> {
    fn take(&mut self, batch: &[u8]) -> usize {
        let waiting = self.reopen || self.rotate;
        let first = if waiting { lines::first_line(batch) } else { None };
        let batch = first.and_then(|end| batch.get(..end)).unwrap_or(batch);
        let taken = if self.plain {
            self.write(batch)
        } else {
            let (taken, put) = self.prefixer.prefix(batch, self.out);
            self.pending = 0..put;
            self.flush();
            taken
        };
        if waiting {
            self.apply_requests();
        }
        taken
    }

    fn batch_done(&mut self) {
        self.prefixer.new_batch = true;
        self.sync_if_due();
    }

    fn interest(&self) -> Interest {
        let log_file = self.target.log_file();
        let sync_at = self.sync_at.filter(|_| log_file.is_dirty());
        match log_file.blocked {
            Some(Blocked::BufferFull) => {
                Interest { blocked: true, room: Some(log_file.file()), ..Interest::default() }
            }
            Some(Blocked::Until(at)) => {
                Interest { blocked: true, at: Some(at), ..Interest::default() }
            }
            Some(Blocked::Broken) => Interest { broken: true, ..Interest::default() },
            None => Interest { at: earliest(log_file.retry_at(), sync_at), ..Interest::default() },
        }
    }

    fn retry(&mut self) {
        self.target.log_file_mut().blocked = None;
        self.flush();
        self.apply_requests();
        self.sync_if_due();
    }

    fn on_signal(&mut self, signal: Signal) {
        self.reopen |= signal == Signal::HUP;
        self.rotate |= signal == Signal::ALRM;
        self.apply_requests();
    }

    fn end(&mut self) {
        if let (false, Some(newline)) =
            (self.target.log_file().at_line_start(), self.out.first_mut())
        {
            *newline = b'\n';
            self.pending = 0..1;
            self.flush();
        }
        self.sync_at = None;
        self.sync_if_due();
    }

    fn close(&mut self, rest: &[u8]) -> Exit {
        let Self { target, prefixer, out, pending, .. } = self;
        let pending = out.get(pending.clone()).unwrap_or(&[]);
        let mut lost = 0;
        target.log_file_mut().give_up([pending, rest], &mut |lines, bytes| {
            lost = lines;
            loss_notice(prefixer, lines, bytes)
        });
        target.log_file_mut().sync();
        if target.log_file().is_dropping() {
            // The log has no room for it.
            diag::count("lines lost: ", lost);
        }
        if target.log_file().lost_data() { Exit::DATA_LOST } else { Exit::SUCCESS }
    }
}

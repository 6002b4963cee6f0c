//! What dlog and drlog have in common: lines are dressed, written, put on the disk; HUP and ALRM are
//! obeyed when a line ends; whatever cannot be written waits or is counted.

use super::dress::{Dresser, Style};
use super::pump::{Front, Needs, Out, Sink};
use super::store::{Store, Stuck};
use super::tell::{self, speaker};
use crate::pure::fault::{Exit, Line};
use crate::pure::lines;
use crate::pure::text::{Put, put_number};
use crate::pure::time::{Duration, Instant, sooner};
use crate::pure::unix::Signal;
use crate::sys::clock;
use core::ops::Range;

/// Where whole lines go: dlog's file, drlog's directory.
pub trait Target {
    fn store(&self) -> &Store;
    fn store_mut(&mut self) -> &mut Store;

    /// As [`Store::write`].
    fn write(&mut self, bytes: &[u8], gap: super::store::Gap) -> usize;

    /// HUP, ALRM: called at a border.
    fn hear(&mut self, signal: Signal);
}

pub struct Logger<'a> {
    target: &'a mut dyn Target,
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
    dresser: Dresser<'static>,
}

impl<'a> Logger<'a> {
    pub fn new(
        target: &'a mut dyn Target,
        style: Style,
        period: Option<Duration>,
        front: &'static mut Front,
        out: &'static mut Out,
    ) -> Self {
        Self {
            target,
            dresser: Dresser::new(style, front),
            plain: style.is_plain(),
            out,
            pending: 0..0,
            period,
            sync_at: None,
            reopen: false,
            rotate: false,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let Self { target, dresser, .. } = self;
        target.write(bytes, &mut |lines, bytes| gap(dresser, lines, bytes))
    }

    fn flush(&mut self) {
        let Self { target, dresser, out, pending, .. } = self;
        let bytes = out.get(pending.clone()).unwrap_or(&[]);
        pending.start += target.write(bytes, &mut |lines, bytes| gap(dresser, lines, bytes));
    }

    /// Obeys what was waiting for a border, if this is one, or if nothing more can be written as it is; what could not
    /// be goes elsewhere then, perhaps.
    fn obey(&mut self) {
        let store = self.target.store();
        if !(self.reopen | self.rotate) || store.stuck.is_none() && !store.at_border() {
            return;
        }
        if core::mem::take(&mut self.reopen) {
            self.target.hear(Signal::HUP);
        }
        if core::mem::take(&mut self.rotate) {
            self.target.hear(Signal::ALRM);
        }
        self.flush();
    }

    /// Puts on the disk what must be there now.
    fn settle(&mut self) {
        if !self.target.store().is_dirty() || !self.pending.is_empty() {
            return;
        }
        if let Some(period) = self.period {
            let now = clock::now();
            if self.sync_at.is_some_and(|at| now < at) {
                return;
            }
            self.sync_at = Some(now.plus(period));
        }
        self.target.store_mut().sync();
    }
}

/// The line that stands where others were lost.
fn gap(dresser: &mut Dresser, lines: u64, bytes: u64) -> Line {
    let mut line = Line::new();
    dresser.put_front(&mut line);
    line.put(speaker().as_bytes());
    line.put(b": ");
    put_number(&mut line, lines);
    line.put(b" lines (");
    put_number(&mut line, bytes);
    line.put(b" bytes) lost\n");
    line
}

impl Sink for Logger<'_> {
    fn take(&mut self, batch: &[u8]) -> usize {
        let waiting = self.reopen || self.rotate;
        let first = if waiting { lines::first_line(batch) } else { None };
        let batch = first.and_then(|end| batch.get(..end)).unwrap_or(batch);
        let taken = if self.plain {
            self.write(batch)
        } else {
            let (taken, put) = self.dresser.dress(batch, self.out);
            self.pending = 0..put;
            self.flush();
            taken
        };
        if waiting {
            self.obey();
        }
        taken
    }

    fn rest(&mut self) {
        self.dresser.fresh = true;
        self.settle();
    }

    fn needs(&self) -> Needs {
        let store = self.target.store();
        let sync_at = self.sync_at.filter(|_| store.is_dirty());
        match store.stuck {
            Some(Stuck::Room) => {
                Needs { stuck: true, room: Some(store.file()), ..Needs::default() }
            }
            Some(Stuck::Until(at)) => Needs { stuck: true, at: Some(at), ..Needs::default() },
            Some(Stuck::Broken) => Needs { broken: true, ..Needs::default() },
            None => Needs { at: sooner(store.retry_at(), sync_at), ..Needs::default() },
        }
    }

    fn go_on(&mut self) {
        self.target.store_mut().stuck = None;
        self.flush();
        self.obey();
        self.settle();
    }

    fn hear(&mut self, signal: Signal) {
        self.reopen |= signal == Signal::HUP;
        self.rotate |= signal == Signal::ALRM;
        self.obey();
    }

    fn end(&mut self) {
        if let (false, Some(newline)) = (self.target.store().at_border(), self.out.first_mut()) {
            *newline = b'\n';
            self.pending = 0..1;
            self.flush();
        }
        self.sync_at = None;
        self.settle();
    }

    fn close(&mut self, rest: &[u8]) -> Exit {
        let Self { target, dresser, out, pending, .. } = self;
        let pending = out.get(pending.clone()).unwrap_or(&[]);
        let mut lost = 0;
        target.store_mut().give_up([pending, rest], &mut |lines, bytes| {
            lost = lines;
            gap(dresser, lines, bytes)
        });
        target.store_mut().sync();
        if target.store().is_out() {
            // The log has no room for it.
            tell::count("lines lost: ", lost);
        }
        if target.store().has_lost() { Exit::LOST } else { Exit::FINE }
    }
}

//! The sink of dlog and drlog: it puts a prefix before each line and writes it to the applet's target.
//!
//! A request waits for a line boundary, so that each file contains whole lines. It waits at most until the next piece of
//! a line that is longer than a batch or arrives slowly, and at most [`REQUEST_DELAY`].

use super::line_options::LineConfig;
use super::log_file::{Blocked, LogFile, LossNotice};
use super::logger::{Buffers, Out, put_loss_notice, report_lost_lines};
use super::pump::pump;
use super::sink::{Interest, Lines, Request, Sink, SinkState};
use core::ops::Range;
use pure::diag::Line;
use pure::exit::Exit;
use pure::log::line_prefix::{Copied, LinePrefixer, PrefixOptions};
use pure::log::lines;
use pure::log::loss::Loss;
use pure::log::timestamp::TimestampFormat;
use pure::text::first;
use pure::time::{Duration, Instant};
use sys::{clock, poll};

/// The time that a request waits for a line boundary. Chosen: the time that an incomplete line waits for its newline.
const REQUEST_DELAY: Duration = Duration::from_secs(1);

/// The target of whole lines: dlog's file, drlog's directory.
pub trait LogTarget {
    fn log_file(&mut self) -> &mut LogFile;

    /// Writes or drops `bytes`, as [`LogFile::write`] does. Returns their number.
    fn write(&mut self, bytes: &[u8], loss_notice: LossNotice) -> usize;

    /// Handles a request. Called at a line boundary, if one comes in time.
    fn handle(&mut self, request: Request);
}

/// Logs the input to `target` until the input ends or a signal stops the logger.
///
/// # Errors
/// [`Exit::FAILED`] if the input cannot be read.
pub fn run(
    target: &mut dyn LogTarget,
    config: &mut LineConfig,
    buffers: &'static mut Buffers,
) -> Result<Exit, Exit> {
    let Buffers { prefix, batch, out } = buffers;
    let options = PrefixOptions {
        timestamp: config.timestamp,
        text: config.prefix,
        skip_empty: config.logger.skip_empty,
    };
    let mut logger = LineLogger {
        target,
        prefixer: LinePrefixer::new(options, prefix),
        is_identity: options.is_identity(),
        out,
        pending: 0..0,
        sync_interval: config.sync_interval,
        next_sync: Instant::START,
        reopens: false,
        rotates: false,
        requests_until: Instant::NEVER,
    };
    pump(Lines::Whole, &mut config.logger, batch, &mut logger)
}

struct LineLogger<'a> {
    target: &'a mut dyn LogTarget,
    prefixer: LinePrefixer<'static>,
    /// The lines stay unchanged: the input is written without a copy.
    is_identity: bool,
    out: &'static mut Out,
    /// The part of `out` that is not written yet.
    pending: Range<usize>,
    sync_interval: Option<Duration>,
    /// Earliest time of the next sync.
    next_sync: Instant,
    /// Requests that wait for a line boundary.
    reopens: bool,
    rotates: bool,
    /// The time at which they wait no longer; never if there are none.
    requests_until: Instant,
}

impl LineLogger<'_> {
    /// Writes `batch`. Returns the number of bytes that were taken.
    fn take_lines(&mut self, batch: &[u8]) -> usize {
        if self.is_identity {
            write(self.target, &mut self.prefixer, batch)
        } else {
            self.copy(batch)
        }
    }

    /// Writes one line, for whose end the requests wait.
    #[inline(never)]
    fn take_line(&mut self, mut batch: &[u8]) -> usize {
        match lines::first_line(batch) {
            Some(end) => batch = first(batch, end),
            None => self.apply_requests(),
        }
        let taken = self.take_lines(batch);
        self.apply_requests_at_boundary();
        taken
    }

    /// Copies `batch` with prefixes to the output, and writes it. Returns the number of bytes that were taken.
    fn copy(&mut self, batch: &[u8]) -> usize {
        let Copied { taken, written } = self.prefixer.copy_lines(batch, &mut self.out[..]);
        self.pending = 0..written;
        self.flush();
        taken
    }

    /// Sets the time of the lines that begin now. If the input continues a line, that line keeps its time.
    #[inline(never)]
    fn set_time(&mut self, continues: bool) {
        let time = time(&self.prefixer);
        if continues {
            self.prefixer.set_next_time(time);
        } else {
            self.prefixer.set_time(time);
        }
    }

    /// Writes the pending output.
    fn flush(&mut self) {
        let Self { target, prefixer, out, pending, .. } = self;
        pending.start += write(*target, prefixer, part(out, pending));
    }

    /// Handles the waiting requests at a line boundary. If the log file is blocked, handles them at once, because a new
    /// file may accept the pending output.
    fn apply_requests_at_boundary(&mut self) {
        let log_file = self.target.log_file();
        if log_file.blocked.is_some() || log_file.at_line_start() {
            self.apply_requests();
        }
    }

    fn has_requests(&self) -> bool {
        self.requests_until < Instant::NEVER
    }

    /// Handles the waiting requests.
    fn apply_requests(&mut self) {
        if !self.has_requests() {
            return;
        }
        self.requests_until = Instant::NEVER;
        // Reopen comes first, so that Rotate applies to the file that has the name.
        if core::mem::take(&mut self.reopens) {
            self.target.handle(Request::Reopen);
        }
        if core::mem::take(&mut self.rotates) {
            self.target.handle(Request::Rotate);
        }
        self.flush();
    }

    /// Syncs the log file if all output is written and the sync interval has passed.
    fn sync_if_due(&mut self) {
        if !self.target.log_file().is_dirty() || !self.pending.is_empty() {
            return;
        }
        if let Some(interval) = self.sync_interval {
            let now = clock::now();
            if now < self.next_sync {
                return;
            }
            self.next_sync = now.add(interval);
        }
        self.target.log_file().sync();
    }
}

/// Returns a part of the output.
#[inline(never)]
fn part<'a>(out: &'a Out, part: &Range<usize>) -> &'a [u8] {
    out.get(part.clone()).unwrap_or(&[])
}

/// Writes or drops `bytes`. Returns their number.
fn write(target: &mut dyn LogTarget, prefixer: &mut LinePrefixer, bytes: &[u8]) -> usize {
    target.write(bytes, &mut |line, loss| put_notice(prefixer, line, loss))
}

/// Appends the line that replaces dropped lines.
fn put_notice(prefixer: &mut LinePrefixer, line: &mut Line, loss: Loss) {
    prefixer.set_time(time(prefixer));
    prefixer.put_prefix(line);
    put_loss_notice(line, loss, " lost");
}

/// Returns the time of a timestamp. Without timestamps, it reads no clock.
fn time(prefixer: &LinePrefixer) -> (i64, u32) {
    match prefixer.timestamp() {
        Some(TimestampFormat::Mono) => clock::monotonic(),
        Some(_) => clock::real(),
        None => (0, 0),
    }
}

impl Sink for LineLogger<'_> {
    fn input_arrived(&mut self, continues: bool) {
        if !self.is_identity {
            self.set_time(continues);
        }
    }

    fn take(&mut self, batch: &[u8]) -> usize {
        if self.has_requests() { self.take_line(batch) } else { self.take_lines(batch) }
    }

    fn batch_done(&mut self) {
        self.sync_if_due();
    }

    fn interest(&mut self) -> Interest {
        let log_file = self.target.log_file();
        let (state, writable, at) = match log_file.blocked {
            None => {
                let mut at = self.requests_until.min(log_file.retry_at());
                if log_file.is_dirty() {
                    at = at.min(self.next_sync);
                }
                (SinkState::Ready, poll::NONE, at)
            }
            Some(Blocked::BufferFull(at)) => (SinkState::Blocked, log_file.fd(), at),
            Some(Blocked::Until(at)) => (SinkState::Blocked, poll::NONE, at),
            Some(Blocked::Broken) => (SinkState::Broken, poll::NONE, Instant::NEVER),
        };
        Interest { state, writable, at }
    }

    fn retry(&mut self) {
        self.target.log_file().blocked = None;
        self.flush();
        self.apply_requests();
        self.sync_if_due();
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Reopen => self.reopens = true,
            Request::Rotate => self.rotates = true,
        }
        self.requests_until = self.requests_until.min(clock::after(REQUEST_DELAY));
        self.apply_requests_at_boundary();
    }

    fn end(&mut self) {
        // The sink is ready, so `out` contains no pending output.
        if let (false, Some(newline)) =
            (self.target.log_file().at_line_start(), self.out.first_mut())
        {
            *newline = b'\n';
            self.pending = 0..1;
            self.flush();
        }
        self.next_sync = Instant::START;
        self.sync_if_due();
    }

    fn close(&mut self, rest: &[u8]) -> Exit {
        let Self { target, prefixer, out, pending, .. } = self;
        let log_file = target.log_file();
        log_file.give_up(part(out, pending));
        log_file.give_up(rest);
        log_file.write_loss_notice(&mut |line, loss| put_notice(prefixer, line, loss));
        log_file.sync();
        if let Some(lines) = log_file.unreported_lines() {
            // The log has no space for the loss notice.
            report_lost_lines(lines);
        }
        if log_file.lost_data() { Exit::DATA_LOST } else { Exit::SUCCESS }
    }
}

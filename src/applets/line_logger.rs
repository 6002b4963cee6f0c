//! The sink of dlog and drlog: it puts a prefix before each line and writes it to the applet's target.
//!
//! A request waits for a line boundary, so that each file contains whole lines.

use super::diag::name;
use super::log_file::{Blocked, LogFile, LossNotice};
use super::logger::{Buffers, Out, report_lost_lines};
use super::pump::{Interest, Request, Sink, SinkState, pump};
use core::ffi::c_int;
use core::ops::Range;
use pure::diag::Line;
use pure::exit::Exit;
use pure::log::line_prefix::{Copied, LinePrefixer, PrefixOptions};
use pure::log::lines;
use pure::log::loss::{self, Loss};
use pure::log::timestamp::Clock;
use pure::text::{Put, Writer};
use pure::time::{Duration, Instant, earliest};
use sys::clock;
use ufmt::uwrite;

/// The target of whole lines: dlog's file, drlog's directory.
pub trait LogTarget {
    fn log_file(&self) -> &LogFile;
    fn log_file_mut(&mut self) -> &mut LogFile;

    /// Writes or drops `bytes`, as [`LogFile::write`] does. Returns their number.
    fn write(&mut self, bytes: &[u8], loss_notice: LossNotice) -> usize;

    /// Handles a request. Called at a line boundary, or if the log file is blocked.
    fn handle(&mut self, request: Request);
}

/// Options of a line logger.
pub struct LineOptions {
    /// The descriptor to read.
    pub input: c_int,
    pub prefix: PrefixOptions,
    /// Minimum time between two syncs; `None`: sync after each batch.
    pub sync_interval: Option<Duration>,
}

/// Logs the input to `target` until the input ends or a signal stops the logger.
///
/// # Errors
/// [`Exit::FAILED`] if the input cannot be read.
pub fn run(
    target: &mut dyn LogTarget,
    options: &LineOptions,
    buffers: &'static mut Buffers,
) -> Result<Exit, Exit> {
    let Buffers { prefix, batch, out } = buffers;
    let mut logger = LineLogger {
        target,
        prefixer: LinePrefixer::new(options.prefix, prefix),
        is_identity: options.prefix.is_identity(),
        is_new_batch: true,
        out,
        pending: 0..0,
        sync_interval: options.sync_interval,
        next_sync: None,
        requests: RequestSet::default(),
    };
    pump(options.input, batch, &mut logger)
}

struct LineLogger<'a> {
    target: &'a mut dyn LogTarget,
    prefixer: LinePrefixer<'static>,
    /// The lines stay unchanged: the input is written without a copy.
    is_identity: bool,
    /// The next bytes start a batch, whose lines get a new timestamp.
    is_new_batch: bool,
    out: &'static mut Out,
    /// The part of `out` that is not written yet.
    pending: Range<usize>,
    sync_interval: Option<Duration>,
    /// Earliest time of the next sync; `None`: at once.
    next_sync: Option<Instant>,
    /// Requests that wait for a line boundary.
    requests: RequestSet,
}

/// A set of requests, each at most once.
#[derive(Default)]
struct RequestSet {
    bits: u8,
}

impl RequestSet {
    const fn bit(request: Request) -> u8 {
        match request {
            Request::Reopen => 1,
            Request::Rotate => 2,
        }
    }

    const fn is_empty(&self) -> bool {
        self.bits == 0
    }

    const fn insert(&mut self, request: Request) {
        self.bits |= Self::bit(request);
    }

    /// Empties the set. Reopen comes first, so that Rotate applies to the file that has the name.
    fn take(&mut self) -> impl Iterator<Item = Request> + use<> {
        let bits = core::mem::take(&mut self.bits);
        let all = [Request::Reopen, Request::Rotate];
        all.into_iter().filter(move |request| bits & Self::bit(*request) != 0)
    }
}

impl LineLogger<'_> {
    fn write(&mut self, bytes: &[u8]) -> usize {
        let Self { target, prefixer, .. } = self;
        target.write(bytes, &mut |loss| loss_notice(prefixer, loss))
    }

    /// Writes the pending output.
    fn flush(&mut self) {
        let Self { target, prefixer, out, pending, .. } = self;
        let bytes = out.get(pending.clone()).unwrap_or(&[]);
        pending.start += target.write(bytes, &mut |loss| loss_notice(prefixer, loss));
    }

    /// Handles the waiting requests at a line boundary. If the log file is blocked, handles them at once, because a new
    /// file may accept the pending output.
    fn apply_requests(&mut self) {
        let log_file = self.target.log_file();
        if self.requests.is_empty() || log_file.blocked.is_none() && !log_file.at_line_start() {
            return;
        }
        for request in self.requests.take() {
            self.target.handle(request);
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
            if self.next_sync.is_some_and(|at| now < at) {
                return;
            }
            self.next_sync = Some(now.add(interval));
        }
        self.target.log_file_mut().sync();
    }
}

/// Formats the line that replaces dropped lines.
fn loss_notice(prefixer: &mut LinePrefixer, Loss { lines, bytes }: Loss) -> Line {
    let mut line = Line::new();
    set_time(prefixer);
    prefixer.put_prefix(&mut line);
    let Ok(()) = uwrite!(Writer(&mut line), "{}: ", name());
    loss::put_notice(&mut line, lines, Some(bytes));
    line.put(b"\n");
    line
}

/// Sets the timestamp of the next lines to the present. Without timestamps, it reads no clock.
fn set_time(prefixer: &mut LinePrefixer) {
    let time = match prefixer.clock() {
        Some(Clock::Real) => clock::real(),
        Some(Clock::Monotonic) => clock::monotonic(),
        None => (0, 0),
    };
    prefixer.set_time(time);
}

impl Sink for LineLogger<'_> {
    fn take(&mut self, batch: &[u8]) -> usize {
        let has_requests = !self.requests.is_empty();
        // A request waits for the end of this line.
        let line_end = if has_requests { lines::first_line(batch) } else { None };
        let batch = line_end.and_then(|end| batch.get(..end)).unwrap_or(batch);
        let taken = if self.is_identity {
            self.write(batch)
        } else {
            if core::mem::take(&mut self.is_new_batch) {
                set_time(&mut self.prefixer);
            }
            let Copied { taken, written } = self.prefixer.copy_lines(batch, self.out);
            self.pending = 0..written;
            self.flush();
            taken
        };
        if has_requests {
            self.apply_requests();
        }
        taken
    }

    fn batch_done(&mut self) {
        self.is_new_batch = true;
        self.sync_if_due();
    }

    fn interest(&self) -> Interest {
        let log_file = self.target.log_file();
        let next_sync = self.next_sync.filter(|_| log_file.is_dirty());
        let (state, writable, at) = match log_file.blocked {
            None => (SinkState::Ready, None, earliest(log_file.retry_at(), next_sync)),
            Some(Blocked::BufferFull) => (SinkState::Blocked, Some(log_file.fd()), None),
            Some(Blocked::Until(at)) => (SinkState::Blocked, None, Some(at)),
            Some(Blocked::Broken) => (SinkState::Broken, None, None),
        };
        Interest { state, writable, at }
    }

    fn retry(&mut self) {
        self.target.log_file_mut().blocked = None;
        self.flush();
        self.apply_requests();
        self.sync_if_due();
    }

    fn handle(&mut self, request: Request) {
        self.requests.insert(request);
        self.apply_requests();
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
        self.next_sync = None;
        self.sync_if_due();
    }

    fn close(&mut self, rest: &[u8]) -> Exit {
        let Self { target, prefixer, out, pending, .. } = self;
        let pending = out.get(pending.clone()).unwrap_or(&[]);
        let mut lost_lines = 0;
        target.log_file_mut().give_up([pending, rest], &mut |loss| {
            lost_lines = loss.lines;
            loss_notice(prefixer, loss)
        });
        target.log_file_mut().sync();
        if target.log_file().is_dropping() {
            // The log has no space for the loss notice.
            report_lost_lines(lost_lines);
        }
        if target.log_file().lost_data() { Exit::DATA_LOST } else { Exit::SUCCESS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_once_and_reopen_comes_first() {
        let mut requests = RequestSet::default();
        assert!(requests.is_empty());
        for request in [Request::Rotate, Request::Reopen, Request::Rotate] {
            requests.insert(request);
        }
        assert!(!requests.is_empty());
        assert!(requests.take().eq([Request::Reopen, Request::Rotate]));
        assert!(requests.is_empty());
        requests.insert(Request::Rotate);
        assert!(requests.take().eq([Request::Rotate]));
    }
}

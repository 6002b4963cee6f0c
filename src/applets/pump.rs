//! The main loop of the loggers: it reads batches of input for a sink. `line_logger::run` and dsyslog call it.
//!
//! SIGHUP and SIGALRM become [`Request`]s to the sink. After SIGTERM or SIGINT, the loop passes on the bytes that the pipe
//! contains at that moment, then ends. While the sink is blocked, the loop reads nothing, but still handles signals.
//!
//! A sink may want whole lines. Then an incomplete line at the end of the input so far stays in the buffer until its
//! newline arrives. It is passed on as it is after [`HOLD_TIME`], at the end of the input, and if it is as long as a
//! batch.

use super::diag::os_error;
use super::wait::wait;
use core::ffi::c_int;
use core::ops::Range;
use pure::exit::Exit;
use pure::log::lines;
use pure::log::loss::Loss;
use pure::log::rate::{RateLimit, RateLimiter};
use pure::text::first;
use pure::time::{Duration, Instant, earliest};
use pure::unix::{Errno, Signal};
use sys::signal::SignalSet;
use sys::{clock, fd, file, signal};

/// The default capacity of a pipe (pipe(7)), so that one read empties it.
pub const BATCH_SIZE: usize = 64 << 10;

/// Memory for the input: one batch after an incomplete line, which is shorter than a batch.
pub type Batch = [u8; 2 * BATCH_SIZE];

/// The time that an incomplete line waits for its newline. Chosen: longer than a program takes to write a line in
/// pieces, short enough to see a prompt or the last words of a command that hangs.
const HOLD_TIME: Duration = Duration::from_secs(1);

/// Time for the sink to store the rest after SIGTERM. Chosen: one second; a service manager that cannot wait sends
/// SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(1);

/// The signals that the loop handles.
const CAUGHT: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::ALRM];

/// The signals that the loop blocks, because they would end the logger: those that dmon forwards, and SIGPIPE and
/// SIGXFSZ, so that a failing write returns an error. A handler would need one more call for each.
const BLOCKED: [Signal; 5] = [Signal::QUIT, Signal::USR1, Signal::USR2, Signal::PIPE, Signal::XFSZ];

/// A request to a running logger, sent as a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// SIGHUP: open the log file again by its name.
    Reopen,
    /// SIGALRM: rotate the log file.
    Rotate,
}

/// The signal of each request.
const REQUESTS: [(Signal, Request); 2] =
    [(Signal::HUP, Request::Reopen), (Signal::ALRM, Request::Rotate)];

/// The destination of the input.
pub trait Sink {
    /// Called when input has arrived. `continues` is true if it continues a line that has arrived before and that the
    /// sink does not have yet.
    fn input_arrived(&mut self, _continues: bool) {}

    /// Takes bytes from the start of `batch`. With [`Lines::Whole`] it consists of whole lines, or of a piece of a line
    /// without its newline. Returns their number, which is 0 only if the sink is no longer [`SinkState::Ready`].
    fn take(&mut self, batch: &[u8]) -> usize;

    /// Logs a report of lines that `--rate` has held back. The sink is ready, and at the start of a line.
    fn report_held_back(&mut self, loss: Loss);

    /// Called when the sink has taken a whole batch, and the loop will wait for input.
    fn batch_done(&mut self);

    /// Returns the events that the sink waits for.
    fn interest(&self) -> Interest;

    /// Called when an event of [`Self::interest`] has occurred.
    fn retry(&mut self);

    /// Handles a request.
    fn handle(&mut self, request: Request);

    /// Handles the end of the input: completes the last line. The sink may be blocked afterwards, and continues in
    /// [`Self::retry`].
    fn end(&mut self);

    /// Gives up all data that is not stored, and `rest`, which was not taken. Returns the exit status of the logger.
    fn close(&mut self, rest: &[u8]) -> Exit;
}

/// The pieces of lines that a sink takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Only those of lines that are late or as long as a batch.
    Whole,
    /// All, without delay.
    InPieces,
}

/// Whether a sink takes input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SinkState {
    Ready,
    /// Not before an event of its [`Interest`].
    Blocked,
    /// Never again.
    Broken,
}

/// The events that a sink waits for.
#[derive(Clone, Copy)]
pub struct Interest {
    pub state: SinkState,
    /// Call [`Sink::retry`] when this descriptor can be written.
    pub writable: Option<c_int>,
    /// Call [`Sink::retry`] at this time.
    pub at: Option<Instant>,
}

/// The state of the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// After SIGTERM, SIGINT or the end of the input. The number of bytes that remain to be read.
    Draining(usize),
    /// [`Sink::end`] was called.
    Ended,
}

/// The state of the loop.
struct Pump<'a> {
    input: c_int,
    input_state: Input,
    lines: Lines,
    /// `None` without `--rate`.
    limiter: Option<RateLimiter>,
    buffer: &'a mut Batch,
    /// The part of `buffer` that the sink can take.
    batch: Range<usize>,
    /// The incomplete line that follows the lines of the batch.
    piece: Range<usize>,
    /// The time to pass on the incomplete line. `None` until the loop has found that the pipe is empty.
    hold_until: Option<Instant>,
    /// Signals to block during a wait.
    mask: SignalSet,
    /// Time to close the sink. `None` before the first SIGTERM or SIGINT.
    deadline: Option<Instant>,
    /// The error of an input that cannot be read.
    read_error: Result<(), Exit>,
}

/// Pumps `input` into `sink` until the input ends, the sink breaks, or a signal stops it. Returns the exit status
/// from the sink.
///
/// # Errors
/// [`Exit::FAILED`] if `input` cannot be read. The sink has stored everything that was read before.
pub fn pump(
    input: c_int,
    lines: Lines,
    rate: RateLimit,
    buffer: &mut Batch,
    sink: &mut dyn Sink,
) -> Result<Exit, Exit> {
    let failed = |error| os_error("cannot catch signals", b"", error);
    let (_, mask) = signal::catch_all(&CAUGHT, &BLOCKED).map_err(failed)?;
    let mut pump = Pump {
        input,
        input_state: Input::Open,
        lines,
        limiter: RateLimiter::new(rate),
        buffer,
        batch: 0..0,
        piece: 0..0,
        hold_until: None,
        mask,
        deadline: None,
        read_error: Ok(()),
    };
    let exit = loop {
        let interest = sink.interest();
        match (interest.state, pump.input_state) {
            (SinkState::Broken, _) => break sink.close(pump.rest()),
            (SinkState::Ready, _) if pump.has_output() => pump.feed(sink),
            (SinkState::Ready, Input::Draining(left)) => pump.drain(left, sink),
            (SinkState::Ready, Input::Ended) => break sink.close(&[]),
            (SinkState::Ready, Input::Open) | (SinkState::Blocked, _) => {
                if pump.wait(interest, sink) == Deadline::Passed {
                    break sink.close(pump.rest());
                }
            }
        }
    };
    pump.read_error.map(|()| exit)
}

/// Whether the deadline after SIGTERM or SIGINT has passed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deadline {
    /// Not yet, or there is none.
    Pending,
    Passed,
}

impl Pump<'_> {
    /// Returns all bytes that the sink has not taken.
    fn rest(&self) -> &[u8] {
        self.buffer.get(self.batch.start..self.piece.end).unwrap_or(&[])
    }

    /// Returns whether there is something for the sink.
    fn has_output(&self) -> bool {
        !self.batch.is_empty() || self.limiter.as_ref().is_some_and(RateLimiter::has_report)
    }

    /// Makes `lines` the batch, as far as the limiter passes them. The rest of the input is an incomplete line.
    fn set_batch(&mut self, lines: Range<usize>) {
        self.piece.start = lines.end;
        self.hold_until = None;
        self.batch = lines;
        if let (Some(limiter), Some(bytes)) =
            (&mut self.limiter, self.buffer.get(self.batch.clone()))
        {
            let part = limiter.limit(bytes, clock::now());
            self.batch = self.batch.start + part.start..self.batch.start + part.end;
        }
    }

    /// Makes the incomplete line the batch.
    fn release_piece(&mut self) {
        self.set_batch(self.piece.clone());
    }

    /// Passes a report or the batch to the sink.
    fn feed(&mut self, sink: &mut dyn Sink) {
        if let Some(loss) = self.limiter.as_mut().and_then(RateLimiter::take_report) {
            return sink.report_held_back(loss);
        }
        self.batch.start += sink.take(self.buffer.get(self.batch.clone()).unwrap_or(&[]));
        if self.batch.is_empty() {
            sink.batch_done();
        }
    }

    /// Reads the next of the last `left` bytes. If there are none, releases the incomplete line, then ends the input.
    fn drain(&mut self, left: usize, sink: &mut dyn Sink) {
        // Another process may have read some of them.
        let left = if left > 0 { left.min(fd::bytes_readable(self.input)) } else { 0 };
        let n = if left > 0 { self.read(left, sink) } else { 0 };
        if n > 0 {
            self.input_state = Input::Draining(left.saturating_sub(n));
        } else if !self.piece.is_empty() {
            self.input_state = Input::Draining(0);
            self.release_piece();
        } else if !self.limiter.as_mut().is_some_and(RateLimiter::make_report) {
            self.input_state = Input::Ended;
            sink.end();
        }
    }

    /// Waits for input, for an event of `interest`, for the deadline or for a signal, and handles them.
    fn wait(&mut self, interest: Interest, sink: &mut dyn Sink) -> Deadline {
        let reads = self.input_state == Input::Open && interest.state == SinkState::Ready;
        let holds = reads && !self.piece.is_empty();
        let hold_until = self.hold_until.filter(|_| holds);
        let limiter = self.limiter.as_ref().filter(|_| reads);
        let report_at = limiter.and_then(RateLimiter::report_at);
        let limit = if holds && hold_until.is_none() {
            // The rest of the line is usually in the pipe. The clock is read only if it is not.
            Some(Duration::ZERO)
        } else {
            let own = earliest(earliest(self.deadline, hold_until), report_at);
            let next = earliest(interest.at, own);
            next.map(|at| clock::now().until(at))
        };
        let ready = wait(&self.mask, reads.then_some(self.input), interest.writable, limit);
        let mut is_changed = self.handle_signals(sink);
        let holds = holds && !ready.input;
        let has_timer = holds || earliest(interest.at, self.deadline).or(report_at).is_some();
        let now = has_timer.then(clock::now);
        let has_passed = |at: Option<Instant>| at.is_some() && now >= at;
        if has_passed(self.deadline) {
            return Deadline::Passed;
        }
        if ready.output || has_passed(interest.at) {
            sink.retry();
            is_changed = true;
        }
        if ready.input {
            self.read(BATCH_SIZE, sink);
            // The sink is still ready, so its interest need not be read again.
            if self.has_output() && !is_changed {
                self.feed(sink);
            }
        } else if has_passed(report_at) {
            let _ = self.limiter.as_mut().map(RateLimiter::make_report);
        }
        if let (true, Some(now)) = (holds, now) {
            let until = *self.hold_until.get_or_insert(now.add(HOLD_TIME));
            if until <= now {
                self.release_piece();
            }
        }
        Deadline::Pending
    }

    /// Passes requests to the sink. SIGTERM and SIGINT limit the input to the bytes that are in the pipe now. Returns
    /// whether there was a request.
    fn handle_signals(&mut self, sink: &mut dyn Sink) -> bool {
        let mut is_requested = false;
        for (signal, request) in REQUESTS {
            if signal::take(signal) {
                sink.handle(request);
                is_requested = true;
            }
        }
        // `|` clears both flags, where `||` would leave the second one set.
        if signal::take(Signal::TERM) | signal::take(Signal::INT) {
            if self.input_state == Input::Open {
                self.input_state = Input::Draining(fd::bytes_readable(self.input));
            }
            self.deadline = self.deadline.or_else(|| Some(clock::now().add(TERM_GRACE)));
        }
        is_requested
    }

    /// Reads at most `limit` bytes and returns their number. The sink has taken the batch. An input that cannot be read
    /// has ended.
    fn read(&mut self, limit: usize, sink: &mut dyn Sink) -> usize {
        let Range { start, end } = self.piece;
        // The checks are those of `copy_within`, which cannot panic then.
        if start <= end && end <= self.buffer.len() {
            self.buffer.copy_within(start..end, 0);
        }
        let held = end.saturating_sub(start);
        self.batch = 0..0;
        self.piece = 0..held;
        let space = self.buffer.get_mut(held..held + limit.min(BATCH_SIZE)).unwrap_or(&mut []);
        match file::read(self.input, space) {
            Ok(0) => self.input_state = Input::Draining(0),
            Ok(n) => {
                sink.input_arrived(held > 0);
                self.piece.end = held + n;
                let after = match self.lines {
                    Lines::Whole => lines::after_last(first(space, n)),
                    Lines::InPieces => Some(0),
                };
                let after = after.or((held + n >= BATCH_SIZE).then_some(0));
                if let Some(after) = after {
                    self.set_batch(0..held + n - after);
                }
                return n;
            }
            // EAGAIN: another process that shares the pipe has read the bytes.
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => {
                self.read_error = Err(os_error("cannot read the input", b"", error));
                self.input_state = Input::Draining(0);
            }
        }
        0
    }
}

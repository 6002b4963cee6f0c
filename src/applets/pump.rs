//! The main loop of the loggers: it reads batches of input for a sink. `line_logger::run` and dsyslog call it.
//!
//! SIGHUP and SIGALRM become [`Request`]s to the sink. After SIGTERM or SIGINT, the loop passes on the bytes that the pipe
//! contains at that moment, then ends. While the sink is blocked, the loop reads nothing, but still handles signals.
//!
//! A sink may want whole lines. Then an incomplete line at the end of the input so far stays in the buffer until its
//! newline arrives. It is passed on as it is after [`HOLD_TIME`], at the end of the input, and if it is as long as a
//! batch.
//!
//! The report of lines that `--rate` has held back is a line in the place of these lines.

use super::diag::os_error;
use super::logger::{LoggerConfig, put_loss_notice};
use super::sink::{Interest, Lines, Request, Sink, SinkState};
use super::wait::wait;
use core::ffi::c_int;
use core::ops::Range;
use pure::exit::Exit;
use pure::log::lines;
use pure::log::loss::Loss;
use pure::log::rate::RateLimiter;
use pure::text::{Text, copy, spare};
use pure::time::{Duration, Instant};
use pure::unix::{Errno, Signal};
use sys::signal::SignalSet;
use sys::{clock, fd, file, poll, signal};

/// The default capacity of a pipe (pipe(7)), so that one read empties it.
pub const BATCH_SIZE: usize = 64 << 10;

/// A report of `--rate`: the name of the logger, a number, and the words.
type Report = Text;

/// Memory for the input: one batch after an incomplete line, which is shorter than a batch. A report may come before.
pub type Batch = [u8; Report::CAPACITY + 2 * BATCH_SIZE];

/// The time that an incomplete line waits for its newline. Chosen: longer than a program takes to write a line in
/// pieces, short enough to see a prompt or the last words of a command that hangs.
const HOLD_TIME: Duration = Duration::from_secs(1);

/// A time that has passed: the loop looks for input without a wait.
const SOON: Instant = Instant::START;

/// Time for the sink to store the rest after SIGTERM. Chosen: one second; a service manager that cannot wait sends
/// SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(1);

/// The signals that the loop handles.
const CAUGHT: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::ALRM];

/// The signals that the loop blocks, because they would end the logger: those that dmon forwards, and SIGPIPE and
/// SIGXFSZ, so that a failing write returns an error. A handler would need one more call for each.
const BLOCKED: [Signal; 5] = [Signal::QUIT, Signal::USR1, Signal::USR2, Signal::PIPE, Signal::XFSZ];

/// The state of the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// After SIGTERM, SIGINT or the end of the input.
    Draining,
    /// [`Sink::end`] was called.
    Ended,
}

/// The state of the loop.
struct Pump<'a> {
    sink: &'a mut dyn Sink,
    input: c_int,
    input_state: Input,
    /// The number of bytes that remain to be read in [`Input::Draining`].
    left: usize,
    lines: Lines,
    limiter: &'a mut RateLimiter,
    buffer: &'a mut Batch,
    /// The part of `buffer` that the sink can take. Before it is space for a report.
    batch: Range<usize>,
    /// The incomplete line that follows the lines of the batch.
    piece: Range<usize>,
    /// The time to pass on the incomplete line; never if there is none. [`SOON`] until the loop has found that the pipe is
    /// empty: the rest of the line is usually there, and the clock is read only if it is not.
    hold_until: Instant,
    /// Signals to block during a wait.
    mask: SignalSet,
    /// Time to close the sink; never before the first SIGTERM or SIGINT.
    deadline: Instant,
    /// The error of an input that cannot be read.
    read_error: Result<(), Exit>,
}

/// Pumps the input into `sink` until the input ends, the sink breaks, or a signal stops it. Returns the exit status
/// from the sink.
///
/// # Errors
/// [`Exit::FAILED`] if the input cannot be read. The sink has stored everything that was read before.
pub fn pump(
    lines: Lines,
    config: &mut LoggerConfig,
    buffer: &mut Batch,
    sink: &mut dyn Sink,
) -> Result<Exit, Exit> {
    let failed = |error| os_error("cannot catch signals", b"", error);
    let (_, mask) = signal::catch_all(&CAUGHT, &BLOCKED).map_err(failed)?;
    let mut pump = Pump {
        sink,
        input: config.input,
        input_state: Input::Open,
        left: 0,
        lines,
        limiter: &mut config.rate,
        buffer,
        batch: 0..0,
        piece: 0..0,
        hold_until: Instant::NEVER,
        mask,
        deadline: Instant::NEVER,
        read_error: Ok(()),
    };
    loop {
        let interest = pump.sink.interest();
        match (interest.state, pump.input_state) {
            (SinkState::Broken, _) => break,
            (SinkState::Ready, _) if !pump.batch.is_empty() => pump.feed(),
            (SinkState::Ready, Input::Draining) => pump.drain(),
            (SinkState::Ready, Input::Ended) => break,
            (SinkState::Ready, Input::Open) | (SinkState::Blocked, _) => {
                if pump.wait(interest) == Deadline::Passed {
                    break;
                }
            }
        }
    }
    // The bytes that the sink has not taken.
    let rest = pump.buffer.get(pump.batch.start..pump.piece.end).unwrap_or(&[]);
    let exit = pump.sink.close(rest);
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
    /// Makes `lines` the batch, as far as the limiter passes them. The rest of the input is an incomplete line.
    fn set_batch(&mut self, lines: Range<usize>) {
        self.piece.start = lines.end;
        self.hold_until = Instant::NEVER;
        self.batch = lines;
        if self.limiter.has_limit() {
            self.limit_batch();
        }
    }

    #[inline(never)]
    fn limit_batch(&mut self) {
        let bytes = self.buffer.get(self.batch.clone()).unwrap_or(&[]);
        let (skipped, passed) = self.limiter.limit(bytes, clock::now());
        self.batch.start += skipped;
        self.batch.end = self.batch.start + passed;
        let lines = self.limiter.take_report();
        self.put_report(lines);
    }

    /// Puts a report before the batch, if there are lines to report.
    fn put_report(&mut self, lines: u32) {
        if lines > 0 {
            let mut line = Report::new();
            let loss = Loss { lines: lines.into(), bytes: 0 };
            put_loss_notice(&mut line, loss, " held back");
            self.batch.start = self.batch.start.saturating_sub(line.len());
            copy(line.bytes(), spare(self.buffer, self.batch.start));
        }
    }

    /// Makes the incomplete line the batch.
    fn release_piece(&mut self) {
        self.set_batch(self.piece.clone());
    }

    /// Passes the batch to the sink.
    fn feed(&mut self) {
        self.batch.start += self.sink.take(self.buffer.get(self.batch.clone()).unwrap_or(&[]));
        if self.batch.is_empty() {
            self.sink.batch_done();
        }
    }

    /// Reads the next of the last bytes. If there are none, releases the incomplete line, then ends the input.
    fn drain(&mut self) {
        if self.left > 0 {
            // Another process may have read some of them.
            let left = self.left.min(fd::bytes_readable(self.input));
            let n = if left > 0 { self.read(left.min(BATCH_SIZE)) } else { 0 };
            self.left = if n > 0 { left.saturating_sub(n) } else { 0 };
        } else if !self.piece.is_empty() {
            self.release_piece();
        } else if self.limiter.report_at() < Instant::NEVER {
            self.report_held_back();
        } else {
            self.input_state = Input::Ended;
            // Both are empty. The limiter may have shortened the batch, so that it ended before the piece.
            self.batch = self.piece.clone();
            self.sink.end();
        }
    }

    /// Waits for input, for an event of `interest`, for the deadline or for a signal, and handles them.
    fn wait(&mut self, interest: Interest) -> Deadline {
        let reads = self.input_state == Input::Open && interest.state == SinkState::Ready;
        let mut at = interest.at.min(self.deadline);
        if reads {
            at = at.min(self.hold_until).min(self.limiter.report_at());
        }
        let limit = match at {
            Instant::NEVER => None,
            SOON => Some(Duration::ZERO),
            at => Some(clock::now().until(at)),
        };
        let input = if reads { self.input } else { poll::NONE };
        let ready = wait(&self.mask, input, interest.writable, limit);
        let mut is_changed = self.handle_signals();
        if ready.output {
            self.sink.retry();
            is_changed = true;
        }
        if ready.input {
            self.read(BATCH_SIZE);
            // The sink is still ready, so its interest need not be read again.
            if !self.batch.is_empty() && !is_changed {
                self.feed();
            }
            return Deadline::Pending;
        }
        if limit.is_none() {
            return Deadline::Pending;
        }
        let now = clock::now();
        if self.deadline <= now {
            return Deadline::Passed;
        }
        if interest.at <= now {
            self.sink.retry();
        }
        if reads && self.hold_until <= now {
            if self.hold_until == SOON {
                self.hold_until = now.add(HOLD_TIME);
            } else {
                self.release_piece();
            }
        } else if reads && self.limiter.report_at() <= now {
            self.report_held_back();
        }
        Deadline::Pending
    }

    /// Makes a report the batch, which is empty.
    fn report_held_back(&mut self) {
        let lines = self.limiter.take_held_back();
        self.put_report(lines);
    }

    /// Passes requests to the sink. SIGTERM and SIGINT limit the input to the bytes that are in the pipe now. Returns
    /// whether there was a request.
    fn handle_signals(&mut self) -> bool {
        let mut is_requested = false;
        if signal::take(Signal::HUP) {
            self.sink.handle(Request::Reopen);
            is_requested = true;
        }
        if signal::take(Signal::ALRM) {
            self.sink.handle(Request::Rotate);
            is_requested = true;
        }
        // `|` clears both flags, where `||` would leave the second one set.
        if signal::take(Signal::TERM) | signal::take(Signal::INT) {
            if self.input_state == Input::Open {
                self.input_state = Input::Draining;
                self.left = fd::bytes_readable(self.input);
            }
            self.deadline = self.deadline.min(clock::after(TERM_GRACE));
        }
        is_requested
    }

    /// Reads at most `limit` bytes and returns their number. The sink has taken the batch. An input that cannot be read
    /// has ended.
    fn read(&mut self, limit: usize) -> usize {
        let Range { start, end } = self.piece;
        // The last check is that of `copy_within`, which cannot panic then.
        if Report::CAPACITY < start && start < end && end <= self.buffer.len() {
            self.buffer.copy_within(start..end, Report::CAPACITY);
        }
        self.batch = Report::CAPACITY..Report::CAPACITY;
        let held = Report::CAPACITY + end.saturating_sub(start);
        self.piece = Report::CAPACITY..held;
        let space = self.buffer.get_mut(held..held + limit).unwrap_or(&mut []);
        match file::read(self.input, space) {
            Ok(0) => self.input_state = Input::Draining,
            Ok(n) => {
                self.sink.input_arrived(start < end);
                let end = held + n;
                self.piece.end = end;
                let after = match self.lines {
                    Lines::Whole => space.get(..n).and_then(lines::after_last),
                    Lines::InPieces => Some(0),
                };
                if let Some(after) = after {
                    self.set_batch(Report::CAPACITY..end - after);
                } else if end >= Report::CAPACITY + BATCH_SIZE {
                    self.release_piece();
                }
                if !self.piece.is_empty() && self.hold_until == Instant::NEVER {
                    self.hold_until = SOON;
                }
                return n;
            }
            // EAGAIN: another process that shares the pipe has read the bytes.
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => {
                self.read_error = Err(os_error("cannot read the input", b"", error));
                self.input_state = Input::Draining;
            }
        }
        0
    }
}

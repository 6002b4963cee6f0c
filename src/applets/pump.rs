//! The main loop of the loggers: it reads batches of input for a sink. `line_logger::run` and dsyslog call it.
//!
//! SIGHUP and SIGALRM become [`Request`]s to the sink. After SIGTERM or SIGINT, the loop passes on the bytes that the pipe
//! contains at that moment, then ends. While the sink is blocked, the loop reads nothing, but still handles signals.

use super::diag::os_error;
use super::wait::wait;
use core::ffi::c_int;
use core::ops::Range;
use pure::exit::Exit;
use pure::time::{Duration, Instant, earliest};
use pure::unix::{Errno, Signal};
use sys::signal::SignalSet;
use sys::{clock, fd, file, signal};

/// The default capacity of a pipe (pipe(7)), so that one read empties it.
pub const BATCH_SIZE: usize = 64 << 10;

/// Memory for one batch.
pub type Batch = [u8; BATCH_SIZE];

/// Time for the sink to store the rest after SIGTERM. Chosen: one second; a service manager that cannot wait sends
/// SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(1);

/// The signals that the loop catches: four are handled. SIGPIPE and SIGXFSZ are caught so that a failing write returns
/// an error and does not end the logger.
const CAUGHT: [Signal; 6] =
    [Signal::TERM, Signal::INT, Signal::HUP, Signal::ALRM, Signal::PIPE, Signal::XFSZ];

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
    /// Takes bytes from the start of `batch`, which may end within a line. Returns their number, which is 0 only if the
    /// sink is no longer [`SinkState::Ready`].
    fn take(&mut self, batch: &[u8]) -> usize;

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
    buffer: &'a mut Batch,
    /// The part of `buffer` that the sink has not taken.
    batch: Range<usize>,
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
pub fn pump(input: c_int, buffer: &mut Batch, sink: &mut dyn Sink) -> Result<Exit, Exit> {
    let failed = |error| os_error("cannot catch signals", b"", error);
    let (_, mask) = signal::catch_all(&CAUGHT).map_err(failed)?;
    let mut pump = Pump {
        input,
        input_state: Input::Open,
        buffer,
        batch: 0..0,
        mask,
        deadline: None,
        read_error: Ok(()),
    };
    let exit = loop {
        let interest = sink.interest();
        match (interest.state, pump.input_state) {
            (SinkState::Broken, _) => break sink.close(pump.rest()),
            (SinkState::Ready, _) if !pump.batch.is_empty() => pump.feed(sink),
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
    /// Returns the bytes that the sink has not taken.
    fn rest(&self) -> &[u8] {
        self.buffer.get(self.batch.clone()).unwrap_or(&[])
    }

    /// Passes the batch to the sink.
    fn feed(&mut self, sink: &mut dyn Sink) {
        self.batch.start += sink.take(self.rest());
        if self.batch.is_empty() {
            sink.batch_done();
        }
    }

    /// Reads the next of the last `left` bytes, or ends the input if there are none.
    fn drain(&mut self, left: usize, sink: &mut dyn Sink) {
        // Another process may have read some of them.
        let left = if left > 0 { left.min(fd::bytes_readable(self.input)) } else { 0 };
        if left > 0 {
            self.read(left);
        }
        if self.batch.is_empty() {
            self.input_state = Input::Ended;
            sink.end();
        } else {
            self.input_state = Input::Draining(left.saturating_sub(self.batch.len()));
        }
    }

    /// Waits for input, for an event of `interest`, for the deadline or for a signal, and handles them.
    fn wait(&mut self, interest: Interest, sink: &mut dyn Sink) -> Deadline {
        let reads = self.input_state == Input::Open && interest.state == SinkState::Ready;
        let next = earliest(interest.at, self.deadline);
        let limit = next.map(|at| clock::now().until(at));
        let ready = wait(&self.mask, reads.then_some(self.input), interest.writable, limit);
        self.handle_signals(sink);
        let has_timer = interest.at.is_some() || self.deadline.is_some();
        let now = has_timer.then(clock::now);
        let has_passed = |at: Option<Instant>| at.is_some() && now >= at;
        if has_passed(self.deadline) {
            return Deadline::Passed;
        }
        if ready.output || has_passed(interest.at) {
            sink.retry();
        }
        if ready.input {
            self.read(BATCH_SIZE);
        }
        Deadline::Pending
    }

    /// Passes requests to the sink. SIGTERM and SIGINT limit the input to the bytes that are in the pipe now.
    fn handle_signals(&mut self, sink: &mut dyn Sink) {
        for (signal, request) in REQUESTS {
            if signal::take(signal) {
                sink.handle(request);
            }
        }
        // `|` clears both flags, where `||` would leave the second one set.
        if signal::take(Signal::TERM) | signal::take(Signal::INT) {
            if self.input_state == Input::Open {
                self.input_state = Input::Draining(fd::bytes_readable(self.input));
            }
            self.deadline = self.deadline.or_else(|| Some(clock::now().add(TERM_GRACE)));
        }
    }

    /// Reads a batch of at most `limit` bytes. An input that cannot be read has ended.
    fn read(&mut self, limit: usize) {
        let space = self.buffer.get_mut(..limit.min(BATCH_SIZE)).unwrap_or(&mut []);
        match file::read(self.input, space) {
            Ok(0) => self.input_state = Input::Draining(0),
            Ok(n) => self.batch = 0..n,
            // EAGAIN: another process that shares the pipe has read the bytes.
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => {
                self.read_error = Err(os_error("cannot read the input", b"", error));
                self.input_state = Input::Draining(0);
            }
        }
    }
}

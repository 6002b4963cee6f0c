//! The interface between the main loop of the loggers (`pump.rs`) and its sink. `line_logger.rs` and dsyslog implement it.

use core::ffi::c_int;
use pure::exit::Exit;
use pure::time::Instant;

/// A request to a running logger, sent as a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// SIGHUP: open the log file again by its name.
    Reopen,
    /// SIGALRM: rotate the log file.
    Rotate,
}

/// The destination of the input.
pub trait Sink {
    /// Called when input has arrived. `continues` is true if it continues a line that has arrived before and that the
    /// sink does not have yet.
    fn input_arrived(&mut self, _continues: bool) {}

    /// Takes bytes from the start of `batch`. With [`Lines::Whole`] it consists of whole lines, or of a piece of a line
    /// without its newline. Returns their number, which is 0 only if the sink is no longer [`SinkState::Ready`].
    fn take(&mut self, batch: &[u8]) -> usize;

    /// Called when the sink has taken a whole batch, and the loop will wait for input.
    fn batch_done(&mut self);

    /// Returns the events that the sink waits for.
    fn interest(&mut self) -> Interest;

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
    /// Call [`Sink::retry`] when this descriptor, or [`sys::poll::NONE`], can be written.
    pub writable: c_int,
    /// Call [`Sink::retry`] at this time, which may be never.
    pub at: Instant,
}

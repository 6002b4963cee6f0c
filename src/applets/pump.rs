//! The one loop of the loggers: wait for input, for a signal, for the sink's own reasons; read a
//! batch; hand it to the sink.
//!
//! HUP and ALRM are passed on to the sink. TERM and INT store what is in the pipe at that moment, then
//! end; so does the end of the input. A sink that cannot take more for now stops the reading, never
//! the hearing.

use super::diag::{error, os_error};
use super::wait::wait;
use core::ffi::c_int;
use heapless::Vec;
use pure::exit::Exit;
use pure::time::{Duration, Instant};
use pure::unix::{Errno, Signal};
use sys::static_cell::StaticCell;
use sys::{clock, file, signal};

/// As much as a pipe holds (pipe(7)): one read empties it.
pub const BATCH_SIZE: usize = 64 << 10;

/// The longest prefix of a line. More than a line of text has anywhere; a choice, so that [`Out`] has a
/// size.
pub const MAX_PREFIX: usize = 4096;

/// The longest text that is put before a line: stamp ([`pure::log::timestamp::Text`]), prefix, blank.
pub const PREFIX_SIZE: usize = 32 + MAX_PREFIX + 1;

/// Where lines are put together: room for the longest batch without a line end, and what stands before
/// it.
pub type Out = [u8; BATCH_SIZE + PREFIX_SIZE];

/// What stands before a line.
pub type PrefixBuf = Vec<u8, PREFIX_SIZE>;

/// The memory of a logger.
pub struct Buffers {
    pub prefix: PrefixBuf,
    /// What was read.
    pub batch: [u8; BATCH_SIZE],
    /// What is to be written.
    pub out: Out,
}

static BUFFERS: StaticCell<Buffers> = StaticCell::new(Buffers {
    prefix: Vec::new(),
    batch: [0; BATCH_SIZE],
    out: [0; BATCH_SIZE + PREFIX_SIZE],
});

/// The memory, of which a process has one.
///
/// # Errors
/// It was taken before.
pub fn buffers() -> Result<&'static mut Buffers, Exit> {
    BUFFERS.take().ok_or_else(|| error("two loggers in one process", b"", ""))
}

/// How long a sink may try on after TERM; the sender of TERM has another signal.
const TERM_GRACE: Duration = Duration::from_secs(1);

/// PIPE and XFSZ only so that a write that cannot succeed is an error and not our end.
const CAUGHT: [Signal; 6] =
    [Signal::TERM, Signal::INT, Signal::HUP, Signal::ALRM, Signal::PIPE, Signal::XFSZ];

/// Where lines go.
pub trait Sink {
    /// Takes some of these bytes, any piece of the input, not cut at line ends; says how many. None
    /// only if it is stuck now.
    fn take(&mut self, batch: &[u8]) -> usize;

    /// All of a batch was taken and the input will be waited for.
    fn batch_done(&mut self) {}

    /// What else the sink waits for.
    fn interest(&self) -> Interest;

    /// What it needed has come: time, or room in its output.
    fn retry(&mut self);

    /// HUP or ALRM.
    fn on_signal(&mut self, signal: Signal);

    /// The input is over: finishes the last line. The sink may be stuck afterwards, and goes on.
    fn end(&mut self);

    /// No more time to go on: what is not stored is lost, with the `rest` that was not taken. Says how all
    /// went.
    fn close(&mut self, rest: &[u8]) -> Exit;
}

/// What a sink waits for.
#[derive(Clone, Copy, Default)]
pub struct Interest {
    /// It cannot take more until then, or until its output has room.
    pub blocked: bool,
    /// To be woken when this descriptor can be written.
    pub room: Option<c_int>,
    /// To be woken at that moment.
    pub at: Option<Instant>,
    /// It will never take anything again.
    pub broken: bool,
}

/// Where the input stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// TERM: so many bytes of the pipe are still to be read.
    Draining(usize),
    Ended,
}

/// Pumps `from` into `sink` until it ends or we are told to.
///
/// # Errors
/// `from` cannot be read.
pub fn pump(from: c_int, buffer: &mut [u8; BATCH_SIZE], sink: &mut dyn Sink) -> Result<Exit, Exit> {
    let refused = |error| os_error("cannot catch signals", b"", error);
    let (_, mask) = signal::catch_all(&CAUGHT, &[], None).map_err(refused)?;
    let mut full = 0..0;
    let mut input = Input::Open;
    // Once told to end: until when the sink may try.
    let mut deadline = None;
    let mut fault = Ok(());
    let exit = loop {
        let batch = buffer.get(full.clone()).unwrap_or(&[]);
        let interest = sink.interest();
        if interest.broken {
            break sink.close(batch);
        }
        if !batch.is_empty() && !interest.blocked {
            full.start += sink.take(batch);
            if full.is_empty() {
                sink.batch_done();
            }
            continue;
        }
        match input {
            _ if interest.blocked || !full.is_empty() => {}
            Input::Open => {}
            Input::Ended => break sink.close(&[]),
            Input::Draining(rest) => {
                // Somebody else may have read some of it.
                let rest = rest.min(file::bytes_readable(from));
                let room = buffer.get_mut(..rest.min(BATCH_SIZE)).unwrap_or(&mut []);
                match read(from, room, &mut fault) {
                    Some(n) if n > 0 => {
                        full = 0..n;
                        input = Input::Draining(rest - n.min(rest));
                    }
                    _ => {
                        input = Input::Ended;
                        sink.end();
                    }
                }
                continue;
            }
        }
        let reads = full.is_empty() && input == Input::Open && !interest.blocked;
        let at = pure::time::earliest(interest.at, deadline);
        let limit = at.map(|at| clock::now().until(at));
        let ready = wait(&mask, reads.then_some(from), interest.room, limit);
        for signal in &[Signal::HUP, Signal::ALRM] {
            if signal::take(*signal) {
                sink.on_signal(*signal);
            }
        }
        if signal::take(Signal::TERM) | signal::take(Signal::INT) {
            if input == Input::Open {
                input = Input::Draining(file::bytes_readable(from));
            }
            deadline = deadline.or(Some(clock::now().add(TERM_GRACE)));
        }
        let now =
            if interest.at.is_some() || deadline.is_some() { Some(clock::now()) } else { None };
        if deadline.is_some_and(|at| now >= Some(at)) {
            break sink.close(buffer.get(full).unwrap_or(&[]));
        }
        if ready.output || interest.at.is_some_and(|at| now >= Some(at)) {
            sink.retry();
        }
        if ready.input {
            match read(from, buffer, &mut fault) {
                Some(0) => input = Input::Draining(0),
                read => full = 0..read.unwrap_or(0),
            }
        }
    };
    fault.map(|()| exit)
}

/// One batch from the input: 0 at its end, `None` when there was nothing after all. An input that cannot be read
/// has ended; what was read of it is not lost.
fn read(from: c_int, room: &mut [u8], fault: &mut Result<(), Exit>) -> Option<usize> {
    if room.is_empty() {
        return Some(0);
    }
    match file::read(from, room) {
        Ok(n) => Some(n),
        // Somebody else may have been quicker, if the descriptor is shared.
        Err(Errno::INTR | Errno::AGAIN) => None,
        Err(error) => {
            *fault = Err(os_error("cannot read the input", b"", error));
            Some(0)
        }
    }
}

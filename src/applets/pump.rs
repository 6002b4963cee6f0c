//! The one loop of the loggers: wait for input or a signal, read a batch, hand it to the sink.
//!
//! HUP reopens; TERM and INT store what is in the pipe at that moment, then end; so does the end of
//! the input.

use crate::pure::fault::{Exit, Fault};
use crate::pure::unix::{Errno, Signal};
use crate::sys::memory::Block;
use crate::sys::{file, signal, wait};
use core::ffi::c_int;

/// As much as a pipe holds (pipe(7)): one read empties it.
pub const BATCH: usize = 64 << 10;

static BUFFER: Block<BATCH> = Block::new();

/// PIPE only so that writing to a pipe without a reader is an error and not our end.
const CAUGHT: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::PIPE];

/// Where lines go.
pub trait Sink {
    /// Stores these bytes: any piece of the input, not cut at line ends.
    fn take(&mut self, batch: &[u8]);

    /// Closes and opens again by name, as soon as a line ends.
    fn reopen(&mut self);

    /// The input is over: finishes the last line, says whether all was stored.
    fn end(&mut self) -> Exit;
}

/// Pumps `input` into `sink` until it ends or we are told to.
///
/// # Errors
/// `input` cannot be read.
pub fn pump(input: c_int, sink: &mut dyn Sink) -> Result<Exit, Fault> {
    let refused = |error| Fault::failed("cannot catch signals: ").error(error);
    let (_, mask) = signal::catch_all(&CAUGHT).map_err(refused)?;
    let Some(buffer) = BUFFER.take() else {
        return Err(Fault::failed("two loggers in one process"));
    };
    loop {
        let ready = wait::wait(&mask, Some(input), None);
        if signal::take(Signal::HUP) {
            sink.reopen();
        }
        if signal::take(Signal::TERM) | signal::take(Signal::INT) {
            store_the_rest(input, buffer, sink);
            return Ok(sink.end());
        }
        if ready && read(input, buffer, sink)? == 0 {
            return Ok(sink.end());
        }
    }
}

/// One batch from the input to the sink; 0 at the end of the input.
fn read(input: c_int, room: &mut [u8], sink: &mut dyn Sink) -> Result<usize, Fault> {
    match file::read(input, room) {
        Ok(n) => {
            if let Some(batch) = room.get(..n).filter(|batch| !batch.is_empty()) {
                sink.take(batch);
            }
            Ok(n)
        }
        // Somebody else may have been quicker, if the descriptor is shared.
        Err(Errno::INTR | Errno::AGAIN) => Ok(1),
        Err(error) => Err(Fault::failed("cannot read the input: ").error(error)),
    }
}

/// What is in the pipe now, and nothing that comes later: a busy writer cannot keep us.
fn store_the_rest(input: c_int, buffer: &mut [u8], sink: &mut dyn Sink) {
    let mut rest = file::waiting(input);
    while rest > 0 {
        let size = rest.min(buffer.len());
        let room = buffer.get_mut(..size).unwrap_or(&mut []);
        match read(input, room, sink) {
            Ok(n) if n > 0 => rest -= n.min(rest),
            _ => return,
        }
    }
}

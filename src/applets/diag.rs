//! What the program says on standard error. Any applet may speak; each message is one line in one write,
//! and one that nobody takes is no reason to do anything else.
//!
//! `what` ends in a blank where a word follows.

use super::APPLETS;
use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};
use pure::diag::{Line, put_line, put_reason};
use pure::exit::Exit;
use pure::text::{Message, put_number};
use pure::unix::Errno;
use sys::file;

/// Which of [`APPLETS`] speaks.
static NAME: AtomicUsize = AtomicUsize::new(0);

/// Where it speaks to.
static OUTPUT: AtomicI32 = AtomicI32::new(file::STDERR);

/// The name to speak under from now on, by its place in [`APPLETS`].
pub fn set_name(applet: usize) {
    NAME.store(applet, Relaxed);
}

/// Who listens from now on, if not standard error.
pub fn set_output(ear: c_int) {
    OUTPUT.store(ear, Relaxed);
}

/// The name we speak under.
pub fn name() -> &'static str {
    APPLETS.get(NAME.load(Relaxed)).map_or("", |applet| applet.name)
}

/// `applet: PARTS`.
pub fn eprint(parts: &[&[u8]]) {
    let mut line = Line::new();
    put_line(&mut line, name(), parts);
    let ear = OUTPUT.load(Relaxed);
    // Who reads no more, as behind a full pipe, must not hold up a service.
    if file::is_writable(ear) {
        let _ = file::write(ear, line.bytes());
    }
}

/// `WHAT WORD THEN`, and the end that goes with it.
pub fn error(what: &str, word: &[u8], then: &str) -> Exit {
    let word = if word.is_empty() && what.ends_with(' ') { b"''" } else { word };
    eprint(&[what.as_bytes(), word, then.as_bytes()]);
    Exit::FAILED
}

/// The system's refusal of a call: `WHAT WORD: reason`.
pub fn os_error(what: &str, word: &[u8], error: Errno) -> Exit {
    let mut reason = Message::<64>::new();
    put_reason(&mut reason, error);
    let word = if word.is_empty() && what.ends_with(' ') { b"''" } else { word };
    eprint(&[what.as_bytes(), word, b": ", reason.bytes()]);
    Exit::FAILED
}

/// `WHAT NUMBER`.
pub fn count(what: &str, number: u64) {
    let mut text = Message::<20>::new();
    put_number(&mut text, number);
    eprint(&[what.as_bytes(), text.bytes()]);
}

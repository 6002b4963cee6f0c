//! What the program says on standard error. Any applet may speak; each message is one line in one write,
//! and one that nobody takes is no reason to do anything else.
//!
//! `what` ends in a blank where a word follows.

use super::APPLETS;
use crate::pure::fault::{Exit, Line, put_line, put_reason};
use crate::pure::text::{Message, put_number};
use crate::pure::unix::Errno;
use crate::sys::file;
use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};

/// Which of [`APPLETS`] speaks.
static SPEAKER: AtomicUsize = AtomicUsize::new(0);

/// Where it speaks to.
static EAR: AtomicI32 = AtomicI32::new(file::STDERR);

/// The name to speak under from now on, by its place in [`APPLETS`].
pub fn speak_as(applet: usize) {
    SPEAKER.store(applet, Relaxed);
}

/// Who listens from now on, if not standard error.
pub fn speak_to(ear: c_int) {
    EAR.store(ear, Relaxed);
}

/// The name we speak under.
pub fn speaker() -> &'static str {
    APPLETS.get(SPEAKER.load(Relaxed)).map_or("", |applet| applet.name)
}

/// `applet: PARTS`.
pub fn say(parts: &[&[u8]]) {
    let mut line = Line::new();
    put_line(&mut line, speaker(), parts);
    let ear = EAR.load(Relaxed);
    // Who reads no more, as behind a full pipe, must not hold up a service.
    if file::has_room(ear) {
        let _ = file::write(ear, line.bytes());
    }
}

/// `WHAT WORD THEN`, and the end that goes with it.
pub fn failed(what: &str, word: &[u8], then: &str) -> Exit {
    let word = if word.is_empty() && what.ends_with(' ') { b"''" } else { word };
    say(&[what.as_bytes(), word, then.as_bytes()]);
    Exit::FAILED
}

/// The system's refusal of a call: `WHAT WORD: reason`.
pub fn refused(what: &str, word: &[u8], error: Errno) -> Exit {
    let mut reason = Message::<64>::new();
    put_reason(&mut reason, error);
    let word = if word.is_empty() && what.ends_with(' ') { b"''" } else { word };
    say(&[what.as_bytes(), word, b": ", reason.bytes()]);
    Exit::FAILED
}

/// `WHAT NUMBER`.
pub fn count(what: &str, number: u64) {
    let mut text = Message::<20>::new();
    put_number(&mut text, number);
    say(&[what.as_bytes(), text.bytes()]);
}

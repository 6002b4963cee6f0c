//! Diagnostic messages on standard error: `APPLET: MESSAGE`.
//!
//! All applets print through it. Each message is one line in one write. A message that cannot be written is dropped.
//! The standard error of a daemon is /dev/null, so its errors also go into the log pipe, if it has one.
//!
//! The functions show an empty word as `''` if the text before it ends in a blank.

use super::APPLETS;
use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};
use pure::diag::{Line, put_line, put_reason};
use pure::exit::Exit;
use pure::name_table::entry;
use pure::text::{Put, Text, put_number};
use pure::unix::Errno;
use sys::{fd, file};

/// The index in [`APPLETS`] of the running applet.
static NAME: AtomicUsize = AtomicUsize::new(0);

/// The file descriptor of the messages.
static OUTPUT: AtomicI32 = AtomicI32::new(fd::STDERR);

/// Sets the applet that messages name, by its index in [`APPLETS`].
pub fn set_name(applet: usize) {
    NAME.store(applet, Relaxed);
}

/// The write end of the log pipe, which receives messages, too; 0: none.
static LOG_PIPE: AtomicI32 = AtomicI32::new(0);

/// Sets the log pipe by the descriptor of its write end; `None` if there is none, or it is closed.
pub fn set_log_pipe(writer: Option<c_int>) {
    LOG_PIPE.store(writer.unwrap_or(0), Relaxed);
}

/// Sets the file descriptor that messages are written to.
pub fn set_output(fd: c_int) {
    OUTPUT.store(fd, Relaxed);
}

/// Returns the name of the running applet.
pub fn name() -> &'static [u8] {
    entry(APPLETS, b' ', NAME.load(Relaxed))
}

/// Prints `APPLET: PARTS`, an error: on standard error, and into the log pipe.
#[inline(never)]
pub fn eprint(parts: &[&[u8]]) {
    print(true, true, parts);
}

/// Prints `APPLET: PARTS` on standard error, into the log pipe if there is one, or both.
pub fn print(on_stderr: bool, in_log: bool, parts: &[&[u8]]) {
    let mut line = Line::new();
    put_line(&mut line, name(), parts);
    let (fd, log_pipe) = (OUTPUT.load(Relaxed), LOG_PIPE.load(Relaxed));
    if in_log && log_pipe != 0 {
        let _ = fd::write_to_shared_pipe(log_pipe, line.bytes());
    }
    // A write to a full pipe would block the service until its reader continues.
    if on_stderr && fd::is_writable(fd) {
        let _ = file::write(fd, line.bytes());
    }
}

/// Prints `WHAT WORD THEN` and returns [`Exit::FAILED`].
pub fn error(what: &str, word: &[u8], then: &str) -> Exit {
    error_bytes(what.as_bytes(), word, then.as_bytes())
}

/// Prints `WHAT WORD: REASON` with the reason of a failed system call and returns [`Exit::FAILED`].
pub fn os_error(what: &str, word: &[u8], error: Errno) -> Exit {
    os_error_bytes(what.as_bytes(), word, error)
}

/// Prints as [`os_error`] does, with `what` as bytes.
#[inline(never)]
pub fn os_error_bytes(what: &[u8], word: &[u8], error: Errno) -> Exit {
    let mut reason = Text::new();
    reason.put(b": ");
    put_reason(&mut reason, error);
    error_bytes(what, word, reason.bytes())
}

/// Prints as [`error`] does, with `then` as bytes.
pub fn error_bytes(what: &[u8], word: &[u8], then: &[u8]) -> Exit {
    let word = if word.is_empty() && what.ends_with(b" ") { b"''" } else { word };
    eprint(&[what, word, then]);
    Exit::FAILED
}

/// Prints `WHAT NUMBER`.
pub fn count(what: &str, number: u64) {
    let mut text = Text::new();
    put_number(&mut text, number);
    eprint(&[what.as_bytes(), text.bytes()]);
}

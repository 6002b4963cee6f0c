//! How the program ends and how it complains: the exit codes, and the one form of every message,
//! `applet: what went wrong`. `applets/tell.rs` says it.

use crate::pure::text::{Message, Put, Text, put_lossy, put_number};
use crate::pure::unix::Errno;

/// The exit status of the program.
///
/// As an error it means: this is the end, and what had to be said about it was said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Exit(pub u8);

impl Exit {
    pub const FINE: Self = Self(0);
    /// A logger has lost something.
    pub const LOST: Self = Self(1);
    /// dmon has given up because of `--timeout`; timeout(1) uses this number and the next three so.
    pub const TIMED_OUT: Self = Self(124);
    /// The program itself failed: usage, lock, fork at start.
    pub const FAILED: Self = Self(125);
    /// The command was found and cannot be executed.
    pub const CANNOT_EXECUTE: Self = Self(126);
    pub const NOT_FOUND: Self = Self(127);
}

/// A line as it goes to stderr in one write: a pipe keeps up to 4096 bytes in one piece (PIPE_BUF of
/// pipe(7)), most paths are far shorter.
pub type Line = Message<512>;

/// Puts `applet: PARTS` and a newline.
pub fn put_line(line: &mut Text, applet: &str, parts: &[&[u8]]) {
    line.put(applet.as_bytes());
    line.put(b": ");
    parts.iter().for_each(|part| put_lossy(line, part));
    line.put(b"\n");
}

/// Puts why a system call failed: in words, else as `error N`.
pub fn put_reason(text: &mut Text, error: Errno) {
    match error.text() {
        Some(reason) => text.put(reason),
        None => {
            text.put(b"error ");
            put_number(text, error.0.unsigned_abs().into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let mut line = Line::new();
        put_line(&mut line, "dmon", &[b"cannot open ", b"/run/x\n.pid", b": no"]);
        assert_eq!(line.bytes(), b"dmon: cannot open /run/x?.pid: no\n");
    }

    #[test]
    fn reasons_have_words_or_numbers() {
        let reason = |errno| {
            let mut text = Line::new();
            put_reason(&mut text, Errno(errno));
            String::from_utf8(text.bytes().to_vec()).unwrap()
        };
        assert_eq!(reason(2), "No such file or directory");
        assert_eq!(reason(4242), "error 4242");
    }

    #[test]
    fn a_line_too_long_says_that_it_was_cut() {
        let mut line = Line::new();
        put_line(&mut line, "dmon", &[b"cannot open ", &[b'x'; 600]]);
        assert_eq!(line.bytes().len(), 512);
        assert!(line.bytes().ends_with(b"xxx...\n"));
    }
}

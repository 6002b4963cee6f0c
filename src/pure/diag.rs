//! How the program ends and how it complains: the exit codes, and the one form of every message,
//! `applet: what went wrong`. `applets/tell.rs` says it.

use crate::text::{Message, Put, Text, put_escaped, put_number};
use crate::unix::Errno;

/// A line as it goes to stderr in one write: a pipe keeps up to 4096 bytes in one piece (PIPE_BUF of
/// pipe(7)), most paths are far shorter.
pub type Line = Message<512>;

/// Puts `applet: PARTS` and a newline.
pub fn put_line(line: &mut Text, applet: &str, parts: &[&[u8]]) {
    line.put(applet.as_bytes());
    line.put(b": ");
    parts.iter().for_each(|part| put_escaped(line, part));
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

//! The form of diagnostic messages: `APPLET: MESSAGE`.
//!
//! `applets/diag.rs` prints them.

use crate::text::{Put, Text, Writer, put_escaped};
use crate::unix::Errno;
use ufmt::uwrite;

/// One line of output. It is written at once and is shorter than PIPE_BUF (pipe(7)), so that lines of several processes
/// in one pipe do not mix.
pub type Line = Text;

/// Appends `APPLET: PARTS` and a newline.
pub fn put_line(line: &mut Text, applet: &[u8], parts: &[&[u8]]) {
    line.put(applet);
    line.put(b": ");
    parts.iter().for_each(|part| put_escaped(line, part));
    line.put(b"\n");
}

/// Appends the reason why a system call failed: the text of strerror(3), or `error N`.
pub fn put_reason(text: &mut Text, error: Errno) {
    match error.text() {
        Some(reason) => text.put(reason),
        None => {
            let Ok(()) = uwrite!(Writer(text), "error {}", error.0.unsigned_abs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let mut line = Line::new();
        put_line(&mut line, b"dmon", &[b"cannot open ", b"/run/x\n.pid", b": no"]);
        assert_eq!(line.bytes(), b"dmon: cannot open /run/x?.pid: no\n");
    }

    #[test]
    fn reasons_are_texts_or_numbers() {
        let reason = |errno| {
            let mut text = Line::new();
            put_reason(&mut text, Errno(errno));
            String::from_utf8(text.bytes().to_vec()).unwrap()
        };
        assert_eq!(reason(2), "No such file or directory");
        assert_eq!(reason(4242), "error 4242");
    }

    #[test]
    fn a_line_that_is_cut_ends_in_an_ellipsis() {
        let mut line = Line::new();
        put_line(&mut line, b"dmon", &[b"cannot open ", &[b'x'; 600]]);
        assert_eq!(line.bytes().len(), 512);
        assert!(line.bytes().ends_with(b"xxx...\n"));
    }
}

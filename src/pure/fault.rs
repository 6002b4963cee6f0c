//! What went wrong, as one line for people and one exit code for scripts.
//!
//! A fault is made where it is found and told by `lib::run` (or by the daemon's parent), so that
//! every message of the program has the same form: `applet: cannot open /run/x.pid: Permission denied`.

use crate::pure::text::{Message, Put, put_lossy};
use crate::pure::unix::Errno;

/// The exit status of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

/// How a fault ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tail {
    Nothing,
    Number(i64),
    Error(Errno),
    /// A value that was not what was wanted.
    Value(&'static [u8], &'static str),
}

/// One line of complaint and the exit code that goes with it: `WHAT WORD THEN TAIL`, of which all but
/// the first may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    pub exit: Exit,
    what: &'static str,
    word: Option<&'static [u8]>,
    then: &'static str,
    tail: Tail,
}

/// A line as it goes to stderr in one write: a pipe keeps up to 4096 bytes in one piece (PIPE_BUF of
/// pipe(7)), most paths are far shorter.
pub type Line = Message<512>;

impl Fault {
    #[must_use]
    pub const fn new(exit: Exit, what: &'static str) -> Self {
        Self { exit, what, word: None, then: "", tail: Tail::Nothing }
    }

    /// The program's own failure.
    #[must_use]
    pub const fn failed(what: &'static str) -> Self {
        Self::new(Exit::FAILED, what)
    }

    /// The system's refusal of a call about `word`: `cannot open WORD: reason`.
    #[must_use]
    pub const fn refused(what: &'static str, word: &'static [u8], error: Errno) -> Self {
        Self::failed(what).word(word).then(": ").error(error)
    }

    /// Bytes from outside: an argument, a path.
    #[must_use]
    pub const fn word(self, word: &'static [u8]) -> Self {
        Self { word: Some(word), ..self }
    }

    #[must_use]
    pub const fn then(self, then: &'static str) -> Self {
        Self { then, ..self }
    }

    #[must_use]
    pub const fn number(self, number: i64) -> Self {
        Self { tail: Tail::Number(number), ..self }
    }

    #[must_use]
    pub const fn error(self, error: Errno) -> Self {
        Self { tail: Tail::Error(error), ..self }
    }

    /// `'VALUE' is not WANTED`.
    #[must_use]
    pub const fn value(self, value: &'static [u8], wanted: &'static str) -> Self {
        Self { tail: Tail::Value(value, wanted), ..self }
    }

    /// `applet: what went wrong`, with the newline.
    #[must_use]
    pub fn line(&self, applet: &str) -> Line {
        let mut line = Line::new();
        let _ = ufmt::uwrite!(line, "{}: {}", applet, self.what);
        match self.word {
            Some([]) => line.put(b"''"),
            word => put_lossy(&mut line, word.unwrap_or(&[])),
        }
        line.put(self.then.as_bytes());
        match self.tail {
            Tail::Nothing => {}
            Tail::Number(number) => drop(ufmt::uwrite!(line, "{}", number)),
            Tail::Error(error) => match error.text() {
                Some(text) => line.put(text.as_bytes()),
                None => drop(ufmt::uwrite!(line, "error {}", error.0)),
            },
            Tail::Value(value, wanted) => {
                line.put(b"'");
                put_lossy(&mut line, value);
                line.put(b"' is not ");
                line.put(wanted.as_bytes());
            }
        }
        line.put(b"\n");
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line() {
        let fault = Fault::refused("cannot open ", b"/run/x\n.pid", Errno::NOENT);
        assert_eq!(
            fault.line("dmon").bytes(),
            b"dmon: cannot open /run/x?.pid: No such file or directory\n"
        );
        assert_eq!(Fault::failed("odd: ").number(-3).line("dlog").bytes(), b"dlog: odd: -3\n");
        assert_eq!(
            Fault::failed("odd: ").error(Errno(4242)).line("dlog").bytes(),
            b"dlog: odd: error 4242\n"
        );
    }

    #[test]
    fn a_line_too_long_says_that_it_was_cut() {
        static LONG: [u8; 600] = [b'x'; 600];
        let line = Fault::failed("cannot open ").word(&LONG).line("dmon");
        assert_eq!(line.bytes().len(), 512);
        assert!(line.bytes().ends_with(b"xxx...\n"));
    }
}

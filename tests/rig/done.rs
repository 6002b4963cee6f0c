//! The result of a program that has exited, with assertions that a test can chain.

use std::fmt::{Display, Formatter};
use std::process::ExitStatus;
use std::time::Duration;

pub struct Done {
    pub(super) line: String,
    pub(super) status: ExitStatus,
    /// The time from its start to the moment when the rig saw its exit.
    pub took: Duration,
    pub out: String,
    pub err: String,
}

impl Done {
    /// Asserts this exit status.
    #[track_caller]
    pub fn exits(self, code: i32) -> Done {
        assert!(self.status.code() == Some(code), "expected exit status {code}: {self}");
        self
    }

    /// Returns the exit status, or `None` if a signal killed the program.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Asserts that standard error is one line, a message of `applet` that contains each of these words.
    #[track_caller]
    pub fn reports(self, applet: &str, words: &[&str]) -> Done {
        assert!(self.err.lines().count() == 1, "expected one line on standard error: {self}");
        assert!(self.err.starts_with(&format!("{applet}: ")), "not a message of {applet}: {self}");
        for word in words {
            assert!(self.err.contains(word), "the message lacks {word:?}: {self}");
        }
        self
    }

    /// Asserts that standard error is empty.
    #[track_caller]
    pub fn reports_nothing(self) -> Done {
        assert!(self.err.is_empty(), "unexpected output on standard error: {self}");
        self
    }
}

impl Display for Done {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        write!(
            to,
            "{} after {:?}\nline: {}\nstandard output: {:?}\nstandard error: {:?}",
            self.status, self.took, self.line, self.out, self.err
        )
    }
}

//! The forms of words on the command line, for messages about a word that has another form.
//!
//! The parsers of option values return one, and [`getopt`](super::getopt) prints it. A byte instead of a text fits in a
//! register with most results, so all texts are in one list.

use crate::name_table::entry;

/// Defines the list: for each form its name, and a noun phrase that completes the message `'WORD' is not …`.
macro_rules! forms {
    ($($name:ident = $text:literal,)+) => {
        /// The form that a word must have.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Expected {
            /// The option failed for another reason, and its message was printed.
            Reported,
            $(#[doc = $text] $name,)+
        }

        /// The forms in the order of [`Expected`], each after a newline.
        const TEXTS: &str = concat!($("\n", $text),+);
    };
}

forms! {
    Number = "a number",
    Descriptor = "a file descriptor",
    Pid = "a PID",
    Time = "a time (like 90, 1.5m, 2h, 1d)",
    LongTime = "a time (like 90, 2h, 1d, 3M, 1y)",
    Delay = "a time (like 90, 1.5h, 10m~2m)",
    Delays = "a list of at most 16 times (like 1s,5s~1s,1m)",
    Size = "a size (like 4096, 150k, 2m, 1g)",
    MessageSize = "a size from 240 to 8192 bytes",
    Load = "a load (like 4.0, or 150% of each CPU)",
    Pressure = "a resource and percentages (like cpu:40, io:50:20)",
    Sensor = "FILE:HIGH:LOW (unequal numbers; at most 4 sensors)",
    Signal = "a signal (like TERM, SIGHUP, 10)",
    SignalAction = "HUP|QUIT|ALRM|USR1|USR2|WINCH|PWR|RTMIN+N=restart|pause|resume|SIG",
    KillMode = "one of group mixed process",
    Results = "a list of statuses and signals (like 24, 64-78, TERM)",
    RestartLimit = "a count, or at most 64/TIME (like 5, 5/1m, -1)",
    Alive = "a time above 0 and a file (like 1m:/run/beat)",
    Ready = "a descriptor above 2, or with a time above 0 (like 3, 3:1m)",
    ResourceLimit = "a limit (like nofile=1024, core=unlimited:unlimited, see -r help)",
    Rate = "a number above zero and a time (like 100/1s)",
    OnFull = "drop or block",
    Prefix = "a text of at most 4096 bytes",
    Timestamp = "one of utc iso tai64n epoch mono",
    Address = "an address (udp:10.0.0.1, tcp:[fe80::1%eth0]:601) or a path with a slash",
    SocketPath = "a path of at most 107 bytes",
    Facility = "a facility (like daemon, user, local0)",
    Priority = "a priority (like warning, info, daemon.err)",
    Host = "a host name of at most 64 bytes",
    Variable = "a variable (like NAME=VALUE, NAME)",
    NoNul = "without NUL bytes",
    FirstOption = "the first option's, as it must be",
    FewerVariables = "possible: more than 2000 variables in the environment",
}

impl Expected {
    /// Returns the text; empty for [`Reported`](Self::Reported).
    #[must_use]
    pub fn text(self) -> &'static [u8] {
        entry(TEXTS, b'\n', self as usize)
    }

    /// Returns the text without its first bytes, at compile time. It is not stored again.
    #[must_use]
    #[allow(clippy::indexing_slicing, reason = "it runs at compile time")]
    pub const fn text_from(self, skipped: usize) -> &'static str {
        let (mut rest, mut newlines) = (TEXTS, self as usize);
        while newlines > 0 {
            let (byte, after) = rest.split_at(1);
            newlines -= (byte.as_bytes()[0] == b'\n') as usize;
            rest = after;
        }
        let mut size = 0;
        while size < rest.len() && rest.as_bytes()[size] != b'\n' {
            size += 1;
        }
        rest.split_at(size).0.split_at(skipped).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_its_text() {
        assert_eq!(Expected::Reported.text(), b"");
        assert_eq!(Expected::Number.text(), b"a number");
        assert_eq!(
            Expected::FewerVariables.text_from("possible".len()),
            const { ": more than 2000 variables in the environment" }
        );
        let last = Expected::FewerVariables as usize;
        assert_eq!(TEXTS.split('\n').count(), last + 1);
    }
}

//! The state of a log file: lines are written, or an outage drops them. `applets/log_file.rs` calls it.
//!
//! A full disk must not block the service that logs. During an outage lines are therefore dropped and counted. Once per
//! [`RETRY_INTERVAL`] the log file tries to write the loss notice. The notice ends the outage, so that its place in the
//! file is exactly where the lines are missing.
//!
//! Written data is never taken back, because another process may have appended to the file. If an outage starts within
//! a line, the file is torn: a newline goes before the loss notice, which counts the line.
//!
//! This module has no clock and no file: the caller passes the time in, does the I/O, and reports the result.

use super::loss::Loss;
use crate::time::{Duration, Instant};

/// Time between two attempts to write to a file that failed. Chosen: short enough to lose few lines after the disk has
/// space again, long enough to cost nothing while it is full.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The state of a log file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogState {
    /// The file ends with an unfinished line.
    torn: bool,
    /// There is an outage: lines are dropped. The fields below describe it.
    dropping: bool,
    /// The last dropped byte is not the end of a line.
    midline: bool,
    loss: Loss,
    /// Time of the next attempt to end the outage.
    retry_at: Instant,
}

/// The output that ends an outage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    /// A newline comes first, because the file is torn.
    pub newline: bool,
    /// The counts of the loss notice. An unfinished dropped line counts as a line.
    pub loss: Loss,
}

impl LogState {
    /// The state of a file that ends with a whole line.
    pub const NEW: Self = Self {
        torn: false,
        dropping: false,
        midline: false,
        loss: Loss { lines: 0, bytes: 0 },
        retry_at: Instant::START,
    };

    /// Returns whether the next byte that is written starts a line.
    #[must_use]
    pub const fn at_line_start(&self) -> bool {
        self.dropping || !self.torn
    }

    #[must_use]
    pub const fn is_dropping(&self) -> bool {
        self.dropping
    }

    /// Returns the time of the next attempt to end the outage; never if there is none.
    #[must_use]
    pub const fn retry_at(&self) -> Instant {
        if self.dropping { self.retry_at } else { Instant::NEVER }
    }

    /// Records that these bytes were written.
    pub const fn written(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.torn = *last != b'\n';
        }
    }

    /// Records that the next bytes go to another file, which ends with a whole line. The outage may end at once.
    pub const fn file_changed(&mut self) {
        self.torn = false;
        self.retry_at = Instant::START;
    }

    /// Drops these bytes at `now`, after a failed write. This starts an outage, or continues it until the next attempt.
    pub fn write_failed(&mut self, rest: &[u8], now: Instant) {
        self.dropping = true;
        self.retry_at = now.add(RETRY_INTERVAL);
        self.drop_bytes(rest);
    }

    /// Drops and counts these bytes, if there is an outage.
    pub fn drop_bytes(&mut self, bytes: &[u8]) {
        if let (true, Some(last)) = (self.dropping, bytes.last()) {
            self.loss.add(bytes);
            self.midline = *last != b'\n';
        }
    }

    /// Returns the output that ends the outage; `None` if there is no outage.
    #[must_use]
    pub fn notice(&self) -> Option<Notice> {
        let Self { torn, dropping, midline, mut loss, .. } = *self;
        loss.lines += u64::from(midline);
        dropping.then_some(Notice { newline: torn, loss })
    }

    /// Records that the loss notice was written: the outage is over.
    pub const fn notice_written(&mut self) {
        *self = Self::NEW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Instant {
        Instant::from_clock(Duration::from_secs(seconds))
    }

    /// A simulated outage: the bytes that were dropped, and the state that counts them.
    #[derive(Clone)]
    struct Scenario {
        state: LogState,
        retry_at: u64,
        dropped: Vec<u8>,
        file: Vec<u8>,
    }

    impl Scenario {
        fn new(file: &[u8]) -> Self {
            let mut state = LogState::NEW;
            state.written(file);
            assert_eq!(state.at_line_start(), file.ends_with(b"\n"));
            assert_eq!((state.retry_at(), state.notice()), (Instant::NEVER, None));
            state.write_failed(b"c\nd", at(0));
            Self { state, retry_at: 1, dropped: b"c\nd".to_vec(), file: file.to_vec() }
        }

        /// Asserts that the state agrees with the dropped bytes.
        fn check(&self) {
            let lines = self.dropped.split_inclusive(|byte| *byte == b'\n').count() as u64;
            let loss = Loss { lines, bytes: self.dropped.len() as u64 };
            let newline = !self.file.ends_with(b"\n");
            assert_eq!(self.state.notice(), Some(Notice { newline, loss }));
            assert_eq!(self.state.retry_at(), at(self.retry_at));
            assert!(self.state.is_dropping() && self.state.at_line_start());
        }
    }

    /// Tries all scenarios of this many steps: bytes are dropped, a write fails, a piece of the loss notice is written, or
    /// the file changes. Returns the number of scenarios.
    fn explore(scenario: &Scenario, now: u64, steps: u32) -> u64 {
        scenario.check();
        let mut written = scenario.state;
        written.notice_written();
        assert_eq!(written, LogState::NEW);
        if steps == 0 {
            return 1;
        }
        let mut scenarios = 0;
        for bytes in [&b""[..], b"e", b"\n", b"f\ng", b"h\n"] {
            let mut dropped = scenario.clone();
            dropped.dropped.extend(bytes);
            let mut failed = dropped.clone();
            dropped.state.drop_bytes(bytes);
            failed.state.write_failed(bytes, at(now));
            failed.retry_at = now + 1;
            let mut piece = scenario.clone();
            piece.state.written(bytes);
            piece.file.extend(bytes);
            for next in [dropped, failed, piece] {
                scenarios += explore(&next, now + 1, steps - 1);
            }
        }
        let mut other_file = scenario.clone();
        other_file.state.file_changed();
        other_file.retry_at = 0;
        other_file.file = b"\n".to_vec();
        scenarios + explore(&other_file, now + 1, steps - 1)
    }

    #[test]
    fn each_dropped_byte_is_counted_in_every_scenario() {
        let scenarios =
            explore(&Scenario::new(b"x\n"), 1, 4) + explore(&Scenario::new(b"x\na"), 1, 4);
        println!("{scenarios} scenarios of an outage");
    }

    #[test]
    fn written_bytes_leave_an_unfinished_line_or_none() {
        let mut state = LogState::NEW;
        for (bytes, midline) in [(&b"a"[..], true), (b"d\nef", true), (b"", true), (b"\n", false)] {
            state.written(bytes);
            assert_eq!(state, LogState { torn: midline, ..LogState::NEW });
            state.drop_bytes(b"x");
            assert_eq!(state, LogState { torn: midline, ..LogState::NEW }, "there is no outage");
        }
        state.written(b"a");
        state.file_changed();
        assert_eq!(state, LogState::NEW);
        state.write_failed(b"b\n", at(0));
        assert!(state.retry_at() > at(0));
        state.file_changed();
        assert!(state.retry_at() <= at(0));
    }
}

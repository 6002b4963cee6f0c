//! The state of a log file: lines are written, or an outage drops them. `applets/log_file.rs` calls it.
//!
//! A full disk must not block the service that logs. During an outage lines are therefore dropped and counted. Once per
//! [`RETRY_INTERVAL`], and only at a line boundary, the log file tries to write the loss notice. The notice
//! ends the outage, so that its place in the file is exactly where the lines are missing.
//!
//! The file contains whole lines only. When an outage starts, the written piece of an unfinished line is removed and
//! counted as lost. If it cannot be removed, the file is torn, and a newline goes before the loss notice.
//!
//! This module has no clock and no file: the caller passes the time in, does the I/O, and reports the result.

use super::lines;
use super::loss::Loss;
use crate::text::first;
use crate::time::{Duration, Instant};

/// Time between two attempts to write to a file that failed. Chosen: short enough to lose few lines after the disk has
/// space again, long enough to cost nothing while it is full.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The state of a log file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogState {
    /// Lines are written.
    Writing {
        /// Bytes of an unfinished line at the end of the file.
        partial: u64,
    },
    /// Lines are dropped.
    Dropping(Outage),
}

/// A period in which the file cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outage {
    loss: Loss,
    /// Time of the next attempt to end the outage.
    retry_at: Instant,
    /// The last dropped byte is not the end of a line.
    midline: bool,
    /// The file ends with a piece of a line that could not be removed.
    torn: bool,
}

/// The fate of bytes that arrive during an outage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// All bytes were dropped and counted.
    DropAll,
    /// The first `dropped` bytes were dropped and counted. Try to write the loss notice before the others.
    WriteNotice { dropped: usize },
}

/// The output that ends an outage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    /// A newline comes first, because the file is torn.
    pub newline: bool,
    /// The counts of the loss notice.
    pub loss: Loss,
}

impl LogState {
    /// The state of a file that ends with a whole line.
    pub const NEW: Self = Self::Writing { partial: 0 };

    /// Returns whether the next byte of the input starts a line.
    #[must_use]
    pub const fn at_line_start(&self) -> bool {
        match self {
            Self::Writing { partial } => *partial == 0,
            Self::Dropping(outage) => !outage.midline,
        }
    }

    #[must_use]
    pub const fn is_dropping(&self) -> bool {
        matches!(self, Self::Dropping(_))
    }

    /// Returns the number of bytes to remove from the file when an outage starts.
    #[must_use]
    pub const fn partial(&self) -> u64 {
        match self {
            Self::Writing { partial } => *partial,
            Self::Dropping(_) => 0,
        }
    }

    /// Returns the time of the next attempt that requires no new lines. `None` if there is no outage, or if the rest of
    /// a dropped line must arrive first.
    #[must_use]
    pub const fn retry_at(&self) -> Option<Instant> {
        match self {
            Self::Dropping(outage) if !outage.midline => Some(outage.retry_at),
            Self::Dropping(_) | Self::Writing { .. } => None,
        }
    }

    /// Records that these bytes were written.
    pub fn written(&mut self, bytes: &[u8]) {
        if let Self::Writing { partial } = self {
            *partial = match lines::after_last(bytes) {
                Some(after) => after as u64,
                None => *partial + bytes.len() as u64,
            };
        }
    }

    /// Records that the next bytes go to another file, which ends with a whole line.
    pub const fn file_changed(&mut self) {
        match self {
            Self::Writing { partial } => *partial = 0,
            Self::Dropping(outage) => outage.torn = false,
        }
    }

    /// Starts an outage at `now`, unless there is one, and drops `rest`. `removed` is true if the
    /// [`partial`](Self::partial) bytes were removed from the file.
    pub fn start_outage(&mut self, removed: bool, rest: &[u8], now: Instant) {
        if let Self::Writing { partial } = *self {
            *self = Self::Dropping(Outage {
                loss: Loss { lines: 0, bytes: partial },
                retry_at: now.add(RETRY_INTERVAL),
                midline: partial > 0,
                torn: partial > 0 && !removed,
            });
        }
        self.drop_bytes(rest);
    }

    /// Returns the output that ends the outage; `None` if there is no outage.
    #[must_use]
    pub const fn notice(&self) -> Option<Notice> {
        match self {
            Self::Dropping(Outage { torn, loss, .. }) => {
                Some(Notice { newline: *torn, loss: *loss })
            }
            Self::Writing { .. } => None,
        }
    }

    /// Records that the loss notice was written: the outage is over.
    pub const fn notice_written(&mut self) {
        *self = Self::NEW;
    }

    /// Records that the loss notice was not written. `torn` is true if the file ends with a piece of a line.
    pub const fn notice_failed(&mut self, torn: bool) {
        if let Self::Dropping(outage) = self {
            outage.torn = torn;
        }
    }

    /// Continues the outage at `now`, after a failed attempt to end it, and drops `rest`.
    pub fn continue_outage(&mut self, rest: &[u8], now: Instant) {
        if let Self::Dropping(outage) = self {
            outage.retry_at = now.add(RETRY_INTERVAL);
        }
        self.drop_bytes(rest);
    }

    /// Counts an unfinished dropped line as a line, because its end will not arrive.
    pub fn end_of_input(&mut self) {
        if let Self::Dropping(outage) = self {
            outage.loss.lines += u64::from(outage.midline);
            outage.midline = false;
        }
    }

    fn drop_bytes(&mut self, bytes: &[u8]) {
        if let Self::Dropping(outage) = self {
            outage.drop_bytes(bytes);
        }
    }
}

impl Outage {
    /// Decides whether `bytes`, which arrived at `now`, are dropped.
    pub fn decide(&mut self, bytes: &[u8], now: Instant) -> Decision {
        let line_end = if self.midline { lines::first_line(bytes) } else { Some(0) };
        match line_end {
            Some(dropped) if self.retry_at <= now => {
                self.drop_bytes(first(bytes, dropped));
                Decision::WriteNotice { dropped }
            }
            Some(_) | None => {
                self.drop_bytes(bytes);
                Decision::DropAll
            }
        }
    }

    fn drop_bytes(&mut self, bytes: &[u8]) {
        self.loss.add(bytes);
        if let Some(last) = bytes.last() {
            self.midline = *last != b'\n';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a second per step, so that a retry can be too early.
    const fn at(half_seconds: u64) -> Instant {
        Instant::from_clock(Duration::from_millis(500 * half_seconds))
    }

    /// A simulated outage: the bytes that were dropped, and the state that counts them.
    #[derive(Clone)]
    struct Scenario {
        state: LogState,
        /// In half seconds.
        now: u64,
        /// When the file last failed.
        failed_at: u64,
        dropped: Vec<u8>,
        torn: bool,
    }

    impl Scenario {
        fn new(torn: bool) -> Self {
            let mut state = LogState::NEW;
            state.written(b"x\nab");
            assert_eq!(state.partial(), 2);
            state.start_outage(!torn, b"c\nd", at(0));
            Self { state, now: 0, failed_at: 0, dropped: b"abc\nd".to_vec(), torn }
        }

        /// Asserts that the state agrees with the dropped bytes.
        fn check(&self) {
            let midline = !self.dropped.ends_with(b"\n");
            let mut loss = Loss::default();
            loss.add(&self.dropped);
            assert_eq!(self.state.notice(), Some(Notice { newline: self.torn, loss }));
            assert_eq!(self.state.at_line_start(), !midline);
            assert_eq!(self.state.retry_at(), (!midline).then(|| at(self.failed_at + 2)));
            assert_eq!(self.state.partial(), 0);
        }

        /// Passes `bytes` to the outage. Returns the number of dropped bytes if it decides to write the loss notice.
        fn decide(&mut self, bytes: &[u8]) -> Option<usize> {
            let LogState::Dropping(outage) = &mut self.state else {
                unreachable!();
            };
            let is_due = self.now >= self.failed_at + 2;
            let has_boundary = self.dropped.ends_with(b"\n") || bytes.contains(&b'\n');
            let decision = outage.decide(bytes, at(self.now));
            match decision {
                Decision::DropAll => {
                    assert!(!(is_due && has_boundary), "no attempt");
                    self.dropped.extend(bytes);
                    None
                }
                Decision::WriteNotice { dropped } => {
                    assert!(is_due, "two attempts within a second");
                    self.dropped.extend(&bytes[..dropped]);
                    assert!(self.dropped.ends_with(b"\n"), "a notice within a line");
                    Some(dropped)
                }
            }
        }
    }

    /// Tries all scenarios of this many steps: pieces of lines arrive at once or up to a second later, and each attempt to
    /// write the loss notice succeeds or fails. Returns the number of scenarios.
    fn explore(scenario: &Scenario, steps: u32) -> u64 {
        scenario.check();
        if steps == 0 {
            return 1;
        }
        let mut scenarios = 0;
        for bytes in [&b""[..], b"e", b"\n", b"f\ng", b"h\n"] {
            for half_seconds in [0, 1, 2] {
                let mut scenario = scenario.clone();
                scenario.now += half_seconds;
                let Some(dropped) = scenario.decide(bytes) else {
                    scenarios += explore(&scenario, steps - 1);
                    continue;
                };
                let mut written = scenario.clone();
                written.state.notice_written();
                assert_eq!(written.state, LogState::NEW);
                for torn in [false, true] {
                    let mut failed = scenario.clone();
                    failed.state.notice_failed(torn);
                    failed.state.continue_outage(&bytes[dropped..], at(failed.now));
                    failed.dropped.extend(&bytes[dropped..]);
                    failed.torn = torn;
                    failed.failed_at = failed.now;
                    scenarios += explore(&failed, steps - 1);
                }
            }
        }
        scenarios
    }

    #[test]
    fn each_dropped_byte_is_counted_in_every_scenario() {
        let scenarios = explore(&Scenario::new(false), 4) + explore(&Scenario::new(true), 4);
        println!("{scenarios} scenarios of an outage");
    }

    #[test]
    fn written_bytes_leave_an_unfinished_line_or_none() {
        let mut state = LogState::NEW;
        for (bytes, partial) in [(&b"a"[..], 1), (b"bc", 3), (b"d\nef", 2), (b"\n", 0)] {
            state.written(bytes);
            assert_eq!(state, LogState::Writing { partial });
            assert_eq!(state.at_line_start(), partial == 0);
            assert_eq!((state.retry_at(), state.notice()), (None, None));
        }
    }

    #[test]
    fn a_second_failure_continues_the_outage() {
        let mut state = LogState::NEW;
        state.start_outage(true, b"a", at(5));
        state.start_outage(true, b"b\n", at(7));
        assert_eq!(state.retry_at(), Some(at(7)));
        assert_eq!(state.notice().map(|notice| notice.loss), Some(Loss { lines: 1, bytes: 3 }));
    }

    #[test]
    fn an_unfinished_line_counts_at_the_end_of_input() {
        let mut state = LogState::NEW;
        state.end_of_input();
        assert_eq!(state, LogState::NEW);
        state.start_outage(true, b"a\nb", at(0));
        state.end_of_input();
        state.end_of_input();
        assert_eq!(state.notice().map(|notice| notice.loss), Some(Loss { lines: 2, bytes: 3 }));
        assert!(state.at_line_start());
    }

    #[test]
    fn another_file_is_not_torn_and_has_no_unfinished_line() {
        let mut state = LogState::NEW;
        state.written(b"a");
        state.file_changed();
        assert_eq!(state, LogState::NEW);
        state.written(b"a");
        state.start_outage(false, b"b\n", at(0));
        assert_eq!(state.notice().map(|notice| notice.newline), Some(true));
        state.file_changed();
        assert_eq!(state.notice().map(|notice| notice.newline), Some(false));
    }
}

//! Verifies that no line is lost, repeated or reordered. Does no I/O.

use super::checks::{Checker, Instance};
use super::journal::{StatusLine, status_lines, term_signal};
use super::log_lines::{self, Record, disorder, missing, strip};
use super::plan::{FORWARDED, Logger};

/// The longest line of chaos-child, in bytes.
const MAX_LINE: usize = 900;

impl Checker<'_> {
    /// Compares the log and standard error with the line counts of all commands.
    pub fn lines(&mut self) {
        let plan = self.plan;
        let log = strip(plan, &self.seen.log);
        let (records, other_bytes) = log_lines::records(&log.text);
        // A line that a full disk has cut stays in the log, and the loss notice counts it. --rate may hold back one part
        // of a line only.
        let parts = if plan.has_rate() { self.divided_lines() } else { 0 };
        let is_explained = other_bytes <= (log.reported_lost + parts) * MAX_LINE
            || self.disk_is_full()
            || self.log_kills() > 0;
        if !is_explained && !self.may_miss_log_kills() {
            self.fail(format!("{other_bytes} bytes of the log belong to no line"));
        }
        self.failures.extend(disorder(&records, &self.seen.line_counts));
        // Otherwise the output of the command goes to /dev/null.
        if plan.logger != Logger::None || plan.foreground {
            self.log_losses(&records, log.reported_lost, log.held_back);
        }
        if plan.foreground && !plan.log_stderr {
            self.stderr_lines();
        }
    }

    /// Lost lines are reported, or were in the buffer of a killed log command.
    fn log_losses(&mut self, records: &[Record], reported_lost: usize, held_back: usize) {
        let counts = &self.seen.line_counts;
        let channels: &[usize] = if self.plan.log_stderr { &[0, 1] } else { &[0] };
        let (lost, lost_bytes) = missing(records, counts, channels);
        let log_kills = self.log_kills();
        if self.may_miss_log_kills() || self.disk_is_full() {
            return;
        }
        // The last line of a killed process may be lost without being in its count, and so may events of dmon, as many
        // as there are status lines.
        let max = match (self.plan.log_events, self.plan.status_lines) {
            (true, false) => usize::MAX,
            (true, true) => lost + counts.len() + self.status_line_count() + self.divided_lines(),
            (false, _) => lost + counts.len() + self.divided_lines(),
        };
        if self.plan.has_rate() {
            // A log command that is killed reports no lines.
            let is_exact = log_kills == 0 && self.max_lost_bytes(0, reported_lost) == 0;
            if is_exact && !(lost..=max).contains(&held_back) {
                self.fail(format!("{lost} lines are missing, {held_back} were held back"));
            }
            return;
        }
        if held_back > 0 {
            self.fail(format!("{held_back} lines were held back without a limit"));
        }
        if !self.plan.disk {
            if lost_bytes > self.max_lost_bytes(log_kills, reported_lost) {
                self.fail(format!(
                    "{lost} lines with {lost_bytes} bytes are lost; the log command was killed \
                     {log_kills} times"
                ));
            }
            return;
        }
        if log_kills == 0 && !(lost..=max).contains(&reported_lost) {
            self.fail(format!("{lost} lines are lost, {reported_lost} are reported as lost"));
        }
    }

    /// An upper bound for the lines that are two lines of the log, because an event of dmon or the exit of a log command
    /// came between two pieces from a terminal. Each has a status line.
    fn divided_lines(&self) -> usize {
        if self.plan.has_terminal() { self.status_line_count() } else { 0 }
    }

    fn status_line_count(&self) -> usize {
        self.seen.instances.iter().map(|instance| status_lines(&instance.status).len()).sum()
    }

    fn stderr_lines(&mut self) {
        let counts = &self.seen.line_counts;
        let err: String = self.seen.instances.iter().map(|one| one.err.as_str()).collect();
        let (records, _) = log_lines::records(&err);
        self.failures.extend(disorder(&records, counts));
        let (lost, _) = missing(&records, counts, &[1]);
        if lost > 0 {
            self.fail(format!("{lost} lines are missing in standard error"));
        }
    }

    /// Without status lines the test does not know whether the log command was killed.
    fn may_miss_log_kills(&self) -> bool {
        !self.plan.status_lines && self.plan.logger != Logger::None
    }

    /// Whether dmon exited while the disk was full: then there was no space for the loss notice.
    fn disk_is_full(&self) -> bool {
        let journal = self.seen.journal.lines();
        let last = journal.rev().find(|line| line.ends_with(" full") || line.ends_with(" empty"));
        last.is_some_and(|line| line.ends_with(" full"))
    }

    /// How many log commands were killed by a signal. Each loses the data that it has read but not written.
    ///
    /// A signal that dmon can forward kills our loggers only before they have read anything.
    fn log_kills(&self) -> usize {
        let all = self.seen.instances.iter().flat_map(|instance| status_lines(&instance.status));
        let is_harmless = |signal| {
            self.plan.logger != Logger::Cat && FORWARDED.iter().any(|one| *one as i32 == signal)
        };
        let is_kill = |line: &StatusLine| {
            let signal = term_signal(line.number);
            (line.role, line.event) == ("log", "exit") && signal != 0 && !is_harmless(signal)
        };
        all.filter(is_kill).count()
    }

    /// An upper bound for lost data: buffers of killed log commands, and losses that dmon or dsyslog report.
    fn max_lost_bytes(&self, log_kills: usize, reported_lost: usize) -> usize {
        const PIPE: usize = 64 << 10;
        let buffered = match self.plan.logger {
            Logger::None => 0,
            Logger::Dlog | Logger::Drlog => PIPE,
            // The read buffer and the queue.
            Logger::Dsyslog => PIPE + (32 << 10),
            Logger::Cat => 2 * PIPE,
        };
        let messages = self.seen.instances.iter().flat_map(|instance| instance.err.lines());
        let reported_bytes = |line: &str| {
            let (message, number) = line.rsplit_once(": ")?;
            let number: usize = number.parse().ok()?;
            match message {
                "dmon: the log command has left bytes unread" => Some(number),
                "dsyslog: lines lost" => Some(number * MAX_LINE),
                _ => None,
            }
        };
        let in_messages: usize = messages.filter_map(reported_bytes).sum();
        // The test cannot read the messages of a daemon.
        let unreported = if !self.plan.foreground && log_kills > 0 { PIPE } else { 0 };
        // If dmon is killed while no log command runs, the data in the pipe and in a terminal has no reader.
        let waiting = if self.plan.has_terminal() { 3 * PIPE } else { PIPE };
        let has_no_reader = |instance: &&Instance| {
            let last = status_lines(&instance.status).into_iter().rfind(|line| line.role == "log");
            instance.was_killed && last.is_none_or(|line| line.event == "exit")
        };
        let unread = self.seen.instances.iter().filter(has_no_reader).count() * waiting;
        log_kills * buffered + in_messages + unreported + unread + reported_lost * MAX_LINE
    }
}

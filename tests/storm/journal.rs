//! Parses the status lines of dmon (`-I`) and the journal.
//!
//! The journal is a file that the test and all copies of chaos-child append to. A line contains the time in
//! milliseconds, an event, and numbers; chaos-child.rs describes the events.

use nix::sys::signal::Signal;
use std::collections::BTreeSet;

pub const TERM: i32 = Signal::SIGTERM as i32;
pub const KILL: i32 = Signal::SIGKILL as i32;
pub const CONT: i32 = Signal::SIGCONT as i32;
pub const STOP: i32 = Signal::SIGSTOP as i32;

/// One status line.
#[derive(Clone, Copy)]
pub struct StatusLine<'a> {
    /// `cmd` or `log`.
    pub role: &'a str,
    pub event: &'a str,
    pub pid: i32,
    /// The wait status or the signal; 0 if the event has no number.
    pub number: i32,
}

/// All well-formed status lines.
pub fn status_lines(status: &str) -> Vec<StatusLine<'_>> {
    fn parse(line: &str) -> Option<StatusLine<'_>> {
        let mut words = line.split(' ');
        let (role, event, pid) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        let number = words.next().map_or(Some(0), |word| word.parse().ok())?;
        Some(StatusLine { role, event, pid, number })
    }
    status.lines().filter_map(parse).collect()
}

/// The PID of the command if it runs after these status lines, and dmon would forward this signal to it.
///
/// dmon does not forward SIGCONT to a command that it has paused because of the load.
pub fn forward_target(status: &str, signal: Signal) -> Option<i32> {
    let mut lines = status_lines(status).into_iter().filter(|line| line.role == "cmd");
    let last = lines.next_back()?;
    let is_running = matches!(last.event, "start" | "pause" | "resume" | "ready" | "signal");
    let mut states = lines.chain([last]).filter(|line| line.event != "signal");
    let is_paused = states.next_back().is_some_and(|line| line.event == "pause");
    (is_running && !(is_paused && signal == Signal::SIGCONT)).then_some(last.pid)
}

/// The PID of the command and whether dmon has paused it, if the last status line is a pause or resume.
///
/// `None` as well if the command was suspended or resumed by others.
pub fn paused(status: &str, journal: &str) -> Option<(i32, bool)> {
    let last = status_lines(status).into_iter().rfind(|line| line.role == "cmd")?;
    let by_others = sent_signals(journal).contains(&(last.pid, CONT))
        || sent_signals(journal).contains(&(last.pid, STOP))
        || events(journal, "suspend").any(|numbers| numbers[0] == i64::from(last.pid));
    let is_load_event = matches!(last.event, "pause" | "resume");
    (is_load_event && !by_others).then_some((last.pid, last.event == "pause"))
}

/// The numbers of each journal line with this event.
pub fn events<'a>(journal: &'a str, event: &'a str) -> impl Iterator<Item = Vec<i64>> + 'a {
    journal.lines().filter_map(move |line| {
        let (_, rest) = line.split_once(' ')?;
        let (found, rest) = rest.split_once(' ')?;
        let numbers = || rest.split(' ').filter_map(|word| word.parse().ok()).collect();
        (found == event).then(numbers)
    })
}

/// The processes that do not exit on SIGTERM.
pub fn ignoring_term(journal: &str) -> BTreeSet<i32> {
    events(journal, "ignore-term").map(|numbers| numbers[0] as i32).collect()
}

/// PID and number of each signal that the test has sent.
pub fn sent_signals(journal: &str) -> Vec<(i32, i32)> {
    events(journal, "send").map(|numbers| (numbers[0] as i32, numbers[1] as i32)).collect()
}

/// The signal in a wait status; 0 if the process has exited.
pub fn term_signal(wait_status: i32) -> i32 {
    wait_status & 0x7f
}

/// The exit status that dmon derives from a wait status.
pub fn exit_status(wait_status: i32) -> i32 {
    match term_signal(wait_status) {
        0 => wait_status >> 8 & 0xff,
        signal => 128 + signal,
    }
}

//! Tests that apply to all log commands, and helpers that their tests share.

use crate::rig::trace::Trace;
use std::collections::HashSet;

/// Large input, long lines, arbitrary bytes in pieces of any length: nothing is changed.
mod fidelity;
/// The signals that dmon forwards, while its command writes lines.
mod forwarded_signals;
/// SIGTERM while a large pipe is full.
mod large_pipe;
/// `--rate`.
mod rate;
/// The signals that dmon forwards.
mod signals;

/// The text with each digit replaced by 0, to compare the form of dates.
pub fn digits_as_zeros(text: &str) -> String {
    text.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect()
}

/// Splits a line that starts with a timestamp of the default format, `YYYY-mm-dd/HH:MM:SS `, after the blank.
#[track_caller]
pub fn split_timestamp(line: &str) -> (&str, &str) {
    let parts = line.split_at_checked(20).unwrap_or_else(|| panic!("no timestamp: {line:?}"));
    assert_eq!(digits_as_zeros(parts.0), "0000-00-00/00:00:00 ", "of {line:?}");
    parts
}

/// Asserts in a trace of `strace -y` that each log is synced between its last write and its close. Returns how many
/// logs were closed.
#[track_caller]
pub fn closed_after_sync(trace: &Trace) -> usize {
    let calls = trace.calls("");
    let mut dirty = HashSet::new();
    let mut closed = 0;
    for line in &calls {
        let descriptor = || line.split(['(', '<']).nth(1).expect("a descriptor");
        let is_log = ["current>", "/log-", "/f>", "/g>"].iter().any(|name| line.contains(name));
        match line.split('(').next() {
            Some("write") if is_log => drop(dirty.insert(descriptor())),
            Some("fdatasync") => drop(dirty.remove(descriptor())),
            Some("close") if is_log => {
                assert!(
                    !dirty.contains(descriptor()),
                    "closed before it was synced: {line}\n{}",
                    trace.text()
                );
                closed += 1;
            }
            _ => {}
        }
    }
    closed
}

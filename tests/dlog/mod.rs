//! Tests of the log command dlog.

use crate::rig::disk::Disk;
use crate::rig::{Rig, Running, feed};
use std::process::ChildStdin;
use std::time::SystemTime;

/// Files, standard output, prefixes, signals, errors at start.
mod basic;
/// A FIFO whose reader exits.
mod fifo;
/// Lines lost on a full disk, and the loss notice.
mod full_disk;
/// `--on-full block`.
mod on_full_block;
/// FIFOs, pipes and terminals as the log.
mod pipes;
/// SIGHUP: the file is opened again.
mod reopen;
/// When dlog calls fdatasync(2), and what happens if it fails.
mod sync;
/// `-t` and the formats of `--time`.
mod timestamps;
/// Lines that arrive in pieces, and several processes that append to one file.
mod whole_lines;
/// Failed, interrupted and combined write(2) calls.
mod writes;

/// The message of dlog at the start of an outage of a full disk.
const FULL: &str = "dlog: cannot write disk/f: No space left on device\n";

/// A log, split at its loss notice.
#[derive(Debug)]
struct LossNotice {
    /// The log before the notice.
    before: String,
    lines: usize,
    bytes: usize,
    /// The log after the notice.
    after: String,
}

/// Finds the first complete line `dlog: N lines (B bytes) lost`.
fn loss_notice(log: &str) -> Option<LossNotice> {
    let mut at = 0;
    for line in log.split_inclusive('\n') {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["dlog:", lines, "lines" | "line", bytes, "bytes)" | "byte)", "lost"] = words[..]
            && line.ends_with('\n')
        {
            return Some(LossNotice {
                before: log[..at].to_string(),
                lines: lines.parse().ok()?,
                bytes: bytes.strip_prefix('(')?.parse().ok()?,
                after: log[at + line.len()..].to_string(),
            });
        }
        at += line.len();
    }
    None
}

/// Waits until dlog sleeps: it has handled its input so far.
fn wait_asleep(rig: &Rig, dlog: &Running) {
    rig.wait_state(dlog.pid(), 'S');
}

/// Waits until dlog has printed this many messages. It prints one at the start of each outage.
#[track_caller]
fn wait_outage(rig: &Rig, dlog: &Running, count: usize) {
    rig.wait_for(format!("message {count} of an outage"), || dlog.err().lines().count() >= count);
}

/// Starts dlog with the log `disk/f`, feeds it `text` and waits until the log is this text.
fn start_with<'a>(
    rig: &'a Rig,
    disk: &Disk,
    options: &str,
    text: &str,
) -> (Running<'a>, ChildStdin) {
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog {options} disk/f"));
    feed(&mut input, text);
    rig.wait_for("the first line", || disk.read("f") == text);
    (dlog, input)
}

/// Fills the disk, starts dlog with the log `disk/f`, feeds it the line `one` and waits for the outage.
fn start_on_full_disk<'a>(rig: &'a Rig, disk: &Disk, options: &str) -> (Running<'a>, ChildStdin) {
    disk.fill();
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog {options} disk/f"));
    feed(&mut input, "one\n");
    wait_outage(rig, &dlog, 1);
    (dlog, input)
}

/// The seconds since 1970.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    since.as_secs_f64()
}

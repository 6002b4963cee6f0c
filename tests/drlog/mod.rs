//! Tests of the log command drlog.

use crate::loggers::digits_as_zeros;
use crate::rig::{Rig, Running, feed};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ChildStdin;
use std::time::SystemTime;

/// `current`, options, signals, errors at start.
mod basic;
/// `.timestamp`, and clocks that are wrong or set while drlog runs.
mod clock;
/// Rotation or removal that fails, a full disk, a removed directory.
mod faults;
/// The lock: one drlog in a directory.
mod lock;
/// Names of old files: nothing is overwritten.
mod names;
/// The options that drlog shares with dlog.
mod options;
/// Which old files are removed.
mod removal;
/// A directory or a file that is removed or replaced while drlog runs.
mod replaced;
/// When `current` is rotated, and that no line is split or lost.
mod rotation;
/// Repeated failures of a rotation, and the size of `current` after an outage.
mod rotation_failures;
/// `.timestamp` as a symbolic link.
mod timestamp_link;

/// Parses the name of an old file, `log-YYYY-mm-dd-HH:MM:SS` or the same with `.N`, into its time and N.
fn parse_name(name: &str) -> Option<(String, usize)> {
    let rest = name.strip_prefix("log-")?;
    let (time, rest) = rest.split_at_checked(19)?;
    let number = match rest.strip_prefix('.') {
        Some(number) => number.parse().ok()?,
        None if rest.is_empty() => 0,
        None => return None,
    };
    (digits_as_zeros(time) == "0000-00-00-00:00:00").then(|| (time.to_string(), number))
}

/// The names and contents of the old files in a directory, oldest first.
fn old_files_in(directory: &Path) -> Vec<(String, String)> {
    let names = fs::read_dir(directory).into_iter().flatten().flatten();
    let files: BTreeMap<_, _> = names
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((parse_name(&name)?, (name, entry.path())))
        })
        .collect();
    files
        .into_values()
        .map(|(name, path)| {
            let bytes = fs::read(path).unwrap_or_default();
            (name, String::from_utf8_lossy(&bytes).into_owned())
        })
        .collect()
}

/// The names and contents of the old files in `d`, oldest first.
fn old_files(rig: &Rig) -> Vec<(String, String)> {
    old_files_in(&rig.path("d"))
}

/// The contents of the old files in `d`, oldest first.
fn old_texts(rig: &Rig) -> Vec<String> {
    old_files(rig).into_iter().map(|(_, text)| text).collect()
}

/// The contents of all old files in `d` and of `current`, oldest first.
fn whole_log(rig: &Rig) -> String {
    old_texts(rig).concat() + &rig.read("d/current")
}

/// A rig that contains the log directory `d`.
fn with_directory() -> Rig {
    let rig = Rig::new();
    fs::create_dir(rig.path("d")).expect("mkdir");
    rig
}

/// The seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    since.as_secs()
}

/// When `current` was created, in seconds since 1970, from `.timestamp`.
fn created_at(rig: &Rig) -> u64 {
    let text = rig.read("d/.timestamp");
    let number = text.strip_suffix('\n').unwrap_or_else(|| panic!("no newline in {text:?}"));
    number.parse().unwrap_or_else(|_| panic!("no number: {text:?}"))
}

/// Waits until at least `count` old files exist.
fn wait_old_files(rig: &Rig, count: usize) {
    rig.wait_for(format!("{count} old files"), || old_files(rig).len() >= count);
}

/// Feeds a line and waits until `current` ends in it.
fn feed_line(rig: &Rig, input: &mut ChildStdin, line: &str) {
    feed(input, line);
    rig.wait_for("the line", || rig.read("d/current").ends_with(line));
}

/// Sends SIGALRM and waits for the rotation.
fn rotate(rig: &Rig, drlog: &Running) {
    let count = old_files(rig).len();
    drlog.signal(Signal::SIGALRM);
    wait_old_files(rig, count + 1);
}

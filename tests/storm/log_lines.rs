//! Parses the log, and finds lost, repeated and reordered lines.
//!
//! Each line of chaos-child contains its run, its PID, its channel (0: standard output, 1: standard error), its number
//! in this process, and filler: `<RUN.PID.CHANNEL.NUMBER:LENGTH:FILLER>`.

use super::plan::{Logger, Plan};
use crate::rig::Rig;
use std::collections::{BTreeMap, BTreeSet};

/// For each PID, the number of lines written to standard output and standard error.
pub type LineCounts = Vec<(i32, [usize; 2])>;

/// Reads the counts that all copies of chaos-child maintain.
pub fn line_counts(rig: &Rig) -> LineCounts {
    let mut all = Vec::new();
    for file in std::fs::read_dir(rig.path("")).expect("the folder").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if let Some(pid) = name.strip_prefix("lines.") {
            let text = rig.read(&name);
            let mut counts = text.split_whitespace().map(|word| word.parse().expect("a count"));
            let counts = [counts.next().unwrap_or(0), counts.next().unwrap_or(0)];
            all.push((pid.parse().expect("a PID"), counts));
        }
    }
    all
}

/// A line of chaos-child.
pub struct Record {
    run: i64,
    pid: i32,
    channel: usize,
    number: usize,
}

/// All complete records in their order, and the number of bytes that belong to none.
pub fn records(text: &str) -> (Vec<Record>, usize) {
    let (mut all, mut other_bytes) = (Vec::new(), 0);
    for piece in text.split_inclusive('>') {
        let start = piece.rfind('<').unwrap_or(piece.len());
        let record = parse_record(&piece[start..]);
        other_bytes += if record.is_some() { start } else { piece.len() };
        all.extend(record);
    }
    (all, other_bytes)
}

fn parse_record(text: &str) -> Option<Record> {
    let (head, rest) = text.strip_prefix('<')?.split_once(':')?;
    let (length, filler) = rest.strip_suffix('>')?.split_once(':')?;
    let mut head = head.split('.');
    let record = Record {
        run: head.next()?.parse().ok()?,
        pid: head.next()?.parse().ok()?,
        channel: head.next()?.parse().ok().filter(|channel| *channel < 2)?,
        number: head.next()?.parse().ok()?,
    };
    let letter = b'a' + (record.number % 26) as u8;
    let is_complete =
        filler.len() == length.parse().ok()? && filler.bytes().all(|byte| byte == letter);
    is_complete.then_some(record)
}

/// Describes the first record that is repeated, misplaced or was never written.
pub fn disorder(records: &[Record], counts: &LineCounts) -> Option<String> {
    let counts: BTreeMap<_, _> = counts.iter().copied().collect();
    let (mut last_numbers, mut run) = (BTreeMap::new(), 0);
    for record in records {
        let Record { pid, channel, number, .. } = *record;
        let name = format!("line {number} of {pid} in run {}", record.run);
        if record.run < run {
            return Some(format!("{name} follows a line of run {run}"));
        }
        run = record.run;
        let last = last_numbers.insert((pid, channel), number);
        if last.is_some_and(|last| last >= number) {
            return Some(format!("{name} is repeated, or follows a later line"));
        }
        // A process may be killed between the write of its last line and the update of its count.
        if counts.get(&pid).is_none_or(|counts| counts[channel] < number) {
            return Some(format!("{name} was never written"));
        }
    }
    None
}

/// Counts the lines of these channels that were written but are not among the records, and their bytes.
pub fn missing(records: &[Record], counts: &LineCounts, channels: &[usize]) -> (usize, usize) {
    let found: BTreeSet<_> = records.iter().map(|r| (r.pid, r.channel, r.number)).collect();
    let (mut lines, mut bytes) = (0, 0);
    for (pid, counts) in counts {
        for channel in channels {
            let numbers = 0..counts[*channel];
            for number in numbers.filter(|number| !found.contains(&(*pid, *channel, *number))) {
                lines += 1;
                // A lower bound: the line without its filler, and the filler of long lines.
                bytes += 14 + if number % 61 == 60 { 800 } else { 0 };
            }
        }
    }
    (lines, bytes)
}

/// A log without the additions of the log command.
pub struct Stripped {
    /// All lines joined, without timestamps and prefixes. Without newlines as well: a log command that stops in the
    /// middle of a line adds one.
    pub text: String,
    /// Sum of all loss notices, in lines.
    pub reported_lost: usize,
    /// Sum of all reports of `--rate`, in lines.
    pub held_back: usize,
}

pub fn strip(plan: &Plan, log: &[u8]) -> Stripped {
    let mut stripped = Stripped { text: String::new(), reported_lost: 0, held_back: 0 };
    let logs_to_file = matches!(plan.logger, Logger::Dlog | Logger::Drlog);
    for mut line in String::from_utf8_lossy(log).lines() {
        // No timestamp contains a blank.
        if logs_to_file && plan.has_timestamps() {
            line = line.split_once(' ').unwrap_or_default().1;
        }
        if logs_to_file && plan.has_prefix() {
            line = line.strip_prefix("P ").unwrap_or(line);
        }
        // Events, and a daemon's errors, also inside an unfinished line.
        let line = line.split_once("dmon: ").map_or(line, |(before, _)| before);
        // Loss notices: `dlog: N lines (B bytes) lost`, `N lines lost`. Reports: `dlog: N lines held back`.
        let names = ["dlog: ", "drlog: ", "dsyslog: "];
        let notice = names.iter().find_map(|name| line.strip_prefix(name)).unwrap_or(line);
        let count = notice.split(' ').next().and_then(|count| count.parse::<usize>().ok());
        match count {
            Some(count) if line.ends_with(" lost") => stripped.reported_lost += count,
            Some(count) if line.ends_with(" held back") => stripped.held_back += count,
            _ => stripped.text += line,
        }
    }
    stripped
}

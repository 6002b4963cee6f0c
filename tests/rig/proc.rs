//! What `/proc` says about processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    pub name: String,
    /// `R`, `S`, `D`, `T` (stopped), `Z` (zombie), …
    pub state: char,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    /// The group in the foreground of its terminal; -1 where it has none.
    pub foreground: i32,
    /// When it was forked, in hundredths of a second since boot.
    pub begun: u64,
}

impl Process {
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Reads a line of `/proc/PID/stat`. The name may hold blanks and brackets.
    pub fn parse(line: &str) -> Option<Process> {
        let (pid, rest) = line.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |at: usize| fields.get(at)?.parse::<i32>().ok();
        Some(Process {
            pid: pid.trim().parse().ok()?,
            name: name.to_string(),
            state: fields.first()?.chars().next()?,
            parent: number(1)?,
            group: number(2)?,
            session: number(3)?,
            foreground: number(5)?,
            begun: fields.get(19)?.parse().ok()?,
        })
    }
}

pub fn process(pid: i32) -> Option<Process> {
    Process::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

pub fn state(pid: i32) -> Option<char> {
    process(pid).map(|process| process.state)
}

/// The process group in the foreground of that process's terminal.
pub fn foreground(pid: i32) -> Option<i32> {
    process(pid).map(|process| process.foreground)
}

pub fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?)).collect()
}

pub fn children(parent: i32) -> Vec<Process> {
    all().into_iter().filter(|process| process.parent == parent).collect()
}

pub fn group(leader: i32) -> Vec<Process> {
    all().into_iter().filter(|process| process.group == leader && !process.is_zombie()).collect()
}

/// The command line, with a blank between the words.
pub fn words(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ")
}

/// If the environment the program began with holds this `NAME=VALUE`.
pub fn has_variable(pid: i32, variable: &str) -> bool {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    bytes.split(|&byte| byte == 0).any(|entry| entry == variable.as_bytes())
}

/// A field of `/proc/PID/status`; empty when there is none.
pub fn status(pid: i32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_default().trim().to_string()
}

/// The numbers of a field of `/proc/PID/status`, in ascending order for `Groups`.
pub fn ids(pid: i32, field: &str) -> Vec<u32> {
    status(pid, field).split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// A set of signals in `/proc/PID/status`: bit N−1 is signal N.
pub fn signals(pid: i32, field: &str) -> u64 {
    u64::from_str_radix(&status(pid, field), 16)
        .unwrap_or_else(|_| panic!("process {pid} has no {field}"))
}

/// The soft and the hard limit of each resource, by the names of `/proc/PID/limits` without `Max`.
pub fn limits(pid: i32) -> BTreeMap<String, (String, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let row = |line: &str| {
        // A name is at most 25 bytes wide, blanks and all.
        let (name, values) = line.strip_prefix("Max ")?.split_at_checked(21)?;
        let mut values = values.split_whitespace().map(str::to_string);
        Some((name.trim().to_string(), (values.next()?, values.next()?)))
    };
    text.lines().filter_map(row).collect()
}

/// The open descriptors and what they lead to.
pub fn descriptors(pid: i32) -> BTreeMap<i32, PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, fs::read_link(entry.path()).ok()?))
        })
        .collect()
}

pub fn cwd(pid: i32) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default()
}

//! Facts about processes, read from `/proc` (proc(5)).

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    pub name: String,
    /// `R`, `S`, `D`, `T` (stopped), `Z` (zombie), …
    pub state: char,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    /// The foreground process group of its terminal; -1 without a terminal.
    pub foreground: i32,
    /// The kernel's PF_* flags.
    flags: u32,
    /// The time of its fork, in hundredths of a second since boot.
    pub started_at: u64,
}

impl Process {
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    pub fn is_kernel_thread(&self) -> bool {
        const PF_KTHREAD: u32 = 0x0020_0000;
        self.flags & PF_KTHREAD != 0
    }

    fn is_exiting(&self) -> bool {
        const PF_EXITING: u32 = 4;
        self.is_zombie() || self.flags & PF_EXITING != 0
    }

    /// Parses a line of `/proc/PID/stat`. The name may contain blanks and brackets.
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
            flags: fields.get(6)?.parse().ok()?,
            started_at: fields.get(19)?.parse().ok()?,
        })
    }
}

pub fn process(pid: i32) -> Option<Process> {
    Process::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Returns the state of each thread of a process; empty if there is no such process.
pub fn states_of_threads(pid: i32) -> Vec<char> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    stats.filter_map(|stat| Process::parse(&stat)).map(|thread| thread.state).collect()
}

pub fn state(pid: i32) -> Option<char> {
    process(pid).map(|process| process.state)
}

/// Returns the foreground process group of that process's terminal.
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

/// Returns the command line, with a blank between the words.
pub fn cmdline(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ")
}

/// Whether the environment with which the program was started contains this `NAME=VALUE`.
///
/// In the middle of execve(2) a process has no environment. The answer waits for the end of that, up to a second.
pub fn has_variable(pid: i32, variable: &str) -> bool {
    let started_at = Instant::now();
    // An exec may finish, and the next one begin, between two looks.
    let mut looks_without_exec = 0;
    loop {
        let bytes = environment(pid).unwrap_or_default();
        let is_known = !bytes.is_empty() || looks_without_exec == 3;
        if is_known || started_at.elapsed() > Duration::from_secs(1) {
            return bytes.split(|&byte| byte == 0).any(|entry| entry == variable.as_bytes());
        }
        match is_in_exec(pid) {
            true => std::thread::sleep(Duration::from_millis(1)),
            false => looks_without_exec += 1,
        }
    }
}

/// Reads the environment in one call if possible: an exec between two calls would truncate it.
fn environment(pid: i32) -> std::io::Result<Vec<u8>> {
    let mut file = fs::File::open(format!("/proc/{pid}/environ"))?;
    let mut bytes = vec![0; 1 << 18];
    let length = file.read(&mut bytes)?;
    bytes.truncate(length);
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a process has no command line at the moment, although it is a program that runs.
fn is_in_exec(pid: i32) -> bool {
    let runs = |process: Process| !process.is_kernel_thread() && !process.is_exiting();
    cmdline(pid).is_empty() && process(pid).is_some_and(runs)
}

/// Returns a field of `/proc/PID/status`; empty if there is none.
pub fn status(pid: i32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_default().trim().to_string()
}

/// Returns the number of context switches so far. It does not grow while the process sleeps.
pub fn switches(pid: i32) -> u64 {
    let fields = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];
    fields.iter().filter_map(|field| status(pid, field).parse::<u64>().ok()).sum()
}

/// Returns the numbers in a field of `/proc/PID/status`; those of `Groups` ascend.
pub fn ids(pid: i32, field: &str) -> Vec<u32> {
    status(pid, field).split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Returns a signal set of `/proc/PID/status`: bit N−1 is signal N.
pub fn signals(pid: i32, field: &str) -> u64 {
    u64::from_str_radix(&status(pid, field), 16)
        .unwrap_or_else(|_| panic!("process {pid} has no {field}"))
}

/// Returns the soft and the hard limit of each resource, by the names of `/proc/PID/limits` without `Max`.
pub fn limits(pid: i32) -> BTreeMap<String, (String, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let row = |line: &str| {
        // `Max`, the name and the blanks after it are 25 bytes wide.
        let (name, values) = line.strip_prefix("Max ")?.split_at_checked(21)?;
        let mut values = values.split_whitespace().map(str::to_string);
        Some((name.trim().to_string(), (values.next()?, values.next()?)))
    };
    text.lines().filter_map(row).collect()
}

/// Returns the open descriptors and their files.
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

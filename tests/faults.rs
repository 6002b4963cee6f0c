//! Each system call of dmon fails once, with each error that may come: at the start, while the command runs and is
//! run again, while the log command reads the rest. Whatever fails, dmon ends in a way the manual names, says
//! so if it could not do what it was told, and no line is missing, none there twice, nothing is left.
//!
//! strace makes the calls fail. The calls are those that strace has seen in a run where nothing fails.

use crate::rig::{Done, Rig, times, tools};
use std::collections::BTreeMap;

/// The command says the number of its run and ends badly, twice; then no restarts are left.
const COMMAND: &str = "#!/bin/sh
    echo $(($(cat number) + 1)) >number
    echo \"run $(cat number)\"
    exit 3";

const LINE: &str = "dmon -e -m 1 -d 0.01 -p pid -I status -W . -r core=0 -L 1000 svc -- dlog out";

/// Calls that are strace's own, that the C library makes before there is a program, that do not come back, or
/// that cannot fail.
const NEVER: [&str; 11] = [
    "execve",
    "arch_prctl",
    "set_tid_address",
    "exit_group",
    "exit",
    "rt_sigreturn",
    "getpid",
    "clock_gettime",
    "brk",
    "mmap",
    "munmap",
];

/// The names of the calls in a trace, in their order, and how often each was made.
fn calls(trace: &str) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for line in trace.lines() {
        // With -f a pid stands before it.
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let name = call.split('(').next().filter(|_| call.contains('(')).unwrap_or_default();
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.is_empty() && name.chars().all(is_name) {
            *calls.entry(name.to_string()).or_default() += 1;
        }
    }
    for name in NEVER {
        calls.remove(name);
    }
    calls
}

/// A folder in which the line can run.
fn scene() -> Rig {
    let rig = Rig::new();
    rig.program("svc", COMMAND);
    rig.write("number", "0");
    rig
}

/// What is wrong with the way a run has ended.
fn complaint(rig: &Rig, done: &Done) -> Option<&'static str> {
    rig.wait_for(format!("nothing to be left: {done}"), || rig.alive().is_empty());
    let out = rig.read("out");
    let runs = rig.read("number").trim().parse().unwrap_or(0);
    let shown: Vec<&str> = out.lines().filter(|line| line.starts_with("run ")).collect();
    let ours = |line: &str| line.starts_with("dmon: ") || line.starts_with("dlog: ");
    match done.code() {
        _ if !shown.is_sorted() => Some("lines in another order"),
        _ if shown.windows(2).any(|two| two[0] == two[1]) => Some("a line twice"),
        _ if !done.err.lines().all(ours) => Some("words of somebody else"),
        Some(3) if runs != 2 => Some("not two runs"),
        Some(3) if out != "run 1\nrun 2\n" && !done.err.contains("lost") => Some("a line less"),
        Some(3) => None,
        // Not begun.
        Some(125..=127) if runs > 1 => Some("given up later than at the start"),
        Some(125..=127) if !done.err.starts_with("dmon: ") => Some("nothing said"),
        Some(125..=127) => None,
        _ => Some("another status"),
    }
}

/// Runs the line under strace with one call failing; `options` are strace's.
fn fail_each(line: &str, options: &str, errors: &[&str], skip: impl Fn(&str) -> bool) {
    if !tools::has(&["strace"]) || !tools::is_native("strace sees the calls of the emulator") {
        return;
    }
    let rig = scene();
    let done = rig.run(format!("strace {options} -o trace {line}"));
    assert_eq!(complaint(&rig, &done), None, "{done}");
    let calls = calls(&rig.read("trace"));
    assert!(calls.contains_key("wait4") && calls.len() > 10, "{calls:?}");
    let (mut turn, mut bad) = (0, String::new());
    for (call, count) in calls.iter().filter(|(call, _)| !skip(call)) {
        for number in 1..=*count {
            turn += 1;
            // All errors for each would take long: each time another.
            for error in errors.iter().cycle().skip(turn).take(times(1, errors.len())) {
                let rig = scene();
                let inject =
                    format!("-e trace={call} -e inject={call}:error={error}:when={number}");
                let done = rig.run(format!("strace {options} -o trace {inject} {line}"));
                if let Some(complaint) = complaint(&rig, &done) {
                    let (status, err, out) = (done.code(), &done.err, rig.read("out"));
                    bad += &format!(
                        "{call} {number} {error}: {complaint}: {status:?} {err:?} {out:?}\n"
                    );
                }
            }
        }
    }
    assert!(bad.is_empty(), "{bad}");
}

#[test]
fn in_the_foreground_each_call_of_dmon_may_fail() {
    let line = LINE.replace("dmon", "dmon -n");
    fail_each(
        &line,
        "",
        &["EINTR", "ENOMEM", "EIO", "EPERM", "EMFILE", "ENOSPC", "EAGAIN"],
        |_| false,
    );
}

/// Between fork and exec, in a daemon's first process, and in the log command: only calls that no shell makes.
#[test]
fn as_a_daemon_each_call_of_its_processes_may_fail() {
    let line = format!("{LINE} -u root -g root -U root -G root").replace(" svc -- dlog out", "");
    let line = format!("{line} svc -- dlog out; while test -e pid; do sleep 0.01; done");
    fail_each(
        &line,
        "-f",
        &["EINTR", "ENOMEM", "EIO", "EPERM", "EMFILE", "ENOSPC", "EAGAIN"],
        |call| {
            ["read", "write", "close", "openat", "wait4", "rt_sigaction", "rt_sigprocmask", "dup2"]
                .contains(&call)
        },
    );
}

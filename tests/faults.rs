//! Each system call fails once, with each error that may come: at the start, while the command runs and is run
//! again, while the log command reads the rest. Whatever fails, dmon ends in a way the manual names, says so if it
//! could not do what it was told, and no line is missing, none there twice, nothing is left.
//!
//! strace makes the calls fail. The calls are those that strace has seen in a run where nothing fails.

use crate::rig::{Done, Rig, numbers, times, tools};
use std::collections::BTreeMap;

/// The command says the number of its run and ends badly, twice; then no restarts are left.
const COMMAND: &str = "#!/bin/sh
    echo $(($(cat number) + 1)) >number
    echo \"run $(cat number)\"
    exit 3";

const OPTIONS: &str = "-e -m 1 -d 0.01 -p pid -I status -W . -r core=0 -L 1000";

/// What a call that fails may say.
const ERRORS: [&str; 7] = ["EINTR", "ENOMEM", "EIO", "EPERM", "EMFILE", "ENOSPC", "EAGAIN"];

/// Calls that are strace's own, that the C library makes before there is a program, that do not come back, or
/// that cannot fail.
const NEVER: [&str; 12] = [
    "execve",
    "arch_prctl",
    "set_tid_address",
    "exit_group",
    "exit",
    "rt_sigreturn",
    "sigreturn",
    "getpid",
    "clock_gettime",
    "brk",
    "mmap",
    "munmap",
];

/// The names of the calls in a trace, and how often each was made.
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

/// A folder in which the lines can run.
fn scene() -> Rig {
    let rig = Rig::new();
    rig.program("svc", COMMAND);
    rig.write("number", "0");
    rig.write("input", numbers(20));
    rig.shell("mkdir folder").exits(0);
    rig
}

/// Runs a line under strace with one call failing, again and again, and asks what is wrong with it.
fn fail_each(
    options: &str,
    line: &str,
    only: Option<&[&str]>,
    complaint: impl Fn(&Rig, &Done) -> Option<&'static str>,
) {
    if !tools::has(&["strace"]) || !tools::is_native("strace sees the calls of the emulator") {
        return;
    }
    let rig = scene();
    let done = rig.run(format!("strace {options} -o trace {line}"));
    assert_eq!(complaint(&rig, &done), None, "{done}");
    assert!(done.err.is_empty(), "{done}");
    let mut calls = calls(&rig.read("trace"));
    if only.is_none() && calls.contains_key("mprotect") {
        tools::skip("needs a static executable: the loader's calls are not ours");
        return;
    }
    calls.retain(|call, _| only.is_none_or(|only| only.contains(&call.as_str())));
    assert!(calls.len() > 8, "{calls:?}");
    let (mut turn, mut bad) = (0, String::new());
    for (call, count) in &calls {
        for number in 1..=*count {
            turn += 1;
            // All errors for each would take long: each time another.
            for error in ERRORS.iter().cycle().skip(turn).take(times(1, ERRORS.len())) {
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

/// What is wrong with the way dmon has ended.
fn complaint_of_dmon(rig: &Rig, done: &Done, well: i32) -> Option<&'static str> {
    rig.wait_for(format!("nothing to be left: {done}"), || rig.alive().is_empty());
    let out = rig.read("out");
    let runs = rig.read("number").trim().parse().unwrap_or(0);
    let shown: Vec<&str> = out.lines().filter(|line| line.starts_with("run ")).collect();
    let ours = |line: &str| line.starts_with("dmon: ") || line.starts_with("dlog: ");
    match done.code() {
        _ if !shown.is_sorted() => Some("lines in another order"),
        _ if shown.windows(2).any(|two| two[0] == two[1]) => Some("a line twice"),
        _ if !done.err.lines().all(ours) => Some("words of somebody else"),
        Some(status) if status == well && runs != 2 => Some("not two runs"),
        Some(status) if status == well => {
            let complete = out == "run 1\nrun 2\n" || done.err.contains("lost");
            (!complete).then_some("a line less")
        }
        // Not begun.
        Some(125..=127) if runs > 1 => Some("given up later than at the start"),
        Some(125..=127) if !done.err.starts_with("dmon: ") => Some("nothing said"),
        Some(125..=127) => None,
        _ => Some("another status"),
    }
}

#[test]
fn in_the_foreground_each_call_of_dmon_may_fail() {
    let line = format!("dmon -n {OPTIONS} svc -- dlog out");
    fail_each("", &line, None, |rig, done| complaint_of_dmon(rig, done, 3));
}

/// In a daemon's first process, between fork and exec, in the log command. The calls are those that a shell does
/// not make, for they would fail there as well.
#[test]
fn as_a_daemon_each_call_of_its_processes_may_fail() {
    let line = format!("dmon {OPTIONS} -u root -g root -U root -G root svc -- dlog out");
    let only = [
        "chdir",
        "dup3",
        "fdatasync",
        "flock",
        "ftruncate",
        "ioctl",
        "ppoll",
        "prctl",
        "setgid",
        "setgroups",
        "setpgid",
        "setsid",
        "setuid",
        "unlink",
        "sysinfo",
    ];
    fail_each("-f", &line, Some(&only), |rig, done| complaint_of_dmon(rig, done, 0));
}

/// What is wrong with the way a log command has ended that was to store `input` in `out`.
fn complaint_of_logger(name: &str, rig: &Rig, done: &Done, out: &str) -> Option<&'static str> {
    let (input, said) = (rig.read("input"), done.err.starts_with(&format!("{name}: ")));
    let mut rest = input.lines();
    let in_order = |line: &str| line.starts_with(name) || rest.any(|other| other == line);
    match done.code() {
        _ if !out.lines().all(in_order) => Some("other lines"),
        // drlog has removed its oldest log to make room.
        Some(0) if rig.read("trace").contains("= -1 ENOSPC") && input.ends_with(out) => None,
        Some(0) if out != input => Some("a line less"),
        Some(0) => None,
        Some(1 | 111 | 125) if said => None,
        Some(1 | 111 | 125) => Some("nothing said"),
        _ => Some("another status"),
    }
}

#[test]
fn each_call_of_dlog_may_fail() {
    fail_each("", "dlog out <input", None, |rig, done| {
        complaint_of_logger("dlog", rig, done, &rig.read("out"))
    });
}

#[test]
fn each_call_of_drlog_may_fail() {
    fail_each("", "drlog -s 20 -m 0 folder <input", None, |rig, done| {
        let all = rig.shell("cat folder/log-* folder/current 2>/dev/null");
        complaint_of_logger("drlog", rig, done, &all.out)
    });
}

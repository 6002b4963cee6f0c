//! Fault injection: each system call fails once, at startup, during a run, at a restart and while the log drains.
//! The program must exit with a documented status and report each failure. It may lose only lines that it counts,
//! must not duplicate a line and must leave no process behind.
//!
//! Requires strace(1), which injects the errors. The calls are those in the trace of a run without errors.

use crate::rig::receiver::{Datagrams, Receiver, Stream};
use crate::rig::strace::can_inject;
use crate::rig::{Done, Rig, numbers, scaled, tools};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Reports that it is ready, prints the number of its run and fails; `-m 1` allows two runs.
const COMMAND: &str = "#!/bin/sh
    [ ! -e /proc/self/fd/9 ] || echo >&9
    echo $(($(cat number) + 1)) >number
    echo \"run $(cat number)\"
    exit 3";

const OPTIONS: &str = "-e -m 1 -d 0.01~0.01 -p pid -I status -W . -r core=0 -L 1000 -x 7 -X 64-78 \
    --on-signal HUP=restart --on-signal RTMIN+1=HUP -N 9 -u root -g root --alive 1m:svc --finish true \
    --sensor heat:9:8";

const ERRORS: [&str; 7] = ["EINTR", "ENOMEM", "EIO", "EPERM", "EMFILE", "ENOSPC", "EAGAIN"];

/// Calls that cannot fail or do not return, or that strace or the C library makes before main.
const EXCLUDED: [&str; 13] = [
    "execve",
    "arch_prctl",
    "set_tid_address",
    "exit_group",
    "exit",
    "rt_sigreturn",
    "sigreturn",
    "getpid",
    "getppid",
    "clock_gettime",
    "brk",
    "mmap",
    "munmap",
];

/// Runs in parallel: most of the time is spent in sleeps.
const PARALLEL: usize = 4;

/// Traces a program and its children, each until its execve(2).
const STRACE: &str = "strace -f -b execve -o trace";

/// The calls in a trace, each with the largest number that one process made: `when=` counts per process.
fn calls(trace: &str) -> BTreeMap<String, usize> {
    let mut each = BTreeMap::<(&str, &str), usize>::new();
    for line in trace.lines() {
        let (pid, call) = line.split_once(' ').unwrap_or_default();
        let name = call.trim_start().split_once('(').unwrap_or_default().0;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.is_empty() && name.chars().all(is_name) && !EXCLUDED.contains(&name) {
            *each.entry((name, pid)).or_default() += 1;
        }
    }
    let mut calls = BTreeMap::new();
    for ((name, _), count) in each {
        let most = calls.entry(name.to_string()).or_insert(count);
        *most = count.max(*most);
    }
    calls
}

/// A rig with the files that the command lines use.
pub fn scene() -> Rig {
    let rig = Rig::new();
    rig.write("heat", "1\n");
    rig.write_program("svc", COMMAND);
    rig.write("number", "0");
    rig.write("input", numbers(20));
    rig.write("lines", "C=three");
    std::fs::create_dir(rig.path("folder")).expect("a directory");
    rig
}

/// Calls `run` once for each fault. `run` gets the strace command and returns a problem, if any.
fn fail_each(run: impl Fn(&str) -> (Rig, Done, Option<&'static str>) + Sync) {
    if !can_inject() {
        return;
    }
    let (rig, done, problem) = run(STRACE);
    assert_eq!(problem, None, "{done}");
    assert!(done.err.is_empty(), "{done}");
    let calls = calls(&rig.read("trace"));
    if calls.contains_key("mprotect") {
        tools::skip("needs a static executable: a dynamic loader makes calls of its own");
        return;
    }
    assert!(calls.len() > 4, "{calls:?}");
    let mut faults = Vec::new();
    for (call, count) in &calls {
        for number in 1..=*count {
            // All errors for each call would take too long: take the next one each time.
            let errors = ERRORS.iter().cycle().skip(faults.len()).take(scaled(1, ERRORS.len()));
            faults.extend(errors.map(|error| (call, number, error)));
        }
    }
    let (next, bad) = (AtomicUsize::new(0), Mutex::new(String::new()));
    let work = || {
        while let Some((call, number, error)) = faults.get(next.fetch_add(1, Relaxed)) {
            let fault = format!("-e trace={call} -e inject={call}:error={error}:when={number}");
            let (rig, done, problem) = run(&format!("{STRACE} {fault}"));
            if let Some(problem) = problem {
                let (status, err, out) = (done.code(), &done.err, rig.read("out"));
                *bad.lock().expect("the list of problems") +=
                    &format!("{call} {number} {error}: {problem}: {status:?} {err:?} {out:?}\n");
            }
        }
    };
    std::thread::scope(|scope| (0..PARALLEL).for_each(|_| drop(scope.spawn(work))));
    let bad = bad.into_inner().expect("the list of problems");
    assert!(bad.is_empty(), "{bad}");
}

/// Checks how dmon exited. `success` is the status if no call fails.
fn check_dmon(rig: &Rig, done: &Done, success: i32) -> Option<&'static str> {
    rig.wait_for(format!("the exit of all processes: {done}"), || rig.processes().is_empty());
    let out = rig.read("out");
    let runs = rig.read("number").trim().parse().unwrap_or(0);
    let shown: Vec<&str> = out.lines().filter(|line| line.starts_with("run ")).collect();
    let ours = |line: &str| line.starts_with("dmon: ") || line.starts_with("dlog: ");
    match done.code() {
        _ if !shown.is_sorted() => Some("wrong order"),
        _ if shown.windows(2).any(|two| two[0] == two[1]) => Some("a duplicate line"),
        _ if !done.err.lines().all(ours) => Some("foreign messages"),
        Some(status) if status == success && runs != 2 => Some("not two runs"),
        Some(status) if status == success => {
            // A daemon writes its errors into the log.
            let lines = out.split_inclusive('\n').filter(|line| !ours(line));
            let complete = lines.collect::<String>() == "run 1\nrun 2\n";
            (!complete && !done.err.contains("lost")).then_some("a line less")
        }
        // The daemon could not report to its parent.
        Some(125) if done.err == "dmon: killed before the command ran\n" => None,
        // Only a failure at startup has these statuses.
        Some(125..=127) if runs > 1 => Some("failed after startup"),
        Some(125..=127) if !done.err.starts_with("dmon: ") => Some("no message"),
        Some(125..=127) => None,
        _ => Some("wrong status"),
    }
}

#[test]
fn each_call_of_dmon_in_the_foreground_may_fail() {
    fail_each(|strace| {
        let rig = scene();
        let done = rig.run(format!("{strace} dmon -n --log-events {OPTIONS} svc -- dlog out"));
        let problem = check_dmon(&rig, &done, 3);
        (rig, done, problem)
    });
}

/// The calls of the parent, of the daemon, and between fork and exec.
#[test]
fn each_call_of_a_daemon_and_its_parent_may_fail() {
    fail_each(|strace| {
        let rig = scene();
        let done = rig.run(format!("{strace} dmon {OPTIONS} svc -- dlog out"));
        // FIONREAD of a pipe cannot fail: dmon takes that for an empty pipe, thus for a command that is not ready.
        let impossible = |line: &str| line.contains("FIONREAD") && line.contains("INJECTED");
        let problem = check_dmon(&rig, &done, 0);
        let problem = problem.filter(|_| !rig.read("trace").lines().any(impossible));
        (rig, done, problem)
    });
}

/// Checks a logger that was to store the file `input` as `out`.
fn check_logger(name: &str, rig: &Rig, done: &Done, out: &str) -> Option<&'static str> {
    let (input, reported) = (rig.read("input"), done.err.starts_with(&format!("{name}: ")));
    let mut rest = input.lines();
    let in_order = |line: &str| line.starts_with(name) || rest.any(|other| other == line);
    match done.code() {
        _ if !out.lines().all(in_order) => Some("foreign lines"),
        // After ENOSPC drlog removes its oldest log.
        Some(0) if rig.read("trace").contains("= -1 ENOSPC") && input.ends_with(out) => None,
        Some(0) if out != input => Some("a line is missing"),
        Some(0) => None,
        Some(1 | 111 | 125) if reported => None,
        Some(1 | 111 | 125) => Some("no message"),
        _ => Some("wrong status"),
    }
}

#[test]
fn each_call_of_dlog_may_fail() {
    fail_each(|strace| {
        let rig = scene();
        let done = rig.run(format!("{strace} dlog out <input"));
        let problem = check_logger("dlog", &rig, &done, &rig.read("out"));
        (rig, done, problem)
    });
}

#[test]
fn each_call_of_drlog_may_fail() {
    fail_each(|strace| {
        let rig = scene();
        let done = rig.run(format!("{strace} drlog -s 20 -m 0 folder <input"));
        let all = rig.shell("cat folder/log-* folder/current 2>/dev/null").out;
        let problem = check_logger("drlog", &rig, &done, &all);
        (rig, done, problem)
    });
}

/// Checks the messages of a dsyslog whose input was `input`.
fn check_dsyslog(done: &Done, sent: &[String]) -> Option<&'static str> {
    let input = numbers(20);
    let mut rest = input.lines();
    let mut lost = 0;
    for text in sent {
        match text.strip_suffix(" lines lost") {
            Some(count) => lost += count.parse::<usize>().unwrap_or(1000),
            None if rest.any(|line| line == text) => {}
            None => return Some("foreign lines"),
        }
    }
    let reported = done.err.lines().find_map(|line| line.strip_prefix("dsyslog: lines lost: "));
    let reported = reported.and_then(|count| count.parse().ok()).unwrap_or(0);
    let all = sent.iter().filter(|text| !text.ends_with("lost")).count() + lost.max(reported);
    match done.code() {
        _ if !done.err.lines().all(|line| line.starts_with("dsyslog: ")) => {
            Some("foreign messages")
        }
        Some(0) if all != 20 || lost + reported > 0 => Some("a line is missing"),
        Some(0) => None,
        Some(1) if reported > 0 && all == 20 => None,
        Some(1) => Some("wrong count"),
        Some(125) if done.err.is_empty() => Some("no message"),
        Some(125) if done.err.contains("the input") && sent.is_empty() => None,
        Some(125) if done.err.contains("the input") && all != 20 => Some("a line is missing"),
        Some(125) => None,
        _ => Some("wrong status"),
    }
}

/// Runs `fail_each` with dsyslog. `receiver` makes a receiver in a rig and returns its address for `--to`.
fn fail_each_of_dsyslog<R: Receiver>(receiver: impl Fn(&Rig) -> Option<(R, String)> + Sync) {
    if receiver(&Rig::new()).is_none() {
        return;
    }
    fail_each(|strace| {
        let rig = scene();
        let (mut receiver, to) = receiver(&rig).expect("an address");
        let sender = rig.start(format!("{strace} dsyslog --to {to} fan <input"));
        let mut sent = receiver.all(&sender);
        let done = sender.wait();
        // dsyslog may have connected more than once.
        (0..3).for_each(|_| sent.extend(receiver.pending()));
        let sent: Vec<String> = sent.into_iter().map(|message| message.text()).collect();
        rig.write("out", sent.join("\n"));
        let problem = check_dsyslog(&done, &sent);
        (rig, done, problem)
    });
}

#[test]
fn each_call_of_dsyslog_may_fail_with_datagrams() {
    fail_each_of_dsyslog(|rig| Some((Datagrams::new(rig.path("socket")), "./socket".into())));
}

#[test]
fn each_call_of_dsyslog_may_fail_with_a_stream() {
    fail_each_of_dsyslog(|rig| Some((Stream::local(rig.path("socket")), "./socket".into())));
}

#[test]
fn each_call_of_dsyslog_may_fail_with_tcp() {
    fail_each_of_dsyslog(|_| {
        let receiver = Stream::tcp("127.0.0.1", 0)?;
        let to = format!("tcp:127.0.0.1:{}", receiver.port());
        Some((receiver, to))
    });
}

#[test]
fn each_call_of_denv_and_envdir_may_fail() {
    for line in ["denv -I -E A=one -d folder -f lines", "-E A=one -E C=three envdir folder"] {
        fail_each(|strace| {
            let rig = scene();
            rig.write("folder/B", "two\n");
            let done = rig.run(format!("{strace} {line} sh -c 'echo $A $B $C >out'"));
            let out = rig.read("out");
            let problem = match done.code() {
                Some(0) => (out != "one two three\n").then_some("wrong environment"),
                Some(111) if !out.is_empty() => Some("ran after an error"),
                Some(111) => done.err.is_empty().then_some("no message"),
                _ => Some("wrong status"),
            };
            (rig, done, problem)
        });
    }
}

#[test]
fn each_call_of_dpty_may_fail() {
    fail_each(|strace| {
        let rig = scene();
        if strace.contains("inject=close:") {
            // A call that fails leaves the terminal open, which close(2) never does, and the copier waits for its end.
            let done = rig.run("true");
            return (rig, done, None);
        }
        let done = rig.shell(format!("{{ {strace} dpty cat input; echo $? >status; }} | cat >out"));
        rig.wait_no_processes();
        let (out, status) = (rig.read("out"), rig.read("status"));
        let problem = match status.trim() {
            // A read from a terminal fails only at its end.
            "0" if strace.contains("inject=read") => None,
            "0" if done.err.starts_with("dpty: cannot write") => None,
            "0" => (out != rig.read("input")).then_some("lost or changed lines"),
            // cat fails to write to a terminal without a copier.
            "1" => None,
            "125" if !out.is_empty() => Some("ran after an error"),
            "125" => (!done.err.starts_with("dpty: ")).then_some("no message"),
            _ => Some("wrong status"),
        };
        (rig, done, problem)
    });
}

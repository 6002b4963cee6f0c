//! Each system call fails once, with each error that may come: at the start, while the command runs and is run
//! again, while the log command reads the rest; and some fail for ever. Whatever fails, the program ends in a way
//! the manual names, says so if it could not do what it was told, and no line is missing that is not counted, none
//! there twice, nothing is left.
//!
//! strace makes the calls fail. The calls are those that strace has seen in a run where nothing fails.

use crate::rig::receiver::{Datagrams, Receiver, Stream};
use crate::rig::{Done, Rig, numbers, proc, times, tools};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The command says the number of its run and ends badly, twice; then no restarts are left.
const COMMAND: &str = "#!/bin/sh
    echo $(($(cat number) + 1)) >number
    echo \"run $(cat number)\"
    exit 3";

const OPTIONS: &str = "-e -m 1 -d 0.01 -p pid -I status -W . -r core=0 -L 1000 -u root -g root";

/// What a call that fails may say.
const ERRORS: [&str; 7] = ["EINTR", "ENOMEM", "EIO", "EPERM", "EMFILE", "ENOSPC", "EAGAIN"];

/// Calls that are strace's own, that the C library makes before there is a program, that do not come back, or
/// that cannot fail.
const NEVER: [&str; 13] = [
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

/// How many runs there are at a time.
const AT_ONCE: usize = 4;

/// strace for a program and all its processes, each until it becomes its command.
const STRACE: &str = "strace -f -b execve -o trace";

/// The names of the calls in a trace, and how often that process made each that made it most often: strace counts
/// them for each by itself.
fn calls(trace: &str) -> BTreeMap<String, usize> {
    let mut each = BTreeMap::<(&str, &str), usize>::new();
    for line in trace.lines() {
        let (pid, call) = line.split_once(' ').unwrap_or_default();
        let name = call.trim_start().split_once('(').unwrap_or_default().0;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.is_empty() && name.chars().all(is_name) && !NEVER.contains(&name) {
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

/// A folder in which the lines can run.
fn scene() -> Rig {
    let rig = Rig::new();
    rig.program("svc", COMMAND);
    rig.write("number", "0");
    rig.write("input", numbers(20));
    rig.write("lines", "C=three");
    std::fs::create_dir(rig.path("folder")).expect("a folder");
    rig
}

/// Whether calls can be made to fail here.
fn can_fail() -> bool {
    tools::has(&["strace"]) && tools::is_native("strace sees the calls of the emulator")
}

/// Has a line run under strace with one call failing, again and again, and asks what is wrong with the way it ends.
fn fail_each(run: impl Fn(&str) -> (Rig, Done, Option<&'static str>) + Sync) {
    if !can_fail() {
        return;
    }
    let (rig, done, complaint) = run(STRACE);
    assert_eq!(complaint, None, "{done}");
    assert!(done.err.is_empty(), "{done}");
    let calls = calls(&rig.read("trace"));
    if calls.contains_key("mprotect") {
        tools::skip("needs a static executable: the loader's calls are not ours");
        return;
    }
    assert!(calls.len() > 5, "{calls:?}");
    let mut faults = Vec::new();
    for (call, count) in &calls {
        for number in 1..=*count {
            // All errors for each would take long: each time another.
            let errors = ERRORS.iter().cycle().skip(faults.len()).take(times(1, ERRORS.len()));
            faults.extend(errors.map(|error| (call, number, error)));
        }
    }
    // Most of the time is spent in pauses.
    let (next, bad) = (AtomicUsize::new(0), Mutex::new(String::new()));
    let work = || {
        while let Some((call, number, error)) = faults.get(next.fetch_add(1, Relaxed)) {
            let fault = format!("-e trace={call} -e inject={call}:error={error}:when={number}");
            let (rig, done, complaint) = run(&format!("{STRACE} {fault}"));
            if let Some(complaint) = complaint {
                let (status, err, out) = (done.code(), &done.err, rig.read("out"));
                *bad.lock().expect("complaints") +=
                    &format!("{call} {number} {error}: {complaint}: {status:?} {err:?} {out:?}\n");
            }
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let bad = bad.into_inner().expect("complaints");
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
        // The parent has not heard how it went.
        Some(125) if done.err == "dmon: killed before the command ran\n" => None,
        // Not begun.
        Some(125..=127) if runs > 1 => Some("given up later than at the start"),
        Some(125..=127) if !done.err.starts_with("dmon: ") => Some("nothing said"),
        Some(125..=127) => None,
        _ => Some("another status"),
    }
}

#[test]
fn each_call_of_dmon_in_the_foreground_may_fail() {
    fail_each(|strace| {
        let rig = scene();
        let done = rig.run(format!("{strace} dmon -n {OPTIONS} svc -- dlog out"));
        let complaint = complaint_of_dmon(&rig, &done, 3);
        (rig, done, complaint)
    });
}

/// In the parent, in the daemon, between fork and exec.
#[test]
fn each_call_of_a_daemon_and_its_parent_may_fail() {
    fail_each(|strace| {
        let rig = scene();
        let done = rig.run(format!("{strace} dmon {OPTIONS} svc -- dlog out"));
        let complaint = complaint_of_dmon(&rig, &done, 0);
        (rig, done, complaint)
    });
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
    fail_each(|strace| {
        let rig = scene();
        let done = rig.run(format!("{strace} dlog out <input"));
        let complaint = complaint_of_logger("dlog", &rig, &done, &rig.read("out"));
        (rig, done, complaint)
    });
}

#[test]
fn each_call_of_drlog_may_fail() {
    fail_each(|strace| {
        let rig = scene();
        let done = rig.run(format!("{strace} drlog -s 20 -m 0 folder <input"));
        let all = rig.shell("cat folder/log-* folder/current 2>/dev/null").out;
        let complaint = complaint_of_logger("drlog", &rig, &done, &all);
        (rig, done, complaint)
    });
}

/// What is wrong with what dsyslog has sent of `input`.
fn complaint_of_sender(done: &Done, sent: &[String]) -> Option<&'static str> {
    let input = numbers(20);
    let mut rest = input.lines();
    let mut lost = 0;
    for text in sent {
        match text.strip_suffix(" lines lost") {
            Some(count) => lost += count.parse::<usize>().unwrap_or(1000),
            None if rest.any(|line| line == text) => {}
            None => return Some("other lines"),
        }
    }
    let told = done.err.lines().find_map(|line| line.strip_prefix("dsyslog: lines lost: "));
    let told = told.and_then(|count| count.parse().ok()).unwrap_or(0);
    let all = sent.iter().filter(|text| !text.ends_with("lost")).count() + lost.max(told);
    match done.code() {
        _ if !done.err.lines().all(|line| line.starts_with("dsyslog: ")) => Some("other words"),
        Some(0) if all != 20 || lost + told > 0 => Some("a line less"),
        Some(0) => None,
        Some(1) if told > 0 && all == 20 => None,
        Some(1) => Some("another count"),
        Some(125) if done.err.is_empty() => Some("nothing said"),
        Some(125) if done.err.contains("the input") && sent.is_empty() => None,
        Some(125) if done.err.contains("the input") && all != 20 => Some("a line less"),
        Some(125) => None,
        _ => Some("another status"),
    }
}

/// dsyslog, with a receiver made in the test's folder, and the words for its address.
fn fail_each_of_dsyslog<R: Receiver>(receiver: impl Fn(&Rig) -> Option<(R, String)> + Sync) {
    if receiver(&Rig::new()).is_none() {
        tools::skip("needs an address to send to");
        return;
    }
    fail_each(|strace| {
        let rig = scene();
        let (mut receiver, to) = receiver(&rig).expect("an address, as before");
        let sender = rig.start(format!("{strace} dsyslog --to {to} fan <input"));
        let mut sent = receiver.all(&sender);
        let done = sender.wait();
        // More than one connection may have been made.
        (0..3).for_each(|_| sent.extend(receiver.left()));
        let sent: Vec<String> = sent.into_iter().map(|message| message.text()).collect();
        rig.write("out", sent.join("\n"));
        let complaint = complaint_of_sender(&done, &sent);
        (rig, done, complaint)
    });
}

#[test]
fn each_call_of_dsyslog_may_fail_with_datagrams() {
    fail_each_of_dsyslog(|rig| Some((Datagrams::new(rig.path("socket")), "socket".into())));
}

#[test]
fn each_call_of_dsyslog_may_fail_with_a_stream() {
    fail_each_of_dsyslog(|rig| Some((Stream::local(rig.path("socket")), "socket".into())));
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
            let complaint = match done.code() {
                Some(0) => (out != "one two three\n").then_some("another environment"),
                Some(111) if !out.is_empty() => Some("run all the same"),
                Some(111) => done.err.is_empty().then_some("nothing said"),
                _ => Some("another status"),
            };
            (rig, done, complaint)
        });
    }
}

/// Starts strace on a running program: from now on this call of it fails.
fn fail_for_ever<'a>(rig: &'a Rig, pid: i32, call: &str) -> crate::rig::Running<'a> {
    let fault = format!("-e trace={call} -e inject={call}:error=EPERM");
    let strace = rig.start(format!("strace -p {pid} -o trace {fault}"));
    rig.wait_for("strace", || strace.err().contains("attached"));
    strace
}

/// A call that fails is made again, but not so often that it keeps the machine busy.
fn assert_calm(rig: &Rig, call: &str) {
    let before = rig.lines("trace");
    std::thread::sleep(Duration::from_millis(1500));
    let made = rig.lines("trace") - before;
    assert!(made < 1500, "{call} was made {made} times in a moment");
}

#[test]
fn a_persistent_error_neither_spins_nor_blocks_dmon() {
    if !can_fail() {
        return;
    }
    let calls = [
        "clone",
        "close",
        "getpgid",
        "kill",
        "openat",
        "pipe2",
        "ppoll",
        "prctl",
        "read",
        "readlink",
        "sysinfo",
        "unlink",
        "wait4",
        "write",
        "getdents64",
    ];
    std::thread::scope(|scope| {
        for call in calls {
            scope.spawn(move || {
                let rig = Rig::new();
                let options = "-p pid -I status -L 1000 -d 0.1 -k 1";
                let dmon = rig.start(format!("dmon -n {options} sleep 1000 -- dlog out"));
                let first = rig.child(dmon.pid(), "sleep");
                rig.child(dmon.pid(), "dlog");
                let strace = fail_for_ever(&rig, dmon.pid(), call);
                crate::rig::signal(first, Signal::SIGKILL);
                assert_calm(&rig, call);
                dmon.signal(Signal::SIGTERM);
                if call == "kill" {
                    // Nobody can be ended, until that passes and all end by themselves. (Where dmon adopts no
                    // orphans it asks by kill whether somebody is left, and there is no second run.)
                    assert_calm(&rig, call);
                    drop(strace);
                    let killed = |run: proc::Process| crate::rig::signal(run.pid, Signal::SIGKILL);
                    rig.copies("sleep 1000").into_iter().for_each(killed);
                    let done = dmon.wait();
                    assert!(matches!(done.code(), Some(143 | 137)), "{call}: {done}");
                    return rig.wait_empty();
                }
                if call == "wait4" {
                    // No end is heard, until the next signal.
                    assert_calm(&rig, call);
                    drop(strace);
                    dmon.signal(Signal::SIGTERM);
                }
                let done = dmon.wait();
                assert!(matches!(done.code(), Some(143 | 137 | 125)), "{call}: {done}");
                rig.wait_empty();
            });
        }
    });
}

#[test]
fn a_persistent_ppoll_error_does_not_block_a_logger() {
    if !can_fail() {
        return;
    }
    for line in ["dlog out", "drlog folder", "dsyslog --to out fan"] {
        let rig = scene();
        let (logger, mut input) = rig.start_fed(line);
        rig.wait_for("a wait", || proc::state(logger.pid()) == Some('S'));
        let _strace = fail_for_ever(&rig, logger.pid(), "ppoll");
        assert_calm(&rig, "ppoll");
        input.write_all(b"one\n").expect("room");
        logger.signal(Signal::SIGTERM);
        logger.wait();
    }
}

/// The processor time a process has used, in hundredths of a second.
fn used(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

#[test]
fn prlimit_nofile_neither_blocks_nor_spins_dmon_and_dlog() {
    if !tools::has(&["prlimit"]) || !tools::is_native("the emulator needs files itself") {
        return;
    }
    let rig = scene();
    let dmon = rig.start("dmon -n -d 0.1 -k 1 sleep 1000 -- dlog out");
    let first = rig.child(dmon.pid(), "sleep");
    let dlog = rig.child(dmon.pid(), "dlog");
    for pid in [dmon.pid(), dlog] {
        rig.shell(format!("prlimit --nofile=1 --pid {pid}")).exits(0);
    }
    crate::rig::signal(first, Signal::SIGKILL);
    std::thread::sleep(Duration::from_millis(1500));
    for pid in [dmon.pid(), dlog] {
        assert!(used(pid) < 50, "{} of 150 ticks", used(pid));
    }
    dmon.signal(Signal::SIGTERM);
    // With so few files no command can be started again: that is said, and tried again.
    dmon.wait().exits(125).says("dmon", &["cannot redirect"]);
    rig.wait_empty();
}

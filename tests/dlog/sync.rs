//! When dlog calls fdatasync(2), and what happens if it fails. Needs strace.

use super::now;
use crate::loggers::closed_after_sync;
use crate::rig::{Rig, feed, signal, tools};
use nix::sys::signal::Signal;

/// The times of the system calls whose names start with `name`, from a trace of `strace -ttt`.
fn times_of(trace: &str, name: &str) -> Vec<f64> {
    let calls = trace.lines().filter_map(|line| line.split_once(' '));
    calls.filter(|(_, call)| call.starts_with(name)).filter_map(|(at, _)| at.parse().ok()).collect()
}

#[test]
fn dlog_syncs_each_batch_unless_buffered() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let trace = "strace -f -e trace=read,write,writev,fdatasync,fsync -o";
    rig.shell(format!("printf 'one\\ntwo\\n' | {trace} synced dlog f")).exits(0);
    let calls = rig.read("synced");
    let written = calls.find("one").and_then(|_| calls.rfind("two")).expect("a write");
    assert!(calls[written..].contains("sync("), "no sync after the write:\n{calls}");
    for option in ["-b", "--buffered"] {
        rig.shell(format!("printf 'one\\ntwo\\n' | {trace} unsynced dlog {option} f")).exits(0);
        assert!(!rig.read("unsynced").contains("sync("), "{option}:\n{}", rig.read("unsynced"));
    }
    assert_eq!(rig.read("f"), "one\ntwo\n".repeat(3));
}

#[test]
fn the_sync_interval_is_kept_and_the_last_line_synced() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let strace = "strace -ttt -o trace -e trace=write,writev,fdatasync";
    let (dlog, mut input) = rig.start_fed(format!("{strace} dlog --sync 0.5 f"));
    let mut count = 0;
    let start = now();
    while now() < start + 1.4 {
        feed(&mut input, "x\n");
        count += 1;
        rig.wait_lines("f", count);
    }
    // No more input arrives; the last line must be synced anyway.
    rig.wait_for("a sync of the last line", || {
        let trace = rig.read("trace");
        times_of(&trace, "fdatasync").last() > times_of(&trace, "write").last()
    });
    drop(input);
    dlog.wait().exits(0).says_nothing();
    let syncs = times_of(&rig.read("trace"), "fdatasync");
    assert!((2..=6).contains(&syncs.len()), "{} syncs for {count} lines: {syncs:?}", syncs.len());
    for pair in syncs[..syncs.len() - 1].windows(2) {
        assert!(pair[1] - pair[0] > 0.45, "too often: {syncs:?}");
    }
}

#[test]
fn the_last_line_is_synced_before_exit() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let strace = "strace -ttt -o trace -e trace=write,writev,fdatasync";
    rig.shell(format!("echo one | {strace} dlog --sync 1h f")).exits(0);
    let trace = rig.read("trace");
    assert!(times_of(&trace, "fdatasync").last() > times_of(&trace, "write").last(), "{trace}");
}

#[test]
fn the_old_file_is_synced_before_dlog_reopens() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let strace = "strace -y -o trace -e trace=write,writev,fdatasync,close";
    let (dlog, mut input) = rig.start_fed(format!("{strace} dlog --sync 1h f"));
    for count in 1..=2 {
        feed(&mut input, "x\n");
        rig.wait_lines("f", count);
    }
    std::fs::rename(rig.path("f"), rig.path("g")).expect("rename");
    signal(rig.child(dlog.pid(), "dlog"), Signal::SIGHUP);
    rig.wait_file("f");
    drop(input);
    dlog.wait().exits(0).says_nothing();
    assert_eq!(closed_after_sync(&rig.read("trace")), 2, "{}", rig.read("trace"));
}

#[test]
fn a_failed_sync_is_reported_and_dlog_continues() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let inject = "-e trace=fdatasync,fsync -e inject=fdatasync,fsync:error=EIO:when=1..2";
    let (dlog, mut input) = rig.start_fed(format!("strace -o trace {inject} dlog f"));
    for count in 1..=4 {
        feed(&mut input, "x\n");
        rig.wait_lines("f", count);
    }
    drop(input);
    // Exit status 1: data may be lost.
    let done = dlog.wait().exits(1);
    assert!(done.err.contains("Input/output error"), "{done}");
    assert_eq!(rig.read("f"), "x\n".repeat(4));
}

/// fdatasync(2) fails with EINVAL on pipes and character devices.
#[test]
fn output_that_cannot_be_synced_is_no_error() {
    let rig = Rig::new();
    rig.shell("echo one | dlog /dev/null").exits(0).says_nothing();
    let done = rig.shell("echo one | dlog | cat").exits(0).says_nothing();
    assert_eq!(done.out, "one\n");
    let done = rig.shell("echo one | dlog --sync 1 | cat").exits(0).says_nothing();
    assert_eq!(done.out, "one\n");
}

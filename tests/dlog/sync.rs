//! When dlog calls fdatasync(2), and what happens if it fails. Needs strace.

use super::now;
use crate::loggers::closed_after_sync;
use crate::rig::trace::Trace;
use crate::rig::{Rig, feed, signal};
use nix::sys::signal::Signal;

#[test]
fn dlog_syncs_each_batch_unless_buffered() {
    let rig = Rig::new();
    let Some(trace) = Trace::new(&rig, "read,write,writev,fdatasync,fsync") else { return };
    let trace = trace.with("-f");
    rig.shell(format!("printf 'one\\ntwo\\n' | {trace} dlog f")).exits(0);
    let calls = trace.text();
    let written = calls.find("one").and_then(|_| calls.rfind("two")).expect("a write");
    assert!(calls[written..].contains("sync("), "no sync after the write:\n{calls}");
    for option in ["-b", "--buffered"] {
        rig.shell(format!("printf 'one\\ntwo\\n' | {trace} dlog {option} f")).exits(0);
        assert!(!trace.text().contains("sync("), "{option}:\n{}", trace.text());
    }
    assert_eq!(rig.read("f"), "one\ntwo\n".repeat(3));
}

#[test]
fn the_sync_interval_is_kept_and_the_last_line_synced() {
    let rig = Rig::new();
    let Some(trace) = Trace::new(&rig, "write,writev,fdatasync") else { return };
    let (dlog, mut input) = rig.start_fed(format!("{trace} dlog --sync 0.5 f"));
    let mut count = 0;
    let start = now();
    while now() < start + 1.4 {
        feed(&mut input, "x\n");
        count += 1;
        rig.wait_lines("f", count);
    }
    // No more input arrives; the last line must be synced anyway.
    rig.wait_for("a sync of the last line", || {
        trace.times("fdatasync").last() > trace.times("write").last()
    });
    drop(input);
    dlog.wait().exits(0).reports_nothing();
    let syncs = trace.times("fdatasync");
    assert!((2..=6).contains(&syncs.len()), "{} syncs for {count} lines: {syncs:?}", syncs.len());
    for pair in syncs[..syncs.len() - 1].windows(2) {
        assert!(pair[1] - pair[0] > 0.45, "too often: {syncs:?}");
    }
}

#[test]
fn the_last_line_is_synced_before_exit() {
    let rig = Rig::new();
    let Some(trace) = Trace::new(&rig, "write,writev,fdatasync") else { return };
    rig.shell(format!("echo one | {trace} dlog --sync 1h f")).exits(0);
    let [writes, syncs] = ["write", "fdatasync"].map(|name| trace.times(name));
    assert!(syncs.last() > writes.last(), "{}", trace.text());
}

#[test]
fn the_old_file_is_synced_before_dlog_reopens() {
    let rig = Rig::new();
    let Some(trace) = Trace::new(&rig, "write,writev,fdatasync,close") else { return };
    let trace = trace.with("-y");
    let (dlog, mut input) = rig.start_fed(format!("{trace} dlog --sync 1h f"));
    for count in 1..=2 {
        feed(&mut input, "x\n");
        rig.wait_lines("f", count);
    }
    std::fs::rename(rig.path("f"), rig.path("g")).expect("rename");
    signal(rig.child(dlog.pid(), "dlog"), Signal::SIGHUP);
    rig.wait_file("f");
    drop(input);
    dlog.wait().exits(0).reports_nothing();
    assert_eq!(closed_after_sync(&trace), 2, "{}", trace.text());
}

#[test]
fn a_failed_sync_is_reported_and_dlog_continues() {
    let rig = Rig::new();
    let Some(trace) = Trace::new(&rig, "fdatasync,fsync") else { return };
    let trace = trace.with("-e inject=fdatasync,fsync:error=EIO:when=1..2");
    let (dlog, mut input) = rig.start_fed(format!("{trace} dlog f"));
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
    rig.shell("echo one | dlog /dev/null").exits(0).reports_nothing();
    let done = rig.shell("echo one | dlog | cat").exits(0).reports_nothing();
    assert_eq!(done.out, "one\n");
    let done = rig.shell("echo one | dlog --sync 1 | cat").exits(0).reports_nothing();
    assert_eq!(done.out, "one\n");
}

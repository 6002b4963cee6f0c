//! Failed, interrupted and combined write(2) calls. Needs strace.

use crate::rig::trace::Trace;
use crate::rig::{Rig, assert_same, feed, numbers};

#[test]
fn every_write_error_is_an_outage() {
    for (error, words) in [
        ("EIO", "Input/output error"),
        ("EROFS", "Read-only file system"),
        ("EDQUOT", "quota exceeded"),
        ("ENOSPC", "No space left on device"),
    ] {
        let rig = Rig::new();
        let path = rig.path("f");
        let Some(trace) = Trace::new(&rig, "write,writev") else { return };
        // The second write to the file fails.
        let fault = format!("-e inject=write,writev:error={error}:when=2");
        let trace = trace.with(&format!("-f -P {} {fault}", path.display()));
        let (dlog, mut input) = rig.start_fed(format!("{trace} dlog {}", path.display()));
        feed(&mut input, "one\n");
        rig.wait_lines("f", 1);
        feed(&mut input, "two\n");
        rig.wait_for("the message", || dlog.err().contains(words));
        rig.wait_lines("f", 2);
        feed(&mut input, "three\n");
        drop(input);
        dlog.wait().exits(1).reports("dlog", &["cannot write ", words]);
        assert_eq!(rig.read("f"), "one\ndlog: 1 lines (4 bytes) lost\nthree\n", "{error}");
    }
}

#[test]
fn interrupted_reads_and_writes_are_retried() {
    let rig = Rig::new();
    rig.write("in", numbers(100_000));
    let Some(trace) = Trace::new(&rig, "read,write,writev") else { return };
    let faults = "-e inject=write,writev:error=EINTR:when=2+3 -e inject=read:error=EINTR:when=3+2";
    let trace = trace.with(faults);
    rig.shell(format!("cat in | {trace} dlog f")).exits(0).reports_nothing();
    assert!(trace.text().contains("EINTR"), "nothing was interrupted");
    assert_same(&rig.bytes("f"), numbers(100_000).as_bytes(), "the log");
}

#[test]
fn each_read_becomes_one_write() {
    let rig = Rig::new();
    rig.write("in", numbers(300_000));
    let Some(trace) = Trace::new(&rig, "read,write,writev") else { return };
    rig.shell(format!("{trace} dlog -b f <in")).exits(0);
    let (reads, writes) = (trace.calls("read(0"), trace.calls("write"));
    assert!(reads[0].contains(", 65536"), "not 64 KiB at once: {}", reads[0]);
    assert!(writes.len() <= reads.len(), "{} writes of {} reads", writes.len(), reads.len());
    assert_same(&rig.bytes("f"), numbers(300_000).as_bytes(), "the log");
    // Timestamps and prefixes must not cause one write(2) per line.
    rig.write("in", numbers(1000));
    rig.shell(format!("{trace} dlog -t -p x -b g <in")).exits(0);
    assert_eq!(rig.lines("g"), 1000);
    assert_eq!(trace.calls("write").len(), 1, "{}", trace.text());
}

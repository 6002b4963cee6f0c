//! Failed, interrupted and combined write(2) calls. Needs strace.

use crate::rig::{Rig, assert_same, feed, numbers, tools};

#[test]
fn every_write_error_is_an_outage() {
    if !tools::has(&["strace"]) {
        return;
    }
    for (error, words) in [
        ("EIO", "Input/output error"),
        ("EROFS", "Read-only file system"),
        ("EDQUOT", "quota exceeded"),
        ("ENOSPC", "No space left on device"),
    ] {
        let rig = Rig::new();
        let path = rig.path("f");
        // The second write to the file fails.
        let strace = format!(
            "strace -f -o trace -P {} -e trace=write,writev -e inject=write,writev:error={error}:when=2",
            path.display()
        );
        let (dlog, mut input) = rig.start_fed(format!("{strace} dlog {}", path.display()));
        feed(&mut input, "one\n");
        rig.wait_lines("f", 1);
        feed(&mut input, "two\n");
        rig.wait_for("the message", || dlog.err().contains(words));
        rig.wait_lines("f", 2);
        feed(&mut input, "three\n");
        drop(input);
        dlog.wait().exits(1).says("dlog", &["cannot write ", words]);
        assert_eq!(rig.read("f"), "one\ndlog: 1 lines (4 bytes) lost\nthree\n", "{error}");
    }
}

#[test]
fn interrupted_reads_and_writes_are_retried() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    rig.write("in", numbers(100_000));
    let faults = "-e inject=write,writev:error=EINTR:when=2+3 -e inject=read:error=EINTR:when=3+2";
    rig.shell(format!("cat in | strace -o trace -e trace=read,write,writev {faults} dlog f"))
        .exits(0)
        .says_nothing();
    assert!(rig.read("trace").contains("EINTR"), "nothing was interrupted");
    assert_same(&rig.bytes("f"), numbers(100_000).as_bytes(), "the log");
}

#[test]
fn each_read_becomes_one_write() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    rig.write("in", numbers(300_000));
    let calls = |rig: &Rig, name: &str| {
        let trace = rig.read("trace");
        trace.lines().filter(|line| line.starts_with(name)).map(str::to_string).collect::<Vec<_>>()
    };
    rig.shell("strace -o trace -e trace=read,write,writev dlog -b f <in").exits(0);
    let (reads, writes) = (calls(&rig, "read(0"), calls(&rig, "write"));
    assert!(reads[0].contains(", 65536"), "not 64 KiB at once: {}", reads[0]);
    assert!(writes.len() <= reads.len(), "{} writes of {} reads", writes.len(), reads.len());
    assert_same(&rig.bytes("f"), numbers(300_000).as_bytes(), "the log");
    // Timestamps and prefixes must not cause one write(2) per line.
    rig.write("in", numbers(1000));
    rig.shell("strace -o trace -e trace=read,write,writev dlog -t -p x -b g <in").exits(0);
    assert_eq!(rig.lines("g"), 1000);
    assert_eq!(calls(&rig, "write").len(), 1, "{}", rig.read("trace"));
}

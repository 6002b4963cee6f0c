//! What arrives at standard output, and when.

use super::producers;
use crate::rig::disk::Disk;
use crate::rig::pipes::{pipe, set_nonblocking};
use crate::rig::{Rig, assert_same, feed, numbers, tools, write_random_file};
use std::io::{Read, Write};

#[test]
fn each_line_arrives_immediately() {
    let rig = Rig::new();
    let mut producers = producers(&rig);
    if tools::has(&["awk"]) {
        // The open of the FIFO never returns.
        rig.shell("mkfifo fifo").exits(0);
        let script = r#"BEGIN { print "one\ntwo\nthree"; getline <"fifo" }"#;
        producers.push(format!("awk '{script}'"));
    }
    for producer in producers {
        let dpty = rig.start(format!("dpty {producer} >out"));
        rig.wait_for(format!("the lines of {producer}"), || rig.read("out") == "one\ntwo\nthree\n");
        assert!(dpty.is_running(), "{producer} exited");
        dpty.kill();
        rig.wait_no_processes();
    }
}

#[test]
fn a_crash_loses_no_line() {
    let rig = Rig::new();
    for producer in producers(&rig) {
        let done = rig.shell(format!("{{ dpty {producer} crash; echo $? >status; }} | cat"));
        assert_eq!(rig.read("status"), "139\n", "{producer}");
        assert_eq!(done.exits(0).out, "one\ntwo\nthree\n", "{producer}");
    }
}

#[test]
fn all_bytes_of_100_mb_arrive_unchanged() {
    let rig = Rig::new();
    write_random_file(&rig.path("input"), 100_000_000, 1);
    rig.shell("dpty cat input | cmp input").exits(0).reports_nothing();
}

#[test]
fn standard_output_and_error_keep_their_order() {
    if !tools::has(&["python3"]) {
        return;
    }
    let rig = Rig::new();
    rig.write(
        "both.py",
        "import sys\nfor n in range(1, 10001): print(n, file=[sys.stdout, sys.stderr][n % 2])\n",
    );
    let done = rig.shell("dpty python3 both.py 2>&1 | cat").exits(0);
    assert_same(done.out.as_bytes(), numbers(10000).as_bytes(), "both streams");
    // Also if the two descriptors were opened separately.
    rig.shell("dpty python3 both.py >>f 2>>f").exits(0);
    rig.wait_no_processes();
    assert_same(&rig.bytes("f"), numbers(10000).as_bytes(), "both streams");
    // Or if the file has no name any more.
    rig.shell("exec >>f; rm f; dpty sh -c 'test -t 2' 2>&1").exits(0);
}

#[test]
fn another_standard_error_is_unchanged() {
    let rig = Rig::new();
    let test = "test -t 1 && ! test -t 2 && echo out && echo err >&2";
    let done = rig.shell(format!("dpty sh -c '{test}' 2>err | cat")).exits(0);
    assert_eq!((done.out.as_str(), rig.read("err").as_str()), ("out\n", "err\n"));
}

#[test]
fn writes_fail_after_the_exit_of_the_reader() {
    let rig = Rig::new();
    let script = "while echo x; do :; done 2>/dev/null; echo $? >status";
    let done = rig.shell(format!("dpty sh -c 'trap \"\" HUP; {script}' | head -n 1")).exits(0);
    assert_eq!(done.out, "x\n");
    rig.wait_no_processes();
    assert_ne!(rig.read("status"), "");
}

#[test]
fn a_nonblocking_output_receives_everything() {
    let rig = Rig::new();
    let (mut reader, writer) = pipe();
    set_nonblocking(&writer);
    let dpty = rig.start_to("dpty sh -c 'seq 50000; echo >printed'", writer);
    // The copier waits for space in the pipe.
    let copier = rig.wait_for_some("the copier", || {
        rig.processes_called("dpty").into_iter().find(|process| process.parent != dpty.pid())
    });
    rig.wait_stable("a full pipe", || rig.processes().len());
    rig.assert_sleeps(copier.pid);
    let mut found = Vec::new();
    reader.read_to_end(&mut found).expect("the end of the output");
    assert_same(&found, numbers(50000).as_bytes(), "the output");
    dpty.wait().exits(0).reports_nothing();
}

#[test]
fn a_full_disk_is_reported_and_loses_only_its_lines() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dpty, mut input) = rig.start_fed(format!("{disk} sh -c 'exec dpty cat >>disk/f'"));
    let page = format!("{}\n", "b".repeat(4095));
    feed(&mut input, &page);
    rig.wait_for("the first page", || disk.read("f") == page);
    disk.fill();
    for _ in 0..2 {
        feed(&mut input, "lost\n");
        rig.wait_for("a message", || !dpty.err().is_empty());
    }
    rig.wait_stable("the messages", || dpty.err());
    disk.free();
    feed(&mut input, "last\n");
    rig.wait_for("the last line", || disk.read("f").ends_with("last\n"));
    input.flush().expect("a pipe");
    drop(input);
    dpty.wait().exits(0).reports("dpty", &["standard output", "No space left on device"]);
    assert_eq!(disk.read("f"), format!("{page}last\n"));
}

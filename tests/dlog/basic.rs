//! Files, standard output, prefixes, SIGTERM, and errors at start.

use crate::rig::accounts::as_nobody;
use crate::rig::disk::Disk;
use crate::rig::{Rig, assert_same, feed, numbers, tools, write_random_file};
use nix::sys::signal::Signal;
use std::os::unix::fs::symlink;

#[test]
fn lines_are_appended_to_the_file() {
    let rig = Rig::new();
    rig.write("f", "old\n");
    rig.shell("printf 'one\\ntwo\\n' | dlog f").exits(0).reports_nothing();
    rig.shell("echo three | dlog -- f").exits(0).reports_nothing();
    assert_eq!(rig.read("f"), "old\none\ntwo\nthree\n");
}

#[test]
fn without_a_file_lines_go_to_standard_output() {
    let rig = Rig::new();
    let done = rig.shell("seq 1 1000 | dlog").exits(0).reports_nothing();
    assert_eq!(done.out, numbers(1000));
}

#[test]
fn an_empty_input_creates_an_empty_file() {
    let rig = Rig::new();
    rig.run("dlog f").exits(0).reports_nothing();
    assert!(rig.has("f"));
    assert_eq!(rig.read("f"), "");
}

#[test]
fn the_umask_applies_to_a_new_file() {
    let rig = Rig::new();
    for (umask, mode) in [("022", "644"), ("077", "600"), ("0", "666")] {
        let done = rig.shell(format!("rm -f f; umask {umask}; dlog f; stat -c %a f")).exits(0);
        assert_eq!(done.out, format!("{mode}\n"));
    }
}

#[test]
fn a_symbolic_link_to_the_log_is_followed() {
    let rig = Rig::new();
    rig.write("target", "old\n");
    symlink("target", rig.path("f")).expect("a link");
    rig.shell("echo new | dlog f").exits(0);
    assert_eq!(rig.read("target"), "old\nnew\n");
    assert!(rig.path("f").is_symlink());
}

#[test]
fn empty_lines_are_dropped_if_asked() {
    let rig = Rig::new();
    rig.shell("printf '\\none\\n\\n\\n two\\n \\n\\n' | dlog -e f").exits(0);
    assert_eq!(rig.read("f"), "one\n two\n \n");
    rig.shell("printf '\\none\\n\\n' | dlog -e -p x g").exits(0);
    assert_eq!(rig.read("g"), "x one\n");
    rig.shell("printf '\\none\\n\\n' | dlog h").exits(0);
    assert_eq!(rig.read("h"), "\none\n\n");
}

#[test]
fn dlog_reads_from_the_descriptor_of_option_i() {
    let rig = Rig::new();
    rig.write("in", numbers(5000));
    rig.shell("echo not this | dlog -i 5 f 5<in").exits(0).reports_nothing();
    assert_eq!(rig.read("f"), numbers(5000));
    rig.run("dlog -i 77 g").exits(125).reports("dlog", &["Bad file descriptor"]);
    rig.run("dlog -i -1 g").exits(125).reports("dlog", &["-1"]);
    rig.run("dlog -i x g").exits(125).reports("dlog", &["x"]);
}

#[test]
fn half_a_line_waits_for_the_rest() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog -p x f");
    feed(&mut input, "one\nhal");
    rig.wait_lines("f", 1);
    rig.wait_state(dlog.pid(), 'S');
    feed(&mut input, "f\n");
    rig.wait_lines("f", 2);
    assert_eq!(rig.read("f"), "x one\nx half\n");
}

#[test]
fn binary_data_is_copied_unchanged() {
    let rig = Rig::new();
    write_random_file(&rig.path("in"), 3_000_000, 5);
    let mut wanted = rig.bytes("in");
    if wanted.last() != Some(&b'\n') {
        wanted.push(b'\n');
    }
    for options in ["", "-b"] {
        rig.shell(format!("rm -f f; cat in | dlog {options} f")).exits(0);
        assert_same(&rig.bytes("f"), &wanted, "the copy");
    }
    rig.shell("printf 'a\\0b\\0\\n\\0' | dlog g").exits(0);
    assert_eq!(rig.bytes("g"), b"a\0b\0\n\0\n");
}

#[test]
fn dlog_stores_the_rest_of_the_pipe_on_sigterm() {
    let rig = Rig::new();
    for stop in [Signal::SIGTERM, Signal::SIGINT] {
        rig.shell("rm -f f");
        let (dlog, mut input) = rig.start_fed("dlog f");
        feed(&mut input, "0\n");
        rig.wait_lines("f", 1);
        // Both the lines and the signal arrive while dlog is stopped.
        dlog.signal(Signal::SIGSTOP);
        rig.wait_state(dlog.pid(), 'T');
        feed(&mut input, numbers(10_000));
        feed(&mut input, "the rest");
        dlog.signal(stop);
        dlog.signal(Signal::SIGCONT);
        // The pipe stays open: dlog exits because of the signal.
        dlog.wait().exits(0).reports_nothing();
        drop(input);
        assert_same(
            &rig.bytes("f"),
            format!("0\n{}the rest\n", numbers(10_000)).as_bytes(),
            "the log",
        );
    }
}

#[test]
fn sigterm_stops_an_idle_dlog() {
    let rig = Rig::new();
    let (dlog, _input) = rig.start_fed("dlog f");
    rig.wait_file("f");
    rig.wait_state(dlog.pid(), 'S');
    dlog.signal(Signal::SIGTERM);
    dlog.wait().exits(0).reports_nothing();
}

#[test]
fn dlog_handles_signals_ignored_by_its_parent() {
    let rig = Rig::new();
    let line = "sh -c 'trap \"\" TERM HUP ALRM PIPE; exec dlog f'";
    let (dlog, mut input) = rig.start_fed(line);
    feed(&mut input, "x\n");
    rig.wait_lines("f", 1);
    dlog.signal(Signal::SIGTERM);
    dlog.wait().exits(0).reports_nothing();
}

#[test]
fn a_file_that_cannot_be_opened_fails_at_start() {
    let rig = Rig::new();
    // dlog must exit although its input is open and empty.
    let (dlog, _input) = rig.start_fed("dlog no/such/f");
    dlog.wait().exits(125).reports("dlog", &["cannot open no/such/f: No such file or directory"]);
    let (dlog, _input) = rig.start_fed("dlog bin");
    dlog.wait().exits(125).reports("dlog", &["cannot open bin: Is a directory"]);
    // An ordinary user owns the folder.
    if tools::is_root()
        && let Some(nobody) = as_nobody(&rig)
    {
        let (dlog, _input) = rig.start_fed(format!("{nobody} dlog f"));
        dlog.wait().exits(125).reports("dlog", &["cannot open f: Permission denied"]);
    }
}

#[test]
fn a_file_that_cannot_be_written_fails_at_start() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.make_read_only(&rig);
    let (dlog, _input) = rig.start_fed(format!("{disk} dlog disk/f"));
    dlog.wait().exits(125).reports("dlog", &["cannot open disk/f: Read-only file system"]);
    let Some(nobody) = as_nobody(&rig) else { return };
    rig.shell("mkdir locked && chmod 555 locked").exits(0);
    let (dlog, _input) = rig.start_fed(format!("{nobody} dlog locked/f"));
    dlog.wait().exits(125).reports("dlog", &["cannot open locked/f: Permission denied"]);
}

#[test]
fn a_second_file_is_an_error() {
    let rig = Rig::new();
    rig.run("dlog f g").exits(125).reports("dlog", &["g"]);
    assert!(!rig.has("f"));
}

/// With a closed standard input, open(2) gives the log descriptor 0, from which dlog must not read.
#[test]
fn a_closed_stdin_is_not_replaced_by_the_log_file() {
    let rig = Rig::new();
    rig.write("f", "old\n");
    rig.run("dlog f <&-");
    rig.run("dlog f <&- >&- 2>&-");
    assert_eq!(rig.read("f"), "old\n");
}

#[test]
fn dlog_prints_help_on_standard_output() {
    let rig = Rig::new();
    for line in ["dlog -h", "dlog --help"] {
        let done = rig.run(line).exits(0).reports_nothing();
        for letter in ["-t", "-p", "-e", "-i", "-b"] {
            assert!(done.out.contains(letter), "no {letter} in the help: {done}");
        }
    }
}

#[test]
fn dlog_help_and_version_are_complete() {
    let rig = Rig::new();
    let done = rig.run("dlog --help").exits(0).reports_nothing();
    for option in ["-t", "-p", "-e", "-i", "-b", "--time", "--sync", "--on-full"] {
        assert!(done.out.contains(option), "no {option} in the help: {done}");
    }
    let done = rig.run("dlog -V").exits(0).reports_nothing();
    assert!(done.out.contains(char::is_numeric), "no version: {done}");
}

//! `current`, options, SIGHUP, SIGTERM, and errors at start.

use super::{created_at, now, old_files, whole_log, with_directory};
use crate::loggers::split_timestamp;
use crate::rig::accounts::as_nobody;
use crate::rig::trace::Trace;
use crate::rig::{Rig, assert_same, feed, numbers};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn lines_are_appended_to_current() {
    let rig = with_directory();
    let before = now();
    rig.shell("printf 'one\\ntwo\\n' | drlog d").exits(0).reports_nothing();
    rig.shell("printf three | drlog -- d").exits(0).reports_nothing();
    assert_eq!(rig.read("d/current"), "one\ntwo\nthree\n");
    assert_eq!(old_files(&rig), []);
    assert!((before..=now()).contains(&created_at(&rig)));
}

/// Asserts that the mode of each file in `d` is valid. Returns how many files there are.
#[track_caller]
fn check_modes(rig: &Rig, is_valid: fn(u32) -> bool) -> usize {
    let files = fs::read_dir(rig.path("d")).expect("the directory").flatten();
    files
        .filter(|file| file.file_name() != ".lock")
        .map(|file| {
            let mode = file.metadata().expect("a file").permissions().mode() & 0o777;
            assert!(is_valid(mode), "{mode:o} of {:?}", file.file_name());
        })
        .count()
}

#[test]
fn files_are_readable_by_owner_and_group_only() {
    let rig = with_directory();
    rig.shell("umask 0; seq 1 100 | drlog -s 100 d").exits(0);
    rig.shell("umask 077; seq 1 100 | drlog -s 100 -m 0 d").exits(0);
    let count = check_modes(&rig, |mode| mode & !0o640 == 0);
    assert!(count >= 4, "only {count} files");
    rig.shell("rm -r d; mkdir d; umask 0; seq 1 100 | drlog -s 100 d").exits(0);
    check_modes(&rig, |mode| mode == 0o640);
}

#[test]
fn drlog_takes_the_line_options_of_dlog() {
    let rig = with_directory();
    rig.shell("echo not this | drlog -t -e -i 5 d 5<<.\none\n\ntwo\n.\n")
        .exits(0)
        .reports_nothing();
    let log = rig.read("d/current");
    for (line, text) in log.lines().zip(["one", "two"]) {
        assert_eq!(split_timestamp(line).1, text);
    }
    assert_eq!(log.lines().count(), 2);
}

#[test]
fn ages_and_sizes_have_units() {
    let rig = with_directory();
    rig.write("in", numbers(1000));
    for options in ["-T 2M", "-T 1y", "-T 1w", "--max-time=1.5d", "-s 1g", "--max-size=1m"] {
        rig.run(format!("drlog {options} d <in")).exits(0).reports_nothing();
    }
    assert_eq!(old_files(&rig), []);
    rig.write("d/.timestamp", format!("{}\n", now() - 40 * 86_400));
    rig.run("drlog -T 2M d <in").exits(0).reports_nothing();
    assert_eq!(old_files(&rig), []);
    rig.run("drlog -T 1M -m 1 d <in").exits(0).reports_nothing();
    assert_eq!(old_files(&rig).len(), 1);
}

#[test]
fn max_size_and_max_files_are_the_long_options() {
    let rig = with_directory();
    rig.write("in", numbers(20_000));
    rig.run("drlog --max-size 10k --max-files 1 d <in").exits(0).reports_nothing();
    assert_eq!(old_files(&rig).len(), 1);
    assert!(numbers(20_000).ends_with(&whole_log(&rig)));
}

#[test]
fn sighup_reopens_current() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog d");
    feed(&mut input, "one\n");
    rig.wait_lines("d/current", 1);
    rig.shell("mv d/current d/mine").exits(0);
    drlog.signal(Signal::SIGHUP);
    rig.wait_file("d/current");
    feed(&mut input, "two\n");
    drop(input);
    drlog.wait().exits(0).reports_nothing();
    assert_eq!((rig.read("d/mine"), rig.read("d/current")), ("one\n".into(), "two\n".into()));
}

#[test]
fn drlog_stores_the_rest_of_the_pipe_on_sigterm() {
    let rig = with_directory();
    for stop in [Signal::SIGTERM, Signal::SIGINT] {
        rig.shell("rm -f d/*").exits(0);
        let (drlog, mut input) = rig.start_fed("drlog -m 0 -s 1k d");
        feed(&mut input, "0\n");
        rig.wait_lines("d/current", 1);
        drlog.signal(Signal::SIGSTOP);
        rig.wait_state(drlog.pid(), 'T');
        feed(&mut input, numbers(10_000) + "the rest");
        drlog.signal(stop);
        drlog.signal(Signal::SIGCONT);
        // The pipe stays open: drlog exits because of the signal.
        drlog.wait().exits(0).reports_nothing();
        let wanted = format!("0\n{}the rest\n", numbers(10_000));
        assert_same(whole_log(&rig).as_bytes(), wanted.as_bytes(), "the log");
        drop(input);
    }
}

#[test]
fn drlog_handles_signals_ignored_by_its_parent() {
    let rig = with_directory();
    let line = "sh -c 'trap \"\" TERM HUP ALRM PIPE; exec drlog d'";
    let (drlog, mut input) = rig.start_fed(line);
    feed(&mut input, "x\n");
    rig.wait_lines("d/current", 1);
    drlog.signal(Signal::SIGTERM);
    drlog.wait().exits(0).reports_nothing();
}

#[test]
fn closed_descriptors_are_not_replaced_by_drlogs_files() {
    let rig = with_directory();
    rig.write("d/current", "old\n");
    rig.run("drlog -t d <&-");
    rig.run("drlog -t d <&- >&- 2>&-");
    assert_eq!(rig.read("d/current"), "old\n");
    rig.shell("echo new | drlog d >&- 2>&-").exits(0);
    assert_eq!(rig.read("d/current"), "old\nnew\n");
}

#[test]
fn an_idle_drlog_never_wakes_up() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog -T 1d d");
    feed(&mut input, "one\n");
    rig.wait_lines("d/current", 1);
    rig.assert_sleeps(drlog.pid());
}

#[test]
fn drlog_syncs_each_batch_unless_buffered() {
    let rig = with_directory();
    let Some(trace) = Trace::new(&rig, "read,write,writev,fdatasync,fsync") else { return };
    rig.shell(format!("printf 'one\\ntwo\\n' | {trace} drlog d")).exits(0);
    let calls = trace.text();
    let written = calls.rfind("two").expect("a write");
    assert!(calls[written..].contains("sync("), "no sync after the write:\n{calls}");
    rig.shell(format!("printf 'one\\ntwo\\n' | {trace} drlog -b d")).exits(0);
    assert!(!trace.text().contains("sync("), "{}", trace.text());
}

#[test]
fn an_unusable_directory_fails_at_start() {
    let rig = with_directory();
    rig.write("f", "");
    // drlog must exit although its input is open and empty.
    for (arguments, mentioned) in [
        ("no/such", "No such file or directory"),
        ("f", "Not a directory"),
        ("d e", "e"),
        ("-s x d", "-s"),
        ("-T x d", "-T"),
        ("--max-time x d", "--max-time"),
        ("-m x d", "-m"),
        ("-s -1 d", "-s"),
        ("-s 99999999999999999999 d", "-s"),
        ("", "directory"),
    ] {
        let (drlog, _input) = rig.start_fed(format!("drlog {arguments}"));
        drlog.wait().exits(125).reports("drlog", &[mentioned]);
    }
    assert!(!rig.has("no"));
    let Some(nobody) = as_nobody(&rig) else { return };
    let (drlog, _input) = rig.start_fed(format!("{nobody} drlog d"));
    if nobody != "env" {
        drlog.wait().exits(125).reports("drlog", &["Permission denied"]);
    }
}

#[test]
fn drlog_prints_help_on_standard_output() {
    let rig = Rig::new();
    let done = rig.run("drlog --help").exits(0).reports_nothing();
    for option in ["-s", "-T", "-m", "-b", "-t", "-e", "-i"] {
        assert!(done.out.contains(option), "no {option} in the help: {done}");
    }
    let done = rig.run("drlog -V").exits(0).reports_nothing();
    assert!(done.out.contains(char::is_numeric), "no version: {done}");
}

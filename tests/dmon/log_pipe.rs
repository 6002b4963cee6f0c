//! The pipe from the command to the log command: no byte is lost.

use crate::rig::{
    Rig, Running, assert_same, numbers, proc, scaled, signal, tools, write_random_file,
};
use nix::sys::signal::Signal;

/// Two busy processes, so that dmon and its children are scheduled late.
fn busy_loops(rig: &Rig) -> Vec<Running<'_>> {
    (0..2).map(|_| rig.start("sh -c 'while :; do :; done'")).collect()
}

#[test]
fn twenty_thousand_lines_are_stored_in_every_round() {
    let rig = Rig::new();
    let wanted = numbers(20000);
    for round in 1..=scaled(25, 1000) {
        rig.run("dmon -n -1 seq 1 20000 -- dlog f").exits(0).reports_nothing();
        assert_same(&rig.bytes("f"), wanted.as_bytes(), format!("the log of round {round}"));
        rig.shell("rm f").exits(0);
    }
}

#[test]
fn dmon_always_exits_if_the_command_exits_at_once() {
    let rig = Rig::new();
    let _busy = busy_loops(&rig);
    for _ in 0..scaled(100, 10_000) {
        rig.run("dmon -n -m 0 true").exits(0).reports_nothing();
    }
    for _ in 0..scaled(50, 1000) {
        rig.run("dmon -n -m 0 true -- dlog f").exits(0).reports_nothing();
    }
}

#[test]
fn stderr_goes_to_the_log_only_with_stderr_redir() {
    let rig = Rig::new();
    let command = "sh -c 'echo one; echo two >&2; echo three'";
    let done = rig.run(format!("dmon -n -1 {command} -- dlog f")).exits(0);
    assert_eq!(rig.read("f"), "one\nthree\n");
    assert_eq!(done.err, "two\n");
    let done = rig.run(format!("dmon -n -1 -e {command} -- dlog g")).exits(0);
    assert_eq!(rig.read("g"), "one\ntwo\nthree\n");
    assert_eq!(done.err, "");
}

#[test]
fn stderr_redir_works_without_a_log_command() {
    let rig = Rig::new();
    let done = rig.run("dmon -n -1 -e sh -c 'echo one; echo two >&2'").exits(0);
    assert_eq!(done.out, "one\ntwo\n");
    assert_eq!(done.err, "");
}

#[test]
fn the_log_command_inherits_dmons_output() {
    let rig = Rig::new();
    let done = rig.run("dmon -n -1 echo hello -- sh -c 'cat; echo bye >&2'").exits(0);
    assert_eq!(done.out, "hello\n");
    assert_eq!(done.err, "bye\n");
}

#[test]
fn a_log_command_in_another_group_is_not_a_leftover() {
    if !tools::has(&["perl"]) {
        return;
    }
    let rig = Rig::new();
    rig.write("join", "setpgrp(0, getpgrp(getppid())) or die; exec qw(dlog f)");
    rig.run("dmon -n -d 0 -m 4 -I st sh -c 'until test -e f; do sleep 0.02; done; echo line' -- perl join")
        .exits(0);
    assert_eq!(rig.lines("f"), 5);
    assert_eq!(rig.read("st").matches("log start").count(), 1);
    rig.assert_no_processes();
}

#[test]
fn binary_data_reaches_the_log_command_unchanged() {
    let rig = Rig::new();
    write_random_file(&rig.path("in"), 3_000_000, 7);
    rig.run("dmon -n -1 cat in -- sh -c 'cat >f'").exits(0);
    assert_same(&rig.bytes("f"), &rig.bytes("in"), "the log");
}

#[test]
fn the_log_pipe_stays_the_same_across_restarts() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -d 0.1 sleep 1000 -- sleep 2000");
    let pipe = |words, end| proc::descriptors(rig.child(dmon.pid(), words))[&end].clone();
    let first = pipe("sleep 1000", 1);
    assert_eq!(pipe("sleep 2000", 0), first);
    for words in ["sleep 1000", "sleep 2000"] {
        let child = rig.child(dmon.pid(), words);
        signal(child, Signal::SIGKILL);
        rig.wait_gone(child);
    }
    assert_eq!(pipe("sleep 1000", 1), first);
    assert_eq!(pipe("sleep 2000", 0), first);
}

#[test]
fn restarts_of_both_commands_lose_no_line() {
    let rig = Rig::new();
    // Each run prints the next thousand numbers; meanwhile dlog is stopped several times.
    let command = "sh -c 'echo >>runs; n=$(wc -l <runs); seq $((n * 1000 - 999)) $((n * 1000)); test -e enough'";
    let dmon = rig.start(format!("dmon -n -1 -d 0.05 {command} -- dlog f"));
    for _ in 0..scaled(3, 100) {
        let log = rig.child(dmon.pid(), "dlog f");
        signal(log, Signal::SIGTERM);
        rig.wait_gone(log);
    }
    rig.write("enough", "");
    dmon.wait().exits(0);
    // A dlog that is stopped in the middle of a line ends it with a newline. So compare without newlines.
    let joined =
        |text: &[u8]| text.iter().copied().filter(|byte| *byte != b'\n').collect::<Vec<u8>>();
    let wanted = numbers(rig.lines("runs") * 1000);
    assert_same(&joined(&rig.bytes("f")), &joined(wanted.as_bytes()), "the log");
}

/// Returns the content of a log directory in the format of multilog, oldest file first.
fn stored(rig: &Rig, directory: &str) -> Vec<u8> {
    let mut files: Vec<String> = std::fs::read_dir(rig.path(directory))
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('@') || name == "current")
        .collect();
    // `@` sorts before `current`, and TAI64N timestamps sort by time.
    files.sort();
    files.iter().flat_map(|file| rig.bytes(&format!("{directory}/{file}"))).collect()
}

/// Runs another project's logger below dmon until the command succeeds, and until SIGTERM: the log must be complete.
fn assert_stores_everything(program: &str, options: &str) {
    let Some(call) = tools::peer(program) else {
        return;
    };
    let rig = Rig::new();
    rig.shell("mkdir d e").exits(0);
    rig.run(format!("dmon -n -1 seq 1 20000 -- {call} {options} ./d")).exits(0);
    assert_same(&stored(&rig, "d"), numbers(20000).as_bytes(), program);

    let command =
        r#"sh -c 'trap "seq 1 20001; exit 0" TERM; echo >up; while :; do sleep 0.02; done'"#;
    rig.run(format!("dmon -p pid {command} -- {call} {options} ./e")).exits(0);
    rig.wait_file("up");
    rig.shell("kill $(cat pid)").exits(0);
    rig.wait_no_processes();
    assert_same(&stored(&rig, "e"), numbers(20001).as_bytes(), program);
}

#[test]
fn multilog_stores_everything() {
    assert_stores_everything("multilog", "s16777215");
}

#[test]
fn svlogd_stores_everything() {
    assert_stores_everything("svlogd", "");
}

#[test]
fn s6_log_stores_everything() {
    assert_stores_everything("s6-log", "s16777215");
}

#[test]
fn cron_in_the_foreground_logs_to_a_file() {
    let rig = Rig::new();
    // A substitute: the real cron requires its own directories.
    rig.write_program("cron", "#!/bin/sh\necho \"cron $*\"\nexec sleep 1000\n");
    rig.run("dmon -p pid cron -f -- dlog cron.log").exits(0);
    rig.wait_lines("cron.log", 1);
    assert_eq!(rig.read("cron.log"), "cron -f\n");
    rig.shell("kill $(cat pid)").exits(0);
    rig.wait_no_processes();
    assert!(!rig.has("pid"));
}

#[test]
fn a_fan_control_logs_stderr_and_stops_by_its_pid_file() {
    let rig = Rig::new();
    rig.write_program("vfand", "#!/bin/sh\necho too hot >&2\nexec sleep 1000\n");
    rig.run("dmon -e -p vfand.pid vfand -- dlog -t vfand.log").exits(0);
    rig.wait_lines("vfand.log", 1);
    assert!(rig.read("vfand.log").ends_with(" too hot\n"));
    rig.shell("kill $(cat vfand.pid)").exits(0);
    rig.wait_no_processes();
    assert!(!rig.has("vfand.pid"));
}

#[test]
fn no_line_is_lost_without_drain_time() {
    let rig = Rig::new();
    let _busy = busy_loops(&rig);
    let wanted = numbers(100);
    for round in 1..=scaled(100, 1000) {
        rig.run("dmon -n -1 -D 0 seq 1 100 -- dlog f").exits(0).reports_nothing();
        assert_same(&rig.bytes("f"), wanted.as_bytes(), format!("the log of round {round}"));
        rig.shell("rm f").exits(0);
    }
}

#[test]
fn a_log_command_stopped_before_it_is_ready_loses_no_line() {
    let rig = Rig::new();
    let log = "sh -c 'sleep 0.2; exec dlog f'";
    rig.run(format!("dmon -n -1 -D 0 seq 1 2000 -- {log}")).exits(0).reports_nothing();
    assert_same(&rig.bytes("f"), numbers(2000).as_bytes(), "the log");
}

#[test]
fn unread_bytes_in_the_log_pipe_are_reported() {
    let rig = Rig::new();
    rig.run("dmon -n -1 seq 1 1000 -- false").exits(0).reports("dmon", &["unread", "3893"]);
}

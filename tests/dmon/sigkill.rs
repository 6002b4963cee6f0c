//! SIGKILL of dmon itself: its command stops and its log command still drains the pipe.

use crate::rig::{Rig, assert_same, numbers, pace, scaled, signal};
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn sigkill_of_dmon_stops_the_command() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n sh -c 'seq 1 1000; echo >up; exec sleep 1000' -- dlog f");
    rig.wait_file("up");
    dmon.kill();
    rig.wait_no_processes();
    assert_same(&rig.bytes("f"), numbers(1000).as_bytes(), "the log");
}

#[test]
fn the_log_command_drains_the_pipe_after_sigkill_of_dmon() {
    let rig = Rig::new();
    let log = "sh -c 'until test -e go; do sleep 0.02; done; exec cat >f'";
    let dmon = rig.start(format!("dmon -n sh -c 'seq 1 1000; echo >up; exec sleep 1000' -- {log}"));
    rig.wait_file("up");
    let command = rig.child(dmon.pid(), "sleep 1000");
    dmon.kill();
    rig.wait_dead(command);
    rig.write("go", "");
    rig.wait_no_processes();
    assert_same(&rig.bytes("f"), numbers(1000).as_bytes(), "the log");
}

#[test]
fn the_stop_signal_reaches_the_command_if_dmon_is_killed() {
    let rig = Rig::new();
    let command = r#"sh -c 'trap "" TERM; trap "echo usr1 >got; exit 0" USR1; echo >up; while :; do sleep 0.05; done'"#;
    let dmon = rig.start(format!("dmon -n --stop-signal USR1 {command}"));
    rig.wait_file("up");
    dmon.kill();
    rig.wait_no_processes();
    assert_eq!(rig.read("got"), "usr1\n");
}

#[test]
fn a_restarted_dmon_never_runs_two_copies() {
    let rig = Rig::new();
    let line = "dmon -n -d 0.1 sh -c 'exec 9>lock; flock -n 9 || echo >>two; echo >>up; exec sleep 1000' -- dlog f";
    for round in 1..=scaled(10, 200) {
        let dmon = rig.start(line);
        rig.wait_lines("up", round);
        let command = rig.child(dmon.pid(), "sleep");
        dmon.kill();
        rig.wait_dead(command);
    }
    rig.wait_no_processes();
    assert!(!rig.has("two"));
}

#[test]
fn sigkill_during_startup_leaves_no_command_behind() {
    let rig = Rig::new();
    for round in 0..scaled(20, 500) {
        let dmon = rig.start("dmon -n sleep 1000 -- dlog f");
        pace(Duration::from_micros(300 * (round as u64 % 20)));
        dmon.kill();
        rig.wait_no_processes();
    }
}

#[test]
fn a_suspended_command_ends_if_dmon_is_killed() {
    let rig = Rig::new();
    let dmon = rig.start("setsid dmon -n sleep 1000");
    let command = rig.child(dmon.pid(), "sleep 1000");
    signal(command, Signal::SIGSTOP);
    rig.wait_state(command, 'T');
    dmon.kill();
    rig.wait_no_processes();
}

//! SIGTERM, SIGINT and the drain: how the command, the log command and dmon exit.

use crate::rig::{Rig, assert_same, numbers, scaled, tools};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// A command that ignores SIGTERM from the time when `up` exists.
const STUBBORN: &str = r#"sh -c 'trap "" TERM; echo >>up; while :; do sleep 0.05; done'"#;

#[test]
fn sigterm_by_the_pid_file_stops_everything() {
    let rig = Rig::new();
    rig.run("dmon -p pid sleep 1000 -- dlog f").exits(0);
    let dmon = rig.pid_in("pid");
    rig.shell("kill $(cat pid)").exits(0);
    rig.wait_dead(dmon);
    rig.assert_no_processes();
    assert!(!rig.has("pid"));
}

#[test]
fn after_sigterm_or_sigint_dmon_exits_like_the_command() {
    let rig = Rig::new();
    for stop in [Signal::SIGTERM, Signal::SIGINT] {
        let dmon = rig.start("dmon -n sleep 1000 -- dlog f");
        rig.child(dmon.pid(), "sleep");
        dmon.signal(stop);
        dmon.wait().exits(143).reports_nothing();
        rig.assert_no_processes();

        for code in [0, 7] {
            rig.shell("rm -f up");
            let dmon = rig.start(format!(
                "dmon -n sh -c 'trap \"exit {code}\" TERM; echo >up; while :; do sleep 0.05; done'"
            ));
            rig.wait_file("up");
            dmon.signal(stop);
            dmon.wait().exits(code);
            rig.assert_no_processes();
        }
    }
}

#[test]
fn sigterm_between_two_runs_ends_dmon_at_once() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -d 1000 sh -c 'echo $$ >first; exit 6' -- dlog f");
    rig.wait_lines("first", 1);
    rig.wait_gone(rig.pid_in("first"));
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(6);
    rig.assert_no_processes();
}

#[test]
fn sigkill_follows_sigterm_after_the_grace_period() {
    let rig = Rig::new();
    let dmon = rig.start(format!("dmon -n -k 0.8 {STUBBORN}"));
    rig.wait_file("up");
    dmon.signal(Signal::SIGTERM);
    let start = Instant::now();
    dmon.wait().exits(137);
    assert!(
        start.elapsed() > Duration::from_millis(700),
        "killed after only {:?}",
        start.elapsed()
    );
    rig.assert_no_processes();
}

#[test]
fn a_second_sigterm_kills_at_once() {
    let rig = Rig::new();
    let command =
        "sh -c 'trap \"echo >>term\" TERM; echo >>up; while :; do echo >>turns; sleep 0.05; done'";
    for grace in ["1000", "0"] {
        rig.shell("rm -f up term");
        let dmon = rig.start(format!("dmon -n -k {grace} {command}"));
        rig.wait_file("up");
        dmon.signal(Signal::SIGTERM);
        // A second SIGTERM while the first is pending would be lost: signal(7).
        rig.wait_file("term");
        // The command survives the first SIGTERM.
        rig.wait_lines("turns", rig.lines("turns") + 6);
        assert!(dmon.is_running(), "dmon exited after one SIGTERM");
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(137);
        rig.assert_no_processes();
    }
}

#[test]
fn the_log_is_drained_even_after_a_second_sigterm() {
    let rig = Rig::new();
    let command = r#"sh -c 'trap "echo >term" TERM; echo $$ >up; seq 1 5000; echo >printed; while :; do sleep 0.05; done'"#;
    let log = "sh -c 'until test -e go; do sleep 0.02; done; exec cat >f'";
    let dmon = rig.start(format!("dmon -n -k 1000 -D 1000 {command} -- {log}"));
    rig.wait_file("printed");
    dmon.signal(Signal::SIGTERM);
    // dmon has handled the first SIGTERM when the command receives its own.
    rig.wait_file("term");
    dmon.signal(Signal::SIGTERM);
    rig.wait_gone(rig.pid_in("up"));
    rig.write("go", "");
    dmon.wait().exits(137);
    assert_same(&rig.bytes("f"), numbers(5000).as_bytes(), "the log");
}

#[test]
fn a_command_that_suspended_itself_is_stopped() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -k 1000 sh -c 'echo $$ >up; kill -STOP $$'");
    rig.wait_lines("up", 1);
    rig.wait_state(rig.pid_in("up"), 'T');
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
}

/// Joins the process group of its parent, creates `up` and becomes its arguments.
const JOIN: &str = "setpgrp(0, getpgrp(getppid())) or die; open(UP, '>up'); exec @ARGV";

#[test]
fn a_command_that_changed_its_group_is_stopped() {
    if !tools::has(&["perl"]) {
        return;
    }
    let rig = Rig::new();
    rig.write("join", JOIN);
    // The second command ignores SIGTERM and has a child in its original group.
    let stubborn = "sh -c 'trap \"\" TERM; sleep 1001 & exec perl join sleep 1000'";
    for (command, grace, code) in [("perl join sleep 1000", 1000.0, 143), (stubborn, 0.3, 137)] {
        let dmon = rig.start(format!("dmon -n -k {grace} {command}"));
        rig.wait_file("up");
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(code);
        rig.assert_no_processes();
        rig.shell("rm up").exits(0);
    }
}

#[test]
fn the_stop_signal_can_be_chosen() {
    let rig = Rig::new();
    let number = tools::signal_number(Signal::SIGUSR1).to_string();
    for name in ["USR1", "SIGUSR1", &number] {
        rig.shell("rm -f up got");
        let command = r#"sh -c 'trap "" TERM; trap "echo usr1 >got; exit 0" USR1; echo >up; while :; do sleep 0.05; done'"#;
        let dmon = rig.start(format!("dmon -n -k 1000 --stop-signal {name} {command}"));
        rig.wait_file("up");
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(0);
        assert_eq!(rig.read("got"), "usr1\n");
    }
}

/// The shell of the command knows no real-time signals by name, so SIGRTMIN+1 is signal 35 here, as in bash.
#[test]
fn the_stop_signal_can_be_a_real_time_signal() {
    if !tools::is_native("the emulator gives real-time signals other numbers") {
        return;
    }
    let rig = Rig::new();
    let command = r#"sh -c 'trap "" TERM; trap "echo got >got; exit 0" 35; echo >up; while :; do sleep 0.05; done'"#;
    let dmon = rig.start(format!("dmon -n -k 1000 --stop-signal RTMIN+1 {command}"));
    rig.wait_file("up");
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(0);
    assert_eq!(rig.read("got"), "got\n");
}

#[test]
fn the_whole_process_group_is_stopped() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -k 1000 sh -c 'sleep 1001 & sleep 1002 & exec sleep 1000'");
    rig.wait_for("three processes", || rig.processes_called("sleep 100").len() == 3);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    rig.assert_no_processes();
}

#[test]
fn a_group_member_that_ignores_sigterm_is_killed() {
    let rig = Rig::new();
    // The leader exits on SIGTERM and sets the status; its child must be killed.
    let command =
        format!("sh -c '(trap \"\" TERM; echo >>up; exec sleep 1001) & {}'", "exec sleep 1000");
    let dmon = rig.start(format!("dmon -n -k 0.5 {command}"));
    rig.wait_for("two processes", || rig.has("up") && rig.processes_called("sleep 100").len() == 2);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    rig.assert_no_processes();
}

#[test]
fn the_wait_for_the_log_command_is_limited() {
    let rig = Rig::new();
    let done = rig.run("dmon -n -1 -D 1 echo hello -- sleep 1000").exits(0);
    assert!(done.took > Duration::from_millis(950), "{done}");
    assert!(done.took < Duration::from_secs(5), "the limit had no effect: {done}");
    rig.assert_no_processes();
}

#[test]
fn a_log_command_that_ignores_sigterm_is_killed() {
    let rig = Rig::new();
    rig.run(format!(
        "dmon -n -1 -D 0.3 -k 0.3 sh -c 'until test -e up; do sleep 0.02; done' -- {STUBBORN}"
    ))
    .exits(0);
    rig.assert_no_processes();
}

#[test]
fn a_slow_log_command_may_finish_within_the_drain_time() {
    let rig = Rig::new();
    // The default of -D is five seconds.
    rig.run("dmon -n -1 seq 1 5000 -- sh -c 'sleep 2; cat >f'").exits(0);
    assert_same(&rig.bytes("f"), numbers(5000).as_bytes(), "the log");
}

#[test]
fn lines_printed_during_shutdown_are_all_stored() {
    let rig = Rig::new();
    let command =
        r#"sh -c 'trap "seq 1 20001; exit 0" TERM; echo >up; while :; do sleep 0.02; done'"#;
    for round in 1..=scaled(5, 200) {
        rig.shell("rm -f up f");
        let dmon = rig.start(format!("dmon -n {command} -- dlog f"));
        rig.wait_file("up");
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(0);
        assert_same(
            &rig.bytes("f"),
            numbers(20001).as_bytes(),
            format!("the log of round {round}"),
        );
    }
}

#[test]
fn a_log_command_that_exits_early_is_restarted_to_drain() {
    let rig = Rig::new();
    // The first log command reads nothing and exits after dmon has reaped the command.
    let log = "sh -c 'if mkdir first; then until test -s up; do sleep 0.02; done; \
               while test -d /proc/$(cat up); do sleep 0.02; done; exit 1; fi; exec cat >f'";
    rig.run(format!("dmon -n -1 sh -c 'seq 1 1000; echo $$ >up' -- {log}")).exits(0);
    assert_same(&rig.bytes("f"), numbers(1000).as_bytes(), "the log");
}

#[test]
fn a_log_command_that_always_exits_does_not_block_dmon() {
    let rig = Rig::new();
    rig.run("dmon -n -1 seq 1 1000 -- false").exits(0);
    let dmon = rig.start("dmon -n sh -c 'seq 1 1000; echo >up; exec sleep 1000' -- false");
    rig.wait_file("up");
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    rig.assert_no_processes();
}

#[test]
fn a_second_sigterm_ends_the_wait_for_the_log_command() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -D 1000 sleep 1000 -- sleep 2000");
    let command = rig.child(dmon.pid(), "sleep 1000");
    rig.child(dmon.pid(), "sleep 2000");
    dmon.signal(Signal::SIGTERM);
    rig.wait_gone(command);
    // It has reaped the command and now waits for the log command.
    rig.wait_state(dmon.pid(), 'S');
    rig.child(dmon.pid(), "sleep 2000");
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143).reports_nothing();
    rig.assert_no_processes();
}

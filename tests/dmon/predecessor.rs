//! The processes that a killed dmon leaves behind: the next dmon with its pid file stops them, and no others.

use crate::rig::{Rig, assert_stays, pace, proc, scaled, signal, tools};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// Ignores SIGTERM, like its children.
const STUBBORN: &str = r#"sh -c 'trap "" TERM; echo $$ >>runs; while :; do sleep 0.05; done'"#;

/// Counts each SIGTERM in `terms`, and exits a second after the first.
const SLOW: &str = r#"sh -c 'trap "echo >>terms" TERM; echo $$ >>runs; until test -s terms; do sleep 0.05; done
n=0; while test $n -lt 20; do sleep 0.05; n=$((n + 1)); done'"#;

const STOPPING: &str = "stopping a process of the killed dmon: ";
const WAITING: &str = "waiting for a process in the session of the killed dmon: ";

/// Returns the PID in the last line of a file that exists.
fn last_pid(rig: &Rig, file: &str) -> i32 {
    rig.read(file).lines().last().and_then(|line| line.parse().ok()).expect("a PID")
}

/// Starts a daemon, kills it with SIGKILL, and returns the PID of its command, which survives.
fn kill_dmon(rig: &Rig, options: &str, command: &str) -> i32 {
    let runs = rig.lines("runs");
    rig.run(format!("dmon -p pid {options} {command}")).exits(0);
    rig.wait_lines("runs", runs + 1);
    let dmon = rig.pid_in("pid");
    signal(dmon, Signal::SIGKILL);
    rig.wait_dead(dmon);
    last_pid(rig, "runs")
}

fn is_alive(pid: i32) -> bool {
    !matches!(proc::state(pid), None | Some('Z' | 'X'))
}

#[test]
fn a_command_that_ignores_the_stop_signal_is_killed() {
    let rig = Rig::new();
    let old = kill_dmon(&rig, "", STUBBORN);
    assert!(is_alive(old));
    let next = rig.run(format!("dmon -k 0.3 -p pid {STUBBORN}")).exits(0);
    next.reports("dmon", &[&format!("{STOPPING}{old}")]);
    assert!(!is_alive(old));
    rig.wait_lines("runs", 2);
}

#[test]
fn a_command_that_changed_its_user_is_stopped() {
    if !tools::is_root() || !tools::has(&["setpriv"]) {
        return;
    }
    let rig = Rig::new();
    rig.share_with_all_users();
    // The change cancels its parent-death signal. It handles SIGTERM, so that it is not killed.
    rig.write(
        "service",
        "trap 'echo >>terms; exit' TERM; echo $$ >>runs; while :; do sleep 0.05; done",
    );
    let command = "setpriv --reuid=41001 --regid=41001 --clear-groups sh service";
    let old = kill_dmon(&rig, "", command);
    // The kernel sent no signal.
    assert_stays(Duration::from_millis(200), || is_alive(old));
    let next = rig.run(format!("dmon -k 1000 -p pid {command}")).exits(0);
    next.reports("dmon", &[&format!("{STOPPING}{old}")]);
    assert!(!is_alive(old));
    rig.wait_lines("runs", 2);
    assert_eq!(rig.lines("terms"), 1);
}

/// To many programs a second SIGTERM means "exit at once".
#[test]
fn a_slow_command_receives_the_stop_signal_only_once() {
    let rig = Rig::new();
    let old = kill_dmon(&rig, "", SLOW);
    rig.run(format!("dmon -k 1000 -p pid {STUBBORN}")).exits(0);
    assert!(!is_alive(old));
    assert_eq!(rig.lines("terms"), 1);
}

#[test]
fn all_processes_of_the_run_are_stopped() {
    let rig = Rig::new();
    // The kernel sends its signal to the first process alone. Its children are in other groups, or its orphans.
    let child = r#"sh -c "trap \"echo \$1 >>ended; exit\" TERM; echo >>up; while :; do sleep 0.05; done" child"#;
    rig.write(
        "service",
        format!("set -m; {child} 1 & ({child} 2 & exit); {child} 3 & echo $$ >>runs; wait; wait"),
    );
    rig.run("dmon -p pid sh service").exits(0);
    rig.wait_lines("up", 3);
    let dmon = rig.pid_in("pid");
    signal(dmon, Signal::SIGKILL);
    rig.wait_dead(dmon);
    rig.run("dmon -k 1000 -p pid sleep 1000").exits(0);
    let mut ended: Vec<String> = rig.read("ended").lines().map(String::from).collect();
    ended.sort();
    assert_eq!(ended, ["1", "2", "3"]);
    assert_eq!(rig.processes_called("sh -c trap").len(), 0);
}

#[test]
fn a_suspended_command_is_resumed_to_stop() {
    let rig = Rig::new();
    let old = kill_dmon(&rig, "", &STUBBORN.replace("trap \"\" TERM; ", "trap \"\" TERM HUP; "));
    signal(old, Signal::SIGSTOP);
    rig.wait_state(old, 'T');
    rig.run("dmon -k 0.1 -p pid sleep 1000").exits(0);
    assert!(!is_alive(old));
}

#[test]
fn without_a_kill_time_the_next_dmon_waits_and_never_kills() {
    let rig = Rig::new();
    let old = kill_dmon(&rig, "", STUBBORN);
    let next = rig.start("dmon -n -k 0 -p pid sh -c 'echo >>next; exec sleep 1000'");
    rig.wait_for("the message", || next.err().contains(&format!("{STOPPING}{old}")));
    assert_stays(Duration::from_millis(300), || is_alive(old));
    assert!(!rig.has("next"));
    signal(old, Signal::SIGKILL);
    rig.wait_file("next");
}

/// The logger has no mark, and a daemon of another program in a session with this number has none, either.
#[test]
fn a_process_without_the_mark_is_reported_and_never_signalled() {
    let rig = Rig::new();
    rig.write(
        "foreign",
        r#"for s in 1 2 10 12 15 18; do trap "echo $s >>got" $s; done; echo $$ >>runs
while :; do sleep 0.05; echo >>turns; done"#,
    );
    rig.run("dmon -p pid sleep 1000 -- sh foreign").exits(0);
    rig.wait_lines("runs", 1);
    let dmon = rig.pid_in("pid");
    let logger = last_pid(&rig, "runs");
    signal(dmon, Signal::SIGKILL);
    rig.wait_dead(dmon);
    let next = rig.run("dmon -k 0.3 -p pid sleep 2000").exits(0);
    assert_eq!(next.err, format!("dmon: {WAITING}{logger}\n"));
    assert!(next.took >= Duration::from_millis(300));
    rig.wait_lines("turns", rig.lines("turns") + 2);
    assert!(is_alive(logger) && !rig.has("got"), "{}", rig.read("got"));
}

#[test]
fn a_child_without_the_mark_is_reported_too() {
    let rig = Rig::new();
    // Shells that wait without a child: one that is being executed has no environment for a moment.
    rig.shell("mkfifo never").exits(0);
    let child = r#"env -u DMON_PID sh -c "echo \$\$ >child; read line <never""#;
    let command = format!(
        "sh -c '{child} & until test -s child; do sleep 0.02; done; trap \"\" TERM; echo $$ >>runs; read line <never'"
    );
    let old = kill_dmon(&rig, "", &command);
    let child = rig.pid_in("child");
    let next = rig.run("dmon -k 0.3 -p pid sleep 2000").exits(0);
    for (message, pid) in [(STOPPING, old), (WAITING, child)] {
        assert!(next.err.contains(&format!("{message}{pid}\n")), "{}", next.err);
    }
    assert_eq!(next.err.lines().count(), 2, "{}", next.err);
    assert!(!is_alive(old) && is_alive(child));
}

#[test]
fn a_pid_in_use_again_causes_no_signal_and_no_wait() {
    let rig = Rig::new();
    // A session whose leader is alive, with a member that carries the mark.
    rig.write("leader", "DMON_PID=$$ sleep 1000 & echo $! >member; wait");
    let leader = rig.start("setsid sh leader");
    rig.wait_file("member");
    rig.write("pid", format!("{}\n", leader.pid()));
    let start = Instant::now();
    rig.run("dmon -k 1000 -p pid sleep 2000").exits(0).reports_nothing();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(is_alive(rig.pid_in("member")));
}

#[test]
fn marked_processes_of_other_sessions_are_left_alone() {
    let rig = Rig::new();
    let old = kill_dmon(
        &rig,
        "",
        r#"setsid -w sh -c 'trap "" TERM; echo $$ >>runs; while :; do sleep 0.05; done'"#,
    );
    // setsid(1) forks, because it leads a process group. Its child leads the session.
    rig.run("dmon -k 1000 -p pid sleep 2000").exits(0).reports_nothing();
    assert!(is_alive(old));
}

/// A PID means another process there.
#[test]
fn in_another_pid_namespace_nothing_is_signalled() {
    if !tools::is_root() || !tools::has(&["unshare"]) || !tools::can_unshare_pids() {
        return;
    }
    let rig = Rig::new();
    let old = kill_dmon(&rig, "", STUBBORN);
    let next = rig.start(
        "unshare -p -f --kill-child dmon -n -k 1000 -p pid sh -c 'echo >up; exec sleep 1000'",
    );
    rig.wait_file("up");
    assert_eq!(next.err(), "");
    assert!(is_alive(old));
}

#[test]
fn a_dying_dmon_is_waited_for() {
    let rig = Rig::new();
    for round in 1..=scaled(20, 300) {
        let line = "dmon -p pid sh -c 'exec 9>lock; flock -n 9 || echo >>two; echo $$ >>runs; exec sleep 1000' -- dlog f";
        match round {
            1 => rig.run(line),
            _ => rig.shell(format!("kill -9 $(cat pid); {line}")),
        }
        .exits(0);
        rig.wait_lines("runs", round);
    }
    assert!(!rig.has("two"));
}

#[test]
fn a_second_dmon_fails_within_a_moment() {
    let rig = Rig::new();
    rig.run("dmon -p pid sleep 1000").exits(0);
    pace(Duration::from_millis(10));
    let took: Vec<Duration> = (0..5).map(|_| rig.run("dmon -p pid true").exits(125).took).collect();
    assert!(took.iter().min() < Some(&Duration::from_millis(100)), "{took:?}");
}

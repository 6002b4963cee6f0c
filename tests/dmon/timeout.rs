//! The limit on the length of a run: `-t`.

use crate::rig::{Rig, scaled};
use std::time::Duration;

/// Takes a lock, which all children of the run share, and records a second copy in `two`.
const LOCK: &str = "exec 9>lock; flock -n 9 || echo >>two; echo >>runs;";

#[test]
fn a_timed_out_run_is_stopped_and_restarted() {
    let rig = Rig::new();
    let dmon = rig.start(format!("dmon -n -t 0.3 -d 0.1 sh -c '{LOCK} exec sleep 1000'"));
    rig.wait_lines("runs", 4);
    assert!(dmon.is_running());
    assert!(!rig.has("two"));
}

#[test]
fn giving_up_after_a_timeout_exits_with_124() {
    let rig = Rig::new();
    rig.run("dmon -n -t 0.3 -m 0 sleep 1000").exits(124);
    rig.run("dmon -n -t 0.3 -d 0.1 -m 1 sh -c 'echo >>runs; exec sleep 1000' -- dlog f").exits(124);
    assert_eq!(rig.lines("runs"), 2);
    rig.assert_no_processes();
}

#[test]
fn the_last_run_sets_the_status_if_it_exits_in_time() {
    let rig = Rig::new();
    rig.run("dmon -n -t 0.5 -d 0.1 -m 1 sh -c 'mkdir first && exec sleep 1000; exit 5'").exits(5);
}

#[test]
fn a_run_within_its_timeout_is_not_stopped() {
    let rig = Rig::new();
    rig.run("dmon -n -t 1000 -1 sleep 0.3").exits(0);
}

#[test]
fn a_timed_out_run_that_ignores_sigterm_is_killed() {
    let rig = Rig::new();
    let command = format!("sh -c 'trap \"\" TERM; {LOCK} while :; do sleep 0.03; done'");
    let count = scaled(2, 50);
    let done = rig.run(format!("dmon -n -t 0.4 -k 0.4 -d 0.05 -m {count} {command}")).exits(124);
    assert_eq!(rig.lines("runs"), count + 1);
    assert!(!rig.has("two"), "two copies at the same time");
    let least = Duration::from_millis(800) * (count as u32 + 1);
    assert!(done.took > least - Duration::from_millis(100), "exited too early: {done}");
    rig.assert_no_processes();
}

#[test]
fn a_timed_out_run_counts_as_failed_despite_status_0() {
    let rig = Rig::new();
    let command = r#"sh -c 'trap "exit 0" TERM; mkdir first || exit 0; echo >>up; while :; do sleep 0.03; done'"#;
    rig.run(format!("dmon -n -1 -t 0.6 -d 0.1 {command}")).exits(0);
    assert!(rig.has("up"));
    rig.shell("rmdir first");
    rig.run(format!("dmon -n -1 -t 0.6 -m 0 {command}")).exits(124);
}

#[test]
fn the_timeout_does_not_apply_to_the_log_command() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -t 0.2 -d 0.1 sh -c 'echo a line; exec sleep 1000' -- dlog f");
    let log = rig.child(dmon.pid(), "dlog");
    rig.wait_lines("f", 4);
    assert_eq!(rig.child(dmon.pid(), "dlog"), log);
}

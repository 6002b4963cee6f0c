//! When a command is started again, and when no more.

use crate::rig::{Rig, assert_same, numbers, proc::Process, signal};
use nix::sys::signal::Signal;

/// The first words of a command that keeps a record of when it was forked.
const BORN: &str = r#"read -r stat </proc/$$/stat; echo "$stat" >>births;"#;

/// The seconds between the births in that record. The kernel counts them in hundredths, and dmon
/// may be kept waiting between its look at the clock and the fork.
fn pauses(rig: &Rig) -> Vec<f64> {
    let births: Vec<u64> =
        rig.read("births").lines().filter_map(Process::parse).map(|run| run.begun).collect();
    births.windows(2).map(|two| (two[1] - two[0]) as f64 / 100.0).collect()
}

/// What noise may take from a pause.
const NOISE: f64 = 0.1;

#[track_caller]
fn assert_pauses(rig: &Rig, least: &[f64]) {
    let pauses = pauses(rig);
    assert_eq!(pauses.len(), least.len(), "wanted {least:?}, found {pauses:?}");
    for (found, wanted) in pauses.iter().zip(least) {
        assert!(*found > wanted - NOISE, "too soon: wanted {least:?}, found {pauses:?}");
        assert!(*found < wanted + 1.5, "too late: wanted {least:?}, found {pauses:?}");
    }
}

#[test]
fn a_killed_command_is_restarted() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -d 0.1 sh -c 'echo $$ >>pids; exec sleep 1000'");
    for round in 1..=5 {
        rig.wait_lines("pids", round);
        let command = rig.child(dmon.pid(), "sleep 1000");
        assert_eq!(rig.read("pids").lines().last(), Some(command.to_string().as_str()));
        signal(command, Signal::SIGKILL);
    }
}

#[test]
fn a_quick_failure_is_restarted_after_a_second() {
    let rig = Rig::new();
    rig.run(format!("dmon -n -m 3 sh -c '{BORN} exit 1'")).exits(1);
    assert_pauses(&rig, &[1.0, 1.0, 1.0]);
}

#[test]
fn a_quick_success_is_restarted_after_a_second() {
    let rig = Rig::new();
    rig.run(format!("dmon -n -m 2 sh -c '{BORN} exit 0'")).exits(0);
    assert_pauses(&rig, &[1.0, 1.0]);
}

#[test]
fn a_run_longer_than_the_delay_is_restarted_at_once() {
    let rig = Rig::new();
    rig.run(format!("dmon -n -d 1 -m 1 sh -c '{BORN} sleep 1.8; exit 1'")).exits(1);
    assert_pauses(&rig, &[1.8]);
}

#[test]
fn each_consecutive_failure_takes_the_next_delay() {
    let rig = Rig::new();
    rig.run(format!("dmon -n -d 0.1,0.3,0.9 -m 5 sh -c '{BORN} exit 1'")).exits(1);
    assert_pauses(&rig, &[0.1, 0.3, 0.9, 0.9, 0.9]);
}

#[test]
fn a_success_resets_to_the_first_delay() {
    let rig = Rig::new();
    // The third run ends well.
    rig.run(format!("dmon -n -d 0.1,2 -m 4 sh -c '{BORN} test $(wc -l <births) = 3'")).exits(1);
    assert_pauses(&rig, &[0.1, 2.0, 0.1, 0.1]);
}

#[test]
fn a_long_run_resets_to_the_first_delay() {
    let rig = Rig::new();
    // The fourth run lasts longer than the last delay and then ends badly like the others.
    let command = format!("sh -c '{BORN} test $(wc -l <births) = 4 && sleep 2.2; exit 1'");
    rig.run(format!("dmon -n -d 0.1,0.1,0.1,2 -m 5 {command}")).exits(1);
    assert_pauses(&rig, &[0.1, 0.1, 0.1, 2.2, 0.1]);
}

#[test]
fn the_interval_applies_only_after_a_success() {
    let rig = Rig::new();
    // Good, bad, good, bad.
    let command = format!("sh -c '{BORN} sleep 0.3; exit $(($(wc -l <births) % 2 == 0))'");
    rig.run(format!("dmon -n -d 0.1 -i 2 -m 3 {command}")).exits(1);
    assert_pauses(&rig, &[2.3, 0.3, 2.3]);
}

#[test]
fn max_respawns_limits_the_number_of_restarts() {
    let rig = Rig::new();
    for (count, runs) in [(0, 1), (1, 2), (3, 4)] {
        for (command, code) in [("true", 0), ("false", 1)] {
            rig.shell("rm -f runs");
            rig.run(format!("dmon -n -d 0.05 -m {count} sh -c 'echo >>runs; {command}'"))
                .exits(code);
            assert_eq!(rig.lines("runs"), runs, "-m {count} {command}");
        }
    }
}

#[test]
fn a_negative_max_respawns_is_no_limit() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -d 0.02 -m 1 -m -1 sh -c 'echo >>runs; exit 1'");
    rig.wait_lines("runs", 8);
    assert!(dmon.is_running());
}

#[test]
fn too_many_restarts_within_the_window_end_dmon() {
    let rig = Rig::new();
    rig.run("dmon -n -d 0.05 -m 3/1h sh -c 'echo >>runs; exit 9'").exits(9);
    assert_eq!(rig.lines("runs"), 4);
}

#[test]
fn restarts_outside_the_window_continue() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -d 0.3 -m 2/0.5 sh -c 'echo >>runs; exit 1'");
    rig.wait_lines("runs", 8);
    assert!(dmon.is_running());
}

#[test]
fn once_restarts_until_the_first_success() {
    let rig = Rig::new();
    // Status 1, then a signal, then 0.
    let command = "sh -c 'echo >>runs; case $(wc -l <runs) in 1) exit 1;; 2) kill -KILL $$;; esac'";
    rig.run(format!("dmon -n -1 -d 0.1 {command} -- dlog f")).exits(0);
    assert_eq!(rig.lines("runs"), 3);
    rig.assert_empty();
}

#[test]
fn once_and_max_respawns_end_by_whichever_comes_first() {
    let rig = Rig::new();
    rig.run("dmon -n -1 -d 0.1 -m 1 sh -c 'echo >>runs; exit 3'").exits(3);
    assert_eq!(rig.lines("runs"), 2);
    rig.run("dmon -n -1 -d 0.1 -m 1 true").exits(0);
}

#[test]
fn a_restarted_log_command_loses_no_line() {
    let rig = Rig::new();
    // Each log command stores one line, read byte by byte, and dies. The command notices nothing.
    let log = "sh -c 'read -r line; echo \"$line\" >>f; exit 1'";
    let dmon =
        rig.start(format!("dmon -n -d 0.1 sh -c 'echo >>runs; seq 1 4; exec sleep 1000' -- {log}"));
    rig.wait_lines("f", 4);
    assert_same(&rig.bytes("f"), numbers(4).as_bytes(), "the log");
    assert_eq!(rig.lines("runs"), 1);
    assert!(dmon.is_running());
}

#[test]
fn output_without_a_log_command_waits_in_the_pipe() {
    let rig = Rig::new();
    let log = "sh -c 'test -e go || exit 1; exec cat >f'";
    let dmon = rig.start(format!(
        "dmon -n -d 0.1 sh -c 'echo >>runs; seq 1 5000; echo >up; exec sleep 1000' -- {log}"
    ));
    rig.wait_file("up");
    rig.write("go", "");
    rig.wait_lines("f", 5000);
    assert_eq!(rig.lines("runs"), 1);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    assert_same(&rig.bytes("f"), numbers(5000).as_bytes(), "the log");
}

#[test]
fn the_log_command_survives_restarts_of_the_command() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -d 0.05 sh -c 'echo a line; exit 1' -- dlog f");
    let log = rig.child(dmon.pid(), "dlog");
    rig.wait_lines("f", 5);
    assert_eq!(rig.child(dmon.pid(), "dlog"), log);
    dmon.signal(Signal::SIGTERM);
    dmon.wait();
    assert!(rig.read("f").lines().all(|line| line == "a line"));
}

//! When dmon restarts a command, and when it gives up.

use crate::rig::trace::Trace;
use crate::rig::{Rig, assert_same, numbers, proc::Process, signal, tools};
use nix::sys::signal::Signal;

/// Start of a shell script that records when its process was forked.
const RECORD_START: &str = r#"read -r stat </proc/$$/stat; echo "$stat" >>starts;"#;

/// Returns the seconds between the recorded starts; the kernel's unit is 10 ms.
fn intervals(rig: &Rig) -> Vec<f64> {
    let starts: Vec<u64> =
        rig.read("starts").lines().filter_map(Process::parse).map(|run| run.started_at).collect();
    starts.windows(2).map(|two| (two[1] - two[0]) as f64 / 100.0).collect()
}

/// An interval may be this much shorter: dmon can be preempted between reading the clock and the fork.
const TOLERANCE: f64 = 0.1;

#[track_caller]
fn assert_intervals(rig: &Rig, wanted: &[f64]) {
    let found = intervals(rig);
    assert_eq!(found.len(), wanted.len(), "wanted {wanted:?}, found {found:?}");
    for (one, least) in found.iter().zip(wanted) {
        assert!(*one > least - TOLERANCE, "too early: wanted {wanted:?}, found {found:?}");
        assert!(*one < least + 1.5, "too late: wanted {wanted:?}, found {found:?}");
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
    rig.run(format!("dmon -n -m 3 sh -c '{RECORD_START} exit 1'")).exits(1);
    assert_intervals(&rig, &[1.0, 1.0, 1.0]);
}

#[test]
fn a_quick_success_is_restarted_after_a_second() {
    let rig = Rig::new();
    rig.run(format!("dmon -n -m 2 sh -c '{RECORD_START} exit 0'")).exits(0);
    assert_intervals(&rig, &[1.0, 1.0]);
}

#[test]
fn a_run_longer_than_the_delay_is_restarted_at_once() {
    let rig = Rig::new();
    rig.run(format!("dmon -n -d 1 -m 1 sh -c '{RECORD_START} sleep 1.8; exit 1'")).exits(1);
    assert_intervals(&rig, &[1.8]);
}

#[test]
fn each_consecutive_failure_takes_the_next_delay() {
    let rig = Rig::new();
    rig.run(format!("dmon -n -d 0.1,0.3,0.9 -m 5 sh -c '{RECORD_START} exit 1'")).exits(1);
    assert_intervals(&rig, &[0.1, 0.3, 0.9, 0.9, 0.9]);
}

#[test]
fn a_success_resets_to_the_first_delay() {
    let rig = Rig::new();
    // The third run succeeds.
    rig.run(format!("dmon -n -d 0.1,2 -m 4 sh -c '{RECORD_START} test $(wc -l <starts) = 3'"))
        .exits(1);
    assert_intervals(&rig, &[0.1, 2.0, 0.1, 0.1]);
}

#[test]
fn a_long_run_resets_to_the_first_delay() {
    let rig = Rig::new();
    // The fourth run lasts longer than the last delay before it fails.
    let command = format!("sh -c '{RECORD_START} test $(wc -l <starts) = 4 && sleep 2.2; exit 1'");
    rig.run(format!("dmon -n -d 0.1,0.1,0.1,2 -m 5 {command}")).exits(1);
    assert_intervals(&rig, &[0.1, 0.1, 0.1, 2.2, 0.1]);
}

#[test]
fn the_interval_applies_only_after_a_success() {
    let rig = Rig::new();
    // Success, failure, success, failure.
    let command = format!("sh -c '{RECORD_START} sleep 0.3; exit $(($(wc -l <starts) % 2 == 0))'");
    rig.run(format!("dmon -n -d 0.1 -i 2 -m 3 {command}")).exits(1);
    assert_intervals(&rig, &[2.3, 0.3, 2.3]);
}

/// Without a random time all of them would be equal.
#[track_caller]
fn assert_spread(found: &[f64], least: f64, most: f64) {
    let shortest = found.iter().copied().fold(f64::MAX, f64::min);
    let longest = found.iter().copied().fold(0.0, f64::max);
    assert!(shortest > least - TOLERANCE && longest < most + 1.5, "{found:?}");
    // All of eight within a sixth: once in 35 000 runs. Of twelve, once in 30 million.
    assert!(longest - shortest > (most - least) / 6.0, "not random: {found:?}");
}

#[test]
fn a_random_time_is_added_to_a_delay() {
    let rig = Rig::new();
    rig.run(format!("dmon -n -d 0.1~0.6 -m 12 sh -c '{RECORD_START} exit 1'")).exits(1);
    assert_spread(&intervals(&rig), 0.1, 0.7);
}

#[test]
fn a_random_time_is_added_to_the_interval() {
    let rig = Rig::new();
    rig.run(format!("dmon -n -d 0 -i 0~0.6 -m 12 sh -c '{RECORD_START} exit 0'")).exits(0);
    assert_spread(&intervals(&rig), 0.0, 0.6);
    rig.shell("rm starts").exits(0);
    // Only after a success.
    rig.run(format!("dmon -n -d 0.1 -i 0~1h -m 2 sh -c '{RECORD_START} exit 1'")).exits(1);
    assert_intervals(&rig, &[0.1, 0.1]);
}

#[test]
fn the_machines_of_a_fleet_draw_different_times() {
    let rig = Rig::new();
    let first = |_| {
        rig.shell("rm -f starts");
        rig.run(format!("dmon -n -d 0~1.2 -m 1 sh -c '{RECORD_START} exit 1'")).exits(1);
        intervals(&rig)[0]
    };
    let found: Vec<f64> = (0..12).map(first).collect();
    assert_spread(&found, 0.0, 1.2);
}

#[test]
fn a_random_time_takes_no_system_call() {
    let rig = Rig::new();
    if !tools::is_native("it makes calls of its own") {
        return;
    }
    let Some(trace) = Trace::new(&rig, "getrandom,openat,read") else { return };
    let count = |options: &str| {
        rig.run(format!("{trace} dmon -n {options} -m 1 sh -c : ")).exits(0);
        let calls = trace.calls("");
        (calls.iter().filter(|call| call.contains("getrandom")).count(), calls.len())
    };
    let without = count("-d 0.1");
    assert_eq!(count("-d 0.1~0.1 -i 0~0.1"), without);
}

#[test]
fn a_wrong_random_time_is_an_error() {
    let rig = Rig::new();
    let list = "a list of at most 16 times (like 1s,5s~1s,1m)";
    let time = "a time (like 90, 1.5h, 10m~2m)";
    for (option, value, wanted) in [
        ("-d", "1~", list),
        ("-d", "1,~2", list),
        ("-d", "1~2~3", list),
        ("--delay", "1~2x,3", list),
        ("-i", "1~", time),
        ("-i", "~1", time),
        ("-i", "10m~-2", time),
        ("--interval", "10m-2m", time),
    ] {
        let message = format!("option {option}: '{value}' is not {wanted}");
        rig.run(format!("dmon -n {option} {value} touch ran"))
            .exits(125)
            .reports("dmon", &[&message]);
    }
    for (options, message) in [
        ("-1 -i 0~2m", "options -i and -1 cannot be used together"),
        ("-m 5/3s -d 1~5", "option -m: option -d allows fewer restarts within that time"),
    ] {
        rig.run(format!("dmon -n {options} touch ran")).exits(125).reports("dmon", &[message]);
    }
    assert!(!rig.has("ran"));
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
    rig.assert_no_processes();
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
    // Each log command stores one line and fails. `read` consumes no byte beyond the line.
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

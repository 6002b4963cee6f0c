//! Pausing by the load average (`-L`, `-l`).
//!
//! Requires a mount namespace, in which a file replaces `/proc/loadavg`.

use crate::rig::load::Load;
use crate::rig::{Rig, proc, scaled, signal, tools, write_random_file};
use nix::sys::signal::Signal;
use nix::unistd::{SysconfVar, sysconf};

/// Waits until every process of this group is stopped, or none is.
fn wait_group(rig: &Rig, leader: i32, stopped: bool) {
    let what = if stopped { "stopped" } else { "running" };
    rig.wait_for(format!("the group {leader} to be {what}"), || {
        let group = proc::group(leader);
        !group.is_empty() && group.iter().all(|process| (process.state == 'T') == stopped)
    });
}

fn has_paused_child(dmon: i32) -> bool {
    proc::children(dmon).iter().any(|child| child.state == 'T')
}

#[test]
fn a_high_load_pauses_the_group_and_a_low_load_resumes_it() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 0.5) else {
        return;
    };
    let dmon = rig.start(format!(
        "{load} dmon -n -L 4 sh -c 'sleep 1001 & sleep 1002 & exec sleep 1000' -- dlog f"
    ));
    let command = rig.child(dmon.pid(), "sleep 1000");
    let log = rig.child(dmon.pid(), "dlog");
    rig.wait_for("three processes", || proc::group(command).len() == 3);
    load.set(4.01);
    wait_group(&rig, command, true);
    assert_ne!(proc::state(log), Some('T'), "the log command is paused, too");
    load.set(2.0);
    wait_group(&rig, command, false);
}

#[test]
fn a_command_that_is_resumed_from_outside_is_paused_again() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 1.0) else {
        return;
    };
    let dmon = rig.start(format!(
        "{load} dmon -n -L 4 -I status sh -c 'sleep 1001 & echo $! >worker; exec sleep 1000'"
    ));
    rig.wait_file("worker");
    let command = rig.child(dmon.pid(), "sleep 1000");
    load.set(9.0);
    wait_group(&rig, command, true);
    for process in [command, rig.pid_in("worker")] {
        signal(process, Signal::SIGCONT);
        rig.wait_for("a resumed process", || proc::state(process) == Some('S'));
        wait_group(&rig, command, true);
    }
    load.set(1.0);
    wait_group(&rig, command, false);
    let lines = format!("cmd start {command}\ncmd pause {command}\ncmd resume {command}\n");
    rig.wait_lines("status", 3);
    assert_eq!(rig.read("status"), lines);
}

#[test]
fn a_load_between_the_thresholds_changes_nothing() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 3.0) else {
        return;
    };
    let dmon = rig.start(format!("{load} dmon -n -L 4 -l 1.5 sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    load.set(4.0);
    load.wait_reading();
    load.set(5.0);
    // Only the next sample shows that dmon has acted on the previous one.
    load.wait_reading();
    wait_group(&rig, command, true);
    load.set(1.51);
    load.wait_reading();
    load.set(1.5);
    assert_eq!(proc::state(command), Some('T'));
    wait_group(&rig, command, false);
}

#[test]
fn a_threshold_in_percent_is_per_cpu() {
    let rig = Rig::new();
    let processors = sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten().unwrap_or(1) as f64;
    let Some(load) = Load::new(&rig, processors * 0.8 + 0.01) else {
        return;
    };
    let dmon = rig.start(format!("{load} dmon -n -L 80% -l 60% sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    wait_group(&rig, command, true);
    load.set(processors * 0.6);
    wait_group(&rig, command, false);
}

#[test]
fn a_run_started_under_high_load_is_paused_at_once() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 9.0) else {
        return;
    };
    let dmon = rig.start(format!("{load} dmon -n -L 4 -d 0.1 sleep 1000"));
    for _ in 0..3 {
        let command = rig.child(dmon.pid(), "sleep 1000");
        wait_group(&rig, command, true);
        signal(command, Signal::SIGKILL);
        rig.wait_gone(command);
    }
}

#[test]
fn sigterm_ends_a_paused_command() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 9.0) else {
        return;
    };
    let dmon =
        rig.start(format!("{load} dmon -n -L 4 -k 1000 sh -c 'sleep 1001 & exec sleep 1000'"));
    rig.wait_for("a pause", || has_paused_child(dmon.pid()));
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    rig.assert_no_processes();
}

#[test]
fn a_paused_command_that_ignores_sigterm_is_killed() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 0.1) else {
        return;
    };
    let dmon = rig.start(format!(
        "{load} dmon -n -L 4 -k 0.3 sh -c 'trap \"\" TERM; echo >up; exec sleep 1000'"
    ));
    rig.wait_file("up");
    load.set(9.0);
    rig.wait_for("a pause", || has_paused_child(dmon.pid()));
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(137);
    rig.assert_no_processes();
}

#[test]
fn a_load_pause_does_not_count_towards_the_timeout() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 9.0) else {
        return;
    };
    let dmon = rig.start(format!("{load} dmon -n -L 4 -t 1.5 -m 0 sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    wait_group(&rig, command, true);
    // The next sample is five seconds later, after the timeout would have expired.
    load.wait_reading();
    assert_eq!(proc::state(command), Some('T'));
    load.set(0.1);
    dmon.wait().exits(124);
}

#[test]
fn a_paused_and_killed_rsync_still_completes_its_copy() {
    if !tools::has(&["rsync", "diff"]) {
        return;
    }
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 0.5) else {
        return;
    };
    // Files of various sizes: 24 MB, or 300 MB with the full counts.
    let (files, length) = (120, scaled(200_000, 2_500_000));
    for number in 0..files {
        let directory = rig.path(&format!("src/{}/{}", number % 3, number % 7));
        std::fs::create_dir_all(&directory).expect("a directory");
        write_random_file(
            &directory.join(format!("file {number}")),
            length * (number % 5) / 2,
            number as u64,
        );
    }
    // The copy lasts nine seconds, so that it overlaps a sample of the load: dmon takes one every five seconds.
    let rate = format!("{}k", files * length / 9 / 1000);
    let dmon =
        rig.start(format!("{load} dmon -n -1 -L 4 -d 0.2 rsync -a --bwlimit={rate} src/ dst"));
    let copy = |count| {
        rig.wait_for_some(format!("{count} processes of rsync"), || {
            let leader = proc::children(dmon.pid()).first()?.pid;
            (proc::group(leader).len() == count).then_some(leader)
        })
    };
    let first = copy(3);
    load.set(9.0);
    wait_group(&rig, first, true);
    assert_eq!(proc::group(first).len(), 3);
    load.set(0.5);
    wait_group(&rig, first, false);
    // When its first process dies, the other two remove the unfinished file.
    signal(first, Signal::SIGKILL);
    rig.wait_gone(first);
    assert!(dmon.is_running(), "the copy was already complete");
    let again = copy(3);
    assert_ne!(again, first);
    dmon.wait().exits(0);
    rig.run("diff -r src dst").exits(0);
    rig.assert_no_processes();
}

//! A daemon whose first start fails, and the parent that reports it.

use crate::rig::strace::can_inject;
use crate::rig::{Rig, signal, tools};
use nix::sys::signal::Signal;
use std::time::Duration;

/// The parent's exit reports that the start has failed. A script may then start dmon again, and must not meet the
/// previous daemon and its pid file.
#[test]
fn the_parent_exits_after_a_daemon_that_failed_to_start() {
    if !can_inject() {
        return;
    }
    for (log, failed) in [("", "./nosuch"), ("-- dlog out", "./nosuch"), ("-- ./nosuch", "true")] {
        let rig = Rig::new();
        // A second before each exit: a parent that does not wait overtakes its daemon.
        let slow = "-e trace=exit_group -e inject=exit_group:delay_enter=1000000";
        let done =
            rig.run(format!("strace -f -b execve -o trace {slow} dmon -p pid {failed} {log}"));
        let done = done.exits(127).reports("dmon", &["nosuch", "No such file"]);
        rig.assert_no_processes();
        // strace records each exit in order. The parent is the first process and exits last.
        let trace = rig.read("trace");
        let exits: Vec<&str> = trace.lines().filter(|line| line.contains("exit")).collect();
        let parent = exits.last().and_then(|line| line.split_whitespace().next());
        let parent = parent.unwrap_or_else(|| panic!("no exit: {done}"));
        let begin = exits.iter().position(|line| line.starts_with(parent)).unwrap_or(0);
        assert!(begin > 0, "no daemon: {trace}");
        let later = exits[begin..].iter().find(|line| !line.starts_with(parent));
        assert_eq!(later, None, "the parent did not wait: {trace}");
    }
}

/// A boot script must see it: dmon would start the logger each second, and its messages would be lost. The parent waits
/// for at most 50 ms. A busy machine may take longer to run the logger. Such a start is tried again.
#[test]
fn a_logger_that_exits_at_once_makes_the_start_of_a_daemon_fail() {
    let rig = Rig::new();
    for (log, text) in [
        ("dlog nosuch/f", "exited with 125"),
        ("drlog nosuch", "exited with 125"),
        ("true", "exited with 0"),
        ("sh -c 'kill -KILL $$'", "exited by signal 9"),
    ] {
        let done = rig.wait_for_some("a start that fails within 50 ms", || {
            let done = rig.run(format!("dmon -p pid sleep 1000 -- {log}"));
            if done.code() != Some(0) {
                return Some(done.exits(125));
            }
            assert!(done.took >= Duration::from_millis(50), "the parent did not wait: {done}");
            signal(rig.pid_in("pid"), Signal::SIGTERM);
            rig.wait_no_processes();
            None
        });
        assert_eq!(done.err.lines().count(), 1, "{done}");
        done.reports("dmon", &["log ", text]);
        rig.assert_no_processes();
        assert!(!rig.has("pid"));
    }
}

/// dmon sees that it waits, but not for input.
#[test]
fn a_logger_that_does_not_read_yet_delays_the_parent_only_shortly() {
    let rig = Rig::new();
    rig.run("dmon -p pid sleep 1000 -- sleep 2000").exits(0).reports_nothing();
    rig.run("dmon -p pid2 sleep 1000 -- sh -c 'while :; do :; done'").exits(0).reports_nothing();
}

/// The parent could not return earlier than after 50 ms otherwise.
#[test]
fn a_daemons_parent_returns_once_the_logger_reads() {
    if !tools::is_native("the numbers of system calls are those of the host")
        || !std::path::Path::new("/proc/self/syscall").exists()
    {
        return;
    }
    let rig = Rig::new();
    let mut fastest = u64::MAX;
    for round in 0..20 {
        let start = "dmon -p pid$n sleep 1000 -- dlog f$n";
        let times = format!("n={round}; date +%s%N; {start} && date +%s%N");
        let times = rig.shell(times).exits(0).out;
        let times: Vec<u64> = times.lines().map(|line| line.parse().expect("a time")).collect();
        fastest = fastest.min(times[1] - times[0]);
    }
    assert!(fastest < 45_000_000, "{fastest} ns");
}

#[test]
fn a_command_that_succeeds_at_once_is_no_failed_start() {
    let rig = Rig::new();
    for round in 1..=10 {
        rig.run("dmon -1 -p pid echo line -- dlog f").exits(0).reports_nothing();
        rig.wait_no_processes();
        assert_eq!(rig.lines("f"), round);
    }
}

//! Leftover processes: everything that a run or a log command has started is gone before dmon continues.
//!
//! Leftovers in other sessions require Linux 3.4 (PR_SET_CHILD_SUBREAPER).

use crate::rig::{Rig, Running, assert_same, numbers, scaled, tools};
use nix::sys::signal::Signal;

#[test]
fn leftovers_in_other_sessions_end_before_dmon_exits() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.run("dmon -n -1 sh -c '(setsid sleep 1001 &); setsid sleep 1002 & sleep 1003 & exit 0'")
        .exits(0);
    rig.assert_no_processes();
    rig.run("dmon -n -m 0 sh -c '(setsid sleep 1001 &); exit 3' -- dlog f").exits(3);
    rig.assert_no_processes();
}

#[test]
fn leftovers_that_ignore_sigterm_are_killed() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    let stubborn = r#"(setsid sh -c "trap \"\" TERM; echo >>up; exec sleep 1001" &); until test -e up; do sleep 0.02; done"#;
    rig.run(format!("dmon -n -1 -k 0.3 sh -c '{stubborn}'")).exits(0);
    rig.assert_no_processes();
}

#[test]
fn leftovers_of_a_run_end_before_the_next_run() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    // Descriptor 9 holds the lock: in the run itself and in its leftovers.
    let command = "sh -c 'exec 9>lock; flock -n 9 || echo >>two; echo >>runs; (setsid sleep 1000 &); sleep 1001 & exit 1'";
    rig.run(format!("dmon -n -d 0.05 -m {} {command}", scaled(5, 100))).exits(1);
    assert_eq!(rig.lines("runs"), scaled(5, 100) + 1);
    assert!(!rig.has("two"), "a run started before the leftovers of the previous one were gone");
    rig.assert_no_processes();
}

#[test]
fn leftovers_of_a_log_command_may_drain_the_pipe() {
    if !tools::has(&["bash", "gzip"]) {
        return;
    }
    let rig = Rig::new();
    // The log command has exited while its leftover gzip still waits for the last lines.
    let log = "bash -c 'cat > >(sleep 0.3; gzip >f.gz)'";
    rig.run(format!("dmon -n -1 seq 1 200000 -- {log}")).exits(0).reports_nothing();
    rig.assert_no_processes();
    rig.shell("gzip -dc f.gz >f").exits(0);
    assert_same(&rig.bytes("f"), numbers(200_000).as_bytes(), "the log");
}

#[test]
fn leftovers_of_a_log_command_end_before_dmon_exits() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.run("dmon -n -1 true -- sh -c 'cat >/dev/null; setsid sleep 1000 & sleep 0.1'").exits(0);
    rig.assert_no_processes();
}

#[test]
fn leftovers_of_a_killed_command_get_sigterm_first() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.write(
        "leftover",
        "trap 'echo bye >>got; exit 0' TERM; echo >>up; while :; do sleep 0.02; done",
    );
    let stubborn = "setsid sh leftover & until test -e up; do sleep 0.02; done; trap \"\" TERM; \
                echo >>ready; while :; do sleep 0.02; done";
    let dmon = rig.start(format!("dmon -n -k 1 sh -c '{stubborn}'"));
    rig.wait_file("ready");
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(137);
    rig.assert_no_processes();
    assert_eq!(rig.read("got"), "bye\n");
}

/// Starts a dmon whose run leaves two processes: `far` in another session and `near` in dmon's own group.
/// They record each SIGTERM and continue.
fn start_counting<'a>(rig: &'a Rig, log: &str) -> Running<'a> {
    rig.write(
        "count",
        r#"my ($name, $dmon) = @ARGV;
sub note { open(my $to, '>>', "$_[0]"); print $to "$name\n"; }
$SIG{TERM} = sub { note($name) };
setpgrp(0, getpgrp($dmon)) or die if $dmon;
note('up');
sleep 1 while 1;
"#,
    );
    let both = "setsid perl count far & perl count near $PPID & \
                until test $(wc -l <up) = 2; do sleep 0.02; done";
    rig.write("up", "");
    let dmon = rig.start(format!("dmon -n -k 0 -d 1000 sh -c '{both}; exit 1' {log}"));
    rig.wait_lines("far", 1);
    rig.wait_lines("near", 1);
    dmon
}

#[test]
fn leftovers_get_sigterm_only_once() {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    let dmon = start_counting(&rig, "");
    // dmon wakes up only to look for the leftovers.
    rig.wait_wakeups(dmon.pid(), 4);
    assert_eq!((rig.lines("far"), rig.lines("near")), (1, 1), "more than one SIGTERM");
}

#[test]
fn log_restarts_send_no_second_sigterm_to_leftovers() {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    let _dmon = start_counting(&rig, "-- sh -c 'echo >>logs; sleep 0.7; exit 1'");
    rig.wait_lines("logs", rig.lines("logs") + 3);
    assert_eq!((rig.lines("far"), rig.lines("near")), (1, 1), "more than one SIGTERM");
}

/// Runs a command three times with `-k 0.4` in a dmon that adopts no orphans, because it already has a child: the shell
/// that executed it has a job. Each run leaves a zombie in its process group, whose parent has a session of its own, and
/// executes `member`, which may leave more.
fn run_thrice_with_zombies(rig: &Rig, member: &str) {
    rig.write(
        "run",
        format!(
            r#"echo >>runs
(sleep 1003 & exec setsid sh -c "echo >>far; exec sleep 1001") &
{member}
until test -e far && test $(wc -l <far) = $(wc -l <runs); do sleep 0.02; done
exit 3
"#
        ),
    );
    rig.write("line", "sleep 1000 & exec dmon -n -d 0.1 -k 0.4 -m 2 sh run\n");
    rig.run("sh line").exits(3).reports_nothing();
    assert_eq!(rig.lines("runs"), 3);
}

#[test]
fn a_zombie_that_its_parent_never_reaps_blocks_no_run() {
    let rig = Rig::new();
    run_thrice_with_zombies(&rig, "");
}

#[test]
fn a_live_member_of_the_group_beside_a_zombie_is_killed() {
    let rig = Rig::new();
    // Descriptor 9 holds the lock while the member is alive.
    let member = r#"(exec 9>lock; flock -n 9 || echo >>two; trap "" TERM; echo >>up; exec sleep 1002) &
until test -e up && test $(wc -l <up) = $(wc -l <runs); do sleep 0.02; done"#;
    run_thrice_with_zombies(&rig, member);
    assert!(!rig.has("two"), "a run started before the leftovers of the previous one were gone");
}

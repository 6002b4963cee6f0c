//! How a run, dmon and its log command end, and that nothing is left behind.

use crate::rig::{Rig, Running, assert_same, numbers, proc, signal, times, tools};
use nix::sys::signal::Signal;
use std::time::Duration;

/// A command that hears no TERM. It says `up` when it has closed its ears.
const DEAF: &str = r#"sh -c 'trap "" TERM; echo >>up; while :; do sleep 0.05; done'"#;

#[test]
fn sigterm_by_the_pid_file_stops_everything() {
    let rig = Rig::new();
    rig.run("dmon -p pid sleep 1000 -- dlog f").exits(0);
    let dmon = rig.pid_in("pid");
    rig.shell("kill $(cat pid)").exits(0);
    rig.wait_dead(dmon);
    rig.assert_empty();
    assert!(!rig.has("pid"));
}

#[test]
fn after_sigterm_or_sigint_dmon_exits_like_the_command() {
    let rig = Rig::new();
    for asked in [Signal::SIGTERM, Signal::SIGINT] {
        let dmon = rig.start("dmon -n sleep 1000 -- dlog f");
        rig.child(dmon.pid(), "sleep");
        dmon.signal(asked);
        dmon.wait().exits(143).says_nothing();
        rig.assert_empty();

        for code in [0, 7] {
            rig.shell("rm -f up");
            let dmon = rig.start(format!(
                "dmon -n sh -c 'trap \"exit {code}\" TERM; echo >up; while :; do sleep 0.05; done'"
            ));
            rig.wait_file("up");
            dmon.signal(asked);
            dmon.wait().exits(code);
            rig.assert_empty();
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
    rig.assert_empty();
}

#[test]
fn a_command_that_ignores_sigterm_is_killed_later() {
    let rig = Rig::new();
    let dmon = rig.start(format!("dmon -n -k 0.8 {DEAF}"));
    rig.wait_file("up");
    dmon.signal(Signal::SIGTERM);
    let asked = std::time::Instant::now();
    dmon.wait().exits(137);
    assert!(
        asked.elapsed() > Duration::from_millis(700),
        "killed after {:?} already",
        asked.elapsed()
    );
    rig.assert_empty();
}

#[test]
fn a_second_sigterm_kills_at_once() {
    let rig = Rig::new();
    for patience in ["1000", "0"] {
        rig.shell("rm -f up");
        let dmon = rig.start(format!("dmon -n -k {patience} {DEAF}"));
        rig.wait_file("up");
        dmon.signal(Signal::SIGTERM);
        // Two of one signal that are pending together are one.
        rig.wait_for("the first TERM to be taken", || proc::signals(dmon.pid(), "ShdPnd") == 0);
        std::thread::sleep(Duration::from_millis(300));
        assert!(dmon.is_running(), "one TERM was enough");
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(137);
        rig.assert_empty();
    }
}

#[test]
fn the_log_is_drained_even_after_a_second_sigterm() {
    let rig = Rig::new();
    let command = r#"sh -c 'trap "" TERM; echo $$ >up; seq 1 5000; echo >printed; while :; do sleep 0.05; done'"#;
    let log = "sh -c 'until test -e go; do sleep 0.02; done; exec cat >f'";
    let dmon = rig.start(format!("dmon -n -k 1000 -D 1000 {command} -- {log}"));
    rig.wait_file("printed");
    dmon.signal(Signal::SIGTERM);
    rig.wait_for("the first TERM to be taken", || proc::signals(dmon.pid(), "ShdPnd") == 0);
    std::thread::sleep(Duration::from_millis(100));
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

/// A program that joins the group of its parent, says so in `up`, and becomes its words.
const JOIN: &str = "setpgrp(0, getpgrp(getppid())) or die; open(UP, '>up'); exec @ARGV";

#[test]
fn a_command_that_changed_its_group_is_stopped() {
    if !tools::has(&["perl"]) {
        return;
    }
    let rig = Rig::new();
    rig.write("join", JOIN);
    // One that obeys; one that does not, and has a child in the group that it was given.
    let deaf = "sh -c 'trap \"\" TERM; sleep 1001 & exec perl join sh -c \"while :; do sleep 0.05; done\"'";
    for (command, patience, code) in [("perl join sleep 1000", 1000.0, 143), (deaf, 0.3, 137)] {
        let dmon = rig.start(format!("dmon -n -k {patience} {command}"));
        rig.wait_file("up");
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(code);
        rig.assert_empty();
        rig.shell("rm up").exits(0);
    }
}

#[test]
fn the_stop_signal_can_be_chosen() {
    let rig = Rig::new();
    let number = tools::number(Signal::SIGUSR1).to_string();
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

#[test]
fn the_whole_process_group_is_stopped() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -k 1000 sh -c 'sleep 1001 & sleep 1002 & exec sleep 1000'");
    rig.wait_for("three processes", || rig.copies("sleep 100").len() == 3);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    rig.assert_empty();
}

#[test]
fn a_group_member_that_ignores_sigterm_is_killed() {
    let rig = Rig::new();
    // The leader ends by TERM; a deaf one of its group needs KILL, and the exit is the leader's.
    let command =
        format!("sh -c '(trap \"\" TERM; echo >>up; exec sleep 1001) & {}'", "exec sleep 1000");
    let dmon = rig.start(format!("dmon -n -k 0.5 {command}"));
    rig.wait_for("two processes", || rig.has("up") && rig.copies("sleep 100").len() == 2);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    rig.assert_empty();
}

#[test]
fn leftovers_in_other_sessions_end_before_dmon_exits() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.run("dmon -n -1 sh -c '(setsid sleep 1001 &); setsid sleep 1002 & sleep 1003 & exit 0'")
        .exits(0);
    rig.assert_empty();
    rig.run("dmon -n -m 0 sh -c '(setsid sleep 1001 &); exit 3' -- dlog f").exits(3);
    rig.assert_empty();
}

#[test]
fn leftovers_that_ignore_sigterm_are_killed() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    let deaf = r#"(setsid sh -c "trap \"\" TERM; echo >>up; exec sleep 1001" &); until test -e up; do sleep 0.02; done"#;
    rig.run(format!("dmon -n -1 -k 0.3 sh -c '{deaf}'")).exits(0);
    rig.assert_empty();
}

#[test]
fn leftovers_of_a_run_end_before_the_next_run() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    // The lock is held by whoever has descriptor 9: the run itself and all it leaves behind.
    let command = "sh -c 'exec 9>lock; flock -n 9 || echo >>two; echo >>runs; (setsid sleep 1000 &); sleep 1001 & exit 1'";
    rig.run(format!("dmon -n -d 0.05 -m {} {command}", times(5, 100))).exits(1);
    assert_eq!(rig.lines("runs"), times(5, 100) + 1);
    assert!(!rig.has("two"), "a run began while something of the one before was alive");
    rig.assert_empty();
}

#[test]
fn the_wait_for_the_log_command_is_limited() {
    let rig = Rig::new();
    let done = rig.run("dmon -n -1 -D 1 echo hello -- sleep 1000").exits(0);
    assert!(done.took > Duration::from_millis(950), "{done}");
    assert!(done.took < Duration::from_secs(5), "the limit did not hold: {done}");
    rig.assert_empty();
}

#[test]
fn a_log_command_that_ignores_sigterm_is_killed() {
    let rig = Rig::new();
    rig.run(format!(
        "dmon -n -1 -D 0.3 -k 0.3 sh -c 'until test -e up; do sleep 0.02; done' -- {DEAF}"
    ))
    .exits(0);
    rig.assert_empty();
}

#[test]
fn a_slow_log_command_may_finish_within_the_drain_time() {
    let rig = Rig::new();
    // Two seconds are within the five that -D allows if it is not given.
    rig.run("dmon -n -1 seq 1 5000 -- sh -c 'sleep 2; cat >f'").exits(0);
    assert_same(&rig.bytes("f"), numbers(5000).as_bytes(), "the log");
}

#[test]
fn lines_printed_during_shutdown_are_all_stored() {
    let rig = Rig::new();
    let command =
        r#"sh -c 'trap "seq 1 20001; exit 0" TERM; echo >up; while :; do sleep 0.02; done'"#;
    for round in 1..=times(5, 200) {
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
    // The first one reads nothing and dies when dmon has reaped the command.
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
    rig.assert_empty();
}

#[test]
fn sigkill_of_dmon_stops_the_command() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n sh -c 'seq 1 1000; echo >up; exec sleep 1000' -- dlog f");
    rig.wait_file("up");
    dmon.kill();
    rig.wait_empty();
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
    rig.wait_empty();
    assert_same(&rig.bytes("f"), numbers(1000).as_bytes(), "the log");
}

#[test]
fn the_stop_signal_reaches_the_command_if_dmon_is_killed() {
    let rig = Rig::new();
    let command = r#"sh -c 'trap "" TERM; trap "echo usr1 >got; exit 0" USR1; echo >up; while :; do sleep 0.05; done'"#;
    let dmon = rig.start(format!("dmon -n --stop-signal USR1 {command}"));
    rig.wait_file("up");
    dmon.kill();
    rig.wait_empty();
    assert_eq!(rig.read("got"), "usr1\n");
}

#[test]
fn a_restarted_dmon_never_runs_two_copies() {
    let rig = Rig::new();
    let line = "dmon -n -d 0.1 sh -c 'exec 9>lock; flock -n 9 || echo >>two; echo >>up; exec sleep 1000' -- dlog f";
    for round in 1..=times(10, 200) {
        let dmon = rig.start(line);
        rig.wait_lines("up", round);
        let command = rig.child(dmon.pid(), "sleep");
        dmon.kill();
        rig.wait_dead(command);
    }
    rig.wait_empty();
    assert!(!rig.has("two"));
}

#[test]
fn sigkill_during_startup_leaves_no_command_behind() {
    let rig = Rig::new();
    for round in 0..times(20, 500) {
        let dmon = rig.start("dmon -n sleep 1000 -- dlog f");
        std::thread::sleep(Duration::from_micros(300 * (round as u64 % 20)));
        dmon.kill();
        rig.wait_empty();
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
    rig.wait_empty();
}

#[test]
fn leftovers_of_a_log_command_may_drain_the_pipe() {
    if !tools::has(&["bash", "gzip"]) {
        return;
    }
    let rig = Rig::new();
    // The log command itself is over when its last lines still wait for gzip.
    let log = "bash -c 'cat > >(sleep 0.3; gzip >f.gz)'";
    rig.run(format!("dmon -n -1 seq 1 200000 -- {log}")).exits(0).says_nothing();
    rig.assert_empty();
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
    rig.assert_empty();
}

#[test]
fn leftovers_of_a_killed_command_get_sigterm_first() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.write(
        "left",
        "trap 'echo bye >>got; exit 0' TERM; echo >>up; while :; do sleep 0.02; done",
    );
    let deaf = "setsid sh left & until test -e up; do sleep 0.02; done; trap \"\" TERM; \
                echo >>deaf; while :; do sleep 0.02; done";
    let dmon = rig.start(format!("dmon -n -k 1 sh -c '{deaf}'"));
    rig.wait_file("deaf");
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(137);
    rig.assert_empty();
    assert_eq!(rig.read("got"), "bye\n");
}

/// A dmon whose command has left a process in another session (`far`) and one in dmon's own group
/// (`near`). They write a line for each TERM they get, and stay.
fn counting<'a>(rig: &'a Rig, log: &str) -> Running<'a> {
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
    let _dmon = counting(&rig, "");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((rig.lines("far"), rig.lines("near")), (1, 1), "TERM came more than once");
}

#[test]
fn log_restarts_send_no_second_sigterm_to_leftovers() {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    let _dmon = counting(&rig, "-- sh -c 'echo >>logs; sleep 0.7; exit 1'");
    rig.wait_lines("logs", rig.lines("logs") + 3);
    assert_eq!((rig.lines("far"), rig.lines("near")), (1, 1), "TERM came more than once");
}

#[test]
fn a_second_sigterm_ends_the_wait_for_the_log_command() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -D 1000 sleep 1000 -- sleep 2000");
    let command = rig.child(dmon.pid(), "sleep 1000");
    rig.child(dmon.pid(), "sleep 2000");
    dmon.signal(Signal::SIGTERM);
    rig.wait_gone(command);
    std::thread::sleep(Duration::from_millis(300));
    assert!(dmon.is_running(), "one TERM was enough");
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143).says_nothing();
    rig.assert_empty();
}

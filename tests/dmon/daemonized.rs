//! A command that daemonizes itself is reported once.
//!
//! Processes in other sessions are found since Linux 3.4 (PR_SET_CHILD_SUBREAPER).

use crate::rig::{Rig, tools};

/// What to do, as the message says it.
const REMEDY: [&str; 2] = ["foreground option", "setsid -w"];

#[test]
fn a_command_in_the_background_is_reported_once() {
    if !tools::can_adopt() {
        return;
    }
    for options in ["-m 2", "-m 2 --kill-mode mixed", "-m 2 -i 0.1", "-m 1 -k 0"] {
        let rig = Rig::new();
        let command = "sh -c 'echo >>runs; setsid sleep 1000 &'";
        rig.run(format!("dmon -n {options} {command}")).exits(0).reports("dmon", &REMEDY);
        assert!(rig.lines("runs") >= 2, "the command is not restarted");
        rig.assert_no_processes();
    }
}

#[test]
fn a_double_fork_is_reported_once() {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.write(
        "daemon",
        "use POSIX; exit if fork; setsid; exit if fork; open(my $f, '>>', 'runs'); \
         syswrite $f, \"x\\n\"; sleep 1 while 1",
    );
    rig.run("dmon -n -m 2 perl daemon").exits(0).reports("dmon", &REMEDY);
    assert!(rig.lines("runs") >= 1);
    rig.assert_no_processes();
}

#[test]
fn the_log_of_a_daemon_has_the_report() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.run("dmon -p pid sh -c 'setsid sleep 1000 &' -- dlog log").exits(0).reports_nothing();
    rig.wait_lines("log", 1);
    assert!(rig.read("log").contains(REMEDY[0]), "{}", rig.read("log"));
}

/// A command whose reader exits shortly after it, as a process substitution does.
const TAIL: &str = "rm -f fifo up; mkfifo fifo; (setsid cat fifo >up) & exec 3>fifo; echo >&3; \
                    until test -s up; do sleep 0.02; done";

#[test]
fn ordinary_commands_are_not_reported() {
    if !tools::can_adopt() {
        return;
    }
    let background = "setsid sleep 1000 &";
    for (options, command) in [
        ("-m 1", "true"),
        ("-m 1", TAIL),
        ("-m 1", &format!("{background} exit 3")),
        ("-m 0", background),
        ("-1", background),
        (
            "-m 0 -t 0.3",
            &format!(
                "exec 2>/dev/null; trap \"exit 0\" TERM; {background} while :; do sleep 0.02; done"
            ),
        ),
    ] {
        let rig = Rig::new();
        let done = rig.run(format!("dmon -n {options} sh -c '{command}'"));
        done.reports_nothing();
        rig.assert_no_processes();
    }
}

#[test]
fn processes_that_are_left_alone_are_not_reported() {
    let rig = Rig::new();
    let command = "sh -c 'setsid sleep 1000 &'";
    rig.run(format!("dmon -n -m 1 --kill-mode process {command}")).exits(0).reports_nothing();
}

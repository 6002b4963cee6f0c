//! Ctrl-C and Ctrl-\ in a terminal: the run that they end is the last, and a command that handles them keeps running.

use super::terminal::{in_bash, in_each_shell, wait_foreground};
use crate::rig::screen::{CTRL_BACKSLASH, CTRL_C, Screen};
use crate::rig::{Rig, growth, pace, proc, scaled, signal};
use nix::sys::signal::Signal;
use std::time::Duration;

/// Waits for the sentinel of a run, which differs from the previous one.
fn sentinel(rig: &Rig, dmon: i32, command: i32, previous: Option<i32>) -> i32 {
    rig.wait_for_some("the sentinel", || {
        let members = proc::group(command).into_iter();
        let others = members.filter(|process| process.parent == dmon && process.pid != command);
        others.map(|process| process.pid).find(|pid| Some(*pid) != previous)
    })
}

/// Starts this script as the command; waits until it is in the foreground and has made the file `ready`. Returns the
/// PIDs of dmon and of the command.
fn start(rig: &Rig, screen: &Screen, options: &str, script: &str) -> (i32, i32) {
    rig.write("command", format!("{script}\n"));
    screen.enter(&format!("rm -f ready; dmon -n {options} sh command"));
    let dmon = screen.job("dmon -n");
    let command = rig.child(dmon, "sh command");
    wait_foreground(rig, command);
    rig.wait_file("ready");
    sentinel(rig, dmon, command, None);
    (dmon, command)
}

/// A command that waits until the file `end` exists.
const UNTIL_END: &str = "echo >ready; until test -e end; do sleep 0.02; done";

/// Types a key, which the script handles by an exit with this status, and waits until dmon has exited with it.
fn key_ends(rig: &Rig, screen: &Screen, key: &str, options: &str, status: i32) {
    let script = format!("echo >>runs; trap 'exit {status}' INT QUIT; {UNTIL_END}");
    let (dmon, _) = start(rig, screen, options, &script);
    screen.type_in(key);
    screen.wait_output("ready> ");
    screen.status_is(status);
    rig.wait_dead(dmon);
    assert_eq!(rig.lines("runs"), 1, "the command was restarted");
    rig.shell("rm runs").exits(0);
}

#[test]
fn ctrl_c_ends_commands_that_exit_with_a_status() {
    in_each_shell(|rig, screen| {
        // Like rsync, and like a server.
        key_ends(rig, screen, CTRL_C, "-1", 20);
        key_ends(rig, screen, CTRL_C, "", 0);
    });
}

#[test]
fn ctrl_backslash_ends_commands_like_ctrl_c() {
    in_each_shell(|rig, screen| {
        key_ends(rig, screen, CTRL_BACKSLASH, "-1", 3);
        rig.write("ready", "");
        let (dmon, _) = start(rig, screen, "", UNTIL_END);
        screen.type_in(CTRL_BACKSLASH);
        screen.wait_output("ready> ");
        screen.status_is(131);
        rig.wait_dead(dmon);
    });
}

#[test]
fn a_shell_that_survives_ctrl_c_gets_a_new_sentinel() {
    in_bash(|rig, screen| {
        let script = format!("trap 'echo >>caught' INT; {UNTIL_END}; exit 3");
        let (dmon, command) = start(rig, screen, "", &script);
        let mut last = sentinel(rig, dmon, command, None);
        for count in 1..=2 {
            screen.type_in(CTRL_C);
            rig.wait_lines("caught", count);
            last = sentinel(rig, dmon, command, Some(last));
        }
        // An exit soon after Ctrl-C is the last one, also by another cause.
        rig.write("end", "");
        screen.wait_output("ready> ");
        screen.status_is(3);
    });
}

#[test]
fn ctrl_c_long_before_the_exit_of_a_run_does_not_count() {
    if scaled(0, 1) == 0 {
        return;
    }
    in_bash(|rig, screen| {
        let script = format!("trap 'echo >>caught' INT; {UNTIL_END}; rm end; echo >>ended");
        let (dmon, command) = start(rig, screen, "", &script);
        screen.type_in(CTRL_C);
        rig.wait_lines("caught", 1);
        pace(Duration::from_secs(11));
        rig.write("end", "");
        let next = rig.next_child(dmon, command, "sh command");
        wait_foreground(rig, next);
        signal(dmon, Signal::SIGTERM);
        screen.wait_output("ready> ");
    });
}

#[test]
fn a_command_that_interrupts_its_group_does_not_spin_dmon() {
    in_bash(|rig, screen| {
        // A sentinel lives until the next signal, so the first signal waits until the test has seen one.
        let interrupt = "while :; do kill -INT 0; sleep 0.01; done";
        let script = format!("trap '' INT; {UNTIL_END}; echo >interrupts; {interrupt}");
        let (dmon, _) = start(rig, screen, "", &script);
        rig.write("end", "");
        rig.wait_file("interrupts");
        let wakeups = growth(Duration::from_secs(2), || proc::switches(dmon));
        assert!(wakeups < 50, "{wakeups} wake-ups within two seconds");
        signal(dmon, Signal::SIGTERM);
        screen.wait_output("ready> ");
    });
}

#[test]
fn the_sentinel_dies_with_dmon_and_holds_no_descriptors() {
    in_bash(|rig, screen| {
        let (dmon, command) = start(rig, screen, "-p pid", UNTIL_END);
        let sentinel = sentinel(rig, dmon, command, None);
        // Descriptors with high numbers are not dmon's: whoever runs the tests may have left them open.
        let own_fds = || proc::descriptors(sentinel).into_keys().filter(|fd| *fd < 32).count();
        rig.wait_for("closed descriptors", || own_fds() == 0);
        signal(dmon, Signal::SIGKILL);
        rig.wait_dead(sentinel);
        screen.wait_output("ready> ");
    });
}

#[test]
fn the_sentinel_does_not_delay_the_next_run() {
    in_bash(|rig, screen| {
        let script = "echo >>runs; echo >ready; test $(wc -l <runs) -lt 20 || exec sleep 1000";
        rig.write("command", script);
        screen.enter("dmon -n -v -d 0.01 sh command");
        let dmon = screen.job("dmon -n");
        rig.wait_lines("runs", 20);
        let last = rig.child(dmon, "sleep 1000");
        wait_foreground(rig, last);
        let sentinel = sentinel(rig, dmon, last, None);
        assert_eq!(proc::children(dmon).len(), 2, "{}", rig.describe());
        signal(last, Signal::SIGKILL);
        rig.wait_dead(sentinel);
        signal(dmon, Signal::SIGTERM);
        screen.wait_output("ready> ");
    });
}

#[test]
fn sigint_as_the_stop_signal_of_a_timeout_is_not_ctrl_c() {
    in_bash(|rig, screen| {
        rig.write("command", "echo >>runs; exec sleep 1000");
        screen.enter("dmon -n -t 0.5 --stop-signal INT sh command");
        let dmon = screen.job("dmon -n");
        rig.wait_lines("runs", 2);
        signal(dmon, Signal::SIGTERM);
        screen.wait_output("ready> ");
    });
}

/// Starts the script as [`start`] does, but with another standard input: dmon keeps the terminal.
fn start_without_terminal(rig: &Rig, screen: &Screen, script: &str) -> (i32, i32) {
    rig.write("command", format!("{script}\n"));
    screen.enter("rm -f ready; dmon -n sh command </dev/null");
    let dmon = screen.job("dmon -n");
    let command = rig.child(dmon, "sh command");
    rig.wait_file("ready");
    wait_foreground(rig, dmon);
    (dmon, command)
}

#[test]
fn dmon_passes_on_the_keys_while_it_has_the_terminal() {
    in_each_shell(|rig, screen| {
        for key in [CTRL_C, CTRL_BACKSLASH] {
            let script = format!("trap 'exit 20' INT; trap 'exit 20' QUIT; {UNTIL_END}");
            let (dmon, _) = start_without_terminal(rig, screen, &script);
            screen.type_in(key);
            screen.wait_output("ready> ");
            screen.status_is(20);
            rig.wait_dead(dmon);
        }
    });
}

#[test]
fn a_second_ctrl_c_stops_a_command_that_ignores_the_first() {
    in_bash(|rig, screen| {
        let script = format!("trap '' INT; trap 'echo >stopped; exit 4' TERM; {UNTIL_END}");
        let (dmon, command) = start_without_terminal(rig, screen, &script);
        let before = sentinel(rig, dmon, command, None);
        screen.type_in(CTRL_C);
        // dmon has handled the first when the sentinel is replaced.
        sentinel(rig, dmon, command, Some(before));
        assert!(!rig.has("stopped"));
        screen.interrupt();
        assert!(rig.has("stopped"));
    });
}

#[test]
fn ctrl_backslash_stops_dmon_between_runs() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n -d 1h sh -c 'exit 3'");
        let dmon = screen.job("dmon -n");
        rig.wait_for("the end of the run", || {
            proc::children(dmon).is_empty() && proc::state(dmon) == Some('S')
        });
        rig.wait_stable("waiting dmon", || proc::switches(dmon));
        screen.type_in(CTRL_BACKSLASH);
        screen.wait_output("ready> ");
        screen.status_is(3);
    });
}

//! A terminal that is closed: dmon stops everything, under each shell, and does not restart its command without one.

use super::terminal::{in_bash, in_shell, wait_foreground};
use crate::rig::screen::Screen;
use crate::rig::{Rig, proc, signal};
use nix::sys::signal::Signal;

/// Interactive shells. bash and zsh send SIGHUP to their jobs, dash and ash do not.
const SHELLS: [&str; 4] = ["bash --norc -i", "dash -i", "busybox ash -i", "zsh -f +Z -i"];

/// Counts its runs. Each waits until the file `end` exists.
const RUN: &str = "echo >>runs; until test -e end; do sleep 0.02; done";

fn in_each_shell(test: impl Fn(&Rig, &Screen)) {
    SHELLS.into_iter().for_each(|shell| in_shell(shell, &test));
}

/// Starts this script as the command; waits for its first run. Returns the PIDs of dmon and of the command.
fn start(rig: &Rig, screen: &Screen, dmon: &str, script: &str, after: &str) -> (i32, i32) {
    rig.write("command", format!("{script}\n"));
    screen.enter(&format!("{dmon} sh command {after}"));
    let dmon = screen.job("dmon -n");
    rig.wait_lines("runs", 1);
    (dmon, rig.child(dmon, "sh command"))
}

/// Waits until dmon has stopped everything after one run.
fn ends(rig: &Rig, dmon: i32) {
    rig.wait_dead(dmon);
    rig.wait_no_processes();
    assert_eq!(rig.lines("runs"), 1, "restarted without a terminal");
}

#[test]
fn a_closed_terminal_ends_dmon_and_its_command() {
    in_each_shell(|rig, screen| {
        let (dmon, command) = start(rig, screen, "dmon -n -d 0.1", RUN, "");
        wait_foreground(rig, command);
        screen.close();
        ends(rig, dmon);
    });
}

#[test]
fn a_closed_terminal_ends_a_command_that_ignores_sighup() {
    in_each_shell(|rig, screen| {
        let script = format!("trap '' HUP; {RUN}");
        let (dmon, command) = start(rig, screen, "dmon -n -s", &script, "");
        wait_foreground(rig, command);
        screen.close();
        ends(rig, dmon);
    });
}

#[test]
fn a_closed_terminal_ends_a_command_that_exits_at_sighup() {
    in_each_shell(|rig, screen| {
        let script = format!("trap 'exit 1' HUP; {RUN}");
        let (dmon, _) = start(rig, screen, "dmon -n -d 0.1", &script, "</dev/null");
        screen.close();
        ends(rig, dmon);
    });
}

#[test]
fn dmon_stops_if_its_terminal_is_closed_between_runs() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n -d 1h sh -c 'echo >>runs; exit 1'");
        let dmon = screen.job("dmon -n");
        rig.wait_lines("runs", 1);
        rig.wait_for("the end of the run", || proc::children(dmon).is_empty());
        screen.close();
        ends(rig, dmon);
    });
}

#[test]
fn a_background_job_is_not_restarted_without_a_terminal() {
    in_each_shell(|rig, screen| {
        let (dmon, _) = start(rig, screen, "dmon -n -d 0.1", RUN, "</dev/null &");
        let shell = screen.shell();
        screen.close();
        rig.wait_dead(shell);
        // If the shell sent no SIGHUP, this run may go on, but it is the last.
        rig.write("end", "");
        ends(rig, dmon);
    });
}

#[test]
fn a_background_job_is_not_restarted_after_the_exit_of_the_shell() {
    in_each_shell(|rig, screen| {
        let (dmon, _) = start(rig, screen, "dmon -n -d 0.1", RUN, "</dev/null &");
        let shell = screen.shell();
        // Some shells warn at the first exit. Others have closed the terminal before a second line is typed.
        screen.enter("exit\nexit");
        rig.wait_dead(shell);
        rig.write("end", "");
        ends(rig, dmon);
    });
}

#[test]
fn nohup_keeps_dmon_running_without_a_terminal() {
    in_each_shell(|rig, screen| {
        let (dmon, command) = start(rig, screen, "nohup dmon -n -d 0.1", RUN, "");
        let shell = screen.shell();
        screen.close();
        rig.wait_dead(shell);
        signal(command, Signal::SIGKILL);
        let next = rig.next_child(dmon, command, "sh command");
        rig.wait_lines("runs", 2);
        signal(next, Signal::SIGHUP);
        rig.wait_lines("runs", 3);
        signal(dmon, Signal::SIGTERM);
        rig.wait_dead(dmon);
    });
}

#[test]
fn sighup_in_an_open_terminal_is_ignored_or_forwarded() {
    in_bash(|rig, screen| {
        let script = format!("trap 'echo >>caught' HUP; {RUN}");
        let (dmon, command) = start(rig, screen, "dmon -n -s", &script, "");
        wait_foreground(rig, command);
        signal(dmon, Signal::SIGHUP);
        rig.wait_lines("caught", 1);
        screen.interrupt();
        assert_eq!(rig.lines("runs"), 1);
    });
}

//! dmon in a terminal, under interactive shells: the foreground group, Ctrl-C and the terminal modes.

use crate::rig::load::Load;
use crate::rig::screen::{CTRL_C, CTRL_D, CTRL_Q, CTRL_S, Screen};
use crate::rig::{Rig, proc, signal, tools};
use nix::sys::signal::Signal;
use std::process::Command;

/// Interactive shells with job control.
const SHELLS: [&str; 4] = ["bash --norc -i", "dash -i", "busybox ash -i", "zsh -f -i"];

/// Waits until this process leads the foreground group of its terminal.
pub fn wait_foreground(rig: &Rig, leader: i32) {
    let is_foreground = || proc::foreground(leader) == Some(leader);
    rig.wait_for(format!("{leader} in the foreground"), is_foreground);
}

pub fn in_shell(shell: &str, test: impl FnOnce(&Rig, &Screen)) {
    let rig = Rig::new();
    if let Some(screen) = Screen::new(&rig, shell) {
        test(&rig, &screen);
    }
}

pub fn in_each_shell(test: impl Fn(&Rig, &Screen)) {
    SHELLS.into_iter().for_each(|shell| in_shell(shell, &test));
}

pub fn in_bash(test: impl FnOnce(&Rig, &Screen)) {
    in_shell(SHELLS[0], test);
}

#[test]
fn the_command_reads_the_terminal_and_ctrl_c_ends_both() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n cat");
        let dmon = screen.job("dmon -n cat");
        let cat = rig.child(dmon, "cat");
        wait_foreground(rig, cat);
        screen.enter_to_cat("first");
        assert_eq!(proc::process(cat).unwrap().group, cat);
        screen.interrupt();
        assert!(proc::state(dmon).is_none() && proc::state(cat).is_none());
    });
}

#[test]
fn ctrl_c_ends_the_script_that_runs_dmon() {
    in_each_shell(|rig, screen| {
        // As without dmon, the rest of the script does not run. The log is already complete.
        let slow = "sh -c 'trap \"\" INT; cat; sleep 0.3; echo >logged'";
        let other = "sh -c 'while :; do sleep 0.02; done'";
        rig.write("script", format!("dmon -n cat -- {slow} | {other}\necho >continued\n"));
        for shell in ["bash", "dash", "busybox ash"] {
            screen.enter(&format!("{shell} script"));
            let script = screen.job(&format!("{shell} script"));
            let dmon = rig.child(script, "dmon -n");
            let cat = rig.child(dmon, "cat");
            wait_foreground(rig, cat);
            screen.interrupt();
            assert!(rig.has("logged") && !rig.has("continued"), "{shell}: {}", rig.describe());
            rig.wait_gone(dmon);
            rig.shell("rm logged").exits(0);
        }
    });
}

#[test]
fn an_interactive_shell_works_as_the_command() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n -1 sh -i");
        let shell = rig.child(screen.job("dmon -n -1 sh"), "sh -i");
        wait_foreground(rig, shell);
        screen.enter("PS1=ready'> '");
        screen.wait_output("ready> ");
        screen.prints("echo inner-$((40 + 2))", "inner-42\r\n");
        screen.enter("sleep 1000");
        wait_foreground(rig, rig.child(shell, "sleep 1000"));
        screen.type_in(CTRL_C);
        screen.wait_output("ready> ");
        screen.prints("echo still-$((40 + 2))", "still-42\r\n");
        screen.type_in(CTRL_D);
        screen.wait_output("ready> ");
        // The inner shell exits with the status of its last command, echo.
        screen.status_is(0);
    });
}

#[test]
fn the_next_run_takes_the_terminal_from_leftovers() {
    if !tools::can_adopt() {
        return;
    }
    in_bash(|rig, screen| {
        for shell in SHELLS {
            screen.enter(&format!("PS1=inner'> ' dmon -n -d 0.1 -k 0.1 {shell}"));
            let dmon = screen.job("dmon -n -d");
            let inner = rig.child(dmon, shell);
            screen.wait_output("inner> ");
            screen.enter("sleep 1000");
            wait_foreground(rig, rig.child(inner, "sleep 1000"));
            signal(inner, Signal::SIGKILL);
            let next = rig.next_child(dmon, inner, shell);
            wait_foreground(rig, next);
            screen.wait_output("inner> ");
            screen.enter("echo it''self");
            screen.wait_output("itself\r\n");
            signal(dmon, Signal::SIGTERM);
            screen.wait_output("ready> ");
        }
    });
}

#[test]
fn an_editor_works_and_restores_the_terminal() {
    if !tools::has(&["busybox"]) {
        return;
    }
    in_bash(|rig, screen| {
        rig.write("text", "first line\nsecond line\n");
        screen.enter("dmon -n -1 busybox vi text");
        screen.wait_output("first line");
        // Delete the first line, write, quit.
        screen.type_in("dd:wq\r");
        screen.wait_output("ready> ");
        screen.status_is(0);
        assert_eq!(rig.read("text"), "second line\n");
        screen.prints("echo typed-$((40 + 2))", "typed-42\r\n");
    });
}

#[test]
fn a_command_that_catches_sigint_keeps_running() {
    in_bash(|rig, screen| {
        screen.enter(
            "dmon -n sh -c 'trap \"echo >>caught\" INT; echo >ready; while :; do sleep 0.02; done'",
        );
        let dmon = screen.job("dmon -n sh");
        rig.wait_file("ready");
        let command = rig.child(dmon, "sh -c");
        wait_foreground(rig, command);
        screen.type_in(CTRL_C);
        rig.wait_lines("caught", 1);
        assert!(proc::state(command).is_some() && proc::state(dmon).is_some());
        signal(dmon, Signal::SIGTERM);
        screen.wait_output("ready> ");
        assert!(proc::state(command).is_none());
    });
}

#[test]
fn ctrl_c_does_not_reach_the_log_command() {
    in_bash(|rig, screen| {
        rig.write("logger", "trap 'echo int >>caught' INT\ncat >>log\necho end >>log\n");
        screen.enter("dmon -n sh -c 'seq 1000; echo >ready; exec cat' -- sh logger");
        rig.wait_file("ready");
        screen.interrupt();
        assert_eq!(rig.lines("log"), 1001);
        assert!(rig.read("log").ends_with("1000\nend\n"));
        assert!(!rig.has("caught"));
    });
}

#[test]
fn the_terminal_modes_are_restored_after_a_run() {
    in_bash(|rig, screen| {
        let terminal = screen.path();
        let has = |mode: &str| {
            let stty = Command::new("stty").args(["-a", "-F", &terminal]).output().expect("stty");
            String::from_utf8_lossy(&stty.stdout).split_whitespace().any(|word| word == mode)
        };
        screen.enter("dmon -n -d 1h sh -c 'stty raw -echo; echo >ran; exit 3'");
        let dmon = screen.job("dmon -n");
        rig.wait_file("ran");
        rig.wait_for("the exit of the command", || proc::children(dmon).is_empty());
        rig.wait_for("the previous modes", || has("icanon") && has("echo") && has("isig"));
        screen.interrupt();
    });
}

#[test]
fn sigterm_stops_a_run_whose_output_ctrl_s_holds() {
    in_bash(|rig, screen| {
        // The command exits; its child ignores SIGTERM and is blocked in a write, with a lock that TCSETSW waits for.
        let writer = "trap '' TERM; while :; do echo output; echo >>turns; done";
        rig.write("writer", writer);
        screen.enter("dmon -n -k 1 sh -c 'sh writer & until test -e go; do sleep 0.02; done'");
        let dmon = screen.job("dmon -n -k 1");
        let command = rig.child(dmon, "sh -c");
        let writer = rig.child(command, "sh writer");
        wait_foreground(rig, command);
        rig.wait_lines("turns", 1);
        screen.type_in(CTRL_S);
        rig.wait_stable("blocked writer", || proc::switches(writer));
        rig.write("go", "");
        rig.wait_dead(command);
        signal(dmon, Signal::SIGTERM);
        rig.wait_dead(writer);
        rig.wait_dead(dmon);
        screen.type_in(CTRL_Q);
    });
}

/// Runs `dmon -n -L 4 cat` in a terminal until a high load pauses it; `test` gets the PIDs of dmon and cat.
fn while_paused_by_load(test: impl Fn(&Rig, &Screen, &Load, i32, i32)) {
    in_bash(|rig, screen| {
        let Some(load) = Load::new(rig, 9.0) else {
            return;
        };
        screen.enter(&format!("{load} dmon -n -L 4 cat"));
        let dmon = screen.job("dmon -n -L 4 cat");
        let cat = rig.child(dmon, "cat");
        rig.wait_state(cat, 'T');
        test(rig, screen, &load, dmon, cat);
    });
}

#[test]
fn ctrl_c_ends_a_command_paused_by_the_load() {
    while_paused_by_load(|rig, screen, _, dmon, cat| {
        wait_foreground(rig, proc::process(dmon).unwrap().group);
        screen.interrupt();
        assert!(proc::state(cat).is_none());
    });
}

#[test]
fn the_terminal_returns_to_the_command_after_a_load_pause() {
    while_paused_by_load(|rig, screen, load, _, cat| {
        load.set(1.0);
        wait_foreground(rig, cat);
        screen.enter_to_cat("typed");
    });
}

#[test]
fn a_window_change_sends_sigwinch_to_the_command() {
    in_bash(|rig, screen| {
        let terminal = screen.path();
        screen.enter(
        "dmon -n sh -c 'trap \"echo >>changed\" WINCH; echo >ready; while :; do sleep 0.02; done'",
    );
        rig.wait_file("ready");
        rig.run(format!("stty -F {terminal} rows 33 cols 99")).exits(0);
        rig.wait_lines("changed", 1);
        screen.type_in(CTRL_C);
        screen.wait_output("ready> ");
    });
}

#[test]
fn a_failed_start_leaves_the_terminal_to_the_shell() {
    in_each_shell(|_, screen| {
        screen.enter("dmon -n ./none");
        screen.wait_output("cannot execute ./none");
        screen.wait_output("ready> ");
        screen.status_is(127);
        screen.prints("echo shell-has-it", "shell-has-it\r\n");
    });
}

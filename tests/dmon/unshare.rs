//! dmon and its command in new PID namespaces, which unshare(1) makes, and their terminal.

use super::terminal::{in_bash, in_each_shell, wait_foreground};
use crate::rig::screen::{CTRL_C, CTRL_D};
use crate::rig::{Rig, tools};

/// Whether only the children of a program can be in a new PID namespace. Then it cannot start threads.
fn can_unshare_children() -> bool {
    tools::can_unshare_pids() && tools::is_native("the emulator starts threads")
}

/// Returns the command that runs another one in a new PID namespace; without `-f` only the children of that one.
fn unshare_pids() -> &'static str {
    if tools::is_root() { "unshare -p" } else { "unshare -Urp" }
}

/// Waits for a process in another PID namespace; returns its PID here.
fn process_called(rig: &Rig, words: &str) -> i32 {
    let first = || rig.processes_called(words).first().map(|process| process.pid);
    rig.wait_for_some(words, first)
}

#[test]
fn a_command_in_a_new_pid_namespace_gets_the_terminal() {
    if !tools::can_unshare_pids() {
        return;
    }
    in_each_shell(|rig, screen| {
        let unshare = unshare_pids();
        for fork in [" -f", ""] {
            if fork.is_empty() && !can_unshare_children() {
                return;
            }
            screen.enter(&format!("{unshare}{fork} dmon -n -m 0 bash --norc -i"));
            // Its prompt has no name of this shell.
            screen.enter("PS1=inner'> '");
            screen.wait_output("inner> ");
            screen.enter("sleep 1000");
            wait_foreground(rig, process_called(rig, "sleep 1000"));
            screen.type_in(CTRL_C);
            screen.wait_output("inner> ");
            screen.enter("exit 3");
            screen.wait_output("ready> ");
            screen.status_is(3);
        }
    });
}

#[test]
fn a_background_job_in_a_pid_namespace_leaves_the_terminal_to_the_shell() {
    if !tools::can_unshare_pids() {
        return;
    }
    in_bash(|rig, screen| {
        screen.enter(&format!("{} -f dmon -n -m 0 cat &", unshare_pids()));
        let cat = process_called(rig, "cat");
        rig.wait_state(cat, 'T');
        // Then dmon suspends the whole job. `fg` before that would be undone.
        rig.wait_state(screen.job("unshare"), 'T');
        screen.prints("echo shell-has-it", "shell-has-it\r\n");
        screen.enter("fg");
        wait_foreground(rig, cat);
        screen.enter_to_cat("typed");
        screen.type_in(CTRL_D);
        screen.wait_output("ready> ");
    });
}

#[test]
fn a_command_whose_parent_is_outside_its_pid_namespace_runs() {
    if !can_unshare_children() {
        return;
    }
    let rig = Rig::new();
    let done = rig.run(format!("{} dmon -n -m 0 sh -c 'echo ran; exit 3'", unshare_pids()));
    assert_eq!(done.exits(3).reports_nothing().out, "ran\n");
}

//! The terminal of a job that does not have it as standard input and output: pipelines, redirections, /dev/tty.

use super::terminal::{in_bash, in_each_shell, wait_foreground};
use crate::rig::screen::{CTRL_D, CTRL_Z, Screen};
use crate::rig::{Rig, assert_stays, proc, signal};
use nix::sys::signal::Signal;
use std::time::Duration;

/// A command without terminal that counts the changes of the window.
const WAITER: &str = "trap 'echo >>changed' WINCH; echo >up; while :; do sleep 0.02; done";

/// Waits until all processes are stopped.
fn wait_stopped(rig: &Rig, processes: &[i32]) {
    processes.iter().for_each(|&pid| rig.wait_state(pid, 'T'));
}

/// Ends dmon, and waits for the prompt.
fn end(rig: &Rig, screen: &Screen, dmon: i32) {
    signal(dmon, Signal::SIGTERM);
    rig.wait_dead(dmon);
    screen.wait_output("ready> ");
    screen.prints("echo shell-has-it", "shell-has-it\r\n");
}

#[test]
fn a_pager_behind_dmon_keeps_the_terminal() {
    in_each_shell(|rig, screen| {
        rig.write("pager", "echo >pages; read key </dev/tty; echo \"key-$key\"; cat >/dev/null");
        screen.enter("dmon -n sh -c 'echo line; echo >up; exec sleep 1000' | sh pager");
        let dmon = screen.job("dmon -n sh");
        let pager = screen.job("sh pager");
        for file in ["up", "pages"] {
            rig.wait_file(file);
        }
        screen.enter("typed");
        screen.wait_output("key-typed\r\n");
        assert_ne!(proc::state(pager), Some('T'));
        end(rig, screen, dmon);
    });
}

#[test]
fn a_command_that_asks_on_dev_tty_gets_the_terminal() {
    in_each_shell(|rig, screen| {
        // As a prompt for a password: it changes the modes, which SIGTTOU prevents in the background.
        let ask = "stty -echo; echo >asks; read answer; stty echo; echo \"answer-$answer\"";
        rig.write("command", format!("exec 3<&0\n{{ {ask}; }} </dev/tty\ncat <&3\n"));
        rig.write("input", "data\n");
        for line in ["dmon -n -m 0 sh command <input", "cat input | dmon -n -m 0 sh command"] {
            screen.enter(line);
            rig.wait_file("asks");
            screen.enter("secret");
            screen.wait_output("answer-secret\r\ndata\r\n");
            screen.wait_output("ready> ");
            screen.status_is(0);
            rig.shell("rm asks").exits(0);
        }
    });
}

#[test]
fn the_terminal_goes_to_the_group_that_asks_for_it() {
    in_each_shell(|rig, screen| {
        let ask =
            |name| format!("echo >>asks; read word </dev/tty; echo \"{name}-$word\" >/dev/tty\n");
        // A FIFO for each side makes them ask in turn.
        rig.shell("mkfifo to-command to-pager").exits(0);
        let (command, pager) =
            (ask("command") + "read go\n", "read go\n".to_string() + &ask("pager"));
        rig.write("command", command.repeat(2) + "exec sleep 1000");
        rig.write("pager", "exec <to-pager\n".to_string() + &pager.repeat(2));
        let _ends = ["to-command", "to-pager"].map(|fifo| {
            std::fs::File::options().read(true).write(true).open(rig.path(fifo)).expect("a fifo")
        });
        screen.enter("dmon -n -m 0 sh command <to-command | sh pager");
        let dmon = screen.job("dmon -n");
        for round in 1..=2 {
            rig.wait_lines("asks", 2 * round - 1);
            screen.enter("one");
            screen.wait_output("command-one\r\n");
            rig.shell("echo >to-pager").exits(0);
            rig.wait_lines("asks", 2 * round);
            screen.enter("two");
            screen.wait_output("pager-two\r\n");
            rig.shell("echo >to-command").exits(0);
        }
        end(rig, screen, dmon);
    });
}

#[test]
fn a_pager_keeps_its_modes_when_the_command_has_asked() {
    in_bash(|rig, screen| {
        // The pager sets modes, the command asks, and the pager reads keys in its modes.
        rig.write(
            "command",
            "until test -e paged; do sleep 0.02; done; read x </dev/tty; echo >done",
        );
        let page =
            "stty -icanon -echo </dev/tty; echo >paged; until test -e done; do sleep 0.02; done
key=$(dd bs=1 count=1 </dev/tty 2>/dev/null); stty icanon echo </dev/tty; echo \"key-$key\"";
        rig.write("pager", page);
        screen.enter("dmon -n -m 0 sh command | sh pager");
        rig.wait_file("paged");
        let command = rig.child(screen.job("dmon -n"), "sh command");
        wait_foreground(rig, command);
        screen.enter("answer");
        rig.wait_file("done");
        // No newline: without the pager's modes the terminal would wait for one.
        screen.type_in("k");
        screen.wait_output("key-k\r\n");
        screen.wait_output("ready> ");
    });
}

#[test]
fn ctrl_z_suspends_a_command_without_terminal() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n sh -c 'echo >up; exec sleep 1000' </dev/null");
        let dmon = screen.job("dmon -n sh");
        rig.wait_file("up");
        let command = rig.child(dmon, "sleep");
        for resume in ["fg", "bg", "fg"] {
            screen.type_in(CTRL_Z);
            screen.wait_output("ready> ");
            wait_stopped(rig, &[dmon, command]);
            screen.enter(resume);
            rig.wait_state(command, 'S');
            rig.wait_state(dmon, 'S');
            if resume == "bg" {
                screen.prints("echo shell-has-it", "shell-has-it\r\n");
                screen.enter("fg");
            }
            wait_foreground(rig, dmon);
        }
        end(rig, screen, dmon);
    });
}

#[test]
fn a_background_command_that_asks_is_suspended_until_fg() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n -m 0 sh -c 'read x </dev/tty; echo answer-$x' </dev/null &");
        let dmon = screen.job("dmon -n");
        let command = rig.child(dmon, "sh -c");
        wait_stopped(rig, &[dmon, command]);
        screen.prints("echo shell-has-it", "shell-has-it\r\n");
        screen.enter("fg");
        wait_foreground(rig, command);
        screen.enter("typed");
        screen.wait_output("answer-typed\r\n");
        screen.wait_output("ready> ");
    });
}

#[test]
fn a_background_pager_that_asks_suspends_the_whole_job() {
    in_bash(|rig, screen| {
        rig.write("pager", "read line; read key </dev/tty; echo key-$key");
        // It waits without a child: a shell that waits for the exec of a stopped child is in another state than T.
        rig.shell("mkfifo never").exits(0);
        rig.write("command", "echo line; read x <never");
        screen.enter("dmon -n sh command | sh pager &");
        let dmon = screen.job("dmon -n");
        let command = rig.child(dmon, "sh command");
        let pager = screen.job("sh pager");
        wait_stopped(rig, &[dmon, command, pager]);
        screen.prints("echo shell-has-it", "shell-has-it\r\n");
        screen.enter("fg");
        rig.wait_state(command, 'S');
        screen.enter("typed");
        screen.wait_output("key-typed\r\n");
        end(rig, screen, dmon);
    });
}

#[test]
fn a_window_change_reaches_a_command_without_terminal() {
    in_bash(|rig, screen| {
        rig.write("waiter", WAITER);
        screen.enter("dmon -n sh waiter </dev/null");
        let dmon = screen.job("dmon -n");
        rig.wait_file("up");
        rig.run(format!("stty -F {} rows 33 cols 99", screen.path())).exits(0);
        rig.wait_lines("changed", 1);
        end(rig, screen, dmon);
    });
}

#[test]
fn ctrl_z_suspends_dmon_also_if_the_command_ignores_it() {
    in_bash(|rig, screen| {
        screen.enter("dmon -n sh -c 'trap \"\" TSTP; echo >up; exec sleep 1000' </dev/null");
        let dmon = screen.job("dmon -n");
        rig.wait_file("up");
        screen.suspend();
        rig.wait_state(dmon, 'T');
        screen.enter("fg");
        wait_foreground(rig, dmon);
        end(rig, screen, dmon);
    });
}

#[test]
fn ctrl_z_reaches_each_process_of_a_pipeline_once() {
    in_each_shell(|rig, screen| {
        // As less does: it handles SIGTSTP before it stops. A second one would suspend it again after `fg`.
        let sleep = "(trap '' TSTP; exec sleep 0.02)";
        let stop =
            format!("echo >>stops; until rm go; do {sleep}; done 2>/dev/null; kill -STOP $$");
        rig.write("stop", stop);
        // wait(1) runs a trap at once, before dmon reacts.
        rig.write(
            "pager",
            "trap '. ./stop' TSTP; sleep 1000 & echo >pages; while :; do wait; done",
        );
        screen.enter("dmon -n sh -c 'echo >up; exec sleep 1000' | sh pager");
        let (dmon, pager) = (screen.job("dmon -n"), screen.job("sh pager"));
        ["up", "pages"].into_iter().for_each(|file| rig.wait_file(file));
        for stops in 1..=2 {
            screen.type_in(CTRL_Z);
            rig.wait_state(dmon, 'T');
            rig.write("go", "");
            screen.wait_output("ready> ");
            screen.enter("fg");
            rig.wait_state(dmon, 'S');
            assert_stays(Duration::from_millis(100), || proc::state(pager) == Some('T'));
            assert_eq!(rig.lines("stops"), stops);
        }
        signal(pager, Signal::SIGKILL);
        end(rig, screen, dmon);
    });
}

#[test]
fn a_dmon_below_dmon_lends_the_terminal_that_it_gets() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n -m 0 dmon -n -m 0 sh -c 'exec cat >/dev/tty' >output");
        let outer = screen.job("dmon -n");
        // The outer one has other children with its own command line.
        let inner = rig.child(outer, "dmon -n -m 0 sh");
        let cat = rig.child(inner, "cat");
        wait_foreground(rig, cat);
        screen.enter_to_cat("first");
        screen.suspend();
        wait_stopped(rig, &[outer, inner, cat]);
        screen.enter("fg");
        wait_foreground(rig, cat);
        screen.enter_to_cat("second");
        screen.type_in(CTRL_D);
        screen.wait_output("ready> ");
        screen.status_is(0);
    });
}

#[test]
fn tostop_does_not_stop_the_log_command() {
    in_each_shell(|_, screen| {
        screen.enter("stty tostop");
        screen.wait_output("ready> ");
        screen.enter("dmon -n -m 0 sh -c 'echo line; exec cat' -- sh -c 'sed s/^/logged-/'");
        screen.wait_output("logged-line\r\n");
        screen.enter("typed");
        screen.wait_output("logged-typed\r\n");
        screen.type_in(CTRL_D);
        screen.wait_output("ready> ");
        screen.status_is(0);
    });
}

//! Job control of interactive shells: Ctrl-Z, `fg`, `bg`, pipelines and background jobs.

use super::terminal::{in_bash, in_each_shell, wait_foreground};
use crate::rig::screen::{CTRL_Z, Screen};
use crate::rig::{growth, proc, signal};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// Types `bg` without waiting for the prompt: busybox ash does not print it if the job resumes at the wrong moment.
fn to_background(screen: &Screen) {
    screen.enter("bg");
}

#[test]
fn ctrl_z_suspends_both_and_fg_and_bg_resume_them() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n cat");
        let dmon = screen.job("dmon -n cat");
        let cat = rig.child(dmon, "cat");
        wait_foreground(rig, cat);
        screen.enter_to_cat("first");
        screen.suspend();
        rig.wait_state(dmon, 'T');
        rig.wait_state(cat, 'T');
        let is_zsh = proc::cmdline(screen.shell()).starts_with("zsh");
        screen.prints("jobs", if is_zsh { "suspended" } else { "Stopped" });
        screen.enter("fg");
        wait_foreground(rig, cat);
        screen.enter_to_cat("second");
        screen.suspend();
        // SIGTTIN suspends cat again as soon as it reads, and dmon with it. The number of context switches
        // distinguishes this stop from the previous one.
        let stops = |pid| proc::status(pid, "voluntary_ctxt_switches").parse::<u64>().unwrap_or(0);
        let before = [cat, dmon].map(stops);
        to_background(screen);
        rig.wait_for("both to be suspended again", || {
            let again =
                [cat, dmon].map(stops).iter().zip(before).all(|(now, before)| *now > before);
            again && [cat, dmon].into_iter().all(|pid| proc::state(pid) == Some('T'))
        });
        screen.enter("fg");
        wait_foreground(rig, cat);
        screen.enter_to_cat("third");
        screen.interrupt();
    });
}

#[test]
fn a_job_that_reads_no_input_runs_in_the_background() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n sleep 1000");
        let dmon = screen.job("dmon -n sleep");
        let sleep = rig.child(dmon, "sleep");
        screen.suspend();
        rig.wait_state(sleep, 'T');
        to_background(screen);
        rig.wait_state(sleep, 'S');
        rig.wait_state(dmon, 'S');
        screen.prints("echo shell-has-it", "shell-has-it\r\n");
        screen.enter("fg");
        // On `fg`, not every shell sends SIGCONT to a running job. Then dmon keeps the terminal; sleep does not
        // need it.
        rig.wait_for("the job in the foreground", || {
            [Some(dmon), Some(sleep)].contains(&proc::foreground(sleep))
        });
        screen.interrupt();
        assert!(proc::state(sleep).is_none());
    });
}

#[test]
fn fg_gives_the_terminal_back_to_the_command() {
    in_each_shell(|rig, screen| {
        rig.write(
            "command",
            "sh -c 'echo >waits; while [ ! -e go ]; do sleep 0.02; done'; exec cat\n",
        );
        screen.enter("dmon -n sh command");
        let dmon = screen.job("dmon -n sh");
        rig.wait_file("waits");
        let command = rig.child(dmon, "sh command");
        screen.suspend();
        to_background(screen);
        rig.wait_state(command, 'S');
        screen.enter("fg");
        rig.wait_for("the job in the foreground", || {
            [Some(dmon), Some(command)].contains(&proc::foreground(command))
        });
        rig.write("go", "");
        wait_foreground(rig, command);
        rig.wait_for("cat", || proc::cmdline(command).starts_with("cat"));
        screen.enter_to_cat("typed");
        screen.interrupt();
    });
}

#[test]
fn a_background_job_leaves_the_terminal_to_the_shell() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n cat &");
        let dmon = screen.job("dmon -n cat");
        let cat = rig.child(dmon, "cat");
        rig.wait_state(cat, 'T');
        // Then dmon suspends itself. `fg` before that would be undone.
        rig.wait_state(dmon, 'T');
        screen.prints("echo shell-has-it", "shell-has-it\r\n");
        screen.enter("fg");
        wait_foreground(rig, cat);
        screen.enter_to_cat("typed");
        screen.interrupt();
    });
}

#[test]
fn an_orphaned_background_job_does_not_spin() {
    in_each_shell(|rig, screen| {
        // The kernel does not stop an orphaned process group, so dmon itself must limit the command's retries.
        rig.write("late", "until test -e go; do sleep 0.02; done; exec dmon -n cat");
        screen.enter("(sh late </dev/tty &)");
        screen.wait_output("ready> ");
        let shell = screen.shell();
        wait_foreground(rig, shell);
        rig.write("go", "");
        let cat =
            rig.wait_for_some("cat", || rig.processes_called("cat").first().map(|cat| cat.pid));
        let dmon = proc::process(cat).expect("cat").parent;
        rig.wait_state(cat, 'T');
        // Each wake-up follows a wait. A busy machine adds switches that are involuntary.
        let waits = || proc::status(dmon, "voluntary_ctxt_switches").parse().unwrap_or(0);
        let wakeups = growth(Duration::from_secs(1), waits);
        assert!(wakeups < 50, "{wakeups} wake-ups within a second");
        screen.prints("echo shell-has-it", "shell-has-it\r\n");
        signal(dmon, Signal::SIGTERM);
        rig.wait_gone(cat);
        rig.wait_dead(dmon);
    });
}

#[test]
fn suspended_time_does_not_count_towards_the_timeout() {
    in_bash(|rig, screen| {
        let limit = Duration::from_secs(3);
        screen.enter("dmon -n -t 3 -m 0 sleep 1000");
        let dmon = screen.job("dmon -n -t");
        let sleep = rig.child(dmon, "sleep");
        let start = Instant::now();
        screen.type_in(CTRL_Z);
        rig.wait_state(dmon, 'T');
        let used = start.elapsed();
        rig.wait_for("more than the limit to pass", || start.elapsed() > limit);
        screen.wait_output("ready> ");
        let resumed = Instant::now();
        screen.enter("fg");
        rig.wait_dead(sleep);
        let after = resumed.elapsed();
        let slack = Duration::from_millis(500);
        assert!(
            after + used + slack > limit,
            "stopped {after:?} after fg and {used:?} before Ctrl-Z"
        );
        screen.wait_output("ready> ");
        screen.status_is(124);
    });
}

#[test]
fn ctrl_z_suspends_a_pipeline_as_a_whole() {
    in_bash(|rig, screen| {
        screen.enter("dmon -n cat | sh -c 'while read line; do echo \"got $line\"; done'");
        let dmon = screen.job("dmon -n cat");
        let cat = rig.child(dmon, "cat");
        let reader = screen.job("sh -c while");
        wait_foreground(rig, cat);
        screen.enter("one");
        screen.wait_output("got one");
        screen.suspend();
        for process in [dmon, cat, reader] {
            rig.wait_state(process, 'T');
        }
        screen.enter("fg");
        wait_foreground(rig, cat);
        screen.enter("two");
        screen.wait_output("got two");
    });
}

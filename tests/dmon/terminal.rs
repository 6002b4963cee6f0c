//! dmon in a terminal, under interactive shells: the command has the terminal, Ctrl-C and Ctrl-Z do what they
//! do without dmon.

use crate::rig::load::Load;
use crate::rig::screen::{CTRL_C, CTRL_D, CTRL_Z, Screen};
use crate::rig::{Rig, proc, signal, tools};
use nix::sys::signal::Signal;
use std::process::Command;
use std::time::{Duration, Instant};

/// The shells with job control that the machines of our users have.
const SHELLS: [&str; 3] = ["bash --norc -i", "dash -i", "busybox ash -i"];

/// Waits until that process leads the foreground of its terminal.
fn wait_foreground(rig: &Rig, leader: i32) {
    let so = || proc::foreground(leader) == Some(leader);
    rig.wait_for(format!("{leader} in the foreground"), so);
}

/// What is typed next may be typed ahead: nobody waits for the prompt here. The news that the job goes on may come
/// while busybox's ash writes that, and then it is never shown, though the shell reads.
fn to_background(screen: &Screen) {
    screen.enter("bg");
}

fn in_each_shell(test: impl Fn(&Rig, &Screen)) {
    for shell in SHELLS {
        let rig = Rig::new();
        if let Some(screen) = Screen::new(&rig, shell) {
            test(&rig, &screen);
        }
    }
}

#[test]
fn the_command_reads_the_terminal_and_ctrl_c_ends_both() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n cat");
        let dmon = screen.job("dmon -n cat");
        let cat = rig.child(dmon, "cat");
        wait_foreground(rig, cat);
        screen.enter("first");
        screen.shows("first\r\nfirst\r\n");
        assert_eq!(proc::process(cat).unwrap().group, cat);
        screen.type_in(CTRL_C);
        screen.shows("ready> ");
        screen.status_is(130);
        assert!(proc::state(dmon).is_none() && proc::state(cat).is_none());
    });
}

#[test]
fn ctrl_c_ends_the_script_that_runs_dmon() {
    in_each_shell(|rig, screen| {
        // What stands behind it in a script is not run, as without dmon; the log is complete by then.
        let slow = "sh -c 'trap \"\" INT; cat; sleep 0.3; echo >logged'";
        let other = "sh -c 'while :; do sleep 0.02; done'";
        rig.write("script", format!("dmon -n cat -- {slow} | {other}\necho >went-on\n"));
        for shell in ["bash", "dash", "busybox ash"] {
            screen.enter(&format!("{shell} script"));
            let script = screen.job(&format!("{shell} script"));
            let dmon = rig.child(script, "dmon -n");
            let cat = rig.child(dmon, "cat");
            wait_foreground(rig, cat);
            screen.type_in(CTRL_C);
            screen.shows("ready> ");
            screen.status_is(130);
            assert!(rig.has("logged") && !rig.has("went-on"), "{shell}: {}", rig.scene());
            rig.wait_gone(dmon);
            rig.shell("rm logged").exits(0);
        }
    });
}

#[test]
fn ctrl_z_suspends_both_and_fg_and_bg_resume_them() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n cat");
        let dmon = screen.job("dmon -n cat");
        let cat = rig.child(dmon, "cat");
        wait_foreground(rig, cat);
        screen.enter("first");
        screen.shows("first\r\nfirst\r\n");
        screen.type_in(CTRL_Z);
        screen.shows("ready> ");
        rig.wait_state(dmon, 'T');
        rig.wait_state(cat, 'T');
        screen.says("jobs", "Stopped");
        screen.enter("fg");
        wait_foreground(rig, cat);
        screen.enter("second");
        screen.shows("second\r\nsecond\r\n");
        screen.type_in(CTRL_Z);
        screen.shows("ready> ");
        // In the background cat may not read, so that it is stopped again, and dmon with it.
        // Each of its stops is one more time that a process gives up the processor.
        let stops = |pid| proc::status(pid, "voluntary_ctxt_switches").parse::<u64>().unwrap_or(0);
        let before = [cat, dmon].map(stops);
        to_background(screen);
        rig.wait_for("both to be stopped again", || {
            let again =
                [cat, dmon].map(stops).iter().zip(before).all(|(now, before)| *now > before);
            again && [cat, dmon].into_iter().all(|pid| proc::state(pid) == Some('T'))
        });
        screen.enter("fg");
        wait_foreground(rig, cat);
        screen.enter("third");
        screen.shows("third\r\nthird\r\n");
        screen.type_in(CTRL_C);
        screen.shows("ready> ");
        screen.status_is(130);
    });
}

#[test]
fn a_job_that_reads_no_input_runs_in_the_background() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n sleep 1000");
        let dmon = screen.job("dmon -n sleep");
        let sleep = rig.child(dmon, "sleep");
        screen.type_in(CTRL_Z);
        screen.shows("ready> ");
        rig.wait_state(sleep, 'T');
        to_background(screen);
        rig.wait_state(sleep, 'S');
        rig.wait_state(dmon, 'S');
        screen.says("echo shell-has-it", "shell-has-it\r\n");
        screen.enter("fg");
        // Not every shell tells a job that runs already; but who does not read needs no terminal.
        rig.wait_for("the job in the foreground", || {
            [Some(dmon), Some(sleep)].contains(&proc::foreground(sleep))
        });
        screen.type_in(CTRL_C);
        screen.shows("ready> ");
        screen.status_is(130);
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
        screen.type_in(CTRL_Z);
        screen.shows("ready> ");
        to_background(screen);
        rig.wait_state(command, 'S');
        screen.enter("fg");
        rig.wait_for("the job in the foreground", || {
            [Some(dmon), Some(command)].contains(&proc::foreground(command))
        });
        rig.write("go", "");
        wait_foreground(rig, command);
        rig.wait_for("cat", || proc::words(command).starts_with("cat"));
        screen.enter("typed");
        screen.shows("typed\r\ntyped\r\n");
        screen.type_in(CTRL_C);
        screen.shows("ready> ");
        screen.status_is(130);
    });
}

#[test]
fn a_background_job_leaves_the_terminal_to_the_shell() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n cat &");
        let dmon = screen.job("dmon -n cat");
        let cat = rig.child(dmon, "cat");
        rig.wait_state(cat, 'T');
        screen.says("echo shell-has-it", "shell-has-it\r\n");
        screen.enter("fg");
        wait_foreground(rig, cat);
        screen.enter("typed");
        screen.shows("typed\r\ntyped\r\n");
        screen.type_in(CTRL_C);
        screen.shows("ready> ");
        screen.status_is(130);
    });
}

#[test]
fn an_orphaned_background_job_does_not_spin() {
    in_each_shell(|rig, screen| {
        // The shell forgets what it has started below another, and the kernel stops no such job: dmon alone sees
        // that the command wants to read, and lets it try again.
        rig.write("late", "until test -e go; do sleep 0.02; done; exec dmon -n cat");
        screen.enter("(sh late </dev/tty &)");
        screen.shows("ready> ");
        let shell = screen.shell();
        wait_foreground(rig, shell);
        rig.write("go", "");
        let cat = rig.wait_some("cat", || rig.copies("cat").first().map(|cat| cat.pid));
        let dmon = proc::process(cat).expect("cat").parent;
        rig.wait_state(cat, 'T');
        let switches = || -> u64 {
            let fields = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];
            fields.iter().filter_map(|field| proc::status(dmon, field).parse::<u64>().ok()).sum()
        };
        let before = switches();
        std::thread::sleep(Duration::from_secs(1));
        assert!(switches() < before + 50, "{} times awake within a second", switches() - before);
        screen.says("echo shell-has-it", "shell-has-it\r\n");
        signal(dmon, Signal::SIGTERM);
        rig.wait_gone(cat);
        rig.wait_dead(dmon);
    });
}

#[test]
fn an_interactive_shell_works_as_the_command() {
    in_each_shell(|rig, screen| {
        screen.enter("dmon -n -1 sh -i");
        let shell = rig.child(screen.job("dmon -n -1 sh"), "sh -i");
        wait_foreground(rig, shell);
        screen.enter("PS1=ready'> '");
        screen.shows("ready> ");
        screen.says("echo inner-$((40 + 2))", "inner-42\r\n");
        screen.enter("sleep 1000");
        wait_foreground(rig, rig.child(shell, "sleep 1000"));
        screen.type_in(CTRL_C);
        screen.shows("ready> ");
        screen.says("echo still-$((40 + 2))", "still-42\r\n");
        screen.type_in(CTRL_D);
        screen.shows("ready> ");
        // In sh the last status was that of echo.
        screen.status_is(0);
    });
}

#[test]
fn the_next_run_takes_the_terminal_from_leftovers() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    let Some(screen) = Screen::new(&rig, SHELLS[0]) else {
        return;
    };
    for shell in SHELLS {
        screen.enter(&format!("PS1=inner'> ' dmon -n -d 0.1 -k 0.1 {shell}"));
        let dmon = screen.job("dmon -n -d");
        let inner = rig.child(dmon, shell);
        screen.shows("inner> ");
        screen.enter("sleep 1000");
        wait_foreground(&rig, rig.child(inner, "sleep 1000"));
        signal(inner, Signal::SIGKILL);
        let next = rig.next_child(dmon, inner, shell);
        wait_foreground(&rig, next);
        screen.shows("inner> ");
        screen.enter("echo it''self");
        screen.shows("itself\r\n");
        signal(dmon, Signal::SIGTERM);
        screen.shows("ready> ");
    }
}

#[test]
fn an_editor_works_and_restores_the_terminal() {
    let rig = Rig::new();
    if !tools::has(&["busybox"]) {
        return;
    }
    let Some(screen) = Screen::new(&rig, SHELLS[0]) else {
        return;
    };
    rig.write("text", "first line\nsecond line\n");
    screen.enter("dmon -n -1 busybox vi text");
    screen.shows("first line");
    // Deletes the first line, stores, quits.
    screen.type_in("dd:wq\r");
    screen.shows("ready> ");
    screen.status_is(0);
    assert_eq!(rig.read("text"), "second line\n");
    screen.says("echo typed-$((40 + 2))", "typed-42\r\n");
}

#[test]
fn a_command_that_catches_sigint_keeps_running() {
    let rig = Rig::new();
    let Some(screen) = Screen::new(&rig, SHELLS[0]) else {
        return;
    };
    screen.enter(
        "dmon -n sh -c 'trap \"echo >>caught\" INT; echo >begun; while :; do sleep 0.02; done'",
    );
    let dmon = screen.job("dmon -n sh");
    rig.wait_file("begun");
    let command = rig.child(dmon, "sh -c");
    wait_foreground(&rig, command);
    screen.type_in(CTRL_C);
    rig.wait_lines("caught", 1);
    assert!(proc::state(command).is_some() && proc::state(dmon).is_some());
    signal(dmon, Signal::SIGTERM);
    screen.shows("ready> ");
    assert!(proc::state(command).is_none());
}

#[test]
fn ctrl_c_does_not_reach_the_log_command() {
    let rig = Rig::new();
    let Some(screen) = Screen::new(&rig, SHELLS[0]) else {
        return;
    };
    rig.write("logger", "trap 'echo int >>caught' INT\ncat >>log\necho end >>log\n");
    screen.enter("dmon -n sh -c 'seq 1000; echo >begun; exec cat' -- sh logger");
    rig.wait_file("begun");
    screen.type_in(CTRL_C);
    screen.shows("ready> ");
    screen.status_is(130);
    assert_eq!(rig.lines("log"), 1001);
    assert!(rig.read("log").ends_with("1000\nend\n"));
    assert!(!rig.has("caught"));
}

#[test]
fn the_terminal_modes_are_restored_after_a_run() {
    let rig = Rig::new();
    let Some(screen) = Screen::new(&rig, SHELLS[0]) else {
        return;
    };
    let terminal = screen.path();
    let has = |mode: &str| {
        let stty = Command::new("stty").args(["-a", "-F", &terminal]).output().expect("stty");
        String::from_utf8_lossy(&stty.stdout).split_whitespace().any(|word| word == mode)
    };
    screen.enter("dmon -n -d 1h sh -c 'stty raw -echo; echo >ran; exit 3'");
    let dmon = screen.job("dmon -n");
    rig.wait_file("ran");
    rig.wait_for("no command", || proc::children(dmon).is_empty());
    rig.wait_for("the modes of before", || has("icanon") && has("echo") && has("isig"));
    screen.type_in(CTRL_C);
    screen.shows("ready> ");
    screen.status_is(130);
}

/// `dmon -n -L 4 cat` in a terminal, paused by a high load: the test gets the load, dmon and cat.
fn paused_in_a_terminal(test: impl Fn(&Rig, &Screen, &Load, i32, i32)) {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 9.0) else {
        return;
    };
    let Some(screen) = Screen::new(&rig, SHELLS[0]) else {
        return;
    };
    screen.enter(&format!("{load} dmon -n -L 4 cat"));
    let dmon = screen.job("dmon -n -L 4 cat");
    let cat = rig.child(dmon, "cat");
    rig.wait_state(cat, 'T');
    test(&rig, &screen, &load, dmon, cat);
}

#[test]
fn ctrl_c_ends_a_command_paused_by_the_load() {
    paused_in_a_terminal(|rig, screen, _, dmon, cat| {
        wait_foreground(rig, proc::process(dmon).unwrap().group);
        screen.type_in(CTRL_C);
        screen.shows("ready> ");
        screen.status_is(130);
        assert!(proc::state(cat).is_none());
    });
}

#[test]
fn the_terminal_returns_to_the_command_after_a_load_pause() {
    paused_in_a_terminal(|rig, screen, load, _, cat| {
        load.set(1.0);
        wait_foreground(rig, cat);
        screen.enter("typed");
        screen.shows("typed\r\ntyped\r\n");
    });
}

#[test]
fn suspended_time_does_not_count_towards_the_timeout() {
    let rig = Rig::new();
    let Some(screen) = Screen::new(&rig, SHELLS[0]) else {
        return;
    };
    let limit = Duration::from_secs(3);
    screen.enter("dmon -n -t 3 -m 0 sleep 1000");
    let dmon = screen.job("dmon -n -t");
    let sleep = rig.child(dmon, "sleep");
    let begun = Instant::now();
    screen.type_in(CTRL_Z);
    rig.wait_state(dmon, 'T');
    let used = begun.elapsed();
    rig.wait_for("more than the limit to pass", || begun.elapsed() > limit);
    screen.shows("ready> ");
    let again = Instant::now();
    screen.enter("fg");
    rig.wait_dead(sleep);
    let left = again.elapsed();
    let slack = Duration::from_millis(500);
    assert!(left + used + slack > limit, "ended {left:?} after fg, {used:?} were used before");
    screen.shows("ready> ");
    screen.status_is(124);
}

#[test]
fn a_window_change_sends_sigwinch_to_the_command() {
    let rig = Rig::new();
    let Some(screen) = Screen::new(&rig, SHELLS[0]) else {
        return;
    };
    let terminal = screen.path();
    screen.enter(
        "dmon -n sh -c 'trap \"echo >>changed\" WINCH; echo >begun; while :; do sleep 0.02; done'",
    );
    rig.wait_file("begun");
    rig.run(format!("stty -F {terminal} rows 33 cols 99")).exits(0);
    rig.wait_lines("changed", 1);
    screen.type_in(CTRL_C);
    screen.shows("ready> ");
}

#[test]
fn a_failed_start_leaves_the_terminal_to_the_shell() {
    in_each_shell(|_, screen| {
        screen.enter("dmon -n ./none");
        screen.shows("cannot execute ./none");
        screen.shows("ready> ");
        screen.status_is(127);
        screen.says("echo shell-has-it", "shell-has-it\r\n");
    });
}

#[test]
fn ctrl_z_suspends_a_pipeline_as_a_whole() {
    let rig = Rig::new();
    let Some(screen) = Screen::new(&rig, SHELLS[0]) else {
        return;
    };
    screen.enter("dmon -n cat | sh -c 'while read line; do echo \"got $line\"; done'");
    let dmon = screen.job("dmon -n cat");
    let cat = rig.child(dmon, "cat");
    let reader = screen.job("sh -c while");
    wait_foreground(&rig, cat);
    screen.enter("one");
    screen.shows("got one");
    screen.type_in(CTRL_Z);
    screen.shows("ready> ");
    for process in [dmon, cat, reader] {
        rig.wait_state(process, 'T');
    }
    screen.enter("fg");
    wait_foreground(&rig, cat);
    screen.enter("two");
    screen.shows("got two");
}

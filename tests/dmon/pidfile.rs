//! The pid file: `-p`.

use crate::rig::{Rig, proc, scaled, signal, tools};
use nix::sys::signal::Signal;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

#[test]
fn the_pid_file_contains_dmons_pid_until_sigterm() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -p pid sleep 1000");
    rig.child(dmon.pid(), "sleep");
    assert_eq!(rig.read("pid"), format!("{}\n", dmon.pid()));
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    assert!(!rig.has("pid"));
}

#[test]
fn the_pid_file_is_removed_if_dmon_exits_without_a_signal() {
    let rig = Rig::new();
    rig.run("dmon -n -1 -p pid test -s pid").exits(0);
    assert!(!rig.has("pid"));
    rig.run("dmon -n -p pid nosuch").exits(127);
    assert!(!rig.has("pid"));
    rig.run("dmon -p pid nosuch").exits(127);
    assert!(!rig.has("pid"));
}

/// Busybox init starts its services with umask 0: then every user could write a PID for root to kill.
#[test]
fn the_pid_file_has_mode_0644_whatever_the_umask() {
    let rig = Rig::new();
    for umask in ["000", "022", "077"] {
        let dmon = rig.start(format!("sh -c 'umask {umask}; exec dmon -n -p pid sleep 1000'"));
        rig.child(dmon.pid(), "sleep");
        let mode = std::fs::metadata(rig.path("pid")).expect("the pid file").permissions().mode();
        assert_eq!(mode & 0o7777, 0o644, "umask {umask}");
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(143);
    }
}

#[test]
fn a_second_dmon_with_the_same_pid_file_fails() {
    let rig = Rig::new();
    rig.run("dmon -p pid sleep 1000").exits(0);
    let first = rig.pid_in("pid");
    for daemon in ["", "-n"] {
        let message = format!("already running, pid {first}");
        rig.run(format!("dmon {daemon} -p pid touch ran")).exits(125).reports("dmon", &[&message]);
        assert_eq!(rig.pid_in("pid"), first);
    }
    assert!(!rig.has("ran"));
    assert_eq!(rig.processes_called("sleep 1000").len(), 1);
}

#[test]
fn of_two_dmons_started_together_one_fails() {
    let rig = Rig::new();
    for _ in 0..scaled(10, 300) {
        let two = [rig.start("dmon -p pid sleep 1000"), rig.start("dmon -p pid sleep 1000")];
        let mut failed = 0;
        for dmon in two {
            let done = dmon.wait();
            if done.err.contains("already running") {
                done.exits(125);
                failed += 1;
            } else {
                done.exits(0);
            }
        }
        assert_eq!(failed, 1);
        assert_eq!(
            rig.processes_called("sleep 1000")
                .iter()
                .filter(|process| process.name == "sleep")
                .count(),
            1
        );
        rig.shell("kill $(cat pid)").exits(0);
        rig.wait_no_processes();
        assert!(!rig.has("pid"));
    }
}

#[test]
fn the_pid_file_is_removed_after_all_children_are_gone() {
    let rig = Rig::new();
    for _ in 0..scaled(10, 300) {
        rig.run("dmon -p pid sleep 1000").exits(0).reports_nothing();
        let dmon = rig.pid_in("pid");
        rig.shell("kill $(cat pid); while test -e pid; do :; done").exits(0);
        // dmon removes the file last, so that a new dmon cannot run the command twice.
        assert!(!proc::children(dmon).iter().any(|child| !child.is_zombie()));
    }
}

#[test]
fn stale_pid_file_content_is_replaced() {
    let rig = Rig::new();
    for stale in [
        "",
        "1\n",
        "no pid at all",
        "99999999999999999999999999999999999999999999999999\nand more\n",
    ] {
        rig.write("pid", stale);
        let dmon = rig.start("dmon -n -p pid sleep 1000");
        rig.child(dmon.pid(), "sleep");
        assert_eq!(rig.read("pid"), format!("{}\n", dmon.pid()), "after {stale:?}");
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(143);
        assert!(!rig.has("pid"));
    }
}

#[test]
fn the_pid_file_of_a_killed_dmon_is_taken_over() {
    let rig = Rig::new();
    rig.start("dmon -n -p pid sh -c 'echo >>up; exec sleep 1000'").kill();
    let first = rig.start("dmon -n -p pid sh -c 'echo >>up; exec sleep 1000' -- dlog f");
    rig.wait_file("up");
    first.kill();
    let next = rig.start("dmon -n -p pid sleep 2000");
    rig.child(next.pid(), "sleep 2000");
    assert_eq!(rig.pid_in("pid"), next.pid());
}

/// Exits 0.3 seconds after SIGTERM.
const SLOW: &str =
    "trap \"sleep 0.3; echo end >>log; exit\" TERM; echo begin >>log; while :; do sleep 0.01; done";
/// Ignores SIGTERM.
const STUBBORN: &str = "trap \"\" TERM; echo begin >>log; while :; do sleep 0.01; done";

#[test]
fn leftovers_of_a_killed_dmon_end_before_the_next_run() {
    let rig = Rig::new();
    // A daemon, or a dmon below an init, leads its session: the new dmon finds the leftovers by it.
    let first = rig.start(format!("setsid dmon -n -p pid sh -c '{SLOW}' -- dlog -t out"));
    rig.wait_lines("log", 1);
    first.kill();
    let second = rig.start(format!("setsid dmon -n -p pid sh -c '{SLOW}' -- dlog -t out"));
    rig.wait_lines("log", 3);
    assert_eq!(rig.read("log"), "begin\nend\nbegin\n");
    second.kill();
    rig.run(format!("dmon -p pid sh -c '{SLOW}'")).exits(0);
    rig.wait_lines("log", 5);
    assert_eq!(rig.read("log"), "begin\nend\nbegin\nend\nbegin\n");
    rig.shell("kill $(cat pid)").exits(0);
    rig.wait_no_processes();
}

#[test]
fn leftovers_of_a_zombie_dmon_end_before_the_next_run() {
    let rig = Rig::new();
    let first = rig.start(format!("setsid dmon -n -p pid sh -c '{SLOW}'"));
    rig.wait_lines("log", 1);
    first.signal(Signal::SIGKILL);
    rig.wait_state(first.pid(), 'Z');
    let second = rig.start(format!("dmon -n -p pid sh -c '{SLOW}'"));
    rig.wait_lines("log", 3);
    assert_eq!(rig.read("log"), "begin\nend\nbegin\n");
    second.kill();
}

/// A program whose first thread exits. The other one writes `begin`, and after SIGTERM, half a second later, `end`.
const THREADS: &str = r#"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void note(const char *line) {
    FILE *log = fopen("log", "a");
    fputs(line, log);
    fclose(log);
}
static void *serve(void *set) {
    int number;
    note("begin\n");
    sigwait(set, &number);
    usleep(500000);
    note("end\n");
    exit(0);
}
int main(void) {
    static sigset_t set;
    pthread_t thread;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, 0);
    pthread_create(&thread, 0, serve, &set);
    pthread_exit(0);
}
"#;

#[test]
fn a_leftover_lives_while_one_of_its_threads_does() {
    if !tools::has(&["gcc"]) {
        return;
    }
    let rig = Rig::new();
    rig.write("threads.c", THREADS);
    rig.run("gcc -pthread -o threads threads.c").exits(0);
    let first = rig.start("setsid dmon -n -p pid ./threads");
    rig.wait_lines("log", 1);
    let command = proc::children(first.pid()).first().expect("the command").pid;
    rig.wait_state(command, 'Z');
    first.kill();
    let second = rig.start("dmon -n -k 1000 -p pid sh -c 'echo second >>log; exec sleep 1000'");
    rig.child(second.pid(), "sleep 1000");
    assert_eq!(rig.read("log"), "begin\nend\nsecond\n");
}

#[test]
fn sigterm_ends_the_wait_for_leftovers_of_a_killed_dmon() {
    let rig = Rig::new();
    let first = rig.start(format!("setsid dmon -n -p pid sh -c '{STUBBORN}'"));
    rig.wait_lines("log", 1);
    let leftover = rig.child(first.pid(), "sh -c trap");
    let holder = rig.read("pid");
    first.kill();
    for daemon in ["", "-n"] {
        let next = rig.start(format!("dmon {daemon} -k 1000 -p pid touch ran"));
        rig.wait_for("the pid file to be open", || {
            proc::descriptors(next.pid()).values().any(|path| *path == rig.path("pid"))
        });
        next.signal(Signal::SIGTERM);
        let done = next.wait();
        assert!(done.code().is_none() && !rig.has("ran"), "{done}");
        // The next dmon needs the content, too.
        assert_eq!(rig.read("pid"), holder);
    }
    signal(leftover, Signal::SIGKILL);
}

/// The manual says so, and where to put the file.
#[test]
fn whoever_may_open_a_stale_pid_file_can_lock_it() {
    if !tools::has(&["flock"]) {
        return;
    }
    let rig = Rig::new();
    rig.write("pid", "");
    let reader = rig.start("sh -c 'exec 9<pid; flock -n 9 && echo >locked; exec sleep 1000'");
    rig.wait_file("locked");
    rig.run("dmon -n -p pid true").exits(125).reports("dmon", &["pid: already running"]);
    reader.kill();
    rig.run("dmon -n -m 0 -p pid true").exits(0);
}

#[test]
fn a_replaced_pid_file_is_not_removed() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -p pid sleep 1000");
    rig.child(dmon.pid(), "sleep");
    rig.shell("rm pid; echo 12345 >pid").exits(0);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    assert_eq!(rig.read("pid"), "12345\n");
}

#[test]
fn a_pid_file_removed_by_hand_does_no_harm() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -p pid sleep 1000");
    rig.child(dmon.pid(), "sleep");
    rig.shell("rm pid").exits(0);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143).reports_nothing();
}

#[test]
fn a_pid_file_that_cannot_be_opened_is_an_error() {
    let rig = Rig::new();
    for daemon in ["", "-n"] {
        let done = rig.run(format!("dmon {daemon} -p no/such/pid touch ran")).exits(125);
        done.reports("dmon", &["cannot open no/such/pid: No such file or directory"]);
        rig.run(format!("dmon {daemon} -p bin touch ran"))
            .exits(125)
            .reports("dmon", &["bin", "Is a directory"]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn a_fifo_is_rejected_as_pid_file_and_kept() {
    let rig = Rig::new();
    rig.shell("mkfifo pid").exits(0);
    for daemon in ["", "-n"] {
        rig.run(format!("dmon {daemon} -p pid touch ran")).exits(125).reports("dmon", &["pid"]);
        let kind = rig.path("pid").metadata().expect("stat the FIFO").file_type();
        assert!(kind.is_fifo(), "{kind:?}");
    }
    assert!(!rig.has("ran"));
}

#[test]
fn a_device_is_rejected_as_pid_file_and_kept() {
    if !tools::is_root() {
        return;
    }
    let rig = Rig::new();
    rig.shell("mknod pid c 1 3").exits(0);
    for daemon in ["", "-n"] {
        rig.run(format!("dmon {daemon} -p pid touch ran")).exits(125).reports("dmon", &["pid"]);
        let kind = rig.path("pid").metadata().expect("stat the device").file_type();
        assert!(kind.is_char_device(), "{kind:?}");
    }
    assert!(!rig.has("ran"));
}

#[test]
fn a_symlink_is_rejected_as_pid_file_and_kept() {
    let rig = Rig::new();
    rig.shell("echo precious >target; ln -s target pid; ln -s nowhere dangling").exits(0);
    for daemon in ["", "-n"] {
        for link in ["pid", "dangling"] {
            rig.run(format!("dmon {daemon} -p {link} touch ran"))
                .exits(125)
                .reports("dmon", &[link]);
            assert!(rig.path(link).is_symlink(), "{link} is gone");
        }
    }
    assert_eq!(rig.read("target"), "precious\n");
    assert!(!rig.has("nowhere") && !rig.has("ran"));
}

#[test]
fn a_hard_link_is_rejected_as_pid_file_and_kept() {
    let rig = Rig::new();
    rig.shell("echo precious >target; ln target pid").exits(0);
    for daemon in ["", "-n"] {
        rig.run(format!("dmon {daemon} -p pid touch ran"))
            .exits(125)
            .reports("dmon", &["cannot lock pid: it has a second name"]);
    }
    assert_eq!(rig.read("target"), "precious\n");
    assert!(rig.has("pid") && !rig.has("ran"));
}

//! dmon as PID 1 of a container: without another init, a shell or, possibly, `/proc`.
//!
//! Requires a PID namespace; some tests require root.

use crate::rig::pty::Pty;
use crate::rig::screen::{CTRL_C, CTRL_Z};
use crate::rig::{Rig, assert_same, numbers, proc, scaled, signal, tools};
use nix::sys::signal::Signal;

/// The command prefix that makes a program PID 1 of a new namespace. `None` (with a skip notice) if that is impossible.
fn container() -> Option<&'static str> {
    tools::can_unshare_pids().then(tools::unshare_pids)
}

/// Like `container`, and the program leads a session that has the current terminal.
fn container_with_terminal() -> Option<String> {
    let container = container()?;
    Some(format!("{container} setsid -c"))
}

/// Waits until dmon is PID 1 below the process `outer`, and returns its PID outside.
fn pid_1(rig: &Rig, outer: i32) -> i32 {
    let dmon = rig.child(outer, "dmon -n");
    assert_eq!(proc::status(dmon, "NSpid").split_whitespace().last(), Some("1"));
    dmon
}

#[test]
fn pid_1_exits_with_the_status_of_the_command() {
    let Some(container) = container() else {
        return;
    };
    let rig = Rig::new();
    for (line, status) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
        ("kill -INT $$", 130),
    ] {
        rig.run(format!("{container} dmon -n -m 0 sh -c '{line}' -- dlog f"))
            .exits(status)
            .reports_nothing();
    }
    rig.run(format!("{container} dmon -n -t 0.3 -m 0 sleep 1000")).exits(124);
    rig.run(format!("{container} dmon -n no-such-program")).exits(127);
}

#[test]
fn processes_in_the_container_can_stop_pid_1() {
    let Some(container) = container() else {
        return;
    };
    let rig = Rig::new();
    for name in ["TERM", "INT"] {
        let line = format!(
            "trap \"seq 20001; exit 5\" TERM; echo $$ >>runs; kill -{name} 1; \
            while :; do sleep 0.02; done"
        );
        rig.shell("rm -f f").exits(0);
        rig.run(format!("{container} dmon -n sh -c '{line}' -- dlog f")).exits(5);
        assert_same(&rig.bytes("f"), numbers(20001).as_bytes(), "the log");
    }
    assert_eq!(rig.lines("runs"), 2);
}

#[test]
fn other_signals_do_not_end_pid_1() {
    let Some(container) = container() else {
        return;
    };
    let rig = Rig::new();
    // The kernel drops SIGKILL that is sent to PID 1 from inside: pid_namespaces(7).
    let line = "echo >>runs; for name in HUP QUIT ALRM USR1 USR2 CONT PIPE TSTP TTIN TTOU KILL; do \
        kill -$name 1; done; echo >>sent; exec sleep 1000";
    let outer = rig.start(format!("{container} dmon -n sh -c '{line}' -- dlog f"));
    let dmon = pid_1(&rig, outer.pid());
    rig.wait_file("sent");
    rig.wait_for("all signals to be handled", || proc::signals(dmon, "ShdPnd") == 0);
    rig.wait_state(dmon, 'S');
    signal(dmon, Signal::SIGTERM);
    outer.wait().exits(143);
    assert_eq!(rig.lines("runs"), 1);
}

#[test]
fn pid_1_restarts_its_commands_after_a_kill_of_all() {
    let Some(container) = container() else {
        return;
    };
    let rig = Rig::new();
    let line = "echo >>runs; test $(wc -l <runs) = 3 && exit 0; kill -KILL -1; exit 9";
    rig.write("runs", "");
    rig.run(format!("{container} dmon -n -1 -d 0.1 sh -c '{line}' -- dlog f")).exits(0);
    assert_eq!(rig.lines("runs"), 3);
}

#[test]
fn pid_1_reaps_thousands_of_orphans() {
    let Some(container) = container() else {
        return;
    };
    let rig = Rig::new();
    let count = scaled(100, 5000);
    let line = format!(
        "i=0; while [ $i -lt {count} ]; do (true &); (setsid true &); i=$((i + 1)); done; \
        echo >done; exec sleep 1000"
    );
    let outer = rig.start(format!("{container} dmon -n sh -c '{line}' -- dlog f"));
    let dmon = pid_1(&rig, outer.pid());
    rig.wait_file("done");
    rig.wait_for("only the command and the log command", || {
        let children = proc::children(dmon);
        children.len() == 2 && !children.iter().any(proc::Process::is_zombie)
    });
    signal(dmon, Signal::SIGTERM);
    outer.wait().exits(143);
}

#[test]
fn pid_1_ends_leftovers_before_the_next_run() {
    let Some(container) = container() else {
        return;
    };
    let rig = Rig::new();
    let line = "exec 9>lock; flock -n 9 || echo >>two; echo >>runs; (setsid sleep 1000 &); exit 1";
    rig.run(format!("{container} dmon -n -d 0.05 -m 4 sh -c '{line}' -- dlog f")).exits(1);
    assert_eq!(rig.lines("runs"), 5);
    assert!(!rig.has("two"), "a run started before the leftovers of the previous one were gone");
}

#[test]
fn pid_1_works_with_proc_of_another_pid_namespace() {
    let Some(container) = container() else {
        return;
    };
    let rig = Rig::new();
    let container = container.replace(" --mount-proc", "");
    let line = "echo >>runs; sleep 1000 & echo $$; exit 3";
    rig.run(format!("{container} dmon -n -d 0.05 -m 3 sh -c '{line}' -- dlog f"))
        .exits(3)
        .reports_nothing();
    assert_eq!((rig.lines("runs"), rig.lines("f")), (4, 4));
    let done = rig.run(format!("{container} dmon -n -m 0 sh -c 'echo hi' -- cat")).exits(0);
    assert_eq!(done.out, "hi\n");
    // The same if dmon is not PID 1 itself.
    let inner =
        format!("dmon -n -d 0.05 -m 3 sh -c \"{}\" -- dlog f; exit $?", "echo >>runs; exit 4");
    rig.run(format!("{container} sh -c '{inner}'")).exits(4).reports_nothing();
    assert_eq!(rig.lines("runs"), 8);
}

#[test]
fn ctrl_c_reaches_the_command_and_pid_1_exits_with_130() {
    let Some(container) = container_with_terminal() else {
        return;
    };
    let rig = Rig::new();
    rig.write("logger", "trap 'echo int >>caught' INT\ncat >>log\necho end >>log\n");
    let terminal = Pty::new(
        &rig,
        &format!("{container} dmon -n sh -c 'seq 1000; echo >ready; exec cat' -- sh logger"),
    );
    let dmon = pid_1(&rig, terminal.pid());
    let command = rig.child(dmon, "cat");
    rig.wait_for("cat in the foreground", || proc::foreground(command) == Some(command));
    terminal.type_in(CTRL_C);
    // PID 1 cannot kill itself with SIGINT, so it exits with 128 + 2.
    assert_eq!(terminal.wait().code(), Some(130));
    assert_eq!(rig.lines("log"), 1001);
    assert!(rig.read("log").ends_with("1000\nend\n"));
    assert!(!rig.has("caught"));
}

#[test]
fn ctrl_z_does_not_suspend_the_command_of_pid_1() {
    let Some(container) = container_with_terminal() else {
        return;
    };
    let rig = Rig::new();
    let terminal = Pty::new(&rig, &format!("{container} dmon -n cat"));
    let dmon = pid_1(&rig, terminal.pid());
    let cat = rig.child(dmon, "cat");
    for round in 0..3 {
        rig.wait_for("cat in the foreground", || proc::foreground(cat) == Some(cat));
        terminal.type_in(CTRL_Z);
        terminal.wait_output("^Z");
        let line = format!("round-{round}");
        terminal.enter(&line);
        terminal.wait_output(&format!("{line}\r\n{line}\r\n"));
    }
    signal(dmon, Signal::SIGTERM);
    assert_eq!(terminal.wait().code(), Some(143));
}

#[test]
fn pid_1_needs_only_its_executable_in_the_container() {
    if !tools::is_root()
        || !tools::has(&["chroot"])
        || !tools::is_native("the emulator is not in the container")
    {
        return;
    }
    let Some(container) = container() else {
        return;
    };
    let rig = Rig::new();
    rig.copy_applets();
    // The root has no /proc, /dev, /etc or shell.
    rig.shell("mkdir root && cp -L bin/dmon bin/dlog root").exits(0);
    if rig.shell("chroot root /dmon --version").err.contains("chroot: ") {
        tools::skip("needs a static executable");
        return;
    }
    let container = container.replace(" --mount-proc", "");
    let log = "-- /dlog -p log: log";
    let (outer, input) = rig
        .start_fed(format!("{container} chroot root /dmon -n -1 -L 4000 -I st -p pid /dlog {log}"));
    std::io::Write::write_all(&mut &input, b"one\ntwo\n").expect("write two lines");
    drop(input);
    outer.wait().exits(0).reports_nothing();
    assert_eq!(rig.read("root/log"), "log: one\nlog: two\n");
    // Descriptors 0 to 2 may be closed, too.
    let version = format!("/dmon --version {log}");
    rig.run(format!("{container} chroot root /dmon -n -m 0 {version} <&- >&- 2>&-")).exits(0);
    assert!(rig.read("root/log").contains("two\nlog: dmon "));
    assert!(!rig.has("root/pid"));
}

//! The errors of a daemon after its start: they are lines of the log.

use crate::rig::{Rig, numbers, proc, signal};
use nix::sys::signal::Signal;

#[test]
fn a_daemons_failed_restarts_are_lines_of_the_log() {
    let rig = Rig::new();
    rig.write_program("fleeting", "#!/bin/sh\necho one; echo two; rm -f bin/fleeting\n");
    rig.run("dmon -d 0.1 -p pid fleeting -- dlog f").exits(0).reports_nothing();
    rig.wait_lines("f", 3);
    rig.write_program("fleeting", "#!/bin/sh\necho three; rm -f bin/fleeting; exec sleep 1000\n");
    rig.wait_lines("f", 4);
    signal(rig.child(rig.pid_in("pid"), "sleep"), Signal::SIGKILL);
    rig.wait_lines("f", 5);
    let cannot = "dmon: cannot execute fleeting: No such file or directory";
    assert_eq!(rig.read("f"), format!("one\ntwo\n{cannot}\nthree\n{cannot}\n"));
}

#[test]
fn each_new_way_in_which_a_logger_exits_is_in_the_log() {
    let rig = Rig::new();
    rig.run("dmon -p pid sleep 1000 -- dlog f").exits(0);
    let dmon = rig.pid_in("pid");
    let mut wanted = String::new();
    for (stop, text, is_new) in [
        (Signal::SIGKILL, "by signal 9", true),
        (Signal::SIGKILL, "by signal 9", false),
        // It kills a logger also before that has set up its signals.
        (Signal::SIGABRT, "by signal 6", true),
        (Signal::SIGKILL, "by signal 9", true),
    ] {
        let log = rig.child(dmon, "dlog");
        signal(log, stop);
        rig.next_child(dmon, log, "dlog");
        if is_new {
            wanted += &format!("dmon: log {log} exited {text}\n");
        }
        rig.wait_for("the message", || rig.read("f") == wanted);
    }
    // The drain is no error, and neither is a SIGTERM to all processes, as init sends it.
    let log = rig.child(dmon, "dlog");
    for process in [dmon, log] {
        signal(process, Signal::SIGSTOP);
        rig.wait_state(process, 'T');
        signal(process, Signal::SIGTERM);
    }
    signal(log, Signal::SIGCONT);
    rig.wait_state(log, 'Z');
    signal(dmon, Signal::SIGCONT);
    rig.wait_no_processes();
    assert_eq!(rig.read("f"), wanted);
}

#[test]
fn a_full_log_pipe_loses_the_message_and_blocks_no_daemon() {
    let rig = Rig::new();
    let log = "sh -c 'if test -e go; then exec dlog f; fi; exec sleep 1000'";
    rig.run(format!("dmon -p pid sh -c 'seq 1 50000; exec sleep 3000' -- {log}")).exits(0);
    let dmon = rig.pid_in("pid");
    let seq = rig.child(rig.child(dmon, "sh"), "seq");
    rig.wait_for("a full pipe", || proc::state(seq) == Some('S'));
    rig.write("go", "");
    signal(rig.child(dmon, "sleep 1000"), Signal::SIGKILL);
    rig.child(dmon, "dlog");
    rig.wait_lines("f", 50000);
    assert_eq!(rig.read("f"), numbers(50000));
}

/// The flag would also apply to the command, whose writes would fail with EAGAIN.
#[test]
fn a_message_in_the_log_leaves_the_pipe_blocking() {
    let rig = Rig::new();
    rig.run("dmon -p pid sleep 1000 -- dlog f").exits(0);
    let dmon = rig.pid_in("pid");
    signal(rig.child(dmon, "dlog"), Signal::SIGKILL);
    rig.wait_lines("f", 1);
    for (child, end) in [("sleep", 1), ("dlog", 0)] {
        let child = rig.child(dmon, child);
        let info = std::fs::read_to_string(format!("/proc/{child}/fdinfo/{end}")).expect("fdinfo");
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags");
        let flags = i32::from_str_radix(flags.trim(), 8).expect("octal");
        assert_eq!(flags & nix::libc::O_NONBLOCK, 0, "{info}");
    }
}

#[test]
fn in_the_foreground_errors_stay_on_stderr() {
    let rig = Rig::new();
    rig.write_program("fleeting", "#!/bin/sh\nrm -f bin/fleeting\n");
    let dmon = rig.start("dmon -n -d 0.1 -m 2 fleeting -- dlog f").wait().exits(127);
    dmon.reports("dmon", &["cannot execute fleeting"]);
    assert_eq!(rig.read("f"), "");
}

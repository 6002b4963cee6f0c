//! The state in which commands start (descriptors, signals, session, directory), and the exit status of dmon.

use crate::rig::{Rig, proc, signal, tools};
use nix::sys::signal::Signal;
use std::path::Path;

#[test]
fn dmon_exits_with_the_status_of_the_command() {
    let rig = Rig::new();
    for (command, code) in [
        ("true", 0),
        ("false", 1),
        ("sh -c 'exit 3'", 3),
        ("sh -c 'exit 124'", 124),
        ("sh -c 'exit 255'", 255),
        ("sh -c 'kill -TERM $$'", 143),
        ("sh -c 'kill -KILL $$'", 137),
        ("sh -c 'kill -SEGV $$'", 139),
    ] {
        rig.run(format!("dmon -n -m 0 {command}")).exits(code).reports_nothing();
        rig.run(format!("dmon -n -m 0 {command} -- dlog f")).exits(code).reports_nothing();
    }
}

#[test]
fn the_status_is_that_of_the_last_run() {
    let rig = Rig::new();
    rig.run("dmon -n -d 0.1 -m 2 sh -c 'echo >>runs; exit $(wc -l <runs)'").exits(3);
}

#[test]
fn the_daemons_parent_exits_after_startup_is_complete() {
    let rig = Rig::new();
    for round in 1..=10 {
        rig.run(format!("dmon -p pid{round} sleep 1000 -- sleep 2000")).exits(0).reports_nothing();
        // No waits here: startup must be complete.
        let dmon = rig.pid_in(&format!("pid{round}"));
        let mut children: Vec<String> =
            proc::children(dmon).iter().map(|child| proc::cmdline(child.pid)).collect();
        children.sort();
        assert_eq!(children, ["sleep 1000", "sleep 2000"]);
    }
}

#[test]
fn a_daemon_has_its_own_session() {
    let rig = Rig::new();
    rig.run("dmon -p pid sleep 1000").exits(0);
    let dmon = proc::process(rig.pid_in("pid")).expect("dmon");
    assert_ne!(
        dmon.session,
        proc::process(nix::unistd::getpid().as_raw()).expect("this test").session
    );
    assert_ne!(dmon.parent, nix::unistd::getpid().as_raw());
    let sleep = proc::process(rig.child(dmon.pid, "sleep")).expect("the command");
    assert_eq!(sleep.session, dmon.session);
}

#[test]
fn a_daemon_has_its_standard_descriptors_on_dev_null() {
    let rig = Rig::new();
    rig.run("dmon -p pid sleep 1000 -- sleep 2000").exits(0);
    let dmon = rig.pid_in("pid");
    let null = Path::new("/dev/null");
    let open = proc::descriptors(dmon);
    let command = proc::descriptors(rig.child(dmon, "sleep 1000"));
    let log = proc::descriptors(rig.child(dmon, "sleep 2000"));
    for number in 0..=2 {
        assert_eq!(open[&number], null, "descriptor {number} of dmon");
    }
    assert_eq!(command[&0], null);
    assert_eq!(command[&2], null);
    assert_eq!(log[&1], null);
    assert_eq!(log[&2], null);
    assert_eq!(command[&1], log[&0], "one pipe from the command to the log command");
}

#[test]
fn a_daemon_keeps_its_directory_and_umask() {
    let rig = Rig::new();
    rig.shell("mkdir sub; cd sub; umask 027; exec dmon -p ../pid sleep 1000").exits(0);
    let dmon = rig.pid_in("pid");
    let here = rig.path("sub").canonicalize().expect("the directory");
    for pid in [dmon, rig.child(dmon, "sleep")] {
        assert_eq!(proc::cwd(pid), here);
        assert_eq!(proc::status(pid, "Umask"), "0027");
    }
}

#[test]
fn in_the_foreground_the_command_inherits_stdin() {
    let rig = Rig::new();
    let done = rig.shell("echo hello | dmon -n -1 cat").exits(0);
    assert_eq!(done.out, "hello\n");
}

#[test]
fn each_child_leads_a_process_group_in_dmons_session() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n sleep 1000 -- sleep 2000");
    for words in ["sleep 1000", "sleep 2000"] {
        let child = proc::process(rig.child(dmon.pid(), words)).expect("a child");
        assert_eq!(child.group, child.pid);
        assert_eq!(child.session, proc::process(dmon.pid()).expect("dmon").session);
    }
}

#[test]
fn children_inherit_only_the_descriptors_given_to_dmon() {
    let rig = Rig::new();
    // The test itself may pass descriptors to its children.
    let plain = rig.start("sleep 3000 7<bin");
    rig.wait_for("a plain program", || proc::cmdline(plain.pid()) == "sleep 3000");
    let open = |pid| proc::descriptors(pid).into_keys().collect::<Vec<i32>>();
    // While a program starts, it opens its libraries.
    let wanted = rig.wait_stable("the start of a plain program", || open(plain.pid()));
    let dmon = rig.start("dmon -n -p pid -L 4000 sleep 1000 -- sleep 2000 7<bin");
    for words in ["sleep 1000", "sleep 2000"] {
        let child = rig.child(dmon.pid(), words);
        rig.wait_for(format!("`{words}` to have {wanted:?}"), || open(child) == wanted);
        let file = proc::descriptors(child).remove(&7).expect("the descriptor");
        assert_eq!(file, rig.path("bin").canonicalize().expect("bin"));
    }
}

#[test]
fn dmon_works_if_descriptors_0_to_2_are_closed() {
    let rig = Rig::new();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        for daemon in ["-n", ""] {
            let command = "sh -c 'echo oops >&2; echo hello; echo >up; exec sleep 1000'";
            rig.shell(format!(
                "rm -f f up pid; exec dmon {daemon} -p pid {command} -- dlog f {closed} &"
            ));
            rig.wait_file("up");
            rig.wait_lines("f", 1);
            let dmon = rig.pid_in("pid");
            assert_eq!(rig.read("pid"), format!("{dmon}\n"), "{daemon} {closed}");
            assert_eq!(rig.read("f"), "hello\n", "{daemon} {closed}");
            signal(dmon, Signal::SIGTERM);
            rig.wait_no_processes();
        }
    }
}

/// A command that inherited a blocked SIGTERM could only be killed.
#[test]
fn signals_blocked_by_the_caller_are_not_blocked_in_commands() {
    let rig = Rig::new();
    let dmon =
        rig.start("env --block-signal=TERM,CHLD,HUP,USR1,WINCH dmon -n sleep 1000 -- sleep 2000");
    let command = rig.child(dmon.pid(), "sleep 1000");
    let log = rig.child(dmon.pid(), "sleep 2000");
    assert_eq!(proc::signals(command, "SigBlk"), 0);
    assert_eq!(proc::signals(log, "SigBlk"), 0);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    rig.assert_no_processes();
}

#[test]
fn dmon_works_if_all_signals_are_blocked_at_startup() {
    let rig = Rig::new();
    rig.run("env --block-signal dmon -n -d 0.1 -m 2 sh -c 'echo >>runs; exit 4' -- dlog f")
        .exits(4);
    assert_eq!(rig.lines("runs"), 3);
    let dmon = rig.start("env --block-signal dmon -n sleep 1000");
    rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGINT);
    dmon.wait().exits(143);
}

#[test]
fn ignored_signals_are_reset_in_the_command() {
    let rig = Rig::new();
    let dmon = rig.start("env --ignore-signal dmon -n sleep 1000 -- sleep 2000");
    // The C library reserves the first real-time signals: signal(7). SIGABRT has the number 6.
    let native = tools::is_native("it renumbers real-time signals and keeps SIGABRT");
    let shown = if native { u64::MAX } else { ((1 << 31) - 1) & !(1 << 5) };
    for words in ["sleep 1000", "sleep 2000"] {
        let child = rig.child(dmon.pid(), words);
        assert_eq!(proc::signals(child, "SigIgn") & shown, 0);
        assert_eq!(proc::signals(child, "SigBlk"), 0);
    }
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
}

#[test]
fn ignored_signals_are_reset_without_proc() {
    if !tools::can_mount() || !tools::is_native("it renumbers real-time signals") {
        return;
    }
    let rig = Rig::new();
    let script = "mount -t tmpfs none /proc && exec env --ignore-signal \"$@\"";
    let bare = format!("{} sh -c '{script}' sh", tools::unshare_mounts());
    let dmon = rig.start(format!("{bare} dmon -n sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    assert_eq!(proc::signals(command, "SigIgn"), 0);
}

#[test]
fn dmon_runs_without_proc() {
    if !tools::can_mount() {
        return;
    }
    let rig = Rig::new();
    let bare =
        format!("{} sh -c 'mount -t tmpfs none /proc && exec \"$@\"' sh", tools::unshare_mounts());
    rig.run(format!("{bare} dmon -n -L 4000 -d 0.1 -m 2 sh -c 'echo hello; exit 5' -- dlog f"))
        .exits(5)
        .reports_nothing();
    assert_eq!(rig.read("f"), "hello\nhello\nhello\n");
}

/// As in some chroots and initramfs.
#[test]
fn a_daemon_runs_without_dev_null() {
    if !tools::can_mount() {
        return;
    }
    let rig = Rig::new();
    let script = "mount -t tmpfs none /dev && exec \"$@\"";
    let bare = format!("{} sh -c '{script}' sh", tools::unshare_mounts());
    // It reads nothing, and a write fails without SIGPIPE.
    let command = "cat; echo read $?; cat bin/dmon >&2; test $? -lt 128 && echo alive";
    rig.write("command", format!("{command}; exec sleep 1000\n"));
    rig.run(format!("{bare} dmon -p pid sh command -- dlog f")).exits(0).reports_nothing();
    rig.wait_lines("f", 2);
    assert_eq!(rig.read("f"), "read 0\nalive\n");
}

#[test]
fn dmon_runs_with_an_empty_environment() {
    let rig = Rig::new();
    rig.run(format!("env -i {}/dmon -n1 /bin/true", rig.path("bin").display()))
        .exits(0)
        .reports_nothing();
}

#[test]
fn the_command_inherits_dmons_environment() {
    let rig = Rig::new();
    let done = rig.run(r#"env COLOUR=red dmon -n1 sh -c 'echo "$COLOUR"'"#).exits(0);
    assert_eq!(done.out, "red\n");
}

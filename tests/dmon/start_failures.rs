//! Commands that cannot start: missing files, failed forks, too few descriptors.
//!
//! The tests of failed forks require root.

use crate::rig::pipes::{pipe, set_nonblocking};
use crate::rig::strace::can_inject;
use crate::rig::{Rig, assert_stays, signal, tools};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use std::io::Write;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

#[test]
fn a_missing_command_is_reported_with_status_127() {
    let rig = Rig::new();
    for name in ["nosuch", "./nosuch", "/nosuch/nosuch"] {
        rig.run(format!("dmon -n {name} -x")).exits(127).reports("dmon", &[name, "No such file"]);
        rig.run(format!("dmon {name} -x")).exits(127).reports("dmon", &[name, "No such file"]);
    }
    rig.assert_no_processes();
}

#[test]
fn an_empty_command_name_is_quoted_in_the_message() {
    let rig = Rig::new();
    rig.run("dmon -n ''").exits(127).reports("dmon", &["''", "No such file"]);
    rig.run("dmon -n touch ran -- ''").exits(127).reports("dmon", &["''", "No such file"]);
    assert!(!rig.has("ran"));
}

#[test]
fn a_non_executable_file_is_reported_with_status_126() {
    let rig = Rig::new();
    rig.write("plain", "not a program");
    for name in ["./plain", "/dev/null", "/"] {
        rig.run(format!("dmon -n {name}")).exits(126).reports("dmon", &[name, "ermission denied"]);
        rig.run(format!("dmon {name}")).exits(126).reports("dmon", &[name, "ermission denied"]);
    }
    rig.assert_no_processes();
}

/// musl's clone returns −errno and does not set errno: EPERM, which is 1, was taken for the −1 of glibc.
#[test]
fn each_error_of_clone_is_reported_by_its_name() {
    if !can_inject() {
        return;
    }
    let rig = Rig::new();
    for (error, text) in [
        ("EPERM", "Operation not permitted"),
        ("ENOMEM", "Cannot allocate memory"),
        ("EAGAIN", "Resource temporarily unavailable"),
    ] {
        let strace = format!("strace -o trace -e trace=clone -e inject=clone:error={error}:when=1");
        let done = rig.run(format!("{strace} dmon -n -m 0 true")).exits(0);
        assert_eq!(done.err, format!("dmon: still trying to start true: {text}\n"));
    }
}

#[test]
fn a_log_command_that_cannot_start_prevents_the_first_run() {
    let rig = Rig::new();
    for daemon in ["", "-n"] {
        rig.run(format!("dmon {daemon} touch ran -- nosuch"))
            .exits(127)
            .reports("dmon", &["nosuch", "No such file"]);
        rig.run(format!("dmon {daemon} touch ran -- /dev/null"))
            .exits(126)
            .reports("dmon", &["/dev/null"]);
    }
    rig.assert_no_processes();
    assert!(!rig.has("ran"));
}

#[test]
fn the_log_command_exits_if_the_command_cannot_start() {
    let rig = Rig::new();
    for daemon in ["", "-n"] {
        rig.run(format!("dmon {daemon} -p pid nosuch -- dlog f"))
            .exits(127)
            .reports("dmon", &["nosuch"]);
        rig.assert_no_processes();
        assert!(!rig.has("pid"));
    }
}

#[test]
fn a_command_that_vanishes_later_is_reported_once() {
    let rig = Rig::new();
    rig.write_program("fleeting", "#!/bin/sh\necho >>runs; rm -f bin/fleeting\n");
    let dmon = rig.start("dmon -n -d 0.1 fleeting");
    rig.wait_for("a message about the command", || dmon.err().contains("fleeting"));
    rig.write_program("fleeting", "#!/bin/sh\necho >>runs; exec sleep 1000\n");
    rig.wait_lines("runs", 2);
    assert_eq!(dmon.err().lines().count(), 1, "reported more than once: {}", dmon.err());
}

#[test]
fn two_commands_that_vanish_are_reported_once_each() {
    let rig = Rig::new();
    for name in ["fleeting", "passing"] {
        rig.write_program(name, &format!("#!/bin/sh\nrm -f bin/{name}\n"));
    }
    let dmon = rig.start("dmon -n -d 0.1 fleeting -- passing");
    for name in ["fleeting", "passing"] {
        rig.wait_for(format!("a message about {name}"), || dmon.err().contains(name));
    }
    // dmon retries each of them every second.
    assert_stays(Duration::from_millis(2500), || dmon.err());
    assert_eq!(dmon.err().lines().count(), 2, "reported more than once: {}", dmon.err());
}

#[test]
fn the_exit_status_is_the_same_if_stderr_is_closed() {
    let rig = Rig::new();
    rig.run("dmon -n nosuch <&- >&- 2>&-").exits(127);
    rig.run("dmon -p pid nosuch <&- >&- 2>&-").exits(127);
    rig.run("dmon --bogus <&- >&- 2>&-").exits(125);
    assert!(!rig.has("pid"));
}

#[test]
fn a_daemon_that_cannot_fork_exits_with_125() {
    let Some(rig) = rig_for_nproc() else { return };
    let line = format!("{} prlimit --nproc=1 dmon -p pid touch ran", fresh_user());
    rig.run(line).exits(125).reports("dmon", &["Resource temporarily unavailable"]);
    assert!(!rig.has("ran"));
    assert!(!rig.has("pid"), "the pid file remains");
}

#[test]
fn a_daemon_stopped_before_its_first_run_exits_with_125() {
    let Some(rig) = rig_for_nproc() else { return };
    // The limit allows the parent and the daemon, but no third process.
    let parent = rig.start(format!("{} prlimit --nproc=2 dmon -p pid touch ran", fresh_user()));
    rig.wait_lines("pid", 1);
    signal(rig.pid_in("pid"), Signal::SIGTERM);
    parent.wait().exits(125);
    assert!(!rig.has("ran") && !rig.has("pid"));
    rig.assert_no_processes();
}

#[test]
fn a_failed_first_fork_is_retried_until_sigterm() {
    let Some(rig) = rig_for_nproc() else { return };
    let user = fresh_user();
    let limited = format!("{user} prlimit --nproc=1:1000 dmon -n -1 touch");
    let retrying = rig.start(format!("{limited} ran"));
    let stopped = rig.start(format!("{limited} not"));
    for dmon in [&retrying, &stopped] {
        rig.wait_for("a message about the fork", || dmon.err().contains("touch"));
    }
    stopped.signal(Signal::SIGTERM);
    // Without a run the exit status is 0.
    stopped.wait().exits(0);
    rig.run(format!("{user} prlimit --pid {} --nproc=1000:", retrying.pid())).exits(0);
    retrying.wait().exits(0);
    assert!(rig.has("ran") && !rig.has("not"));
}

#[test]
fn a_failed_later_fork_is_retried_until_it_succeeds() {
    if !tools::is_root() || !tools::has(&["setpriv", "prlimit"]) {
        return;
    }
    let rig = Rig::new();
    rig.copy_applets();
    rig.shell("touch runs; chmod 666 runs");
    let user = fresh_user();
    let dmon = rig.start(format!("{user} dmon -n -d 0.1 sh -c 'echo >>runs; exec sleep 1000'"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    rig.run(format!("{user} prlimit --pid {} --nproc=1:", dmon.pid())).exits(0);
    signal(command, Signal::SIGKILL);
    rig.wait_for("a message about the fork", || !dmon.err().is_empty());
    assert!(dmon.is_running());
    assert_eq!(rig.lines("runs"), 1);
    rig.run(format!("{user} prlimit --pid {} --nproc=1000:", dmon.pid())).exits(0);
    rig.wait_lines("runs", 2);
}

#[test]
fn emfile_at_the_first_start_ends_dmon() {
    if !tools::is_native("it needs descriptors itself") {
        return;
    }
    let rig = Rig::new();
    for (limit, log) in [(4, ""), (6, "-- dlog f")] {
        rig.shell(format!("ulimit -n {limit}; exec dmon -n touch ran {log}"))
            .exits(125)
            .reports("dmon", &["Too many open files"]);
    }
    assert!(!rig.has("ran"));
    rig.assert_no_processes();
}

#[test]
fn a_full_stderr_pipe_does_not_block_dmon() {
    let rig = Rig::new();
    rig.write_program("once", "#!/bin/sh\nexec rm \"$0\"\n");
    let (reader, mut writer) = pipe();
    set_nonblocking(&writer);
    while writer.write(&[b'.'; 4096]).is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).expect("make the pipe blocking again");
    // The second start fails, which dmon reports.
    rig.start_to("dmon -n -d 0 -m 1 once 2>&1", writer).wait().exits(127);
    drop(reader);
}

/// A rig for tests with RLIMIT_NPROC. `None` (with a skip notice) if they cannot run here.
fn rig_for_nproc() -> Option<Rig> {
    let can = tools::is_root()
        && tools::has(&["setpriv", "prlimit"])
        && tools::is_native("its threads count as processes");
    if !can {
        return None;
    }
    let rig = Rig::new();
    rig.share_with_all_users();
    Some(rig)
}

/// The command prefix for a user without other processes: RLIMIT_NPROC counts per user, so each call returns
/// another user.
fn fresh_user() -> String {
    static CALLS: AtomicI32 = AtomicI32::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let id = 100_000 + nix::unistd::getpid().as_raw() % 100_000 * 10 + call;
    format!("setpriv --reuid={id} --regid={id} --clear-groups")
}

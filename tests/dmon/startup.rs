//! What a command is given when it starts, and what happens if it cannot.

use crate::rig::pipes::{never_wait, pipe};
use crate::rig::{Rig, proc, tools};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};

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
        rig.run(format!("dmon -n -m 0 {command}")).exits(code).says_nothing();
        rig.run(format!("dmon -n -m 0 {command} -- dlog f")).exits(code).says_nothing();
    }
}

#[test]
fn the_status_is_that_of_the_last_run() {
    let rig = Rig::new();
    rig.run("dmon -n -d 0.1 -m 2 sh -c 'echo >>runs; exit $(wc -l <runs)'").exits(3);
}

#[test]
fn a_missing_command_is_reported_with_status_127() {
    let rig = Rig::new();
    for name in ["nosuch", "./nosuch", "/nosuch/nosuch"] {
        rig.run(format!("dmon -n {name} -x")).exits(127).says("dmon", &[name, "No such file"]);
        rig.run(format!("dmon {name} -x")).exits(127).says("dmon", &[name, "No such file"]);
    }
    rig.assert_empty();
}

#[test]
fn an_empty_command_name_is_quoted_in_the_message() {
    let rig = Rig::new();
    rig.run("dmon -n ''").exits(127).says("dmon", &["''", "No such file"]);
    rig.run("dmon -n touch ran -- ''").exits(127).says("dmon", &["''", "No such file"]);
    assert!(!rig.has("ran"));
}

#[test]
fn a_non_executable_file_is_reported_with_status_126() {
    let rig = Rig::new();
    rig.write("plain", "not a program");
    for name in ["./plain", "/dev/null", "/"] {
        rig.run(format!("dmon -n {name}")).exits(126).says("dmon", &[name, "ermission denied"]);
        rig.run(format!("dmon {name}")).exits(126).says("dmon", &[name, "ermission denied"]);
    }
    rig.assert_empty();
}

#[test]
fn a_log_command_that_cannot_start_prevents_the_first_run() {
    let rig = Rig::new();
    for daemon in ["", "-n"] {
        rig.run(format!("dmon {daemon} touch ran -- nosuch"))
            .exits(127)
            .says("dmon", &["nosuch", "No such file"]);
        rig.run(format!("dmon {daemon} touch ran -- /dev/null"))
            .exits(126)
            .says("dmon", &["/dev/null"]);
    }
    rig.assert_empty();
    assert!(!rig.has("ran"));
}

#[test]
fn the_log_command_exits_if_the_command_cannot_start() {
    let rig = Rig::new();
    for daemon in ["", "-n"] {
        rig.run(format!("dmon {daemon} -p pid nosuch -- dlog f"))
            .exits(127)
            .says("dmon", &["nosuch"]);
        rig.assert_empty();
        assert!(!rig.has("pid"));
    }
}

#[test]
fn a_command_that_vanishes_later_is_reported_once() {
    let rig = Rig::new();
    rig.program("fleeting", "#!/bin/sh\necho >>runs; rm -f bin/fleeting\n");
    let dmon = rig.start("dmon -n -d 0.1 fleeting");
    rig.wait_for("a word about the command", || dmon.err().contains("fleeting"));
    rig.program("fleeting", "#!/bin/sh\necho >>runs; exec sleep 1000\n");
    rig.wait_lines("runs", 2);
    assert_eq!(dmon.err().lines().count(), 1, "said more than once: {}", dmon.err());
}

#[test]
fn two_commands_that_vanish_are_reported_once_each() {
    let rig = Rig::new();
    for name in ["fleeting", "passing"] {
        rig.program(name, &format!("#!/bin/sh\nrm -f bin/{name}\n"));
    }
    let dmon = rig.start("dmon -n -d 0.1 fleeting -- passing");
    for name in ["fleeting", "passing"] {
        rig.wait_for(format!("a word about {name}"), || dmon.err().contains(name));
    }
    // Each is tried again every second.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert_eq!(dmon.err().lines().count(), 2, "said more than once: {}", dmon.err());
}

#[test]
fn the_daemons_parent_exits_after_startup_is_complete() {
    let rig = Rig::new();
    for round in 1..=10 {
        rig.run(format!("dmon -p pid{round} sleep 1000 -- sleep 2000")).exits(0).says_nothing();
        // Here is no wait: all of it must be so by now.
        let dmon = rig.pid_in(&format!("pid{round}"));
        let mut children: Vec<String> =
            proc::children(dmon).iter().map(|child| proc::words(child.pid)).collect();
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
    let here = rig.path("sub").canonicalize().expect("the folder");
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
    // What this test itself passes on to every program is not dmon's doing.
    let plain = rig.start("sleep 3000 7<bin");
    rig.wait_for("a plain program", || proc::words(plain.pid()) == "sleep 3000");
    let wanted: Vec<i32> = proc::descriptors(plain.pid()).into_keys().collect();
    let dmon = rig.start("dmon -n -p pid -L 4000 sleep 1000 -- sleep 2000 7<bin");
    for words in ["sleep 1000", "sleep 2000"] {
        let child = rig.child(dmon.pid(), words);
        let open = proc::descriptors(child);
        assert_eq!(open.keys().copied().collect::<Vec<i32>>(), wanted, "of `{words}`: {open:?}");
        assert_eq!(open[&7], rig.path("bin").canonicalize().expect("bin"));
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
            crate::rig::signal(dmon, Signal::SIGTERM);
            rig.wait_empty();
        }
    }
}

#[test]
fn the_exit_status_is_the_same_if_stderr_is_closed() {
    let rig = Rig::new();
    rig.run("dmon -n nosuch <&- >&- 2>&-").exits(127);
    rig.run("dmon -p pid nosuch <&- >&- 2>&-").exits(127);
    rig.run("dmon --bogus <&- >&- 2>&-").exits(125);
    assert!(!rig.has("pid"));
}

/// The bits of signals in `/proc/PID/status`.
fn bits(signals: &[Signal]) -> u64 {
    signals.iter().fold(0, |bits, &signal| bits | 1 << (signal as i32 - 1))
}

#[test]
fn blocked_signals_stay_blocked_in_the_command_only() {
    let rig = Rig::new();
    let dmon =
        rig.start("env --block-signal=TERM,CHLD,HUP,USR1 dmon -n -k 0.2 sleep 1000 -- sleep 2000");
    let blocked = bits(&[Signal::SIGTERM, Signal::SIGCHLD, Signal::SIGHUP, Signal::SIGUSR1]);
    let command = rig.child(dmon.pid(), "sleep 1000");
    let log = rig.child(dmon.pid(), "sleep 2000");
    assert_eq!(proc::signals(command, "SigBlk"), blocked);
    assert_eq!(proc::signals(log, "SigBlk"), blocked);
    // The command cannot hear TERM; KILL needs no hearing.
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(137);
    rig.assert_empty();
}

#[test]
fn dmon_works_if_all_signals_are_blocked_at_startup() {
    let rig = Rig::new();
    rig.run("env --block-signal dmon -n -d 0.1 -m 2 sh -c 'echo >>runs; exit 4' -- dlog f")
        .exits(4);
    assert_eq!(rig.lines("runs"), 3);
    let dmon = rig.start("env --block-signal dmon -n -k 0.2 sleep 1000");
    rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGINT);
    dmon.wait().exits(137);
}

#[test]
fn ignored_signals_are_reset_in_the_command() {
    let rig = Rig::new();
    // Those that dmon itself uses, and those that shells and Python ignore.
    let ignored = "TERM,INT,HUP,CHLD,PIPE,USR1,XFSZ,TSTP,TTIN,TTOU";
    let dmon = rig.start(format!("env --ignore-signal={ignored} dmon -n sleep 1000 -- sleep 2000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    let log = rig.child(dmon.pid(), "sleep 2000");
    // 32 and above belong to the C library and to those who ask for them by number.
    let plain = (1 << 31) - 1;
    for child in [command, log] {
        assert_eq!(proc::signals(child, "SigIgn") & plain, 0);
        assert_eq!(proc::signals(child, "SigBlk"), 0);
    }
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
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
        .says_nothing();
    assert_eq!(rig.read("f"), "hello\nhello\nhello\n");
}

#[test]
fn dmon_exits_with_proc_of_another_pid_namespace() {
    if !tools::can_be_init() {
        return;
    }
    let rig = Rig::new();
    let namespace = tools::unshare_processes().replace("--mount-proc", "");
    let done = rig.run(format!("{namespace} dmon -n -m 0 sh -c 'echo hi' -- cat")).exits(0);
    assert_eq!(done.out, "hi\n");
}

#[test]
fn dmon_runs_with_an_empty_environment() {
    let rig = Rig::new();
    rig.run(format!("env -i {}/dmon -n1 /bin/true", rig.path("bin").display()))
        .exits(0)
        .says_nothing();
}

#[test]
fn the_command_inherits_dmons_environment() {
    let rig = Rig::new();
    let done = rig.run(r#"env COLOUR=red dmon -n1 sh -c 'echo "$COLOUR"'"#).exits(0);
    assert_eq!(done.out, "red\n");
}

#[test]
fn a_daemon_that_cannot_fork_exits_with_125() {
    if !tools::is_root()
        || !tools::has(&["setpriv", "prlimit"])
        || !tools::is_native("it has threads of its own, which count as processes")
    {
        return;
    }
    let rig = Rig::new();
    rig.copy_applets();
    rig.shell("chmod 777 .").exits(0);
    let line = format!("{} prlimit --nproc=1 dmon -p pid touch ran", nobody());
    rig.run(line).exits(125).says("dmon", &["Resource temporarily unavailable"]);
    assert!(!rig.has("ran"));
    assert!(!rig.has("pid"), "the pid file is left");
}

#[test]
fn a_daemon_stopped_before_its_first_run_exits_with_125() {
    if !tools::is_root()
        || !tools::has(&["setpriv", "prlimit"])
        || !tools::is_native("it has threads of its own, which count as processes")
    {
        return;
    }
    let rig = Rig::new();
    rig.copy_applets();
    rig.shell("chmod 777 .").exits(0);
    // Room for the daemon and its parent, and for no third.
    let parent = rig.start(format!("{} prlimit --nproc=2 dmon -p pid touch ran", nobody()));
    rig.wait_lines("pid", 1);
    crate::rig::signal(rig.pid_in("pid"), Signal::SIGTERM);
    parent.wait().exits(125);
    assert!(!rig.has("ran") && !rig.has("pid"));
    rig.assert_empty();
}

#[test]
fn a_failed_first_fork_is_retried_until_sigterm() {
    if !tools::is_root()
        || !tools::has(&["setpriv", "prlimit"])
        || !tools::is_native("it has threads of its own, which count as processes")
    {
        return;
    }
    let rig = Rig::new();
    rig.copy_applets();
    rig.shell("chmod 777 .").exits(0);
    let nobody = nobody();
    let refused = format!("{nobody} prlimit --nproc=1:1000 dmon -n -1 touch");
    let patient = rig.start(format!("{refused} ran"));
    let unlucky = rig.start(format!("{refused} not"));
    for dmon in [&patient, &unlucky] {
        rig.wait_for("a word about the fork", || dmon.err().contains("touch"));
    }
    unlucky.signal(Signal::SIGTERM);
    // Nothing has ever run that could have failed.
    unlucky.wait().exits(0);
    rig.run(format!("{nobody} prlimit --pid {} --nproc=1000:", patient.pid())).exits(0);
    patient.wait().exits(0);
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
    let nobody = nobody();
    let dmon = rig.start(format!("{nobody} dmon -n -d 0.1 sh -c 'echo >>runs; exec sleep 1000'"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    rig.run(format!("{nobody} prlimit --pid {} --nproc=1:", dmon.pid())).exits(0);
    crate::rig::signal(command, Signal::SIGKILL);
    rig.wait_for("a word about the fork", || !dmon.err().is_empty());
    assert!(dmon.is_running());
    assert_eq!(rig.lines("runs"), 1);
    rig.run(format!("{nobody} prlimit --pid {} --nproc=1000:", dmon.pid())).exits(0);
    rig.wait_lines("runs", 2);
}

#[test]
fn emfile_at_the_first_start_ends_dmon() {
    if !tools::is_native("it needs descriptors itself") {
        return;
    }
    let rig = Rig::new();
    for (most, log) in [(4, ""), (6, "-- dlog f")] {
        rig.shell(format!("ulimit -n {most}; exec dmon -n touch ran {log}"))
            .exits(125)
            .says("dmon", &["Too many open files"]);
    }
    assert!(!rig.has("ran"));
    rig.assert_empty();
}

#[test]
fn a_full_stderr_pipe_does_not_block_dmon() {
    let rig = Rig::new();
    rig.program("once", "#!/bin/sh\nexec rm \"$0\"\n");
    let (reader, mut writer) = pipe();
    never_wait(&writer);
    while writer.write(&[b'.'; 4096]).is_ok() {}
    let waits = OFlag::empty();
    fcntl(&writer, FcntlArg::F_SETFL(waits)).expect("a pipe that waits again");
    // The second start fails, and that is said.
    rig.start_to("dmon -n -d 0 -m 1 once 2>&1", writer).wait().exits(127);
    drop(reader);
}

/// A user who has no process and no entry, another at each call: limits count per user, and no other
/// test may disturb.
fn nobody() -> String {
    static CALLS: AtomicI32 = AtomicI32::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let id = 100_000 + nix::unistd::getpid().as_raw() % 100_000 * 10 + call;
    format!("setpriv --reuid={id} --regid={id} --clear-groups")
}

//! A command that reports when it is ready: `--ready`.

use super::verbose::normalize;
use crate::rig::{Rig, assert_stays, quoted, signal, tools, words_as_letters};
use nix::sys::signal::Signal;
use std::time::Duration;

/// A command line for a service that is ready once the file `go` exists.
fn service() -> String {
    let script = "until test -e go; do sleep 0.05; done; echo >>ready; echo >&3; exec sleep 1000";
    format!("sh -c {}", quoted(script))
}

/// Asserts that `-I status` shows these lines first.
#[track_caller]
fn assert_status(rig: &Rig, lines: &[&str]) {
    let all = words_as_letters(&rig.read("status"), 2);
    assert_eq!(all[..lines.len().min(all.len())], *lines, "{all:?}");
}

#[test]
fn a_start_returns_when_the_command_is_ready() {
    for log in ["", "-- dlog log"] {
        let rig = Rig::new();
        let start = rig.start(format!("dmon -N 3 -I status -p pid {} {log}", service()));
        rig.wait_lines("status", 1);
        assert_stays(Duration::from_millis(500), || start.is_running() && !rig.has("ready"));
        rig.write("go", "");
        start.wait().exits(0).reports_nothing();
        assert!(rig.has("ready"));
        rig.wait_for("the status line", || rig.read("status").contains("cmd ready"));
        signal(rig.pid_in("pid"), Signal::SIGTERM);
        rig.wait_no_processes();
        let start = if log.is_empty() { "" } else { "log start A\n" };
        let status = rig.read("status");
        let status = words_as_letters(status.strip_prefix(start).unwrap_or(&status), 2);
        let cmd: Vec<_> = status.iter().filter(|line| line.starts_with("cmd")).collect();
        assert!(cmd[0].starts_with("cmd start") && cmd[1].starts_with("cmd ready"), "{cmd:?}");
    }
}

#[test]
fn the_services_of_a_boot_script_start_in_its_order() {
    let rig = Rig::new();
    let service = |name, fd| {
        let script = format!(
            "echo {name} starts >>order; sleep 0.3; echo {name} is ready >>order
            echo >&{fd}; exec sleep 1000"
        );
        format!("dmon -N {fd}:1m -p {name}.pid sh -c {}", quoted(&script))
    };
    let script = format!("{}\n{}\necho done >>order", service("one", 3), service("two", 9));
    rig.shell(script).exits(0).reports_nothing();
    let order = "one starts\none is ready\ntwo starts\ntwo is ready\ndone\n";
    assert_eq!(rig.read("order"), order);
}

#[test]
fn a_command_that_is_not_ready_in_time_is_stopped() {
    for (command, log) in [
        ("sleep 1000", ""),
        // Closed without a newline.
        ("sh -c 'echo -n ready >&3; exec sleep 1000 3>&-'", "-- dlog log"),
    ] {
        let rig = Rig::new();
        let options = "-N 3:0.7 -1 -x TERM -I status -p pid";
        let done = rig.run(format!("dmon {options} {command} {log}")).exits(125);
        assert!(done.took >= Duration::from_millis(700), "{done}");
        let lines: Vec<_> = done.err.lines().collect();
        assert_eq!(lines[0], "dmon: not ready in time", "{done}");
        assert!(lines[1].contains(" exited by signal 15 after "), "{done}");
        rig.assert_no_processes();
        assert!(!rig.has("pid"));
        assert!(rig.read("status").contains("cmd timeout"), "{}", rig.read("status"));
    }
}

/// The start is tried once, whatever `-m`, `-x` and `-1` say.
#[test]
fn a_run_that_ends_before_it_is_ready_is_the_last() {
    let rig = Rig::new();
    for (options, script, exit, text) in [
        ("", "exit 3", 3, "exited with 3 after"),
        ("-1", "exit 3", 3, "exited with 3 after"),
        ("-m 5", "kill -9 $$", 137, "exited by signal 9 after"),
        // Without a newline.
        ("", "echo -n ready >&3; exit 4", 4, "exited with 4 after"),
    ] {
        let line = format!("dmon {options} -N 3 -p pid sh -c {}", quoted(script));
        rig.run(line).exits(exit).reports("dmon", &["cmd ", text]);
        rig.assert_no_processes();
        assert!(!rig.has("pid"));
    }
    // The message has the time of the run, also without `-v`.
    let done = rig.run("dmon -N 3 -p pid sh -c 'sleep 0.1; exit 3'").exits(3);
    assert!(!done.err.contains(" after 0.0"), "{done}");
    // Nobody can rely on a service that has ended.
    for (options, status) in [("", 0), ("-1", 0), ("-x 3", 3)] {
        let script = quoted(&format!("exit {status}"));
        let done = rig.run(format!("dmon {options} -N 3 -p pid sh -c {script}")).exits(125);
        let lines: Vec<_> = done.err.lines().collect();
        assert!(lines[0].contains(&format!(" exited with {status} after ")), "{done}");
        assert_eq!(lines[1..], ["dmon: stopped during the start"], "{done}");
        rig.assert_no_processes();
    }
    // -t is over first.
    let done = rig.run("dmon -N 3 -t 0.3 -p pid sleep 1000").exits(125);
    assert!(done.err.starts_with("dmon: not ready in time\n"), "{done}");
}

#[test]
fn a_command_that_cannot_be_executed_is_never_ready() {
    let rig = Rig::new();
    rig.run("dmon -N 3 -p pid ./nosuch").exits(127).reports("dmon", &["nosuch", "No such file"]);
    rig.run("dmon -N 3 -p pid sleep 1000 -- ./nosuch").exits(127).reports("dmon", &["nosuch"]);
    rig.assert_no_processes();
}

#[test]
fn the_time_to_be_ready_stops_during_a_pause() {
    let rig = Rig::new();
    let signals = "--on-signal USR1=pause --on-signal USR2=resume";
    // The rest of it remains when the command is resumed.
    let start = rig.start(format!("dmon -N 3:4 {signals} -p pid -I status {}", service()));
    rig.wait_lines("status", 1);
    let dmon = rig.pid_in("pid");
    let cmd = rig.child(dmon, "sh");
    signal(dmon, Signal::SIGUSR1);
    rig.wait_state(cmd, 'T');
    assert_stays(Duration::from_millis(4500), || start.is_running());
    signal(dmon, Signal::SIGUSR2);
    rig.wait_for("the end of the pause", || rig.read("status").contains("cmd resume"));
    rig.write("go", "");
    start.wait().exits(0).reports_nothing();
    signal(dmon, Signal::SIGTERM);
    rig.wait_no_processes();
    // Without a newline the rest of the time ends it.
    let start = rig.start(format!("dmon -N 3:2 {signals} -p pid -I status2 sleep 1000"));
    rig.wait_lines("status2", 1);
    let dmon = rig.pid_in("pid");
    let cmd = rig.child(dmon, "sleep 1000");
    signal(dmon, Signal::SIGUSR1);
    rig.wait_state(cmd, 'T');
    signal(dmon, Signal::SIGUSR2);
    start.wait().exits(125);
}

#[test]
fn a_stop_during_the_wait_is_no_success() {
    let rig = Rig::new();
    let start = rig.start("dmon -N 3 -I status -p pid sleep 1000 -- dlog log");
    rig.wait_for("the command", || rig.read("status").contains("cmd start"));
    rig.run("dmon -p pid --signal TERM").exits(0);
    start.wait().exits(143).reports("dmon", &["cmd ", "exited by signal 15"]);
    rig.assert_no_processes();
    let command = "sh -c 'trap \"exit 0\" TERM; echo >up; while :; do sleep 0.05; done'";
    let start = rig.start(format!("dmon -N 3 -p pid {command}"));
    rig.wait_file("up");
    signal(rig.pid_in("pid"), Signal::SIGTERM);
    let done = start.wait().exits(125);
    assert!(done.err.ends_with("dmon: stopped during the start\n"), "{done}");
    rig.assert_no_processes();
}

/// The new run has the whole time again.
#[test]
fn a_restart_during_the_wait_goes_on_waiting() {
    let rig = Rig::new();
    let options = "-N 3 --on-signal HUP=restart -I status -p pid";
    let start = rig.start(format!("dmon {options} {}", service()));
    rig.wait_lines("status", 1);
    let dmon = rig.pid_in("pid");
    let first = rig.child(dmon, "sh");
    signal(dmon, Signal::SIGHUP);
    rig.next_child(dmon, first, "sh");
    assert!(start.is_running());
    rig.write("go", "");
    start.wait().exits(0);
    rig.wait_for("the status line", || rig.read("status").contains("cmd ready"));
    assert_status(
        &rig,
        &["cmd start A", "cmd stop A", "cmd exit A 15", "cmd start B", "cmd ready B"],
    );
}

#[test]
fn a_daemon_goes_on_without_its_parent() {
    let rig = Rig::new();
    let start = rig.start(format!("dmon -N 3 -I status -p pid {}", service()));
    rig.wait_lines("status", 1);
    let dmon = rig.pid_in("pid");
    rig.child(dmon, "sh");
    start.kill();
    rig.write("go", "");
    rig.wait_for("the status line", || rig.read("status").contains("cmd ready"));
    rig.child(dmon, "sleep 1000");
    rig.assert_sleeps(dmon);
    signal(dmon, Signal::SIGTERM);
    rig.wait_no_processes();
}

#[test]
fn later_runs_need_not_be_ready() {
    let rig = Rig::new();
    let script = "echo >>runs; test $(wc -l <runs) = 2 && exec sleep 1000; echo >&3; sleep 2000; :";
    let options = "-N 3:3 -d 0 -I status -p pid";
    rig.run(format!("dmon {options} sh -c {}", quoted(script))).exits(0).reports_nothing();
    let dmon = rig.pid_in("pid");
    let first = rig.child(dmon, "sh");
    signal(first, Signal::SIGKILL);
    let second = rig.child(dmon, "sleep 1000");
    assert_stays(Duration::from_millis(3500), || rig.child(dmon, "sleep 1000"));
    rig.assert_sleeps(dmon);
    signal(second, Signal::SIGKILL);
    // The third is ready again.
    rig.wait_for("the third run", || rig.read("status").matches("cmd ready").count() == 2);
    let status = ["cmd start A", "cmd ready A", "cmd exit A 9", "cmd start B", "cmd exit B 9"];
    assert_status(&rig, &status);
}

#[test]
fn in_the_foreground_readiness_is_only_reported() {
    let rig = Rig::new();
    let command = "sh -c 'sleep 0.4; echo >&3; exit 3'";
    let done = rig.run(format!("dmon -n -v -m 0 -N 3:0.1 -I status {command}")).exits(3);
    let messages = ["cmd A started", "cmd A ready", "cmd A exited with 3 after T"];
    assert_eq!(normalize(&done.err), messages);
    assert_status(&rig, &["cmd start A", "cmd ready A", "cmd exit A 768"]);
    rig.run("dmon -n -m 1 -d 0 -N 3:0.1 sh -c 'sleep 0.3; exit 3'").exits(3).reports_nothing();
}

/// What the command has written before it exits comes first, and more than the newline does no harm.
#[test]
fn a_newline_anywhere_counts() {
    let rig = Rig::new();
    let zeros = "head -c 100000 /dev/zero >&3";
    let more = "head -c 50000 /dev/zero >&3; echo >&3";
    for script in [
        "echo >&3".to_string(),
        "echo unix:path=/run/x,guid=1234 >&3; echo 77 >&3".to_string(),
        format!("{zeros}; echo >&3; until grep -q ready status; do sleep 0.05; done; {more}"),
    ] {
        let script = quoted(&format!("{script}; exit 3"));
        rig.run(format!("dmon -m 0 -N 3 -I status -p pid sh -c {script}")).exits(0);
        rig.wait_no_processes();
        assert_status(&rig, &["cmd start A", "cmd ready A", "cmd exit A 768"]);
        rig.shell("rm status").exits(0);
    }
}

/// `--kill-mode process` leaves a process of the first run alive. It reports during the second run, or between the two.
#[test]
fn an_old_run_does_not_report_for_a_new_one() {
    for delay in ["0", "99"] {
        let rig = Rig::new();
        let script = "if test -e old; then exec sleep 1000; fi; echo >old
            (trap '' PIPE; until test -e late; do sleep 0.05; done; echo >&3; echo >wrote) & exit 1";
        let options = format!("-n -N 3 --kill-mode process -d {delay} -I status");
        let dmon = rig.start(format!("dmon {options} sh -c {}", quoted(script)));
        if delay == "0" {
            rig.child(dmon.pid(), "sleep 1000");
        }
        rig.wait_for("its exit", || rig.read("status").contains("cmd exit"));
        rig.write("late", "");
        rig.wait_file("wrote");
        rig.assert_sleeps(dmon.pid());
        assert!(!rig.read("status").contains("ready"), "{}", rig.read("status"));
    }
}

/// dmon's own descriptors have the lowest numbers.
#[test]
fn any_descriptor_can_be_used() {
    for fd in (3..=14).chain([63, 255]) {
        let rig = Rig::new();
        // dash knows only descriptors of one digit.
        let script = format!("ls /proc/self/fd >fds; echo >/proc/self/fd/{fd}; exec sleep 1000");
        let script = quoted(&script);
        let options = format!("-N {fd} -I status -p pid");
        rig.run(format!("dmon {options} sh -c {script} -- dlog log")).exits(0).reports_nothing();
        let fds = rig.read("fds");
        let mut fds: Vec<i32> = fds.lines().map(|line| line.parse().expect("a number")).collect();
        fds.sort_unstable();
        // ls itself has opened the folder.
        fds.retain(|other| *other == fd || *other < 3);
        assert_eq!(fds, [0, 1, 2, fd]);
        signal(rig.pid_in("pid"), Signal::SIGTERM);
        rig.wait_no_processes();
        // A later run has it, too.
        let script = format!("echo >/proc/self/fd/{fd}; exit 3");
        let options = format!("-n -m 1 -d 0 -N {fd} -I status2");
        rig.run(format!("dmon {options} sh -c {}", quoted(&script))).exits(3);
        assert_eq!(rig.read("status2").matches("cmd ready").count(), 2, "{fd}");
    }
}

#[test]
fn a_descriptor_that_cannot_exist_is_an_error() {
    let rig = Rig::new();
    for bad in [
        "",
        "0",
        "2",
        "-1",
        "x",
        "3x",
        "3:",
        "3:0",
        "3:x",
        ":5",
        "2147483648",
        "4294967299",
        "99999999999999999999",
    ] {
        rig.run(format!("dmon -n -N '{bad}' true")).exits(125).reports("dmon", &["-N"]);
        rig.run(format!("dmon -n --ready='{bad}' true")).exits(125).reports("dmon", &["ready"]);
    }
    let text = "cannot use -N for sleep: Bad file descriptor";
    for options in ["-n -N 2147483647", "-N 2147483647 -p pid"] {
        rig.run(format!("dmon {options} sleep 1000")).exits(125).reports("dmon", &[text]);
    }
    rig.shell("ulimit -n 30; dmon -N 30 sleep 1000").exits(125).reports("dmon", &[text]);
    let ready = "sh -c 'echo >/proc/self/fd/29; exec sleep 1000'";
    rig.shell(format!("ulimit -n 30; dmon -N 29 {ready}")).exits(0).reports_nothing();
    // The limit of the command comes later.
    rig.run(format!("dmon -r nofile=20 -N 29 {ready}")).exits(0).reports_nothing();
}

/// A service that supports s6's notification-fd, or prints its address.
#[test]
fn daemons_that_report_readiness_are_ready() {
    let rig = Rig::new();
    let mut services = Vec::new();
    if let Some(s6_log) = tools::peer("s6-log") {
        services.push(format!("{s6_log} -d 3 t ./log <fifo"));
    }
    if let (Some(binder), Some(server)) =
        (tools::peer("s6-ipcserver-socketbinder"), tools::peer("s6-ipcserverd"))
    {
        services.push(format!("{binder} ./socket {server} -1 true >&3"));
    }
    if tools::find("dbus-daemon").is_some() {
        let config = "<busconfig><type>session</type><listen>unix:path=./bus</listen></busconfig>";
        rig.write("bus.conf", config);
        let options = "--config-file=bus.conf --nofork --print-address=3";
        services.push(format!("dbus-daemon {options}"));
    }
    rig.shell("mkfifo fifo; (exec sleep 1000 >fifo) & :").exits(0);
    for service in services {
        let script = quoted(&format!("exec {service}"));
        rig.run(format!("dmon -m 0 -N 3 -I status -p pid sh -c {script}")).exits(0);
        assert!(rig.read("status").contains("cmd ready"), "{service}");
        assert!(!rig.read("status").contains("exit"), "{service}");
        signal(rig.pid_in("pid"), Signal::SIGTERM);
        rig.wait_for("its exit", || !rig.has("pid"));
        rig.shell("rm status").exits(0);
    }
}

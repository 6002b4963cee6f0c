//! Messages in the log (`--log-events`): their content, their position, and that they never block dmon.

use super::verbose::normalize;
use crate::rig::load::Load;
use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::{Rig, Running, command_line, proc, signal};
use nix::sys::signal::Signal;

/// Four runs: a failure, a death, a timeout, a success that removes the program.
const SERVICE: &str = "#!/bin/sh
    echo >>runs
    echo run $(wc -l <runs)
    case $(wc -l <runs) in
    1) exit 3 ;;
    2) kill -9 $$ ;;
    3) exec sleep 1000 ;;
    esac
    rm -f bin/svc";

const OPTIONS: &str = "--log-events -d 0.05 -m 4 -t 2.5 -p pid";

/// Checks a log of [`SERVICE`].
#[track_caller]
fn check(log: &[String]) {
    let (messages, lines): (Vec<_>, Vec<_>) =
        log.iter().map(String::as_str).partition(|line| line.starts_with("dmon: "));
    assert_eq!(lines, ["run 1", "run 2", "run 3", "run 4"]);
    let (last, events) = messages.split_last().expect("messages");
    assert_eq!(*last, "dmon: cannot execute svc: No such file or directory");
    assert_eq!(
        normalize(&events.join("\n")),
        [
            "log A started",
            "cmd B started",
            "cmd B exited with 3 after T",
            "cmd C started",
            "cmd C exited by signal 9 after T",
            "cmd D started",
            "cmd D timeout, stopping",
            "cmd D exited by signal 15 after T",
            "cmd E started",
            "cmd E exited with 0 after T",
        ]
    );
    // The start of a run may follow its first lines, but its end follows all of them.
    let at = |text: &str| log.iter().position(|line| line.contains(text)).expect("a line");
    for (line, end, next) in [
        ("run 1", " with 3 ", "run 2"),
        ("run 2", " signal 9 ", "run 3"),
        ("run 3", "timeout", "run 4"),
        ("run 4", " with 0 ", "cannot execute"),
    ] {
        assert!(at(line) < at(end) && at(end) < at(next), "{line}: {log:?}");
    }
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_string).collect()
}

/// Starts [`SERVICE`] with this log command.
fn start_service<'a>(rig: &'a Rig, log_command: &str) -> Running<'a> {
    rig.write_program("svc", SERVICE);
    rig.start(format!("dmon -n {OPTIONS} svc -- {log_command}"))
}

#[track_caller]
fn wait_service(dmon: Running<'_>) {
    dmon.wait().exits(127).reports("dmon", &["cannot execute svc: No such file"]);
}

#[test]
fn dlog_stores_exits_timeouts_and_failed_starts() {
    let rig = Rig::new();
    wait_service(start_service(&rig, "dlog f"));
    check(&lines(&rig.bytes("f")));
}

#[test]
fn drlog_stores_exits_timeouts_and_failed_starts() {
    let rig = Rig::new();
    std::fs::create_dir(rig.path("folder")).expect("a directory");
    wait_service(start_service(&rig, "drlog -s 100 folder"));
    check(&lines(&rig.rotated("folder").concat()));
}

#[test]
fn dsyslog_sends_exits_timeouts_and_failed_starts() {
    let rig = Rig::new();
    let mut receiver = Datagrams::new(rig.path("socket"));
    let dmon = start_service(&rig, "dsyslog --to ./socket svc");
    let messages = receiver.all(&dmon);
    wait_service(dmon);
    check(&messages.iter().map(|message| message.text()).collect::<Vec<_>>());
}

#[test]
fn a_daemon_logs_its_events_and_reports_nothing() {
    let rig = Rig::new();
    rig.write_program("svc", SERVICE);
    rig.run(format!("dmon {OPTIONS} svc -- dlog f")).exits(0).reports_nothing();
    rig.wait_no_processes();
    check(&lines(&rig.bytes("f")));
}

#[test]
fn events_go_to_stderr_as_well_with_verbose() {
    let rig = Rig::new();
    for (options, in_log, on_stderr) in [
        // The exit of the logger cannot be in its log.
        ("-v --log-events", 3, 4),
        ("--log-events", 3, 0),
        ("--log-events --no-log-events", 0, 0),
        ("-v", 0, 4),
    ] {
        rig.write("f", "");
        let done = rig.run(format!("dmon -n -1 {options} true -- dlog f")).exits(0);
        assert_eq!(done.err.lines().count(), on_stderr, "{options}: {done}");
        let log = rig.read("f");
        assert_eq!(log.lines().count(), in_log, "{options}: {log}");
    }
}

#[test]
fn the_log_has_each_exit_of_the_logger() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n --log-events sleep 1000 -- dlog f");
    rig.wait_lines("f", 2);
    for round in 1..=2 {
        let log = rig.child(dmon.pid(), "dlog");
        signal(log, Signal::SIGKILL);
        let next = rig.next_child(dmon.pid(), log, "dlog");
        rig.wait_lines("f", 2 + 2 * round);
        let text = rig.read("f");
        let last: Vec<_> = text.lines().skip(2 * round).collect();
        let exited = format!("dmon: log {log} exited by signal 9");
        assert_eq!(last, [exited, format!("dmon: log {next} started")]);
    }
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143).reports_nothing();
    let text = rig.read("f");
    let last: Vec<_> = text.lines().skip(6).collect();
    assert!(last[0].ends_with(" stopping") && last[1].contains(" exited by signal 15 after "));
}

#[test]
fn a_failed_first_start_is_reported_once() {
    let rig = Rig::new();
    for daemon in ["", "-n"] {
        rig.run(format!("dmon {daemon} --log-events absent -- dlog f"))
            .exits(127)
            .reports("dmon", &["cannot execute absent"]);
        let log = rig.read("f");
        assert!(log.contains(" started\ndmon: cannot execute absent: No such"), "{log}");
        rig.run(format!("dmon {daemon} --log-events touch ran -- absent"))
            .exits(127)
            .reports("dmon", &["cannot execute absent"]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn log_events_without_a_log_command_are_an_error() {
    let rig = Rig::new();
    rig.run("dmon -n --log-events touch ran")
        .exits(125)
        .reports("dmon", &["option --log-events requires a log command"]);
    assert!(!rig.has("ran"));
}

/// Waits until the command, a seq(1), waits for the suspended logger. Returns its PID.
fn wait_full_pipe(rig: &Rig, dmon: i32) -> i32 {
    rig.wait_for_some("a full pipe", || {
        let is_blocked =
            |pid| proc::state(pid) == Some('S') && command_line(pid).starts_with("seq");
        proc::children(dmon).into_iter().map(|child| child.pid).find(|pid| is_blocked(*pid))
    })
}

/// The logger is suspended and its pipe full: a message that would wait is lost.
#[test]
fn a_suspended_logger_delays_no_restart_and_no_stop() {
    let rig = Rig::new();
    let command = "sh -c 'echo >>runs; exec seq 1 90000'";
    let dmon = rig.start(format!("dmon -n --log-events -d 0.05 {command} -- dlog f"));
    let log = rig.child(dmon.pid(), "dlog");
    signal(log, Signal::SIGSTOP);
    rig.wait_state(log, 'T');
    for _ in 0..3 {
        let cmd = wait_full_pipe(&rig, dmon.pid());
        let runs = rig.lines("runs");
        signal(cmd, Signal::SIGKILL);
        rig.wait_lines("runs", runs + 1);
    }
    let cmd = wait_full_pipe(&rig, dmon.pid());
    dmon.signal(Signal::SIGTERM);
    rig.wait_gone(cmd);
    signal(log, Signal::SIGCONT);
    dmon.wait().exits(143).reports_nothing();
    // A message is whole, or not there. It may be inside an unfinished line, whose newline then follows.
    for line in rig.read("f").lines() {
        let Some((_, message)) = line.split_once("dmon: ") else {
            assert!(line.is_empty() || line.parse::<u64>().is_ok(), "{line:?}");
            continue;
        };
        let words: Vec<_> = message.split(' ').collect();
        let is_whole = ["cmd", "log"].contains(&words[0]) && words[1].parse::<u32>().is_ok();
        let is_end = ["started", "stopping"].contains(&words[2]) || message.ends_with('s');
        assert!(is_whole && is_end, "{line:?}");
    }
}

#[test]
fn a_suspended_logger_delays_no_pause() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 1.0) else {
        return;
    };
    let command = "sh -c 'until test -e go; do sleep 0.02; done; exec seq 1 90000'";
    let dmon = rig.start(format!("{load} dmon -n --log-events -L 4 {command} -- dlog f"));
    let log = rig.child(dmon.pid(), "dlog");
    signal(log, Signal::SIGSTOP);
    rig.wait_state(log, 'T');
    rig.write("go", "");
    let cmd = wait_full_pipe(&rig, dmon.pid());
    load.set(9.0);
    rig.wait_state(cmd, 'T');
    load.set(1.0);
    rig.wait_state(cmd, 'S');
    signal(log, Signal::SIGCONT);
    // It is paused no longer, and continues.
    rig.wait_for("the last line", || rig.read("f").contains("\n90000\n"));
    dmon.signal(Signal::SIGTERM);
    dmon.wait();
}

#[test]
fn the_log_has_pauses_with_the_load() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 4.21) else {
        return;
    };
    let dmon = rig.start(format!("{load} dmon -n --log-events -L 4 sleep 1000 -- dlog f"));
    rig.wait_lines("f", 3);
    load.set(1.9);
    rig.wait_lines("f", 4);
    let lines = normalize(&rig.read("f"));
    assert_eq!(lines[2..], ["cmd B paused, load 4.21", "cmd B resumed, load 1.90"]);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
}

//! Signals to dmon with an effect of their own (`--on-signal`): restart, pause, resume, another signal.

use crate::rig::{Rig, assert_stays, proc, signal, tools, words_as_letters};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

#[test]
fn a_restart_by_signal_is_no_failure_and_not_counted() {
    let rig = Rig::new();
    // No restart is allowed, and a failure would wait for 99 seconds.
    let options = "-n -m 0 -d 99 -s --on-signal HUP=restart";
    let dmon = rig.start(format!("dmon {options} -I st sh -c 'echo >>runs; exec sleep 1000'"));
    let mut cmd = rig.child(dmon.pid(), "sleep 1000");
    for runs in 2..=3 {
        dmon.signal(Signal::SIGHUP);
        cmd = rig.next_child(dmon.pid(), cmd, "sleep 1000");
        assert_eq!(rig.lines("runs"), runs);
    }
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143).reports_nothing();
    let lines = words_as_letters(&rig.read("st"), 2);
    let run =
        |run| [format!("cmd start {run}"), format!("cmd stop {run}"), format!("cmd exit {run} 15")];
    assert_eq!(lines, [run('A'), run('B'), run('C')].concat());
}

#[test]
fn a_restart_by_signal_kills_a_command_that_ignores_sigterm() {
    let rig = Rig::new();
    let command = "trap \"\" TERM; echo >>runs; while :; do sleep 0.05; done";
    let dmon =
        rig.start(format!("dmon -n -k 0.2 --on-signal ALRM=restart -I st sh -c '{command}'"));
    rig.wait_lines("runs", 1);
    dmon.signal(Signal::SIGALRM);
    rig.wait_lines("runs", 2);
    let lines = words_as_letters(&rig.read("st"), 2);
    assert_eq!(lines[..4], ["cmd start A", "cmd stop A", "cmd kill A", "cmd exit A 9"]);
    dmon.kill();
}

#[test]
fn a_restart_by_signal_ends_the_wait_for_the_next_run() {
    let rig = Rig::new();
    let started = Instant::now();
    let dmon =
        rig.start("dmon -n -d 99 --on-signal USR1=restart -I st sh -c 'echo >>runs; exit 3'");
    for runs in 1..=3 {
        rig.wait_lines("runs", runs);
        rig.wait_lines("st", 2 * runs);
        dmon.signal(Signal::SIGUSR1);
    }
    rig.wait_lines("runs", 4);
    // At least one second between two starts.
    assert!(started.elapsed() > Duration::from_secs(3));
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(3);
}

#[test]
fn a_pause_by_signal_stops_the_clock_and_survives_a_restart() {
    let rig = Rig::new();
    let signals = "--on-signal USR1=pause --on-signal USR2=resume --on-signal HUP=restart";
    let dmon = rig.start(format!("dmon -n -d 0 -t 2 {signals} -I st sleep 1000"));
    let cmd = rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGUSR1);
    rig.wait_state(cmd, 'T');
    assert_stays(Duration::from_secs(3), || proc::state(cmd));
    signal(cmd, Signal::SIGKILL);
    let cmd = rig.next_child(dmon.pid(), cmd, "sleep 1000");
    rig.wait_state(cmd, 'T');
    dmon.signal(Signal::SIGHUP);
    let cmd = rig.next_child(dmon.pid(), cmd, "sleep 1000");
    rig.wait_state(cmd, 'S');
    dmon.signal(Signal::SIGUSR1);
    rig.wait_state(cmd, 'T');
    dmon.signal(Signal::SIGUSR2);
    rig.wait_for("the timeout", || rig.read("st").contains(&format!("cmd timeout {cmd}\n")));
    let text = rig.read("st");
    assert_eq!(text.matches("timeout").count(), 1, "{text}");
    assert!(text.contains(&format!("cmd pause {cmd}\ncmd resume {cmd}\n")), "{text}");
    dmon.kill();
}

#[test]
fn sigterm_stops_a_command_that_a_signal_has_paused() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -k 0 --on-signal QUIT=pause sleep 1000");
    let cmd = rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGQUIT);
    rig.wait_state(cmd, 'T');
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
}

/// A command that writes the names of the signals that it receives.
const RECEIVER: &str = "for s in HUP USR1 USR2 WINCH; do trap \"echo $s >>$0\" $s; done; \
    echo ready >>$0; while :; do sleep 0.05; done";

#[test]
fn signals_are_translated_for_the_command_only() {
    let rig = Rig::new();
    let options = "-n -s -S --on-signal USR1=HUP --on-signal WINCH=WINCH --on-signal PWR=USR2";
    rig.write("receiver", RECEIVER);
    let dmon = rig.start(format!("dmon {options} sh receiver -- sh -c '{RECEIVER}' log"));
    for file in ["receiver", "log"] {
        rig.wait_for("both to be ready", || rig.read(file).ends_with("ready\n"));
    }
    for (sent, to_cmd, to_log) in [
        (Signal::SIGUSR1, "HUP\n", "USR1\n"),
        (Signal::SIGWINCH, "WINCH\n", ""),
        (Signal::SIGPWR, "USR2\n", ""),
        // Without the option it is forwarded as it is.
        (Signal::SIGUSR2, "USR2\n", "USR2\n"),
    ] {
        let before = ["receiver", "log"].map(|file| rig.read(file));
        dmon.signal(sent);
        for ((file, text), added) in
            ["receiver", "log"].into_iter().zip(before).zip([to_cmd, to_log])
        {
            rig.wait_for(format!("{sent} in {file}"), || rig.read(file) == text.clone() + added);
        }
    }
    dmon.signal(Signal::SIGTERM);
    dmon.wait();
}

#[test]
fn real_time_signals_count_from_34() {
    if !tools::is_native("real-time signals have other numbers") {
        return;
    }
    let rig = Rig::new();
    let dmon = rig.start(
        "dmon -n --on-signal RTMIN=pause --on-signal RTMIN+30=resume --on-signal 40=USR1 -I st sleep 1000",
    );
    let cmd = rig.child(dmon.pid(), "sleep 1000");
    rig.wait_lines("st", 1);
    for (number, line) in [(34, "pause"), (64, "resume"), (40, "signal")] {
        rig.run(format!("kill -{number} {}", dmon.pid())).exits(0);
        rig.wait_for(line, || rig.read("st").contains(&format!("cmd {line} {cmd}")));
    }
    dmon.kill();
}

#[test]
fn signals_that_dmon_needs_have_no_other_effect() {
    let rig = Rig::new();
    for bad in [
        "TERM=restart",
        "INT=HUP",
        "CHLD=pause",
        "CONT=resume",
        "TSTP=pause",
        "KILL=HUP",
        "STOP=HUP",
        "SEGV=restart",
        "PIPE=HUP",
        "HUP",
        "HUP=",
        "=restart",
        "HUP=begin",
        "FOO=HUP",
        "RTMIN+31=HUP",
        "HUP=restart=1",
        "0=HUP",
        "65=HUP",
        "''",
    ] {
        rig.run(format!("dmon -n --on-signal {bad} touch ran"))
            .exits(125)
            .reports("dmon", &["option --on-signal: ", "RTMIN+N"]);
    }
    assert!(!rig.has("ran"));
}

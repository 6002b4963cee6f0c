//! The messages of `-v`: the events of the status lines as text.

use crate::rig::load::Load;
use crate::rig::screen::Screen;
use crate::rig::{Rig, signal, tools, words_as_letters};
use nix::sys::signal::Signal;

/// Removes the prefix `dmon: `, and replaces each PID by a letter and each time by `T`.
pub fn normalize(text: &str) -> Vec<String> {
    let normalize = |line: String| {
        let line = line.strip_prefix("dmon: ").unwrap_or_else(|| panic!("no message: {line:?}"));
        let mut words: Vec<&str> = line.split(' ').collect();
        if let Some(at) = words.iter().position(|word| *word == "after") {
            assert!(seconds(words[at + 1]).is_some(), "no time: {line:?}");
            words[at + 1] = if words[at + 1].ends_with(',') { "T," } else { "T" };
        }
        words.join(" ")
    };
    words_as_letters(text, 2).into_iter().map(normalize).collect()
}

/// Parses `12.34s`, or the same with a comma.
fn seconds(word: &str) -> Option<f64> {
    let number = word.trim_end_matches(',').strip_suffix('s')?;
    let decimals = number.split('.').nth(1)?.len();
    number.parse().ok().filter(|_| decimals == 2)
}

#[test]
fn verbose_reports_starts_and_exits_with_their_duration() {
    let rig = Rig::new();
    let done = rig.run("dmon -n -v -m 1 -d 0 sh -c 'sleep 0.3; exit 3' -- dlog f").exits(3);
    assert_eq!(
        normalize(&done.err),
        [
            "log A started",
            "cmd B started",
            "cmd B exited with 3 after T",
            "cmd C started",
            "cmd C exited with 3 after T",
            "log A exited with 0",
        ]
    );
    let first = done.err.lines().find(|line| line.contains("after")).expect("an exit message");
    let time = first.rsplit(' ').next().and_then(seconds).expect("a duration");
    assert!((0.3..done.took.as_secs_f64()).contains(&time), "{first}");
}

#[test]
fn without_verbose_no_event_is_reported() {
    let rig = Rig::new();
    rig.run("dmon -n -m 1 -d 0 false -- dlog f").exits(1).reports_nothing();
    rig.run("dmon -n -v --no-verbose -m 1 -d 0 false").exits(1).reports_nothing();
}

#[test]
fn verbose_does_not_change_the_status_lines() {
    let rig = Rig::new();
    rig.run("dmon -n -v -m 0 -I st sh -c 'exit 3'").exits(3);
    let text = rig.read("st");
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    assert!(
        matches!(fields[..], ["cmd", "start", a, "cmd", "exit", b, "768"] if a == b),
        "{text:?}"
    );
}

#[test]
fn verbose_reports_the_stop_and_the_fatal_signal() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -v sleep 1000");
    rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGTERM);
    let done = dmon.wait().exits(143);
    let lines = normalize(&done.err);
    assert_eq!(lines, ["cmd A started", "cmd A stopping", "cmd A exited by signal 15 after T"]);
}

#[test]
fn verbose_reports_timeout_and_sigkill() {
    let rig = Rig::new();
    let line = "trap \"\" TERM; while :; do sleep 0.05; done";
    let done = rig.run(format!("dmon -n -v -m 0 -t 0.5 -k 0.2 sh -c '{line}'")).exits(124);
    assert_eq!(
        normalize(&done.err),
        [
            "cmd A started",
            "cmd A timeout, stopping",
            "cmd A killed",
            "cmd A exited by signal 9 after T"
        ]
    );
}

#[test]
fn verbose_reports_forwarded_signals() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -v -s sleep 1000");
    rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGUSR1);
    let number = tools::signal_number(Signal::SIGUSR1);
    rig.wait_for("the signal", || dmon.err().contains(&format!("signalled with {number} after ")));
    dmon.kill();
}

#[test]
fn verbose_reports_pause_and_resume_with_the_load() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 4.21) else {
        return;
    };
    let dmon = rig.start(format!("{load} dmon -n -v -L 4 sleep 1000"));
    rig.wait_for("the pause", || dmon.err().lines().count() == 2);
    load.set(1.9);
    rig.wait_for("the resume", || dmon.err().lines().count() == 3);
    let lines = ["cmd A started, load 4.21", "cmd A paused, load 4.21", "cmd A resumed, load 1.90"];
    assert_eq!(normalize(&dmon.err()), lines);
    dmon.kill();
}

#[test]
fn verbose_messages_appear_on_a_terminal_with_tostop() {
    let rig = Rig::new();
    let (Some(load), Some(screen)) = (Load::new(&rig, 1.0), Screen::new(&rig, "bash")) else {
        return;
    };
    // With `tostop`, a background process that writes gets SIGTTOU: dmon while the command has the terminal.
    screen.enter("stty tostop");
    screen.enter(&format!("{load} dmon -n -v -L 4 sleep 1000"));
    screen.wait_output("started, load 1.00");
    load.set(9.0);
    screen.wait_output("paused, load 9.00");
    load.set(0.5);
    screen.wait_output("resumed, load 0.50");
    screen.type_in("\x03");
    screen.wait_output("exited by signal 2 after ");
}

#[test]
fn a_daemon_is_verbose_until_startup_is_complete() {
    let rig = Rig::new();
    let done = rig.run("dmon -v -p pid sleep 1000 -- sleep 2000").exits(0);
    assert_eq!(normalize(&done.err), ["log A started", "cmd B started"]);
    signal(rig.pid_in("pid"), Signal::SIGTERM);
    rig.wait_no_processes();
}

//! dpty under dmon: shutdown, restarts, users.

use crate::rig::accounts::{ALICE, Accounts};
use crate::rig::{Rig, assert_same, command_line, numbers, pace, proc, scaled, signal};
use nix::sys::signal::Signal;
use std::time::Duration;

/// A log command that reads nothing until the file `go` exists.
const LATE_LOG: &str = "sh -c 'until test -e go; do sleep 0.02; done; exec cat >f'";

#[test]
fn a_stopped_command_loses_none_of_20001_lines() {
    let rig = Rig::new();
    let command =
        r#"sh -c 'trap "seq 20001; exit 0" TERM; echo >up; while :; do sleep 0.05; done'"#;
    for log in ["dlog f", LATE_LOG] {
        rig.shell("rm -f up f go").exits(0);
        let dmon = rig.start(format!("dmon -n -k 1000 -D 1000 dpty {command} -- {log}"));
        rig.wait_file("up");
        dmon.signal(Signal::SIGTERM);
        rig.write("go", "");
        dmon.wait().exits(0);
        assert_same(&rig.bytes("f"), numbers(20001).as_bytes(), log);
        rig.assert_no_processes();
    }
}

#[test]
fn the_output_before_a_sigkill_is_complete() {
    let rig = Rig::new();
    // The pipe is full: the copier holds the rest when SIGKILL arrives, at the process group of the command.
    let text = "trap \"\" TERM; seq 13000; printf end; echo $$ >up; while :; do sleep 0.05; done";
    let dmon = rig.start(format!("dmon -n -k 5 -D 1000 dpty sh -c '{text}' -- {LATE_LOG}"));
    rig.wait_lines("up", 1);
    let command = rig.pid_in("up");
    // SAFETY: the arguments are numbers.
    assert_eq!(unsafe { nix::libc::kill(-command, nix::libc::SIGKILL) }, 0);
    rig.wait_dead(command);
    dmon.signal(Signal::SIGTERM);
    rig.write("go", "");
    dmon.wait().exits(137);
    assert_same(&rig.bytes("f"), format!("{}end", numbers(13000)).as_bytes(), "the log");
}

#[test]
fn each_line_of_a_crash_is_in_the_log() {
    let rig = Rig::new();
    let producers = super::producers(&rig);
    for producer in &producers {
        rig.shell("rm -f f").exits(0);
        rig.run(format!("dmon -n -m 0 dpty {producer} crash -- dlog f")).exits(139);
        assert_eq!(rig.read("f"), "one\ntwo\nthree\n", "{producer}");
    }
}

#[test]
fn restarts_of_both_sides_neither_lose_nor_double_lines() {
    let rig = Rig::new();
    rig.write(
        "command",
        "n=$(($(cat n) + 0)); seq $((n + 1)) $((n + 200)); echo $((n + 200)) >n; test -t 1 || echo no\n\
         kill -$(cut -d ' ' -f $((n % 3 + 1)) signals) $$\n",
    );
    rig.write("n", "0");
    rig.write("signals", "KILL SEGV TERM");
    let runs = scaled(40, 1000);
    let options = format!("-n -d 0.1 -m {}", runs - 1);
    let dmon = rig.start(format!("dmon {options} dpty sh command -- dlog f"));
    // The last runs are for a logger that nothing stops: dmon starts only one more for the rest of the pipe.
    while rig.read("n").trim().parse().unwrap_or(0) < (runs - 10) * 200 {
        // Before its exec the child is not yet dlog, which stores its input when it receives SIGTERM.
        let children = proc::children(dmon.pid()).into_iter();
        let loggers = children.filter(|child| command_line(child.pid) == "dlog f");
        loggers.for_each(|logger| signal(logger.pid, Signal::SIGTERM));
        pace(Duration::from_millis(150));
    }
    dmon.wait();
    assert_same(&rig.bytes("f"), numbers(runs * 200).as_bytes(), "the log");
    rig.assert_no_processes();
}

#[test]
fn the_terminal_belongs_to_the_user_of_the_command() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.share_with_all_users();
    // A terminal is opened again by its name, which requires permission.
    let script = "id -u; test -t 1; echo $?; echo again >/dev/stdout";
    let line = format!("{accounts} dmon -n -m 0 -u alice dpty sh -c '{script}' -- dlog f");
    rig.run(line).exits(0).reports_nothing();
    assert_eq!(rig.read("f"), format!("{ALICE}\n0\nagain\n"));
}

#[test]
fn a_time_limit_counts_for_the_command() {
    let rig = Rig::new();
    let line = "dmon -n -m 0 -t 0.3 dpty sh -c 'echo begins; exec sleep 1000' -- dlog f";
    rig.run(line).exits(124);
    assert_eq!(rig.read("f"), "begins\n");
    rig.assert_no_processes();
}

#[test]
fn a_paused_command_has_its_lines_in_the_log() {
    let rig = Rig::new();
    let script = "echo $$ >up; until test -e go; do sleep 0.02; done; echo line; kill -STOP 0";
    let dmon = rig.start(format!("dmon -n dpty sh -c '{script}' -- dlog f"));
    rig.wait_lines("up", 1);
    rig.write("go", "");
    rig.wait_state(rig.pid_in("up"), 'T');
    rig.wait_lines("f", 1);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
}

//! The command that follows each run: `--finish`.

use crate::rig::{Rig, assert_stays, proc, quoted, tools, words_as_letters};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// Returns the option for a shell script.
fn finish(script: &str) -> String {
    format!("--finish {}", quoted(&format!("sh -c '{script}'")))
}

#[test]
fn a_finish_command_follows_each_run() {
    let rig = Rig::new();
    let finish = finish("echo finish $DMON_STATUS $DMON_WHY >>log");
    let command = "sh -c 'echo run >>log; exit 3'";
    rig.run(format!("dmon -n -m 2 -I st {finish} {command}")).exits(3).reports_nothing();
    assert_eq!(rig.read("log"), "run\nfinish 3 exit\n".repeat(3));
    let run = ["cmd start A", "cmd exit A 768", "finish start B", "finish exit B 0"];
    assert_eq!(words_as_letters(&rig.read("st"), 2)[..4], run);
    // A success is followed by it, too.
    rig.run(format!("dmon -n -1 {finish} true")).exits(0).reports_nothing();
    assert!(rig.read("log").ends_with("finish 0 exit\n"));
}

#[test]
fn a_finish_command_is_told_how_the_run_ended() {
    let rig = Rig::new();
    let finish = finish("echo $DMON_STATUS $DMON_WHY >>log");
    rig.run(format!("dmon -n -m 0 -x 24 {finish} sh -c 'exit 24'")).exits(0);
    rig.run(format!("dmon -n -m 0 {finish} sh -c 'kill -9 $$'")).exits(137);
    rig.run(format!("dmon -n -m 0 -t 0.2 {finish} sleep 1000")).exits(124);
    let ignores = "sh -c 'trap \"\" TERM; while :; do sleep 0.05; done'";
    rig.run(format!("dmon -n -m 0 -t 0.2 -k 0.2 {finish} {ignores}")).exits(124);
    let dmon = rig.start(format!("dmon -n {finish} sleep 1000"));
    rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    let dmon = rig.start(format!("dmon -n --on-signal HUP=restart {finish} sleep 1000"));
    let cmd = rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGHUP);
    rig.next_child(dmon.pid(), cmd, "sleep 1000");
    dmon.kill();
    let all = "24 exit\n137 signal\n143 timeout\n137 timeout\n143 stop\n143 stop\n";
    assert_eq!(rig.read("log"), all);
}

#[test]
fn no_process_of_the_run_is_left_when_a_finish_command_starts() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.write(
        "leaves",
        "setsid sh -c 'echo $$ >pid; exec sleep 1000' & \nuntil test -s pid; do :; done; exit 1",
    );
    let finish = finish("kill -0 $(cat pid) 2>&1 || echo gone >>log");
    rig.run(format!("dmon -n -m 0 {finish} sh leaves")).exits(1).reports_nothing();
    assert_eq!(rig.read("log"), "gone\n");
}

/// Its stop signal is not that of the command, and its own processes are stopped before the next run.
#[test]
fn processes_of_a_finish_command_are_stopped() {
    let rig = Rig::new();
    let finish = finish("sleep 1000 & echo $! >pid");
    // A zombie is dead.
    let command =
        "sh -c 'grep -qs \"^State:.[RST]\" /proc/$(cat pid)/status && echo beside >>log; exit 1'";
    rig.write("pid", "0");
    let started = Instant::now();
    rig.run(format!("dmon -n -m 1 {finish} {command}")).exits(1).reports_nothing();
    assert!(!rig.has("log") && started.elapsed() < Duration::from_secs(8));
    rig.assert_no_processes();
}

#[test]
fn a_finish_command_that_hangs_is_killed() {
    let rig = Rig::new();
    let finish = finish("trap \"\" TERM; echo >>up; while :; do sleep 0.05; done");
    let dmon = rig.start(format!("dmon -n -d 0 -k 0.5 -I st {finish} sh -c 'echo >>runs'"));
    rig.wait_lines("runs", 3);
    let kinds = words_as_letters(&rig.read("st"), 2);
    let run = ["cmd start A", "cmd exit A 0", "finish start B", "finish kill B", "finish exit B 9"];
    assert_eq!(kinds[..5], run);
    dmon.kill();
    // With `-k 0`, too, after ten seconds; a second SIGTERM kills it now.
    rig.shell("rm up").exits(0);
    let dmon = rig.start(format!("dmon -n -k 0 {finish} true"));
    rig.wait_file("up");
    dmon.signal(Signal::SIGTERM);
    assert_stays(Duration::from_millis(300), || dmon.is_running());
    let second = Instant::now();
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(0);
    assert!(second.elapsed() < Duration::from_secs(8), "{:?}", second.elapsed());
}

#[test]
fn sigterm_waits_for_a_finish_command() {
    let rig = Rig::new();
    let finish = finish("echo >up; until test -e go; do sleep 0.05; done; echo done");
    let dmon = rig.start(format!("dmon -n -I st {finish} sh -c 'exit 3' -- dlog log"));
    rig.wait_file("up");
    dmon.signal(Signal::SIGTERM);
    assert_stays(Duration::from_millis(500), || dmon.is_running());
    rig.write("go", "");
    dmon.wait().exits(3);
    // Its output is in the log.
    assert_eq!(rig.read("log"), "done\n");
    assert_eq!(rig.read("st").matches("cmd start").count(), 1);
}

#[test]
fn a_restart_by_signal_waits_for_a_finish_command() {
    let rig = Rig::new();
    let finish = finish("echo >up; until test -e go; do sleep 0.05; done; echo finish >>log");
    let command = "sh -c 'echo run >>log; exit 3'";
    let options = "-n -d 99 --on-signal HUP=restart";
    let dmon = rig.start(format!("dmon {options} {finish} {command}"));
    rig.wait_file("up");
    dmon.signal(Signal::SIGHUP);
    assert_stays(Duration::from_millis(1500), || rig.read("log"));
    rig.write("go", "");
    rig.wait_lines("log", 4);
    assert_eq!(rig.read("log"), "run\nfinish\nrun\nfinish\n");
    dmon.kill();
}

#[test]
fn a_failure_of_a_finish_command_is_reported_once_and_changes_nothing() {
    let rig = Rig::new();
    let command = "sh -c 'echo >>runs; exit 3'";
    let done = rig.run(format!("dmon -n -m 2 --finish /none/such {command}")).exits(3);
    done.reports("dmon", &["cannot execute /none/such"]);
    let done = rig.run(format!("dmon -n -m 2 --finish false {command}")).exits(3);
    done.reports("dmon", &["finish ", "exited with 1"]);
    assert_eq!(rig.lines("runs"), 6);
    // It does not follow a start that failed.
    let finish = finish("echo >>finish");
    rig.write_executable("once", "#!/bin/sh\nrm -f once; exit 5\n");
    rig.run(format!("dmon -n -m 1 {finish} ./once")).exits(127);
    assert_eq!(rig.lines("finish"), 1);
}

#[test]
fn a_finish_command_has_the_user_and_the_files_of_dmon() {
    let rig = Rig::new();
    let finish = finish("readlink /proc/self/fd/0; id -u; ulimit -n; env");
    let user = if tools::is_root() { "-u 1" } else { "" };
    let dmon = format!(
        "env -i PATH=$PATH DMON_STATUS=x DMON_WHY=y dmon -n -m 0 -r nofile=99 {user} {finish}"
    );
    let done = rig.shell(format!("{dmon} sh -c 'exit 3' </etc/passwd")).exits(3).reports_nothing();
    let lines: Vec<&str> = done.out.lines().collect();
    let own = rig.shell("id -u; ulimit -n").out;
    assert_eq!(lines[0], "/dev/null");
    assert_eq!(format!("{}\n{}\n", lines[1], lines[2]), own);
    let has = |text: &str| lines.iter().filter(|line| line.starts_with(text)).count();
    assert_eq!((has("DMON_STATUS=3"), has("DMON_WHY=exit"), has("DMON_")), (1, 1, 2), "{done}");
}

#[test]
fn a_finish_command_leads_its_own_process_group() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n --finish 'sleep 1000' true");
    let pid = rig.child(dmon.pid(), "sleep 1000");
    assert_eq!(proc::process(pid).map(|process| process.group), Some(pid));
    dmon.kill();
}

#[test]
fn words_of_a_finish_command_may_be_quoted() {
    let rig = Rig::new();
    let line = quoted("printf \"%s|\" a 'b  c' \"d'\" ''");
    let done = rig.run(format!("dmon -n -m 0 --finish {line} true")).exits(0);
    assert_eq!(done.out, "a|b  c|d'||");
    let words = "x ".repeat(63);
    let done = rig.run(format!("dmon -n -m 0 --finish 'echo {words}' true")).exits(0);
    assert_eq!(done.out.trim(), words.trim());
    // The last one counts.
    let done = rig.run("dmon -n -m 0 --finish '\"' --finish 'echo b' true").exits(0);
    assert_eq!(done.out, "b\n");
}

#[test]
fn a_finish_command_does_not_use_the_space_of_options() {
    let rig = Rig::new();
    rig.write("conf", "no-daemon\n");
    let line = "DMON_OPTIONS='-m 0' dmon -C conf --finish 'echo finish' echo run";
    let done = rig.shell(line).exits(0).reports_nothing();
    assert_eq!(done.out, "run\nfinish\n");
}

#[test]
fn a_wrong_finish_command_is_reported_at_the_start() {
    let rig = Rig::new();
    let many = "x ".repeat(65);
    let long = "x".repeat(17_000);
    for (line, reason) in [
        ("", "1 to 64 words"),
        (" \t", "1 to 64 words"),
        (&many, "1 to 64 words"),
        (&long, "16384 bytes"),
        ("a 'b", "the quote is not closed"),
    ] {
        let done = rig.run(format!("dmon -n --finish {} true", quoted(line))).exits(125);
        done.reports("dmon", &["--finish", reason]);
    }
    rig.run("dmon --check --finish '/none/such x' true")
        .exits(125)
        .reports("dmon", &["cannot execute /none/such"]);
    rig.run("dmon --check --finish 'true x' true").exits(0).reports_nothing();
}

//! The session of a dmon with a pid file: the next dmon recognises the processes of a killed one by it.

use crate::rig::pty::Pty;
use crate::rig::{Rig, proc, signal, tools};
use nix::sys::signal::Signal;

fn session(pid: i32) -> i32 {
    proc::process(pid).expect("the process").session
}

#[test]
fn with_a_pid_file_dmon_leads_a_session_in_the_foreground() {
    let rig = Rig::new();
    let own = session(std::process::id().cast_signed());
    for (options, leads) in [("", false), ("-p pid", true)] {
        let dmon = rig.start(format!("dmon -n {options} sleep 1000 -- sleep 2000"));
        let expected = if leads { dmon.pid() } else { own };
        for pid in
            [dmon.pid(), rig.child(dmon.pid(), "sleep 1000"), rig.child(dmon.pid(), "sleep 2000")]
        {
            assert_eq!(session(pid), expected, "{options}");
        }
    }
}

/// It cannot begin a session (setsid(2)).
#[test]
fn a_process_group_leader_runs_in_the_session_of_its_parent() {
    if !tools::has(&["perl"]) {
        return;
    }
    let rig = Rig::new();
    let line =
        "perl -e 'setpgrp; exec @ARGV' dmon -n -p pid sh -c 'echo $$ >>runs; exec sleep 1000'";
    let first = rig.start(line);
    rig.wait_lines("runs", 1);
    assert_eq!(session(first.pid()), session(std::process::id().cast_signed()));
    let command = rig.child(first.pid(), "sleep 1000");
    first.signal(Signal::SIGKILL);
    rig.wait_dead(command);
    first.wait();
    let second = rig.start(line);
    rig.wait_lines("runs", 2);
    assert_eq!(rig.pid_in("pid"), second.pid());
    assert_eq!(rig.processes_called("sleep 1000").len(), 1);
    second.signal(Signal::SIGTERM);
    second.wait().exits(143).reports_nothing();
}

/// Otherwise Ctrl-C would no longer reach it. Its standard descriptors need not be the terminal.
#[test]
fn dmon_keeps_its_controlling_terminal() {
    let rig = Rig::new();
    let redirected = "setsid -c sh -c 'dmon -n -p pid sleep 1000 </dev/null >out 2>&1; :'";
    let shell = Pty::new(&rig, redirected);
    let dmon = rig.child(shell.pid(), "dmon -n");
    rig.child(dmon, "sleep 1000");
    assert_eq!(session(dmon), shell.pid());
    signal(dmon, Signal::SIGTERM);
    shell.wait();
}

/// A command that signals its process group reaches its own children and not dmon.
#[test]
fn kill_0_in_the_command_does_not_reach_dmon() {
    let rig = Rig::new();
    let child = r#"sh -c "echo >up; exec sleep 1000""#;
    let command = format!(
        "rm -f up; trap : TERM; {child} & until test -e up; do sleep 0.02; done
        kill 0; wait; echo >>runs; exit 3"
    );
    rig.run(format!("dmon -n -d 0.1 -m 2 -p pid sh -c '{command}' -- dlog f")).exits(3);
    assert_eq!(rig.lines("runs"), 3);
    rig.wait_no_processes();
}

/// An entry script: `kill 0` signals the script's process group, which a dmon with a pid file has left.
#[test]
fn an_entry_script_stops_dmon_by_its_pid_or_its_group() {
    let rig = Rig::new();
    let service =
        r#"sh -c 'trap "echo end >>ended; exit" TERM; echo >>up; while :; do sleep 0.05; done'"#;
    for (round, (options, stop)) in
        [("", "trap \"\" TERM; kill 0"), ("-p pid", "kill $(cat pid)"), ("-p pid", "kill $!")]
            .into_iter()
            .enumerate()
    {
        rig.write(
            "entry",
            format!("trap '{stop}' TERM\ndmon -n {options} {service} &\nwait; wait\n"),
        );
        let entry = rig.start("setsid sh entry");
        rig.wait_lines("up", round + 1);
        entry.signal(Signal::SIGTERM);
        entry.wait();
        rig.wait_no_processes();
        assert_eq!(rig.lines("ended"), round + 1, "{options}: {stop}");
    }
}

//! Which processes of a run are stopped (`--kill-mode`).
//!
//! Leftovers in other sessions require Linux 3.4 (PR_SET_CHILD_SUBREAPER).

use crate::rig::load::Load;
use crate::rig::{Rig, Running, proc, signal, tools};
use nix::sys::signal::Signal;

/// A worker appends a line to `up` when it is ready, and to `got` for each SIGTERM. It exits when the file `go` exists.
const WORKER: &str = r#"sub note { open(my $to, '>>', $_[0]); syswrite $to, "x\n"; }
$SIG{TERM} = sub { note('got') };
note('up');
until (-e 'go') { select(undef, undef, undef, 0.05) }
"#;

/// Starts dmon with a master that has a worker in its process group and one in another session. `master`: its last line.
fn start_master<'a>(rig: &'a Rig, options: &str, master: &str) -> Option<Running<'a>> {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return None;
    }
    rig.write("worker", WORKER);
    let workers =
        "perl worker & setsid perl worker & until test $(wc -l <up) -ge 2; do sleep 0.02; done";
    rig.write("up", "");
    rig.write("master", format!("{workers}\n{master}\n"));
    let dmon = rig.start(format!("dmon -n {options} sh master"));
    rig.wait_lines("up", 2);
    Some(dmon)
}

fn workers(rig: &Rig) -> usize {
    rig.processes_called("perl worker").len()
}

#[test]
fn mixed_lets_workers_finish_their_jobs() {
    for options in ["-k 1000", "-k 0", "-k 1000 -t 2 -m 0"] {
        let rig = Rig::new();
        let options = format!("--kill-mode mixed {options}");
        let Some(dmon) = start_master(&rig, &options, "exec sleep 1000") else {
            return;
        };
        let master = rig.child(dmon.pid(), "sleep 1000");
        if !options.contains("-t") {
            dmon.signal(Signal::SIGTERM);
        }
        rig.wait_gone(master);
        rig.wait_wakeups(dmon.pid(), 2);
        assert_eq!((workers(&rig), rig.has("got")), (2, false), "the workers are stopped");
        rig.write("go", "");
        dmon.wait().exits(if options.contains("-t") { 124 } else { 143 });
        rig.assert_no_processes();
    }
}

#[test]
fn mixed_kills_workers_after_the_grace_period() {
    let rig = Rig::new();
    let Some(dmon) = start_master(&rig, "--kill-mode mixed -k 1", "exec sleep 1000") else {
        return;
    };
    rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    assert!(!rig.has("got"), "the workers received SIGTERM");
    rig.assert_no_processes();
}

#[test]
fn mixed_kills_workers_at_a_second_sigterm() {
    let rig = Rig::new();
    let Some(dmon) = start_master(&rig, "--kill-mode mixed -k 0", "exec sleep 1000") else {
        return;
    };
    let master = rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGTERM);
    rig.wait_gone(master);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    rig.assert_no_processes();
}

#[test]
fn mixed_stops_the_workers_of_a_command_that_exits() {
    let rig = Rig::new();
    let Some(dmon) = start_master(&rig, "--kill-mode mixed -k 1000 -m 0", "exit 3") else {
        return;
    };
    rig.wait_lines("got", 2);
    rig.write("go", "");
    dmon.wait().exits(3);
    rig.assert_no_processes();
}

#[test]
fn process_leaves_workers_alone_at_a_stop() {
    for options in ["-k 1000", "-k 0.5 -t 1 -m 0"] {
        let rig = Rig::new();
        let options = format!("--kill-mode process -I status {options}");
        let master = r#"trap "" TERM; echo >ready; while :; do sleep 0.02; done"#;
        let Some(dmon) = start_master(&rig, &options, master) else {
            return;
        };
        rig.wait_file("ready");
        if options.contains("-t") {
            dmon.wait().exits(124).reports_nothing();
        } else {
            dmon.signal(Signal::SIGTERM);
            // Two signals that are pending at the same time are one.
            rig.wait_lines("status", 2);
            dmon.signal(Signal::SIGTERM);
            dmon.wait().exits(137).reports_nothing();
        }
        assert!(rig.processes_called("sh master").is_empty(), "the command is alive");
        assert_eq!((workers(&rig), rig.has("got")), (2, false), "the workers are stopped");
        rig.write("go", "");
        rig.wait_no_processes();
    }
}

#[test]
fn process_leaves_workers_alone_after_sigkill_of_dmon() {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.write("worker", WORKER);
    let command = "sh -c 'perl worker & exec sleep 1000'";
    let line = format!("dmon -p pid -k 0.5 --kill-mode process {command}");
    rig.run(&line).exits(0);
    rig.wait_lines("up", 1);
    let first = rig.pid_in("pid");
    signal(first, Signal::SIGKILL);
    rig.run(&line).exits(0).reports("dmon", &["waiting for a process in the session"]);
    rig.wait_lines("up", 2);
    assert_eq!((workers(&rig), rig.has("got")), (2, false), "the workers are stopped");
    signal(rig.pid_in("pid"), Signal::SIGTERM);
    rig.write("go", "");
    rig.wait_no_processes();
}

/// As an sshd or a crond that crashes: the next one starts beside the sessions and jobs of the first.
#[test]
fn process_starts_the_next_run_beside_workers() {
    let rig = Rig::new();
    let options = "--kill-mode process -d 0.1 -m 2";
    let Some(dmon) = start_master(&rig, options, "echo >>runs; exit 3") else {
        return;
    };
    // Only the first run waits until its workers are ready.
    dmon.wait().exits(3).reports_nothing();
    assert_eq!(rig.lines("runs"), 3);
    rig.wait_for("the workers of three runs", || workers(&rig) == 6);
    assert!(!rig.has("got"), "the workers are stopped");
    rig.write("go", "");
    rig.wait_no_processes();
}

#[test]
fn process_drains_for_the_full_time_beside_workers() {
    let rig = Rig::new();
    let command = "sh -c 'echo line; sleep 1000 & exit 3'";
    let options = "-n -m 0 -D 0.7 --kill-mode process";
    let done = rig.run(format!("dmon {options} {command} -- dlog f")).exits(3).reports_nothing();
    assert!(done.took.as_secs_f64() >= 0.7, "the drain took {:?}", done.took);
    assert_eq!(rig.read("f"), "line\n");
    assert_eq!(rig.processes_called("sleep 1000").len(), 1);
}

#[test]
fn process_leaves_no_worker_paused() {
    // If dmon does not adopt the worker, its process group is orphaned, and the kernel sends it SIGHUP and SIGCONT.
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 1.0) else {
        return;
    };
    let command = "sh -c 'sleep 1001 & echo $! >worker; exec sleep 1000'";
    let dmon = rig.start(format!("{load} dmon -n -L 4 -d 1000 --kill-mode process {command}"));
    rig.wait_file("worker");
    let (command, worker) = (rig.child(dmon.pid(), "sleep 1000"), rig.pid_in("worker"));
    load.set(9.0);
    rig.wait_state(worker, 'T');
    signal(command, Signal::SIGKILL);
    rig.wait_for("a worker that runs on", || proc::state(worker) == Some('S'));
}

#[test]
fn an_unknown_kill_mode_is_an_error() {
    let rig = Rig::new();
    let message = "option --kill-mode: 'all' is not one of group mixed process";
    rig.run("dmon -n --kill-mode all true").exits(125).reports("dmon", &[message]);
}

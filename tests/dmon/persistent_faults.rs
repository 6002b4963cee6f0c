//! Persistent errors: a system call that always fails must neither spin a program nor keep it from exiting.
//!
//! Most tests require strace(1), which injects the errors.

use super::faults::scene;
use crate::rig::strace::can_inject;
use crate::rig::{Rig, Running, growth, proc, signal, tools};
use nix::sys::signal::Signal;
use std::io::Write;
use std::time::Duration;

/// How long a program is observed after an error.
const PERIOD: Duration = Duration::from_millis(1500);

/// Attaches strace to a process so that this call always fails.
fn fail_always<'a>(rig: &'a Rig, pid: i32, call: &str) -> Running<'a> {
    rig.attach_strace(pid, &format!("-e trace={call} -e inject={call}:error=EPERM"))
}

/// Asserts that a failing call is not retried in a busy loop.
fn assert_no_spin(rig: &Rig, call: &str) {
    let made = growth(PERIOD, || rig.lines("trace") as u64);
    assert!(made < 1500, "{call} was made {made} times in 1.5 s");
}

#[test]
fn a_persistent_error_neither_spins_nor_blocks_dmon() {
    if !can_inject() {
        return;
    }
    let calls = [
        "clone",
        "close",
        "getpgid",
        "kill",
        "openat",
        "pipe2",
        "ppoll",
        "prctl",
        "read",
        "readlink",
        "sysinfo",
        "unlink",
        "wait4",
        "write",
        "getdents64",
    ];
    std::thread::scope(|scope| {
        for call in calls {
            scope.spawn(move || {
                let rig = Rig::new();
                let options = "-p pid -I status -L 1000 -d 0.1 -k 1";
                let dmon = rig.start(format!("dmon -n {options} sleep 1000 -- dlog out"));
                let first = rig.child(dmon.pid(), "sleep");
                rig.child(dmon.pid(), "dlog");
                let strace = fail_always(&rig, dmon.pid(), call);
                signal(first, Signal::SIGKILL);
                assert_no_spin(&rig, call);
                dmon.signal(Signal::SIGTERM);
                if call == "kill" {
                    // dmon cannot stop its children now. Before Linux 3.4 it also checks by kill(2) for
                    // leftover processes, so that there is no second run.
                    assert_no_spin(&rig, call);
                    drop(strace);
                    let killed = |run: proc::Process| signal(run.pid, Signal::SIGKILL);
                    rig.processes_called("sleep 1000").into_iter().for_each(killed);
                    let done = dmon.wait();
                    assert!(matches!(done.code(), Some(143 | 137)), "{call}: {done}");
                    return rig.wait_no_processes();
                }
                if call == "wait4" {
                    // dmon misses the exits until the next signal.
                    assert_no_spin(&rig, call);
                    drop(strace);
                    dmon.signal(Signal::SIGTERM);
                }
                let done = dmon.wait();
                assert!(matches!(done.code(), Some(143 | 137 | 125)), "{call}: {done}");
                rig.wait_no_processes();
            });
        }
    });
}

#[test]
fn a_persistent_ppoll_error_does_not_block_a_logger() {
    if !can_inject() {
        return;
    }
    for line in ["dlog out", "drlog folder", "dsyslog --to ./out fan"] {
        let rig = scene();
        let (logger, mut input) = rig.start_fed(line);
        rig.wait_for("ppoll", || proc::state(logger.pid()) == Some('S'));
        let _strace = fail_always(&rig, logger.pid(), "ppoll");
        assert_no_spin(&rig, "ppoll");
        input.write_all(b"one\n").expect("space in the pipe");
        logger.signal(Signal::SIGTERM);
        logger.wait();
    }
}

/// The CPU time of a process in ticks of 10 ms.
fn cpu_ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

#[test]
fn prlimit_nofile_neither_blocks_nor_spins_dmon_and_dlog() {
    if !tools::has(&["prlimit"]) || !tools::is_native("the emulator needs descriptors itself") {
        return;
    }
    let rig = scene();
    let dmon = rig.start("dmon -n -d 0.1 -k 1 sleep 1000 -- dlog out");
    let first = rig.child(dmon.pid(), "sleep");
    let dlog = rig.child(dmon.pid(), "dlog");
    for pid in [dmon.pid(), dlog] {
        rig.shell(format!("prlimit --nofile=1 --pid {pid}")).exits(0);
    }
    signal(first, Signal::SIGKILL);
    let ticks = growth(PERIOD, || [dmon.pid(), dlog].into_iter().map(cpu_ticks).sum());
    assert!(ticks < 50, "{ticks} of 150 ticks");
    dmon.signal(Signal::SIGTERM);
    // Without descriptors the restart fails; dmon reports that and retries.
    dmon.wait().exits(125).reports("dmon", &["cannot redirect"]);
    rig.wait_no_processes();
}

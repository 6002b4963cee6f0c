//! An idle dmon and its dlog never wake up.

use crate::rig::{Rig, Running, assert_stays, proc, tools};
use nix::sys::signal::Signal;
use std::time::Duration;

/// How long the idle processes are observed.
const PERIOD: Duration = Duration::from_secs(2);

/// One dmon without timers, and one with every timer far in the future.
const LINES: [&str; 2] = [
    "dmon -n sleep 1000 -- dlog f",
    "dmon -n -e -s -S -p pid -t 1000 -m 5/100 -d 1,2,3 -i 5 sleep 1000 -- dlog g",
];

/// Waits until each dmon and its dlog sleep, and returns their PIDs.
fn idle_pids(rig: &Rig, dmons: &[Running]) -> Vec<i32> {
    let mut pids = Vec::new();
    for dmon in dmons {
        rig.child(dmon.pid(), "sleep");
        pids.extend([dmon.pid(), rig.child(dmon.pid(), "dlog")]);
    }
    for pid in &pids {
        rig.wait_state(*pid, 'S');
    }
    pids
}

#[test]
fn an_idle_dmon_and_dlog_never_wake_up() {
    let rig = Rig::new();
    let dmons = LINES.map(|line| rig.start(line));
    let pids = idle_pids(&rig, &dmons);
    let switches = || -> Vec<u64> { pids.iter().map(|pid| proc::switches(*pid)).collect() };
    rig.wait_stable("all processes to sleep", switches);
    assert_stays(PERIOD, switches);
}

#[test]
fn an_idle_dmon_and_dlog_make_no_system_call() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let dmons = LINES.map(|line| rig.start(line));
    let pids = idle_pids(&rig, &dmons);
    let traces: Vec<_> =
        pids.iter().map(|pid| rig.start(format!("strace -f -p {pid} -o trace.{pid}"))).collect();
    for trace in &traces {
        rig.wait_for("strace to attach", || trace.err().contains("attached"));
    }
    // Attaching interrupts the blocking call, which is restarted at once.
    let calls =
        || -> Vec<String> { pids.iter().map(|pid| rig.read(&format!("trace.{pid}"))).collect() };
    rig.wait_stable("the blocking call to be restarted", calls);
    assert_stays(PERIOD, calls);
    for trace in traces {
        trace.signal(Signal::SIGINT);
        trace.wait();
    }
}

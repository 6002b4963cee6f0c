//! Zero wake-ups while nothing happens.

use crate::rig::{Rig, Running, proc, tools};
use nix::sys::signal::Signal;
use std::time::Duration;

/// How long nothing shall happen.
const WHILE: Duration = Duration::from_secs(2);

/// One dmon that has nothing to do at any time, and one that has all it could have, but none of it soon.
const LINES: [&str; 2] = [
    "dmon -n sleep 1000 -- dlog f",
    "dmon -n -e -s -S -p pid -t 1000 -m 5/100 -d 1,2,3 -i 5 sleep 1000 -- dlog g",
];

/// Each dmon and its dlog, once they are asleep.
fn sleepers(rig: &Rig, dmons: &[Running]) -> Vec<i32> {
    let mut sleepers = Vec::new();
    for dmon in dmons {
        rig.child(dmon.pid(), "sleep");
        sleepers.extend([dmon.pid(), rig.child(dmon.pid(), "dlog")]);
    }
    for pid in &sleepers {
        rig.wait_state(*pid, 'S');
    }
    sleepers
}

#[test]
fn an_idle_dmon_and_dlog_never_wake_up() {
    let rig = Rig::new();
    let dmons = LINES.map(|line| rig.start(line));
    let sleepers = sleepers(&rig, &dmons);
    let switches = || -> Vec<String> {
        let fields = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];
        sleepers.iter().flat_map(|pid| fields.map(|field| proc::status(*pid, field))).collect()
    };
    let before = rig.settled("all to be asleep", switches);
    std::thread::sleep(WHILE);
    assert_eq!(switches(), before, "somebody woke up");
}

#[test]
fn an_idle_dmon_and_dlog_make_no_system_call() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let dmons = LINES.map(|line| rig.start(line));
    let sleepers = sleepers(&rig, &dmons);
    let traces: Vec<_> = sleepers
        .iter()
        .map(|pid| rig.start(format!("strace -f -p {pid} -o trace.{pid}")))
        .collect();
    for trace in &traces {
        rig.wait_for("strace to look on", || trace.err().contains("attached"));
    }
    // Being looked at interrupts the call that a program sleeps in; it is made again at once.
    let calls = || -> Vec<String> {
        sleepers.iter().map(|pid| rig.read(&format!("trace.{pid}"))).collect()
    };
    let before = rig.settled("the sleep to go on", calls);
    std::thread::sleep(WHILE);
    assert_eq!(calls(), before, "something was called");
    for trace in traces {
        trace.signal(Signal::SIGINT);
        trace.wait();
    }
}

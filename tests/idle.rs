//! Zero wake-ups while nothing happens; nothing grows.

use crate::rig::{Rig, proc, times, tools};
use nix::sys::signal::Signal;
use std::time::Duration;

/// How long nothing shall happen.
const WHILE: Duration = Duration::from_secs(2);

/// All that dmon could have to do later: none of it is due soon.
const QUIET: &str = "dmon -n -e -s -S -p pid -t 1000 -m 5/100 -d 1,2,3 -i 5 sleep 1000 -- dlog f";

#[test]
fn nothing_wakes_up_while_nothing_happens() {
    let rig = Rig::new();
    let dmon = rig.start(QUIET);
    rig.child(dmon.pid(), "sleep");
    let both = [dmon.pid(), rig.child(dmon.pid(), "dlog")];
    for pid in both {
        rig.wait_state(pid, 'S');
    }
    let switches = |pid| {
        (
            proc::status(pid, "voluntary_ctxt_switches"),
            proc::status(pid, "nonvoluntary_ctxt_switches"),
        )
    };
    let settled = || {
        let before = both.map(switches);
        std::thread::sleep(Duration::from_millis(100));
        before == both.map(switches)
    };
    rig.wait_for("both to be asleep", settled);
    let before = both.map(switches);
    std::thread::sleep(WHILE);
    assert_eq!(both.map(switches), before, "somebody woke up");
}

#[test]
fn no_system_call_is_made_while_nothing_happens() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let dmon = rig.start(QUIET);
    rig.child(dmon.pid(), "sleep");
    let log = rig.child(dmon.pid(), "dlog");
    rig.wait_state(dmon.pid(), 'S');
    rig.wait_state(log, 'S');
    for pid in [dmon.pid(), log] {
        let trace = rig.start(format!("strace -f -p {pid} -o trace.{pid}"));
        let file = format!("trace.{pid}");
        // Being looked at interrupts the call the program sleeps in; it is made again at once.
        rig.wait_for("strace to look on", || trace.err().contains("attached"));
        let settled = || {
            let before = rig.read(&file);
            std::thread::sleep(Duration::from_millis(100));
            before == rig.read(&file)
        };
        rig.wait_for("the sleep to go on", settled);
        let before = rig.read(&file);
        std::thread::sleep(WHILE);
        assert_eq!(rig.read(&file), before, "something was called");
        trace.signal(Signal::SIGINT);
        trace.wait();
    }
}

#[test]
fn quick_deaths_cost_no_descriptor_and_leave_no_zombie() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -d 0.02 -p pid sh -c 'echo >>runs; (setsid true &); exit 1' -- sh -c 'read -r line; exit 1'");
    rig.wait_lines("runs", 3);
    // Between two runs nothing is open but what stays open.
    let least = || (0..20).map(|_| proc::descriptors(dmon.pid()).len()).min();
    let before = least();
    let memory = proc::status(dmon.pid(), "VmData");
    rig.wait_lines("runs", times(15, 10_000));
    assert_eq!(least(), before);
    assert_eq!(proc::status(dmon.pid(), "VmData"), memory);
    rig.wait_for("all zombies to be reaped", || {
        proc::children(dmon.pid()).iter().filter(|child| child.is_zombie()).count() == 0
    });
    dmon.signal(Signal::SIGTERM);
    dmon.wait();
    rig.assert_empty();
}

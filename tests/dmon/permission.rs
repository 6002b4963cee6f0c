//! Processes that dmon has no permission to signal.
//!
//! Requires root: dmon runs without CAP_KILL, and the command as another user.

use crate::rig::{Rig, proc, signal, tools};
use nix::sys::signal::Signal;

/// Runs a program without the capability to signal other users' processes.
const NO_CAP_KILL: &str = "setpriv --bounding-set=-kill --inh-caps=-kill";

/// The options of setpriv(1) for another user.
const OTHER_USER: &str = "--reuid=65534 --clear-groups";

fn can_drop_cap_kill() -> bool {
    tools::is_root() && tools::has(&["setpriv"])
}

#[test]
fn a_signal_that_is_not_permitted_is_reported_once() {
    if !can_drop_cap_kill() {
        return;
    }
    let rig = Rig::new();
    rig.share_with_all_users();
    let options = "-n -s -k 0.5 -I status -u 65534";
    let dmon = rig.start(format!("{NO_CAP_KILL} dmon {options} sleep 1000"));
    rig.wait_lines("status", 1);
    let command = rig.child(dmon.pid(), "sleep 1000");
    dmon.signal(Signal::SIGUSR1);
    let message = format!("dmon: cannot signal {command}: Operation not permitted\n");
    rig.wait_for("a message", || dmon.err() == message);
    let wakeups = || proc::switches(dmon.pid());
    let before = wakeups();
    dmon.signal(Signal::SIGTERM);
    // For SIGTERM, for SIGKILL, and when a warning that a process has survived SIGKILL would be due.
    rig.wait_for("three wake-ups", || wakeups() >= before + 3);
    signal(command, Signal::SIGKILL);
    let done = dmon.wait().exits(137);
    assert_eq!(done.err, message);
    let status = format!("cmd start {command}\ncmd exit {command} 9\n");
    assert_eq!(rig.read("status"), status, "signals that were not sent");
}

#[test]
fn a_leftover_that_dmon_may_not_signal_is_reported() {
    if !can_drop_cap_kill() || !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.share_with_all_users();
    let denied = format!("setpriv {OTHER_USER} sleep 1001");
    for setsid in ["", "setsid"] {
        let command = format!("sh -c '{setsid} {denied} & exec sleep 1000'");
        let dmon = rig.start(format!("{NO_CAP_KILL} dmon -n -k 0 {command}"));
        let parent = rig.child(dmon.pid(), "sleep 1000");
        let leftover = rig.child(parent, "sleep 1001");
        dmon.signal(Signal::SIGTERM);
        let message = format!("dmon: cannot signal {leftover}: Operation not permitted\n");
        rig.wait_for("a message", || dmon.err() == message);
        rig.wait_wakeups(dmon.pid(), 3);
        signal(leftover, Signal::SIGKILL);
        let done = dmon.wait().exits(143);
        assert_eq!(done.err, message);
    }
}

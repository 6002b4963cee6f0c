//! Signals and the death of dmon between fork and exec of the command.
//!
//! Requires strace(1), which holds the child before a system call.

use crate::rig::strace::{Hold, can_inject};
use crate::rig::{Rig, Running, signal};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Records each run.
const COMMAND: &str = "sh -c 'echo >>runs; exec sleep 1000'";

/// Starts dmon as the leader of a process group and kills its first run. Returns when the child of the second
/// run is held before its first `call`, with the PID of that child.
fn start_held<'a>(rig: &'a Rig, call: &'static str) -> (Running<'a>, Hold<'a>, i32) {
    let dmon = rig.start(format!("setsid dmon -n -I status {COMMAND}"));
    rig.wait_lines("runs", 1);
    let first = rig.child(dmon.pid(), "sleep 1000");
    let hold = rig.hold_children(dmon.pid(), call);
    signal(first, Signal::SIGKILL);
    let child = hold.child();
    (dmon, hold, child)
}

/// The kernel sends no parent-death signal if the parent dies before the child requests it by prctl(2). The child
/// can detect this only by its parent's PID.
#[test]
fn a_child_of_a_dmon_killed_before_prctl_runs_nothing() {
    if !can_inject() {
        return;
    }
    let rig = Rig::new();
    let (dmon, hold, child) = start_held(&rig, "prctl");
    dmon.kill();
    hold.release();
    rig.wait_dead(child);
    rig.wait_no_processes();
    assert_eq!(rig.lines("runs"), 1, "the command ran without dmon");
}

/// Until exec the child has the signal handlers of dmon and may share its memory. A SIGTERM to the child must
/// neither be lost nor count as a SIGTERM to dmon.
#[test]
fn sigterm_between_fork_and_exec_kills_only_the_child() {
    if !can_inject() {
        return;
    }
    let rig = Rig::new();
    let (dmon, hold, child) = start_held(&rig, "execve");
    signal(child, Signal::SIGTERM);
    hold.release();
    let died = format!("cmd exit {child} 15\n");
    rig.wait_for("the child to die of SIGTERM", || {
        assert!(dmon.is_running(), "dmon has taken the SIGTERM: {}", rig.describe());
        rig.read("status").contains(&died)
    });
    // The restart shows that dmon does not stop.
    rig.wait_for("the next run", || {
        assert!(dmon.is_running(), "dmon has taken the SIGTERM: {}", rig.describe());
        rig.read("status").matches("cmd start").count() == 3 && rig.lines("runs") >= 2
    });
    assert_eq!(rig.lines("runs"), 2, "the command ran in spite of SIGTERM");
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143).reports_nothing();
    rig.assert_no_processes();
}

#[test]
fn dmon_handles_its_sigterm_after_the_exec_of_a_child() {
    if !can_inject() {
        return;
    }
    let rig = Rig::new();
    let (dmon, hold, child) = start_held(&rig, "execve");
    dmon.signal(Signal::SIGTERM);
    hold.release();
    dmon.wait().exits(143).reports_nothing();
    rig.assert_no_processes();
    let stop = format!("cmd start {child}\ncmd stop {child}\ncmd exit {child} 15\n");
    assert!(rig.read("status").ends_with(&stop), "{}", rig.read("status"));
}

/// Before setpgid(2) the child is in the process group of dmon, so a signal to the group reaches both.
#[test]
fn sigterm_to_the_group_of_dmon_and_a_new_child_ends_both() {
    if !can_inject() {
        return;
    }
    let rig = Rig::new();
    let (dmon, hold, child) = start_held(&rig, "setpgid");
    killpg(Pid::from_raw(dmon.pid()), Signal::SIGTERM).expect("the group of dmon");
    hold.release();
    dmon.wait().exits(143).reports_nothing();
    rig.assert_no_processes();
    assert_eq!(rig.lines("runs"), 1, "the command ran in spite of SIGTERM");
    let died = format!("cmd exit {child} 15\n");
    assert!(rig.read("status").ends_with(&died), "{}", rig.read("status"));
}

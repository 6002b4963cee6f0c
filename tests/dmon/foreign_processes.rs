//! Unrelated and inherited processes never receive a signal from dmon.
//!
//! Some tests require root or a PID namespace.

use crate::rig::{Rig, proc, tools};
use nix::sys::signal::Signal;

/// Records the number of each signal that it receives in the file `$1`, its start in `$1.up`, and each turn of
/// its loop in `$1.turns`.
const BYSTANDER: &str = r#"
for number in 1 2 3 6 10 12 13 14 15 16 18 20 21 22 23 24; do trap "echo $number >>$1" $number; done
echo >"$1.up"
while :; do sleep 0.05; echo >>"$1.turns"; done
"#;

/// A command that ignores SIGTERM and leaves orphans in another session.
const STUBBORN: &str = r#"sh -c 'trap "" TERM; echo >>runs; (setsid sh -c "sleep 1000" &); while :; do sleep 0.05; done'"#;

/// Script lines that make dmon start, time out, kill, restart, give up and stop on SIGTERM.
fn phases() -> String {
    format!(
        "dmon -n -t 0.3 -k 0.2 -d 0.05 -m 2 {STUBBORN} -- dlog f; echo $? >code
        dmon -n -d 0.05 -m 3 sh -c 'sleep 1000 & kill -KILL $$' -- dlog f
        dmon -k 0.5 -p pid {STUBBORN} -- dlog f; kill $(cat pid); kill $(cat pid)
        while test -e pid; do sleep 0.02; done
        "
    )
}

/// Becomes its arguments, which then have the bystander as a child. With such a child dmon cannot know
/// whether an orphan in another session is its own leftover, and does not signal it.
const INHERIT: &str = "sh bystander got & until test -e got.up; do sleep 0.02; done; exec \"$@\"";

fn rig() -> Rig {
    let rig = Rig::new();
    rig.write("bystander", BYSTANDER);
    rig.write("inherit", INHERIT);
    rig
}

#[track_caller]
fn assert_no_signal(rig: &Rig) {
    assert!(!rig.has("got"), "the bystander received the signals {:?}", rig.read("got"));
}

/// Asserts that the bystander is neither stopped nor dead and received no signal.
#[track_caller]
fn assert_untouched(rig: &Rig, state: Option<char>) {
    let is_running = !matches!(state, None | Some('T' | 't' | 'Z' | 'X'));
    assert!(is_running, "the bystander is in state {state:?}");
    assert_no_signal(rig);
}

#[test]
fn unrelated_processes_are_never_signalled() {
    if !tools::can_unshare_pids() {
        return;
    }
    let rig = rig();
    rig.write(
        "phases",
        format!(
            "sh bystander got & other=$!
            until test -e got.up; do sleep 0.02; done
            {}
            read -r stat </proc/$other/stat; echo \"$stat\" >after
            ",
            phases()
        ),
    );
    rig.run(format!("{} sh phases", tools::unshare_pids())).exits(0);
    assert_eq!(rig.read("code"), "124\n");
    let state = proc::Process::parse(&rig.read("after")).map(|process| process.state);
    assert_untouched(&rig, state);
}

#[test]
fn inherited_children_are_never_signalled() {
    let rig = rig();
    let dmon =
        rig.start(format!("sh inherit dmon -n -t 0.3 -k 0.2 -d 0.05 -m 2 {STUBBORN} -- dlog f"));
    let other = rig.child(dmon.pid(), "sh bystander");
    dmon.wait().exits(124);
    assert_untouched(&rig, proc::state(other));
}

#[test]
fn inherited_children_do_not_delay_restart_or_exit() {
    let rig = rig();
    rig.run("sh inherit dmon -n -d 0.05 -m 3 sh -c 'echo >>runs; exit 2' -- dlog f").exits(2);
    assert_eq!(rig.lines("runs"), 4);
    assert_no_signal(&rig);
    // An inherited child that exits does not remain a zombie.
    let dmon = rig.start("sh -c 'sleep 0.3 & exec dmon -n sleep 1000'");
    let other = rig.child(dmon.pid(), "sleep 0.3");
    rig.wait_gone(other);
    assert!(dmon.is_running());
}

#[test]
fn pid_1_reaps_zombies_from_outside() {
    if !tools::is_root() || !tools::can_unshare_pids() || !tools::has(&["nsenter"]) {
        return;
    }
    let rig = Rig::new();
    let outer = rig.start(format!(
        "{} dmon -n -d 0.1 sh -c 'echo >>runs; exec sleep 1000' -- dlog f",
        tools::unshare_pids()
    ));
    let dmon = rig.child(outer.pid(), "dmon -n");
    rig.wait_lines("runs", 1);
    assert_eq!(proc::status(dmon, "NSpid").split_whitespace().last(), Some("1"));
    // A process that enters the namespace leaves an orphan there.
    rig.run(format!("nsenter -t {dmon} -p sh -c '(sleep 0.3; echo >done) & exit 0'")).exits(0);
    rig.wait_file("done");
    rig.wait_for("the zombie to be reaped", || {
        !proc::children(dmon).iter().any(proc::Process::is_zombie)
    });
    let command = rig.child(dmon, "sleep 1000");
    crate::rig::signal(command, Signal::SIGKILL);
    rig.wait_lines("runs", 2);
    crate::rig::signal(dmon, Signal::SIGTERM);
    outer.wait().exits(143);
}

#[test]
fn a_reused_pid_is_never_signalled() {
    if !tools::is_root() || !tools::can_unshare_pids() {
        return;
    }
    let rig = rig();
    // During dmon's delay the bystander gets the PID of the failed run.
    rig.write(
        "reuse",
        "dmon -n -d 2 -k 0.1 sh -c 'echo $$ >>first; exit 1' -- dlog f & dmon=$!
        until test -s first; do sleep 0.02; done
        read -r pid <first
        while test -d /proc/$pid; do sleep 0.02; done
        echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid; sh bystander got & other=$!
        echo $pid $other >pids
        until test -e got.up; do sleep 0.02; done
        kill $dmon; wait $dmon; echo $? >code
        read -r stat </proc/$other/stat; echo \"$stat\" >after
        ",
    );
    rig.run(format!("{} sh reuse", tools::unshare_pids())).exits(0);
    assert_eq!(rig.read("code"), "1\n");
    let state = proc::Process::parse(&rig.read("after")).map(|process| process.state);
    assert_untouched(&rig, state);
}

#[test]
fn a_leftover_in_a_foreign_group_is_signalled_alone() {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return;
    }
    let rig = rig();
    let other = rig.start("perl -e 'setpgrp; exec @ARGV' sh bystander got");
    rig.wait_file("got.up");
    let join = "setpgrp(0, shift) or die; open(UP, \">up\"); exec qw(sleep 1000)";
    rig.write("leave", format!("perl -e '{join}' $1 & until test -e up; do sleep 0.02; done"));
    rig.run(format!("dmon -n -m 0 sh leave {}", other.pid())).exits(0).reports_nothing();
    assert!(rig.processes_called("sleep 1000").is_empty(), "the leftover is still running");
    // A shell runs its traps between two commands: none is pending after a whole turn.
    rig.wait_lines("got.turns", rig.lines("got.turns") + 2);
    assert!(other.is_running(), "the bystander is gone");
    assert_no_signal(&rig);
}

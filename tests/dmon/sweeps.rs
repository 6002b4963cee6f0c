//! Repeated sweeps for leftover processes: each gets one stop signal, and all are gone in the end.
//!
//! Leftovers in other sessions require Linux 3.4 (PR_SET_CHILD_SUBREAPER).

use crate::rig::{Rig, proc, tools};
use nix::sys::signal::Signal;

/// Appends a line to the file NAME for each SIGTERM, and to the file `up` when it is ready.
const COUNT: &str = r#"my ($name) = @ARGV;
sub note { open(my $to, '>>', "$_[0]"); print $to "$name\n"; }
$SIG{TERM} = sub { note($name) };
note('up');
sleep 1 while 1;
"#;

/// The stop signal goes to the whole group of the run. The sweeps that follow must not repeat it, because many
/// programs exit without cleanup on a second SIGTERM.
#[test]
fn sweeps_send_no_second_sigterm_to_a_process_group() {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.write("count", COUNT);
    // The command exits only after the members have handled their SIGTERM: a second one while the first is
    // pending would be lost (signal(7)).
    rig.write(
        "command",
        "perl count member & perl count other & setsid perl count session &
        trap 'until test -s member -a -s other; do sleep 0.02; done; exit 3' TERM
        echo >ready; while :; do sleep 0.02; done",
    );
    let dmon = rig.start("dmon -n -k 1000 sh command");
    rig.wait_lines("up", 3);
    rig.wait_file("ready");
    let command = rig.child(dmon.pid(), "sh command");
    dmon.signal(Signal::SIGTERM);
    rig.wait_gone(command);
    let names = ["member", "other", "session"];
    names.into_iter().for_each(|name| rig.wait_lines(name, 1));
    // Only leftovers exist now, so most wake-ups of dmon are sweeps.
    let wakeups = || proc::status(dmon.pid(), "voluntary_ctxt_switches").parse::<u32>();
    let before = wakeups().expect("a number");
    rig.wait_for("some sweeps", || wakeups().is_ok_and(|now| now >= before + 4));
    assert_eq!(names.map(|name| rig.lines(name)), [1; 3], "SIGTERMs to {names:?}");
    // A second SIGTERM to dmon kills the leftovers.
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(3);
    rig.assert_no_processes();
}

/// dmon has no heap, so it remembers only a fixed number of leftovers to which it has sent the stop signal.
#[test]
fn forty_leftovers_in_own_sessions_end_before_dmon_exits() {
    if !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    let start = "for i in $(seq 40); do setsid sleep 1000 & done";
    let command = format!("sh -c '{start}; echo >up; exec sleep 2000'");
    for log in ["", "-- cat"] {
        rig.shell("rm -f up").exits(0);
        let dmon = rig.start(format!("dmon -n -k 1 {command} {log}"));
        rig.wait_file("up");
        rig.wait_for("40 leftovers", || rig.processes_called("sleep 1000").len() == 40);
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(143).reports_nothing();
        rig.assert_no_processes();
    }
}

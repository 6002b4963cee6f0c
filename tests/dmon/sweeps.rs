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

/// Starts as many processes as the argument says, each in a session of its own. Each appends a line to `up`, and one to
/// `got` for each SIGTERM, and exits when the file `go` exists.
const MANY: &str = r#"use POSIX;
sub note { open(my $to, '>>', "$_[0]"); syswrite $to, "x\n"; }
for (1..$ARGV[0]) {
    next if fork;
    POSIX::setsid();
    $SIG{TERM} = sub { note('got') };
    note('up');
    until (-e 'go') { select(undef, undef, undef, 0.2) }
    exit;
}
sleep 1000;
"#;

#[test]
fn a_hundred_leftovers_get_one_sigterm_each() {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.write("many", MANY);
    for log in ["", "-- cat"] {
        rig.shell("rm -f up got go").exits(0);
        let dmon = rig.start(format!("dmon -n -k 0 perl many 100 {log}"));
        rig.wait_lines("up", 100);
        dmon.signal(Signal::SIGTERM);
        rig.wait_lines("got", 100);
        rig.wait_wakeups(dmon.pid(), 3);
        assert_eq!(rig.lines("got"), 100, "SIGTERMs");
        rig.write("go", "");
        dmon.wait().exits(143).reports_nothing();
        rig.assert_no_processes();
    }
}

#[test]
fn a_hundred_leftovers_are_killed_after_the_grace_period() {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.write("many", MANY);
    rig.run("dmon -n -k 1 -t 1 -m 0 perl many 100").exits(124).reports_nothing();
    rig.assert_no_processes();
}

/// The leader of a leftover process group receives SIGTERM for the whole group, and exits before the member.
#[test]
fn a_group_gets_no_second_sigterm_after_its_leader_died() {
    if !tools::has(&["perl"]) || !tools::can_adopt() {
        return;
    }
    let rig = Rig::new();
    rig.write("count", COUNT);
    let leader = "perl count member & until test -s up; do sleep 0.02; done; echo >ready; wait";
    rig.write("leader", leader);
    let command = "sh -c 'setsid sh leader & until test -e ready; do sleep 0.02; done; exit 3'";
    let dmon = rig.start(format!("dmon -n -k 0 -d 1000 {command}"));
    rig.wait_lines("member", 1);
    rig.child(dmon.pid(), "perl count member");
    rig.wait_wakeups(dmon.pid(), 4);
    assert_eq!(rig.lines("member"), 1, "SIGTERMs");
}

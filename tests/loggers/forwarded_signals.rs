//! The signals that dmon forwards, while its command writes lines: none is lost.

use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::{Rig, Running, assert_same, numbers, proc};

/// Writes numbers in bursts of ten, and the last one so far to `progress`, until `go` exists. The last line of a burst is
/// incomplete until the next burst, so the logger holds it when a signal arrives.
const WRITER: &str = "
n=0
until test -e go; do
    for _ in 1 2 3 4 5 6 7 8 9; do n=$((n + 1)); echo $n; done
    n=$((n + 1))
    printf $n
    echo $n >progress
    sleep 0.01
    echo
done
";

/// Sends each signal of `dmon -S` three times to the process `$1`. After each of them the command writes lines.
const SENDER: &str = "
for name in USR1 HUP QUIT ALRM CONT USR2 USR1 HUP QUIT ALRM CONT USR2 USR1 HUP QUIT ALRM CONT USR2; do
    before=$(cat progress)
    kill -$name $1
    while test \"$(cat progress)\" = \"$before\"; do sleep 0.01; done
done
echo >go
";

/// Runs dmon with this logger while all signals are sent. `stored` returns all that the logger has stored when dmon
/// exits.
fn keeps_all(rig: &Rig, logger: &str, stored: impl FnOnce(&Running) -> Vec<u8>) {
    rig.write("writer", WRITER);
    rig.write("sender", SENDER);
    rig.write("progress", "");
    let dmon = rig.start(format!("dmon -n -1 -S sh writer -- {logger}"));
    // A logger that has not read anything may exit: dmon starts it again.
    let pid = rig.child(dmon.pid(), logger);
    rig.wait_for("the logger to handle signals", || proc::signals(pid, "SigCgt") != 0);
    let sender = rig.start(format!("sh sender {}", dmon.pid()));
    let found = stored(&dmon);
    sender.wait().exits(0).reports_nothing();
    dmon.wait().exits(0);
    let last = rig.read("progress").trim().parse().expect("a number");
    assert_same(&found, numbers(last).as_bytes(), logger);
}

#[test]
fn dlog_behind_dmon_keeps_all_lines_at_forwarded_signals() {
    let rig = Rig::new();
    keeps_all(&rig, "dlog f", |dmon| {
        rig.wait_for("the exit of dmon", || !dmon.is_running());
        rig.bytes("f")
    });
}

#[test]
fn drlog_behind_dmon_keeps_all_lines_at_forwarded_signals() {
    let rig = Rig::new();
    rig.shell("mkdir folder").exits(0);
    keeps_all(&rig, "drlog -s 300 -m 0 folder", |dmon| {
        rig.wait_for("the exit of dmon", || !dmon.is_running());
        rig.rotated("folder").concat()
    });
}

#[test]
fn dsyslog_behind_dmon_keeps_all_lines_at_forwarded_signals() {
    let rig = Rig::new();
    let mut receiver = Datagrams::new(rig.path("socket"));
    keeps_all(&rig, "dsyslog --to ./socket fan", |dmon| {
        let messages = receiver.all(dmon);
        messages.iter().flat_map(|message| [&message.text, &b"\n"[..]].concat()).collect()
    });
}

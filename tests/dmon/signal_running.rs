//! A signal to the running dmon of a pid file, and the question whether one runs (`--signal`).

use crate::rig::random::Random;
use crate::rig::{Rig, proc, scaled, tools};
use std::thread;

/// A command line for a service that takes this many seconds to stop. It reports a second copy.
fn service(seconds: f64) -> String {
    format!(
        "sh -c 'exec 9>lock; flock -n 9 || echo >>two
        trap \"sleep {seconds}; echo >>ended; exit\" TERM; echo >>up; while :; do sleep 0.02; done'"
    )
}

#[test]
fn sigterm_waits_until_dmon_and_the_command_are_gone() {
    let rig = Rig::new();
    for (round, name) in (1..).zip(["TERM", "INT", "15"]) {
        rig.run(format!("dmon -p pid {}", service(0.3))).exits(0);
        rig.wait_lines("up", round);
        let dmon = rig.pid_in("pid");
        rig.run(format!("dmon -p pid --signal {name}")).exits(0).reports_nothing();
        assert!(proc::state(dmon).is_none_or(|state| state == 'Z'));
        assert_eq!(rig.lines("ended"), round);
        assert!(!rig.has("pid"));
    }
    rig.run("dmon -p pid --signal TERM").exits(3).reports("dmon", &["pid: not running"]);
}

/// A restart in a boot script: one line stops dmon, the next one starts it.
#[test]
fn dmon_can_be_stopped_and_started_again_at_once() {
    if !tools::has(&["flock"]) {
        return;
    }
    let loops = || {
        let rig = Rig::new();
        let mut random = Random::new();
        for _ in 0..scaled(10, 200) {
            let line = format!("dmon -p pid {}", service(random.below(21) as f64 / 10.0));
            let runs = rig.lines("up");
            rig.run(line).exits(0).reports_nothing();
            // Otherwise the request may come before the command has its trap.
            if random.below(4) > 0 {
                rig.wait_lines("up", runs + 1);
            }
            rig.run("dmon -p pid --signal TERM").exits(0).reports_nothing();
        }
        assert!(!rig.has("two"), "two copies");
    };
    thread::scope(|scope| (0..5).for_each(|_| drop(scope.spawn(loops))));
}

#[test]
fn other_signals_reach_dmon_without_a_wait() {
    let rig = Rig::new();
    let command = "sh -c 'trap \"echo >>got\" HUP; echo >up; while :; do sleep 0.02; done'";
    let dmon = rig.start(format!("dmon -n -s -p pid {command}"));
    rig.wait_file("up");
    for count in 1..=3 {
        rig.run("dmon -p pid --signal HUP").exits(0).reports_nothing();
        rig.wait_lines("got", count);
    }
    assert!(dmon.is_running());
    rig.run("dmon -p pid --signal KILL").exits(0).reports_nothing();
    assert!(proc::state(dmon.pid()).is_none_or(|state| state == 'Z'));
    assert!(rig.has("pid"), "it was not killed");
    rig.run("dmon -p pid --signal HUP").exits(3).reports("dmon", &["pid: not running"]);
}

#[test]
fn signal_0_tells_whether_dmon_runs() {
    let rig = Rig::new();
    let query = || rig.run("dmon -p pid --signal 0").reports_nothing();
    query().exits(3);
    let dmon = rig.start("dmon -n -p pid sleep 1000");
    rig.child(dmon.pid(), "sleep 1000");
    query().exits(0);
    if tools::is_root() && tools::has(&["setpriv"]) {
        rig.share_with_all_users();
        let as_other = "setpriv --reuid=65534 --clear-groups dmon -p pid --signal";
        rig.run(format!("{as_other} 0")).exits(0).reports_nothing();
        let denied = "cannot signal the dmon of pid: Operation not permitted";
        rig.run(format!("{as_other} TERM")).exits(125).reports("dmon", &[denied]);
        assert!(dmon.is_running());
    }
    dmon.kill();
    assert!(rig.has("pid"));
    query().exits(3);
}

/// The file of a killed dmon contains a PID that another process may have by now.
#[test]
fn the_process_of_a_stale_file_is_not_signalled() {
    let rig = Rig::new();
    let other = rig.start("sleep 1001");
    rig.write("pid", format!("{}\n", other.pid()));
    for name in ["TERM", "KILL", "HUP", "0"] {
        rig.run(format!("dmon -p pid --signal {name}")).exits(3);
    }
    assert!(other.is_running());
    // As long as a dmon that starts has not written its PID, the old one is still there.
    if !tools::has(&["flock"]) {
        return;
    }
    let starting = rig.start("flock -n pid sleep 1002");
    rig.child(starting.pid(), "sleep 1002");
    rig.run("dmon -p pid --signal 0").exits(0).reports_nothing();
    rig.run("dmon -p pid --signal KILL:0.1").exits(124).reports("dmon", &["pid: still running"]);
    assert!(other.is_running());
}

#[test]
fn a_reused_pid_in_a_namespace_is_not_signalled() {
    if !tools::is_root() || !tools::can_unshare_pids() {
        return;
    }
    let rig = Rig::new();
    rig.write(
        "reuse",
        "dmon -p pid sleep 1000
        read -r pid <pid; kill -9 $pid
        while test -d /proc/$pid; do sleep 0.02; done
        # As the ID of a session, the kernel uses it until the last process of the session is gone.
        other=
        until test $pid = \"$other\"; do
            test -z \"$other\" || { kill $other; wait $other; }
            echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid; sleep 1001 & other=$!
        done
        dmon -p pid --signal TERM; echo $? $pid $other >code
        kill -0 $other && echo >alive",
    );
    rig.run(format!("{} sh reuse", tools::unshare_pids())).exits(0);
    let text = rig.read("code");
    let [code, pid, other] = text.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{text:?}")
    };
    assert_eq!((code, pid), ("3", other), "the PID was not used again");
    assert!(rig.has("alive"));
}

#[test]
fn the_wait_can_be_limited() {
    let rig = Rig::new();
    let dmon = rig.start(
        "dmon -n -k 0 -p pid sh -c 'trap \"\" TERM; echo >up; while :; do sleep 0.02; done'",
    );
    rig.wait_file("up");
    rig.run("dmon -p pid --signal TERM:0.1").exits(124).reports("dmon", &["pid: still running"]);
    assert!(dmon.is_running());
    // The second SIGTERM kills the command.
    rig.run("dmon -p pid --signal TERM:1h").exits(0).reports_nothing();
    dmon.wait().exits(137);
}

#[test]
fn queries_disturb_no_start() {
    let rig = Rig::new();
    let other = rig.start("sleep 1001");
    let asking = rig.start("sh -c 'until test -e end; do dmon -p pid --signal 0; done'");
    for _ in 0..scaled(30, 300) {
        // A query holds the lock for a moment while the file still contains the PID of a process that sleeps.
        rig.write("pid", format!("{}\n", other.pid()));
        rig.run("dmon -p pid sleep 1000").exits(0).reports_nothing();
        rig.run("dmon -p pid --signal TERM").exits(0).reports_nothing();
    }
    rig.write("end", "");
    asking.wait();
    assert!(other.is_running());
}

#[test]
fn one_file_of_options_serves_the_service_and_its_signals() {
    let rig = Rig::new();
    rig.write("conf", "pid-file pid\ntimeout 1h\nstderr-redir\nload-high 400\nonce\ninterval 5\n");
    rig.run("dmon -C conf --signal 0").exits(3).reports_nothing();
    rig.write("conf", "pid-file pid\ntimeout 1h\nstderr-redir\nload-high 400\n");
    rig.run("dmon -C conf sleep 1000 -- dlog f").exits(0);
    rig.run("dmon -C conf --signal TERM").exits(0).reports_nothing();
    rig.assert_no_processes();
}

#[test]
fn a_wrong_use_of_signal_is_an_error() {
    let rig = Rig::new();
    for (line, words) in [
        ("--signal TERM", "option --signal requires -p, and no command"),
        ("-p pid --signal TERM sleep 1000", "option --signal requires -p, and no command"),
        ("-p pid --signal NOSUCH", "option --signal: 'NOSUCH' is not a signal"),
        ("-p pid --signal 65", "option --signal: '65' is not a signal"),
        ("-p pid --signal TERM:x", "option --signal: 'TERM:x' is not a time"),
        ("-p pid --signal TERM:", "option --signal: 'TERM:' is not a time"),
        ("-p no/pid --signal", "option --signal needs a value"),
    ] {
        rig.run(format!("dmon {line}")).exits(125).reports("dmon", &[words]);
    }
    if tools::is_root() && tools::has(&["setpriv"]) {
        rig.share_with_all_users();
        rig.write("secret", "");
        rig.shell("chmod 600 secret").exits(0);
        rig.run("setpriv --reuid=65534 --clear-groups dmon -p secret --signal 0")
            .exits(125)
            .reports("dmon", &["cannot open secret: Permission denied"]);
    }
}

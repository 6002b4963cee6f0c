//! Signal forwarding: `-s` and `-S`.

use crate::rig::{Rig, proc, signal};
use nix::sys::signal::Signal;

/// The signals that dmon can forward.
const FORWARDED: [(Signal, &str); 6] = [
    (Signal::SIGCONT, "CONT"),
    (Signal::SIGALRM, "ALRM"),
    (Signal::SIGQUIT, "QUIT"),
    (Signal::SIGUSR1, "USR1"),
    (Signal::SIGUSR2, "USR2"),
    (Signal::SIGHUP, "HUP"),
];

/// Records the name of each signal that it receives in the file `$1`, and its start in `$1.up`.
const RECORDER: &str = r#"
for name in CONT ALRM QUIT USR1 USR2 HUP PIPE; do trap "echo $name >>$1" $name; done
trap "echo TERM >>$1; exit 0" TERM
echo >"$1.up"
while :; do sleep 0.03; done
"#;

/// Two recorders in one process group: the leader uses the file `$1`, its child `$1.child`.
const FAMILY: &str = "sh recorder \"$1.child\" & . ./recorder\n";

fn rig() -> Rig {
    let rig = Rig::new();
    rig.write("recorder", RECORDER);
    rig.write("family", FAMILY);
    rig
}

/// Sends each signal to dmon, waits until dmon has handled it, and calls `each`.
fn send_all(rig: &Rig, dmon: i32, each: impl Fn(&str)) {
    for (which, name) in FORWARDED {
        signal(dmon, which);
        rig.wait_for(format!("{name} to be handled"), || proc::signals(dmon, "ShdPnd") == 0);
        each(name);
    }
}

#[test]
fn cmd_sigs_forwards_six_signals_to_the_command() {
    let rig = rig();
    let dmon = rig.start("dmon -n -s sh family cmd -- sh recorder log");
    for file in ["cmd.up", "cmd.child.up", "log.up"] {
        rig.wait_file(file);
    }
    send_all(&rig, dmon.pid(), |name| {
        rig.wait_for(format!("{name} in cmd"), || rig.read("cmd").lines().last() == Some(name));
    });
    assert_eq!(rig.read("cmd"), "CONT\nALRM\nQUIT\nUSR1\nUSR2\nHUP\n");
    assert!(!rig.has("cmd.child"), "the whole group received {}", rig.read("cmd.child"));
    assert!(!rig.has("log"), "the log command received {}", rig.read("log"));
}

#[test]
fn log_sigs_forwards_six_signals_to_the_log_command() {
    let rig = rig();
    let dmon = rig.start("dmon -n --log-sigs sh recorder cmd -- sh family log");
    for file in ["cmd.up", "log.child.up", "log.up"] {
        rig.wait_file(file);
    }
    send_all(&rig, dmon.pid(), |name| {
        rig.wait_for(format!("{name} in log"), || rig.read("log").lines().last() == Some(name));
    });
    assert!(!rig.has("cmd"), "the command received {}", rig.read("cmd"));
    assert!(!rig.has("log.child"), "the whole group received {}", rig.read("log.child"));
}

#[test]
fn cmd_sigs_and_log_sigs_can_be_combined() {
    let rig = rig();
    let dmon = rig.start("dmon -n -sS sh recorder cmd -- sh recorder log");
    for file in ["cmd.up", "log.up"] {
        rig.wait_file(file);
    }
    send_all(&rig, dmon.pid(), |name| {
        for file in ["cmd", "log"] {
            rig.wait_for(format!("{name} in {file}"), || {
                rig.read(file).lines().last() == Some(name)
            });
        }
    });
}

#[test]
fn six_signals_are_ignored_by_default() {
    let rig = rig();
    let dmon = rig.start("dmon -n -D 0.1 sh recorder cmd -- sh recorder log");
    for file in ["cmd.up", "log.up"] {
        rig.wait_file(file);
    }
    for _ in 0..3 {
        send_all(&rig, dmon.pid(), |_| assert!(dmon.is_running()));
    }
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(0);
    // dmon sends SIGTERM, then SIGCONT. A shell may run the two traps in either order.
    for file in ["cmd", "log"] {
        let received = rig.read(file);
        assert!(
            received.lines().all(|name| name == "TERM" || name == "CONT"),
            "{file} received {received:?}"
        );
    }
}

#[test]
fn a_daemon_ignores_six_signals_by_default() {
    let rig = rig();
    rig.run("dmon -p pid sh recorder cmd").exits(0);
    let dmon = rig.pid_in("pid");
    rig.wait_file("cmd.up");
    send_all(&rig, dmon, |_| ());
    assert!(proc::state(dmon).is_some());
    assert!(!rig.has("cmd"));
}

#[test]
fn a_forwarded_sighup_reopens_the_log_file() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -S sh -c 'echo one; until test -e go; do sleep 0.02; done; echo two; exec sleep 1000' -- dlog f");
    rig.wait_lines("f", 1);
    rig.shell("mv f f.old").exits(0);
    dmon.signal(Signal::SIGHUP);
    rig.wait_file("f");
    rig.write("go", "");
    rig.wait_lines("f", 1);
    assert_eq!(rig.read("f.old"), "one\n");
    assert_eq!(rig.read("f"), "two\n");
}

#[test]
fn a_signal_between_two_runs_does_no_harm() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -s -S -d 1000 sh -c 'echo $$ >first; exit 1'");
    rig.wait_lines("first", 1);
    rig.wait_gone(rig.pid_in("first"));
    send_all(&rig, dmon.pid(), |_| assert!(dmon.is_running()));
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(1);
}

#[test]
fn sigpipe_is_not_forwarded() {
    let rig = rig();
    let dmon = rig.start("dmon -n -s -S sh recorder cmd -- sh recorder log");
    for file in ["cmd.up", "log.up"] {
        rig.wait_file(file);
    }
    for (which, name) in [(Signal::SIGPIPE, "PIPE"), (Signal::SIGUSR1, "USR1")] {
        dmon.signal(which);
        rig.wait_for(format!("{name} to be handled"), || proc::signals(dmon.pid(), "ShdPnd") == 0);
    }
    for file in ["cmd", "log"] {
        rig.wait_for(format!("USR1 in {file}"), || rig.read(file).contains("USR1"));
        assert_eq!(rig.read(file), "USR1\n", "{file}");
    }
}

#[test]
fn sigpipe_from_dmons_own_messages_does_no_harm() {
    let rig = rig();
    // dmon reports the vanished command to a pipe without a reader.
    let wait = "until test -e go; do sleep 0.02; done";
    rig.write_program("fleeting", &format!("#!/bin/sh\necho >>up; {wait}; rm bin/fleeting\n"));
    rig.shell("mkfifo err").exits(0);
    let reader = rig.start("sh -c ': <err'");
    let dmon = rig.start("dmon -n -s -S -d 0.1 fleeting -- sh recorder log 2>err");
    reader.wait().exits(0);
    rig.wait_file("up");
    rig.wait_file("log.up");
    rig.write("go", "");
    rig.wait_for("the command to vanish", || !rig.has("bin/fleeting"));
    // dmon wakes up once for the exit of the command, and twice for each failed start.
    let switches = || -> u32 {
        proc::status(dmon.pid(), "voluntary_ctxt_switches").parse().expect("a number")
    };
    let before = switches();
    rig.wait_for("some starts to fail", || switches() > before + 5);
    rig.write_program("fleeting", "#!/bin/sh\necho >>up; exec sleep 1000\n");
    rig.wait_lines("up", 2);
    assert!(dmon.is_running());
    assert!(!rig.has("log"), "the log command received {}", rig.read("log"));
}

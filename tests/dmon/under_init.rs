//! dmon under busybox init, sysvinit, runsv and s6-supervise: no service runs twice, no log line is lost and no
//! process remains.
//!
//! The inits are PID 1 of a small machine in namespaces, which requires root.

use crate::rig::machine::{Machine, RunningMachine, inner_pid};
use crate::rig::{Rig, proc, scaled, signal, tools};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;

/// A service that prints `PID N` lines, exits on SIGTERM, and records in `two` that another copy runs.
const SERVICE: &str = "grep -qs State:.[RSDT] /proc/$(cat last 2>/dev/null)/status && echo $$ >>two
    echo $$ >last
    trap 'trap \"\" TERM; echo $$ end; exit 0' TERM # init and dmon may both send it
    echo $$ begin; n=0
    exec 2>/dev/null # some shells report that SIGTERM has ended the sleep
    while :; do n=$((n + 1)); echo $$ $n; sleep 0.01; done";

/// The command line of an inittab entry.
const DMON: &str =
    "/sbin/dmon -n -e -W /var/log -p /run/svc.pid /etc/svc -- /sbin/dlog /var/log/svc";

fn busybox_inittab(lines: &str) -> String {
    format!("::sysinit:/etc/rcS\n{lines}\n")
}

fn sysvinit_inittab(lines: &str) -> String {
    format!("id:2:initdefault:\nsi::sysinit:/etc/rcS\nl0:0:wait:/etc/rc0\n{lines}\n")
}

fn busybox(rig: &Rig) -> Option<Machine<'_>> {
    let machine = Machine::new(rig)?;
    machine.script("svc", SERVICE);
    Some(machine)
}

fn sysvinit(rig: &Rig) -> Option<Machine<'_>> {
    let machine = Machine::with_sysvinit(rig)?;
    machine.script("svc", SERVICE);
    machine.script("rc0", "exec /bin/busybox poweroff -f");
    Some(machine)
}

/// Asserts that the log has all lines of each run in order and that no two copies ran. Returns the number of runs.
#[track_caller]
fn assert_complete(rig: &Rig, log: &str, two: &str) -> usize {
    assert!(!rig.has(two), "two copies: {}", rig.read(two));
    let text = rig.read(log);
    let mut runs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let (pid, what) = line.split_once(' ').unwrap_or_else(|| panic!("not a line: {line:?}"));
        runs.entry(pid).or_default().push(what);
    }
    for (pid, lines) in &runs {
        let counted: Vec<String> = (1..lines.len() - 1).map(|number| number.to_string()).collect();
        let [first, middle @ .., last] = &lines[..] else {
            panic!("run {pid} has only {lines:?}");
        };
        assert!(*first == "begin" && *last == "end" && middle == counted, "run {pid}: {lines:?}");
    }
    runs.len()
}

/// Waits until the service of this dmon has printed its first line, and returns its PID.
fn wait_service(rig: &Rig, dmon: i32, log: &str) -> i32 {
    // An emulated log command is also a shell at first.
    let service = rig.wait_for_some("the service", || {
        let mut children = proc::children(dmon).into_iter().map(|child| child.pid);
        children.find(|pid| {
            let words = proc::cmdline(*pid);
            words.starts_with("/bin/sh ") && words.ends_with("/svc")
        })
    });
    let begin = format!("{} begin", inner_pid(service).expect("a PID inside"));
    rig.wait_for(format!("`{begin}` in the log"), || {
        rig.read(log).lines().any(|line| line == begin)
    });
    service
}

/// Kills dmon repeatedly. Each time its service must end and init must start another dmon.
fn kill_repeatedly(rig: &Rig, machine: &RunningMachine, log: &str) {
    let mut dmon = machine.service(DMON);
    for _ in 0..scaled(5, 100) {
        let service = wait_service(rig, dmon, log);
        signal(dmon, Signal::SIGKILL);
        rig.wait_dead(service);
        dmon = rig.next_child(machine.init, dmon, DMON);
    }
    wait_service(rig, dmon, log);
    rig.wait_for("one process of each kind", || {
        ["/bin/sh /etc/svc", "/sbin/dlog", "/sbin/dmon"]
            .iter()
            .all(|words| machine.count(words) == 1)
    });
}

#[test]
fn busybox_init_restarts_a_killed_dmon_without_duplicates() {
    let rig = Rig::new();
    let Some(machine) = busybox(&rig) else { return };
    let machine = machine.boot(&busybox_inittab(&format!("::respawn:{DMON}")));
    kill_repeatedly(&rig, &machine, "root/var/log/svc");
    assert_eq!(machine.shut_down(Signal::SIGUSR2), Some(Signal::SIGINT as i32));
    assert_eq!(assert_complete(&rig, "root/var/log/svc", "root/var/log/two"), scaled(5, 100) + 1);
    rig.assert_no_processes();
}

#[test]
fn sysvinit_restarts_a_killed_dmon_without_duplicates() {
    let rig = Rig::new();
    let Some(machine) = sysvinit(&rig) else { return };
    let machine = machine.boot(&sysvinit_inittab(&format!("vf:2345:respawn:{DMON}")));
    kill_repeatedly(&rig, &machine, "root/var/log/svc");
    machine.run("/sbin/telinit 0");
    assert_eq!(machine.wait_off(), Some(Signal::SIGINT as i32));
    assert_eq!(assert_complete(&rig, "root/var/log/svc", "root/var/log/two"), scaled(5, 100) + 1);
    rig.assert_no_processes();
}

#[test]
fn a_daemon_started_by_init_lives_until_the_shutdown() {
    for (request, end) in [(Signal::SIGUSR2, Signal::SIGINT), (Signal::SIGTERM, Signal::SIGHUP)] {
        let rig = Rig::new();
        let Some(machine) = busybox(&rig) else { return };
        let daemon = DMON.replace("-n ", "");
        let machine = machine.boot(&busybox_inittab(&format!("::once:{daemon}")));
        // The parent exits after startup, and init adopts the daemon.
        let dmon = rig.wait_for_some("the pid file", || {
            let pid = rig.read("root/run/svc.pid").trim().to_string();
            let children = proc::children(machine.init).into_iter().map(|child| child.pid);
            children
                .filter(|_| !pid.is_empty())
                .find(|child| inner_pid(*child).is_some_and(|inner| inner.to_string() == pid))
        });
        wait_service(&rig, dmon, "root/var/log/svc");
        assert_eq!(machine.shut_down(request), Some(end as i32));
        assert_eq!(assert_complete(&rig, "root/var/log/svc", "root/var/log/two"), 1);
        rig.assert_no_processes();
    }
}

#[test]
fn a_service_ends_if_its_inittab_line_is_removed() {
    for sysv in [false, true] {
        let rig = Rig::new();
        let (machine, with, without) = if sysv {
            let inittab =
                |line: &str| sysvinit_inittab(&format!("{line}\nx:2:respawn:/bin/sleep 1000"));
            (sysvinit(&rig), inittab(&format!("vf:2345:respawn:{DMON}")), inittab(""))
        } else {
            let inittab =
                |line: &str| busybox_inittab(&format!("{line}\n::respawn:/bin/sleep 1000"));
            (busybox(&rig), inittab(&format!("::respawn:{DMON}")), inittab(""))
        };
        let Some(machine) = machine else { return };
        let machine = machine.boot(&with);
        let dmon = machine.service(DMON);
        let service = wait_service(&rig, dmon, "root/var/log/svc");
        rig.write("root/etc/inittab", without);
        match sysv {
            true => machine.run("/sbin/telinit q"),
            false => signal(machine.init, Signal::SIGHUP),
        }
        rig.wait_gone(dmon);
        rig.wait_gone(service);
        rig.wait_for("the exit of the log command", || machine.count("/sbin/dlog") == 0);
        assert_eq!(machine.count("/sbin/dmon"), 0);
        assert_eq!(assert_complete(&rig, "root/var/log/svc", "root/var/log/two"), 1);
        machine.service("/bin/sleep 1000");
    }
}

#[test]
fn dmon_runs_on_a_read_only_system_without_console_or_proc() {
    let rig = Rig::new();
    let Some(mut machine) = busybox(&rig) else { return };
    // The service fails after each line, and syslogd starts only after the last run.
    machine.script("svc", "echo run-$$; exit 1");
    machine.script("rcS", "exit 0");
    machine.script(
        "late",
        "while ! test -e /run/go; do sleep 0.05; done; exec syslogd -n -O /run/messages",
    );
    machine.read_only();
    let dmon = "/sbin/dmon -n -e -m 3 -d 0.05 -p /run/svc.pid /etc/svc -- /sbin/dsyslog svc";
    let machine = machine.boot(&busybox_inittab(&format!("::once:{dmon}\n::once:/etc/late")));
    let inside = |name: &str| {
        std::fs::read_to_string(format!("/proc/{}/root/run/{name}", machine.init))
            .unwrap_or_default()
    };
    // After four runs, dsyslog still waits for a receiver.
    rig.wait_for("dsyslog to be the last process", || {
        machine.count("/sbin/dsyslog") == 1 && machine.count("/etc/svc") == 0
    });
    machine.run("touch /run/go");
    rig.wait_for("four messages", || inside("messages").matches("svc: run-").count() == 4);
    rig.wait_for("the exit of dmon", || machine.count("/sbin/d") == 0);
    assert_eq!(inside("svc.pid"), "");
    assert_eq!(machine.shut_down(Signal::SIGUSR1), Some(Signal::SIGINT as i32));
}

#[test]
fn a_failing_service_does_not_trip_sysvinits_rate_limit() {
    let rig = Rig::new();
    let Some(machine) = sysvinit(&rig) else { return };
    machine.script("svc", "echo >>/var/log/runs; exit 1");
    let dmon = "/sbin/dmon -n -d 0.05 /etc/svc";
    let machine = machine.boot(&sysvinit_inittab(&format!("vf:2345:respawn:{dmon}")));
    let first = machine.service(dmon);
    // sysvinit suspends an entry that it starts ten times within two minutes.
    rig.wait_lines("root/var/log/runs", 30);
    assert_eq!(machine.service(dmon), first);
}

/// Creates a service directory for runsv or s6-supervise that runs the service below dmon.
fn service_dir(rig: &Rig) {
    rig.shell("mkdir svc").exits(0);
    rig.write_program("svc", &format!("#!/bin/sh\n{SERVICE}\n"));
    let run = "#!/bin/sh\nexec dmon -n -e -p pid svc -- dlog log 2>>errors\n";
    rig.write_executable("svc/run", run);
}

/// Checks dmon as a service of a supervisor: `t` (SIGTERM) and SIGKILL restart it, `d` stops it, `u` starts it.
fn check_under_supervisor(rig: &Rig, supervisor: i32, send: impl Fn(&str)) {
    let (log, two) = ("svc/log", "svc/two");
    let first = rig.child(supervisor, "dmon -n");
    let service = wait_service(rig, first, log);
    let next_dmon = |before: i32| rig.next_child(supervisor, before, "dmon -n");
    send("t");
    rig.wait_gone(service);
    let second = next_dmon(first);
    let service = wait_service(rig, second, log);
    signal(second, Signal::SIGKILL);
    rig.wait_dead(service);
    let third = next_dmon(second);
    let service = wait_service(rig, third, log);
    send("d");
    rig.wait_gone(service);
    rig.wait_gone(third);
    rig.wait_for("the exit of all log commands", || rig.processes_called("dlog").is_empty());
    assert_eq!(assert_complete(rig, log, two), 3);
    send("u");
    let fourth = next_dmon(third);
    wait_service(rig, fourth, log);
    send("x");
}

#[test]
fn runsv_controls_dmon_as_one_service() {
    let Some(runsv) = tools::peer("runsv") else { return };
    let rig = Rig::new();
    service_dir(&rig);
    let supervisor = rig.start(format!("{runsv} svc"));
    check_under_supervisor(&rig, supervisor.pid(), |command| {
        rig.shell(format!("printf {command} >svc/supervise/control")).exits(0);
    });
    supervisor.wait().exits(0);
    rig.wait_no_processes();
    assert_eq!(assert_complete(&rig, "svc/log", "svc/two"), 4);
    assert_eq!(rig.read("svc/errors"), "");
}

#[test]
fn s6_supervise_controls_dmon_as_one_service() {
    let (Some(supervise), Some(control)) = (tools::peer("s6-supervise"), tools::peer("s6-svc"))
    else {
        return;
    };
    let rig = Rig::new();
    service_dir(&rig);
    let supervisor = rig.start(format!("{supervise} svc"));
    check_under_supervisor(&rig, supervisor.pid(), |command| {
        // Without `d`, s6-supervise waits for its service to exit.
        let command = if command == "x" { "xd" } else { command };
        rig.run(format!("{control} -{command} svc")).exits(0);
    });
    supervisor.wait().exits(0);
    rig.wait_no_processes();
    assert_eq!(assert_complete(&rig, "svc/log", "svc/two"), 4);
    assert_eq!(rig.read("svc/errors"), "");
}

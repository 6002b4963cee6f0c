//! The boot scripts in scripts/examples, run by their interpreters.

use crate::rig::machine::Machine;
use crate::rig::{Rig, openrc};
use nix::sys::signal::Signal;

/// Returns the text of an example.
fn example(name: &str) -> String {
    let path = format!("{}/scripts/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("read the example")
}

/// Returns the script of a service that takes this many tenths of a second to stop.
fn slow_service(tenths: u32) -> String {
    format!(
        "trap 'trap \"\" TERM; n=0; while test $n -lt {tenths}; do sleep 0.1; n=$((n + 1)); done
        echo end; echo >>ended; exit 0' TERM
        echo begin; echo >>up
        exec 2>/dev/null # some shells report that SIGTERM has ended the sleep
        while :; do sleep 0.05; done"
    )
}

/// Writes it as the program `slow`, which works in the rig's directory.
fn write_slow_service(rig: &Rig, tenths: u32) {
    let folder = rig.path("");
    let text = format!("#!/bin/sh\ncd {}\n{}\n", folder.display(), slow_service(tenths));
    rig.write_executable("slow", &text);
}

/// Copies an example to `service`, with `command` instead of vfand and with all paths in the rig's directory.
fn install(rig: &Rig, name: &str, command: &str) {
    let text = example(name);
    let (dmon, dlog) = (rig.path("bin/dmon"), rig.path("bin/dlog"));
    let job = format!("{command} -- {} {}", dlog.display(), rig.path("log").display());
    let text = text
        .replace("/usr/bin/dmon", &dmon.display().to_string())
        .replace("/var/run/vfand.pid", "/run/vfand.pid")
        .replace("/run/vfand.pid", &rig.path("pid").display().to_string())
        .replace("vfand -- dsyslog vfand", &job);
    // OpenRC clears the environment, including the rig's mark.
    let text = text.replacen(
        '\n',
        &format!(
            "\nexport DMON_TEST='{}'\n",
            rig.path("service").parent().expect("the directory").display()
        ),
        1,
    );
    rig.write_executable("service", &text);
}

/// Starts the service twice, restarts it and stops it. `stopped` is the exit status of `status` without a service.
fn check_life_cycle(rig: &Rig, call: &str, stopped: i32) {
    let run = |word: &str| rig.shell(format!("{call} {word} >/dev/null"));
    run("status").exits(stopped);
    run("start").exits(0);
    let first = rig.pid_in("pid");
    assert_eq!(rig.processes_called("sleep 4321").len(), 1);
    run("status").exits(0);
    run("start");
    assert_eq!(rig.pid_in("pid"), first);
    run("restart").exits(0);
    rig.wait_gone(first);
    rig.wait_file("pid");
    assert_ne!(rig.pid_in("pid"), first);
    rig.wait_for("one service", || rig.processes_called("sleep 4321").len() == 1);
    run("stop").exits(0);
    rig.wait_for("the exit of the service", || {
        rig.processes_called("sleep 4321").is_empty() && !rig.has("pid")
    });
    run("status").exits(stopped);
}

#[test]
fn init_scripts_of_lsb_control_the_service() {
    let rig = Rig::new();
    install(&rig, "sysvinit", "sleep 4321");
    rig.run("./service stop").exits(0).reports_nothing();
    // Whether it runs is not known if the PID file cannot be read.
    rig.shell("ln -s pid pid").exits(0);
    for word in ["stop", "restart", "status"] {
        rig.run(format!("./service {word}")).exits(125);
    }
    rig.shell("rm pid").exits(0);
    check_life_cycle(&rig, "./service", 3);
    rig.run("./service").exits(2);
}

#[test]
fn init_scripts_of_lsb_wait_for_a_service_that_stops_slowly() {
    let rig = Rig::new();
    write_slow_service(&rig, 20);
    install(&rig, "sysvinit", &rig.path("slow").display().to_string());
    for round in 1..=3 {
        rig.run("./service restart").exits(0).reports_nothing();
        rig.wait_lines("up", round);
        assert_eq!(rig.lines("ended"), round - 1);
    }
    rig.run("./service stop").exits(0).reports_nothing();
    assert_eq!(rig.lines("ended"), 3);
    rig.assert_no_processes();
}

#[test]
fn openrc_controls_the_service() {
    let rig = Rig::new();
    let Some(namespace) = openrc::system(&rig) else { return };
    install(&rig, "openrc", "sleep 4321");
    check_life_cycle(&rig, &format!("{namespace} ./service"), 3);
}

/// Longer than OpenRC waits by default.
#[test]
fn openrc_waits_for_a_service_that_stops_slowly() {
    let rig = Rig::new();
    let Some(namespace) = openrc::system(&rig) else { return };
    write_slow_service(&rig, 70);
    install(&rig, "openrc", &rig.path("slow").display().to_string());
    let run = |word: &str| rig.shell(format!("{namespace} ./service {word} >/dev/null"));
    run("start").exits(0);
    rig.wait_lines("up", 1);
    run("stop").exits(0);
    assert_eq!(rig.lines("ended"), 1);
    assert!(!rig.has("pid"));
}

/// Substitutes for procd's shell functions record the parameters.
#[test]
fn procd_starts_the_service_and_waits_for_it() {
    let rig = Rig::new();
    install(&rig, "openwrt", "sleep 4321");
    rig.write(
        "rc.common",
        "procd_open_instance() { :; }
         procd_close_instance() { :; }
         procd_set_param() { name=$1; shift; echo \"$@\" >$name; }
         . \"$1\"
         [ \"$USE_PROCD\" = 1 ] && start_service",
    );
    rig.shell("sh rc.common ./service start").exits(0).reports_nothing();
    assert!(rig.has("respawn"));
    // Longer than the default times of -k and -D.
    let timeout: u32 = rig.read("term_timeout").trim_end().parse().expect("seconds");
    assert!(timeout > 10 + 5);
    let dmon = rig.start(rig.read("command").trim_end());
    rig.wait_for("the service", || rig.processes_called("sleep 4321").len() == 1);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143).reports_nothing();
    rig.wait_no_processes();
}

#[test]
fn busybox_init_waits_for_a_service_that_stops_slowly() {
    let rig = Rig::new();
    let Some(machine) = Machine::new(&rig) else { return };
    machine.script("svc", &format!("cd /var/log\n{}", slow_service(30)));
    let inittab = example("inittab")
        .replace("/sbin/vfand", "/etc/svc")
        .replace("/sbin/dsyslog vfand", "/sbin/dlog /var/log/svc.log");
    let machine = machine.boot(&format!("::sysinit:/etc/rcS\n{inittab}"));
    rig.wait_lines("root/var/log/up", 1);
    assert_eq!(machine.shut_down(Signal::SIGUSR2), Some(Signal::SIGINT as i32));
    assert_eq!(rig.lines("root/var/log/ended"), 1);
    assert_eq!(rig.read("root/var/log/svc.log"), "begin\nend\n");
    rig.assert_no_processes();
}

/// sysvinit sends SIGKILL after three seconds. Until then the service is killed, and its log is complete.
#[test]
fn sysvinit_leaves_dmon_the_time_to_kill_its_service() {
    let rig = Rig::new();
    let Some(machine) = Machine::with_sysvinit(&rig) else { return };
    machine.script(
        "svc",
        "trap 'echo end' TERM; echo begin; echo >/var/log/up; exec 2>/dev/null; while :; do sleep 0.05; done",
    );
    machine.script("rc0", "exec /bin/busybox poweroff -f");
    let example = example("inittab");
    let line = example.lines().find_map(|line| line.strip_prefix("#vf:")).expect("the line");
    let line = line
        .replace("/sbin/vfand", "/etc/svc")
        .replace("/sbin/dsyslog vfand", "/sbin/dlog /var/log/svc.log");
    let machine = machine
        .boot(&format!("id:2:initdefault:\nsi::sysinit:/etc/rcS\nl0:0:wait:/etc/rc0\nvf:{line}\n"));
    rig.wait_lines("root/var/log/up", 1);
    machine.run("/sbin/telinit 0");
    assert_eq!(machine.wait_off(), Some(Signal::SIGINT as i32));
    assert_eq!(rig.read("root/var/log/svc.log"), "begin\nend\n");
    // Only a dmon that exits removes its file.
    assert!(!rig.has("root/run/vfand.pid"));
}

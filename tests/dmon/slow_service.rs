//! A service that needs three seconds to stop, under each init: after SIGKILL of dmon, init restarts dmon, and there are
//! never two copies of the service.

use crate::rig::machine::Machine;
use crate::rig::{Rig, openrc, signal, tools};
use nix::sys::signal::Signal;

/// Takes three seconds to stop, and records in `two` that another copy runs.
const SERVICE: &str = "#!/bin/sh
    trap 'trap \"\" TERM; n=0; while test $n -lt 30; do sleep 0.1; n=$((n + 1)); done; echo $$ >>ended; exit 0' TERM
    grep -qs State:.[RSDT] /proc/$(cat last 2>/dev/null)/status && echo $$ >>two
    echo $$ >last
    echo $$ >>runs
    while :; do sleep 0.05; done
";

/// The number of times that dmon is killed.
const ROUNDS: usize = 2;

/// Kills dmon, whose parent is `init`, repeatedly. `folder` is the working directory of the service.
#[track_caller]
fn kill_repeatedly(rig: &Rig, init: i32, dmon_words: &str, folder: &str) {
    let file = |name: &str| format!("{folder}/{name}");
    let mut dmon = rig.child(init, dmon_words);
    for round in 1..=ROUNDS {
        rig.wait_lines(&file("runs"), round);
        signal(dmon, Signal::SIGKILL);
        dmon = rig.next_child(init, dmon, dmon_words);
        rig.wait_lines(&file("runs"), round + 1);
        assert!(!rig.has(&file("two")), "two copies: {}", rig.read(&file("two")));
        // Each copy stopped in its own time.
        assert_eq!(rig.lines(&file("ended")), round);
    }
}

/// Makes a service directory for a supervisor. The service changes its user if it can: then the kernel sends it no signal.
fn service_dir(rig: &Rig) {
    rig.shell("mkdir svc && chmod 777 svc").exits(0);
    let as_other = match tools::is_root() && tools::has(&["setpriv"]) {
        true => {
            rig.share_with_all_users();
            "setpriv --reuid=41001 --regid=41001 --clear-groups"
        }
        false => "",
    };
    rig.write_program("svc", SERVICE);
    let run =
        format!("#!/bin/sh\nexec dmon -n -p pid -k 1000 {as_other} svc -- dlog log 2>>errors\n");
    rig.write_executable("svc/run", &run);
}

#[test]
fn under_runsv_a_slow_service_never_runs_twice() {
    let Some(runsv) = tools::peer("runsv") else { return };
    let rig = Rig::new();
    service_dir(&rig);
    let supervisor = rig.start(format!("{runsv} svc"));
    kill_repeatedly(&rig, supervisor.pid(), "dmon -n", "svc");
    rig.shell("printf dx >svc/supervise/control").exits(0);
    supervisor.wait().exits(0);
    rig.wait_no_processes();
}

#[test]
fn under_daemontools_a_slow_service_never_runs_twice() {
    let (Some(supervise), Some(svc)) = (tools::peer("supervise"), tools::peer("svc")) else {
        return;
    };
    let rig = Rig::new();
    service_dir(&rig);
    let supervisor = rig.start(format!("{supervise} svc"));
    kill_repeatedly(&rig, supervisor.pid(), "dmon -n", "svc");
    rig.run(format!("{svc} -dx svc")).exits(0);
    supervisor.wait().exits(0);
    rig.wait_no_processes();
}

#[test]
fn under_s6_a_slow_service_never_runs_twice() {
    let (Some(supervise), Some(control)) = (tools::peer("s6-supervise"), tools::peer("s6-svc"))
    else {
        return;
    };
    let rig = Rig::new();
    service_dir(&rig);
    let supervisor = rig.start(format!("{supervise} svc"));
    kill_repeatedly(&rig, supervisor.pid(), "dmon -n", "svc");
    rig.run(format!("{control} -xd svc")).exits(0);
    supervisor.wait().exits(0);
    rig.wait_no_processes();
}

const MACHINE_DMON: &str =
    "/sbin/dmon -n -k 1000 -W /var/log -p /run/svc.pid /etc/svc -- /sbin/dlog /var/log/svc";

#[test]
fn under_busybox_init_a_slow_service_never_runs_twice() {
    let rig = Rig::new();
    let Some(machine) = Machine::new(&rig) else { return };
    machine.script("svc", SERVICE);
    let machine = machine.boot(&format!("::sysinit:/etc/rcS\n::respawn:{MACHINE_DMON}\n"));
    kill_repeatedly(&rig, machine.init, "/sbin/dmon -n", "root/var/log");
}

#[test]
fn under_sysvinit_a_slow_service_never_runs_twice() {
    let rig = Rig::new();
    let Some(machine) = Machine::with_sysvinit(&rig) else { return };
    machine.script("svc", SERVICE);
    let inittab = "id:2:initdefault:\nsi::sysinit:/etc/rcS";
    let machine = machine.boot(&format!("{inittab}\nvf:2345:respawn:{MACHINE_DMON}\n"));
    kill_repeatedly(&rig, machine.init, "/sbin/dmon -n", "root/var/log");
}

#[test]
fn under_supervise_daemon_a_slow_service_never_runs_twice() {
    let rig = Rig::new();
    let Some(namespace) = openrc::system(&rig) else { return };
    rig.write_program("svc", SERVICE);
    let file = |name: &str| rig.path(name).display().to_string();
    // OpenRC clears the environment.
    let text = format!(
        "#!/sbin/openrc-run\nexport DMON_TEST='{folder}'\nsupervisor=supervise-daemon\ncommand={dmon}
command_args=\"-n -p pid -k 1000 {svc} -- {dlog} log\"\ndirectory={folder}\nrespawn_max=0\n",
        folder = file("").trim_end_matches('/'),
        dmon = file("bin/dmon"),
        svc = file("bin/svc"),
        dlog = file("bin/dlog"),
    );
    rig.write_executable("service", &text);
    rig.shell(format!("{namespace} ./service start >/dev/null")).exits(0);
    let supervisor = rig.wait_for_some("supervise-daemon", || {
        rig.processes_called("supervise-daemon").first().map(|process| process.pid)
    });
    kill_repeatedly(&rig, supervisor, &format!("{} -n", file("bin/dmon")), ".");
    rig.shell(format!("{namespace} ./service stop >/dev/null")).exits(0);
}

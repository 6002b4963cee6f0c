//! The boot scripts in scripts/examples, run by their interpreters.

use crate::rig::mount_namespace::MountNamespace;
use crate::rig::{Rig, tools};
use nix::sys::signal::Signal;

/// Copies an example to `service`, with sleep instead of vfand and with all paths in the rig's directory.
fn install(rig: &Rig, name: &str) {
    let example = format!("{}/scripts/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(example).expect("read the example");
    let (dmon, dlog) = (rig.path("bin/dmon"), rig.path("bin/dlog"));
    let job = format!("sleep 4321 -- {} {}", dlog.display(), rig.path("log").display());
    let text = text
        .replace("/usr/bin/dmon", &dmon.display().to_string())
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
fn debian_init_scripts_control_the_service() {
    let rig = Rig::new();
    if !tools::is_native("start-stop-daemon would find the emulator")
        || !tools::has(&["start-stop-daemon"])
        || !tools::has(&["/lib/init/init-d-script"])
    {
        return;
    }
    install(&rig, "sysvinit");
    check_life_cycle(&rig, "./service", 3);
}

#[test]
fn openrc_controls_the_service() {
    let rig = Rig::new();
    if !tools::is_native("start-stop-daemon would find the emulator") {
        return;
    }
    let Some(openrc) = tools::unpacked("sbin/openrc-run") else { return };
    // Simulate a system that OpenRC has booted: its programs in place, its state in /run.
    let peers = openrc.strip_suffix("/sbin/openrc-run").expect("the path of openrc-run");
    let mounts = format!(
        "mount -t overlay overlay -o lowerdir={peers}/lib:/usr/lib /usr/lib
         mount -t overlay overlay -o lowerdir={peers}/sbin:/usr/sbin /usr/sbin
         mount -t tmpfs none /run
         cd /run && mkdir openrc && cd openrc && touch softlevel
         mkdir starting started stopping stopped inactive wasinactive failed hotplugged daemons options \
             exclusive scheduled init.d tmp
         cd {}",
        rig.path("").display()
    );
    let Some(namespace) = MountNamespace::new(&rig, &mounts) else { return };
    install(&rig, "openrc");
    check_life_cycle(&rig, &format!("{namespace} ./service"), 3);
}

/// Substitutes for procd's shell functions record the command.
#[test]
fn procd_starts_the_service() {
    let rig = Rig::new();
    install(&rig, "openwrt");
    rig.write(
        "rc.common",
        "procd_open_instance() { :; }
         procd_close_instance() { :; }
         procd_set_param() { [ $1 != command ] || { shift; echo \"$@\" >command; }; [ $1 != respawn ] || : >respawn; }
         . \"$1\"
         [ \"$USE_PROCD\" = 1 ] && start_service",
    );
    rig.shell("sh rc.common ./service start").exits(0).reports_nothing();
    assert!(rig.has("respawn"));
    let dmon = rig.start(rig.read("command").trim_end());
    rig.wait_for("the service", || rig.processes_called("sleep 4321").len() == 1);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143).reports_nothing();
    rig.wait_no_processes();
}

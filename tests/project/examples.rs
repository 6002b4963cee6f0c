//! The scripts of scripts/examples that start a service at boot, under what reads them.

use crate::rig::space::Space;
use crate::rig::{Rig, tools};
use nix::sys::signal::Signal;

/// An example as the file `service`, with a sleep in the place of vfand, and all its files in the folder of the test.
fn service(rig: &Rig, name: &str) {
    let example = format!("{}/scripts/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(example).expect("the example");
    let (dmon, dlog) = (rig.path("bin/dmon"), rig.path("bin/dlog"));
    let job = format!("sleep 4321 -- {} {}", dlog.display(), rig.path("log").display());
    let text = text
        .replace("/usr/bin/dmon", &dmon.display().to_string())
        .replace("/run/vfand.pid", &rig.path("pid").display().to_string())
        .replace("vfand -- dsyslog vfand", &job);
    // OpenRC starts services without the variables of who asks for it, also the rig's.
    let text = text.replacen(
        '\n',
        &format!(
            "\nexport DMON_TEST='{}'\n",
            rig.path("service").parent().expect("a folder").display()
        ),
        1,
    );
    rig.write("service", text);
    rig.shell("chmod +x service").exits(0);
}

/// Started once however often it is asked, started again, ended; `call` runs it with a word. `ended` is the status
/// that tells so.
fn goes_through_its_life(rig: &Rig, call: &str, ended: i32) {
    let asked = |word: &str| rig.shell(format!("{call} {word} >/dev/null"));
    asked("status").exits(ended);
    asked("start").exits(0);
    let first = rig.pid_in("pid");
    assert_eq!(rig.copies("sleep 4321").len(), 1);
    asked("status").exits(0);
    asked("start");
    assert_eq!(rig.pid_in("pid"), first);
    asked("restart").exits(0);
    rig.wait_gone(first);
    rig.wait_file("pid");
    assert_ne!(rig.pid_in("pid"), first);
    rig.wait_for("one service", || rig.copies("sleep 4321").len() == 1);
    asked("stop").exits(0);
    rig.wait_for("its end", || rig.copies("sleep 4321").is_empty() && !rig.has("pid"));
    asked("status").exits(ended);
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
    service(&rig, "sysvinit");
    goes_through_its_life(&rig, "./service", 3);
}

#[test]
fn openrc_controls_the_service() {
    let rig = Rig::new();
    if !tools::is_native("start-stop-daemon would find the emulator") {
        return;
    }
    let Some(openrc) = tools::unpacked("sbin/openrc-run") else { return };
    // A machine that OpenRC has booted: its programs where they look for each other, and its notes in /run.
    let peers = openrc.strip_suffix("/sbin/openrc-run").expect("its path");
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
    let Some(space) = Space::new(&rig, &mounts) else { return };
    service(&rig, "openrc");
    goes_through_its_life(&rig, &format!("{space} ./service"), 3);
}

/// procd is asked by functions of a shell library, of which these tell what they were asked.
#[test]
fn procd_starts_the_service() {
    let rig = Rig::new();
    service(&rig, "openwrt");
    rig.write(
        "rc.common",
        "procd_open_instance() { :; }
         procd_close_instance() { :; }
         procd_set_param() { [ $1 != command ] || { shift; echo \"$@\" >command; }; [ $1 != respawn ] || : >respawn; }
         . \"$1\"
         [ \"$USE_PROCD\" = 1 ] && start_service",
    );
    rig.shell("sh rc.common ./service start").exits(0).says_nothing();
    assert!(rig.has("respawn"));
    let dmon = rig.start(rig.read("command").trim_end());
    rig.wait_for("the service", || rig.copies("sleep 4321").len() == 1);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143).says_nothing();
    rig.wait_empty();
}

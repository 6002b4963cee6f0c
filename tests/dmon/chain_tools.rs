//! The lines of the section CHAIN TOOLS in dmon(8): each one changes the command as the manual says.
//!
//! Requires root, and the programs of util-linux and coreutils.

use crate::rig::accounts::Accounts;
use crate::rig::{Rig, tools};
use std::fs;

/// What the service of the examples prints.
const FACTS: &str = r#"#!/bin/sh
echo "nice $(nice)"
echo "io $(ionice -p $$)"
echo "processors $(taskset -cp $$)"
echo "scheduler $(chrt -p $$)"
grep -E '^(NoNewPrivs|CapBnd):' /proc/$$/status
echo "net $(readlink /proc/$$/ns/net)"
echo "oom $(cat /proc/$$/oom_score_adj)"
echo "umask $(umask)"
echo "user $(id -u)"
"#;

/// The start of a line of the manual, and a line of what the service prints then.
const LINES: &[(&str, &str)] = &[
    ("dmon -n nice ", "nice 10"),
    ("dmon -n ionice ", "io idle"),
    ("dmon -n taskset ", "affinity list: 0"),
    ("dmon -n chrt ", "SCHED_BATCH"),
    ("dmon -n setpriv ", "NoNewPrivs:\t1"),
    ("dmon -n chroot ", "root bin etc"),
    ("dmon -n unshare ", "net net:"),
    ("dmon -n sh -c 'exec choom", "oom 500"),
    ("dmon -n sh -c 'umask", "umask 0027"),
    ("nice ", "nice -5"),
    ("ionice ", "io realtime"),
    ("chrt ", "SCHED_FIFO"),
    // CAP_KILL is bit 5.
    ("setpriv ", "CapBnd:\t0000"),
    ("chroot ", "root bin etc"),
    ("unshare ", "net net:"),
    ("choom ", "oom -500"),
];

/// Returns the lines of the section.
fn lines_of_the_manual() -> Vec<String> {
    let manual = include_str!("../../src/applets/dmon/dmon.8.in");
    let section = manual.split("\n.Sh CHAIN TOOLS\n").nth(1).expect("the section");
    let section = section.split("\n.Sh ").next().expect("its text");
    let lines = section.lines().filter_map(|line| line.strip_prefix(".It Li "));
    lines.map(|line| line.split(" Ta ").next().expect("a line").to_string()).collect()
}

#[test]
fn every_chain_tool_of_the_manual_works() {
    let programs = ["nice", "ionice", "taskset", "chrt", "setpriv", "chroot", "unshare", "choom"];
    if !tools::is_root()
        || !tools::is_native("the emulator is not in the new root directory")
        || !tools::has(&programs)
        || !tools::has(&["busybox"])
    {
        return;
    }
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else { return };
    rig.share_with_all_users();
    rig.write_program("httpd", FACTS);
    rig.shell(
        "mkdir -p srv/bin srv/etc; cp $(command -v busybox) srv/bin; ln -s busybox srv/bin/sh
        cp -L \"$(command -v dmon)\" srv/bin/dmon; cp passwd srv/etc; chmod -R a+rX srv",
    )
    .exits(0);
    if rig.shell("chroot srv dmon --version").code() != Some(0) {
        tools::skip("the tested program needs libraries, which the new root directory lacks");
        return;
    }
    let facts = "#!/bin/sh\necho root $(busybox ls /); echo user $(busybox id -u)\n";
    rig.write_executable("srv/bin/httpd", facts);
    let lines = lines_of_the_manual();
    assert_eq!(lines.len(), LINES.len(), "{lines:#?}");
    let network = fs::read_link("/proc/self/ns/net").expect("the namespace");
    for (line, (start, wanted)) in lines.iter().zip(LINES) {
        assert!(line.starts_with(start), "{line:?} does not start with {start:?}");
        let tool = line.split("dmon ").next().expect("the words before dmon");
        let trial = rig.shell(format!("{tool} true"));
        // Without permission, nice(1) executes its command nevertheless.
        if !tool.starts_with("chroot") && (trial.code() != Some(0) || !trial.err.is_empty()) {
            tools::skip(&format!("root may not use `{tool}` here"));
            continue;
        }
        if line.contains("--no-new-privs") && nix::sys::prctl::get_no_new_privs().is_err() {
            tools::skip("no_new_privs needs Linux 3.5");
            continue;
        }
        let user = if line.contains(" -u www ") { "user 41001" } else { "user 0" };
        let line = line
            .replace("/srv/www", &rig.path("srv").display().to_string())
            .replace("dmon -n", "dmon -n -m 0")
            .replace(" www ", " alice ");
        // nice(1) adds to the niceness of the tests, which is 0 only if they run without it.
        let out = rig.shell(format!("nice -n $((0 - $(nice))) {accounts} {line}")).exits(0).out;
        for fact in [wanted, user] {
            assert!(out.contains(fact), "{line}: no {fact:?} in {out}");
        }
        let is_new = !out.contains(&network.display().to_string());
        assert!(line.contains("unshare") == is_new || line.contains("chroot"), "{line}: {out}");
    }
}

//! Users, groups and capabilities that a command loses, and dmon as a set-user-ID program.
//!
//! Requires root.

use crate::rig::accounts::{ALICE, ALICES, AUDIO, Accounts, BOB, BOBS, MEDIA};
use crate::rig::{Rig, applets, proc, tools};

/// Tries to regain root's ids and prints its capabilities.
const PROBE: &str = "#!/bin/sh
    for back in --reuid=0 --euid=0 --ruid=0 --regid=0 --egid=0 --rgid=0 --groups=0; do
        setpriv $back true 2>/dev/null && echo \"$back succeeds\"
    done
    grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status
    cat /proc/self/status >status
    echo done\n";

#[test]
fn dropped_privileges_cannot_be_regained() {
    if !tools::has(&["setpriv"]) {
        return;
    }
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.share_with_all_users();
    rig.write_program("probe", PROBE);
    let none =
        "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\ndone\n";
    for line in ["-u alice probe", "-u alice:media probe", "-U alice true -- probe"] {
        // dmon as root, with ambient capabilities, and with ambient capabilities as another user or as the same user.
        let caps = "--inh-caps=+setgid,+setuid --ambient-caps=+setgid,+setuid";
        let other = format!("--reuid={BOB} --regid={BOBS} --clear-groups");
        let same = format!("--reuid={ALICE} --regid={ALICES} --groups={MEDIA},{AUDIO}");
        for before in [
            String::new(),
            format!("setpriv {caps}"),
            format!("setpriv {other} {caps}"),
            format!("setpriv {same} {caps}"),
        ] {
            let has_caps =
                rig.shell(format!("{before} grep '^CapAmb:.*[1-9a-f]' /proc/self/status"));
            if before.contains("--reuid") && has_caps.out.is_empty() {
                tools::skip("needs Linux 4.3, which has ambient capabilities");
                continue;
            }
            let done = rig.run(format!("{accounts} {before} dmon -n -m 0 {line}"));
            let done = done.exits(0);
            assert_eq!(done.out, none, "{before} {line}");
            rig.shell("rm status").exits(0);
        }
    }
}

#[test]
fn setgroups_precedes_setgid_and_setuid() {
    if !tools::has(&["strace"]) || !tools::is_native("strace sees the calls of the emulator") {
        return;
    }
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.copy_applets();
    rig.run(format!(
        "{accounts} strace -f -o trace -e trace='/^set(gid|uid|groups)(32)?$' dmon -n -m 0 -u alice -U bob true -- cat"
    ))
    .exits(0);
    for (user, groups) in
        [(ALICE, format!("2, [{MEDIA}, {AUDIO}]")), (BOB, format!("1, [{MEDIA}]"))]
    {
        let trace = rig.read("trace");
        let call = trace.lines().find(|line| line.contains(&format!("({user})"))).expect("setuid");
        let pid = call.split(' ').next().unwrap_or_default();
        let calls: Vec<&str> = trace
            .lines()
            .filter_map(|line| line.strip_prefix(pid)?.trim_start().split(" = 0").next())
            .filter(|call| call.starts_with("set"))
            .map(str::trim_end)
            .collect();
        let name = |call: &str| {
            call.split('(').next().unwrap_or_default().trim_end_matches("32").to_string()
        };
        let names: Vec<String> = calls.iter().map(|call| name(call)).collect();
        assert_eq!(names, ["setgroups", "setgid", "setuid"], "{calls:?}");
        assert!(calls[0].contains(&groups), "{calls:?}");
    }
}

#[test]
fn the_ids_that_dmon_has_are_not_set() {
    if !tools::has(&["strace", "setpriv"])
        || !tools::is_native("strace sees the calls of the emulator")
    {
        return;
    }
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    for (groups, calls) in [("--clear-groups", 0), ("--groups=42003", 6)] {
        rig.run(format!(
            "{accounts} setpriv {groups} strace -f -o trace -e trace='/^set(gid|uid|groups)(32)?$' dmon -n1 -u root -U root true -- cat"
        ))
        .exits(0);
        let trace = rig.read("trace");
        assert_eq!(trace.lines().filter(|line| line.contains(" set")).count(), calls, "{trace}");
    }
}

#[test]
fn an_empty_user_name_matches_no_group_member() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.write("passwd", "root:x:0:0::/:\n:x:55555:55556::/:\n");
    let dmon = rig.start(format!("{accounts} dmon -n -u 55555 sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep");
    assert_eq!(proc::ids(command, "Groups"), []);
    assert_eq!(proc::ids(command, "Gid"), [55556; 4]);
}

#[test]
fn overlong_account_lines_are_parsed_correctly() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    let long = "a".repeat(1 << 20);
    let members = "somebody,".repeat(100_000);
    rig.write(
        "passwd",
        format!(
            "{long}:x:1:1::/:\n{}:\nalice:{long}:{ALICE}:{ALICES}:{long}\n",
            long.replace('a', ":")
        ),
    );
    rig.write("group", format!("{long}:x:1:alice\nx:x:2:{long},{members}alice\n{long},alice\naudio:x:{AUDIO}:{members}alice"));
    let dmon = rig.start(format!("{accounts} dmon -n -u alice sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep");
    assert_eq!(proc::ids(command, "Groups"), [1, 2, AUDIO]);
    let done = rig.run(format!("{accounts} dmon -n -u {} true", "a".repeat(300))).exits(125);
    done.reports("dmon", &["unknown user aaa"]);
}

/// The user that calls the set-user-ID programs. No other test runs as this user.
const CALLER: u32 = 41003;

/// A rig whose programs are set-user-ID root, and the command prefix that drops root.
fn set_uid() -> Option<(Rig, String)> {
    if !tools::is_root()
        || !tools::has(&["setpriv"])
        || !tools::is_native("the emulator is not set-uid")
    {
        return None;
    }
    let rig = Rig::new();
    rig.copy_applets();
    // Otherwise every user of the machine could become root by the tested program while the test runs.
    rig.shell(format!("chown {CALLER} . && chmod 700 .")).exits(0);
    rig.shell("cp $(command -v id) id; chmod 4755 id bin/*").exits(0);
    let caller = format!("setpriv --reuid={CALLER} --regid={CALLER} --clear-groups");
    if rig.shell(format!("{caller} ./id -u")).out != "0\n" {
        tools::skip("needs a file system that honours the set-uid bit");
        return None;
    }
    Some((rig, caller))
}

#[test]
fn set_uid_programs_reject_option_variables() {
    let Some((rig, caller)) = set_uid() else {
        return;
    };
    for (variable, line) in [
        ("DMON_OPTIONS", "dmon -n touch ran"),
        ("DLOG_OPTIONS", "dlog ran"),
        ("DRLOG_OPTIONS", "drlog ."),
        ("DSYSLOG_OPTIONS", "dsyslog ran"),
        ("DSLOG_OPTIONS", "dsyslog ran"),
        ("DSLOG_OPTIONS", "dslog ran"),
    ] {
        for value in ["", "-x", "--help"] {
            let done = rig.run(format!("env {variable}='{value}' {caller} {line}")).exits(125);
            let applet = line.split(' ').next().unwrap_or_default();
            assert_eq!(done.out, "");
            done.reports(applet, &[variable]);
        }
    }
    assert!(!rig.has("ran") && !rig.has("current"));
}

#[test]
fn set_uid_programs_work_without_option_variables() {
    let Some((rig, caller)) = set_uid() else {
        return;
    };
    rig.write("file", "once");
    let list = "env DMON_LIST_MULTICALL_APPLETS=1";
    rig.run(format!("{list} {caller} dmon -n -C file touch ran")).exits(125);
    rig.run(format!("{list} {caller} dmon -C file -n touch ran")).exits(0).reports_nothing();
    assert!(rig.has("ran"));
    // root itself may use all variables.
    assert_eq!(rig.run(format!("{list} dmon")).exits(0).out.lines().count(), applets().count());
    rig.run("env DMON_OPTIONS=--once dmon -n touch again").exits(0);
    assert!(rig.has("again"));
}

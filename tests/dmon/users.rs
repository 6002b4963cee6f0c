//! Users and groups of the command and of the log command: `-u`, `-g`, `-U`, `-G`.
//!
//! Requires root.

use crate::rig::accounts::{ALICE, ALICES, AUDIO, Accounts, BOB, BOBS, MEDIA};
use crate::rig::{Rig, proc, tools};

/// The id of a process; the real, effective, saved and file-system ids must agree.
#[track_caller]
fn id(pid: i32, field: &str) -> u32 {
    let ids = proc::ids(pid, field);
    assert!(ids.len() == 4 && ids.iter().all(|id| *id == ids[0]), "{field} {ids:?}");
    ids[0]
}

/// The supplementary groups without the primary group, which may be one of them.
fn other_groups(pid: i32) -> Vec<u32> {
    let primary = id(pid, "Gid");
    let mut groups: Vec<u32> =
        proc::ids(pid, "Groups").into_iter().filter(|group| *group != primary).collect();
    groups.sort();
    groups
}

/// Asserts the user, the primary group and the supplementary groups of a process.
#[track_caller]
fn assert_ids(pid: i32, user: u32, group: u32, more: &[u32]) {
    assert_eq!((id(pid, "Uid"), id(pid, "Gid"), other_groups(pid)), (user, group, more.to_vec()));
}

#[test]
fn the_command_gets_the_ids_and_groups_of_its_user() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    for (options, user, group, more) in [
        ("-u alice", ALICE, ALICES, vec![MEDIA, AUDIO]),
        ("-u bob", BOB, BOBS, vec![MEDIA]),
        ("-u alice -g bobs", ALICE, BOBS, vec![MEDIA, AUDIO]),
        ("-g bobs -u alice", ALICE, BOBS, vec![MEDIA, AUDIO]),
        ("-u alice:media", ALICE, ALICES, vec![MEDIA]),
        ("-u alice:media:bobs", ALICE, ALICES, vec![BOBS, MEDIA]),
        ("-u alice:42099 -g 42098", ALICE, 42098, vec![42099]),
        ("-u 41001", ALICE, ALICES, vec![MEDIA, AUDIO]),
        ("-u 41001:audio", ALICE, ALICES, vec![AUDIO]),
        ("-u 55555 -g 55556", 55555, 55556, vec![]),
        ("-u 55555:media -g 0", 55555, 0, vec![MEDIA]),
        ("-u root", 0, 0, vec![]),
        ("-u 0", 0, 0, vec![]),
        ("-u root:media", 0, 0, vec![MEDIA]),
    ] {
        let dmon = rig.start(format!("{accounts} dmon -n {options} sleep 1000 -- sleep 2000"));
        assert_ids(rig.child(dmon.pid(), "sleep 1000"), user, group, &more);
        // dmon and the log command keep root's ids.
        for pid in [dmon.pid(), rig.child(dmon.pid(), "sleep 2000")] {
            assert_eq!((id(pid, "Uid"), id(pid, "Gid")), (0, 0), "{options}");
        }
    }
}

#[test]
fn a_group_alone_does_not_change_the_user() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    let dmon = rig.start(format!("{accounts} dmon -n -g media -G 42099 sleep 1000 -- sleep 2000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    let log = rig.child(dmon.pid(), "sleep 2000");
    assert_eq!((id(command, "Uid"), id(command, "Gid")), (0, MEDIA));
    assert_eq!((id(log, "Uid"), id(log, "Gid")), (0, 42099));
}

#[test]
fn the_log_command_can_have_another_user() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    let dmon = rig.start(format!(
        "{accounts} dmon -n -u alice -g alices -U bob -G bobs sleep 1000 -- sleep 2000"
    ));
    assert_ids(rig.child(dmon.pid(), "sleep 1000"), ALICE, ALICES, &[MEDIA, AUDIO]);
    assert_ids(rig.child(dmon.pid(), "sleep 2000"), BOB, BOBS, &[MEDIA]);
    drop(dmon);
    let dmon = rig.start(format!("{accounts} dmon -n -U bob:audio sleep 1000 -- sleep 2000"));
    assert_eq!(id(rig.child(dmon.pid(), "sleep 1000"), "Uid"), 0);
    assert_ids(rig.child(dmon.pid(), "sleep 2000"), BOB, BOBS, &[AUDIO]);
}

#[test]
fn a_daemon_runs_service_and_logger_as_two_users() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.shell("mkdir logs && chown 41002 logs").exits(0);
    rig.copy_applets();
    rig.write_program(
        "mediatomb",
        "#!/bin/sh\necho \"$* as $(id -u):$(id -g)\" >&2\nexec sleep 1000\n",
    );
    let server = "mediatomb --interface eth0 --home /mnt/mediafiles";
    rig.run(format!(
        "{accounts} dmon -e -p pid -u alice -g alices -U bob -G bobs {server} -- dlog logs/media"
    ))
    .exits(0);
    rig.wait_lines("logs/media", 1);
    assert_eq!(rig.read("logs/media"), "--interface eth0 --home /mnt/mediafiles as 41001:42001\n");
    let dmon = rig.pid_in("pid");
    assert_ids(rig.child(dmon, "sleep 1000"), ALICE, ALICES, &[MEDIA, AUDIO]);
    assert_ids(rig.child(dmon, "dlog"), BOB, BOBS, &[MEDIA]);
    rig.shell("kill $(cat pid)").exits(0);
    rig.wait_no_processes();
    assert!(!rig.has("pid"));
}

#[test]
fn sigkill_of_dmon_stops_commands_of_other_users() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    let dmon = rig.start(format!("{accounts} dmon -n -u alice -U bob sleep 1000 -- cat"));
    rig.child(dmon.pid(), "sleep 1000");
    dmon.kill();
    rig.wait_no_processes();
}

#[test]
fn an_unknown_user_or_group_is_reported() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    for (options, word) in [
        ("-u nosuch", "nosuch"),
        ("-u alic", "alic"),
        ("-u alicea", "alicea"),
        ("-u alice:nosuch", "nosuch"),
        ("-u alice -g nosuch", "nosuch"),
        ("-u alice -g alice", "alice"),
        ("-U nosuch", "nosuch"),
        ("-G nosuch", "nosuch"),
        ("-u -1", "-1"),
        ("-u 4294967295 -g 1", "4294967295"),
        ("-u 4294967296 -g 1", "4294967296"),
        ("-g 99999999999999999999", "99999999999999999999"),
        ("-u 12x", "12x"),
    ] {
        rig.run(format!("{accounts} dmon -n {options} touch ran -- touch ran"))
            .exits(125)
            .reports("dmon", &[word]);
        rig.run(format!("{accounts} dmon {options} touch ran -- touch ran"))
            .exits(125)
            .reports("dmon", &[word]);
    }
    assert!(!rig.has("ran"));
    rig.assert_no_processes();
}

#[test]
fn a_uid_without_passwd_entry_needs_a_group() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.run(format!("{accounts} dmon -n -u 55555 touch ran"))
        .exits(125)
        .reports("dmon", &["55555"]);
    rig.run(format!("{accounts} dmon -n -U 55555 touch ran -- touch ran"))
        .exits(125)
        .reports("dmon", &["55555"]);
    assert!(!rig.has("ran"));
}

/// An ID in a comment used to give the group of that line, perhaps group 0.
#[test]
fn comments_in_passwd_and_group_are_ignored() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.shell("echo '#old:x:55555:0::/:' >>passwd; echo '#old:x:55556:alice' >>group").exits(0);
    rig.run(format!("{accounts} dmon -n -u 55555 touch ran"))
        .exits(125)
        .reports("dmon", &["55555"]);
    assert!(!rig.has("ran"));
    let done = rig.run(format!("{accounts} dmon -n1 -u alice id -G")).exits(0);
    assert_eq!(done.out, format!("{ALICES} {MEDIA} {AUDIO}\n"));
}

#[test]
fn a_user_change_without_privilege_fails_the_start() {
    if !tools::has(&["setpriv"]) {
        return;
    }
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.copy_applets();
    rig.shell("chmod 777 .").exits(0);
    let bob = "setpriv --reuid=41002 --regid=42002 --clear-groups";
    for (options, commands) in [
        ("-u alice", "touch ran -- cat"),
        ("-u root", "touch ran"),
        ("-g media", "touch ran -- cat"),
        ("-U alice", "touch ran -- touch ran"),
        ("-G media", "touch ran -- touch ran"),
    ] {
        let line = format!("{accounts} {bob} dmon -n {options} {commands}");
        rig.run(line).exits(125).reports("dmon", &["ermitted"]);
    }
    assert!(!rig.has("ran"));
    rig.assert_no_processes();
}

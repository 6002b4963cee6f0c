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

/// HOME, USER and LOGNAME of a command that is started with `before` and `options`; `-` for one that is not set.
#[track_caller]
fn user_variables(rig: &Rig, accounts: &Accounts, before: &str, options: &str) -> String {
    let line = format!("rm -f out; {accounts} {before} dmon -n1 {options} env -0 >out");
    rig.shell(line).exits(0).reports_nothing();
    let all = rig.variables("out");
    let names = [&b"HOME"[..], b"USER", b"LOGNAME"];
    let values = names.map(|name| all.get(name).map_or("-".into(), |v| String::from_utf8_lossy(v)));
    values.join(" ")
}

#[test]
fn home_user_and_logname_follow_the_user() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.shell("echo 'carl:x:41003:42001:a,b::/bin/sh' >>passwd").exits(0);
    let root = "env HOME=/h USER=u LOGNAME=l";
    let none = "env -u HOME -u USER -u LOGNAME";
    for (before, options, wanted) in [
        (root, "-u alice", "/nowhere alice alice"),
        (none, "-u alice", "/nowhere alice alice"),
        (root, "-u 41002", "/nowhere bob bob"),
        (root, "-u bob:media -g 0", "/nowhere bob bob"),
        (root, "-u root", "/root root root"),
        // The entry names no home directory.
        (root, "-u carl", "/h carl carl"),
        (none, "-u carl", "- carl carl"),
        // Without an entry, or with a group alone, they are unchanged.
        (root, "-u 55555 -g 1", "/h u l"),
        (none, "-u 55555 -g 1", "- - -"),
        (root, "-g media", "/h u l"),
        (root, "", "/h u l"),
        // -E overrides them, wherever it is given.
        (root, "-u alice -E HOME=/e", "/e alice alice"),
        (root, "-E USER=e -E LOGNAME= -u alice", "/nowhere e "),
        (root, "-u alice -E HOME -E X=1", "- alice alice"),
        (root, "-u alice -E HOME -E USER -E LOGNAME", "- - -"),
        (root, "-u alice -E HOMER=1 -E US=2", "/nowhere alice alice"),
    ] {
        assert_eq!(user_variables(&rig, &accounts, before, options), wanted, "{before} {options}");
    }
    let options = "-m 2 -d 0.01 -u alice sh -c 'echo $HOME $USER $LOGNAME $OTHER; exit 1'";
    let done = rig.run(format!("{accounts} env OTHER=o dmon -n {options}")).exits(1);
    assert_eq!(done.out, "/nowhere alice alice o\n".repeat(3));
}

#[test]
fn each_command_gets_the_variables_of_its_own_user() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.shell("sed -i s,::/nowhere,::/home/bob, passwd").exits(0);
    for (options, cmd, log) in [
        ("-u alice -U bob", ["/nowhere", "alice"], ["/home/bob", "bob"]),
        ("-u bob", ["/home/bob", "bob"], ["/h", "u"]),
        ("-U bob", ["/h", "u"], ["/home/bob", "bob"]),
        ("-u alice -U bob -E HOME=/e -E X=1", ["/e", "alice"], ["/e", "bob"]),
    ] {
        let variables = "env HOME=/h USER=u LOGNAME=u";
        let line = format!("{accounts} {variables} dmon -n {options} sleep 1000 -- sleep 2000");
        let dmon = rig.start(line);
        for (words, [home, user]) in [("sleep 1000", cmd), ("sleep 2000", log)] {
            let pid = rig.child(dmon.pid(), words);
            for variable in
                [format!("HOME={home}"), format!("USER={user}"), format!("LOGNAME={user}")]
            {
                assert!(proc::has_variable(pid, &variable), "{options} {words} {variable}");
            }
        }
    }
}

#[test]
fn limits_of_the_variables_of_a_user_are_reported() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    let home = |size: usize| format!("/{}", "h".repeat(size - 1));
    let name = |size: usize| "n".repeat(size);
    rig.shell(format!(
        "printf '%s\\n' long:x:1:1::{}: toolong:x:2:2::{}: {}:x:3:3::/: {}:x:4:4::/: >>passwd",
        home(4095),
        home(4096),
        name(256),
        name(257)
    ))
    .exits(0);
    let wanted = format!("{} long long", home(4095));
    // The values are too long for the message of assert_eq.
    assert!(user_variables(&rig, &accounts, "", "-u long") == wanted);
    let wanted = format!("/ {0} {0}", name(256));
    assert!(user_variables(&rig, &accounts, "", "-u 3") == wanted);
    let fails = |line: &str, word: &str| {
        rig.run(format!("{accounts} {line} touch ran")).exits(125).reports("dmon", &[word]);
    };
    fails("dmon -n1 -u toolong", "user toolong has too long a name or home directory");
    fails("dmon -n1 -u 4", "user 4 has too long a name or home directory");
    // Exactly 2000 variables fit.
    let many = |count: usize| {
        let all: String = (0..count).map(|n| format!(" W{n}={n}")).collect();
        format!("env -i PATH=\"$PATH\" DMON_TEST=\"$DMON_TEST\" {all}")
    };
    let fails = |before: String, options: &str| {
        let line = format!("{accounts} {before} dmon -n1 {options} touch ran");
        let done = rig.shell(line).exits(125);
        done.reports("dmon", &["HOME, USER and LOGNAME", "2000 variables in the environment"]);
    };
    if !tools::is_native("the wrapper script of an emulator adds variables") {
        return;
    }
    assert_eq!(user_variables(&rig, &accounts, &many(1995), "-u bob"), "/nowhere bob bob");
    fails(many(1996), "-u bob");
    fails(many(2100), "-U bob");
    assert!(!rig.has("ran"));
}

/// Starts an ordinary user's dmon, as in a container with a user: no change of IDs is necessary, and none is possible.
#[test]
fn the_ids_that_dmon_has_need_no_privileges() {
    if !tools::has(&["setpriv"]) {
        return;
    }
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.share_with_all_users();
    let alice = format!("--reuid={ALICE} --regid={ALICES}");
    let number = "--reuid=55555 --regid=55556 --clear-groups".to_string();
    let all = format!("{alice} --groups={MEDIA},{AUDIO}");
    for (ids, options) in [
        (&all, "-u alice"),
        (&all, "-u 41001 -U alice"),
        (&all, "-U alice"),
        (&all, "-u alice:audio:media -g alices"),
        // The primary group may also be a supplementary one.
        (&format!("{alice} --groups={AUDIO},{ALICES},{MEDIA}"), "-u alice"),
        (&number, "-u 55555 -g 55556"),
        (&number, "-g 55556 -G 55556"),
        // Without an entry in /etc/passwd the command keeps the groups that dmon has.
        (&number, "-u 55555"),
        (&"--reuid=55555 --regid=55556 --groups=55557,55556".to_string(), "-u 55555 -U 55555"),
    ] {
        let groups = rig.run(format!("setpriv {ids} id -G")).exits(0).out;
        let line = format!("{accounts} setpriv {ids} dmon -n1 {options} id -G -- cat");
        let done = rig.run(line).exits(0);
        assert_eq!(done.reports_nothing().out, groups, "{ids} {options}");
    }
    for (ids, options) in [
        // A group that the user does not have, none of its groups, one that is missing.
        (format!("{alice} --groups={MEDIA},{AUDIO},0"), "-u alice"),
        (format!("{alice} --groups=0"), "-u alice"),
        (format!("{alice} --clear-groups"), "-u alice"),
        (format!("{alice} --groups={MEDIA}"), "-U alice"),
        // A list without one of the groups, another primary group, no supplementary groups.
        (all.clone(), "-u alice:media"),
        (all.clone(), "-u alice -g media"),
        (all.clone(), "-g alices"),
        (format!("--reuid={ALICE} --regid={BOBS} --groups={MEDIA},{AUDIO}"), "-u alice"),
        (number, "-u 55554 -g 55556"),
    ] {
        // The log command starts first.
        let log = if options.starts_with("-U") { "-- touch ran" } else { "" };
        let line = format!("{accounts} setpriv {ids} dmon -n1 {options} touch ran {log}");
        rig.run(line).exits(125).reports("dmon", &["Operation not permitted"]);
    }
    assert!(!rig.has("ran"));
    rig.assert_no_processes();
    if !tools::is_native("a wrapper script drops the effective user") {
        return;
    }
    // Otherwise the effective IDs would stay root's.
    for ids in [format!("--ruid={ALICE}"), format!("--ruid={ALICE} --rgid={ALICES}")] {
        let line = format!("setpriv {ids} --groups={MEDIA},{AUDIO} dmon -n1 -u alice id -u");
        let done = rig.run(format!("{accounts} {line}")).exits(0);
        assert_eq!(done.out, format!("{ALICE}\n"));
    }
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
    rig.share_with_all_users();
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

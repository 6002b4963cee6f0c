//! The working directory: `-W`.

use crate::rig::accounts::as_nobody;
use crate::rig::{Rig, proc, tools};
use nix::sys::signal::Signal;

#[test]
fn work_dir_applies_to_dmon_and_both_commands() {
    let rig = Rig::new();
    rig.shell("mkdir -p a/b").exits(0);
    for option in ["-W a/b", "-Wa/b", "--work-dir a/b", "--work-dir=a/b", "-W \"$PWD/a/b\""] {
        let dmon = rig.start(format!("dmon -n {option} sleep 1000 -- sleep 2000"));
        let wanted = rig.path("a/b").canonicalize().expect("the directory");
        for words in ["sleep 1000", "sleep 2000"] {
            assert_eq!(proc::cwd(rig.child(dmon.pid(), words)), wanted, "{words}: {option}");
        }
        assert_eq!(proc::cwd(dmon.pid()), wanted);
    }
}

#[test]
fn other_paths_are_relative_to_the_work_dir() {
    let rig = Rig::new();
    rig.write_program("tool", "#!/bin/sh\necho tool\nexec sleep 1000\n");
    rig.shell("mkdir a; mv bin/tool a/").exits(0);
    for (count, order) in ["-W a -p pid", "-p pid -W a"].into_iter().enumerate() {
        for daemon in ["", "-n "] {
            let log = format!("f{count}{}", daemon.trim());
            let dmon = rig.start(format!("dmon {daemon}{order} ./tool -- dlog {log}"));
            rig.wait_lines(&format!("a/{log}"), 1);
            let pid = rig.pid_in("a/pid");
            assert!(!rig.has("pid") && !rig.has(&log));
            crate::rig::signal(pid, Signal::SIGTERM);
            rig.wait_dead(pid);
            rig.wait_no_processes();
            drop(dmon);
            assert!(!rig.has("a/pid"), "the pid file remains: {daemon}{order}");
        }
    }
    rig.run("dmon -n -W a nosuch").exits(127).reports("dmon", &["nosuch"]);
    rig.run("dmon -n ./tool").exits(127).reports("dmon", &["./tool"]);
}

#[test]
fn a_relative_path_variable_is_relative_to_the_work_dir() {
    let rig = Rig::new();
    rig.write_program("tool", "#!/bin/sh\necho here\n");
    rig.shell("mkdir -p a/sub; mv bin/tool a/sub/").exits(0);
    let done = rig.shell("exec dmon -n1 -W a -E PATH=\"sub:$PATH\" tool").exits(0);
    assert_eq!(done.reports_nothing().out, "here\n");
}

#[test]
fn the_config_file_is_relative_to_the_old_directory() {
    let rig = Rig::new();
    rig.shell("mkdir a").exits(0);
    rig.write("conf", "pid-file pid\nno-daemon once\nwork-dir a\n");
    rig.write("a/conf", "bogus");
    let wanted = rig.path("a").canonicalize().expect("the directory");
    let done = rig.run("dmon -C conf sh -c 'pwd -P; test -s pid'").exits(0).reports_nothing();
    assert_eq!(done.out, format!("{}\n", wanted.display()));
    rig.write("conf", "no-daemon once");
    let done = rig.run("dmon -C conf -W a pwd -P").exits(0).reports_nothing();
    assert_eq!(done.out, format!("{}\n", wanted.display()));
}

#[test]
fn the_last_of_two_work_dirs_wins() {
    let rig = Rig::new();
    rig.shell("mkdir a b").exits(0);
    let done = rig.run("env DMON_OPTIONS='-W nosuch' dmon -n1 -W a -W b pwd -P").exits(0);
    let wanted = rig.path("b").canonicalize().expect("the directory");
    assert_eq!(done.reports_nothing().out, format!("{}\n", wanted.display()));
}

#[test]
fn an_invalid_work_dir_is_reported_and_nothing_starts() {
    let rig = Rig::new();
    rig.write("plain", "");
    let long = "x".repeat(300);
    let deep = "a/".repeat(3000);
    for (dir, reason) in [
        ("nosuch", "No such file or directory"),
        ("/nosuch/nosuch", "No such file or directory"),
        ("plain", "Not a directory"),
        ("plain/x", "Not a directory"),
        (&long, "File name too long"),
    ] {
        for daemon in ["-n", ""] {
            let line = format!("dmon {daemon} -W {dir} -p pid touch ran -- dlog f");
            let done = rig.run(line).exits(125);
            assert_eq!(done.err, format!("dmon: cannot change to {dir}: {reason}\n"), "{done}");
        }
    }
    rig.run(format!("dmon -n -W {deep} touch ran"))
        .exits(125)
        .reports("dmon", &["cannot change to a/"]);
    rig.run("dmon -n -W '' touch ran").exits(125).reports("dmon", &["''"]);
    rig.run("dmon -n --work-dir= touch ran").exits(125).reports("dmon", &["''"]);
    rig.run("dmon -n -W").exits(125).reports("dmon", &["-W", "value"]);
    assert!(!rig.has("ran") && !rig.has("pid") && !rig.has("f"));
    rig.assert_no_processes();
}

#[test]
fn a_work_dir_without_permission_is_reported() {
    let rig = Rig::new();
    let Some(nobody) = as_nobody(&rig) else {
        return;
    };
    rig.shell("mkdir secret; chmod 0 secret").exits(0);
    rig.run(format!("{nobody} dmon -n -W secret true"))
        .exits(125)
        .reports("dmon", &["cannot change to secret: Permission denied"]);
    rig.shell("chmod 755 secret").exits(0);
}

#[test]
fn the_work_dir_is_entered_with_dmons_own_credentials() {
    if !tools::is_root() {
        return;
    }
    let rig = Rig::new();
    rig.shell("mkdir secret; chmod 700 secret").exits(0);
    let dmon = rig.start("dmon -n -W secret -u 41001 -g 41001 sleep 1000");
    let command = rig.child(dmon.pid(), "sleep 1000");
    assert_eq!(proc::cwd(command), rig.path("secret").canonicalize().expect("the directory"));
}

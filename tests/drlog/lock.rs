//! The lock of the directory, which only one drlog can hold.

use super::{feed_line, old_files, whole_log, with_directory};
use crate::rig::accounts::as_nobody;
use crate::rig::{feed, numbers, tools};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

#[test]
fn a_second_drlog_waits_five_seconds_and_exits() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog d");
    feed_line(&rig, &mut input, "one\n");
    let done = rig.shell("echo two | drlog -s 1 d").exits(125);
    assert_eq!(done.err, "drlog: cannot lock d: in use by another process\n");
    assert!(done.took >= Duration::from_millis(4900), "after {:?}", done.took);
    feed_line(&rig, &mut input, "three\n");
    drop(input);
    drlog.wait().exits(0).reports_nothing();
    assert_eq!((whole_log(&rig), old_files(&rig)), ("one\nthree\n".into(), vec![]));
}

#[test]
fn a_second_drlog_starts_when_the_first_one_exits() {
    let rig = with_directory();
    for stop in [Signal::SIGTERM, Signal::SIGKILL] {
        rig.shell("rm -f d/*").exits(0);
        let (first, mut input) = rig.start_fed("drlog d");
        feed_line(&rig, &mut input, "one\n");
        let (second, mut next) = rig.start_fed("drlog d");
        feed(&mut next, "two\n");
        rig.wait_state(second.pid(), 'S');
        first.signal(stop);
        rig.wait_for("the line", || rig.read("d/current") == "one\ntwo\n");
        drop(next);
        second.wait().exits(0).reports_nothing();
    }
}

#[test]
fn the_lock_file_is_private_and_stays() {
    let rig = with_directory();
    rig.shell("umask 0; echo one | drlog d").exits(0).reports_nothing();
    let inode = || {
        let lock = fs::metadata(rig.path("d/.lock")).expect("the lock");
        assert_eq!(lock.mode() & 0o777, 0o600);
        lock.ino()
    };
    let first = inode();
    rig.shell("umask 0277; echo two | drlog d").exits(0).reports_nothing();
    assert_eq!(inode(), first);
}

#[test]
fn others_cannot_keep_drlog_from_its_directory() {
    if !tools::is_root() || !tools::has(&["flock"]) {
        return;
    }
    let rig = with_directory();
    let Some(nobody) = as_nobody(&rig) else { return };
    rig.write("in", numbers(3));
    rig.run("drlog d <in").exits(0);
    rig.shell("chmod 755 d; chmod 644 d/current").exits(0);
    for file in ["d", "d/current"] {
        let holder = rig.start(format!("{nobody} flock {file} sleep 1000"));
        rig.child(holder.pid(), "sleep");
        rig.run("drlog d <in").exits(0).reports_nothing();
    }
    rig.run(format!("{nobody} flock d/.lock true")).reports("flock", &["Permission denied"]);
}

#[test]
fn a_lock_that_cannot_be_created_is_an_error() {
    let rig = with_directory();
    fs::create_dir(rig.path("d/.lock")).expect("mkdir");
    let (drlog, _input) = rig.start_fed("drlog d");
    drlog.wait().exits(125).reports("drlog", &["cannot create .lock in d: Is a directory"]);
    fs::remove_dir(rig.path("d/.lock")).expect("rmdir");
    std::os::unix::fs::symlink("/dev/null", rig.path("d/.lock")).expect("a link");
    let (drlog, _input) = rig.start_fed("drlog d");
    drlog.wait().exits(125).reports("drlog", &["cannot create .lock in d: "]);
}

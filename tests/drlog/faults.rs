//! Rotation or removal that fails, a full disk, a removed directory: drlog continues.

use super::{old_files, old_files_in, whole_log, with_directory};
use crate::rig::accounts::as_nobody;
use crate::rig::disk::{Disk, PAGE};
use crate::rig::{Rig, assert_same, feed, numbers, tools};
use nix::sys::signal::Signal;
use std::io::Write;

#[test]
fn current_grows_while_it_cannot_be_renamed() {
    let rig = with_directory();
    let Some(nobody) = as_nobody(&rig) else { return };
    rig.shell("chmod 777 d").exits(0);
    let (drlog, mut input) = rig.start_fed(format!("{nobody} drlog -s 100 -m 0 d"));
    rig.wait_file("d/current");
    feed(&mut input, "first\n");
    rig.wait_lines("d/current", 1);
    rig.shell("chmod 555 d").exits(0);
    for _ in 0..20 {
        feed(&mut input, numbers(20));
        rig.wait_state(drlog.pid(), 'S');
    }
    rig.wait_for("all lines", || rig.lines("d/current") == 401);
    assert_eq!(old_files(&rig), []);
    rig.shell("chmod 777 d").exits(0);
    rig.wait_for("an old file", || {
        (&input).write_all(b"x\n").expect("write");
        !old_files(&rig).is_empty()
    });
    drop(input);
    drlog.wait().exits(0).reports("drlog", &["Permission denied"]);
    let text = whole_log(&rig);
    let first = format!("first\n{}", numbers(20).repeat(20));
    let rest = text.strip_prefix(&first).unwrap_or_else(|| panic!("not all lines: {text:?}"));
    assert!(rest.lines().all(|line| line == "x"), "{rest:?}");
}

#[test]
fn an_old_file_that_cannot_be_removed_is_kept() {
    if !tools::is_root() || !tools::has(&["chattr"]) {
        return;
    }
    let rig = with_directory();
    let name = "d/log-2001-01-01-00:00:00";
    rig.write(name, "stays\n");
    if !rig.shell(format!("chattr +i {name}")).err.is_empty() {
        tools::skip("needs a file system with immutable files");
        return;
    }
    rig.write("in", numbers(1000));
    let done = rig.run("drlog -s 100 -m 2 d <in");
    rig.shell(format!("chattr -i {name}")).exits(0);
    done.exits(0).reports("drlog", &["cannot remove", "Operation not permitted"]);
    assert_eq!(rig.read(name), "stays\n");
    assert!(old_files(&rig).len() <= 3, "{} files", old_files(&rig).len());
    assert!(numbers(1000).ends_with(&whole_log(&rig)[6..]));
}

#[test]
fn drlog_survives_the_removal_of_its_directory() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog -s 100 d");
    feed(&mut input, "one\n");
    rig.wait_lines("d/current", 1);
    rig.shell("rm -r d").exits(0);
    for _ in 0..20 {
        feed(&mut input, numbers(100));
        rig.wait_state(drlog.pid(), 'S');
    }
    rig.shell("mkdir d").exits(0);
    drlog.signal(Signal::SIGHUP);
    rig.wait_file("d/current");
    feed(&mut input, "two\n");
    rig.wait_for("the line", || whole_log(&rig).ends_with("two\n"));
    drop(input);
    let done = drlog.wait();
    assert_eq!(done.err.lines().count(), 1, "{done}");
}

#[test]
fn on_a_full_disk_the_oldest_files_are_removed() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    rig.write("in", numbers(60_000));
    rig.run(format!("{disk} drlog -s 8k -m 0 disk <in")).exits(0).reports_nothing();
    let old = old_files_in(&disk.path(""));
    let log = old.into_iter().map(|(_, text)| text).collect::<String>() + &disk.read("current");
    assert!(numbers(60_000).ends_with(&log), "not the last lines: {log:.200}");
    assert!(log.len() > 30_000, "only {} bytes are left", log.len());
}

/// The disk has space but no inode. tmpfs uses one for its root.
#[test]
fn without_an_inode_the_oldest_file_makes_space() {
    let rig = Rig::new();
    let files = "(cd disk; : >log-2001-01-01-00:00:00; : >log-2002-01-01-00:00:00; \
                 : >.lock; : >.timestamp; : >current)";
    let Some(disk) = Disk::prepared(&rig, "1m,nr_inodes=6", files) else { return };
    rig.write("in", numbers(100));
    rig.run(format!("{disk} drlog -s 250 -m 0 disk <in")).exits(0).reports_nothing();
    let old: Vec<_> = old_files_in(&disk.path("")).into_iter().map(|(name, _)| name).collect();
    assert_eq!((old.len(), old[0].as_str()), (2, "log-2002-01-01-00:00:00"));
    assert!(numbers(100).ends_with(&disk.read("current")) && !disk.read("current").is_empty());
}

#[test]
fn without_any_inode_current_keeps_its_name() {
    let rig = Rig::new();
    let files = "(cd disk; : >.lock; : >.timestamp; : >current)";
    let Some(disk) = Disk::prepared(&rig, "64k,nr_inodes=4", files) else { return };
    let (drlog, mut input) = rig.start_fed(format!("{disk} drlog -b -s 4k -m 3 disk"));
    feed(&mut input, numbers(10_000));
    rig.wait_for("the lines", || disk.read("current") == numbers(10_000));
    // The disk becomes full. The file that is written must not make space for itself.
    feed(&mut input, numbers(10_000));
    rig.wait_for("a second message", || drlog.err().lines().count() == 2);
    drop(input);
    let done = drlog.wait().exits(1);
    assert!(done.err.starts_with("drlog: cannot rotate disk: No space left on device\n"));
    assert!(disk.read("current").starts_with(&numbers(10_000)));
    assert_eq!(old_files_in(&disk.path("")), []);
}

#[test]
fn the_newest_old_file_is_kept_on_a_full_disk() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let newest = "log-2001-01-02-00:00:00";
    for name in ["log-2001-01-01-00:00:00", newest] {
        std::fs::write(disk.path(name), "x".repeat(4 * PAGE)).expect("an old file");
    }
    rig.write("in", numbers(20_000));
    let done = rig.run(format!("{disk} drlog -s 0 disk <in")).exits(1);
    assert!(done.err.starts_with("drlog: cannot write disk: No space left on device\n"), "{done}");
    let old: Vec<_> = old_files_in(&disk.path("")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(old, [newest]);
}

#[test]
fn a_file_that_may_not_grow_is_rotated() {
    let rig = with_directory();
    rig.write("in", numbers(30_000));
    // POSIX counts in blocks of 512 bytes.
    rig.shell("ulimit -f 64; drlog -b -s 1m -m 0 d <in").exits(0).reports_nothing();
    assert!(old_files(&rig).len() > 2, "{} old files", old_files(&rig).len());
    assert_eq!(whole_log(&rig), numbers(30_000));
    // No file can contain anything. drlog must not rotate empty files.
    rig.shell("rm -f d/*").exits(0);
    rig.write("d/current", "old\n");
    rig.write("d/.timestamp", "4000000000\n");
    // Its standard error is a file, too.
    rig.shell("ulimit -f 0; echo lost | drlog -b d").exits(1);
    assert_eq!(old_files(&rig).len(), 1);
}

#[test]
fn a_timestamp_that_cannot_be_written_is_reported_once() {
    let rig = with_directory();
    std::fs::create_dir(rig.path("d/.timestamp")).expect("mkdir");
    rig.write("in", numbers(1000));
    let done = rig.run("drlog -s 100 -m 0 d <in").exits(0);
    assert_eq!(done.err, "drlog: cannot write .timestamp in d: File exists\n");
    assert_eq!(whole_log(&rig), numbers(1000));
}

#[test]
fn on_full_block_keeps_the_lines_of_drlog() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    let (drlog, mut input) = rig.start_fed(format!("{disk} drlog --on-full block disk"));
    feed(&mut input, numbers(5000));
    let message = "drlog: cannot write disk: No space left on device\n";
    rig.wait_for("the message", || drlog.err().ends_with(message));
    disk.free();
    drop(input);
    drlog.wait().exits(0);
    assert_same(disk.read("current").as_bytes(), numbers(5000).as_bytes(), "the log");
}

#[test]
fn drlog_counts_the_lines_lost_on_a_full_disk() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (drlog, mut input) = rig.start_fed(format!("{disk} drlog disk"));
    let page = "b".repeat(PAGE - 1) + "\n";
    feed(&mut input, &page);
    rig.wait_for("the first line", || disk.read("current") == page);
    disk.fill();
    feed(&mut input, "one\ntwo\n");
    rig.wait_for("the message", || !drlog.err().is_empty());
    disk.free();
    rig.wait_for("the loss notice", || disk.read("current").ends_with("lost\n"));
    feed(&mut input, "three\n");
    drop(input);
    drlog.wait().exits(1).reports("drlog", &["cannot write disk", "No space left on device"]);
    assert_eq!(disk.read("current"), format!("{page}drlog: 2 lines (8 bytes) lost\nthree\n"));
}

#[test]
fn sigterm_stops_drlog_on_a_full_disk() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    let (drlog, mut input) = rig.start_fed(format!("{disk} drlog disk"));
    feed(&mut input, "one\n");
    rig.wait_for("the message", || drlog.err().contains("cannot write disk"));
    drlog.signal(Signal::SIGTERM);
    drlog.wait().exits(1);
}

//! SIGHUP: dlog opens its file again by name, at the end of the current line.

use super::{loss_notice, wait_outage};
use crate::rig::disk::Disk;
use crate::rig::{Rig, assert_same, feed, proc, scaled};
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn sighup_reopens_the_file_by_name() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog f");
    feed(&mut input, "one\n");
    rig.wait_lines("f", 1);
    rig.shell("mv f f.old").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_file("f");
    feed(&mut input, "two\n");
    drop(input);
    dlog.wait().exits(0).reports_nothing();
    assert_eq!(rig.read("f.old"), "one\n");
    assert_eq!(rig.read("f"), "two\n");
}

#[test]
fn sighup_within_a_line_does_not_split_it() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog -p x f");
    feed(&mut input, "one\nhal");
    rig.wait_lines("f", 1);
    rig.shell("mv f f.old").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_for("dlog to receive SIGHUP", || proc::signals(dlog.pid(), "ShdPnd") == 0);
    feed(&mut input, "f\n");
    rig.wait_file("f");
    feed(&mut input, "two\n");
    drop(input);
    dlog.wait().exits(0).reports_nothing();
    let both = rig.read("f.old") + &rig.read("f");
    assert_eq!(both, "x one\nx half\nx two\n");
    for file in ["f", "f.old"] {
        assert!(
            rig.read(file).starts_with("x ") && rig.read(file).ends_with('\n'),
            "{file}: {:?}",
            rig.read(file)
        );
    }
}

#[test]
fn sighup_recreates_a_removed_file() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog f");
    feed(&mut input, "one\n");
    rig.wait_lines("f", 1);
    rig.shell("rm f").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_file("f");
    feed(&mut input, "two\n");
    drop(input);
    dlog.wait().exits(0).reports_nothing();
    assert_eq!(rig.read("f"), "two\n");
}

#[test]
fn the_old_file_is_kept_if_reopening_fails() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    rig.shell("mkdir a && ln -s a log").exits(0);
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog log/f"));
    feed(&mut input, "one\n");
    rig.wait_lines("a/f", 1);
    // First the directory does not exist, then it is read-only.
    disk.make_read_only(&rig);
    for (count, target) in [(1, "nowhere"), (2, "disk")] {
        rig.shell(format!("ln -sfn {target} log")).exits(0);
        dlog.signal(Signal::SIGHUP);
        wait_outage(&rig, &dlog, count);
        feed(&mut input, "more\n");
        rig.wait_lines("a/f", 1 + count);
    }
    rig.shell("mkdir b && ln -sfn b log").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_file("b/f");
    feed(&mut input, "last\n");
    drop(input);
    let done = dlog.wait().exits(0);
    assert_eq!(
        done.err,
        "dlog: cannot open log/f: No such file or directory\n\
         dlog: cannot open log/f: Read-only file system\n"
    );
    assert_eq!((rig.read("a/f"), rig.read("b/f")), ("one\nmore\nmore\n".into(), "last\n".into()));
}

#[test]
fn reopening_on_another_disk_ends_the_outage() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    rig.shell("mkdir roomy && ln -s disk log").exits(0);
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog log/f"));
    feed(&mut input, "one\n");
    wait_outage(&rig, &dlog, 1);
    rig.shell("ln -sfn roomy log").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_for("the loss notice", || loss_notice(&rig.read("roomy/f")).is_some());
    feed(&mut input, "two\n");
    drop(input);
    dlog.wait().exits(1);
    assert_eq!(rig.read("roomy/f"), "dlog: 1 lines (4 bytes) lost\ntwo\n");
}

#[test]
fn a_flood_of_sighups_neither_loses_nor_repeats_lines() {
    let rig = Rig::new();
    for options in ["", "-p x"] {
        rig.shell("rm -f f f.*").exits(0);
        let (dlog, mut input) = rig.start_fed(format!("dlog {options} f"));
        feed(&mut input, "0\n");
        rig.wait_lines("f", 1);
        let is_enough = AtomicBool::new(false);
        let mut renamed = 0;
        let text = std::thread::scope(|scope| {
            let feeder = scope.spawn(|| {
                let mut text = "0\n".to_string();
                let (mut next, mut fed) = (1, 2);
                while !is_enough.load(Ordering::Relaxed) {
                    text.extend((next..next + 1000).map(|number| format!("{number}\n")));
                    next += 1000;
                    // Pieces that do not end at line boundaries.
                    for piece in text.as_bytes()[fed..].chunks(997) {
                        feed(&mut input, piece);
                    }
                    fed = text.len();
                }
                text
            });
            while renamed < scaled(50, 2000) && !feeder.is_finished() {
                if std::fs::rename(rig.path("f"), rig.path(&format!("f.{renamed}"))).is_ok() {
                    renamed += 1;
                }
                dlog.signal(Signal::SIGHUP);
            }
            is_enough.store(true, Ordering::Relaxed);
            feeder.join().expect("the feeder")
        });
        drop(input);
        dlog.wait().exits(0).reports_nothing();
        let mut stored = String::new();
        for file in (0..renamed).map(|at| format!("f.{at}")).chain(["f".to_string()]) {
            let part = rig.read(&file);
            assert!(part.is_empty() || part.ends_with('\n'), "{file} ends within a line");
            stored.push_str(&part);
        }
        let wanted = match options {
            "" => text,
            _ => text.lines().map(|line| format!("x {line}\n")).collect(),
        };
        assert_same(stored.as_bytes(), wanted.as_bytes(), format!("{renamed} files"));
    }
}

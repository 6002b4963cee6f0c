//! Which old files drlog removes.

use super::{old_files, old_texts, whole_log, with_directory};
use crate::rig::{feed, numbers};
use nix::sys::signal::Signal;
use std::fs;

#[test]
fn the_oldest_files_beyond_the_limit_are_removed() {
    let rig = with_directory();
    rig.write("in", numbers(2000));
    for count in [5, 1, 3] {
        rig.run(format!("drlog -s 500 -m {count} d <in")).exits(0).reports_nothing();
        assert_eq!(old_files(&rig).len(), count);
        assert!((numbers(2000).repeat(2)).ends_with(&whole_log(&rig)), "not the last lines");
    }
}

#[test]
fn the_oldest_files_of_the_same_second_are_removed() {
    let rig = with_directory();
    rig.write("in", numbers(300));
    rig.run("drlog -s 1 -m 20 d <in").exits(0).reports_nothing();
    assert_eq!(old_files(&rig).len(), 20);
    assert!(numbers(300).ends_with(&whole_log(&rig)), "{}", whole_log(&rig));
}

#[test]
fn foreign_files_are_never_removed() {
    let rig = with_directory();
    let names = [
        "log",
        "log-",
        "logs",
        "log-notes",
        "xlog-2001-01-01-00:00:00",
        "log-2001-01-01-00:00:00x",
        "log-2001-01-01-00:00:00.tar",
        "log-2001-01-01-00:00:00.gz.log",
        "log-9999-99-99-99:99:99",
        "log-2001-13-01-00:00:00",
        "log-2001-01-01-00:00:00.0000",
        "log-2001-01-01-00:00:00.",
        "log-2001-01-01-00:00:00.1x",
        "log-2001-01-01 00:00:00",
        "log-2001-01-01-00:00",
        "log-2001-1-1-0:0:0",
        "log-aaaa-bb-cc-dd:ee:ff",
        ".log-2001-01-01-00:00:00",
        "@400000003a4fc00000000000.s",
        "previous",
        "state",
    ];
    for name in names {
        rig.write(&format!("d/{name}"), "theirs\n");
    }
    fs::create_dir(rig.path("d/log-2001-01-01-00:00:01")).expect("mkdir");
    rig.write("in", numbers(1000));
    rig.run("drlog -s 100 -m 1 d <in").exits(0).reports_nothing();
    for name in names {
        assert_eq!(rig.read(&format!("d/{name}")), "theirs\n", "{name}");
    }
    assert!(rig.has("d/log-2001-01-01-00:00:01"));
    // One old file, that directory, and three of the names.
    assert_eq!(old_files(&rig).len(), 5);
    assert!(numbers(1000).ends_with(&rig.read("d/current")));
}

#[test]
fn compressed_files_count_and_are_removed_in_turn() {
    let rig = with_directory();
    let names =
        ["01-00:00:00.gz", "02-00:00:00.00000001.xz", "03-00-00-00.7.bz2", "04-00:00:00.zst"];
    for name in names {
        rig.write(&format!("d/log-2001-01-{name}"), "compressed\n");
    }
    rig.write("d/log-2001-01-05-00:00:00.lz4", "newest\n");
    // Each run rotates once.
    rig.write("in", numbers(100));
    for (left, name) in (1..=4).rev().zip(names) {
        rig.run("drlog -s 250 -m 5 d <in").exits(0).reports_nothing();
        assert!(!rig.has(&format!("d/log-2001-01-{name}")), "{name} is still there");
        let done = rig.shell("ls d | grep -c '^log-2001'");
        assert_eq!(done.out, format!("{left}\n"), "after the removal of {name}");
    }
}

#[test]
fn old_files_of_an_earlier_drlog_are_removed() {
    let rig = with_directory();
    for name in
        ["log-2001-01-01-00:00:00", "log-2001-01-01-00:00:00.1", "log-2001-01-01-00:00:00.00000010"]
    {
        rig.write(&format!("d/{name}"), "ours\n");
    }
    rig.write("d/current", "old\n");
    let (drlog, mut input) = rig.start_fed("drlog -m 1 d");
    feed(&mut input, "new\n");
    rig.wait_lines("d/current", 2);
    drlog.signal(Signal::SIGALRM);
    rig.wait_for("one old file", || old_texts(&rig) == ["old\nnew\n"]);
}

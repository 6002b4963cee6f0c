//! Rotations that fail, and rotation by size after an outage of a full disk.

use crate::rig::disk::{Disk, PAGE};
use crate::rig::strace::can_inject;
use crate::rig::{Rig, assert_same, feed, numbers};
use std::cell::RefCell;
use std::fs;
use std::process::ChildStdin;

/// Input that a test writes bit by bit, and all that it has written.
struct Input {
    pipe: ChildStdin,
    written: String,
}

impl Input {
    fn write(&mut self, text: &str) {
        feed(&mut self.pipe, text);
        self.written.push_str(text);
    }
}

#[test]
fn repeated_rotation_failures_are_reported_once() {
    if !can_inject() {
        return;
    }
    let rig = Rig::new();
    fs::create_dir(rig.path("d")).expect("a directory");
    let (drlog, pipe) = rig.start_fed("drlog -s 100 -m 0 d");
    let input = RefCell::new(Input { pipe, written: String::new() });
    let files = || rig.rotated("d").len();
    // drlog retries once a second, and only if a line arrives.
    let feed_until = |what: &str, enough: &dyn Fn() -> bool| {
        rig.wait_for(what, || {
            input.borrow_mut().write("a line\n");
            enough()
        });
    };
    feed_until("a rotation", &|| files() == 2);
    for streak in 1..=2 {
        let strace =
            rig.attach_strace(drlog.pid(), "-e trace=/^rename -e inject=/^rename:error=EACCES");
        feed_until("three attempts", &|| rig.lines("trace") >= 3);
        assert_eq!(drlog.err().lines().count(), streak, "{}", drlog.err());
        strace.kill();
        // A successful rotation ends the streak: the next failure is reported again.
        let before = files();
        feed_until("a rotation", &|| files() > before);
    }
    let Input { pipe, written } = input.into_inner();
    drop(pipe);
    let message = "drlog: cannot rotate d: Permission denied\n";
    assert_eq!(drlog.wait().exits(0).err, message.repeat(2));
    assert_same(&rig.rotated("d").concat(), written.as_bytes(), "the log");
}

/// drlog counts the bytes of `current`. After an outage the count must be read again: dropped lines are not in
/// the file, and the loss notice is.
#[test]
fn rotation_by_size_is_exact_after_a_full_disk() {
    const SIZE: usize = 10_000;
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (drlog, mut input) = rig.start_fed(format!("{disk} drlog -s {SIZE} -m 0 disk"));
    let page = "b".repeat(PAGE - 1) + "\n";
    feed(&mut input, &page);
    rig.wait_for("the first line", || disk.read("current") == page);
    disk.fill();
    // Several reads. The first alone exceeds the size, and so do the others together.
    let dropped = numbers(2999);
    for part in [&*dropped].into_iter().chain(dropped.split_inclusive("99\n")) {
        feed(&mut input, part);
        rig.wait_state(drlog.pid(), 'S');
    }
    rig.wait_for("the message", || !drlog.err().is_empty());
    disk.free();
    rig.wait_for("the loss notice", || disk.read("current").ends_with("lost\n"));
    // Lines shorter than the loss notice: a count without the notice would rotate a few lines too late.
    let lines: String = (0..2000).map(|number| format!("{number:09}\n")).collect();
    feed(&mut input, &lines);
    drop(input);
    drlog.wait().exits(1).reports("drlog", &["No space left on device"]);
    let directory = disk.path("");
    let files = rig.rotated(directory.to_str().expect("a path of text"));
    let lengths: Vec<usize> = files.iter().map(Vec::len).collect();
    let (last, rotated) = lengths.split_last().expect("the current file");
    let is_exact = |length: &usize| (SIZE..SIZE + 10).contains(length);
    assert!(rotated.len() == 2 && rotated.iter().all(is_exact) && *last < SIZE, "{lengths:?}");
    let notice = format!("drlog: {} lines ({} bytes) lost\n", 2 * 2999, 2 * dropped.len());
    assert_same(&files.concat(), (page + &notice + &lines).as_bytes(), "the log");
}

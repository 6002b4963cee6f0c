//! `--on-full block`: dlog stops reading instead of dropping lines.
//!
//! Needs a mount namespace, for a disk of the test.

use super::{FULL, start_on_full_disk, start_with, wait_asleep, wait_outage};
use crate::rig::disk::Disk;
use crate::rig::pipes::fill_pipe;
use crate::rig::{Rig, assert_same, feed, numbers};
use nix::sys::signal::Signal;

#[test]
fn on_full_block_loses_nothing() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = start_with(&rig, &disk, "--on-full block", "first\n");
    disk.fill();
    // More than one page, less than the disk.
    feed(&mut input, numbers(5000));
    wait_outage(&rig, &dlog, 1);
    feed(&mut input, "last\n");
    disk.free();
    let wanted = format!("first\n{}last\n", numbers(5000));
    rig.wait_for("everything", || disk.read("f") == wanted);
    drop(input);
    let done = dlog.wait().exits(0);
    assert_eq!(done.err, FULL);
    assert_same(disk.read("f").as_bytes(), wanted.as_bytes(), "the log");
}

#[test]
fn on_full_block_stops_reading() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, input) = start_on_full_disk(&rig, &disk, "--on-full block");
    let mut taken = 0;
    for _ in 0..10 {
        taken += fill_pipe(&input);
        wait_asleep(&rig, &dlog);
    }
    // The capacity of a pipe and one buffer.
    assert!(taken <= 2 << 16, "{taken} bytes were read and could not be stored");
    dlog.signal(Signal::SIGTERM);
    assert_eq!(dlog.wait().exits(1).err, format!("{FULL}dlog: lines lost: 1\n"));
}

#[test]
fn on_full_block_reopens_on_sighup() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    for options in ["", "-p x"] {
        let (dlog, mut input) =
            rig.start_fed(format!("{disk} dlog --on-full block {options} disk/f"));
        let text = numbers(15_000);
        feed(&mut input, &text);
        wait_outage(&rig, &dlog, 1);
        let before = disk.read("f");
        // The space is available only after dlog has closed the removed file.
        std::fs::remove_file(disk.path("f")).expect("unlink");
        dlog.signal(Signal::SIGHUP);
        rig.wait_for("the rest", || disk.read("f").ends_with("15000\n"));
        drop(input);
        assert_eq!(dlog.wait().exits(0).err, FULL);
        let wanted = match options {
            "" => text,
            _ => text.lines().map(|line| format!("x {line}\n")).collect(),
        };
        assert_same((before + &disk.read("f")).as_bytes(), wanted.as_bytes(), "both files");
        std::fs::remove_file(disk.path("f")).expect("unlink");
    }
}

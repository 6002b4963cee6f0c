//! A full disk: dlog drops lines, counts them, and writes a loss notice when space is available again.
//!
//! Needs a mount namespace, for a disk of the test.

use super::{
    FULL, LossNotice, loss_notice, start_on_full_disk, start_with, wait_asleep, wait_outage,
};
use crate::loggers::split_timestamp;
use crate::rig::disk::{Disk, PAGE};
use crate::rig::{Rig, feed, numbers, tools};
use nix::sys::signal::Signal;
use std::io::Write;

/// A line of one page, so that its file has no free space in its last page.
fn page() -> String {
    format!("{}\n", "b".repeat(PAGE - 1))
}

#[test]
fn lines_lost_on_a_full_disk_are_counted_in_the_log() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = start_with(&rig, &disk, "", &page());
    disk.fill();
    feed(&mut input, "one\ntwo\nthree\n");
    wait_outage(&rig, &dlog, 1);
    feed(&mut input, "four\n");
    wait_asleep(&rig, &dlog);
    disk.free();
    // dlog retries even if no line arrives.
    rig.wait_for("the loss notice", || loss_notice(&disk.read("f")).is_some());
    feed(&mut input, "five\n");
    drop(input);
    let done = dlog.wait().exits(1);
    assert_eq!(done.err, FULL);
    assert_eq!(disk.read("f"), format!("{}dlog: 4 lines (19 bytes) lost\nfive\n", page()));
}

#[test]
fn a_torn_line_gets_its_newline_and_is_counted() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = start_with(&rig, &disk, "", "first\n");
    disk.fill();
    // The size of a page is not a multiple of the size of a line.
    let lines = (0..100).map(|at| format!("{at:099}\n")).collect::<String>();
    feed(&mut input, &lines);
    wait_outage(&rig, &dlog, 1);
    wait_asleep(&rig, &dlog);
    let torn = disk.read("f");
    assert!(!torn.ends_with('\n') && format!("first\n{lines}").starts_with(&torn), "{torn:?}");
    disk.free();
    rig.wait_for("the loss notice", || loss_notice(&disk.read("f")).is_some());
    feed(&mut input, "last\n");
    drop(input);
    assert_eq!(dlog.wait().exits(1).err, FULL);
    let notice = loss_notice(&disk.read("f")).expect("a loss notice");
    assert_eq!(notice.before, format!("{torn}\n"));
    assert_eq!(notice.lines, 101 - torn.matches('\n').count());
    assert_eq!(notice.bytes, "first\n".len() + lines.len() - torn.len());
    assert_eq!(notice.after, "last\n");
}

#[test]
fn a_line_too_long_for_the_disk_is_counted() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = start_with(&rig, &disk, "", "first\n");
    disk.fill();
    // Longer than a batch, so that dlog writes it in pieces.
    feed(&mut input, "x".repeat(200_000) + "\n");
    wait_outage(&rig, &dlog, 1);
    wait_asleep(&rig, &dlog);
    disk.free();
    rig.wait_for("the loss notice", || loss_notice(&disk.read("f")).is_some());
    feed(&mut input, "last\n");
    drop(input);
    assert_eq!(dlog.wait().exits(1).err, FULL);
    let notice = loss_notice(&disk.read("f")).expect("a loss notice");
    let stored = "x".repeat(PAGE - "first\n".len());
    assert_eq!(notice.before, format!("first\n{stored}\n"));
    assert_eq!((notice.lines, notice.bytes), (1, 200_001 - stored.len()));
    assert_eq!(notice.after, "last\n");
}

/// dlog does not truncate the file, because the bytes at its end may be those of another process.
#[test]
fn a_torn_line_leaves_lines_of_other_processes() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = start_with(&rig, &disk, "", "first\n");
    feed(&mut input, "half");
    rig.wait_for("half a line", || disk.read("f") == "first\nhalf");
    let foreign = "another process\n".to_string() + &page();
    let mut file = std::fs::File::options().append(true).open(disk.path("f")).expect("f");
    file.write_all(foreign.as_bytes()).expect("a write");
    disk.fill();
    let rest = " a line".to_string() + &"x".repeat(2 * PAGE) + "\n";
    feed(&mut input, &rest);
    wait_outage(&rig, &dlog, 1);
    disk.free();
    rig.wait_for("the loss notice", || loss_notice(&disk.read("f")).is_some());
    drop(input);
    dlog.wait().exits(1);
    let LossNotice { before, lines, bytes, .. } =
        loss_notice(&disk.read("f")).expect("a loss notice");
    let stored = before.strip_prefix(&format!("first\nhalf{foreign}")).expect("the foreign lines");
    assert_eq!((stored.len() - 1 + bytes, lines), (rest.len(), 1), "{stored:?}");
}

#[test]
fn a_full_disk_never_blocks_the_service() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog disk/f"));
    // More than a pipe takes: feeding it succeeds only if dlog reads.
    feed(&mut input, numbers(500_000));
    feed(&mut input, "the end\n");
    wait_asleep(&rig, &dlog);
    disk.free();
    rig.wait_for("the loss notice", || loss_notice(&disk.read("f")).is_some());
    drop(input);
    assert_eq!(dlog.wait().exits(1).err, FULL);
    let LossNotice { before, lines, bytes, after } =
        loss_notice(&disk.read("f")).expect("a loss notice");
    assert_eq!((before.as_str(), after.as_str()), ("", ""));
    assert_eq!((lines, bytes), (500_001, numbers(500_000).len() + "the end\n".len()));
}

#[test]
fn each_outage_has_one_message_and_one_loss_notice() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog disk/f"));
    for outage in 1..=2 {
        feed(&mut input, "x\n");
        rig.wait_for("a line", || disk.read("f").ends_with("x\n"));
        // Fill the last page of the file, which stays available on a full disk.
        let rest = PAGE - disk.read("f").len() % PAGE;
        feed(&mut input, format!("{}\n", "x".repeat(rest - 1)));
        rig.wait_for("a full page", || disk.read("f").len() % PAGE == 0);
        disk.fill();
        for _ in 0..20 {
            feed(&mut input, "lost\n");
            wait_asleep(&rig, &dlog);
        }
        wait_outage(&rig, &dlog, outage);
        disk.free();
        rig.wait_for("the loss notice", || disk.read("f").matches(" lost\n").count() == outage);
    }
    drop(input);
    assert_eq!(dlog.wait().exits(1).err, FULL.repeat(2));
    assert_eq!(disk.read("f").matches("dlog: 20 lines (100 bytes) lost\n").count(), 2);
}

#[test]
fn the_loss_notice_has_a_timestamp_and_the_prefix() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, input) = start_on_full_disk(&rig, &disk, "-t -p fan:");
    disk.free();
    rig.wait_for("the loss notice", || disk.read("f").ends_with('\n'));
    drop(input);
    dlog.wait().exits(1);
    let log = disk.read("f");
    let (timestamp, rest) = split_timestamp(&log);
    // The lost bytes include the timestamp and the prefix of the lost line.
    let bytes = timestamp.len() + "fan: ".len() + "one\n".len();
    assert_eq!(rest, format!("fan: dlog: 1 lines ({bytes} bytes) lost\n"));
}

#[test]
fn sigterm_stops_dlog_on_a_full_disk() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    for option in ["--on-full drop", "--on-full=block", ""] {
        for stop in [Signal::SIGTERM, Signal::SIGINT] {
            let (dlog, input) = start_on_full_disk(&rig, &disk, option);
            dlog.signal(stop);
            // The pipe stays open: dlog exits because of the signal.
            let done = dlog.wait().exits(1);
            assert_eq!(done.err, format!("{FULL}dlog: lines lost: 1\n"), "{option}");
            drop(input);
        }
    }
    assert_eq!(disk.read("f"), "");
}

#[test]
fn end_of_input_stops_dlog_on_a_full_disk() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    let done = rig.shell(format!("printf 'one\\ntwo' | {disk} dlog disk/f")).exits(1);
    assert_eq!(done.err, format!("{FULL}dlog: lines lost: 2\n"));
    assert_eq!(disk.read("f"), "");
}

#[test]
fn an_outage_at_exit_is_counted() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    rig.write("in", numbers(100_000));
    let done = rig.run(format!("{disk} dlog disk/f <in")).exits(1);
    let log = disk.read("f");
    assert!(log.len() > 14 * PAGE, "only {} bytes were stored", log.len());
    let notice = loss_notice(&log);
    let lost = 100_000 - log.matches('\n').count();
    let stored = match &notice {
        Some(notice) => {
            assert_eq!(done.err, FULL);
            notice.before.strip_suffix('\n').expect("whole lines")
        }
        None => {
            assert_eq!(done.err, format!("{FULL}dlog: lines lost: {lost}\n"));
            &log
        }
    };
    assert!(numbers(100_000).starts_with(stored), "{stored:?}");
}

#[test]
fn the_file_size_limit_is_an_outage_not_a_crash() {
    if !tools::has(&["prlimit"]) {
        return;
    }
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("prlimit --fsize=10000 dlog f");
    feed(&mut input, numbers(5000));
    wait_outage(&rig, &dlog, 1);
    assert!(dlog.is_running());
    wait_asleep(&rig, &dlog);
    let log = rig.read("f");
    assert_eq!(log.len(), 10_000);
    assert!(numbers(5000).starts_with(&log), "{log:?}");
    // A new file is below the limit.
    rig.shell("mv f f.old").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_for("the loss notice", || loss_notice(&rig.read("f")).is_some());
    drop(input);
    dlog.wait().exits(1).reports("dlog", &["cannot write f: File too large"]);
    let LossNotice { lines, bytes, .. } = loss_notice(&rig.read("f")).expect("a loss notice");
    assert_eq!(
        (rig.lines("f.old") + lines, rig.bytes("f.old").len() + bytes),
        (5000, numbers(5000).len())
    );
}

#[test]
fn a_torn_line_does_not_affect_the_next_file() {
    if !tools::has(&["prlimit"]) {
        return;
    }
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("prlimit --fsize=10000 dlog f");
    feed(&mut input, "half");
    rig.wait_for("half a line", || rig.read("f") == "half");
    // Another program appends to the file.
    rig.shell("head -c 10000 /dev/zero >>f").exits(0);
    feed(&mut input, " a line\nanother\n");
    wait_outage(&rig, &dlog, 1);
    wait_asleep(&rig, &dlog);
    rig.shell("mv f f.old").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_for("the loss notice", || loss_notice(&rig.read("f")).is_some());
    drop(input);
    dlog.wait().exits(1);
    assert_eq!(rig.read("f"), "dlog: 2 lines (16 bytes) lost\n");
}

#[test]
fn on_dev_full_all_lines_are_lost_and_counted() {
    let rig = Rig::new();
    for (line, name) in [("dlog /dev/full", "/dev/full"), ("dlog >/dev/full", "standard output")] {
        let done = rig.shell(format!("printf 'one\\ntwo\\n' | {line}")).exits(1);
        let reason = format!("dlog: cannot write {name}: No space left on device\n");
        assert_eq!(done.err, reason + "dlog: lines lost: 2\n");
    }
    rig.shell("dlog /dev/full </dev/null").exits(0).reports_nothing();
}

#[test]
fn dlog_is_idle_after_an_outage() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, _input) = start_on_full_disk(&rig, &disk, "");
    disk.free();
    rig.wait_for("the loss notice", || loss_notice(&disk.read("f")).is_some());
    rig.assert_sleeps(dlog.pid());
    dlog.signal(Signal::SIGTERM);
    dlog.wait().exits(1);
}

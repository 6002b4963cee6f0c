//! dlog when the disk is full, slow or gone; when it is told to open its file again; its stamps and syncs.

use crate::rig::disk::{Disk, PAGE, as_nobody};
use crate::rig::pipes::{cram, never_wait, pipe};
use crate::rig::{
    Rig, Running, assert_same, called, feed, numbers, proc, pty, signal, times, tools,
};
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::ChildStdin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

/// A log with one gap in it.
#[derive(Debug)]
struct Gap {
    before: String,
    lines: usize,
    bytes: usize,
    after: String,
}

/// Finds the line `dlog: N lines (B bytes) lost`, if it is there and whole.
fn gap(log: &str) -> Option<Gap> {
    let mut at = 0;
    for line in log.split_inclusive('\n') {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["dlog:", lines, "lines" | "line", bytes, "bytes)" | "byte)", "lost"] = words[..]
            && line.ends_with('\n')
        {
            return Some(Gap {
                before: log[..at].to_string(),
                lines: lines.parse().ok()?,
                bytes: bytes.strip_prefix('(')?.parse().ok()?,
                after: log[at + line.len()..].to_string(),
            });
        }
        at += line.len();
    }
    None
}

/// A line that leaves its file with nothing of its last page.
fn page() -> String {
    format!("{}\n", "b".repeat(PAGE - 1))
}

/// Waits until it has nothing more to do with what it was fed.
fn wait_asleep(rig: &Rig, dlog: &Running) {
    rig.wait_state(dlog.pid(), 'S');
}

/// Waits for the message that begins an outage.
#[track_caller]
fn wait_outage(rig: &Rig, dlog: &Running, count: usize) {
    rig.wait_for(format!("message {count} of an outage"), || dlog.err().lines().count() >= count);
}

const FULL: &str = "dlog: cannot write disk/f: No space left on device\n";

#[test]
fn a_full_disk_costs_lines_which_are_counted_where_they_are_missing() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog disk/f"));
    feed(&mut input, page());
    rig.wait_for("the first line", || disk.read("f") == page());
    disk.fill();
    feed(&mut input, "one\ntwo\nthree\n");
    wait_outage(&rig, &dlog, 1);
    feed(&mut input, "four\n");
    wait_asleep(&rig, &dlog);
    disk.empty();
    // It looks again by itself, whether lines come or not.
    rig.wait_for("the gap", || gap(&disk.read("f")).is_some());
    feed(&mut input, "five\n");
    drop(input);
    let done = dlog.wait().exits(1);
    assert_eq!(done.err, FULL);
    assert_eq!(disk.read("f"), format!("{}dlog: 4 lines (19 bytes) lost\nfive\n", page()));
}

#[test]
fn a_line_that_found_no_room_for_its_end_is_cut_off() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog disk/f"));
    feed(&mut input, "first\n");
    rig.wait_for("the first line", || disk.read("f") == "first\n");
    disk.fill();
    // One page holds not a whole number of these.
    let lines: Vec<String> = (0..100).map(|at| format!("{at:099}\n")).collect();
    feed(&mut input, lines.concat());
    wait_outage(&rig, &dlog, 1);
    wait_asleep(&rig, &dlog);
    let log = disk.read("f");
    assert!(log.ends_with('\n'), "a torn line stays: {:?}", &log[log.len().saturating_sub(120)..]);
    disk.empty();
    rig.wait_for("the gap", || gap(&disk.read("f")).is_some());
    feed(&mut input, "last\n");
    drop(input);
    assert_eq!(dlog.wait().exits(1).err, FULL);
    let Gap { before, lines: lost, bytes, after } = gap(&disk.read("f")).expect("a gap");
    assert!(lost > 0 && lost <= 100, "{lost} lines lost");
    assert_eq!(before, format!("first\n{}", lines[..100 - lost].concat()));
    assert_eq!(bytes, lost * 100);
    assert_eq!(after, "last\n");
}

#[test]
fn a_line_too_long_for_the_room_is_lost_whole() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog disk/f"));
    feed(&mut input, "first\n");
    rig.wait_for("the first line", || disk.read("f") == "first\n");
    // Far more than the disk holds, so it is written in pieces.
    feed(&mut input, "x".repeat(200_000) + "\n");
    wait_outage(&rig, &dlog, 1);
    // With the torn line there is room for the next: it is gone.
    rig.wait_for("the gap", || gap(&disk.read("f")).is_some());
    feed(&mut input, "last\n");
    drop(input);
    assert_eq!(dlog.wait().exits(1).err, FULL);
    let Gap { before, lines, bytes, after } = gap(&disk.read("f")).expect("a gap");
    assert_eq!((before.as_str(), lines, bytes, after.as_str()), ("first\n", 1, 200_001, "last\n"));
}

#[test]
fn a_full_disk_never_blocks_the_service() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk_full_from_the_start(&rig, &disk, |dlog, input| {
        // Far more than any pipe holds. The line after it is proof that all were read.
        feed(input, numbers(500_000));
        feed(input, "the end\n");
        wait_asleep(&rig, dlog);
        disk.empty();
        rig.wait_for("the gap", || gap(&disk.read("f")).is_some());
    });
    let Gap { before, lines, bytes, after } = gap(&disk.read("f")).expect("a gap");
    assert_eq!((before.as_str(), after.as_str()), ("", ""));
    assert_eq!((lines, bytes), (500_001, numbers(500_000).len() + "the end\n".len()));
}

/// Runs dlog on a full disk; it must lose something, and say so once.
fn disk_full_from_the_start(rig: &Rig, disk: &Disk, meanwhile: impl Fn(&Running, &mut ChildStdin)) {
    disk.fill();
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog disk/f"));
    meanwhile(&dlog, &mut input);
    drop(input);
    assert_eq!(dlog.wait().exits(1).err, FULL);
}

#[test]
fn each_outage_has_one_message_and_one_gap() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog disk/f"));
    for outage in 1..=2 {
        feed(&mut input, "x\n");
        rig.wait_for("a line", || disk.read("f").ends_with("x\n"));
        // Up to the end of the page.
        let rest = PAGE - disk.read("f").len() % PAGE;
        feed(&mut input, format!("{}\n", "x".repeat(rest - 1)));
        rig.wait_for("a full page", || disk.read("f").len() % PAGE == 0);
        disk.fill();
        for _ in 0..20 {
            feed(&mut input, "lost\n");
            wait_asleep(&rig, &dlog);
        }
        wait_outage(&rig, &dlog, outage);
        disk.empty();
        rig.wait_for("the gap", || disk.read("f").matches(" lost\n").count() == outage);
    }
    drop(input);
    assert_eq!(dlog.wait().exits(1).err, FULL.repeat(2));
    assert_eq!(disk.read("f").matches("dlog: 20 lines (100 bytes) lost\n").count(), 2);
}

#[test]
fn the_gap_is_a_line_with_stamp_and_prefix_like_any_other() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog -t -p fan: disk/f"));
    feed(&mut input, "one\n");
    wait_outage(&rig, &dlog, 1);
    disk.empty();
    rig.wait_for("the gap", || disk.read("f").ends_with('\n'));
    drop(input);
    dlog.wait().exits(1);
    let log = disk.read("f");
    let (stamp, rest) = log.split_at(20);
    let form: String = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00/00:00:00 ", "of {log:?}");
    // What is missing from the file: with its stamp and its prefix.
    let bytes = stamp.len() + "fan: ".len() + "one\n".len();
    assert_eq!(rest, format!("fan: dlog: 1 lines ({bytes} bytes) lost\n"));
}

#[test]
fn told_to_block_it_loses_nothing_on_a_full_disk() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog --on-full block disk/f"));
    feed(&mut input, "first\n");
    rig.wait_for("the first line", || disk.read("f") == "first\n");
    disk.fill();
    // More than a page and less than the disk.
    feed(&mut input, numbers(5000));
    wait_outage(&rig, &dlog, 1);
    feed(&mut input, "last\n");
    disk.empty();
    let wanted = format!("first\n{}last\n", numbers(5000));
    rig.wait_for("everything", || disk.read("f") == wanted);
    drop(input);
    let done = dlog.wait().exits(0);
    assert_eq!(done.err, FULL);
    assert_same(disk.read("f").as_bytes(), wanted.as_bytes(), "the log");
}

#[test]
fn told_to_block_it_reads_no_more_than_it_can_keep() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog --on-full block disk/f"));
    feed(&mut input, "one\n");
    wait_outage(&rig, &dlog, 1);
    let mut taken = 0;
    for _ in 0..10 {
        taken += cram(&input);
        wait_asleep(&rig, &dlog);
    }
    // What a pipe holds, and a buffer.
    assert!(taken <= 2 << 16, "{taken} bytes were taken and could not be stored");
    dlog.signal(Signal::SIGTERM);
    assert_eq!(dlog.wait().exits(1).err, format!("{FULL}dlog: lines lost: 1\n"));
}

#[test]
fn told_to_block_it_leaves_a_file_that_fills_the_disk() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    for options in ["", "-p x"] {
        let (dlog, mut input) =
            rig.start_fed(format!("{disk} dlog --on-full block {options} disk/f"));
        let text = numbers(15_000);
        feed(&mut input, &text);
        wait_outage(&rig, &dlog, 1);
        let before = disk.read("f");
        // As long as it is open, nothing is won by that.
        std::fs::remove_file(disk.path("f")).expect("the log goes");
        dlog.signal(Signal::SIGHUP);
        rig.wait_for("the rest", || disk.read("f").ends_with("15000\n"));
        drop(input);
        assert_eq!(dlog.wait().exits(0).err, FULL);
        let wanted = match options {
            "" => text,
            _ => text.lines().map(|line| format!("x {line}\n")).collect(),
        };
        assert_same((before + &disk.read("f")).as_bytes(), wanted.as_bytes(), "both files");
        std::fs::remove_file(disk.path("f")).expect("the log goes");
    }
}

#[test]
fn term_ends_it_while_the_disk_is_full() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    for option in ["--on-full drop", "--on-full=block", ""] {
        for asked in [Signal::SIGTERM, Signal::SIGINT] {
            let (dlog, mut input) = rig.start_fed(format!("{disk} dlog {option} disk/f"));
            feed(&mut input, "one\n");
            wait_outage(&rig, &dlog, 1);
            dlog.signal(asked);
            // The pipe stays open: it is the signal that ends dlog.
            let done = dlog.wait().exits(1);
            assert_eq!(done.err, format!("{FULL}dlog: lines lost: 1\n"), "{option}");
            drop(input);
        }
    }
    assert_eq!(disk.read("f"), "");
}

#[test]
fn the_end_of_the_input_ends_it_while_the_disk_is_full() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    let done = rig.shell(format!("printf 'one\\ntwo' | {disk} dlog disk/f")).exits(1);
    assert_eq!(done.err, format!("{FULL}dlog: lines lost: 2\n"));
    assert_eq!(disk.read("f"), "");
}

#[test]
fn an_outage_on_the_way_out_leaves_whole_lines() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    rig.write("in", numbers(100_000));
    let done = rig.run(format!("{disk} dlog disk/f <in")).exits(1);
    let log = disk.read("f");
    assert!(log.len() > 14 * PAGE, "only {} bytes were stored", log.len());
    let gap = gap(&log);
    let lost = 100_000 - log.lines().count();
    match &gap {
        Some(_) => assert_eq!(done.err, FULL),
        None => assert_eq!(done.err, format!("{FULL}dlog: lines lost: {lost}\n")),
    }
    let before = gap.map_or(log, |gap| gap.before);
    assert!(before.ends_with('\n') && numbers(100_000).starts_with(&before), "{before:?}");
}

#[test]
fn opening_the_file_again_on_another_disk_ends_the_outage() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    rig.shell("mkdir roomy && ln -s disk log").exits(0);
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog log/f"));
    feed(&mut input, "one\n");
    wait_outage(&rig, &dlog, 1);
    rig.shell("ln -sfn roomy log").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_for("the gap", || gap(&rig.read("roomy/f")).is_some());
    feed(&mut input, "two\n");
    drop(input);
    dlog.wait().exits(1);
    assert_eq!(rig.read("roomy/f"), "dlog: 1 lines (4 bytes) lost\ntwo\n");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_outage_and_not_the_end() {
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
    assert!(log.len() <= 10_000 && log.ends_with('\n'), "{} bytes", log.len());
    assert!(numbers(5000).starts_with(&log), "{log:?}");
    // There is room again in another file of that name.
    rig.shell("mv f f.old").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_for("the gap", || gap(&rig.read("f")).is_some());
    drop(input);
    dlog.wait().exits(1).says("dlog", &["cannot write f: File too large"]);
    let Gap { lines, bytes, .. } = gap(&rig.read("f")).expect("a gap");
    assert_eq!(
        (rig.lines("f.old") + lines, rig.bytes("f.old").len() + bytes),
        (5000, numbers(5000).len())
    );
}

#[test]
fn what_is_left_of_a_torn_line_in_one_file_is_no_matter_of_the_next() {
    if !tools::has(&["prlimit"]) {
        return;
    }
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("prlimit --fsize=10000 dlog f");
    feed(&mut input, "half");
    rig.wait_for("half a line", || rig.read("f") == "half");
    // Behind what somebody else has appended it cannot be taken back.
    rig.shell("head -c 10000 /dev/zero >>f").exits(0);
    feed(&mut input, " a line\nanother\n");
    wait_outage(&rig, &dlog, 1);
    wait_asleep(&rig, &dlog);
    rig.shell("mv f f.old").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_for("the gap", || gap(&rig.read("f")).is_some());
    drop(input);
    dlog.wait().exits(1);
    assert_eq!(rig.read("f"), "dlog: 2 lines (20 bytes) lost\n");
}

#[test]
fn a_device_that_is_always_full_is_a_loss() {
    let rig = Rig::new();
    for (line, name) in [("dlog /dev/full", "/dev/full"), ("dlog >/dev/full", "standard output")] {
        let done = rig.shell(format!("printf 'one\\ntwo\\n' | {line}")).exits(1);
        let why = format!("dlog: cannot write {name}: No space left on device\n");
        assert_eq!(done.err, why + "dlog: lines lost: 2\n");
    }
    rig.shell("dlog /dev/full </dev/null").exits(0).says_nothing();
}

#[test]
fn every_kind_of_failed_write_is_an_outage() {
    if !tools::has(&["strace"]) {
        return;
    }
    for (error, words) in [
        ("EIO", "Input/output error"),
        ("EROFS", "Read-only file system"),
        ("EDQUOT", "quota exceeded"),
        ("ENOSPC", "No space left on device"),
    ] {
        let rig = Rig::new();
        let path = rig.path("f");
        // The second write to the file fails.
        let strace = format!(
            "strace -f -o trace -P {} -e trace=write,writev -e inject=write,writev:error={error}:when=2",
            path.display()
        );
        let (dlog, mut input) = rig.start_fed(format!("{strace} dlog {}", path.display()));
        feed(&mut input, "one\n");
        rig.wait_lines("f", 1);
        feed(&mut input, "two\n");
        rig.wait_for("the message", || dlog.err().contains(words));
        rig.wait_lines("f", 2);
        feed(&mut input, "three\n");
        drop(input);
        dlog.wait().exits(1).says("dlog", &["cannot write ", words]);
        assert_eq!(rig.read("f"), "one\ndlog: 1 lines (4 bytes) lost\nthree\n", "{error}");
    }
}

#[test]
fn a_call_that_is_interrupted_is_made_again() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    rig.write("in", numbers(100_000));
    let faults = "-e inject=write,writev:error=EINTR:when=2+3 -e inject=read:error=EINTR:when=3+2";
    rig.shell(format!("cat in | strace -o trace -e trace=read,write,writev {faults} dlog f"))
        .exits(0)
        .says_nothing();
    assert!(rig.read("trace").contains("EINTR"), "nothing was interrupted");
    assert_same(&rig.bytes("f"), numbers(100_000).as_bytes(), "the log");
}

#[test]
fn a_sync_that_fails_is_said_and_ends_nothing() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let inject = "-e trace=fdatasync,fsync -e inject=fdatasync,fsync:error=EIO:when=1..2";
    let (dlog, mut input) = rig.start_fed(format!("strace -o trace {inject} dlog f"));
    for count in 1..=4 {
        feed(&mut input, "x\n");
        rig.wait_lines("f", count);
    }
    drop(input);
    // Some of it may be lost.
    let done = dlog.wait().exits(1);
    assert!(done.err.contains("Input/output error"), "{done}");
    assert_eq!(rig.read("f"), "x\n".repeat(4));
}

#[test]
fn what_cannot_be_synced_is_no_outage() {
    let rig = Rig::new();
    rig.shell("echo one | dlog /dev/null").exits(0).says_nothing();
    let done = rig.shell("echo one | dlog | cat").exits(0).says_nothing();
    assert_eq!(done.out, "one\n");
    let done = rig.shell("echo one | dlog --sync 1 | cat").exits(0).says_nothing();
    assert_eq!(done.out, "one\n");
}

#[test]
fn a_reader_of_a_fifo_may_leave_and_another_gets_what_comes_meanwhile() {
    let rig = Rig::new();
    rig.shell("mkfifo fifo").exits(0);
    let open = || File::open(rig.path("fifo")).expect("the FIFO");
    // A whole line is there at once, and no other with it.
    let line = |reader: &mut File| {
        let mut room = [0; 100];
        let count = reader.read(&mut room).expect("a line");
        String::from_utf8_lossy(&room[..count]).into_owned()
    };
    let (dlog, mut input) = rig.start_fed("dlog fifo");
    let mut reader = open();
    feed(&mut input, "one\n");
    assert_eq!(line(&mut reader), "one\n");
    drop(reader);
    feed(&mut input, "two\n");
    wait_asleep(&rig, &dlog);
    let mut reader = open();
    assert_eq!(line(&mut reader), "two\n");
    feed(&mut input, "three\n");
    assert_eq!(line(&mut reader), "three\n");
    drop(input);
    dlog.wait().exits(0).says_nothing();
}

#[test]
fn standard_output_without_a_reader_ends_it() {
    let rig = Rig::new();
    let line = "(sleep 0.1; seq 1 100000) | { dlog; echo $? >status; } | true";
    let done = rig.shell(line);
    let (why, lost) = done.err.split_once('\n').expect("two lines");
    assert_eq!(why, "dlog: cannot write standard output: Broken pipe");
    assert!(lost.starts_with("dlog: lines lost: "), "{lost}");
    rig.wait_lines("status", 1);
    assert_eq!(rig.read("status"), "1\n");
}

#[test]
fn term_ends_it_while_its_reader_is_stopped() {
    let rig = Rig::new();
    rig.shell("mkfifo fifo").exits(0);
    let reader = rig.start("cat fifo");
    let (dlog, input) = rig.start_fed("dlog fifo");
    rig.wait_for("the FIFO to be open", || {
        proc::descriptors(dlog.pid()).values().any(|path| path.ends_with("fifo"))
    });
    reader.signal(Signal::SIGSTOP);
    rig.wait_state(reader.pid(), 'T');
    rig.wait_some("both pipes to be full", || {
        let taken = cram(&input);
        wait_asleep(&rig, &dlog);
        (taken == 0).then_some(())
    });
    dlog.signal(Signal::SIGTERM);
    dlog.wait().exits(1);
}

#[test]
fn term_ends_it_while_nobody_reads_its_standard_output() {
    let rig = Rig::new();
    // Pieces of them fill a pipe to its last byte, where not even the word of lost lines has room.
    rig.write("in", format!("{:>63}\n", "x").repeat(4096));
    let end = |options: &str, output: File| {
        let dlog = rig.start_to(format!("dlog {options} <in"), output);
        rig.wait_for("dlog to begin", || called(dlog.pid()).starts_with("dlog"));
        wait_asleep(&rig, &dlog);
        dlog.signal(Signal::SIGTERM);
        dlog.wait().exits(1)
    };
    for options in ["", "-p x"] {
        let (_reader, to_pipe) = pipe();
        end(options, to_pipe).says("dlog", &["lines lost: "]);
        // A busy kernel takes something from a terminal only later; then the word has room there.
        let (terminal, mut master) = pty::held();
        let done = end(options, terminal);
        let mut shown = Vec::new();
        let _ = master.read_to_end(&mut shown);
        if String::from_utf8_lossy(&shown).contains(" bytes) lost") {
            done.says_nothing();
        } else {
            done.says("dlog", &["lines lost: "]);
        }
    }
}

#[test]
fn a_sink_that_takes_only_a_little_gets_everything() {
    let rig = Rig::new();
    rig.write("in", numbers(200_000));
    let (reader, writer) = pipe();
    // As some programs leave the terminal or the pipe they share with others.
    never_wait(&writer);
    for options in ["", "-p x"] {
        let writer = writer.try_clone().expect("its end");
        let dlog = rig.start_to(format!("dlog {options} <in"), writer);
        let mut stored = Vec::new();
        let mut room = [0; 1000];
        let wanted = match options {
            "" => numbers(200_000),
            _ => numbers(200_000).lines().map(|line| format!("x {line}\n")).collect(),
        };
        while stored.len() < wanted.len() && dlog.err().is_empty() {
            let count = (&reader).read(&mut room).expect("a read");
            stored.extend_from_slice(&room[..count]);
        }
        dlog.wait().exits(0).says_nothing();
        assert_same(&stored, wanted.as_bytes(), "what the reader got");
    }
}

#[test]
fn a_flood_of_hups_loses_and_doubles_nothing() {
    let rig = Rig::new();
    for options in ["", "-p x"] {
        rig.shell("rm -f f f.*").exits(0);
        let (dlog, mut input) = rig.start_fed(format!("dlog {options} f"));
        feed(&mut input, "0\n");
        rig.wait_lines("f", 1);
        let enough = AtomicBool::new(false);
        let mut renamed = 0;
        let text = std::thread::scope(|scope| {
            let feeder = scope.spawn(|| {
                let mut text = "0\n".to_string();
                let (mut next, mut fed) = (1, 2);
                while !enough.load(Ordering::Relaxed) {
                    text.extend((next..next + 1000).map(|number| format!("{number}\n")));
                    next += 1000;
                    // Pieces that end anywhere.
                    for piece in text.as_bytes()[fed..].chunks(997) {
                        feed(&mut input, piece);
                    }
                    fed = text.len();
                }
                text
            });
            while renamed < times(50, 2000) && !feeder.is_finished() {
                if std::fs::rename(rig.path("f"), rig.path(&format!("f.{renamed}"))).is_ok() {
                    renamed += 1;
                }
                dlog.signal(Signal::SIGHUP);
            }
            enough.store(true, Ordering::Relaxed);
            feeder.join().expect("the feeder")
        });
        drop(input);
        dlog.wait().exits(0).says_nothing();
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

#[test]
fn hup_with_no_way_to_open_the_file_keeps_the_old_one() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    rig.shell("mkdir a && ln -s a log").exits(0);
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog log/f"));
    feed(&mut input, "one\n");
    rig.wait_lines("a/f", 1);
    // First there is no such folder, then one nothing can be written in.
    disk.make_read_only(&rig);
    for (count, target) in [(1, "nowhere"), (2, "disk")] {
        rig.shell(format!("ln -sfn {target} log")).exits(0);
        dlog.signal(Signal::SIGHUP);
        wait_outage(&rig, &dlog, count);
        feed(&mut input, "more\n");
        rig.wait_lines("a/f", 1 + count);
    }
    // And when there is a way again:
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
fn a_file_that_was_removed_is_made_again_on_hup() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog f");
    feed(&mut input, "one\n");
    rig.wait_lines("f", 1);
    rig.shell("rm f").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_file("f");
    feed(&mut input, "two\n");
    drop(input);
    dlog.wait().exits(0).says_nothing();
    assert_eq!(rig.read("f"), "two\n");
}

#[test]
fn a_file_that_can_never_be_written_is_an_error_at_once() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.make_read_only(&rig);
    // Nothing is ever fed to it.
    let (dlog, _input) = rig.start_fed(format!("{disk} dlog disk/f"));
    dlog.wait().exits(125).says("dlog", &["cannot open disk/f: Read-only file system"]);
    let Some(nobody) = as_nobody(&rig) else { return };
    rig.shell("mkdir locked && chmod 555 locked").exits(0);
    let (dlog, _input) = rig.start_fed(format!("{nobody} dlog locked/f"));
    dlog.wait().exits(125).says("dlog", &["cannot open locked/f: Permission denied"]);
}

#[test]
fn a_fifo_without_a_reader_does_not_keep_it_from_ending() {
    let rig = Rig::new();
    rig.shell("mkfifo fifo").exits(0);
    let (dlog, _input) = rig.start_fed("dlog fifo");
    rig.wait_for("dlog to wait or to give up", || {
        !dlog.is_running() || proc::state(dlog.pid()) == Some('S')
    });
    dlog.signal(Signal::SIGTERM);
    dlog.wait();
}

/// The seconds since 1970, now.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    since.as_secs_f64()
}

/// The stamp and the rest of the one line of `file`, which dlog was told to write in this format.
fn stamped(rig: &Rig, format: &str) -> (String, f64, f64) {
    rig.shell("rm -f f").exits(0);
    let before = now();
    rig.shell(format!("echo text | dlog --time {format} f")).exits(0).says_nothing();
    let after = now();
    let log = rig.read("f");
    let (stamp, rest) = log.split_once(' ').unwrap_or_else(|| panic!("no stamp: {log:?}"));
    assert_eq!(rest, "text\n");
    (stamp.to_string(), before, after)
}

/// That a time that was cut off to the second lies in between.
#[track_caller]
fn assert_between(before: f64, second: f64, after: f64) {
    assert!(before.floor() <= second && second <= after, "{second} is not in {before}..{after}");
}

/// A date as another program understands it.
fn seconds(rig: &Rig, date: &str) -> f64 {
    let done = rig.shell(format!("date -u -d '{date}' +%s")).exits(0);
    done.out.trim().parse().expect("a number")
}

#[test]
fn the_time_can_be_as_iso_8601_has_it() {
    let rig = Rig::new();
    let (stamp, before, after) = stamped(&rig, "iso");
    assert!(stamp.len() == 20 && &stamp[10..11] == "T" && stamp.ends_with('Z'), "{stamp:?}");
    assert_between(before, seconds(&rig, &stamp), after);
    let (stamp, before, after) = stamped(&rig, "utc");
    assert_between(before, seconds(&rig, &stamp.replace('/', " ")), after);
}

#[test]
fn the_time_can_be_as_multilog_has_it() {
    let rig = Rig::new();
    let (stamp, before, after) = stamped(&rig, "tai64n");
    assert!(stamp.len() == 25 && stamp.starts_with('@'), "{stamp:?}");
    assert_eq!(stamp, stamp.to_lowercase());
    let label = u64::from_str_radix(&stamp[1..17], 16).expect("16 digits");
    let nanos = u32::from_str_radix(&stamp[17..], 16).expect("8 digits");
    assert!(nanos < 1_000_000_000, "{nanos} nanoseconds");
    // Since 1970, and ten seconds on.
    let second = (label - (1 << 62) - 10) as f64;
    let time = second + f64::from(nanos) / 1e9;
    assert!(before - 0.001 <= time && time <= after + 0.001, "{time} is not in {before}..{after}");
    let Some(tai64nlocal) = tools::peer("tai64nlocal") else { return };
    let done = rig.shell(format!("{} {tai64nlocal} <f", "env TZ=UTC0")).exits(0);
    let date = done.out.split(" text").next().expect("a date").to_string();
    assert_between(before, seconds(&rig, &date[..19]), after);
}

/// `SECONDS.NANOS` as a number.
#[track_caller]
fn with_nanos(stamp: &str) -> f64 {
    let (seconds, nanos) = stamp.split_once('.').unwrap_or_else(|| panic!("no point in {stamp:?}"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    assert!(digits(seconds) && digits(nanos) && nanos.len() == 9, "{stamp:?}");
    stamp.parse().expect("a number")
}

#[test]
fn the_time_can_be_the_seconds_since_1970() {
    let rig = Rig::new();
    let (stamp, before, after) = stamped(&rig, "epoch");
    let time = with_nanos(&stamp);
    assert!(before - 0.001 <= time && time <= after + 0.001, "{time} is not in {before}..{after}");
}

#[test]
fn the_time_can_be_that_of_the_clock_nobody_sets() {
    let rig = Rig::new();
    // Of two clocks this one is behind if the machine ever slept.
    let uptime = || -> f64 {
        let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        text.split(' ').next().and_then(|word| word.parse().ok()).expect("an uptime")
    };
    let first = with_nanos(&stamped(&rig, "mono").0);
    let second = with_nanos(&stamped(&rig, "mono").0);
    assert!(first < second && second <= uptime() + 0.02, "{first}, {second}, {}", uptime());
}

#[test]
fn a_format_of_the_time_implies_the_stamp_and_unknown_ones_are_refused() {
    let rig = Rig::new();
    stamped(&rig, "utc");
    rig.run("dlog --time=noon f").exits(125).says("dlog", &["--time", "noon"]);
    rig.run("dlog --on-full=wait f").exits(125).says("dlog", &["--on-full", "wait"]);
    rig.run("dlog --sync=often f").exits(125).says("dlog", &["--sync", "often"]);
}

#[test]
fn a_stamp_is_the_arrival_of_the_first_byte_of_its_line() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog --time epoch f");
    wait_asleep(&rig, &dlog);
    let (begun, half) = (now(), {
        feed(&mut input, "hal");
        wait_asleep(&rig, &dlog);
        now()
    });
    rig.wait_for("the clock to go on", || now() > half + 0.2);
    let later = now();
    feed(&mut input, "f\nwhole\n");
    drop(input);
    dlog.wait().exits(0);
    let log = rig.read("f");
    let lines: Vec<_> = log.lines().filter_map(|line| line.split_once(' ')).collect();
    let [(first, "half"), (second, "whole")] = lines[..] else { panic!("{log:?}") };
    let (first, second) = (with_nanos(first), with_nanos(second));
    assert!(begun - 0.001 <= first && first <= half + 0.001, "{first} is not in {begun}..{half}");
    assert!(second >= later - 0.001, "{second} is before {later}");
}

#[test]
fn lines_that_came_together_have_the_same_stamp_however_long_they_wait() {
    let rig = Rig::new();
    // As much as is read at once, and far more than a pipe holds with its stamps.
    rig.write("in", b"x\n".repeat(30_000));
    let (mut reader, writer) = pipe();
    let dlog = rig.start_to("dlog --time epoch <in", writer);
    rig.wait_for("dlog to begin", || called(dlog.pid()).starts_with("dlog"));
    wait_asleep(&rig, &dlog);
    let asleep = now();
    rig.wait_for("the clock to go on", || now() > asleep + 0.2);
    let mut log = String::new();
    reader.read_to_string(&mut log).expect("a log");
    dlog.wait().exits(0).says_nothing();
    let first = log.split(' ').next().expect("a stamp");
    assert!(with_nanos(first) <= asleep);
    assert_eq!(log.lines().count(), 30_000);
    assert!(log.lines().all(|line| line.strip_prefix(first) == Some(" x")), "later than {first}");
}

#[test]
fn a_read_is_one_write() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    rig.write("in", numbers(300_000));
    let calls = |rig: &Rig, name: &str| {
        let trace = rig.read("trace");
        trace.lines().filter(|line| line.starts_with(name)).map(str::to_string).collect::<Vec<_>>()
    };
    rig.shell("strace -o trace -e trace=read,write,writev dlog -b f <in").exits(0);
    let (reads, writes) = (calls(&rig, "read(0"), calls(&rig, "write"));
    assert!(reads[0].contains(", 65536"), "not 64 KiB at once: {}", reads[0]);
    assert!(writes.len() <= reads.len(), "{} writes of {} reads", writes.len(), reads.len());
    assert_same(&rig.bytes("f"), numbers(300_000).as_bytes(), "the log");
    // Stamps do not make a write of each line.
    rig.write("in", numbers(1000));
    rig.shell("strace -o trace -e trace=read,write,writev dlog -t -p x -b g <in").exits(0);
    assert_eq!(rig.lines("g"), 1000);
    assert_eq!(calls(&rig, "write").len(), 1, "{}", rig.read("trace"));
}

/// The moments of the calls whose names begin so, from a trace with `-ttt`.
fn moments(trace: &str, name: &str) -> Vec<f64> {
    let calls = trace.lines().filter_map(|line| line.split_once(' '));
    calls.filter(|(_, call)| call.starts_with(name)).filter_map(|(at, _)| at.parse().ok()).collect()
}

#[test]
fn the_disk_is_synced_no_more_often_than_told_and_once_more_when_the_input_pauses() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let strace = "strace -ttt -o trace -e trace=write,writev,fdatasync";
    let (dlog, mut input) = rig.start_fed(format!("{strace} dlog --sync 0.5 f"));
    let mut count = 0;
    let begun = now();
    while now() < begun + 1.4 {
        feed(&mut input, "x\n");
        count += 1;
        rig.wait_lines("f", count);
    }
    // Nothing more comes, and still the last line gets to the disk.
    rig.wait_for("a sync of the last line", || {
        let trace = rig.read("trace");
        moments(&trace, "fdatasync").last() > moments(&trace, "write").last()
    });
    drop(input);
    dlog.wait().exits(0).says_nothing();
    let syncs = moments(&rig.read("trace"), "fdatasync");
    assert!((2..=6).contains(&syncs.len()), "{} syncs for {count} lines: {syncs:?}", syncs.len());
    for pair in syncs[..syncs.len() - 1].windows(2) {
        assert!(pair[1] - pair[0] > 0.45, "too often: {syncs:?}");
    }
}

#[test]
fn the_last_line_is_on_the_disk_before_it_ends() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let strace = "strace -ttt -o trace -e trace=write,writev,fdatasync";
    rig.shell(format!("echo one | {strace} dlog --sync 1h f")).exits(0);
    let trace = rig.read("trace");
    assert!(moments(&trace, "fdatasync").last() > moments(&trace, "write").last(), "{trace}");
}

/// Each log in a trace of `strace -y` is put on the disk between the last write and the close; says how many were
/// closed.
fn closed_in_order(trace: &str) -> usize {
    let mut dirty = std::collections::HashSet::new();
    let mut closed = 0;
    for line in trace.lines() {
        let number = || line.split(['(', '<']).nth(1).expect("a descriptor");
        let is_log = ["current>", "/log-", "/f>", "/g>"].iter().any(|name| line.contains(name));
        match line.split('(').next() {
            Some("write") if is_log => drop(dirty.insert(number())),
            Some("fdatasync") => drop(dirty.remove(number())),
            Some("close") if is_log => {
                assert!(
                    !dirty.contains(number()),
                    "closed before it is on the disk: {line}\n{trace}"
                );
                closed += 1;
            }
            _ => {}
        }
    }
    closed
}

#[test]
fn a_file_that_is_left_is_on_the_disk() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let strace = "strace -y -o trace -e trace=write,writev,fdatasync,close";
    rig.shell(format!("mkdir log; seq 5000 | {strace} drlog -s 4k log")).exits(0);
    assert!(closed_in_order(&rig.read("trace")) > 4, "{}", rig.read("trace"));
    rig.shell(format!("mkdir log2; seq 5000 | {strace} drlog -b -s 4k log2")).exits(0);
    assert!(!rig.read("trace").contains("fdatasync"), "{}", rig.read("trace"));

    let (dlog, mut input) = rig.start_fed(format!("{strace} dlog --sync 1h f"));
    for count in 1..=2 {
        feed(&mut input, "x\n");
        rig.wait_lines("f", count);
    }
    std::fs::rename(rig.path("f"), rig.path("g")).expect("a new name");
    signal(rig.child(dlog.pid(), "dlog"), Signal::SIGHUP);
    rig.wait_for("a new file", || rig.path("f").exists());
    drop(input);
    dlog.wait().exits(0).says_nothing();
    assert_eq!(closed_in_order(&rig.read("trace")), 2, "{}", rig.read("trace"));
}

#[test]
fn a_link_to_the_file_is_followed_and_stays() {
    let rig = Rig::new();
    rig.write("target", "old\n");
    symlink("target", rig.path("f")).expect("a link");
    rig.shell("echo new | dlog f").exits(0);
    assert_eq!(rig.read("target"), "old\nnew\n");
    assert!(rig.path("f").is_symlink());
}

#[test]
fn nothing_wakes_it_after_an_outage() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    let (dlog, mut input) = rig.start_fed(format!("{disk} dlog disk/f"));
    feed(&mut input, "one\n");
    wait_outage(&rig, &dlog, 1);
    disk.empty();
    rig.wait_for("the gap", || gap(&disk.read("f")).is_some());
    rig.assert_sleeps(dlog.pid());
    dlog.signal(Signal::SIGTERM);
    dlog.wait().exits(1);
}

#[test]
fn signals_that_were_ignored_at_the_start_work() {
    let rig = Rig::new();
    std::fs::create_dir(rig.path("d")).expect("a folder");
    for (command, log) in [("dlog f", "f"), ("drlog d", "d/current")] {
        let line = format!("sh -c 'trap \"\" TERM HUP ALRM PIPE; exec {command}'");
        let (logger, mut input) = rig.start_fed(line);
        feed(&mut input, "x\n");
        rig.wait_lines(log, 1);
        logger.signal(Signal::SIGTERM);
        logger.wait().exits(0).says_nothing();
    }
}

#[test]
fn closed_descriptors_are_not_taken_for_the_files_of_drlog() {
    let rig = Rig::new();
    std::fs::create_dir(rig.path("d")).expect("a folder");
    rig.write("d/current", "old\n");
    rig.run("drlog -t d <&-");
    rig.run("drlog -t d <&- >&- 2>&-");
    assert_eq!(rig.read("d/current"), "old\n");
    rig.shell("echo new | drlog d >&- 2>&-").exits(0);
    assert_eq!(rig.read("d/current"), "old\nnew\n");
}

#[test]
fn help_goes_to_standard_output() {
    let rig = Rig::new();
    for (command, options) in [
        ("dlog", &["-t", "-p", "-e", "-i", "-b", "--time", "--sync", "--on-full"][..]),
        ("drlog", &["-s", "-T", "-m", "-b", "-t", "-e", "-i"]),
    ] {
        let done = rig.run(format!("{command} --help")).exits(0).says_nothing();
        for option in options {
            assert!(done.out.contains(option), "no {option} in the help: {done}");
        }
        let done = rig.run(format!("{command} -V")).exits(0).says_nothing();
        assert!(done.out.contains(char::is_numeric), "no version: {done}");
    }
}

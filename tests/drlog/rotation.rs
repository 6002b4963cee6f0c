//! When `current` is rotated, and that no line is split or lost.

use super::{
    created_at, feed_line, now, old_files, old_texts, rotate, wait_old_files, whole_log,
    with_directory,
};
use crate::loggers::closed_after_sync;
use crate::rig::trace::Trace;
use crate::rig::{assert_same, feed, numbers, pace, proc, scaled, tools};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

#[test]
fn a_file_is_rotated_when_it_reaches_its_size() {
    let rig = with_directory();
    let before = now();
    rig.write("in", numbers(1000));
    rig.run("drlog -s 1000 -m 0 d <in").exits(0).reports_nothing();
    assert_same(whole_log(&rig).as_bytes(), numbers(1000).as_bytes(), "the log");
    let old = old_files(&rig);
    assert_eq!(
        old.len(),
        numbers(1000).len() / 1003,
        "files: {:?}",
        old.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    for (name, text) in &old {
        assert!(
            text.ends_with('\n') && text.len().abs_diff(1000) <= 5,
            "{name}: {} bytes",
            text.len()
        );
    }
    assert!(rig.read("d/current").len() < 1005);
    let done = rig.shell(format!("date -u -d @{before} +log-%F-%T; date -u +log-%F-%T")).exits(0);
    let times: Vec<&str> = done.out.lines().collect();
    let first = old[0].0.as_str();
    assert!(times[0] <= first && first <= times[1], "{times:?} {first:?}");
}

#[test]
fn defaults_are_150_kib_and_ten_old_files() {
    let rig = with_directory();
    rig.write("in", numbers(400_000));
    rig.run("drlog d <in").exits(0).reports_nothing();
    let old = old_files(&rig);
    assert_eq!(old.len(), 10);
    for (name, text) in &old {
        assert!(text.len().abs_diff(150 * 1024) <= 7, "{name}: {} bytes", text.len());
    }
    assert!(numbers(400_000).ends_with(&whole_log(&rig)), "not the last lines");
}

#[test]
fn a_limit_of_zero_is_off() {
    let rig = with_directory();
    rig.write("in", numbers(50_000));
    rig.run("drlog -s 0 -T 0 d <in").exits(0).reports_nothing();
    rig.run("drlog -s 0 d <in").exits(0).reports_nothing();
    assert_eq!(old_files(&rig), []);
    assert_same(rig.read("d/current").as_bytes(), numbers(50_000).repeat(2).as_bytes(), "the log");
    rig.shell("rm d/*; rm d/.timestamp").exits(0);
    rig.run("drlog -s 10k -T 0 -m 0 d <in").exits(0).reports_nothing();
    assert!(old_files(&rig).len() > 20, "a count of files applied: {}", old_files(&rig).len());
    assert_same(whole_log(&rig).as_bytes(), numbers(50_000).as_bytes(), "the log");
    // The age limit works without the size limit, ...
    rig.shell("rm d/*; echo 1000000000 >d/.timestamp; echo old >d/current").exits(0);
    rig.run("drlog -s 0 -T 1d d <in").exits(0).reports_nothing();
    assert_eq!(old_texts(&rig), ["old\n"]);
    // ... and the size limit without the age limit.
    rig.shell("rm d/*; echo 1000000000 >d/.timestamp; echo old >d/current").exits(0);
    rig.run("drlog -s 1m -T 0 d <in").exits(0).reports_nothing();
    assert_eq!(old_files(&rig), []);
}

#[test]
fn the_size_of_an_existing_current_counts() {
    let rig = with_directory();
    rig.write("d/current", "x".repeat(89) + "\n");
    rig.shell("echo 1234567890 | drlog -s 100 d").exits(0).reports_nothing();
    rig.shell("echo after | drlog -s 100 d").exits(0).reports_nothing();
    assert_eq!(old_files(&rig).len(), 1);
    assert!(whole_log(&rig).ends_with("1234567890\nafter\n"));
    rig.write("d/current", "x".repeat(500) + "\n");
    rig.shell("echo more | drlog -s 100 -m 0 d").exits(0).reports_nothing();
    assert!(
        old_texts(&rig).last().is_some_and(|text| text.starts_with("xxx")),
        "{:?}",
        old_files(&rig)
    );
}

#[test]
fn timestamps_count_towards_the_file_size() {
    let rig = with_directory();
    rig.write("in", "x\n".repeat(1000));
    rig.run("drlog -t -s 1000 -m 0 d <in").exits(0).reports_nothing();
    for (name, text) in old_files(&rig) {
        assert!(text.len().abs_diff(1000) <= 22, "{name}: {} bytes", text.len());
    }
    assert!(old_files(&rig).len() >= 20);
}

#[test]
fn a_file_is_rotated_when_it_reaches_its_age() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog -T 1 d");
    feed(&mut input, "one\n");
    rig.wait_lines("d/current", 1);
    let first = created_at(&rig);
    rig.wait_for("a second to pass", || now() > first + 2);
    feed(&mut input, "two\n");
    rig.wait_for("the second line", || rig.read("d/current") == "two\n");
    assert_eq!(old_texts(&rig), ["one\n"]);
    assert!(created_at(&rig) > first);
    drop(input);
    drlog.wait().exits(0).reports_nothing();
}

#[test]
fn a_file_ages_while_drlog_is_not_running() {
    let rig = with_directory();
    rig.write("d/current", "old\n");
    rig.write("d/.timestamp", format!("{}\n", now() - 3600));
    rig.shell("echo one | drlog -T 2h d").exits(0).reports_nothing();
    assert_eq!(rig.read("d/current"), "old\none\n");
    rig.shell("echo two | drlog -T 0.5h d").exits(0).reports_nothing();
    assert_eq!(rig.read("d/current"), "two\n");
    assert_eq!(old_texts(&rig), ["old\none\n"]);
    assert!(now() - created_at(&rig) < 60);
    // The default is five days.
    for (age, count) in [(4, 1), (6, 2)] {
        rig.write("d/.timestamp", format!("{}\n", now() - age * 86_400));
        rig.shell("echo three | drlog d").exits(0).reports_nothing();
        assert_eq!(old_files(&rig).len(), count, "after {age} days");
    }
}

#[test]
fn sigalrm_rotates_at_once() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog d");
    for at in 1..=5 {
        feed_line(&rig, &mut input, &format!("{at}\n"));
        rotate(&rig, &drlog);
    }
    drop(input);
    drlog.wait().exits(0).reports_nothing();
    assert_eq!(old_texts(&rig), ["1\n", "2\n", "3\n", "4\n", "5\n"]);
}

#[test]
fn a_line_is_never_split_over_two_files() {
    let rig = with_directory();
    let long = "y".repeat(300_000);
    let text = format!("one\n{long}\ntwo\n{}\nthree\n", &long[..70_000]);
    rig.write("in", &text);
    for options in ["", "-t"] {
        rig.shell("rm -f d/*").exits(0);
        rig.run(format!("drlog {options} -s 299k -m 0 d <in")).exits(0).reports_nothing();
        assert!(!old_files(&rig).is_empty());
        for (name, file) in old_files(&rig) {
            assert!(file.ends_with('\n'), "{name} ends within a line");
        }
        let lines: Vec<String> = whole_log(&rig).lines().map(str::to_string).collect();
        assert_eq!(lines.len(), 5);
        for (line, wanted) in lines.iter().zip(text.lines()) {
            let line = if options.is_empty() { line } else { &line[20..] };
            assert_same(line.as_bytes(), wanted.as_bytes(), options);
        }
    }
}

#[test]
fn endless_output_without_a_newline_is_rotated() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog -b -s 100k -m 3 d");
    // Much more than a pipe holds, so drlog reads it in pieces.
    let text = "=".repeat(1_000_000);
    for _ in 0..3 {
        feed(&mut input, &text);
    }
    drop(input);
    drlog.wait().exits(0).reports_nothing();
    let old = old_files(&rig);
    assert_eq!(old.len(), 3);
    for (name, text) in &old {
        assert!(text.len() < 300_000, "{name}: {} bytes", text.len());
        assert!(text.bytes().all(|byte| byte == b'='), "{name}");
    }
    assert!(rig.read("d/current").len() < 300_000);
}

#[test]
fn a_new_file_has_the_mode_and_the_group_of_the_old_one() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("sh -c 'umask 077; exec drlog d'");
    feed_line(&rig, &mut input, "one\n");
    let group = if tools::is_root() { 4 } else { nix::unistd::getegid().as_raw() };
    rig.shell(format!("chmod 664 d/current; chgrp {group} d/current")).exits(0);
    rotate(&rig, &drlog);
    rig.wait_file("d/current");
    feed_line(&rig, &mut input, "two\n");
    let metadata = fs::metadata(rig.path("d/current")).expect("current");
    assert_eq!((metadata.mode() & 0o777, metadata.gid()), (0o664, group));
    drop(input);
    drlog.wait().exits(0).reports_nothing();
}

#[test]
fn rotation_waits_for_the_end_of_the_line() {
    // drlog waits for at most a second. On a busy machine, the end of the line may come too late.
    let log_in_time = || {
        let rig = with_directory();
        let (drlog, mut input) = rig.start_fed("drlog -m 0 d");
        feed_line(&rig, &mut input, "login: ");
        let start = Instant::now();
        drlog.signal(Signal::SIGALRM);
        rig.wait_for("drlog to receive SIGALRM", || proc::signals(drlog.pid(), "ShdPnd") == 0);
        feed(&mut input, "root\nwelcome\n");
        let is_late = start.elapsed() > Duration::from_millis(900);
        wait_old_files(&rig, 1);
        drop(input);
        drlog.wait().exits(0).reports_nothing();
        assert_eq!(whole_log(&rig), "login: root\nwelcome\n");
        (!is_late).then(|| old_texts(&rig))
    };
    let old = (0..20).find_map(|_| log_in_time()).expect("a run without a delay");
    assert_eq!(old, ["login: root\n"]);
}

#[test]
fn a_flood_of_sigalrms_neither_loses_nor_repeats_lines() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog -m 0 d");
    feed(&mut input, "0\n");
    rig.wait_lines("d/current", 1);
    let text = numbers(scaled(200_000, 5_000_000));
    std::thread::scope(|scope| {
        let feeder = scope.spawn(|| {
            // Pieces that do not end at line boundaries.
            for piece in text.as_bytes().chunks(997) {
                feed(&mut input, piece);
            }
        });
        let mut at = 0;
        while !feeder.is_finished() {
            at += 1;
            drlog.signal(if at % 2 == 0 { Signal::SIGALRM } else { Signal::SIGHUP });
            pace(Duration::from_millis(1));
        }
    });
    drop(input);
    drlog.wait().exits(0).reports_nothing();
    for (name, text) in old_files(&rig) {
        assert!(text.ends_with('\n'), "{name} ends within a line");
    }
    let wanted = format!("0\n{text}");
    assert_same(
        whole_log(&rig).as_bytes(),
        wanted.as_bytes(),
        format!("{} files", old_files(&rig).len()),
    );
}

#[test]
fn sigkill_at_any_moment_leaves_whole_lines() {
    let rig = with_directory();
    let mut number = 0;
    for round in 0..scaled(20, 500) {
        let (drlog, mut input) = rig.start_fed("drlog -s 200 -m 0 d");
        let feeder = std::thread::scope(|scope| {
            let feeder = scope.spawn(|| {
                let mut count: u64 = 0;
                let text = |count: u64| format!("{}\n", number + 1 + count);
                while input.write_all(text(count).as_bytes()).is_ok() {
                    count += 1;
                }
                count
            });
            let wanted = (round % 7) * 3;
            rig.wait_for("some files", || old_files(&rig).len() >= wanted);
            drlog.kill();
            feeder.join().expect("the feeder")
        });
        number += feeder + 1;
    }
    let mut last = 0;
    for (name, text) in old_files(&rig) {
        assert!(text.ends_with('\n'), "{name} ends within a line");
        for line in text.lines() {
            let number: u64 = line.parse().unwrap_or_else(|_| panic!("{line:?} in {name}"));
            assert!(number > last, "{number} after {last}, in {name}");
            last = number;
        }
    }
}

#[test]
fn each_file_is_synced_before_it_is_closed() {
    let rig = with_directory();
    let Some(trace) = Trace::new(&rig, "write,writev,fdatasync,close") else { return };
    let trace = trace.with("-y");
    rig.shell(format!("seq 5000 | {trace} drlog -s 4k d")).exits(0);
    assert!(closed_after_sync(&trace) > 4, "{}", trace.text());
    rig.shell(format!("mkdir e; seq 5000 | {trace} drlog -b -s 4k e")).exits(0);
    assert!(!trace.text().contains("fdatasync"), "{}", trace.text());
}

#[test]
fn a_rotation_takes_few_system_calls() {
    if !tools::is_native("it makes calls of its own") {
        return;
    }
    let rig = with_directory();
    let Some(trace) = Trace::new(&rig, "all") else { return };
    let calls = |count: usize| {
        rig.shell(format!("rm -f d/*; {trace} drlog -b -s 1 -m 5 d <{count}")).exits(0);
        trace.calls("").len()
    };
    rig.write("101", numbers(101));
    rig.write("201", numbers(201));
    // One call writes the line, eleven rotate, one removes an old file. Four more record the time, once a second.
    let each = (calls(201) - calls(101)) as f64 / 100.0;
    assert!((1.0..13.9).contains(&each), "{each} calls for each line that has its own file");
}

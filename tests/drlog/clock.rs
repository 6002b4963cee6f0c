//! `.timestamp`, and clocks that are wrong at start or set while drlog runs.

use super::{created_at, feed_line, now, old_files, old_texts, whole_log, with_directory};
use crate::rig::{Rig, feed, pace, quoted, tools};
use nix::sys::signal::Signal;
use std::fs;
use std::time::{Duration, Instant};

/// The command that runs drlog with the time in the file `clock`, or `None` without libfaketime.
///
/// faketime(1) works by LD_PRELOAD, so this is the dynamic build for the host's C library, not the static one.
fn with_clock(rig: &Rig) -> Option<String> {
    let library = tools::faketime()?;
    let program = quoted(env!("CARGO_BIN_EXE_dmon"));
    rig.shell(format!("mkdir host; ln -s {program} host/drlog")).exits(0);
    // CLOCK_BOOTTIME stays as it is.
    let clock = "FAKETIME_TIMESTAMP_FILE=clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1";
    Some(format!("env LD_PRELOAD={library} {clock} host/drlog"))
}

fn set_clock(rig: &Rig, clock: &str) {
    rig.write("clock.new", format!("{clock}\n"));
    fs::rename(rig.path("clock.new"), rig.path("clock")).expect("rename");
}

#[test]
fn an_invalid_timestamp_file_is_replaced() {
    let rig = with_directory();
    for text in ["", "nonsense\n", "99999999999999999999999999\n", "-5\n", "12"] {
        rig.shell("rm -f d/log-*").exits(0);
        rig.write("d/current", "old\n");
        rig.write("d/.timestamp", text);
        rig.shell("printf 'one\\ntwo\\n' | drlog -m 0 d").exits(0);
        assert_eq!(whole_log(&rig), "old\none\ntwo\n", "with {text:?}");
        assert!(old_files(&rig).len() <= 1, "with {text:?}");
        rig.shell("printf 'three\\n' | drlog -m 0 d").exits(0).reports_nothing();
        assert!(now() - created_at(&rig) < 60, "with {text:?}");
    }
}

#[test]
fn a_timestamp_in_the_future_is_kept_and_rotates_nothing() {
    let rig = with_directory();
    let future = now() + 10 * 365 * 86_400;
    rig.write("d/.timestamp", format!("{future}\n"));
    rig.write("d/current", "old\n");
    let (drlog, mut input) = rig.start_fed("drlog -T 1d d");
    for at in 1..=20 {
        feed(&mut input, "x\n");
        rig.wait_for("the line", || whole_log(&rig).len() == 4 + 2 * at);
    }
    drop(input);
    drlog.wait().exits(0).reports_nothing();
    assert_eq!(old_files(&rig), []);
    assert_eq!(created_at(&rig), future);
}

#[test]
fn a_clock_that_was_wrong_loses_no_log() {
    let rig = with_directory();
    // The clock was in 2040 by mistake. The next file must not count as the oldest.
    for name in ["log-2040-01-01-00:00:00", "log-2040-01-01-00:00:01", "log-2040-01-01-00:00:02"] {
        rig.write(&format!("d/{name}"), "future\n");
    }
    rig.write("d/.timestamp", "2208988800\n");
    let (drlog, mut input) = rig.start_fed("drlog -m 3 -T 1d d");
    for at in 1..=3 {
        feed_line(&rig, &mut input, &format!("{at}\n"));
        drlog.signal(Signal::SIGALRM);
        rig.wait_for("a new file", || rig.read("d/current").is_empty());
        rig.wait_for("the removal of an old file", || old_files(&rig).len() == 3);
        assert!(
            old_texts(&rig).contains(&format!("{at}\n")),
            "the newest was removed: {:?}",
            old_files(&rig)
        );
    }
    drop(input);
    drlog.wait().exits(0).reports_nothing();
}

/// On a board without a clock chip, `current` was created in 1970. The time is correct when the next drlog starts.
#[test]
fn a_file_from_1970_is_not_old() {
    let rig = with_directory();
    for boot in 1..=6 {
        rig.write("d/.timestamp", "60\n");
        rig.shell(format!("echo {boot} | drlog d")).exits(0).reports_nothing();
        assert!(now() - created_at(&rig) < 60);
    }
    assert_eq!(old_files(&rig), []);
    assert_eq!(rig.lines("d/current"), 6);
}

/// Each boot starts in 1970, and NTP sets the clock while drlog runs. drlog may be started again afterwards.
#[test]
fn boots_without_a_clock_chip_keep_the_history() {
    let rig = with_directory();
    let Some(call) = with_clock(&rig) else { return };
    for day in 10..20 {
        rig.write(&format!("d/log-2026-01-{day}-00:00:00"), "history\n");
    }
    let mut lines = 0;
    for boot in 1..=6 {
        set_clock(&rig, "1970-01-01 00:00:35");
        let (drlog, mut input) = rig.start_fed(format!("{call} d"));
        for clock in ["1970-01-01 00:01:00".into(), format!("2026-11-20 1{boot}:00:00")] {
            set_clock(&rig, &clock);
            // drlog looks at the clock once a second.
            let until = Instant::now() + Duration::from_millis(1100);
            while Instant::now() < until {
                lines += 1;
                feed_line(&rig, &mut input, &format!("{lines}\n"));
                pace(Duration::from_millis(100));
            }
        }
        drop(input);
        drlog.wait().exits(0).reports_nothing();
        rig.shell(format!("echo again | {call} d")).exits(0).reports_nothing();
        lines += 1;
    }
    assert_eq!(old_texts(&rig), ["history\n"; 10]);
    assert_eq!(rig.lines("d/current"), lines);
    // The clock was set while this file was written for the first time.
    let first = rig.shell("date -u -d '2026-11-20 11:00' +%s").out;
    assert!(created_at(&rig).abs_diff(first.trim().parse().expect("a time")) < 3600, "{first}");
}

#[test]
fn a_clock_that_jumps_loses_no_log() {
    let rig = with_directory();
    let Some(call) = with_clock(&rig) else { return };
    set_clock(&rig, "1970-01-01 00:10:00");
    let (drlog, mut input) = rig.start_fed(format!("{call} -b -t -s 1 -m 4 d"));
    let mut all = Vec::new();
    for clock in [
        "1970-01-01 00:10:00",
        "2026-11-23 10:00:00",
        "1970-01-01 00:10:00",
        "2036-11-23 10:00:00",
        "2026-11-23 10:00:00",
    ] {
        set_clock(&rig, clock);
        for _ in 0..3 {
            let line = format!("{}\n", all.len());
            feed(&mut input, &line);
            all.push(format!("{} {line}", clock.replace(' ', "/")));
            let last = all.last().expect("a line");
            rig.wait_for("the line", || rig.has("d/current") && rig.read("d/current") == *last);
            rig.wait_for("at most four old files", || old_files(&rig).len() <= 4);
            let kept = all[all.len().saturating_sub(5)..].concat();
            assert_eq!(
                whole_log(&rig),
                kept,
                "the last lines after {clock}: {:?}",
                old_files(&rig)
            );
        }
    }
    drop(input);
    drlog.wait().exits(0).reports_nothing();
}

#[test]
fn no_clock_step_rotates_or_lowers_the_timestamp() {
    let rig = with_directory();
    let Some(call) = with_clock(&rig) else { return };
    set_clock(&rig, "2026-11-25 10:00:00");
    let (drlog, mut input) = rig.start_fed(format!("{call} -T 1h d"));
    rig.wait_file("d/.timestamp");
    let mut latest = 0;
    for clock in [
        "2026-11-25 10:00:00",
        "2036-11-25 10:00:00",
        "2026-11-25 10:00:00",
        "2016-11-25 10:00:00",
        "1970-01-01 00:00:10",
        "2026-11-25 11:00:01",
    ] {
        set_clock(&rig, clock);
        let until = Instant::now() + Duration::from_millis(1100);
        while Instant::now() < until {
            feed_line(&rig, &mut input, &format!("{clock}\n"));
            pace(Duration::from_millis(100));
        }
        assert_eq!(old_files(&rig), [], "at {clock}");
        assert!(created_at(&rig) >= latest, "at {clock}");
        latest = created_at(&rig);
    }
    drop(input);
    drlog.wait().exits(0).reports_nothing();
}

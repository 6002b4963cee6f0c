//! `-t`, `-p`, and the formats of `--time`.

use super::{now, wait_asleep};
use crate::loggers::split_timestamp;
use crate::rig::pipes::pipe;
use crate::rig::{Rig, assert_same, command_line, feed, tools};
use std::io::Read;

/// Asserts that a line starts with a timestamp of the last minute, in UTC. Returns the rest of the line.
#[track_caller]
fn strip_timestamp<'a>(rig: &Rig, line: &'a str) -> &'a str {
    let (timestamp, rest) = split_timestamp(line);
    // Parsed by date(1), independently of our code.
    let date = timestamp.trim_end().replace('/', " ");
    let done = rig.shell(format!("echo $(($(date -u +%s) - $(date -u -d '{date}' +%s)))")).exits(0);
    let age: i64 = done.out.trim().parse().unwrap_or(-1);
    assert!((0..60).contains(&age), "{timestamp:?} is {age} seconds ago");
    rest
}

/// The timestamp of a line, and the time span in which it was logged.
struct Stamped {
    timestamp: String,
    /// The time before dlog started and after it exited, in seconds since 1970.
    before: f64,
    after: f64,
}

/// Logs one line with this format of `--time`.
fn stamped(rig: &Rig, format: &str) -> Stamped {
    rig.shell("rm -f f").exits(0);
    let before = now();
    rig.shell(format!("echo text | dlog --time {format} f")).exits(0).reports_nothing();
    let after = now();
    let log = rig.read("f");
    let (timestamp, rest) = log.split_once(' ').unwrap_or_else(|| panic!("no timestamp: {log:?}"));
    assert_eq!(rest, "text\n");
    Stamped { timestamp: timestamp.to_string(), before, after }
}

impl Stamped {
    /// Asserts that a time without a fraction lies between start and exit.
    #[track_caller]
    fn assert_second(&self, second: f64) {
        let Stamped { before, after, .. } = self;
        assert!(before.floor() <= second && second <= *after, "{second} not in {before}..{after}");
    }

    /// Asserts that a time with a fraction lies between start and exit.
    #[track_caller]
    fn assert_time(&self, time: f64) {
        let Stamped { before, after, .. } = self;
        // An f64 of this size has a precision of about a microsecond.
        assert!(before - 0.001 <= time && time <= after + 0.001, "{time} not in {before}..{after}");
    }
}

/// Converts a date to seconds since 1970 by date(1), independently of our code.
fn parse_date(rig: &Rig, date: &str) -> f64 {
    let done = rig.shell(format!("date -u -d '{date}' +%s")).exits(0);
    done.out.trim().parse().expect("a number")
}

/// Parses `SECONDS.NANOSECONDS` with nine digits after the point.
#[track_caller]
fn parse_nanos(timestamp: &str) -> f64 {
    let (seconds, nanos) =
        timestamp.split_once('.').unwrap_or_else(|| panic!("no point in {timestamp:?}"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    assert!(digits(seconds) && digits(nanos) && nanos.len() == 9, "{timestamp:?}");
    timestamp.parse().expect("a number")
}

#[test]
fn each_line_gets_a_utc_timestamp() {
    let rig = Rig::new();
    rig.shell("printf 'one\\n\\nthree\\n' | env TZ=Asia/Tokyo dlog -t f").exits(0);
    rig.shell("echo four | dlog --timestamp f; echo four | dlog -t f");
    let text = rig.read("f");
    let texts: Vec<&str> = text.lines().map(|line| strip_timestamp(&rig, line)).collect();
    assert_eq!(texts[..3], ["one", "", "three"]);
    assert_eq!(texts.last(), Some(&"four"));
}

#[test]
fn the_prefix_follows_the_timestamp() {
    let rig = Rig::new();
    rig.shell("printf 'one\\ntwo\\n' | dlog -p 'fan 1:' f").exits(0);
    assert_eq!(rig.read("f"), "fan 1: one\nfan 1: two\n");
    rig.shell("echo three | dlog -t -p fan g").exits(0);
    assert_eq!(strip_timestamp(&rig, &rig.read("g")), "fan three\n");
}

#[test]
fn an_unterminated_last_line_gets_a_newline() {
    let rig = Rig::new();
    rig.shell("printf 'one\\ntwo' | dlog f").exits(0);
    assert_eq!(rig.read("f"), "one\ntwo\n");
    rig.shell("printf two | dlog -t -p x g").exits(0);
    assert_eq!(strip_timestamp(&rig, &rig.read("g")), "x two\n");
    let done = rig.shell("printf two | dlog").exits(0);
    assert_eq!(done.out, "two\n");
}

#[test]
fn a_line_of_one_mebibyte_gets_one_timestamp() {
    let rig = Rig::new();
    let line: Vec<u8> = (0..1 << 20).map(|at: u32| b'a' + (at % 26) as u8).collect();
    let text = [&b"before\n"[..], &line[..], &b"\nafter\n"[..]].concat();
    rig.write("in", &text);
    rig.shell("cat in | dlog f").exits(0).reports_nothing();
    assert_same(&rig.bytes("f"), &text, "the copy");
    rig.shell("cat in | dlog -t -p x g").exits(0).reports_nothing();
    let stored = rig.read("g");
    let lines: Vec<&str> = stored.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_same(
        strip_timestamp(&rig, lines[1]).as_bytes(),
        &[b"x ", &line[..]].concat(),
        "the long line",
    );
}

#[test]
fn time_iso_is_iso_8601() {
    let rig = Rig::new();
    let iso = stamped(&rig, "iso");
    let text = &iso.timestamp;
    assert!(text.len() == 20 && &text[10..11] == "T" && text.ends_with('Z'), "{text:?}");
    iso.assert_second(parse_date(&rig, text));
    let utc = stamped(&rig, "utc");
    utc.assert_second(parse_date(&rig, &utc.timestamp.replace('/', " ")));
}

#[test]
fn time_tai64n_is_the_format_of_multilog() {
    let rig = Rig::new();
    let label = stamped(&rig, "tai64n");
    let text = &label.timestamp;
    assert!(text.len() == 25 && text.starts_with('@'), "{text:?}");
    assert_eq!(*text, text.to_lowercase());
    let seconds = u64::from_str_radix(&text[1..17], 16).expect("16 digits");
    let nanos = u32::from_str_radix(&text[17..], 16).expect("8 digits");
    assert!(nanos < 1_000_000_000, "{nanos} nanoseconds");
    // TAI64 labels start at 2^62 for 1970; TAI was 10 seconds ahead of UTC then.
    let second = (seconds - (1 << 62) - 10) as f64;
    label.assert_time(second + f64::from(nanos) / 1e9);
    let Some(tai64nlocal) = tools::peer("tai64nlocal") else { return };
    let done = rig.shell(format!("env TZ=UTC0 {tai64nlocal} <f")).exits(0);
    let date = done.out.split(" text").next().expect("a date").to_string();
    label.assert_second(parse_date(&rig, &date[..19]));
}

#[test]
fn time_epoch_is_seconds_since_1970() {
    let rig = Rig::new();
    let epoch = stamped(&rig, "epoch");
    epoch.assert_time(parse_nanos(&epoch.timestamp));
}

#[test]
fn time_mono_is_the_monotonic_clock() {
    let rig = Rig::new();
    // /proc/uptime includes suspended time and CLOCK_MONOTONIC does not, so it is an upper bound.
    let uptime = || -> f64 {
        let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        text.split(' ').next().and_then(|word| word.parse().ok()).expect("an uptime")
    };
    let first = parse_nanos(&stamped(&rig, "mono").timestamp);
    let second = parse_nanos(&stamped(&rig, "mono").timestamp);
    assert!(first < second && second <= uptime() + 0.02, "{first}, {second}, {}", uptime());
}

#[test]
fn time_implies_timestamps_and_invalid_values_are_errors() {
    let rig = Rig::new();
    stamped(&rig, "utc");
    rig.run("dlog --time=noon f").exits(125).reports("dlog", &["--time", "noon"]);
    rig.run("dlog --on-full=wait f").exits(125).reports("dlog", &["--on-full", "wait"]);
    rig.run("dlog --sync=often f").exits(125).reports("dlog", &["--sync", "often"]);
}

#[test]
fn a_timestamp_is_the_arrival_of_the_first_byte() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog --time epoch f");
    wait_asleep(&rig, &dlog);
    let start = now();
    feed(&mut input, "hal");
    wait_asleep(&rig, &dlog);
    let half = now();
    rig.wait_for("the clock to advance", || now() > half + 0.2);
    let later = now();
    feed(&mut input, "f\nwhole\n");
    drop(input);
    dlog.wait().exits(0);
    let log = rig.read("f");
    let lines: Vec<_> = log.lines().filter_map(|line| line.split_once(' ')).collect();
    let [(first, "half"), (second, "whole")] = lines[..] else { panic!("{log:?}") };
    let (first, second) = (parse_nanos(first), parse_nanos(second));
    assert!(start - 0.001 <= first && first <= half + 0.001, "{first} not in {start}..{half}");
    assert!(second >= later - 0.001, "{second} is before {later}");
}

#[test]
fn lines_of_one_read_share_a_timestamp() {
    let rig = Rig::new();
    // One read(2) returns all lines. With timestamps they do not fit into the pipe, so that dlog has to wait.
    rig.write("in", b"x\n".repeat(30_000));
    let (mut reader, writer) = pipe();
    let dlog = rig.start_to("dlog --time epoch <in", writer);
    rig.wait_for("dlog to start", || command_line(dlog.pid()).starts_with("dlog"));
    wait_asleep(&rig, &dlog);
    let asleep = now();
    rig.wait_for("the clock to advance", || now() > asleep + 0.2);
    let mut log = String::new();
    reader.read_to_string(&mut log).expect("a log");
    dlog.wait().exits(0).reports_nothing();
    let first = log.split(' ').next().expect("a timestamp");
    assert!(parse_nanos(first) <= asleep);
    assert_eq!(log.lines().count(), 30_000);
    assert!(log.lines().all(|line| line.strip_prefix(first) == Some(" x")), "later than {first}");
}

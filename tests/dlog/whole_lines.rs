//! Lines that arrive in pieces, and several processes that append to one file.

use super::{now, wait_asleep};
use crate::rig::pipes::pipe;
use crate::rig::trace::Trace;
use crate::rig::{Rig, feed, numbers, proc};
use nix::libc;
use nix::sys::signal::Signal;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::process::ChildStdin;
use std::time::{Duration, Instant};

/// Within this time, dlog surely still waits for the end of a line.
const IN_TIME: Duration = Duration::from_millis(900);

/// Waits until dlog has read all its input.
fn wait_read(rig: &Rig, input: &ChildStdin) {
    rig.wait_for("an empty pipe", || {
        let mut bytes = 0;
        // SAFETY: FIONREAD writes one int.
        unsafe { libc::ioctl(input.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
        bytes == 0
    });
}

#[test]
fn two_dlogs_append_whole_lines_to_one_file() {
    for options in ["", "-p x"] {
        // An incomplete line waits for a second. On a busy machine, its end may come too late.
        let logs = (0..20).map(|_| log_of_two(options));
        let log = logs.flatten().next().expect("a run without a delay");
        let prefix = if options.is_empty() { "" } else { "x " };
        for line in log.lines() {
            let words: Vec<&str> =
                line.strip_prefix(prefix).expect("the prefix").split_whitespace().collect();
            let is_whole = match words[..] {
                [name, number, "begin", other, same, "end"] => (name, number) == (other, same),
                ["whole"] => true,
                _ => false,
            };
            assert!(is_whole, "a torn line: {line:?}");
        }
        assert_eq!(log.lines().count(), 22);
    }
}

/// Runs two services that log to one file. Each line arrives in two pieces, with lines of the other service in between.
/// Returns the log; `None` if a piece arrived late.
fn log_of_two(options: &str) -> Option<String> {
    let rig = Rig::new();
    let mut services = ["a", "b"].map(|name| {
        let (dlog, input) = rig.start_fed(format!("dlog {options} f"));
        (name, dlog, input)
    });
    // A program may start slowly.
    for (_, _, input) in &mut services {
        feed(input, "whole\n");
        wait_read(&rig, input);
    }
    let mut is_late = false;
    for round in 0..5 {
        let start = Instant::now();
        for part in ["begin", "end\nwhole"] {
            for (name, _, input) in &mut services {
                feed(input, format!("{name} {round} {part} "));
                wait_read(&rig, input);
            }
        }
        for (_, _, input) in &mut services {
            feed(input, "\n");
            wait_read(&rig, input);
        }
        is_late |= start.elapsed() > IN_TIME;
    }
    for (_, dlog, input) in services {
        drop(input);
        dlog.wait().exits(0).reports_nothing();
    }
    (!is_late).then(|| rig.read("f"))
}

#[test]
fn an_incomplete_line_is_written_after_a_second() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog -t f");
    let start = Instant::now();
    feed(&mut input, "login: ");
    rig.wait_for("the prompt", || rig.read("f").ends_with("login: "));
    assert!(start.elapsed() >= Duration::from_millis(900), "the prompt did not wait for its end");
    rig.assert_sleeps(dlog.pid());
    feed(&mut input, "root\nwelcome\n");
    rig.wait_lines("f", 2);
    drop(input);
    dlog.wait().exits(0).reports_nothing();
    let log = rig.read("f");
    let [first, second] = log.lines().collect::<Vec<_>>()[..] else { panic!("{log}") };
    assert!(first.ends_with("login: root") && second.ends_with(" welcome"), "{log}");
}

#[test]
fn a_line_keeps_the_time_of_its_first_byte() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog --time epoch f");
    // When it sleeps, it has read the clock, too.
    let wait_read = |input: &ChildStdin| {
        wait_read(&rig, input);
        wait_asleep(&rig, &dlog);
    };
    feed(&mut input, "on");
    wait_read(&input);
    let first_read = now();
    rig.wait_for("a later time", || now() > first_read + 0.01);
    let later = now();
    feed(&mut input, "e\ntwo\nthr");
    wait_read(&input);
    let third_read = now();
    rig.wait_for("a later time", || now() > third_read + 0.01);
    let last = now();
    feed(&mut input, "ee\nfour\n");
    drop(input);
    dlog.wait().exits(0).reports_nothing();
    let log = rig.read("f");
    let times: Vec<f64> = log
        .lines()
        .zip(["one", "two", "three", "four"])
        .map(|(line, text)| {
            let (time, rest) = line.split_once(' ').expect("a time");
            assert_eq!(rest, text);
            time.parse().expect("a time")
        })
        .collect();
    let [one, two, three, four] = times[..] else { panic!("{log}") };
    assert!(one < later && later <= two && two <= three, "{log}");
    assert!(three < last && last <= four, "{log}");
}

#[test]
fn sighup_after_a_prompt_does_not_wait_for_a_newline() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog f");
    feed(&mut input, "login: ");
    rig.wait_for("the prompt", || rig.read("f") == "login: ");
    rig.shell("mv f f.old").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_file("f");
    feed(&mut input, "root\n");
    drop(input);
    dlog.wait().exits(0).reports_nothing();
    assert_eq!((rig.read("f.old"), rig.read("f")), ("login: ".into(), "root\n".into()));
}

#[test]
fn sighup_waits_a_second_for_the_end_of_a_written_piece() {
    let log_in_time = || {
        let rig = Rig::new();
        let (dlog, mut input) = rig.start_fed("dlog f");
        feed(&mut input, "login: ");
        rig.wait_for("the prompt", || rig.read("f") == "login: ");
        rig.shell("mv f f.old").exits(0);
        let start = Instant::now();
        dlog.signal(Signal::SIGHUP);
        rig.wait_for("dlog to receive SIGHUP", || proc::signals(dlog.pid(), "ShdPnd") == 0);
        feed(&mut input, "root\nwelcome\n");
        let is_late = start.elapsed() > IN_TIME;
        rig.wait_file("f");
        drop(input);
        dlog.wait().exits(0).reports_nothing();
        let (old, new) = (rig.read("f.old"), rig.read("f"));
        assert_eq!(format!("{old}{new}"), "login: root\nwelcome\n");
        (!is_late).then_some(old)
    };
    let old = (0..20).find_map(|_| log_in_time()).expect("a run without a delay");
    assert_eq!(old, "login: root\n");
}

#[test]
fn sigterm_and_the_end_of_the_input_store_an_incomplete_line() {
    for stop in [None, Some(Signal::SIGTERM)] {
        let rig = Rig::new();
        let (dlog, mut input) = rig.start_fed("dlog f");
        feed(&mut input, "one\nlast words");
        rig.wait_lines("f", 1);
        // After SIGTERM, the pipe stays open.
        let mut input = Some(input);
        match stop {
            Some(signal) => dlog.signal(signal),
            None => input = None,
        }
        dlog.wait().exits(0).reports_nothing();
        assert_eq!(rig.read("f"), "one\nlast words\n");
        drop(input);
    }
}

#[test]
fn each_write_to_a_pipe_ends_with_a_line() {
    let rig = Rig::new();
    rig.write("in", numbers(20_000));
    let Some(trace) = Trace::new(&rig, "write,writev") else { return };
    let (mut reader, writer) = pipe();
    let dlog = rig.start_to(format!("{trace} dlog <in"), writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("lines");
    dlog.wait().exits(0);
    assert_eq!(text, numbers(20_000));
    for call in trace.calls("write(") {
        let size: usize =
            call.rsplit_once("= ").expect("a result").1.trim().parse().expect("bytes");
        assert!(size <= 4096, "not atomic: {call}");
        let (_, rest) = text.split_at(size);
        assert!(text[..size].ends_with('\n'), "{call}");
        text = rest.to_string();
    }
}

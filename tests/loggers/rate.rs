//! `--rate`: lines above the limit are held back and reported.

use crate::rig::{Rig, feed, numbers};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

#[test]
fn lines_above_the_rate_are_reported_in_their_place() {
    for (logger, options) in [("dlog", "f"), ("dlog", "-e f"), ("drlog", ".")] {
        let rig = Rig::new();
        let (running, mut input) = rig.start_fed(format!("{logger} --rate 3/2s {options}"));
        let file = if logger == "dlog" { "f" } else { "current" };
        let report = format!("{logger}: 7 lines held back\n");
        feed(&mut input, numbers(10));
        // The report comes even if no line follows.
        rig.wait_for("the report", || rig.read(file) == format!("1\n2\n3\n{report}"));
        feed(&mut input, "a\nb\n");
        rig.wait_lines(file, 6);
        drop(input);
        running.wait().exits(0).reports_nothing();
        assert_eq!(rig.read(file), format!("1\n2\n3\n{report}a\nb\n"));
    }
}

/// The logger is stopped when the time of the report comes, and finds the next lines when it continues.
#[test]
fn a_late_report_comes_before_the_next_lines() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog --rate 3/1s f");
    feed(&mut input, numbers(10));
    rig.wait_lines("f", 3);
    dlog.signal(Signal::SIGSTOP);
    rig.wait_state(dlog.pid(), 'T');
    let stopped = Instant::now();
    rig.wait_for("the end of the period", || stopped.elapsed() > Duration::from_secs(1));
    feed(&mut input, "a\nb\n");
    dlog.signal(Signal::SIGCONT);
    rig.wait_lines("f", 6);
    drop(input);
    dlog.wait().exits(0).reports_nothing();
    assert_eq!(rig.read("f"), "1\n2\n3\ndlog: 7 lines held back\na\nb\n");
}

#[test]
fn the_end_of_the_input_reports_lines_above_the_rate() {
    let rig = Rig::new();
    rig.shell("seq 9 | dlog --rate 1/1h f").exits(0).reports_nothing();
    assert_eq!(rig.read("f"), "1\ndlog: 8 lines held back\n");
    rig.shell("seq 9 | dlog --rate 9/1h g").exits(0).reports_nothing();
    assert_eq!(rig.read("g"), numbers(9));
}

#[test]
fn a_line_within_the_rate_is_written_whole() {
    let rig = Rig::new();
    let long = "x".repeat(300_000);
    rig.write("in", format!("{long}\n{long}\nend"));
    rig.shell("dlog --rate 1/1h f <in").exits(0).reports_nothing();
    let report = "dlog: 2 lines held back";
    assert_eq!(rig.read("f"), format!("{long}\n{report}\n"));
}

#[test]
fn dsyslog_reports_lines_above_the_rate_in_a_message() {
    let rig = Rig::new();
    let socket = UnixDatagram::bind(rig.path("socket")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(45))).expect("a limit");
    let (dsyslog, mut input) = rig.start_fed("dsyslog --rate 2/1h --to ./socket fan");
    feed(&mut input, "one\ntwo\nthree\nfour\n");
    drop(input);
    dsyslog.wait().exits(0).reports_nothing();
    for text in ["one", "two", "dsyslog: 2 lines held back"] {
        let mut buffer = [0; 1000];
        let size = socket.recv(&mut buffer).expect("a message");
        let message = String::from_utf8_lossy(&buffer[..size]).into_owned();
        assert!(message.ends_with(&format!("fan: {text}")), "{message}");
    }
}

#[test]
fn a_wrong_rate_is_an_error() {
    let rig = Rig::new();
    for word in ["5", "0/1s", "5/0", "x/1s"] {
        for line in ["dlog f", "drlog .", "dsyslog fan"] {
            let (name, operand) = line.split_once(' ').expect("an operand");
            rig.run(format!("{name} --rate {word} {operand}"))
                .exits(125)
                .reports(name, &["--rate", word]);
        }
    }
}

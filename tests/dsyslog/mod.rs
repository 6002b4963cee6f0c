//! Tests of the log command dsyslog.

use crate::loggers::digits_as_zeros;
use crate::rig::receiver::{Datagrams, Message};
use crate::rig::{Done, Rig, Running};
use std::fmt::Write as _;
use std::process::ChildStdin;

/// UDP, TCP, local sockets, `/dev/log`, the console.
mod destinations;
/// How dsyslog exits; signals and closed descriptors.
mod exit;
/// Lines that are longer than a message.
mod long_lines;
/// Every receiver with every transport and format.
mod matrix;
/// From a line to a message: text, priority, facility, both formats.
mod messages;
/// A syslogd that is missing, restarted, slow or stopped.
mod outages;
/// Streams that close or stall.
mod streams;
/// Real receivers: names, hosts, restarts, and logger(1) beside dsyslog.
mod syslogds;

/// The default priority value of a message: facility daemon, severity warning.
const WARNING: u32 = 3 * 8 + 4;

/// The maximum size of a message in the format of RFC 3164.
const LIMIT: usize = 1023;
/// The maximum size of a message in the format of RFC 5424.
const RFC5424_LIMIT: usize = 2048;

/// The lines `line FROM` to `line LAST`.
fn lines(from: usize, last: usize) -> String {
    (from..=last).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "line {number}");
        text
    })
}

/// Starts dsyslog with a receiver at the path `socket`.
fn start(rig: &Rig) -> (Datagrams, Running<'_>, ChildStdin) {
    let receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, input) = rig.start_fed("dsyslog --to ./socket fan");
    (receiver, dsyslog, input)
}

fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::text).collect()
}

/// Messages, split at their loss notice.
struct LossNotice {
    /// The texts before the notice.
    before: Vec<String>,
    lost: usize,
    /// The texts after the notice.
    after: Vec<String>,
}

/// Finds the only message `N lines lost`.
#[track_caller]
fn loss_notice(texts: &[String]) -> LossNotice {
    let count = |text: &String| text.strip_suffix(" lines lost")?.parse().ok();
    let notices: Vec<(usize, usize)> =
        texts.iter().enumerate().filter_map(|(at, text)| Some((at, count(text)?))).collect();
    let [(at, lost)] = notices[..] else {
        panic!(
            "not one loss notice but {notices:?} in {} messages, the first {:?}",
            texts.len(),
            texts.first()
        )
    };
    LossNotice { before: texts[..at].to_vec(), lost, after: texts[at + 1..].to_vec() }
}

/// Asserts that the texts are `line FROM`, `line FROM+1` and so on.
#[track_caller]
fn assert_lines(texts: &[String], from: usize) {
    for (text, number) in texts.iter().zip(from..) {
        assert_eq!(*text, format!("line {number}"), "of {} texts from {from} on", texts.len());
    }
}

/// Asserts that dsyslog reports `count` lost lines at exit, after at most one message with the reason.
#[track_caller]
fn assert_lost(done: Done, count: usize, reason: &str) {
    let done = done.exits(1);
    let lines: Vec<&str> = done.err.lines().collect();
    let [reasons @ .., last] = &lines[..] else { panic!("no message: {done}") };
    assert_eq!(*last, format!("dsyslog: lines lost: {count}"), "{done}");
    assert!(reasons.len() <= 1 && reasons.iter().all(|line| line.contains(reason)), "{done}");
}

/// The name of this host.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    name.trim_end().to_string()
}

/// The text of a message in the format of RFC 3164.
fn bsd_text(message: &[u8]) -> Vec<u8> {
    Message::parse(message).text
}

/// The text of a message in the format of RFC 5424. Asserts its priority value and its program name.
#[track_caller]
fn rfc5424_text(message: &[u8], number: u32, name: &str) -> Vec<u8> {
    let host = host_name();
    let text = String::from_utf8_lossy(message).into_owned();
    let words: Vec<&str> = text.splitn(8, ' ').collect();
    let [version, timestamp, sender, program, "-", "-", "-", _] = words[..] else {
        panic!("not a message of RFC 5424: {text:?}")
    };
    assert_eq!(
        (version, sender, program),
        (format!("<{number}>1").as_str(), host.as_str(), name),
        "{text:?}"
    );
    assert_eq!(digits_as_zeros(timestamp), "0000-00-00T00:00:00.000000Z", "{text:?}");
    let head = words[..7].iter().map(|word| word.len() + 1).sum();
    message[head..].to_vec()
}

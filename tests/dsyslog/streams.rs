//! Stream sockets that close or stall: messages stay whole.

use super::{LossNotice, assert_lost, lines, loss_notice};
use crate::rig::receiver::{Receiver, Stream, close};
use crate::rig::syslogd::with_dsyslog;
use crate::rig::{Rig, Running, feed, limit};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::ChildStdin;

/// A TCP receiver and a local one, each with the argument of `--to`.
fn receivers(rig: &Rig) -> [(Stream, String); 2] {
    let tcp = Stream::tcp("127.0.0.1", 0).expect("a port");
    let to = format!("tcp:127.0.0.1:{}", tcp.port());
    [(tcp, to), (Stream::local(rig.path("socket")), "./socket".to_string())]
}

/// Feeds lines until the stream takes no more and the queue drops many. Returns COUNT of the last one, `line COUNT`.
fn stall(rig: &Rig, dsyslog: &Running, input: &mut ChildStdin) -> usize {
    let count = 12_000;
    let text: Vec<String> = (1..=count).map(|number| format!("line {number:>900}\n")).collect();
    feed(input, text.concat());
    feed(input, lines(count + 1, count + 1));
    rig.wait_state(dsyslog.pid(), 'S');
    count + 1
}

/// The number of a line that `stall` has fed.
fn parse_number(text: &str) -> Option<usize> {
    text.strip_prefix("line ")?.trim_start().parse().ok()
}

#[test]
fn a_closed_stream_is_reopened() {
    let Some(rig) = with_dsyslog() else { return };
    for (mut receiver, to) in receivers(&rig) {
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        for number in 1..=5 {
            feed(&mut input, lines(number, number));
            assert_eq!(receiver.text(), format!("line {number}"), "{to}");
            receiver.disconnect();
        }
        drop(input);
        dsyslog.wait().exits(0);
        assert!(receiver.connections >= 5, "{} connections", receiver.connections);
    }
}

#[test]
fn a_stream_closed_after_a_reply_is_reopened() {
    let Some(rig) = with_dsyslog() else { return };
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.set_nonblocking(true).expect("a port that does not wait");
    let to = format!("tcp:{}", listener.local_addr().expect("an address"));
    let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
    for number in 1..=3 {
        feed(&mut input, lines(number, number));
        let (mut sender, _) = rig.wait_for_some("a sender", || listener.accept().ok());
        sender.set_read_timeout(Some(limit())).expect("a timeout");
        let mut buffer = [0; 100];
        let size = sender.read(&mut buffer).expect("a message");
        assert!(buffer[..size].ends_with(format!("line {number}\n").as_bytes()));
        sender.write_all(b"bye\r\n").expect("write");
        close(sender);
    }
    drop(input);
    dsyslog.wait().exits(0).reports_nothing();
}

#[test]
fn a_stalled_stream_gets_whole_messages_and_a_loss_notice() {
    let Some(rig) = with_dsyslog() else { return };
    for (mut receiver, to) in receivers(&rig) {
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        let count = stall(&rig, &dsyslog, &mut input);
        let mut texts = Vec::new();
        while texts.last() != Some(&format!("line {count}")) {
            texts.push(receiver.text());
        }
        let LossNotice { before, lost, after } = loss_notice(&texts);
        assert_eq!(before.len() + lost + after.len(), count, "{to}");
        let numbers: Vec<_> = before.iter().chain(&after).map(|text| parse_number(text)).collect();
        let wanted: Vec<_> =
            (1..=before.len()).chain(before.len() + lost + 1..=count).map(Some).collect();
        assert_eq!(numbers, wanted, "{to}");
        drop(input);
        assert_lost(dsyslog.wait(), lost, &to);
    }
}

#[test]
fn a_stream_closed_within_a_message_resumes_with_a_whole_one() {
    let Some(rig) = with_dsyslog() else { return };
    for (mut receiver, to) in receivers(&rig) {
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        let count = stall(&rig, &dsyslog, &mut input);
        assert_eq!(parse_number(&receiver.text()), Some(1), "{to}");
        receiver.disconnect();
        let mut last = 0;
        while last != count {
            let text = receiver.text();
            if text.ends_with(" lines lost") {
                continue;
            }
            let number =
                parse_number(&text).unwrap_or_else(|| panic!("{to}: a torn message: {text:?}"));
            assert!(number > last, "{to}: {number} after {last}");
            last = number;
        }
        drop(input);
        dsyslog.wait().exits(1);
        assert_eq!(receiver.connections, 2, "{to}");
    }
}

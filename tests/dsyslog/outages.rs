//! A syslogd that is missing, restarted, slow or stopped.

use super::{LossNotice, assert_lines, assert_lost, lines, loss_notice, start};
use crate::rig::feed;
use crate::rig::receiver::{Datagrams, Receiver, Udp};
use crate::rig::syslogd::with_dsyslog;
use crate::rig::trace::Trace;

#[test]
fn lines_wait_for_a_syslogd_that_starts_late() {
    let Some(rig) = with_dsyslog() else { return };
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to ./socket fan");
    feed(&mut input, lines(1, 100));
    rig.wait_state(dsyslog.pid(), 'S');
    let mut receiver = Datagrams::new(rig.path("socket"));
    // dsyslog retries even if no line arrives.
    assert_lines(&receiver.texts(100), 1);
    feed(&mut input, lines(101, 110));
    assert_lines(&receiver.texts(10), 101);
    drop(input);
    dsyslog.wait().exits(0);
}

#[test]
fn a_restarted_syslogd_gets_every_line() {
    let Some(rig) = with_dsyslog() else { return };
    let (mut receiver, dsyslog, mut input) = start(&rig);
    feed(&mut input, lines(1, 20));
    assert_lines(&receiver.texts(20), 1);
    // A syslogd leaves its socket file behind after SIGKILL and removes it after SIGTERM.
    for (from, remove) in [(21, false), (121, true)] {
        drop(receiver);
        if remove {
            std::fs::remove_file(rig.path("socket")).expect("unlink");
        }
        feed(&mut input, lines(from, from + 49));
        rig.wait_state(dsyslog.pid(), 'S');
        let _ = std::fs::remove_file(rig.path("socket"));
        receiver = Datagrams::new(rig.path("socket"));
        feed(&mut input, lines(from + 50, from + 99));
        assert_lines(&receiver.texts(100), from);
    }
    drop(input);
    dsyslog.wait().exits(0);
    assert_eq!(receiver.pending(), []);
}

#[test]
fn a_syslogd_replaced_between_two_lines_gets_the_next() {
    let Some(rig) = with_dsyslog() else { return };
    let (mut receiver, dsyslog, mut input) = start(&rig);
    for number in 1..=5 {
        feed(&mut input, lines(number, number));
        assert_eq!(receiver.text(), format!("line {number}"));
        drop(receiver);
        std::fs::remove_file(rig.path("socket")).expect("unlink");
        receiver = Datagrams::new(rig.path("socket"));
    }
    drop(input);
    dsyslog.wait().exits(0);
}

#[test]
fn a_full_queue_drops_and_counts_the_oldest_lines() {
    let Some(rig) = with_dsyslog() else { return };
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to ./socket fan");
    let count = 10_000;
    feed(&mut input, lines(1, count));
    rig.wait_state(dsyslog.pid(), 'S');
    let mut receiver = Datagrams::new(rig.path("socket"));
    let mut texts = Vec::new();
    while texts.last() != Some(&format!("line {count}")) {
        texts.push(receiver.text());
    }
    let LossNotice { before, lost, after } = loss_notice(&texts);
    assert_eq!(before, Vec::<String>::new());
    assert_eq!(lost + after.len(), count);
    assert_lines(&after, lost + 1);
    // The queue takes 32 KiB of text, headers not included.
    assert!(after.len() > 400, "only {} lines were kept", after.len());
    drop(input);
    assert_lost(dsyslog.wait(), lost, "socket: No such file or directory");
}

#[test]
fn a_syslogd_that_does_not_read_does_not_block_dsyslog() {
    let Some(rig) = with_dsyslog() else { return };
    let (mut receiver, dsyslog, mut input) = start(&rig);
    let count = 20_000;
    // The socket takes a few messages. All lines together are more than a pipe takes.
    feed(&mut input, lines(1, count));
    rig.wait_state(dsyslog.pid(), 'S');
    let mut texts = Vec::new();
    while texts.last() != Some(&format!("line {count}")) {
        texts.push(receiver.text());
    }
    let LossNotice { before, lost, after } = loss_notice(&texts);
    assert!(!before.is_empty() && !after.is_empty());
    assert_eq!(before.len() + lost + after.len(), count);
    assert_lines(&before, 1);
    assert_lines(&after, before.len() + lost + 1);
    drop(input);
    dsyslog.wait().exits(1);
}

#[test]
fn a_slow_syslogd_gets_every_line_of_a_small_burst() {
    let Some(rig) = with_dsyslog() else { return };
    let (mut receiver, dsyslog, mut input) = start(&rig);
    // More messages than a datagram socket takes, fewer than the queue.
    feed(&mut input, lines(1, 300));
    rig.wait_state(dsyslog.pid(), 'S');
    assert_lines(&receiver.texts(300), 1);
    drop(input);
    dsyslog.wait().exits(0).reports_nothing();
}

/// The socket is writable all the time, so waiting for that would keep the processor busy.
#[test]
fn a_full_interface_queue_is_tried_again_at_growing_intervals() {
    let Some(rig) = with_dsyslog() else { return };
    let mut udp = Udp::new("127.0.0.1", 0).expect("127.0.0.1");
    let to = format!("udp:127.0.0.1:{}", udp.port());
    let mut local = Datagrams::new(rig.path("socket"));
    let receivers: [(&mut dyn Receiver, &str); 2] = [(&mut udp, &to), (&mut local, "./socket")];
    for (receiver, to) in receivers {
        let calls = "sendmmsg,sendmsg";
        let Some(trace) = Trace::new(&rig, calls) else { return };
        let trace = trace.with(&format!("-e inject={calls}:error=ENOBUFS:when=1..6"));
        let (dsyslog, mut input) = rig.start_fed(format!("{trace} dsyslog --to {to} fan"));
        feed(&mut input, lines(1, 3));
        let texts =
            [receiver.next(), receiver.next(), receiver.next()].map(|message| message.text());
        assert_lines(&texts, 1);
        drop(input);
        dsyslog.wait().exits(0).reports_nothing();
        let times: Vec<f64> = trace
            .timed_calls("send")
            .into_iter()
            .filter(|(_, call)| call.contains("ENOBUFS"))
            .map(|(time, _)| time)
            .collect();
        assert_eq!(times.len(), 6, "{}", trace.text());
        let pauses: Vec<f64> = times.windows(2).map(|two| two[1] - two[0]).collect();
        // The pause begins before the call, which takes time in an emulator.
        let least = [0.005, 0.01, 0.02, 0.04, 0.08];
        assert!(pauses.iter().zip(least).all(|(pause, least)| *pause >= least), "{pauses:?}");
    }
}

#[test]
fn a_message_that_is_too_large_is_lost_and_named() {
    let Some(rig) = with_dsyslog() else { return };
    let calls = "sendmmsg,sendmsg";
    let Some(trace) = Trace::new(&rig, calls) else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    // Once more on a new socket, for it may be the error of an earlier datagram.
    let trace = trace.with(&format!("-e inject={calls}:error=EMSGSIZE:when=1..2"));
    rig.write("in", lines(1, 3));
    let dsyslog = rig.start(format!("{trace} dsyslog --to ./socket fan <in"));
    assert_lines(&receiver.texts(2), 2);
    assert_lost(dsyslog.wait(), 1, "cannot send to ./socket: Message too long");
}

//! A syslogd that is missing, restarted, slow or stopped.

use super::{LossNotice, assert_lines, assert_lost, lines, loss_notice, start};
use crate::rig::feed;
use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::syslogd::with_dsyslog;

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

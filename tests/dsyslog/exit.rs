//! How dsyslog exits, signals, closed descriptors, and that an idle dsyslog never wakes up.

use super::{assert_lines, assert_lost, lines, start};
use crate::rig::receiver::{Datagrams, Receiver, Stream};
use crate::rig::syslogd::{BLACK_HOLE, free_port, in_black_hole_network, with_dsyslog};
use crate::rig::{Done, Running, command_line, feed, numbers};
use nix::sys::signal::Signal;
use std::time::Instant;

/// Waits until dsyslog exits after a signal. It may take 5 seconds to send its queue, not more.
#[track_caller]
fn exits_soon(dsyslog: Running) -> Done {
    let start = Instant::now();
    let done = dsyslog.wait();
    assert!(start.elapsed().as_secs() < 8, "it took {:?} to exit: {done}", start.elapsed());
    done
}

#[test]
fn dsyslog_sends_the_rest_of_the_pipe_on_sigterm() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    for stop in [Signal::SIGTERM, Signal::SIGINT] {
        let (dsyslog, mut input) = rig.start_fed("dsyslog --to ./socket fan");
        feed(&mut input, "one\n");
        assert_eq!(receiver.text(), "one");
        dsyslog.signal(Signal::SIGSTOP);
        rig.wait_state(dsyslog.pid(), 'T');
        // Both the lines and the signal arrive while dsyslog is stopped.
        feed(&mut input, "two\nrest");
        dsyslog.signal(stop);
        dsyslog.signal(Signal::SIGCONT);
        assert_eq!(receiver.texts(2), ["two", "rest"]);
        exits_soon(dsyslog).exits(0).reports_nothing();
    }
}

#[test]
fn sigterm_stops_dsyslog_without_a_syslogd() {
    let Some(rig) = with_dsyslog() else { return };
    for to in ["./socket".to_string(), format!("tcp:127.0.0.1:{}", free_port())] {
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        feed(&mut input, "one\n");
        rig.wait_state(dsyslog.pid(), 'S');
        dsyslog.signal(Signal::SIGTERM);
        assert_lost(exits_soon(dsyslog), 1, &to);
    }
}

#[test]
fn sigterm_stops_dsyslog_if_syslogd_does_not_read() {
    let Some(rig) = with_dsyslog() else { return };
    let _datagrams = Datagrams::new(rig.path("datagrams"));
    // connect(2) succeeds before accept(2) is called.
    let _stream = Stream::local(rig.path("stream"));
    let tcp = Stream::tcp("127.0.0.1", 0).expect("a port");
    let port = format!("tcp:127.0.0.1:{}", tcp.port());
    for to in ["./datagrams", "./stream", &port] {
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        // More than a stream buffers. dsyslog must not block.
        let line = format!("{:>900}\n", "x");
        for _ in 0..12_000 {
            feed(&mut input, &line);
        }
        rig.wait_state(dsyslog.pid(), 'S');
        dsyslog.signal(Signal::SIGTERM);
        exits_soon(dsyslog).exits(1);
    }
}

#[test]
fn sigterm_stops_dsyslog_while_it_connects() {
    let Some(rig) = with_dsyslog() else { return };
    // A connection to this address neither succeeds nor fails.
    let Some(network) = in_black_hole_network() else { return };
    let (dsyslog, mut input) = rig.start_fed(format!("{network} dsyslog --to {BLACK_HOLE} fan"));
    rig.wait_for("dsyslog to start", || command_line(dsyslog.pid()).starts_with("dsyslog"));
    feed(&mut input, numbers(100_000));
    rig.wait_state(dsyslog.pid(), 'S');
    dsyslog.signal(Signal::SIGTERM);
    exits_soon(dsyslog).exits(1);
}

#[test]
fn end_of_input_stops_dsyslog_without_a_syslogd() {
    let Some(rig) = with_dsyslog() else { return };
    assert_lost(rig.shell("echo one | dsyslog --to ./socket fan"), 1, "socket");
}

#[test]
fn sighup_neither_stops_dsyslog_nor_loses_lines() {
    let Some(rig) = with_dsyslog() else { return };
    let (mut receiver, dsyslog, mut input) = start(&rig);
    feed(&mut input, lines(1, 1));
    assert_lines(&receiver.texts(1), 1);
    for number in 2..=50 {
        feed(&mut input, lines(number, number));
        dsyslog.signal(Signal::SIGHUP);
    }
    assert_lines(&receiver.texts(49), 2);
    drop(input);
    dsyslog.wait().exits(0).reports_nothing();
}

#[test]
fn dsyslog_handles_signals_ignored_by_its_parent() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let line = "sh -c 'trap \"\" TERM HUP PIPE; exec dsyslog --to ./socket fan'";
    let (dsyslog, mut input) = rig.start_fed(line);
    feed(&mut input, "one\n");
    assert_eq!(receiver.text(), "one");
    dsyslog.signal(Signal::SIGTERM);
    exits_soon(dsyslog).exits(0).reports_nothing();
}

#[test]
fn dsyslog_works_with_closed_descriptors() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    rig.run("dsyslog --to ./socket fan <&- >&- 2>&-");
    rig.shell("echo one | dsyslog --to ./socket fan >&- 2>&-").exits(0);
    assert_eq!(receiver.text(), "one");
    assert_eq!(receiver.pending(), []);
}

#[test]
fn an_idle_dsyslog_never_wakes_up() {
    let Some(rig) = with_dsyslog() else { return };
    let (mut receiver, dsyslog, mut input) = start(&rig);
    feed(&mut input, "one\n");
    assert_eq!(receiver.text(), "one");
    rig.assert_sleeps(dsyslog.pid());
}

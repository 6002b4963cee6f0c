//! Where messages go: UDP, TCP, local sockets, `/dev/log`, the console.

use super::{WARNING, assert_lines, assert_lost, host_name, lines, rfc5424_text};
use crate::rig::receiver::{Datagrams, Receiver, Stream, Udp};
use crate::rig::syslogd::{devices, free_port, in_link_local_network, with_dsyslog};
use crate::rig::trace::Trace;
use crate::rig::{feed, numbers};

#[test]
fn messages_are_sent_by_udp() {
    let Some(rig) = with_dsyslog() else { return };
    for (address, written) in [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")] {
        let Some(mut receiver) = Udp::new(address, 0) else { continue };
        rig.write("in", lines(1, 20));
        let to = format!("udp:{written}:{}", receiver.port());
        rig.run(format!("dsyslog --to {to} fan <in")).exits(0).reports_nothing();
        assert_lines(&receiver.texts(20), 1);
        rig.run(format!("dsyslog --rfc5424 --to {to} fan <in")).exits(0).reports_nothing();
        assert_eq!(rfc5424_text(&receiver.bytes(), WARNING, "fan"), b"line 1");
    }
}

/// A UDP socket reports an ICMP error at the next send(2), so that the line before it is lost.
#[test]
fn a_udp_error_loses_one_line_and_the_next_ones_wait() {
    let Some(rig) = with_dsyslog() else { return };
    let port = free_port();
    // The last error is reported after the last call that sends.
    for count in [1, 2, 20] {
        rig.write("in", lines(1, count));
        let done = rig.run(format!("dsyslog --to udp:127.0.0.1:{port} fan <in"));
        assert_lost(done, count, "Connection refused");
    }

    let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to udp:127.0.0.1:{port} fan"));
    feed(&mut input, lines(1, 100));
    rig.wait_for("a message", || !dsyslog.err().is_empty());
    let mut receiver = Udp::new("127.0.0.1", port).expect("127.0.0.1");
    let mut got = Vec::new();
    while got.last().is_none_or(|last| last != "line 100") {
        got.push(receiver.text());
    }
    // Each retry loses one line.
    let lost = 100 - got.len();
    assert!((1..=5).contains(&lost), "{lost} lines are lost");
    assert_lines(&got, lost + 1);
    drop(input);
    assert_lost(dsyslog.wait(), lost, "Connection refused");

    // The error that a firewall, or a router with a small link, causes for the first line is reported when the second is
    // sent. An emulator may implement sendmmsg(2) by sendmsg(2).
    let calls = "sendmmsg,sendmsg";
    for (error, reason) in [("EHOSTUNREACH", "No route to host"), ("EMSGSIZE", "")] {
        let Some(trace) = Trace::new(&rig, calls) else { return };
        let trace = trace.with(&format!("-e inject={calls}:error={error}:when=2"));
        let line = format!("{trace} dsyslog --to udp:127.0.0.1:{port} fan");
        let (dsyslog, mut input) = rig.start_fed(line);
        for number in 1..=3 {
            feed(&mut input, lines(number, number));
            assert_eq!(receiver.text(), format!("line {number}"));
        }
        drop(input);
        assert_lost(dsyslog.wait(), 1, reason);
    }
}

/// The kernel accepts a link-local address only with the number of its interface.
#[test]
fn an_ipv6_address_may_have_a_zone() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(network) = in_link_local_network() else { return };
    for (zone, reason) in
        [("lo", "Connection refused"), ("1", "Connection refused"), ("nosuch0", "No such device")]
    {
        let to = format!("tcp:[fe80::1%{zone}]:9");
        let done = rig.shell(format!("echo x | {network} dsyslog --to '{to}' fan"));
        assert_lost(done, 1, &format!("cannot send to {to}: {reason}"));
    }
    let long = "n".repeat(16);
    rig.run(format!("dsyslog --to udp:[fe80::1%{long}] x"))
        .exits(125)
        .reports("dsyslog", &["--to", &long]);
}

/// Both framings of RFC 6587: a newline after each message, or its length before it.
#[test]
fn tcp_messages_are_framed_as_the_option_says() {
    let Some(rig) = with_dsyslog() else { return };
    for (address, written, option) in [
        ("127.0.0.1", "127.0.0.1", ""),
        ("127.0.0.1", "127.0.0.1", "--octet-count"),
        ("::1", "[::1]", ""),
        ("::1", "[::1]", "--octet-count"),
    ] {
        let Some(receiver) = Stream::tcp(address, 0) else { continue };
        let mut receiver = if option.is_empty() { receiver } else { receiver.counted() };
        rig.write("in", lines(1, 1000));
        let to = format!("tcp:{written}:{} {option}", receiver.port());
        let sender = rig.start(format!("dsyslog --to {to} fan <in"));
        assert_lines(&receiver.texts(1000), 1);
        sender.wait().exits(0).reports_nothing();
        assert_eq!(receiver.pending(), []);
        // Lengths count bytes, not characters.
        let sender = rig.start(format!("sh -c 'echo ä€ | dsyslog --rfc5424 --to {to} fan'"));
        assert_eq!(rfc5424_text(&receiver.bytes(), WARNING, "fan"), "ä€".as_bytes());
        sender.wait().exits(0).reports_nothing();
    }
}

#[test]
fn the_path_may_be_a_stream_socket() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Stream::local(rig.path("socket"));
    rig.write("in", lines(1, 1000));
    let sender = rig.start("dsyslog --to ./socket fan <in");
    assert_lines(&receiver.texts(1000), 1);
    sender.wait().exits(0).reports_nothing();
}

/// `<PRI>time host name: text`: the time names its zone, and the host may change after the start.
#[test]
fn remote_messages_name_time_and_host() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(mut receiver) = Udp::new("127.0.0.1", 0) else { return };
    let to = format!("udp:127.0.0.1:{}", receiver.port());
    let date = "date -u +%Y-%m-%dT%H:%M:%SZ";
    for (options, host) in
        [("", host_name()), ("--hostname 'a b'", "a-b".into()), ("--hostname ''", "-".into())]
    {
        let before = rig.shell(date).out;
        rig.shell(format!("echo one | dsyslog {options} --to {to} fan")).exits(0).reports_nothing();
        let message = receiver.next();
        let after = rig.shell(date).out;
        assert_eq!((message.host.as_str(), message.text().as_str()), (host.as_str(), "one"));
        let time = message.timestamp.as_str();
        assert!(before.trim_end() <= time && time <= after.trim_end(), "{before} {time} {after}");
    }
    let line = format!("dsyslog --hostname {} --to {to} fan", "h".repeat(65));
    rig.run(line).exits(125).reports("dsyslog", &["--hostname", "64 bytes"]);
}

#[test]
fn dev_log_is_the_default() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(namespace) = devices(&rig) else { return };
    let log = namespace.path("/dev/log");
    let mut receiver = Datagrams::new(&log);
    rig.shell(format!("echo one | {namespace} dsyslog fan")).exits(0).reports_nothing();
    assert_eq!(receiver.text(), "one");
    drop(receiver);
    std::fs::remove_file(&log).expect("unlink");
    let mut receiver = Stream::local(&log);
    let sender = rig.start(format!("{namespace} sh -c 'echo two | dsyslog fan'"));
    assert_eq!(receiver.text(), "two");
    sender.wait().exits(0).reports_nothing();
}

#[test]
fn without_syslogd_lines_go_to_the_console_if_asked() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(namespace) = devices(&rig) else { return };
    let console = namespace.path("/dev/console");
    let read = || std::fs::read_to_string(&console).unwrap_or_default();
    for option in ["-c", "--console"] {
        std::fs::write(&console, "").expect("a console");
        rig.shell(format!("printf 'one\\ntwo\\n' | {namespace} dsyslog {option} fan"));
        let lines: Vec<String> = read().lines().map(str::to_string).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("fan: one") && lines[1].contains("fan: two"), "{lines:?}");
    }
    std::fs::write(&console, "").expect("a console");
    rig.shell(format!("echo one | {namespace} dsyslog fan"));
    assert_eq!(read(), "");
    let mut receiver = Datagrams::new(namespace.path("/dev/log"));
    rig.shell(format!("echo one | {namespace} dsyslog -c fan")).exits(0).reports_nothing();
    assert_eq!(receiver.text(), "one");
    assert_eq!(read(), "");
}

#[test]
fn without_syslogd_and_console_nothing_blocks() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(namespace) = devices(&rig) else { return };
    for option in ["", "-c"] {
        let (dsyslog, mut input) = rig.start_fed(format!("{namespace} dsyslog {option} fan"));
        // More than a pipe takes: feeding it succeeds only if dsyslog reads.
        feed(&mut input, numbers(100_000));
        drop(input);
        assert_lost(dsyslog.wait(), 100_000, "/dev/log");
    }
}

#[test]
fn without_input_a_missing_syslogd_is_no_error() {
    let Some(rig) = with_dsyslog() else { return };
    rig.run("dsyslog --to ./socket fan").exits(0).reports_nothing();
    rig.shell("printf '\\n\\n' | dsyslog -e --to ./socket fan").exits(0).reports_nothing();
}

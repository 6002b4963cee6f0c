//! Lines that are longer than a message are split, never within a character.

use super::{LIMIT, RFC5424_LIMIT, WARNING, bsd_text, rfc5424_text, start};
use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::syslogd::with_dsyslog;
use crate::rig::{Rig, feed};

/// Sends one line. Returns its messages, which must have at most `limit` bytes and use almost all of them.
#[track_caller]
fn split(rig: &Rig, options: &str, line: &[u8], limit: usize) -> Vec<Vec<u8>> {
    let _ = std::fs::remove_file(rig.path("socket"));
    let mut receiver = Datagrams::new(rig.path("socket"));
    rig.write("in", [line, b"\nend\n"].concat());
    let sender = rig.start(format!("dsyslog --to ./socket {options} <in"));
    let mut messages = Vec::new();
    loop {
        let message = receiver.bytes();
        assert!(message.len() <= limit, "a message of {} bytes", message.len());
        if message.ends_with(b" end") {
            break;
        }
        messages.push(message);
    }
    sender.wait().exits(0).reports_nothing();
    let longest = messages.iter().map(Vec::len).max().unwrap_or_default();
    assert!(messages.len() < 2 || longest > limit - 8, "only {longest} of {limit} bytes are used");
    messages
}

#[test]
fn a_long_line_becomes_several_messages() {
    let Some(rig) = with_dsyslog() else { return };
    let head = "<28>fan: ".len();
    for length in
        [1, LIMIT - head - 1, LIMIT - head, LIMIT - head + 1, 2 * (LIMIT - head), 5000, 70_000]
    {
        let line: Vec<u8> = (0..length).map(|at| b'a' + (at % 26) as u8).collect();
        let messages = split(&rig, "fan", &line, LIMIT);
        let wanted = length.div_ceil(LIMIT - head);
        assert_eq!(messages.len(), wanted, "a line of {length} bytes");
        let texts: Vec<_> = messages.iter().flat_map(|message| bsd_text(message)).collect();
        assert!(texts == line, "a line of {length} bytes");
    }
}

#[test]
fn option_size_limits_each_message() {
    let Some(rig) = with_dsyslog() else { return };
    let line = "x".repeat(20_000);
    for (options, size) in [("--size 240", 240), ("--size 8k", 8192), ("--size 500 --rfc5424", 500)]
    {
        let messages = split(&rig, &format!("{options} fan"), line.as_bytes(), size);
        let text: usize = messages.iter().map(|m| m.iter().filter(|b| **b == b'x').count()).sum();
        assert_eq!(text, line.len(), "{options}");
    }
}

#[test]
fn a_message_never_ends_within_a_character() {
    let Some(rig) = with_dsyslog() else { return };
    for character in ["ä", "€", "🐢", "aä€🐢"] {
        for before in 0..4 {
            let line = "x".repeat(before) + &character.repeat(3000 / character.len());
            let messages = split(&rig, "fan", line.as_bytes(), LIMIT);
            let texts: Vec<String> = messages
                .iter()
                .map(|message| String::from_utf8(bsd_text(message)).expect("whole characters"))
                .collect();
            assert_eq!(texts.concat(), line);
        }
    }
}

#[test]
fn a_long_binary_line_loses_nothing() {
    let Some(rig) = with_dsyslog() else { return };
    for unit in [&b"\x80"[..], b"\xff", b"\xf0\x9f", b"\xe2\x82", b"a\xc3", b"\xbf\xf4"] {
        let line = unit.repeat(4000 / unit.len());
        let texts: Vec<_> =
            split(&rig, "fan", &line, LIMIT).iter().flat_map(|message| bsd_text(message)).collect();
        assert!(texts == line, "of {unit:x?}");
    }
    // Each byte is escaped as four bytes, which must stay in one message.
    let messages = split(&rig, "fan", &b"\x01".repeat(3000), LIMIT);
    for message in &messages {
        assert_eq!(bsd_text(message).len() % 4, 0, "an escape is cut");
    }
    let texts: Vec<_> = messages.iter().flat_map(|message| bsd_text(message)).collect();
    assert!(texts == b"#001".repeat(3000));
}

#[test]
fn a_long_line_in_pieces_is_split_between_characters() {
    let Some(rig) = with_dsyslog() else { return };
    let (mut receiver, dsyslog, mut input) = start(&rig);
    let line = "€".repeat(2000);
    // Pieces that end within a character of three bytes.
    for piece in line.as_bytes().chunks(700) {
        feed(&mut input, piece);
        rig.wait_state(dsyslog.pid(), 'S');
    }
    feed(&mut input, "\nend\n");
    drop(input);
    let messages = receiver.all(&dsyslog);
    dsyslog.wait().exits(0).reports_nothing();
    let texts: Vec<_> = messages
        .into_iter()
        .map(|message| String::from_utf8(message.text).expect("text"))
        .collect();
    let (end, long) = texts.split_last().expect("messages");
    assert_eq!((long.concat(), end.as_str()), (line, "end"));
}

#[test]
fn a_message_of_rfc5424_may_be_longer() {
    let Some(rig) = with_dsyslog() else { return };
    let line = "€".repeat(5000);
    let messages = split(&rig, "--rfc5424 fan", line.as_bytes(), RFC5424_LIMIT);
    let texts: Vec<String> = messages
        .iter()
        .map(|message| String::from_utf8(rfc5424_text(message, WARNING, "fan")).expect("text"))
        .collect();
    assert_eq!(texts.concat(), line);
}

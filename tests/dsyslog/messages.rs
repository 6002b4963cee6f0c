//! The log command dsyslog: messages for syslog, whatever becomes of who takes them.

use crate::rig::receiver::{Datagrams, Message, Receiver, Stream, Udp, close};
use crate::rig::syslogd::{NOBODY, Rsyslogd, busybox, devices, free_port, nowhere, with_dsyslog};
use crate::rig::{Done, Rig, Running, called, feed, limit, numbers, tools};
use nix::sys::signal::Signal;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::ChildStdin;
use std::time::Instant;

/// The number of daemon.warning, which messages have if nothing else is said.
const WARNING: u32 = 3 * 8 + 4;

/// How long a message may be: in the old format (RFC 3164), and in the new one.
const LIMIT: usize = 1024;
const NEW_LIMIT: usize = 2048;

/// `line 1` to `line LAST`, a line each.
fn lines(from: usize, last: usize) -> String {
    (from..=last).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "line {number}");
        text
    })
}

/// Sends this input with these words; gives what came.
#[track_caller]
fn sent(rig: &Rig, words: &str, input: impl AsRef<[u8]>) -> Vec<Message> {
    let _ = std::fs::remove_file(rig.path("socket"));
    let mut receiver = Datagrams::new(rig.path("socket"));
    rig.write("in", input);
    let sender = rig.start(format!("env TZ=UTC0 dsyslog --to socket {words} <in"));
    let messages = receiver.all(&sender);
    sender.wait().exits(0).says_nothing();
    messages
}

fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::text).collect()
}

/// What the lines of an input became when some had to be left out.
struct Gap {
    /// Before the message that says how many.
    before: Vec<String>,
    lost: usize,
    after: Vec<String>,
}

/// Finds the one message `N lines lost`.
#[track_caller]
fn gap(texts: &[String]) -> Gap {
    let count = |text: &String| text.strip_suffix(" lines lost")?.parse().ok();
    let gaps: Vec<(usize, usize)> =
        texts.iter().enumerate().filter_map(|(at, text)| Some((at, count(text)?))).collect();
    let [(at, lost)] = gaps[..] else {
        panic!(
            "not one gap but {gaps:?} in {} messages, the first {:?}",
            texts.len(),
            texts.first()
        )
    };
    Gap { before: texts[..at].to_vec(), lost, after: texts[at + 1..].to_vec() }
}

/// That these are `line FROM`, `line FROM+1` and so on.
#[track_caller]
fn assert_lines(texts: &[String], from: usize) {
    for (text, number) in texts.iter().zip(from..) {
        assert_eq!(*text, format!("line {number}"), "of {} texts from {from} on", texts.len());
    }
}

/// That so many lines were lost, as it says in the end; before that, why, in one line at most.
#[track_caller]
fn assert_lost(done: Done, count: usize, why: &str) {
    let done = done.exits(1);
    let lines: Vec<&str> = done.err.lines().collect();
    let [reasons @ .., last] = &lines[..] else { panic!("nothing is said: {done}") };
    assert_eq!(*last, format!("dsyslog: lines lost: {count}"), "{done}");
    assert!(reasons.len() <= 1 && reasons.iter().all(|line| line.contains(why)), "{done}");
}

#[test]
fn each_line_is_a_message() {
    let Some(rig) = with_dsyslog() else { return };
    let date = "env LC_ALL=C TZ=UTC0 date '+%b %e %H:%M:%S'";
    let before = rig.shell(date).out;
    let messages = sent(&rig, "fan", "one\n two \nthree\n");
    let after = rig.shell(date).out;
    assert_eq!(texts(&messages), ["one", " two ", "three"]);
    for message in messages {
        assert_eq!((message.number, message.name.as_str()), (WARNING, "fan"));
        // All three are of the same form; at the turn of a month their order as texts is another.
        let stamp = message.stamp.as_str();
        let between = before.trim_end() <= stamp && stamp <= after.trim_end();
        assert!(between || before[..3] != after[..3], "{before:?} {stamp:?} {after:?}");
    }
}

#[test]
fn it_is_called_dslog_too() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    rig.shell("echo one | dslog --to socket fan").exits(0).says_nothing();
    let message = receiver.next();
    assert_eq!((message.name.as_str(), message.text()), ("fan", "one".to_string()));
}

#[test]
fn a_last_line_without_a_newline_is_a_message() {
    let Some(rig) = with_dsyslog() else { return };
    assert_eq!(texts(&sent(&rig, "fan", "one\ntwo")), ["one", "two"]);
    assert_eq!(texts(&sent(&rig, "fan", "")), Vec::<String>::new());
}

#[test]
fn empty_lines_are_skipped_if_asked() {
    let Some(rig) = with_dsyslog() else { return };
    let input = "\none\n\n\n \ntwo\n\n";
    assert_eq!(texts(&sent(&rig, "fan", input)), ["", "one", "", "", " ", "two", ""]);
    assert_eq!(texts(&sent(&rig, "-e fan", input)), ["one", " ", "two"]);
    assert_eq!(texts(&sent(&rig, "--skip-empty fan", input)), ["one", " ", "two"]);
}

#[test]
fn another_descriptor_can_be_the_input() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    rig.shell("echo not this | dsyslog --to socket -i 5 fan 5<<.\none\n.\n").exits(0);
    assert_eq!(texts(&receiver.left()), ["one"]);
    rig.run("dsyslog --to socket -i 77 fan").exits(125).says("dsyslog", &["Bad file descriptor"]);
}

/// The names of syslog(3), and those that have been in use besides.
const PRIORITIES: [(&str, u32); 11] = [
    ("emerg", 0),
    ("panic", 0),
    ("alert", 1),
    ("crit", 2),
    ("critical", 2),
    ("err", 3),
    ("error", 3),
    ("warn", 4),
    ("warning", 4),
    ("notice", 5),
    ("info", 6),
];

const FACILITIES: [(&str, u32); 23] = [
    ("kern", 0),
    ("kernel", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("print", 6),
    ("printer", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

#[test]
fn every_priority_has_its_name_in_any_case() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    for (name, number) in PRIORITIES.into_iter().chain([("debug", 7)]) {
        let upper = name.to_uppercase();
        rig.shell(format!(
            "echo x | dsyslog --to socket -p {name} fan; echo x | dslog --to socket --priority={upper} fan"
        ))
        .exits(0)
        .says_nothing();
        for _ in 0..2 {
            assert_eq!(receiver.next().number, 3 * 8 + number, "{name}");
        }
    }
}

#[test]
fn every_facility_has_its_name_in_any_case() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    for (name, number) in FACILITIES {
        let upper = name.to_uppercase();
        rig.shell(format!(
            "echo x | dsyslog --to socket -f {name} fan; echo x | dslog --to socket --facility={upper} fan"
        ))
        .exits(0)
        .says_nothing();
        for _ in 0..2 {
            assert_eq!(receiver.next().number, number * 8 + 4, "{name}");
        }
    }
}

#[test]
fn facility_and_priority_can_be_one_word_as_logger_has_it() {
    let Some(rig) = with_dsyslog() else { return };
    for (words, number) in [
        ("-p user.err", 8 + 3),
        ("-p Local7.DEBUG", 23 * 8 + 7),
        ("--priority auth.info", 4 * 8 + 6),
        ("-f mail -p crit", 2 * 8 + 2),
        ("-p crit -f mail", 2 * 8 + 2),
        ("-f mail -p user.crit", 8 + 2),
    ] {
        assert_eq!(sent(&rig, &format!("{words} fan"), "x\n")[0].number, number, "{words}");
    }
}

#[test]
fn what_it_does_not_understand_is_refused() {
    let Some(rig) = with_dsyslog() else { return };
    for (words, said) in [
        ("-p loud fan", &["-p", "loud"]),
        ("--priority warnin fan", &["--priority", "warnin"]),
        ("-p user. fan", &["-p", "user."]),
        ("-p .err fan", &["-p", ".err"]),
        ("-p fan.err fan", &["-p", "fan.err"]),
        ("-f local8 fan", &["-f", "local8"]),
        ("--facility=warning fan", &["--facility", "warning"]),
        ("--to udp:127.0.0.1 fan", &["--to", "udp:127.0.0.1"]),
        ("--to udp:127.0.0.1:0x1 fan", &["--to", "udp:127.0.0.1:0x1"]),
        ("--to udp:127.0.0.1:65536 fan", &["--to", "65536"]),
        ("--to tcp:127.0.0:514 fan", &["--to", "127.0.0:514"]),
        ("--to tcp:127.0.0.256:514 fan", &["--to", "127.0.0.256"]),
        ("--to tcp:[::1:514 fan", &["--to", "[::1:514"]),
        ("--to udp:[1::2::3]:514 fan", &["--to", "1::2::3"]),
        ("--to udp:localhost:514 fan", &["--to", "localhost"]),
        ("fan one", &["one", ""]),
    ] {
        // Nothing is ever fed to it.
        let (dsyslog, _input) = rig.start_fed(format!("dsyslog {words}"));
        dsyslog.wait().exits(125).says("dsyslog", said);
    }
    rig.run("dsyslog").exits(125).says("dsyslog", &["name"]);
    // No address of a socket is so long.
    let long = "x".repeat(200);
    rig.run(format!("dsyslog --to {long} fan")).exits(125).says("dsyslog", &["xxx"]);
}

#[test]
fn bytes_that_control_a_terminal_are_escaped() {
    let Some(rig) = with_dsyslog() else { return };
    let mut input = Vec::new();
    let mut wanted = Vec::new();
    for byte in (0..=255).filter(|&byte| byte != b'\n') {
        input.extend([b'<', byte, b'>', b'\n']);
        let control = byte < b' ' && byte != b'\t' || byte == 0x7f;
        let middle = if control { format!("#{byte:03o}").into_bytes() } else { vec![byte] };
        wanted.push([&b"<"[..], &middle, b">"].concat());
    }
    let messages = sent(&rig, "fan", input);
    assert_eq!(messages.len(), wanted.len());
    for (message, wanted) in messages.iter().zip(&wanted) {
        assert_eq!(
            message.text,
            *wanted,
            "{:?} {:?}",
            message.text(),
            String::from_utf8_lossy(wanted)
        );
    }
    let messages = sent(&rig, "fan", "a\r\n\x1b[1mb\0\n");
    assert_eq!(texts(&messages), ["a#015", "#033[1mb#000"]);
}

#[test]
fn a_line_may_begin_with_its_own_priority_if_allowed() {
    let Some(rig) = with_dsyslog() else { return };
    let input = "<3>three\nnone\n<7>seven\n<0>\n<3 >no\n<x>no\n<>no\n3>no\n <3>no\n";
    let messages = sent(&rig, "--prio-prefix -f user fan", input);
    let found: Vec<_> = messages.iter().map(|message| (message.number, message.text())).collect();
    let wanted = [
        (8 + 3, "three"),
        (8 + 4, "none"),
        (8 + 7, "seven"),
        (8, ""),
        (8 + 4, "<3 >no"),
        (8 + 4, "<x>no"),
        (8 + 4, "<>no"),
        (8 + 4, "3>no"),
        (8 + 4, " <3>no"),
    ];
    assert_eq!(found, wanted.map(|(number, text)| (number, text.to_string())));
    // Not asked for, it is text.
    let message = &sent(&rig, "fan", "<3>three\n")[0];
    assert_eq!((message.number, message.text()), (WARNING, "<3>three".into()));
}

#[test]
fn all_messages_of_a_long_line_have_the_priority_it_began_with() {
    let Some(rig) = with_dsyslog() else { return };
    let line = format!("<2>{}", "x".repeat(5000));
    let messages = sent(&rig, "--prio-prefix fan", format!("{line}\nshort\n"));
    let (last, long) = messages.split_last().expect("messages");
    assert!(long.iter().all(|message| message.number == 3 * 8 + 2), "{long:?}");
    assert_eq!(texts(long).concat(), line[3..]);
    assert_eq!((last.number, last.text()), (WARNING, "short".into()));
}

/// Sends one line, which must come in messages of at most this length; gives them.
#[track_caller]
fn split(rig: &Rig, words: &str, line: &[u8], limit: usize) -> Vec<Vec<u8>> {
    let _ = std::fs::remove_file(rig.path("socket"));
    let mut receiver = Datagrams::new(rig.path("socket"));
    rig.write("in", [line, b"\nend\n"].concat());
    let sender = rig.start(format!("dsyslog --to socket {words} <in"));
    let mut messages = Vec::new();
    loop {
        let message = receiver.bytes();
        assert!(message.len() <= limit, "a message of {} bytes", message.len());
        if message.ends_with(b" end") {
            break;
        }
        messages.push(message);
    }
    sender.wait().exits(0).says_nothing();
    let most = messages.iter().map(Vec::len).max().unwrap_or_default();
    assert!(messages.len() < 2 || most > limit - 8, "of {limit} bytes only {most} are used");
    messages
}

fn old_text(message: &[u8]) -> Vec<u8> {
    Message::parse(message).text
}

#[test]
fn a_long_line_becomes_several_messages() {
    let Some(rig) = with_dsyslog() else { return };
    let head = "<28>Mmm dd HH:MM:SS fan: ".len();
    for length in
        [1, LIMIT - head - 1, LIMIT - head, LIMIT - head + 1, 2 * (LIMIT - head), 5000, 70_000]
    {
        let line: Vec<u8> = (0..length).map(|at| b'a' + (at % 26) as u8).collect();
        let messages = split(&rig, "fan", &line, LIMIT);
        let wanted = length.div_ceil(LIMIT - head);
        assert_eq!(messages.len(), wanted, "a line of {length} bytes");
        let texts: Vec<_> = messages.iter().flat_map(|message| old_text(message)).collect();
        assert!(texts == line, "a line of {length} bytes");
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
                .map(|message| String::from_utf8(old_text(message)).expect("whole characters"))
                .collect();
            assert_eq!(texts.concat(), line);
        }
    }
}

#[test]
fn a_long_line_that_is_no_text_loses_nothing() {
    let Some(rig) = with_dsyslog() else { return };
    for unit in [&b"\x80"[..], b"\xff", b"\xf0\x9f", b"\xe2\x82", b"a\xc3", b"\xbf\xf4"] {
        let line = unit.repeat(4000 / unit.len());
        let texts: Vec<_> =
            split(&rig, "fan", &line, LIMIT).iter().flat_map(|message| old_text(message)).collect();
        assert!(texts == line, "of {unit:x?}");
    }
    // Each byte becomes four; none of those is parted from the others.
    let messages = split(&rig, "fan", &b"\x01".repeat(3000), LIMIT);
    for message in &messages {
        assert_eq!(old_text(message).len() % 4, 0, "an escape is cut");
    }
    let texts: Vec<_> = messages.iter().flat_map(|message| old_text(message)).collect();
    assert!(texts == b"#001".repeat(3000));
}

#[test]
fn a_long_line_that_comes_in_pieces_is_split_at_the_same_places() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    let line = "€".repeat(2000);
    // Within characters too.
    for piece in line.as_bytes().chunks(700) {
        feed(&mut input, piece);
        rig.wait_state(dsyslog.pid(), 'S');
    }
    feed(&mut input, "\nend\n");
    drop(input);
    let messages = receiver.all(&dsyslog);
    dsyslog.wait().exits(0).says_nothing();
    let texts: Vec<_> = messages
        .into_iter()
        .map(|message| String::from_utf8(message.text).expect("text"))
        .collect();
    let (end, long) = texts.split_last().expect("messages");
    assert_eq!((long.concat(), end.as_str()), (line, "end"));
}

/// The text of a message in the new format, which must have these in its head.
#[track_caller]
fn new_text(message: &[u8], number: u32, name: &str) -> Vec<u8> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    let text = String::from_utf8_lossy(message).into_owned();
    let words: Vec<&str> = text.splitn(8, ' ').collect();
    let [version, stamp, sender, program, "-", "-", "-", _] = words[..] else {
        panic!("not a message of RFC 5424: {text:?}")
    };
    assert_eq!(
        (version, sender, program),
        (format!("<{number}>1").as_str(), host.trim_end(), name),
        "{text:?}"
    );
    let form: String = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00.000000Z", "{text:?}");
    let head = words[..7].iter().map(|word| word.len() + 1).sum();
    message[head..].to_vec()
}

#[test]
fn messages_can_have_the_new_format() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let date = "date -u +%Y-%m-%dT%H:%M:%S.%6NZ";
    let before = rig.shell(date).out;
    rig.shell("printf 'one\\n\\n two ä\\n' | dsyslog --rfc5424 -p user.notice --to socket fan")
        .exits(0)
        .says_nothing();
    let after = rig.shell(date).out;
    let messages = [(); 3].map(|()| receiver.bytes());
    for (message, text) in messages.iter().zip(["one", "", " two ä"]) {
        assert_eq!(String::from_utf8_lossy(&new_text(message, 13, "fan")), text);
        let stamp = String::from_utf8_lossy(message).split(' ').nth(1).map(str::to_string);
        let stamp = stamp.expect("a stamp");
        assert!(
            *before.trim_end() <= *stamp && *stamp <= *after.trim_end(),
            "{stamp} not in {before}..{after}"
        );
    }
}

#[test]
fn in_the_new_format_a_message_may_be_longer() {
    let Some(rig) = with_dsyslog() else { return };
    let line = "€".repeat(5000);
    let messages = split(&rig, "--rfc5424 fan", line.as_bytes(), NEW_LIMIT);
    let texts: Vec<String> = messages
        .iter()
        .map(|message| String::from_utf8(new_text(message, WARNING, "fan")).expect("text"))
        .collect();
    assert_eq!(texts.concat(), line);
}

#[test]
fn messages_go_to_a_port_for_datagrams() {
    let Some(rig) = with_dsyslog() else { return };
    for (address, written) in [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")] {
        let Some(mut receiver) = Udp::new(address) else { continue };
        rig.write("in", lines(1, 20));
        let to = format!("udp:{written}:{}", receiver.port());
        rig.run(format!("dsyslog --to {to} fan <in")).exits(0).says_nothing();
        assert_lines(&receiver.texts(20), 1);
        rig.run(format!("dsyslog --rfc5424 --to {to} fan <in")).exits(0).says_nothing();
        assert_eq!(new_text(&receiver.bytes(), WARNING, "fan"), b"line 1");
    }
}

#[test]
fn what_a_port_for_datagrams_refuses_is_counted_and_what_comes_after_it_waits() {
    let Some(rig) = with_dsyslog() else { return };
    let port = free_port();
    rig.write("in", lines(1, 20));
    let done = rig.run(format!("dsyslog --to udp:127.0.0.1:{port} fan <in"));
    assert_lost(done, 20, "Connection refused");

    let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to udp:127.0.0.1:{port} fan"));
    feed(&mut input, lines(1, 100));
    rig.wait_for("the word of it", || !dsyslog.err().is_empty());
    let Some(mut receiver) = Udp::at("127.0.0.1", port) else { return };
    let mut got = Vec::new();
    while got.last().is_none_or(|last| last != "line 100") {
        got.push(receiver.text());
    }
    // A line is lost each time that it is tried.
    let lost = 100 - got.len();
    assert!((1..=5).contains(&lost), "{lost} lines are lost");
    assert_lines(&got, lost + 1);
    drop(input);
    assert_lost(dsyslog.wait(), lost, "Connection refused");

    // What a firewall says of the first line comes with the second, which waits.
    if !tools::has(&["strace"]) {
        return;
    }
    // An emulator sends them one by one.
    let calls = "sendmmsg,sendmsg";
    let inject = format!("-e trace={calls} -e inject={calls}:error=EHOSTUNREACH:when=2");
    let dsyslog = format!("strace -o trace {inject} dsyslog --to udp:127.0.0.1:{port} fan");
    let (dsyslog, mut input) = rig.start_fed(dsyslog);
    for n in 1..=3 {
        feed(&mut input, lines(n, n));
        assert_eq!(receiver.text(), format!("line {n}"));
    }
    drop(input);
    assert_lost(dsyslog.wait(), 1, "No route to host");
}

#[test]
fn messages_go_to_a_port_for_streams_with_their_length_before_them() {
    let Some(rig) = with_dsyslog() else { return };
    for (address, written) in [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")] {
        let Some(mut receiver) = Stream::tcp(address, 0) else { continue };
        rig.write("in", lines(1, 1000));
        let to = format!("tcp:{written}:{}", receiver.port());
        let sender = rig.start(format!("dsyslog --to {to} fan <in"));
        assert_lines(&receiver.texts(1000), 1);
        sender.wait().exits(0).says_nothing();
        assert_eq!(receiver.left(), []);
        // Lengths count bytes, not characters.
        let sender = rig.start(format!("sh -c 'echo ä€ | dsyslog --rfc5424 --to {to} fan'"));
        assert_eq!(new_text(&receiver.bytes(), WARNING, "fan"), "ä€".as_bytes());
        sender.wait().exits(0).says_nothing();
    }
}

#[test]
fn a_path_may_be_a_stream_socket() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Stream::local(rig.path("socket"));
    rig.write("in", lines(1, 1000));
    let sender = rig.start("dsyslog --to socket fan <in");
    assert_lines(&receiver.texts(1000), 1);
    sender.wait().exits(0).says_nothing();
}

#[test]
fn messages_go_to_dev_log_if_nothing_is_said() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(space) = devices(&rig) else { return };
    let log = space.path("/dev/log");
    let mut receiver = Datagrams::new(&log);
    rig.shell(format!("echo one | {space} dsyslog fan")).exits(0).says_nothing();
    assert_eq!(receiver.text(), "one");
    drop(receiver);
    std::fs::remove_file(&log).expect("the socket goes");
    let mut receiver = Stream::local(&log);
    let sender = rig.start(format!("{space} sh -c 'echo two | dsyslog fan'"));
    assert_eq!(receiver.text(), "two");
    sender.wait().exits(0).says_nothing();
}

#[test]
fn lines_go_to_the_console_if_there_is_no_syslog_and_it_was_asked_for() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(space) = devices(&rig) else { return };
    let console = space.path("/dev/console");
    let read = || std::fs::read_to_string(&console).unwrap_or_default();
    for option in ["-c", "--console"] {
        std::fs::write(&console, "").expect("a console");
        rig.shell(format!("printf 'one\\ntwo\\n' | {space} dsyslog {option} fan"));
        let lines: Vec<String> = read().lines().map(str::to_string).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("fan: one") && lines[1].contains("fan: two"), "{lines:?}");
    }
    std::fs::write(&console, "").expect("a console");
    rig.shell(format!("echo one | {space} dsyslog fan"));
    assert_eq!(read(), "");
    let mut receiver = Datagrams::new(space.path("/dev/log"));
    rig.shell(format!("echo one | {space} dsyslog -c fan")).exits(0).says_nothing();
    assert_eq!(receiver.text(), "one");
    assert_eq!(read(), "");
}

#[test]
fn with_neither_syslog_nor_console_the_service_is_not_blocked() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(space) = devices(&rig) else { return };
    for option in ["", "-c"] {
        let (dsyslog, mut input) = rig.start_fed(format!("{space} dsyslog {option} fan"));
        // Far more than any pipe holds.
        feed(&mut input, numbers(100_000));
        drop(input);
        assert_lost(dsyslog.wait(), 100_000, "/dev/log");
    }
}

#[test]
fn with_nothing_to_send_nobody_is_missed() {
    let Some(rig) = with_dsyslog() else { return };
    rig.run("dsyslog --to socket fan").exits(0).says_nothing();
    rig.shell("printf '\\n\\n' | dsyslog -e --to socket fan").exits(0).says_nothing();
}

#[test]
fn lines_wait_for_a_syslogd_that_starts_late() {
    let Some(rig) = with_dsyslog() else { return };
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    feed(&mut input, lines(1, 100));
    rig.wait_state(dsyslog.pid(), 'S');
    let mut receiver = Datagrams::new(rig.path("socket"));
    // It looks again by itself, whether lines come or not.
    assert_lines(&receiver.texts(100), 1);
    feed(&mut input, lines(101, 110));
    assert_lines(&receiver.texts(10), 101);
    drop(input);
    dsyslog.wait().exits(0);
}

#[test]
fn a_syslogd_that_is_started_again_gets_every_line() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    feed(&mut input, lines(1, 20));
    assert_lines(&receiver.texts(20), 1);
    // Its socket stays behind, as after KILL; then it is removed, as after TERM.
    for (from, remove) in [(21, false), (121, true)] {
        drop(receiver);
        if remove {
            std::fs::remove_file(rig.path("socket")).expect("the socket goes");
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
    assert_eq!(receiver.left(), []);
}

#[test]
fn a_syslogd_that_took_its_place_unseen_gets_the_next_line() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    for number in 1..=5 {
        feed(&mut input, lines(number, number));
        assert_eq!(receiver.text(), format!("line {number}"));
        drop(receiver);
        std::fs::remove_file(rig.path("socket")).expect("the socket goes");
        receiver = Datagrams::new(rig.path("socket"));
    }
    drop(input);
    dsyslog.wait().exits(0);
}

#[test]
fn what_the_queue_cannot_keep_is_counted_and_the_oldest_goes_first() {
    let Some(rig) = with_dsyslog() else { return };
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    let count = 10_000;
    feed(&mut input, lines(1, count));
    rig.wait_state(dsyslog.pid(), 'S');
    let mut receiver = Datagrams::new(rig.path("socket"));
    let mut texts = Vec::new();
    while texts.last() != Some(&format!("line {count}")) {
        texts.push(receiver.text());
    }
    let Gap { before, lost, after } = gap(&texts);
    assert_eq!(before, Vec::<String>::new());
    assert_eq!(lost + after.len(), count);
    assert_lines(&after, lost + 1);
    // 32 KiB of lines, whatever else a message has.
    assert!(after.len() > 400, "only {} lines were kept", after.len());
    drop(input);
    assert_lost(dsyslog.wait(), lost, "socket: No such file or directory");
}

#[test]
fn a_syslogd_that_does_not_read_blocks_nobody() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    let count = 20_000;
    // It takes a few and keeps them. Far more come than any pipe holds.
    feed(&mut input, lines(1, count));
    rig.wait_state(dsyslog.pid(), 'S');
    let mut texts = Vec::new();
    while texts.last() != Some(&format!("line {count}")) {
        texts.push(receiver.text());
    }
    let Gap { before, lost, after } = gap(&texts);
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
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    // More than the kernel keeps for a datagram socket, less than the queue.
    feed(&mut input, lines(1, 300));
    rig.wait_state(dsyslog.pid(), 'S');
    assert_lines(&receiver.texts(300), 1);
    drop(input);
    dsyslog.wait().exits(0).says_nothing();
}

/// Waits for the end of a dsyslog that was just asked to end; it must not take long.
#[track_caller]
fn ends_soon(dsyslog: Running) -> Done {
    let begun = Instant::now();
    let done = dsyslog.wait();
    assert!(begun.elapsed().as_secs() < 8, "it took {:?} to end: {done}", begun.elapsed());
    done
}

#[test]
fn term_ends_it_while_it_waits_for_lines() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    for asked in [Signal::SIGTERM, Signal::SIGINT] {
        let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
        feed(&mut input, "one\n");
        assert_eq!(receiver.text(), "one");
        dsyslog.signal(Signal::SIGSTOP);
        rig.wait_state(dsyslog.pid(), 'T');
        // What is in the pipe when the signal comes is sent.
        feed(&mut input, "two\nrest");
        dsyslog.signal(asked);
        dsyslog.signal(Signal::SIGCONT);
        assert_eq!(receiver.texts(2), ["two", "rest"]);
        ends_soon(dsyslog).exits(0).says_nothing();
    }
}

#[test]
fn term_ends_it_while_there_is_no_syslogd() {
    let Some(rig) = with_dsyslog() else { return };
    for to in ["socket".to_string(), format!("tcp:127.0.0.1:{}", free_port())] {
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        feed(&mut input, "one\n");
        rig.wait_state(dsyslog.pid(), 'S');
        dsyslog.signal(Signal::SIGTERM);
        assert_lost(ends_soon(dsyslog), 1, &to);
    }
}

#[test]
fn term_ends_it_while_syslogd_does_not_read() {
    let Some(rig) = with_dsyslog() else { return };
    let _datagrams = Datagrams::new(rig.path("datagrams"));
    // The kernel lets senders connect, whether they are accepted or not.
    let _stream = Stream::local(rig.path("stream"));
    let tcp = Stream::tcp("127.0.0.1", 0).expect("a port");
    let port = format!("tcp:127.0.0.1:{}", tcp.port());
    for to in ["datagrams", "stream", &port] {
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        // More than the kernel keeps for a stream, and still nobody is blocked.
        let line = format!("{:>900}\n", "x");
        for _ in 0..12_000 {
            feed(&mut input, &line);
        }
        rig.wait_state(dsyslog.pid(), 'S');
        dsyslog.signal(Signal::SIGTERM);
        ends_soon(dsyslog).exits(1);
    }
}

#[test]
fn term_ends_it_while_it_waits_for_a_connection() {
    let Some(rig) = with_dsyslog() else { return };
    // What is sent there is heard by nobody, not even refused.
    let Some(nowhere) = nowhere() else { return };
    let (dsyslog, mut input) = rig.start_fed(format!("{nowhere} dsyslog --to {NOBODY} fan"));
    let begun = || called(dsyslog.pid()).starts_with("dsyslog");
    rig.wait_for("dsyslog to begin", begun);
    feed(&mut input, numbers(100_000));
    rig.wait_state(dsyslog.pid(), 'S');
    dsyslog.signal(Signal::SIGTERM);
    ends_soon(dsyslog).exits(1);
}

#[test]
fn the_end_of_the_input_ends_it_while_there_is_no_syslogd() {
    let Some(rig) = with_dsyslog() else { return };
    assert_lost(rig.shell("echo one | dsyslog --to socket fan"), 1, "socket");
}

#[test]
fn hup_ends_nothing_and_loses_nothing() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    feed(&mut input, lines(1, 1));
    assert_lines(&receiver.texts(1), 1);
    for number in 2..=50 {
        feed(&mut input, lines(number, number));
        dsyslog.signal(Signal::SIGHUP);
    }
    assert_lines(&receiver.texts(49), 2);
    drop(input);
    dsyslog.wait().exits(0).says_nothing();
}

#[test]
fn a_stream_that_closes_is_opened_again() {
    let Some(rig) = with_dsyslog() else { return };
    let mut tcp = Stream::tcp("127.0.0.1", 0).expect("a port");
    let mut local = Stream::local(rig.path("socket"));
    let port = tcp.port();
    for (receiver, to) in
        [(&mut tcp, format!("tcp:127.0.0.1:{port}")), (&mut local, "socket".to_string())]
    {
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        for number in 1..=5 {
            feed(&mut input, lines(number, number));
            assert_eq!(receiver.text(), format!("line {number}"), "{to}");
            receiver.hang_up();
        }
        drop(input);
        dsyslog.wait().exits(0);
        assert!(receiver.came >= 5, "{} connections", receiver.came);
    }
}

#[test]
fn a_stream_that_closes_after_a_word_of_its_own_is_opened_again_too() {
    let Some(rig) = with_dsyslog() else { return };
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.set_nonblocking(true).expect("a port that does not wait");
    let to = format!("tcp:{}", listener.local_addr().expect("an address"));
    let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
    for number in 1..=3 {
        feed(&mut input, lines(number, number));
        let (mut sender, _) = rig.wait_some("a sender", || listener.accept().ok());
        sender.set_read_timeout(Some(limit())).expect("a timeout");
        let mut room = [0; 100];
        let size = sender.read(&mut room).expect("a message");
        assert!(room[..size].ends_with(format!("line {number}").as_bytes()));
        sender.write_all(b"bye\r\n").expect("room for a word");
        close(sender);
    }
    drop(input);
    dsyslog.wait().exits(0).says_nothing();
}

/// Feeds so much that nothing more goes into the stream, until the queue has dropped a lot; the last is `line COUNT`.
fn stall(rig: &Rig, dsyslog: &Running, input: &mut ChildStdin) -> usize {
    let count = 12_000;
    let text: Vec<String> = (1..=count).map(|number| format!("line {number:>900}\n")).collect();
    feed(input, text.concat());
    feed(input, lines(count + 1, count + 1));
    rig.wait_state(dsyslog.pid(), 'S');
    count + 1
}

/// The number of each line, of texts that are all made by `stall`.
fn number(text: &str) -> Option<usize> {
    text.strip_prefix("line ")?.trim_start().parse().ok()
}

#[test]
fn a_stream_that_stalls_gets_whole_messages_and_the_count_of_what_is_missing() {
    let Some(rig) = with_dsyslog() else { return };
    let tcp = Stream::tcp("127.0.0.1", 0).expect("a port");
    let port = tcp.port();
    let local = Stream::local(rig.path("socket"));
    for (mut receiver, to) in [(tcp, format!("tcp:127.0.0.1:{port}")), (local, "socket".into())] {
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        let count = stall(&rig, &dsyslog, &mut input);
        let mut texts = Vec::new();
        while texts.last() != Some(&format!("line {count}")) {
            texts.push(receiver.text());
        }
        let Gap { before, lost, after } = gap(&texts);
        assert_eq!(before.len() + lost + after.len(), count, "{to}");
        let numbers: Vec<_> = before.iter().chain(&after).map(|text| number(text)).collect();
        let wanted: Vec<_> =
            (1..=before.len()).chain(before.len() + lost + 1..=count).map(Some).collect();
        assert_eq!(numbers, wanted, "{to}");
        drop(input);
        assert_lost(dsyslog.wait(), lost, &to);
    }
}

#[test]
fn a_stream_that_ends_within_a_message_begins_with_a_whole_one_again() {
    let Some(rig) = with_dsyslog() else { return };
    let tcp = Stream::tcp("127.0.0.1", 0).expect("a port");
    let port = tcp.port();
    let local = Stream::local(rig.path("socket"));
    for (mut receiver, to) in [(tcp, format!("tcp:127.0.0.1:{port}")), (local, "socket".into())] {
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        let count = stall(&rig, &dsyslog, &mut input);
        assert_eq!(number(&receiver.text()), Some(1), "{to}");
        receiver.hang_up();
        let mut last = 0;
        while last != count {
            let text = receiver.text();
            if text.ends_with(" lines lost") {
                continue;
            }
            let number = number(&text).unwrap_or_else(|| panic!("{to}: a torn message: {text:?}"));
            assert!(number > last, "{to}: {number} after {last}");
            last = number;
        }
        drop(input);
        dsyslog.wait().exits(1);
        assert_eq!(receiver.came, 2, "{to}");
    }
}

#[test]
fn signals_that_were_ignored_at_the_start_end_it() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let line = "sh -c 'trap \"\" TERM HUP PIPE; exec dsyslog --to socket fan'";
    let (dsyslog, mut input) = rig.start_fed(line);
    feed(&mut input, "one\n");
    assert_eq!(receiver.text(), "one");
    dsyslog.signal(Signal::SIGTERM);
    ends_soon(dsyslog).exits(0).says_nothing();
}

#[test]
fn closed_descriptors_are_no_reason_to_fail() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    rig.run("dsyslog --to socket fan <&- >&- 2>&-");
    rig.shell("echo one | dsyslog --to socket fan >&- 2>&-").exits(0);
    assert_eq!(receiver.text(), "one");
    assert_eq!(receiver.left(), []);
}

#[test]
fn help_goes_to_standard_output() {
    let Some(rig) = with_dsyslog() else { return };
    let done = rig.run("dsyslog --help").exits(0).says_nothing();
    for option in ["-p", "-f", "-i", "-e", "-c", "--to", "--rfc5424", "--prio-prefix"] {
        assert!(done.out.contains(option), "no {option} in the help: {done}");
    }
}

#[test]
fn nothing_wakes_it_while_nothing_happens() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    feed(&mut input, "one\n");
    assert_eq!(receiver.text(), "one");
    rig.assert_sleeps(dsyslog.pid());
}

#[test]
fn busyboxs_syslogd_takes_the_messages() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(space) = devices(&rig) else { return };
    if !tools::has(&["busybox"]) {
        return;
    }
    let _syslogd = busybox(&rig, &space, "messages");
    rig.shell(format!("printf 'one\\ntwo\\n' | {space} dsyslog -p user.err fan"))
        .exits(0)
        .says_nothing();
    rig.wait_lines("messages", 3);
    let log = rig.read("messages");
    let lines: Vec<&str> = log.lines().skip(1).collect();
    assert!(lines[0].ends_with("user.err fan: one"), "{log}");
    assert!(lines[1].ends_with("user.err fan: two"), "{log}");
}

#[test]
fn busyboxs_syslogd_may_come_late_and_be_killed() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(space) = devices(&rig) else { return };
    if !tools::has(&["busybox"]) {
        return;
    }
    let (dsyslog, mut input) = rig.start_fed(format!("{space} dsyslog fan"));
    let mut last = 0;
    let mut more = |count: usize| {
        feed(&mut input, lines(last + 1, last + count));
        last += count;
        last
    };
    let got = || rig.read("messages").lines().filter(|line| line.contains("fan: line ")).count();
    more(20);
    rig.wait_state(dsyslog.pid(), 'S');
    for end in [Signal::SIGKILL, Signal::SIGTERM] {
        let syslogd = busybox(&rig, &space, "messages");
        let wanted = more(20);
        rig.wait_for("all lines", || got() == wanted);
        syslogd.signal(end);
        syslogd.wait();
        more(20);
        rig.wait_state(dsyslog.pid(), 'S');
    }
    let _syslogd = busybox(&rig, &space, "messages");
    rig.wait_for("all lines", || got() == 100);
    drop(input);
    dsyslog.wait().exits(0);
    let log = rig.read("messages");
    let texts: Vec<String> = log
        .lines()
        .filter_map(|line| line.split_once("fan: "))
        .map(|(_, text)| text.to_string())
        .collect();
    assert_lines(&texts, 1);
}

#[test]
fn rsyslogd_takes_the_messages_by_every_way() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(rsyslogd) = Rsyslogd::new(&rig) else { return };
    let _daemon = rsyslogd.start();
    let port = rsyslogd.port;
    let ways =
        ["log".to_string(), format!("udp:127.0.0.1:{port}"), format!("tcp:127.0.0.1:{port}")];
    let mut wanted = Vec::new();
    for way in ways {
        for format in ["", "--rfc5424"] {
            let text = format!("{way} {format} ä\ttab");
            rig.write("in", format!("{text}\n"));
            rig.run(format!("dsyslog -p local3.info {format} --to {way} fan <in"))
                .exits(0)
                .says_nothing();
            wanted.push(format!("{}|fan| {text}", 19 * 8 + 6));
            rsyslogd.wait_for(&wanted);
        }
    }
}

#[test]
fn rsyslogd_may_be_killed_and_started_again() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(rsyslogd) = Rsyslogd::new(&rig) else { return };
    let mut wanted = Vec::new();
    for way in ["log".to_string(), format!("tcp:127.0.0.1:{}", rsyslogd.port)] {
        let daemon = rsyslogd.start();
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {way} fan"));
        let mut more = |from: usize| {
            feed(&mut input, lines(from, from + 9));
            wanted.extend((from..from + 10).map(|at| format!("{WARNING}|fan| line {at}")));
            wanted.clone()
        };
        rsyslogd.wait_for(&more(1));
        daemon.kill();
        rig.wait_state(dsyslog.pid(), 'S');
        more(11);
        rig.wait_state(dsyslog.pid(), 'S');
        let daemon = rsyslogd.start();
        rsyslogd.wait_for(&more(21));
        drop(input);
        dsyslog.wait().exits(0);
        daemon.kill();
    }
}

#[test]
fn a_long_line_comes_whole_through_rsyslogd() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(rsyslogd) = Rsyslogd::new(&rig) else { return };
    let _daemon = rsyslogd.start();
    let line = "ä€🐢x".repeat(1000);
    rig.write("in", format!("{line}\nend\n"));
    rig.run(format!("dsyslog --to tcp:127.0.0.1:{} fan <in", rsyslogd.port)).exits(0);
    rig.wait_for("the end", || rig.read("got").ends_with(" end\n"));
    let got = rig.read("got");
    let texts = got.lines().filter_map(|line| line.split_once("|fan| "));
    assert_eq!(texts.map(|(_, text)| text).collect::<String>(), line + "end");
}

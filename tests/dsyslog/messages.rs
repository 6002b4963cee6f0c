//! From a line to a message: text, priority, facility, the formats of RFC 3164 and RFC 5424.

use super::{WARNING, rfc5424_text, texts};
use crate::rig::receiver::{Datagrams, Message, Receiver};
use crate::rig::syslogd::with_dsyslog;
use crate::rig::{Rig, feed};

/// Runs dsyslog with these options and this input. Returns the messages it sent.
#[track_caller]
fn sent(rig: &Rig, options: &str, input: impl AsRef<[u8]>) -> Vec<Message> {
    let _ = std::fs::remove_file(rig.path("socket"));
    let mut receiver = Datagrams::new(rig.path("socket"));
    rig.write("in", input);
    let sender = rig.start(format!("env TZ=UTC0 dsyslog --to ./socket {options} <in"));
    let messages = receiver.all(&sender);
    sender.wait().exits(0).reports_nothing();
    messages
}

#[test]
fn each_line_becomes_a_message() {
    let Some(rig) = with_dsyslog() else { return };
    let messages = sent(&rig, "fan", "one\n two \nthree\n");
    assert_eq!(texts(&messages), ["one", " two ", "three"]);
    for message in messages {
        assert_eq!((message.priority, message.name.as_str()), (WARNING, "fan"));
        // The receiver adds the time in its own zone.
        assert_eq!((message.timestamp.as_str(), message.host.as_str()), ("", ""));
    }
}

#[test]
fn dslog_is_another_name_of_dsyslog() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    rig.shell("echo one | dslog --to ./socket fan").exits(0).reports_nothing();
    let message = receiver.next();
    assert_eq!((message.name.as_str(), message.text()), ("fan", "one".to_string()));
}

#[test]
fn an_unterminated_last_line_is_sent() {
    let Some(rig) = with_dsyslog() else { return };
    assert_eq!(texts(&sent(&rig, "fan", "one\ntwo")), ["one", "two"]);
    assert_eq!(texts(&sent(&rig, "fan", "")), Vec::<String>::new());
}

#[test]
fn dsyslog_skips_empty_lines_if_asked() {
    let Some(rig) = with_dsyslog() else { return };
    let input = "\none\n\n\n \ntwo\n\n";
    assert_eq!(texts(&sent(&rig, "fan", input)), ["", "one", "", "", " ", "two", ""]);
    assert_eq!(texts(&sent(&rig, "-e fan", input)), ["one", " ", "two"]);
    assert_eq!(texts(&sent(&rig, "--skip-empty fan", input)), ["one", " ", "two"]);
}

#[test]
fn dsyslog_reads_from_the_descriptor_of_option_i() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    rig.shell("echo not this | dsyslog --to ./socket -i 5 fan 5<<.\none\n.\n").exits(0);
    assert_eq!(texts(&receiver.pending()), ["one"]);
    rig.run("dsyslog --to ./socket -i 77 fan")
        .exits(125)
        .reports("dsyslog", &["Bad file descriptor"]);
}

/// The names of syslog(3) and their customary aliases.
const PRIORITIES: [(&str, u32); 12] = [
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
    ("debug", 7),
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
fn every_priority_name_is_accepted_in_any_case() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    for (name, number) in PRIORITIES {
        let upper = name.to_uppercase();
        rig.shell(format!(
            "echo x | dsyslog --to ./socket -p {name} fan; echo x | dslog --to ./socket --priority={upper} fan"
        ))
        .exits(0)
        .reports_nothing();
        for _ in 0..2 {
            assert_eq!(receiver.next().priority, 3 * 8 + number, "{name}");
        }
    }
}

#[test]
fn every_facility_name_is_accepted_in_any_case() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    for (name, number) in FACILITIES {
        let upper = name.to_uppercase();
        rig.shell(format!(
            "echo x | dsyslog --to ./socket -f {name} fan; echo x | dslog --to ./socket --facility={upper} fan"
        ))
        .exits(0)
        .reports_nothing();
        for _ in 0..2 {
            assert_eq!(receiver.next().priority, number * 8 + 4, "{name}");
        }
    }
}

#[test]
fn option_p_takes_facility_and_priority_as_logger_does() {
    let Some(rig) = with_dsyslog() else { return };
    for (options, number) in [
        ("-p user.err", 8 + 3),
        ("-p Local7.DEBUG", 23 * 8 + 7),
        ("--priority auth.info", 4 * 8 + 6),
        ("-f mail -p crit", 2 * 8 + 2),
        ("-p crit -f mail", 2 * 8 + 2),
        ("-f mail -p user.crit", 8 + 2),
        ("-p 6", 3 * 8 + 6),
        ("-p 32.3", 4 * 8 + 3),
        ("-f 184 -p 0", 23 * 8),
    ] {
        assert_eq!(sent(&rig, &format!("{options} fan"), "x\n")[0].priority, number, "{options}");
    }
}

#[test]
fn invalid_arguments_fail_at_start() {
    let Some(rig) = with_dsyslog() else { return };
    for (arguments, mentioned) in [
        ("-p loud fan", &["-p", "loud"]),
        ("--priority warnin fan", &["--priority", "warnin"]),
        ("-p user. fan", &["-p", "user."]),
        ("-p .err fan", &["-p", ".err"]),
        ("-p fan.err fan", &["-p", "fan.err"]),
        ("-p 8 fan", &["-p", "8"]),
        ("-p 3.6 fan", &["-p", "3.6"]),
        ("-f 192 fan", &["-f", "192"]),
        ("--id=x fan", &["--id", "x"]),
        ("--id= fan", &["--id", "takes no value"]),
        ("-f local8 fan", &["-f", "local8"]),
        ("--facility=warning fan", &["--facility", "warning"]),
        ("--to udp:127.0.0.1: fan", &["--to", "udp:127.0.0.1:"]),
        ("--to udp:::1 fan", &["--to", "udp:::1"]),
        ("--to 10.0.0.1:514 fan", &["10.0.0.1:514", "slash"]),
        ("--to tls:10.0.0.1 fan", &["tls:10.0.0.1", "slash"]),
        ("--to tls://10.0.0.1 fan", &["tls://10.0.0.1", "slash"]),
        ("--to socket fan", &["socket", "slash"]),
        ("--rfc5424 fan", &["--rfc5424", "--to"]),
        ("--size 239 fan", &["--size", "239"]),
        ("--size 9k fan", &["--size", "9k"]),
        ("--to udp:127.0.0.1:0x1 fan", &["--to", "udp:127.0.0.1:0x1"]),
        ("--to udp:127.0.0.1:65536 fan", &["--to", "65536"]),
        ("--to tcp:127.0.0:514 fan", &["--to", "127.0.0:514"]),
        ("--to tcp:127.0.0.256:514 fan", &["--to", "127.0.0.256"]),
        ("--to tcp:[::1:514 fan", &["--to", "[::1:514"]),
        ("--to udp:[1::2::3]:514 fan", &["--to", "1::2::3"]),
        ("--to udp:localhost:514 fan", &["--to", "localhost"]),
        ("fan one", &["one", ""]),
    ] {
        // dsyslog must exit although its input is open and empty.
        let (dsyslog, _input) = rig.start_fed(format!("dsyslog {arguments}"));
        dsyslog.wait().exits(125).reports("dsyslog", mentioned);
    }
    rig.run("dsyslog").exits(125).reports("dsyslog", &["name"]);
    // The path of a socket has at most 108 bytes (unix(7)).
    let long = format!("./{}", "x".repeat(200));
    rig.run(format!("dsyslog --to {long} fan")).exits(125).reports("dsyslog", &["xxx"]);
}

#[test]
fn control_characters_are_escaped() {
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
fn a_line_may_start_with_its_priority_if_allowed() {
    let Some(rig) = with_dsyslog() else { return };
    let input = "<3>three\nnone\n<7>seven\n<30>thirty\n<191>\n<192>no\n<0>\n<3 >no\n<x>no\n<>no\n3>no\n <3>no\n";
    let messages = sent(&rig, "--prio-prefix -f user fan", input);
    let found: Vec<_> = messages.iter().map(|message| (message.priority, message.text())).collect();
    let wanted = [
        (8 + 3, "three"),
        (8 + 4, "none"),
        (8 + 7, "seven"),
        (30, "thirty"),
        (191, ""),
        (8 + 4, "<192>no"),
        (8, ""),
        (8 + 4, "<3 >no"),
        (8 + 4, "<x>no"),
        (8 + 4, "<>no"),
        (8 + 4, "3>no"),
        (8 + 4, " <3>no"),
    ];
    assert_eq!(found, wanted.map(|(number, text)| (number, text.to_string())));
    // The priority of an empty line that is skipped does not stay.
    let message = &sent(&rig, "--prio-prefix -e fan", "<3>\nnone\n")[0];
    assert_eq!((message.priority, message.text()), (WARNING, "none".into()));
    // Without the option it is text.
    let message = &sent(&rig, "fan", "<3>three\n")[0];
    assert_eq!((message.priority, message.text()), (WARNING, "<3>three".into()));
}

#[test]
fn all_parts_of_a_long_line_have_its_priority() {
    let Some(rig) = with_dsyslog() else { return };
    let line = format!("<2>{}", "x".repeat(5000));
    let messages = sent(&rig, "--prio-prefix fan", format!("{line}\nshort\n"));
    let (last, long) = messages.split_last().expect("messages");
    assert!(long.iter().all(|message| message.priority == 3 * 8 + 2), "{long:?}");
    assert_eq!(texts(long).concat(), line[3..]);
    assert_eq!((last.priority, last.text()), (WARNING, "short".into()));
}

#[test]
fn option_rfc5424_selects_the_new_format() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let date = "date -u +%Y-%m-%dT%H:%M:%S.%6NZ";
    let before = rig.shell(date).out;
    rig.shell("printf 'one\\n\\n two ä\\n' | dsyslog --rfc5424 -p user.notice --to ./socket fan")
        .exits(0)
        .reports_nothing();
    let after = rig.shell(date).out;
    let messages = [(); 3].map(|()| receiver.bytes());
    for (message, text) in messages.iter().zip(["one", "", " two ä"]) {
        assert_eq!(String::from_utf8_lossy(&rfc5424_text(message, 13, "fan")), text);
        let timestamp = String::from_utf8_lossy(message).split(' ').nth(1).map(str::to_string);
        let timestamp = timestamp.expect("a timestamp");
        assert!(
            *before.trim_end() <= *timestamp && *timestamp <= *after.trim_end(),
            "{timestamp} not in {before}..{after}"
        );
    }
}

#[test]
fn option_id_adds_a_pid() {
    let Some(rig) = with_dsyslog() else { return };
    for (option, expected) in
        [("--id=4711", "fan[4711]: one"), ("--id=4711 --rfc5424", " fan 4711 - - one")]
    {
        let _ = std::fs::remove_file(rig.path("socket"));
        let mut receiver = Datagrams::new(rig.path("socket"));
        rig.write("in", "one\n");
        rig.run(format!("dsyslog --to ./socket {option} fan <in")).exits(0).reports_nothing();
        let message = String::from_utf8(receiver.bytes()).expect("text");
        assert!(message.ends_with(expected), "{message}");
    }
    let _ = std::fs::remove_file(rig.path("socket"));
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --id --to ./socket fan");
    feed(&mut input, "one\n");
    assert_eq!(receiver.next().name, format!("fan[{}]", dsyslog.pid()));
}

#[test]
fn other_characters_in_a_name_become_underscores() {
    let Some(rig) = with_dsyslog() else { return };
    for (format, shown) in [("", "kitchen_fan_: one"), ("--rfc5424", "kitchen_fan_ - - - one")] {
        let _ = std::fs::remove_file(rig.path("socket"));
        let mut receiver = Datagrams::new(rig.path("socket"));
        rig.write("in", "one\n");
        rig.run(format!("dsyslog --to ./socket {format} 'kitchen fan\t' <in"))
            .exits(0)
            .reports("dsyslog", &["'kitchen fan?'", "sent with _"]);
        let message = String::from_utf8(receiver.bytes()).expect("text");
        assert!(message.ends_with(shown), "{message}");
    }
}

#[test]
fn dsyslog_prints_help_on_standard_output() {
    let Some(rig) = with_dsyslog() else { return };
    let done = rig.run("dsyslog --help").exits(0).reports_nothing();
    for option in ["-p", "-f", "-i", "-e", "-c", "--to", "--rfc5424", "--size", "--prio-prefix"] {
        assert!(done.out.contains(option), "no {option} in the help: {done}");
    }
}

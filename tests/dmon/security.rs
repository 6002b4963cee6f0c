//! Hostile files in a log directory, inherited descriptors, control characters, forged syslog fields, and overlong
//! or endless input, for all applets.

use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::syslogd::with_dsyslog;
use crate::rig::{Rig, quoted, scaled, tools};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn drlog_follows_no_symlink_in_its_directory() {
    let rig = Rig::new();
    rig.shell("mkdir d e; echo precious >target; ln -s ../target d/current").exits(0);
    rig.shell("echo one | drlog d")
        .exits(125)
        .reports("drlog", &["current in d", "symbolic links"]);
    rig.shell("ln -s ../target e/.timestamp; echo one | drlog e").exits(0).reports_nothing();
    rig.shell("ln -f target e/.timestamp; seq 9 | drlog -s 2 e").exits(0).reports_nothing();
    assert_eq!(rig.read("target"), "precious\n");
    assert_eq!(rig.shell("cat e/log* e/current").out, "one\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

#[test]
fn a_fifo_in_its_directory_does_not_block_drlog() {
    let rig = Rig::new();
    rig.shell("mkdir d; mkfifo d/.timestamp; seq 9 | drlog -s 2 d").exits(0).reports_nothing();
    assert_eq!(rig.shell("cat d/log* d/current").out, "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    rig.shell("rm d/current; mkfifo d/current").exits(0);
    rig.shell("echo one | drlog d").exits(125).reports("drlog", &["current in d"]);
}

#[test]
fn every_new_descriptor_is_close_on_exec() {
    if !tools::has(&["strace"]) || !tools::is_native("strace sees the calls of the emulator") {
        return;
    }
    let rig = Rig::new();
    rig.shell("mkdir d; echo A=1 >e; echo 'once' >c").exits(0);
    let _receiver = Datagrams::new(rig.path("socket"));
    let mut made = BTreeSet::new();
    for line in [
        "dmon -C c -p pid -I socket -W . -L 1000 -u root sh -c 'echo hello' -- dlog -t out",
        "dmon -C c -n -m 0 -p pid -I out sh -c 'exit 3' -- cat",
        "sh -c 'seq 9 | drlog -s 2 -m 1 d'",
        "sh -c 'seq 9 | dsyslog --rfc5424 --to ./socket x'",
        "sh -c 'seq 9 | dsyslog --to tcp:127.0.0.1:9 x'",
        "denv -I -d d -f e true",
        "dpty true",
    ] {
        let calls = "openat,pipe2,socket,fcntl,dup,dup2,dup3,accept,pipe,open";
        rig.run(format!("strace -ff -o trace -e trace=execve,{calls} {line}"));
        rig.wait_no_processes();
        let traces = rig.shell("cat trace.*; rm -f trace.*").out;
        // Check only the calls that follow the execve(2) of an applet.
        let mut is_applet = false;
        let mut made_here = BTreeSet::new();
        for call in traces.lines().filter(|call| call.contains('(')) {
            if call.starts_with("execve(") {
                let file = call.split('"').nth(1).unwrap_or_default();
                is_applet = ["dmon", "dlog", "drlog", "dsyslog", "denv", "dpty"]
                    .iter()
                    .any(|name| file.ends_with(name));
            } else if is_applet && makes_descriptor(call) {
                let onto =
                    |fd: &str| call.starts_with("dup3(") && call.contains(&format!(", {fd}, 0)"));
                let inherits = ["0", "1", "2"].into_iter().any(onto);
                assert!(call.contains("CLOEXEC") || inherits, "{line}: {call}");
                made_here.extend(call.split_once('(').map(|(name, _)| name.to_owned()));
            }
        }
        assert!(!made_here.is_empty(), "{line}: {traces}");
        made.extend(made_here);
    }
    for name in ["pipe2", "socket", "dup3"] {
        assert!(made.contains(name), "no call of {name} was traced: {made:?}");
    }
}

/// Reports whether `call`, a line of strace, has made a descriptor. Most commands of fcntl(2) make none.
fn makes_descriptor(call: &str) -> bool {
    !call.contains("= -1 ") && (!call.starts_with("fcntl") || call.contains("F_DUPFD"))
}

/// Control characters (newline, ESC, DEL, C1 in UTF-8, VT) among printable ones.
const ODD: &str = "a\nb\u{1b}c\u{7f}d\u{9b}e\u{85}f\u{b0}g\u{e9}h\u{b}";

#[test]
fn messages_contain_no_control_characters() {
    let rig = Rig::new();
    let odd = quoted(ODD);
    for line in [
        format!("dmon -n {odd}"),
        format!("dmon -n -p {odd}/pid true"),
        format!("dmon -n -I {odd}/status true"),
        format!("dmon -n -W {odd} true"),
        format!("dmon -n -u {odd} true"),
        format!("dmon -C {odd} true"),
        format!("dmon -t {odd} true"),
        format!("dmon --{odd} true"),
        format!("env DMON_OPTIONS={} dmon true", quoted(&format!("-t \"{ODD}\""))),
        format!("dlog {odd}/file"),
        format!("drlog {odd}"),
        format!("dsyslog --to {odd} x"),
        format!("denv -f {odd} true"),
        format!("denv {odd}"),
        format!("envdir {odd} true"),
        format!("dpty {odd}"),
    ] {
        let done = rig.run(&line);
        assert_ne!(done.code(), Some(0), "{done}");
        assert_eq!(done.err.lines().count(), 1, "{done}");
        let is_odd = |c: char| c.is_control() && c != '\n';
        assert!(!done.err.contains(is_odd), "{done}");
        assert!(done.err.contains("\u{b0}g\u{e9}h?"), "{done}");
    }
}

#[test]
fn c1_control_characters_are_escaped_for_syslog() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let mut input = String::new();
    for pad in 0..20 {
        let _ = writeln!(input, "{}\u{9b}31m{}", "x".repeat(pad), "\u{b0}\u{80}\u{a0}".repeat(pad));
    }
    // Around the length at which dsyslog splits a line.
    for length in 900..1100 {
        let _ = writeln!(input, "{}\u{9b}31m", "x".repeat(length));
    }
    rig.write("input", &input);
    let sender = rig.start("dsyslog --to ./socket fan <input");
    let messages = receiver.all(&sender);
    let all: Vec<u8> = messages.iter().flat_map(|message| message.text.clone()).collect();
    let is_control = |two: &[u8]| two[0] == 0xc2 && (0x80..0xa0).contains(&two[1]);
    assert!(!messages.iter().any(|message| message.text.windows(2).any(is_control)));
    // No character is lost.
    let escaped = String::from_utf8_lossy(&all).matches("#233").count();
    assert_eq!(escaped, 220);
    assert_eq!(String::from_utf8_lossy(&all).matches("#200").count(), (0..20).sum::<usize>());
    assert_eq!(String::from_utf8_lossy(&all).matches("\u{a0}").count(), (0..20).sum::<usize>());
}

#[test]
fn the_host_name_cannot_forge_a_syslog_field() {
    let Some(rig) = with_dsyslog() else { return };
    let settable = "unshare -u sh -c 'echo x >/proc/sys/kernel/hostname' 2>/dev/null";
    if !tools::is_root() || rig.shell(settable).code() != Some(0) {
        tools::skip("needs a UTS namespace");
        return;
    }
    let mut receiver = Datagrams::new(rig.path("socket"));
    for (name, shown) in [("a b - - [x]\u{e9}\\033", "a-b-----[x]---"), ("  ", "--")] {
        let set = format!("printf %b '{name}' >/proc/sys/kernel/hostname");
        let send = "echo text | dsyslog --rfc5424 --to ./socket fan";
        rig.shell(format!("unshare -u sh -c {}", quoted(&format!("{set}; {send}")))).exits(0);
        let message = String::from_utf8_lossy(&receiver.bytes()).into_owned();
        let fields: Vec<&str> = message.split(' ').collect();
        assert_eq!(fields[2..], [shown, "fan", "-", "-", "-", "text"], "{message:?}");
    }
}

#[test]
fn a_name_cannot_forge_a_syslog_field() {
    let rig = Rig::new();
    let mut receiver = Datagrams::new(rig.path("socket"));
    for name in ["a b", "a\nb", "a\u{1b}", "a\u{9b}", "caf\u{e9}", "a\tb"] {
        for format in ["", "--rfc5424"] {
            let line = format!("dsyslog --to ./socket {format} {}", quoted(name));
            rig.shell(format!("echo text | {line}")).exits(0);
            let message = String::from_utf8(receiver.bytes()).expect("ASCII");
            let shown: String = name
                .bytes()
                .map(|b| if b.is_ascii_graphic() { char::from(b) } else { '_' })
                .collect();
            let end = if format.is_empty() {
                format!("{shown}: text")
            } else {
                format!(" {shown} - - - text")
            };
            assert!(message.ends_with(&end), "{message:?}");
        }
    }
    for name in ["", &"n".repeat(49)] {
        let line = format!("dsyslog --to ./socket {}", quoted(name));
        rig.run(line).exits(125).reports("dsyslog", &["not a name for syslog"]);
    }
}

#[test]
fn a_corrupt_timestamp_file_costs_drlog_no_line() {
    let rig = Rig::new();
    rig.shell("mkdir d").exits(0);
    let long = "9".repeat(1 << 20);
    let texts = [
        "",
        "\n",
        "-1\n",
        "\0\0\0\0",
        "9223372036854775807\n",
        "18446744073709551616\n",
        "1e9",
        &long,
    ];
    for text in texts {
        rig.write("d/.timestamp", text);
        rig.shell("echo line | drlog -T 1w d").exits(0).reports_nothing();
    }
    assert_eq!(rig.shell("cat d/log* d/current 2>/dev/null").out, "line\n".repeat(texts.len()));
}

#[test]
fn thousands_of_archived_logs_do_not_block_drlog() {
    let rig = Rig::new();
    rig.shell("mkdir d").exits(0);
    let count = scaled(2_000, 100_000);
    for number in 0..count {
        let (hour, minute, second) = (number / 3600, number / 60 % 60, number % 60);
        let day = 10 + hour / 24;
        let name = format!("d/log-2020-01-{day}-{:02}:{minute:02}:{second:02}", hour % 24);
        fs::write(rig.path(&name), "").expect("create an archive");
    }
    let remaining = || {
        let files = fs::read_dir(rig.path("d")).expect("read the directory").flatten();
        files.filter(|file| file.file_name().as_encoded_bytes().starts_with(b"log-")).count()
    };
    // Each rotation removes a few more archives than it adds, until -m is reached.
    rig.shell("echo one | drlog d; seq 2 | drlog -s 2 -m 5 d").exits(0).reports_nothing();
    assert!((count - 200..count).contains(&remaining()), "{} remain", remaining());
    rig.shell("seq 100 | drlog -s 2 -m 5 d").exits(0);
    assert!(remaining() == 5 || count > 2_000, "{} remain", remaining());
}

#[test]
fn arguments_of_maximum_length_are_passed_on() {
    let rig = Rig::new();
    let word = "$(head -c 131000 /dev/zero | tr '\\0' a)";
    let args = format!("{word} {word} {word} {word} {word} {word} {word} {word}");
    let test = "test $# = 8 && test ${#1} = 131000 && test ${#8} = 131000";
    rig.shell(format!("dmon -n -m 0 sh -c '{test}' sh {args} -- cat")).exits(0).reports_nothing();
    rig.shell(format!("denv -I sh -c '{test}' sh {args}")).exits(0).reports_nothing();
    let done = rig.shell(format!("dmon -n {word}")).exits(127);
    assert!(done.err.len() <= 512 && done.err.ends_with("...\n"), "{done}");
}

#[test]
fn endless_files_are_an_error() {
    let rig = Rig::new();
    symlink("/dev/zero", rig.path("zero")).expect("symlink");
    rig.run("dmon -C zero true").exits(125).reports("dmon", &["zero", "File too large"]);
    rig.run("denv -f zero true").exits(111).reports("denv", &["zero", "File too large"]);
    rig.shell("mkdir d; ln -s /dev/zero d/A").exits(0);
    rig.run("envdir d true").exits(111).reports("envdir", &["d/A", "File too large"]);
    // A pid file without a number.
    let dmon = rig.start("dmon -n -p pid sleep 1000");
    rig.child(dmon.pid(), "sleep");
    rig.shell("head -c 1000000 /dev/zero >pid").exits(0);
    rig.run("dmon -p pid touch ran").exits(125).reports("dmon", &["already running"]);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    assert!(!rig.has("ran"));
}

//! Nobody gets more from the programs than is theirs: files that others have put in the way, rights that are given up,
//! a set-uid bit, bytes that command a terminal or forge a field, texts from outside of any length.

use crate::rig::accounts::Accounts;
use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::syslogd::with_dsyslog;
use crate::rig::{Rig, proc, quoted, times, tools};
use std::fmt::Write as _;
use std::fs;

#[test]
fn no_link_in_the_directory_of_drlog_is_followed() {
    let rig = Rig::new();
    rig.shell("mkdir d e; echo precious >target; ln -s ../target d/current").exits(0);
    rig.shell("echo one | drlog d").exits(125).says("drlog", &["current in d", "symbolic links"]);
    rig.shell("ln -s ../target e/.timestamp; echo one | drlog e").exits(0).says_nothing();
    rig.shell("ln -f target e/.timestamp; seq 9 | drlog -s 2 e").exits(0).says_nothing();
    assert_eq!(rig.read("target"), "precious\n");
    assert_eq!(rig.shell("cat e/log* e/current").out, "one\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

#[test]
fn a_fifo_in_the_directory_of_drlog_keeps_nobody_waiting() {
    let rig = Rig::new();
    rig.shell("mkdir d; mkfifo d/.timestamp; seq 9 | drlog -s 2 d").exits(0).says_nothing();
    assert_eq!(rig.shell("cat d/log* d/current").out, "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    rig.shell("rm d/current; mkfifo d/current").exits(0);
    rig.shell("echo one | drlog d").exits(125).says("drlog", &["current in d"]);
}

#[test]
fn a_file_with_two_names_is_no_pid_file_and_keeps_what_it_holds() {
    let rig = Rig::new();
    rig.shell("echo precious >target; ln target pid").exits(0);
    for daemon in ["", "-n"] {
        rig.run(format!("dmon {daemon} -p pid touch ran")).exits(125).says("dmon", &["pid"]);
    }
    assert_eq!((rig.read("target"), rig.has("pid")), ("precious\n".into(), true));
    assert!(!rig.has("ran"));
}

#[test]
fn a_user_without_a_name_is_in_no_group() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.write("passwd", "root:x:0:0::/:\n:x:55555:55556::/:\n");
    let dmon = rig.start(format!("{accounts} dmon -n -u 55555 sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep");
    assert_eq!(proc::ids(command, "Groups"), []);
    assert_eq!(proc::ids(command, "Gid"), [55556; 4]);
}

/// A folder in which the programs are set-uid and root's, for a line as nobody.
fn set_uid() -> Option<(Rig, &'static str)> {
    if !tools::is_root()
        || !tools::has(&["setpriv"])
        || !tools::is_native("the emulator is not set-uid")
    {
        return None;
    }
    let rig = Rig::new();
    rig.copy_applets();
    rig.shell("chmod 777 .; cp $(command -v id) id; chmod 4755 id bin/*").exits(0);
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    if rig.shell(format!("{nobody} ./id -u")).out != "0\n" {
        tools::skip("needs a file system that honours the set-uid bit");
        return None;
    }
    Some((rig, nobody))
}

#[test]
fn who_has_fewer_rights_than_a_set_uid_program_cannot_steer_it_by_variables() {
    let Some((rig, nobody)) = set_uid() else {
        return;
    };
    for (variable, line) in [
        ("DMON_OPTIONS", "dmon -n touch ran"),
        ("DLOG_OPTIONS", "dlog ran"),
        ("DRLOG_OPTIONS", "drlog ."),
        ("DSYSLOG_OPTIONS", "dsyslog ran"),
        ("DSLOG_OPTIONS", "dsyslog ran"),
        ("DSLOG_OPTIONS", "dslog ran"),
    ] {
        for value in ["", "-x", "--help"] {
            let done = rig.run(format!("env {variable}='{value}' {nobody} {line}")).exits(125);
            let applet = line.split(' ').next().unwrap_or_default();
            assert_eq!(done.out, "");
            done.says(applet, &[variable]);
        }
    }
    assert!(!rig.has("ran") && !rig.has("current"));
}

#[test]
fn a_set_uid_program_without_such_variables_does_its_work() {
    let Some((rig, nobody)) = set_uid() else {
        return;
    };
    rig.write("file", "once");
    let list = "env DMON_LIST_MULTICALL_APPLETS=1";
    rig.run(format!("{list} {nobody} dmon -n -C file touch ran")).exits(125);
    rig.run(format!("{list} {nobody} dmon -C file -n touch ran")).exits(0).says_nothing();
    assert!(rig.has("ran"));
    // Who has all of its rights may do all of it.
    assert_eq!(rig.run(format!("{list} dmon")).exits(0).out.lines().count(), 7);
    rig.run("env DMON_OPTIONS=--once dmon -n touch again").exits(0);
    assert!(rig.has("again"));
}

/// Each kind of control character, among characters that are none: a newline, ESC, DEL, and U+009B in UTF-8.
const ODD: &str = "a\nb\u{1b}c\u{7f}d\u{9b}e\u{85}f\u{b0}g\u{e9}h\u{b}";

#[test]
fn no_word_of_a_message_commands_a_terminal() {
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
        format!("dsyslog {odd}"),
        format!("denv -f {odd} true"),
        format!("denv {odd}"),
        format!("envdir {odd} true"),
    ] {
        let done = rig.run(&line);
        assert_ne!(done.code(), Some(0), "{done}");
        let words: Vec<&str> = done.err.lines().collect();
        assert_eq!(words.len(), 1, "{done}");
        let is_odd = |c: char| c.is_control() && c != '\n';
        assert!(!done.err.contains(is_odd), "{done}");
        assert!(done.err.contains("\u{b0}g\u{e9}h?"), "{done}");
    }
}

#[test]
fn control_characters_of_two_bytes_are_escaped_for_syslog() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let mut input = String::new();
    for pad in 0..20 {
        let _ = writeln!(input, "{}\u{9b}31m{}", "x".repeat(pad), "\u{b0}\u{80}\u{a0}".repeat(pad));
    }
    // At the place where a long line is parted.
    for length in 900..1100 {
        let _ = writeln!(input, "{}\u{9b}31m", "x".repeat(length));
    }
    rig.write("input", &input);
    let sender = rig.start("dsyslog --to socket fan <input");
    let messages = receiver.all(&sender);
    let all: Vec<u8> = messages.iter().flat_map(|message| message.text.clone()).collect();
    let is_control = |two: &[u8]| two[0] == 0xc2 && (0x80..0xa0).contains(&two[1]);
    assert!(!messages.iter().any(|message| message.text.windows(2).any(is_control)));
    // Nothing is missing.
    let unescaped = String::from_utf8_lossy(&all).matches("#233").count();
    assert_eq!(unescaped, 220);
    assert_eq!(String::from_utf8_lossy(&all).matches("#200").count(), (0..20).sum::<usize>());
    assert_eq!(String::from_utf8_lossy(&all).matches("\u{a0}").count(), (0..20).sum::<usize>());
}

#[test]
fn the_name_of_the_machine_can_forge_no_field_of_a_message() {
    let Some(rig) = with_dsyslog() else { return };
    let settable = "unshare -u sh -c 'echo x >/proc/sys/kernel/hostname' 2>/dev/null";
    if !tools::is_root() || rig.shell(settable).code() != Some(0) {
        tools::skip("needs a host name of its own");
        return;
    }
    let mut receiver = Datagrams::new(rig.path("socket"));
    for (name, shown) in [("\\n", "-"), ("a b - - [x]\u{e9}\\033", "ab--[x]"), ("  ", "-")] {
        let set = format!("printf %b '{name}' >/proc/sys/kernel/hostname");
        let send = "echo text | dsyslog --rfc5424 --to socket fan";
        rig.shell(format!("unshare -u sh -c {}", quoted(&format!("{set}; {send}")))).exits(0);
        let message = String::from_utf8_lossy(&receiver.bytes()).into_owned();
        let fields: Vec<&str> = message.split(' ').collect();
        assert_eq!(fields[2..], [shown, "fan", "-", "-", "-", "text"], "{message:?}");
    }
}

#[test]
fn a_name_that_could_forge_a_field_is_no_name() {
    let rig = Rig::new();
    let long = "n".repeat(49);
    for name in ["", "a\nb", "a\u{1b}", "a\u{9b}", "caf\u{e9}", "a\tb", &long] {
        for format in ["", "--rfc5424"] {
            let line = format!("dsyslog --to socket {format} {}", quoted(name));
            rig.run(line).exits(125).says("dsyslog", &["is no name for syslog"]);
        }
    }
    rig.run("dsyslog --to socket --rfc5424 'a b'").exits(125);
}

#[test]
fn whatever_stands_in_the_timestamp_of_drlog_costs_no_line() {
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
        rig.shell("echo line | drlog -T 1w d").exits(0).says_nothing();
    }
    assert_eq!(rig.shell("cat d/log* d/current 2>/dev/null").out, "line\n".repeat(texts.len()));
}

#[test]
fn old_logs_beyond_number_keep_no_service_waiting() {
    let rig = Rig::new();
    rig.shell("mkdir d").exits(0);
    let count = times(2_000, 100_000);
    for number in 0..count {
        let (hour, minute, second) = (number / 3600, number / 60 % 60, number % 60);
        let day = 10 + hour / 24;
        let name = format!("d/log-2020-01-{day}-{:02}:{minute:02}:{second:02}", hour % 24);
        fs::write(rig.path(&name), "").expect("an old log");
    }
    let left = || fs::read_dir(rig.path("d")).expect("the folder").count() - 2;
    // A few more go with each rotation than come, until as many are left as shall be.
    rig.shell("echo one | drlog d; seq 2 | drlog -s 2 -m 5 d").exits(0).says_nothing();
    assert!((count - 200..count).contains(&left()), "{} are left", left());
    rig.shell("seq 100 | drlog -s 2 -m 5 d").exits(0);
    assert!(left() == 5 || count > 2_000, "{} are left", left());
}

//! Nobody gets more from the programs than is theirs: files that others have put in the way, rights that are given up,
//! a set-uid bit, bytes that command a terminal or forge a field, texts from outside of any length.

use crate::rig::accounts::{ALICE, ALICES, AUDIO, Accounts, BOB, BOBS, MEDIA};
use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::syslogd::with_dsyslog;
use crate::rig::{Rig, proc, quoted, times, tools};
use nix::sys::signal::Signal;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn drlog_follows_no_symlink_in_its_directory() {
    let rig = Rig::new();
    rig.shell("mkdir d e; echo precious >target; ln -s ../target d/current").exits(0);
    rig.shell("echo one | drlog d").exits(125).says("drlog", &["current in d", "symbolic links"]);
    rig.shell("ln -s ../target e/.timestamp; echo one | drlog e").exits(0).says_nothing();
    rig.shell("ln -f target e/.timestamp; seq 9 | drlog -s 2 e").exits(0).says_nothing();
    assert_eq!(rig.read("target"), "precious\n");
    assert_eq!(rig.shell("cat e/log* e/current").out, "one\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

#[test]
fn a_fifo_in_its_directory_does_not_block_drlog() {
    let rig = Rig::new();
    rig.shell("mkdir d; mkfifo d/.timestamp; seq 9 | drlog -s 2 d").exits(0).says_nothing();
    assert_eq!(rig.shell("cat d/log* d/current").out, "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    rig.shell("rm d/current; mkfifo d/current").exits(0);
    rig.shell("echo one | drlog d").exits(125).says("drlog", &["current in d"]);
}

#[test]
fn a_pid_file_with_two_names_keeps_its_content() {
    let rig = Rig::new();
    rig.shell("echo precious >target; ln target pid").exits(0);
    for daemon in ["", "-n"] {
        rig.run(format!("dmon {daemon} -p pid touch ran")).exits(125).says("dmon", &["pid"]);
    }
    assert_eq!((rig.read("target"), rig.has("pid")), ("precious\n".into(), true));
    assert!(!rig.has("ran"));
}

#[test]
fn every_new_descriptor_is_close_on_exec() {
    if !tools::has(&["strace"]) || !tools::is_native("strace sees the calls of the emulator") {
        return;
    }
    let rig = Rig::new();
    rig.shell("mkdir d; echo A=1 >e; echo 'once' >c").exits(0);
    let _receiver = Datagrams::new(rig.path("socket"));
    let mut seen = 0;
    for line in [
        "dmon -C c -p pid -I socket -W . -L 1000 -u root sh -c 'echo hello' -- dlog -t out",
        "dmon -n -C c -m 0 -p pid -I out sh -c 'exit 3' -- cat",
        "sh -c 'seq 9 | drlog -s 2 -m 1 d'",
        "sh -c 'seq 9 | dsyslog --rfc5424 --to socket x'",
        "sh -c 'seq 9 | dsyslog --to tcp:127.0.0.1:9 x'",
        "denv -I -d d -f e true",
    ] {
        let made = "openat,pipe2,socket,fcntl,dup,dup2,dup3,accept,pipe,open";
        rig.run(format!("strace -ff -o trace -e trace=execve,{made} {line}"));
        rig.wait_empty();
        let traces = rig.shell("cat trace.*; rm -f trace.*").out;
        // From one program's start to the next: only ours are looked at.
        let mut ours = false;
        for call in traces.lines().filter(|call| call.contains('(')) {
            if call.starts_with("execve(") {
                let file = call.split('"').nth(1).unwrap_or_default();
                ours = ["dmon", "dlog", "drlog", "dsyslog", "denv"]
                    .iter()
                    .any(|name| file.ends_with(name));
            } else if ours && !call.contains("= -1 ") {
                let onto =
                    |fd: &str| call.starts_with("dup3(") && call.contains(&format!(", {fd}, 0)"));
                let inherits = ["0", "1", "2"].into_iter().any(onto);
                assert!(call.contains("CLOEXEC") || inherits, "{line}: {call}");
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

/// What a process of ALICE, started by dmon as root, tries to get back.
const PROBE: &str = "#!/bin/sh
    for back in --reuid=0 --euid=0 --ruid=0 --regid=0 --egid=0 --rgid=0 --groups=0; do
        setpriv $back true 2>/dev/null && echo \"$back is had again\"
    done
    grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status
    cat /proc/self/status >status
    echo done\n";

#[test]
fn dropped_privileges_cannot_be_regained() {
    if !tools::has(&["setpriv"]) {
        return;
    }
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.copy_applets();
    rig.shell("chmod 777 .").exits(0);
    rig.program("probe", PROBE);
    let none =
        "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\ndone\n";
    for line in ["-u alice probe", "-u alice:media probe", "-U alice true -- probe"] {
        // Whatever dmon itself has, and would pass on to a command of its own user; and whoever it is.
        let some = "--inh-caps=+setgid,+setuid --ambient-caps=+setgid,+setuid";
        let other = format!("--reuid={BOB} --regid={BOBS} --clear-groups");
        for before in [String::new(), format!("setpriv {some}"), format!("setpriv {other} {some}")]
        {
            let has_some =
                rig.shell(format!("{before} grep '^CapAmb:.*[1-9a-f]' /proc/self/status"));
            if before.contains(&other) && has_some.out.is_empty() {
                tools::skip("needs Linux 4.3, which has ambient capabilities");
                continue;
            }
            let done = rig.run(format!("{accounts} {before} dmon -n -m 0 {line}"));
            let done = done.exits(0);
            assert_eq!(done.out, none, "{before} {line}");
            rig.shell("rm status").exits(0);
        }
    }
}

#[test]
fn setgroups_precedes_setgid_and_setuid() {
    if !tools::has(&["strace"]) || !tools::is_native("strace sees the calls of the emulator") {
        return;
    }
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    rig.copy_applets();
    rig.run(format!(
        "{accounts} strace -f -o trace -e trace='/^set(gid|uid|groups)(32)?$' dmon -n -m 0 -u alice -U bob true -- cat"
    ))
    .exits(0);
    for (user, groups) in
        [(ALICE, format!("2, [{MEDIA}, {AUDIO}]")), (BOB, format!("1, [{MEDIA}]"))]
    {
        let trace = rig.read("trace");
        let own = trace.lines().find(|line| line.contains(&format!("({user})"))).expect("a change");
        let pid = own.split(' ').next().unwrap_or_default();
        let calls: Vec<&str> = trace
            .lines()
            .filter_map(|line| line.strip_prefix(pid)?.trim_start().split(" = 0").next())
            .filter(|call| call.starts_with("set"))
            .map(str::trim_end)
            .collect();
        let name = |call: &str| {
            call.split('(').next().unwrap_or_default().trim_end_matches("32").to_string()
        };
        let names: Vec<String> = calls.iter().map(|call| name(call)).collect();
        assert_eq!(names, ["setgroups", "setgid", "setuid"], "{calls:?}");
        assert!(calls[0].contains(&groups), "{calls:?}");
    }
}

#[test]
fn an_empty_user_name_matches_no_group_member() {
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

#[test]
fn overlong_account_lines_are_parsed_correctly() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    let long = "a".repeat(1 << 20);
    let members = "somebody,".repeat(100_000);
    rig.write(
        "passwd",
        format!(
            "{long}:x:1:1::/:\n{}:\nalice:{long}:{ALICE}:{ALICES}:{long}\n",
            long.replace('a', ":")
        ),
    );
    rig.write("group", format!("{long}:x:1:alice\nx:x:2:{long},{members}alice\n{long},alice\naudio:x:{AUDIO}:{members}alice"));
    let dmon = rig.start(format!("{accounts} dmon -n -u alice sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep");
    assert_eq!(proc::ids(command, "Groups"), [1, 2, AUDIO]);
    let done = rig.run(format!("{accounts} dmon -n -u {} true", "a".repeat(300))).exits(125);
    done.says("dmon", &["unknown user aaa"]);
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
fn set_uid_programs_reject_option_variables() {
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
fn set_uid_programs_work_without_option_variables() {
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
fn c1_control_characters_are_escaped_for_syslog() {
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
fn the_host_name_cannot_forge_a_syslog_field() {
    let Some(rig) = with_dsyslog() else { return };
    let settable = "unshare -u sh -c 'echo x >/proc/sys/kernel/hostname' 2>/dev/null";
    if !tools::is_root() || rig.shell(settable).code() != Some(0) {
        tools::skip("needs a host name of its own");
        return;
    }
    let mut receiver = Datagrams::new(rig.path("socket"));
    for (name, shown) in [("a b - - [x]\u{e9}\\033", "a-b-----[x]---"), ("  ", "--")] {
        let set = format!("printf %b '{name}' >/proc/sys/kernel/hostname");
        let send = "echo text | dsyslog --rfc5424 --to socket fan";
        rig.shell(format!("unshare -u sh -c {}", quoted(&format!("{set}; {send}")))).exits(0);
        let message = String::from_utf8_lossy(&receiver.bytes()).into_owned();
        let fields: Vec<&str> = message.split(' ').collect();
        assert_eq!(fields[2..], [shown, "fan", "-", "-", "-", "text"], "{message:?}");
    }
}

#[test]
fn a_name_that_could_forge_a_syslog_field_is_an_error() {
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
        rig.shell("echo line | drlog -T 1w d").exits(0).says_nothing();
    }
    assert_eq!(rig.shell("cat d/log* d/current 2>/dev/null").out, "line\n".repeat(texts.len()));
}

#[test]
fn thousands_of_archived_logs_do_not_block_drlog() {
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

#[test]
fn arguments_of_maximum_length_are_passed_on() {
    let rig = Rig::new();
    let word = "$(head -c 131000 /dev/zero | tr '\\0' a)";
    let words = format!("{word} {word} {word} {word} {word} {word} {word} {word}");
    let test = "test $# = 8 && test ${#1} = 131000 && test ${#8} = 131000";
    rig.shell(format!("dmon -n -m 0 sh -c '{test}' sh {words} -- cat")).exits(0).says_nothing();
    rig.shell(format!("denv -I sh -c '{test}' sh {words}")).exits(0).says_nothing();
    let done = rig.shell(format!("dmon -n {word}")).exits(127);
    assert!(done.err.len() <= 512 && done.err.ends_with("...\n"), "{done}");
}

#[test]
fn endless_files_are_an_error() {
    let rig = Rig::new();
    symlink("/dev/zero", rig.path("zero")).expect("a link");
    rig.run("dmon -C zero true").exits(125).says("dmon", &["zero", "16384"]);
    rig.run("denv -f zero true").exits(111).says("denv", &["zero", "65536"]);
    rig.shell("mkdir d; ln -s /dev/zero d/A").exits(0);
    rig.run("envdir d true").exits(111).says("envdir", &["d/A", "65536"]);
    // Where a number should stand.
    let dmon = rig.start("dmon -n -p pid sleep 1000");
    rig.child(dmon.pid(), "sleep");
    rig.shell("head -c 1000000 /dev/zero >pid").exits(0);
    rig.run("dmon -p pid touch ran").exits(125).says("dmon", &["already running"]);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    assert!(!rig.has("ran"));
}

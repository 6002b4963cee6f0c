//! The command line: option forms, errors, help and version.

use crate::rig::{Rig, tools};

#[test]
fn options_are_accepted_in_every_usual_form() {
    let rig = Rig::new();
    for line in [
        "dmon -n1 true",
        "dmon -n -1 true",
        "dmon -1n true",
        "dmon --no-daemon --once true",
        "dmon -n -1 -- true",
        "dmon -n1 -L4000 true",
        "dmon -n1 -L 4000 true",
        "dmon -n1L4000 true",
        "dmon -n1 -L 4000.5 -l 3 true",
        "dmon -n1 -L 9000% -l100% true",
        "dmon -n1 --load-high 4000 true",
        "dmon -n1 --load-high=4000 --load-low=0.25 true",
        "dmon -nm0 true",
        "dmon -n -m 0 true",
        "dmon -n1 -m -1 true",
        "dmon -n1 -m-1 true",
        "dmon -n1 --max-respawns=-1 true",
        "dmon -n -m 0 -d 0.5,1m,2h,1d,1w true",
        "dmon -n --delay=500 -m 0 true",
        "dmon -n -m 0 -i 1.5s true",
        "dmon -n1 -m 3/1m true",
        "dmon -n1 -m 64/1 -d 0.01 true",
        "dmon -n1 -k 0 -t 9 -D 1 true",
        "dmon -n1 --kill-after=1 --timeout=1h --drain 2 true",
        "dmon -n1 --stop-signal HUP true",
        "dmon -n1 --stop-signal=SIGHUP true",
        "dmon -n1 --stop-signal 1 true",
        "dmon -n1 --stop-signal RTMIN+1 true",
        "dmon -n1 --stop-signal CLD true",
        "dmon -n1 -esS true",
        "dmon -n1 --stderr-redir --cmd-sigs --log-sigs true",
        "dmon -n1 --no-stderr-redir --no-cmd-sigs --no-log-sigs true",
        "dmon -n1 -p pid true",
        "dmon -n1 --pid-file=pid true",
    ] {
        rig.run(line).exits(0).reports_nothing();
    }
}

#[test]
fn options_end_at_the_first_operand() {
    let rig = Rig::new();
    let done = rig.run("dmon -n1 echo -n1 --once -m -e").exits(0);
    // echo prints its first operand `-n1` unchanged: `-n1` is not one of its options.
    assert_eq!(done.out, "-n1 --once -m -e\n");
}

#[test]
fn the_second_double_dash_starts_the_log_command() {
    let rig = Rig::new();
    rig.run("dmon -n -1 -- echo hello -- dlog f").exits(0).reports_nothing();
    assert_eq!(rig.read("f"), "hello\n");
}

#[test]
fn later_double_dashes_belong_to_the_log_command() {
    let rig = Rig::new();
    rig.run(r#"dmon -n1 echo hello -- sh -c 'echo "$*" >f; cat >>f' sh -a -- -b"#).exits(0);
    assert_eq!(rig.read("f"), "-a -- -b\nhello\n");
}

#[test]
fn a_single_dash_and_an_empty_word_reach_the_command() {
    let rig = Rig::new();
    let done = rig.run(r#"dmon -n1 printf '[%s]' - '' a"#).exits(0);
    assert_eq!(done.out, "[-][][a]");
}

#[test]
fn the_last_of_two_values_wins() {
    let rig = Rig::new();
    rig.run("dmon -n -d 0.1 -m 5 -m 0 sh -c 'echo >>runs; exit 1'").exits(1);
    assert_eq!(rig.lines("runs"), 1);
}

#[test]
fn a_no_prefix_turns_a_switch_off() {
    let rig = Rig::new();
    rig.run("dmon -n --once --no-once -d 0.1 -m 1 sh -c 'echo >>runs'").exits(0);
    assert_eq!(rig.lines("runs"), 2);
}

#[test]
fn no_no_daemon_starts_a_daemon() {
    let rig = Rig::new();
    rig.run("dmon -n --no-no-daemon -p pid sleep 1000").exits(0);
    assert!(rig.pid_in("pid") > 0);
}

#[test]
fn the_help_lists_every_option_on_stdout() {
    let rig = Rig::new();
    for line in ["dmon -h", "dmon --help", "dmon -n --help", "dmon -1 -h nosuch"] {
        let done = rig.run(line).exits(0).reports_nothing();
        for name in [
            "--no-daemon",
            "--once",
            "--max-respawns",
            "--delay",
            "--interval",
            "--timeout",
            "--kill-after",
            "--stop-signal",
            "--drain",
            "--load-high",
            "--load-low",
            "--stderr-redir",
            "--cmd-sigs",
            "--log-sigs",
            "--pid-file",
            "--help",
            "--version",
        ] {
            assert!(done.out.contains(name), "no {name} in the help: {done}");
        }
        for letter in ["-u", "-g", "-U", "-G"] {
            assert!(done.out.contains(letter), "no {letter} in the help: {done}");
        }
    }
}

#[test]
fn the_version_goes_to_stdout() {
    let rig = Rig::new();
    for line in ["dmon -V", "dmon --version", "dlog -V", "dlog --version"] {
        let done = rig.run(line).exits(0).reports_nothing();
        assert!(done.out.contains(env!("CARGO_PKG_VERSION")), "no version: {done}");
        assert_eq!(done.out.lines().count(), 1, "{done}");
    }
}

#[test]
fn an_invalid_value_is_reported_with_its_option() {
    let rig = Rig::new();
    // Letter, name, invalid value. The message contains the letter or the name.
    for (letter, name, word) in [
        ("m", "max-respawns", "many"),
        ("m", "max-respawns", "3x"),
        ("m", "max-respawns", "3/"),
        ("m", "max-respawns", "3/soon"),
        ("m", "max-respawns", "5/0"),
        ("m", "max-respawns", "65/1"),
        ("m", "max-respawns", "99999999999999999999"),
        ("d", "delay", "1x"),
        ("d", "delay", "-1"),
        ("d", "delay", "1,,2"),
        ("d", "delay", "1,"),
        ("d", "delay", "1s2"),
        ("d", "delay", "99999999999999999999w"),
        ("i", "interval", "often"),
        ("t", "timeout", "1.2.3"),
        ("t", "timeout", " 1"),
        ("t", "timeout", "0x10"),
        ("k", "kill-after", "1e3"),
        ("D", "drain", "."),
        ("L", "load-high", "4,0"),
        ("L", "load-high", "high"),
        ("L", "load-high", "-4"),
        ("L", "load-high", "4%%"),
        ("l", "load-low", "%"),
        ("", "stop-signal", "FOO"),
        ("", "stop-signal", "0"),
        ("", "stop-signal", "4444"),
    ] {
        let mut lines = vec![
            format!("dmon -n1 --{name}='{word}' touch ran"),
            format!("dmon -n1 --{name} '{word}' touch ran"),
        ];
        if !letter.is_empty() {
            lines.push(format!("dmon -n1 -{letter} '{word}' touch ran"));
            lines.push(format!("dmon -n1 -{letter}'{word}' touch ran"));
        }
        for line in lines {
            let done = rig.run(line).exits(125).reports("dmon", &[word]);
            let named = done.err.contains(name)
                || (!letter.is_empty() && done.err.contains(&format!("-{letter}")));
            assert!(named, "the message lacks the option: {done}");
        }
    }
    assert!(!rig.has("ran"));
}

#[test]
fn an_empty_value_is_an_error() {
    let rig = Rig::new();
    for option in [
        "-m",
        "-d",
        "-i",
        "-t",
        "-k",
        "-D",
        "-L",
        "-l",
        "--stop-signal",
        "-u",
        "-g",
        "-U",
        "-G",
        "-p",
    ] {
        rig.run(format!("dmon -n {option} '' touch ran")).exits(125).reports("dmon", &[]);
    }
    for option in ["--timeout=", "--delay=", "--pid-file="] {
        rig.run(format!("dmon -n {option} touch ran")).exits(125).reports("dmon", &[]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn an_unknown_option_is_reported() {
    let rig = Rig::new();
    rig.run("dmon -n -Z true").exits(125).reports("dmon", &["-Z"]);
    rig.run("dmon -nZ true").exits(125).reports("dmon", &["Z"]);
    rig.run("dmon -n --bogus true").exits(125).reports("dmon", &["--bogus"]);
    rig.run("dmon -n --bogus=5 true").exits(125).reports("dmon", &["--bogus"]);
    rig.run("dmon -n --no-timeout true").exits(125).reports("dmon", &["timeout"]);
    rig.run("dmon -n --once=1 true").exits(125).reports("dmon", &["--once"]);
    rig.run("dlog --bogus").exits(125).reports("dlog", &["--bogus"]);
}

#[test]
fn an_option_without_its_value_is_reported() {
    let rig = Rig::new();
    rig.run("dmon -n -t").exits(125).reports("dmon", &["-t"]);
    rig.run("dmon -n --timeout").exits(125).reports("dmon", &["--timeout"]);
    rig.run("dlog -p").exits(125).reports("dlog", &["-p"]);
}

#[test]
fn conflicting_options_are_an_error() {
    let rig = Rig::new();
    rig.run("dmon -n -L 2 -l 2 touch ran").exits(125).reports("dmon", &[]);
    rig.run("dmon -n -l 3 -L 2 touch ran").exits(125).reports("dmon", &[]);
    rig.run("dmon -n -L 50% -l 100% touch ran").exits(125).reports("dmon", &[]);
    rig.run("dmon -n -1 -i 5 touch ran").exits(125).reports("dmon", &[]);
    rig.run("dmon -n -i 5 --once touch ran").exits(125).reports("dmon", &[]);
    rig.run("dmon -m 5/3s -d 10s touch ran").exits(125).reports("dmon", &["-m", "-d"]);
    assert!(!rig.has("ran"));
}

#[test]
fn dmon_without_a_command_is_an_error() {
    let rig = Rig::new();
    for line in ["dmon", "dmon -n", "dmon -n --", "dmon -n -- -- dlog f"] {
        rig.run(line).exits(125).reports("dmon", &["command"]);
    }
    assert!(!rig.has("f"));
}

#[test]
fn missing_operands_are_reported_with_the_usage() {
    let rig = Rig::new();
    for (applet, code, missing) in [
        ("dmon", 125, "command"),
        ("drlog", 125, "directory"),
        ("dsyslog", 125, "name"),
        ("denv", 111, "command"),
        ("envdir", 111, "directory"),
        ("envdir .", 111, "command"),
        ("dpty", 125, "command"),
    ] {
        let name = applet.split(' ').next().unwrap();
        let help = rig.run(format!("{name} --help")).exits(0).out;
        let usage = help.lines().next().unwrap();
        rig.run(applet).exits(code).reports(name, &[missing, usage, "--help"]);
    }
}

#[test]
fn a_usage_error_leaves_no_pid_file() {
    let rig = Rig::new();
    rig.run("dmon -p pid -t never true").exits(125);
    rig.run("dmon -p pid").exits(125);
    assert!(!rig.has("pid"));
}

#[test]
fn an_unknown_applet_name_lists_the_known_applets() {
    if !tools::is_native("an emulator uses the name of the file") {
        return;
    }
    let rig = Rig::new();
    let done =
        rig.shell("ln -s \"$(readlink -f bin/dmon)\" sendmail; exec ./sendmail -n true").exits(125);
    for name in ["dmon", "dlog", "dsyslog", "drlog", "denv", "envdir", "dpty"] {
        assert!(done.err.contains(name), "{name} is not listed: {done}");
    }
}

#[test]
fn a_variable_makes_dmon_list_its_applets() {
    let rig = Rig::new();
    let done = rig.run("env DMON_LIST_MULTICALL_APPLETS=1 dmon").exits(0).reports_nothing();
    let names: Vec<&str> = done.out.lines().collect();
    for name in ["dmon", "dlog", "dsyslog", "dslog", "drlog", "denv", "envdir", "dpty"] {
        assert!(names.contains(&name), "{name} is not listed: {done}");
    }
    for value in ["", "0"] {
        rig.run(format!("env DMON_LIST_MULTICALL_APPLETS={value} dmon -n1 true"))
            .exits(0)
            .reports_nothing();
    }
}

//! Options in environment variables such as `DMON_OPTIONS`.

use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::{Rig, assert_same, quoted};
use std::fmt::Write as _;

/// The applets and the variables that they read.
const VARIABLES: [(&str, &str); 7] = [
    ("dmon", "DMON_OPTIONS"),
    ("dlog", "DLOG_OPTIONS"),
    ("drlog", "DRLOG_OPTIONS"),
    ("dsyslog", "DSYSLOG_OPTIONS"),
    ("dsyslog", "DSLOG_OPTIONS"),
    ("dslog", "DSYSLOG_OPTIONS"),
    ("dslog", "DSLOG_OPTIONS"),
];

/// The command prefix that sets this variable.
pub fn with(variable: &str, text: &str) -> String {
    format!("env {variable}={}", quoted(text))
}

/// Returns the line that dlog prints for `l` with these options in its variable.
#[track_caller]
fn dlog_output(rig: &Rig, options: &str) -> String {
    rig.shell(format!("echo l | {} dlog", with("DLOG_OPTIONS", options)))
        .exits(0)
        .reports_nothing()
        .out
}

/// Counts how often `PREFIX dmon OPTIONS` runs a command that fails.
#[track_caller]
pub fn count_runs(rig: &Rig, prefix: &str, options: &str) -> usize {
    let command = "sh -c 'echo >>runs; exit 7'";
    rig.shell(format!("rm -f runs; exec {prefix} dmon {options} {command}"))
        .exits(7)
        .reports_nothing();
    rig.lines("runs")
}

#[test]
fn each_program_takes_options_from_its_variable() {
    let rig = Rig::new();
    let done = rig.run(format!("{} dmon echo hello", with("DMON_OPTIONS", "-n -1"))).exits(0);
    assert_eq!(done.reports_nothing().out, "hello\n");
    assert_eq!(dlog_output(&rig, "-p fan"), "fan l\n");
    let drlog = with("DRLOG_OPTIONS", "--skip-empty");
    rig.shell(format!("mkdir d; printf '\\none\\n' | {drlog} drlog d")).exits(0).reports_nothing();
    assert_eq!(rig.read("d/current"), "one\n");
}

#[test]
fn both_names_of_dsyslog_take_options_from_both_variables() {
    let rig = Rig::new();
    for (name, variable) in VARIABLES.into_iter().filter(|(name, _)| name.ends_with("slog")) {
        let other = if variable == "DSLOG_OPTIONS" { "DSYSLOG_OPTIONS" } else { "DSLOG_OPTIONS" };
        let _ = std::fs::remove_file(rig.path("socket"));
        let mut receiver = Datagrams::new(rig.path("socket"));
        let variables = format!("env {variable}='--to ./socket' {other}='-p err -f user'");
        rig.shell(format!("echo hello | {variables} {name} fan")).exits(0).reports_nothing();
        let message = receiver.next();
        assert_eq!((message.priority, message.text().as_str()), (8 + 3, "hello"), "{name}");
    }
}

#[test]
fn variables_of_other_programs_are_ignored() {
    let rig = Rig::new();
    let bogus_except = |applets: &str| {
        let names = ["DMON", "DLOG", "DRLOG", "DSYSLOG", "DSLOG", "DENV", "ENVDIR"];
        names.iter().filter(|name| !applets.contains(*name)).fold(
            "env".to_string(),
            |mut line, name| {
                let _ = write!(line, " {name}_OPTIONS='--bogus \"'");
                line
            },
        )
    };
    rig.run(format!("{} dmon -n1 true", bogus_except("DMON"))).exits(0).reports_nothing();
    rig.run(format!("{} dlog f", bogus_except("DLOG"))).exits(0).reports_nothing();
    rig.shell(format!("mkdir d; exec {} drlog d", bogus_except("DRLOG")))
        .exits(0)
        .reports_nothing();
    let _receiver = Datagrams::new(rig.path("socket"));
    for name in ["dsyslog", "dslog"] {
        let line = format!("{} {name} --to ./socket x", bogus_except("DSYSLOG DSLOG"));
        rig.run(line).exits(0).reports_nothing();
    }
    rig.run(format!("{} denv true", bogus_except(""))).exits(0).reports_nothing();
    rig.shell(format!("mkdir e; exec {} envdir e true", bogus_except("")))
        .exits(0)
        .reports_nothing();
}

#[test]
fn a_blank_variable_changes_nothing() {
    let rig = Rig::new();
    for text in ["", " ", "\n", " \t\n\x0b\x0c\r "] {
        rig.run(format!("{} dmon -n1 true", with("DMON_OPTIONS", text))).exits(0).reports_nothing();
        assert_eq!(dlog_output(&rig, text), "l\n");
    }
}

#[test]
fn any_white_space_separates_words_of_a_variable() {
    let rig = Rig::new();
    let options = "\n -n\t\t-d 0.1\n\n-m\x0b2\x0c\r ";
    assert_eq!(count_runs(&rig, &with("DMON_OPTIONS", options), ""), 3);
}

#[test]
fn quotes_keep_blanks_and_may_start_inside_a_word() {
    let rig = Rig::new();
    for (options, wanted) in [
        ("-p 'a  b'", "a  b l\n"),
        ("-p \"a\tb\"", "a\tb l\n"),
        ("-p 'a\nb'", "a\nb l\n"),
        ("-p a' 'b", "a b l\n"),
        ("-p a' 'b\" \"c", "a b c l\n"),
        ("-p'a b'", "a b l\n"),
        ("-'p' x", "x l\n"),
        ("\"-p\" x", "x l\n"),
        ("'-pa b'", "a b l\n"),
        ("--prefix='a b'", "a b l\n"),
        ("\"--prefix=a b\"", "a b l\n"),
        ("--pre\"fix\" 'a b'", "a b l\n"),
        ("-p x''", "x l\n"),
        ("-p ''x\"\"", "x l\n"),
        // Each kind of quote is an ordinary byte inside the other.
        ("-p 'say \"hi\"'", "say \"hi\" l\n"),
        ("-p \"it's\"", "it's l\n"),
        ("-p \"it's\"' \"so\"'", "it's \"so\" l\n"),
        // No other byte is special.
        (r"-p a\nb", "a\\nb l\n"),
        (r#"-p "a\""#, "a\\ l\n"),
        (r"-p 'a\ b'", "a\\ b l\n"),
        ("-p a#b", "a#b l\n"),
        ("-p #", "# l\n"),
        ("-p $HOME", "$HOME l\n"),
        ("-p *", "* l\n"),
    ] {
        assert_eq!(dlog_output(&rig, options), wanted, "{options}");
    }
}

#[test]
fn empty_quotes_are_an_empty_word() {
    let rig = Rig::new();
    let plain = rig.shell("printf '\\nl\\n' | dlog -p '' -e").exits(0).out;
    for empty in ["''", "\"\"", "''\"\""] {
        let variable = with("DLOG_OPTIONS", &format!("-p {empty} -e"));
        let done = rig.shell(format!("printf '\\nl\\n' | {variable} dlog")).exits(0);
        assert_eq!(done.reports_nothing().out, plain);
        for options in [empty.to_string(), format!("-n {empty}"), format!("{empty} -n")] {
            rig.run(format!("{} dmon -n1 touch ran", with("DMON_OPTIONS", &options)))
                .exits(125)
                .reports("dmon", &["DMON_OPTIONS", "''"]);
        }
        rig.run(format!("{} dmon -n1 touch ran", with("DMON_OPTIONS", &format!("-p {empty}"))))
            .exits(125)
            .reports("dmon", &[]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn an_unclosed_quote_is_reported_with_its_variable() {
    let rig = Rig::new();
    for (name, variable) in VARIABLES {
        for options in ["'", "\"", "-p 'a", "-p \"a'", "-p a\"", "-p 'a' 'b", "-p \"a\n"] {
            rig.run(format!("{} {name} touch ran", with(variable, options)))
                .exits(125)
                .reports(name, &[variable]);
        }
    }
    assert!(!rig.has("ran") && !rig.has("touch"));
}

#[test]
fn an_operand_in_a_variable_is_an_error() {
    let rig = Rig::new();
    for (name, variable) in VARIABLES {
        for options in ["surplus", "-- surplus", "-", "surplus -V"] {
            let word = if options == "-" { "'-'" } else { "surplus" };
            rig.run(format!("{} {name} touch ran", with(variable, options)))
                .exits(125)
                .reports(name, &[variable, word]);
        }
    }
    rig.run(format!("{} dmon true", with("DMON_OPTIONS", "-n echo hello")))
        .exits(125)
        .reports("dmon", &["DMON_OPTIONS", "echo"]);
    assert!(!rig.has("ran") && !rig.has("touch"));
}

#[test]
fn a_wrong_option_is_reported_with_its_variable() {
    let rig = Rig::new();
    for (name, variable) in VARIABLES {
        rig.run(format!("{} {name} touch ran", with(variable, "-Z")))
            .exits(125)
            .reports(name, &[variable, "-Z"]);
        rig.run(format!("{} {name} touch ran", with(variable, "--bogus=5")))
            .exits(125)
            .reports(name, &[variable, "--bogus"]);
    }
    for (options, words) in [
        ("-t never", ["-t", "'never'"]),
        ("--timeout=never", ["--timeout", "'never'"]),
        ("--timeout '1 2'", ["--timeout", "'1 2'"]),
        ("--once=1", ["--once", "value"]),
        ("--no-timeout", ["--no-timeout", "unknown"]),
    ] {
        rig.run(format!("{} dmon -n1 touch ran", with("DMON_OPTIONS", options)))
            .exits(125)
            .reports("dmon", &["DMON_OPTIONS", words[0], words[1]]);
    }
    assert!(!rig.has("ran") && !rig.has("touch"));
}

#[test]
fn an_option_value_cannot_follow_on_the_command_line() {
    let rig = Rig::new();
    for option in ["-t", "--timeout", "-n1t"] {
        rig.run(format!("{} dmon 5 touch ran", with("DMON_OPTIONS", option)))
            .exits(125)
            .reports("dmon", &["DMON_OPTIONS", option]);
    }
    for (name, variable) in VARIABLES.into_iter().filter(|(name, _)| name.ends_with("slog")) {
        rig.run(format!("{} {name} err", with(variable, "-p")))
            .exits(125)
            .reports(name, &[variable, "-p"]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn the_command_line_overrides_the_variable() {
    let rig = Rig::new();
    let before = with("DMON_OPTIONS", "-n -d 0.1 -m 2");
    assert_eq!(count_runs(&rig, &before, ""), 3);
    assert_eq!(count_runs(&rig, &before, "-m 0"), 1);
    assert_eq!(count_runs(&rig, &before, "--max-respawns=1"), 2);
    let before = with("DMON_OPTIONS", "--once -n -d 0.1 -m 1");
    rig.run(format!("{before} dmon sh -c 'echo >>once'")).exits(0);
    assert_eq!(rig.lines("once"), 1);
    rig.run(format!("{before} dmon --no-once sh -c 'echo >>twice'")).exits(0);
    assert_eq!(rig.lines("twice"), 2);
    let done = rig.shell(format!("echo l | {} dlog -p y", with("DLOG_OPTIONS", "-p x"))).exits(0);
    assert_eq!(done.out, "y l\n");
}

#[test]
fn help_and_version_work_in_a_variable() {
    let rig = Rig::new();
    for (name, variable) in VARIABLES {
        for option in ["-V", "--version", "-h", "--help"] {
            let done = rig.run(format!("{} {name} touch ran", with(variable, option))).exits(0);
            assert_eq!(done.out, rig.run(format!("{name} {option}")).exits(0).out);
            done.reports_nothing();
        }
    }
    assert!(!rig.has("ran") && !rig.has("touch"));
}

#[test]
fn option_variables_reach_the_commands_unchanged() {
    let rig = Rig::new();
    let options = " -n   '-1' ";
    let line = r#"dmon sh -c 'echo "$DMON_OPTIONS"'"#;
    let done = rig.run(format!("{} {line}", with("DMON_OPTIONS", options))).exits(0);
    assert_eq!(done.out, format!("{options}\n"));
    // dlog's variable reaches dlog.
    let before = with("DLOG_OPTIONS", "-p 'fan 1:'");
    rig.run(format!("{before} dmon -n1 echo hello -- dlog f")).exits(0);
    assert_eq!(rig.read("f"), "fan 1: hello\n");
}

#[test]
fn a_daemon_takes_options_from_its_variable() {
    let rig = Rig::new();
    rig.run(format!("{} dmon sleep 1000", with("DMON_OPTIONS", "-p 'the pid'"))).exits(0);
    rig.child(rig.pid_in("the pid"), "sleep 1000");
}

#[test]
fn a_variable_may_contain_any_byte_except_nul() {
    let rig = Rig::new();
    // Without the quote itself and the newline, which would end the line of the log.
    let bytes: Vec<u8> = (1..=255).filter(|byte| !b"\"\n".contains(byte)).collect();
    rig.write("options", [b"-p \"", &bytes[..], b"\""].concat());
    rig.shell("echo l | env DLOG_OPTIONS=\"$(cat options)\" dlog >out").exits(0).reports_nothing();
    assert_same(&rig.bytes("out"), &[&bytes[..], b" l\n"].concat(), "all bytes");
}

#[test]
fn options_in_a_variable_are_limited_to_16384_bytes() {
    let rig = Rig::new();
    for (length, fits) in [(8_000, true), (16_000, true), (16_386, false), (100_000, false)] {
        rig.write("options", "-b ".repeat(length / 3));
        let done = rig.shell("echo l | DLOG_OPTIONS=\"$(cat options)\" dlog");
        match fits {
            true => assert_eq!(done.exits(0).reports_nothing().out, "l\n"),
            false => drop(done.exits(125).reports("dlog", &["DLOG_OPTIONS", "16384"])),
        }
        // The same limit for one long word.
        rig.write("options", format!("-n -E LONG={}", "x".repeat(length - 11)));
        let done = rig.shell("DMON_OPTIONS=\"$(cat options)\" dmon -1 sh -c 'echo ${#LONG}'");
        match fits {
            true => assert_eq!(done.exits(0).reports_nothing().out, format!("{}\n", length - 11)),
            false => drop(done.exits(125).reports("dmon", &["DMON_OPTIONS", "16384"])),
        }
    }
}

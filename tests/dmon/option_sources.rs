//! Options from variables of the environment and from a configuration file.

use crate::rig::disk::as_nobody;
use crate::rig::random::Random;
use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::{Rig, assert_same, proc, quoted};
use std::fmt::Write as _;

/// Which program reads which variable.
const VARIABLES: [(&str, &str); 7] = [
    ("dmon", "DMON_OPTIONS"),
    ("dlog", "DLOG_OPTIONS"),
    ("drlog", "DRLOG_OPTIONS"),
    ("dsyslog", "DSYSLOG_OPTIONS"),
    ("dsyslog", "DSLOG_OPTIONS"),
    ("dslog", "DSYSLOG_OPTIONS"),
    ("dslog", "DSLOG_OPTIONS"),
];

/// The words that give a program this variable.
fn with(variable: &str, text: &str) -> String {
    format!("env {variable}={}", quoted(text))
}

/// What dlog makes of the line `l` with these options in its variable.
#[track_caller]
fn dressed(rig: &Rig, options: &str) -> String {
    rig.shell(format!("echo l | {} dlog", with("DLOG_OPTIONS", options)))
        .exits(0)
        .says_nothing()
        .out
}

/// How often dmon runs a command that fails, with these words before and these options behind it.
#[track_caller]
fn runs(rig: &Rig, before: &str, options: &str) -> usize {
    let command = "sh -c 'echo >>runs; exit 7'";
    rig.shell(format!("rm -f runs; exec {before} dmon {options} {command}"))
        .exits(7)
        .says_nothing();
    rig.lines("runs")
}

#[test]
fn each_program_takes_options_from_its_variable() {
    let rig = Rig::new();
    let done = rig.run(format!("{} dmon echo hello", with("DMON_OPTIONS", "-n -1"))).exits(0);
    assert_eq!(done.says_nothing().out, "hello\n");
    assert_eq!(dressed(&rig, "-p fan"), "fan l\n");
    let drlog = with("DRLOG_OPTIONS", "--skip-empty");
    rig.shell(format!("mkdir d; printf '\\none\\n' | {drlog} drlog d")).exits(0).says_nothing();
    assert_eq!(rig.read("d/current"), "one\n");
}

#[test]
fn both_names_of_dsyslog_take_options_from_both_variables() {
    let rig = Rig::new();
    for (name, variable) in VARIABLES.into_iter().filter(|(name, _)| name.ends_with("slog")) {
        let other = if variable == "DSLOG_OPTIONS" { "DSYSLOG_OPTIONS" } else { "DSLOG_OPTIONS" };
        let _ = std::fs::remove_file(rig.path("socket"));
        let mut receiver = Datagrams::new(rig.path("socket"));
        let variables = format!("env {variable}='--to socket' {other}='-p err -f user'");
        rig.shell(format!("echo hello | {variables} {name} fan")).exits(0).says_nothing();
        let message = receiver.next();
        assert_eq!((message.number, message.text().as_str()), (8 + 3, "hello"), "{name}");
    }
}

#[test]
fn variables_of_other_programs_are_ignored() {
    let rig = Rig::new();
    let all = |but: &str| {
        let names = ["DMON", "DLOG", "DRLOG", "DSYSLOG", "DSLOG", "DENV", "ENVDIR"];
        names.iter().filter(|name| !but.contains(*name)).fold(
            "env".to_string(),
            |mut line, name| {
                let _ = write!(line, " {name}_OPTIONS='--bogus \"'");
                line
            },
        )
    };
    rig.run(format!("{} dmon -n1 true", all("DMON"))).exits(0).says_nothing();
    rig.run(format!("{} dlog f", all("DLOG"))).exits(0).says_nothing();
    rig.shell(format!("mkdir d; exec {} drlog d", all("DRLOG"))).exits(0).says_nothing();
    let _receiver = Datagrams::new(rig.path("socket"));
    for name in ["dsyslog", "dslog"] {
        let line = format!("{} {name} --to socket x", all("DSYSLOG DSLOG"));
        rig.run(line).exits(0).says_nothing();
    }
    rig.run(format!("{} denv true", all(""))).exits(0).says_nothing();
    rig.shell(format!("mkdir e; exec {} envdir e true", all(""))).exits(0).says_nothing();
}

#[test]
fn a_blank_variable_changes_nothing() {
    let rig = Rig::new();
    for text in ["", " ", "\n", " \t\n\x0b\x0c\r "] {
        rig.run(format!("{} dmon -n1 true", with("DMON_OPTIONS", text))).exits(0).says_nothing();
        assert_eq!(dressed(&rig, text), "l\n");
    }
}

#[test]
fn any_white_space_separates_words_of_a_variable() {
    let rig = Rig::new();
    let options = "\n -n\t\t-d 0.1\n\n-m\x0b2\x0c\r ";
    assert_eq!(runs(&rig, &with("DMON_OPTIONS", options), ""), 3);
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
        // One kind of quotes is a byte like any other in the other kind.
        ("-p 'say \"hi\"'", "say \"hi\" l\n"),
        ("-p \"it's\"", "it's l\n"),
        ("-p \"it's\"' \"so\"'", "it's \"so\" l\n"),
        // All else means nothing, in quotes or not.
        (r"-p a\nb", "a\\nb l\n"),
        (r#"-p "a\""#, "a\\ l\n"),
        (r"-p 'a\ b'", "a\\ b l\n"),
        ("-p a#b", "a#b l\n"),
        ("-p #", "# l\n"),
        ("-p $HOME", "$HOME l\n"),
        ("-p *", "* l\n"),
    ] {
        assert_eq!(dressed(&rig, options), wanted, "{options}");
    }
}

#[test]
fn empty_quotes_are_an_empty_word() {
    let rig = Rig::new();
    let plain = rig.shell("printf '\\nl\\n' | dlog -p '' -e").exits(0).out;
    for empty in ["''", "\"\"", "''\"\""] {
        let variable = with("DLOG_OPTIONS", &format!("-p {empty} -e"));
        let done = rig.shell(format!("printf '\\nl\\n' | {variable} dlog")).exits(0);
        assert_eq!(done.says_nothing().out, plain);
        for options in [empty.to_string(), format!("-n {empty}"), format!("{empty} -n")] {
            rig.run(format!("{} dmon -n1 touch ran", with("DMON_OPTIONS", &options)))
                .exits(125)
                .says("dmon", &["DMON_OPTIONS", "''"]);
        }
        rig.run(format!("{} dmon -n1 touch ran", with("DMON_OPTIONS", &format!("-p {empty}"))))
            .exits(125)
            .says("dmon", &[]);
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
                .says(name, &[variable]);
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
                .says(name, &[variable, word]);
        }
    }
    rig.run(format!("{} dmon true", with("DMON_OPTIONS", "-n echo hello")))
        .exits(125)
        .says("dmon", &["DMON_OPTIONS", "echo"]);
    assert!(!rig.has("ran") && !rig.has("touch"));
}

#[test]
fn a_wrong_option_is_reported_with_its_variable() {
    let rig = Rig::new();
    for (name, variable) in VARIABLES {
        rig.run(format!("{} {name} touch ran", with(variable, "-Z")))
            .exits(125)
            .says(name, &[variable, "-Z"]);
        rig.run(format!("{} {name} touch ran", with(variable, "--bogus=5")))
            .exits(125)
            .says(name, &[variable, "--bogus"]);
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
            .says("dmon", &["DMON_OPTIONS", words[0], words[1]]);
    }
    assert!(!rig.has("ran") && !rig.has("touch"));
}

#[test]
fn an_option_value_cannot_follow_on_the_command_line() {
    let rig = Rig::new();
    for option in ["-t", "--timeout", "-n1t"] {
        rig.run(format!("{} dmon 5 touch ran", with("DMON_OPTIONS", option)))
            .exits(125)
            .says("dmon", &["DMON_OPTIONS", option]);
    }
    for (name, variable) in VARIABLES.into_iter().filter(|(name, _)| name.ends_with("slog")) {
        rig.run(format!("{} {name} err", with(variable, "-p")))
            .exits(125)
            .says(name, &[variable, "-p"]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn the_command_line_overrides_the_variable() {
    let rig = Rig::new();
    let before = with("DMON_OPTIONS", "-n -d 0.1 -m 2");
    assert_eq!(runs(&rig, &before, ""), 3);
    assert_eq!(runs(&rig, &before, "-m 0"), 1);
    assert_eq!(runs(&rig, &before, "--max-respawns=1"), 2);
    let before = with("DMON_OPTIONS", "--once -n -d 0.1 -m 1");
    rig.run(format!("{before} dmon sh -c 'echo >>once'")).exits(0);
    assert_eq!(rig.lines("once"), 1);
    rig.run(format!("{before} dmon --no-once sh -c 'echo >>twice'")).exits(0);
    assert_eq!(rig.lines("twice"), 2);
    let done = rig.shell(format!("echo l | {} dlog -p y", with("DLOG_OPTIONS", "-p x"))).exits(0);
    assert_eq!(done.out, "y l\n");
}

#[test]
fn the_variable_overrides_the_file() {
    let rig = Rig::new();
    rig.write("conf", "max-respawns 3\ndelay 0.1\nno-daemon\n");
    assert_eq!(runs(&rig, "", "-C conf"), 4);
    assert_eq!(runs(&rig, &with("DMON_OPTIONS", "-m 2"), "-C conf"), 3);
    assert_eq!(runs(&rig, &with("DMON_OPTIONS", "-m 2"), "-C conf -m 1"), 2);
    assert_eq!(runs(&rig, "", "-C conf -m 0"), 1);
    // Switches too, in both directions.
    rig.write("conf", "once no-daemon delay 0.1 max-respawns 1");
    let command = "sh -c 'echo >>good'";
    rig.run(format!("{} dmon -C conf {command}", with("DMON_OPTIONS", "--no-once"))).exits(0);
    assert_eq!(rig.lines("good"), 2);
    rig.run(format!("{} dmon -C conf -1 {command}", with("DMON_OPTIONS", "--no-once"))).exits(0);
    assert_eq!(rig.lines("good"), 3);
}

#[test]
fn help_and_version_work_in_a_variable() {
    let rig = Rig::new();
    for (name, variable) in VARIABLES {
        for option in ["-V", "--version", "-h", "--help"] {
            let done = rig.run(format!("{} {name} touch ran", with(variable, option))).exits(0);
            assert_eq!(done.out, rig.run(format!("{name} {option}")).exits(0).out);
            done.says_nothing();
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
    // The log command's variable is for the log command.
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
    // All of them but those that mean something here.
    let bytes: Vec<u8> = (1..=255).filter(|byte| !b"\"\n".contains(byte)).collect();
    rig.write("options", [b"-p \"", &bytes[..], b"\""].concat());
    rig.shell("echo l | env DLOG_OPTIONS=\"$(cat options)\" dlog >out").exits(0).says_nothing();
    assert_same(&rig.bytes("out"), &[&bytes[..], b" l\n"].concat(), "all bytes");
}

#[test]
fn options_in_a_variable_are_limited_to_16384_bytes() {
    let rig = Rig::new();
    for (length, fits) in [(8_000, true), (16_000, true), (16_386, false), (100_000, false)] {
        rig.write("options", "-b ".repeat(length / 3));
        let done = rig.shell("echo l | DLOG_OPTIONS=\"$(cat options)\" dlog");
        match fits {
            true => assert_eq!(done.exits(0).says_nothing().out, "l\n"),
            false => drop(done.exits(125).says("dlog", &["DLOG_OPTIONS", "16384"])),
        }
        // One long word instead of many.
        rig.write("options", format!("-n -E LONG={}", "x".repeat(length - 11)));
        let done = rig.shell("DMON_OPTIONS=\"$(cat options)\" dmon -1 sh -c 'echo ${#LONG}'");
        match fits {
            true => assert_eq!(done.exits(0).says_nothing().out, format!("{}\n", length - 11)),
            false => drop(done.exits(125).says("dmon", &["DMON_OPTIONS", "16384"])),
        }
    }
}

#[test]
fn the_config_file_is_given_by_the_first_option() {
    let rig = Rig::new();
    rig.write("conf", "no-daemon\ndelay 0.1\nmax-respawns 1\n");
    for options in [
        "-C conf",
        "-Cconf",
        "--config conf",
        "--config=conf",
        "-C ./conf",
        "-C conf --",
        "-C conf -n",
        "--config=conf -e --",
    ] {
        assert_eq!(runs(&rig, "", options), 2, "{options}");
    }
    // A word of the command is none of dmon's.
    let done = rig.run("dmon -n1 echo -C conf").exits(0);
    assert_eq!(done.out, "-C conf\n");
}

#[test]
fn the_config_option_must_be_the_first() {
    let rig = Rig::new();
    rig.write("conf", "no-daemon\n");
    for options in [
        "-n -C conf",
        "-nC conf",
        "-n1Cconf",
        "-n --config conf",
        "-n --config=conf",
        "-C conf -C conf",
        "--config=conf --config=conf",
        "-C conf -n -C conf",
    ] {
        rig.run(format!("dmon {options} touch ran")).exits(125).says("dmon", &["first"]);
    }
    rig.run("dmon -n -C conf touch ran").exits(125).says("dmon", &["option -C", "conf", "first"]);
    for option in ["-C conf", "--config conf", "--config=conf", "-n --config=conf"] {
        rig.run(format!("{} dmon -n1 touch ran", with("DMON_OPTIONS", option)))
            .exits(125)
            .says("dmon", &["DMON_OPTIONS", "first"]);
    }
    rig.write("other", "\nconfig conf");
    let done = rig.run("dmon -C other -n1 touch ran").exits(125).says("dmon", &["config", "first"]);
    assert!(done.err.starts_with("dmon: other:2:"), "{done}");
    assert!(!rig.has("ran"));
}

#[test]
fn the_loggers_have_no_configuration_file() {
    let rig = Rig::new();
    rig.write("conf", "");
    for name in ["dlog", "drlog", "dsyslog", "dslog"] {
        rig.run(format!("{name} -C conf x")).exits(125).says(name, &["-C"]);
        rig.run(format!("{name} --config conf x")).exits(125).says(name, &["--config"]);
    }
}

#[test]
fn any_white_space_separates_words_of_a_config_file() {
    let rig = Rig::new();
    for text in [
        "no-daemon max-respawns 2 delay 0.1",
        "no-daemon\nmax-respawns 2\ndelay 0.1\n",
        "no-daemon\r\nmax-respawns 2\r\ndelay 0.1\r\n",
        "\n\n\tno-daemon\n\tmax-respawns\n\t\t2\n\n\tdelay\n\t\t0.1\n\n",
        "max-respawns\x0b2\x0cdelay 0.1 no-daemon",
        "# three runs\nno-daemon # here\nmax-respawns 2# no more\n#\n# \"\ndelay 0.1 #",
        "\"no-daemon\" \"max-respawns\" \"2\" delay \"0.1\"",
        "max-respawns -1 max-respawns 2 no-daemon delay 0.1,0.2",
        "once no-once no-daemon delay 0.1 max-respawns 2",
    ] {
        rig.write("conf", text);
        assert_eq!(runs(&rig, "", "-C conf"), 3, "{text:?}");
    }
}

#[test]
fn a_no_prefix_turns_a_switch_off_in_a_config_file() {
    let rig = Rig::new();
    rig.write("conf", "no-daemon once no-once max-respawns 1 delay 0.1");
    rig.run("dmon -C conf sh -c 'echo >>runs'").exits(0);
    assert_eq!(rig.lines("runs"), 2);
    rig.write("conf", "no-daemon no-no-daemon pid-file pid");
    rig.run("dmon -C conf sleep 1000").exits(0);
    rig.child(rig.pid_in("pid"), "sleep 1000");
}

#[test]
fn an_empty_config_file_changes_nothing() {
    let rig = Rig::new();
    for text in ["", "\n", "  \t", "#", "# nothing\n\n # more of it"] {
        rig.write("conf", text);
        rig.run("dmon -C conf -n1 true").exits(0).says_nothing();
        rig.run("dmon -C conf").exits(125).says("dmon", &["command"]);
    }
    rig.run("dmon -C /dev/null -n1 true").exits(0).says_nothing();
}

#[test]
fn the_config_file_may_be_a_pipe() {
    let rig = Rig::new();
    let done = rig.shell("printf 'no-daemon\\nonce' | dmon -C /dev/stdin echo hello").exits(0);
    assert_eq!(done.says_nothing().out, "hello\n");
    // In pieces, the border of which is in the middle of a word.
    let pieces = "for p in no-dae mon ' on' 'ce '; do printf %s \"$p\"; sleep 0.1; done";
    let done = rig.shell(format!("({pieces}) | dmon -C /dev/stdin echo hello")).exits(0);
    assert_eq!(done.says_nothing().out, "hello\n");
}

/// The value of the variable `A` that a file with this text gives the command.
#[track_caller]
fn value(rig: &Rig, text: impl AsRef<[u8]>) -> Vec<u8> {
    rig.write("conf", text);
    rig.shell("dmon -C conf -n1 env -0 >out").exits(0).says_nothing();
    rig.variables("out").remove(&b"A"[..]).expect("the variable A")
}

#[test]
fn quoted_strings_keep_blanks_and_expand_escapes() {
    let rig = Rig::new();
    for (string, wanted) in [
        (r#""A=""#, &b""[..]),
        (r#""A=x y""#, b"x y"),
        ("\"A=x\n\ty\"", b"x\n\ty"),
        (r#""A=# no comment""#, b"# no comment"),
        (r#""A=it's""#, b"it's"),
        (r#""A=\n\r\t\b\e\a\v\"\\""#, b"\n\r\t\x08\x1b\x07\x0b\"\\"),
        (r#""A=\\n\\\\""#, b"\\n\\\\"),
        (r#""A=\"x\"""#, b"\"x\""),
        (r#""A=\x41\x7f\x01\xfF\xFf""#, b"\x41\x7f\x01\xff\xff"),
        (r#""A=\x411""#, b"A1"),
        (r#""\x41=\x3d\x23\x22""#, b"=#\""),
        ("\"A=ä\"", "ä".as_bytes()),
    ] {
        assert_eq!(value(&rig, format!("environ {string}")), wanted, "{string}");
        assert_eq!(value(&rig, format!("environ\n{string}\nonce")), wanted, "{string}");
    }
}

#[test]
fn unquoted_words_expand_no_escapes_and_end_at_a_hash() {
    let rig = Rig::new();
    for (text, wanted) in [
        (r"environ A=a\nb", &br"a\nb"[..]),
        (r"environ A=\", br"\"),
        (r"environ A=\x41", br"\x41"),
        ("environ A=it's", b"it's"),
        ("environ A='x'", b"'x'"),
        ("environ A=x#y", b"x"),
        ("environ A=x# \" 'y", b"x"),
        ("environ A=x#y bogus\nonce", b"x"),
        ("environ A=#", b""),
        ("environ # a name\nA=x # its value\n", b"x"),
        ("environ \"A=x\"#y", b"x"),
        ("environ A=$HOME", b"$HOME"),
    ] {
        assert_eq!(value(&rig, text), wanted, "{text:?}");
    }
}

#[test]
fn a_config_file_may_contain_any_byte_except_nul() {
    let rig = Rig::new();
    let bytes: Vec<u8> = (1..=255).filter(|byte| !b"\"\\".contains(byte)).collect();
    let text = [b"environ \"A=", &bytes[..], b"\""].concat();
    assert_eq!(value(&rig, text), bytes);
    let bare: Vec<u8> = (1..=255_u8)
        .filter(|byte| !byte.is_ascii_whitespace() && !b"\x0b\"#\\".contains(byte))
        .collect();
    assert_eq!(value(&rig, [b"environ A=", &bare[..]].concat()), bare);
}

/// That a file with this text is refused at this place, and these words are said.
#[track_caller]
fn refuses(rig: &Rig, text: impl AsRef<[u8]>, place: &str, words: &[&str]) {
    rig.write("conf", text);
    let done = rig.run("dmon -C conf -n1 touch ran").exits(125).says("dmon", words);
    assert!(done.err.starts_with(&format!("dmon: conf:{place}: ")), "not at {place}: {done}");
    assert!(!rig.has("ran"));
}

#[test]
fn config_errors_are_reported_with_line_and_column() {
    let rig = Rig::new();
    for (text, place, word) in [
        ("bogus", "1:1", "bogus"),
        ("once bogus", "1:6", "bogus"),
        ("once\n\n  bogus\n", "3:3", "bogus"),
        ("\t\tbogus", "1:3", "bogus"),
        ("# a comment\n#\n#\n bogus once", "4:2", "bogus"),
        ("once # bogus\n bogus", "2:2", "bogus"),
        ("once\r\nbogus\r\n", "2:1", "bogus"),
        ("pid-file \"a\nb\" bogus", "2:4", "bogus"),
        ("pid-file \"\n\n\" \"bogus\"", "3:3", "bogus"),
        ("pid-file \"\\n\\\"\" bogus", "1:17", "bogus"),
        ("timeout never", "1:9", "never"),
        ("timeout\n\n\tnever", "3:2", "never"),
        ("timeout \"1 2\"", "1:9", "1 2"),
        ("timeout once", "1:9", "once"),
        ("once yes", "1:6", "yes"),
        ("once\nload-high 4 load-low high", "2:22", "high"),
        ("once timeout", "1:6", "timeout"),
        ("once\n timeout\n\n", "2:2", "timeout"),
        ("no-timeout 5", "1:1", "no-timeout"),
        ("no-bogus", "1:1", "no-bogus"),
        ("once ls -l", "1:6", "ls"),
        // Letters, dashes, and what would show something instead of a run.
        ("-n", "1:1", "-n"),
        ("--once", "1:1", "--once"),
        ("n", "1:1", "n"),
        ("--", "1:1", "--"),
        ("once help", "1:6", "help"),
        ("once version", "1:6", "version"),
        ("limit bogus=5", "1:7", "bogus=5"),
        ("environ =5", "1:9", "=5"),
        ("environ \"\" once", "1:9", "environ"),
        ("\"\"", "1:1", ""),
        ("Once", "1:1", "Once"),
        ("once=1", "1:1", "once"),
    ] {
        refuses(&rig, text, place, &[word]);
    }
}

#[test]
fn string_errors_are_reported_at_the_start_of_the_string() {
    let rig = Rig::new();
    for (text, place) in [
        ("\"", "1:1"),
        ("environ \"A=x", "1:9"),
        ("environ \"A=x\n\nonce\n", "1:9"),
        ("once\n environ \"A=x\\\"\nonce", "2:10"),
        ("environ \"A=x\\", "1:9"),
        ("environ \"A=\n\\q\"", "1:9"),
        (r#"environ "A=\ ""#, "1:9"),
        (r#"environ "A=\'""#, "1:9"),
        (r#"environ "A=\0""#, "1:9"),
        (r#"environ "A=\N""#, "1:9"),
        (r#"environ "A=\X41""#, "1:9"),
        (r#"environ "A=\x""#, "1:9"),
        (r#"environ "A=\x4""#, "1:9"),
        (r#"environ "A=\x4g""#, "1:9"),
        (r#"environ "A=\x+4""#, "1:9"),
        (r#"environ "A=\x 4""#, "1:9"),
        (r#"environ "A=\x00""#, "1:9"),
        (r#"environ "A=\x4"#, "1:9"),
        ("environ \"A=\\\n\"", "1:9"),
        ("environ A=x\0y", "1:9"),
        ("once\n\0", "2:1"),
        ("environ \"A=\0\"", "1:9"),
        ("environ \"A=\\\0\"", "1:9"),
    ] {
        refuses(&rig, text, place, &[]);
    }
}

#[test]
fn only_the_first_error_is_reported() {
    let rig = Rig::new();
    refuses(&rig, "bogus\ntimeout never \"", "1:1", &["bogus"]);
    rig.run(format!("{} dmon -C conf -Z", with("DMON_OPTIONS", "-Z"))).exits(125);
    rig.write("conf", "once");
    rig.run(format!("{} dmon -C conf -Y", with("DMON_OPTIONS", "-Z")))
        .exits(125)
        .says("dmon", &["DMON_OPTIONS", "-Z"]);
}

#[test]
fn an_unreadable_config_file_is_reported_with_the_reason() {
    let rig = Rig::new();
    for form in ["-C ", "-C", "--config ", "--config="] {
        rig.run(format!("dmon {form}nosuch -n1 touch ran"))
            .exits(125)
            .says("dmon", &["nosuch: No such file or directory"]);
        rig.run(format!("dmon {form}bin -n1 touch ran"))
            .exits(125)
            .says("dmon", &["bin: Is a directory"]);
    }
    for options in ["-C ''", "--config ''", "--config="] {
        rig.run(format!("dmon {options} -n1 touch ran")).exits(125).says("dmon", &[]);
    }
    let long = "x".repeat(5000);
    rig.run(format!("dmon -C {long} -n1 touch ran")).exits(125).says("dmon", &["cannot"]);
    for options in ["-C", "--config"] {
        rig.run(format!("dmon {options}")).exits(125).says("dmon", &[options, "value"]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn a_config_file_without_permission_is_reported() {
    let rig = Rig::new();
    let Some(nobody) = as_nobody(&rig) else {
        return;
    };
    rig.shell("touch secret; chmod 0 secret").exits(0);
    rig.run(format!("{nobody} dmon -C secret -n1 true"))
        .exits(125)
        .says("dmon", &["secret: Permission denied"]);
}

#[test]
fn the_config_file_is_read_if_descriptors_0_to_2_are_closed() {
    let rig = Rig::new();
    rig.write("conf", "no-daemon once # nothing else\n");
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let command = "sh -c 'echo hello >ran'";
        rig.shell(format!("rm -f ran; exec dmon -C conf {command} {closed}")).exits(0);
        assert_eq!(rig.read("ran"), "hello\n", "{closed}");
    }
    rig.write("conf", "bogus");
    rig.run("dmon -C conf touch wrong <&- >&- 2>&-").exits(125);
    assert!(!rig.has("wrong"));
}

#[test]
fn commands_do_not_inherit_the_config_file() {
    let rig = Rig::new();
    let plain = rig.start("sleep 3000");
    rig.wait_for("a plain program", || proc::words(plain.pid()) == "sleep 3000");
    let numbers = |pid| proc::descriptors(pid).into_keys().collect::<Vec<i32>>();
    rig.write("conf", "no-daemon");
    let dmon = rig.start("dmon -C conf sleep 1000 -- sleep 2000");
    for words in ["sleep 1000", "sleep 2000"] {
        let child = rig.child(dmon.pid(), words);
        // While a program begins, its libraries are open for a moment.
        rig.wait_for(format!("the files of a plain program in `{words}`"), || {
            numbers(child) == numbers(plain.pid())
        });
    }
    let open = proc::descriptors(dmon.pid());
    assert!(!open.values().any(|path| path.ends_with("conf")), "{open:?}");
}

#[test]
fn a_config_error_leaves_no_pid_file_and_starts_nothing() {
    let rig = Rig::new();
    rig.write("conf", "pid-file pid\nbogus\n");
    rig.run("dmon -C conf touch ran -- dlog f").exits(125).says("dmon", &["conf:2:1", "bogus"]);
    assert!(!rig.has("pid") && !rig.has("ran") && !rig.has("f"));
    rig.assert_empty();
}

#[test]
fn a_config_file_is_limited_to_16384_bytes() {
    let rig = Rig::new();
    for (length, fits) in [(8_000, true), (16_000, true), (17_000, false), (3_000_000, false)] {
        rig.write("conf", "once ".repeat(length / 5));
        let done = rig.run("dmon -C conf -n true");
        match fits {
            true => done.exits(0).says_nothing(),
            false => done.exits(125).says("dmon", &["conf", "16384"]),
        };
    }
    rig.run("dmon -C /dev/zero -n true").exits(125).says("dmon", &["/dev/zero"]);
    let long = "x".repeat(10_000);
    assert_eq!(value(&rig, format!("environ A={long}")), long.as_bytes());
}

#[test]
fn the_config_file_and_the_variable_share_one_limit() {
    let rig = Rig::new();
    rig.write("conf", "once ".repeat(2000));
    rig.write("options", "-n ".repeat(2000));
    rig.shell("DMON_OPTIONS=\"$(cat options)\" exec dmon -C conf true").exits(0).says_nothing();
    rig.write("options", "-n ".repeat(3000));
    rig.shell("DMON_OPTIONS=\"$(cat options)\" exec dmon -C conf touch ran")
        .exits(125)
        .says("dmon", &["DMON_OPTIONS", "16384"]);
    assert!(!rig.has("ran"));
}

#[test]
fn the_help_lists_the_config_option() {
    let rig = Rig::new();
    let done = rig.run("dmon --help").exits(0);
    assert!(done.out.contains("-C, --config"), "{done}");
}

/// A file as somebody would write it who has many things to say.
#[test]
fn a_config_file_can_describe_a_service() {
    let rig = Rig::new();
    rig.write(
        "conf",
        "# fan control\n\nno-daemon\nstderr-redir\nmax-respawns 1   # run it twice\ndelay 0.1\n\
         pid-file \"a pid\"\n\ntimeout 1h\nkill-after 5s\nstop-signal INT\nload-high 4000\nload-low 3\n\
         environ COLOUR=red\nenviron \"NAME=fan \\x31\"\nlimit nofile=77\n",
    );
    let command = r#"sh -c 'echo "$COLOUR $NAME $(ulimit -n)" >&2; test -s "a pid"'"#;
    rig.run(format!("dmon -C conf {command} -- dlog f")).exits(0).says_nothing();
    assert_eq!(rig.read("f"), "red fan 1 77\nred fan 1 77\n");
    assert!(!rig.has("a pid"));
}

/// Any values, written in any way that the grammars allow, arrive.
#[test]
fn random_values_arrive_unchanged_from_both_sources() {
    let rig = Rig::new();
    let mut random = Random::new();
    for _ in 0..crate::rig::times(20, 1000) {
        let values: Vec<Vec<u8>> = (0..1 + random.below(9)).map(|_| any(&mut random)).collect();
        let (mut file, mut options) = (Vec::new(), Vec::new());
        for (number, value) in values.iter().enumerate() {
            let [f, v] =
                ["F", "V"].map(|kind| [format!("{kind}{number}=").as_bytes(), &value[..]].concat());
            file.extend_from_slice(b"environ ");
            file.extend(in_file(&mut random, &f));
            file.push(random.pick(b" \t\n\r\x0b\x0c"));
            options.extend_from_slice(b"-E ");
            options.extend(in_variable(&mut random, &v));
            options.push(random.pick(b" \t\n\r\x0b\x0c"));
        }
        // The shell cuts newlines off the end.
        options.extend_from_slice(b" -n");
        rig.write("conf", &file);
        rig.write("options", &options);
        rig.shell("DMON_OPTIONS=\"$(cat options)\" exec dmon -C conf -1 env -0 >out")
            .exits(0)
            .says_nothing();
        let found = rig.variables("out");
        for (number, value) in values.iter().enumerate() {
            for kind in ["F", "V"] {
                let name = format!("{kind}{number}");
                let found = found.get(name.as_bytes()).unwrap_or_else(|| panic!("no {name}"));
                assert_same(found, value, format!("{name}\n{}", rig.scene()));
            }
        }
    }
}

/// A few bytes, those with a meaning more often than others.
fn any(random: &mut Random) -> Vec<u8> {
    let length = random.below(30);
    (0..length)
        .map(|_| match random.below(2) {
            0 => random.pick(b" \t\n\r\"'\\#=-nx0a"),
            _ => 1 + random.below(255) as u8,
        })
        .collect()
}

/// A word as a file may have it.
fn in_file(random: &mut Random, word: &[u8]) -> Vec<u8> {
    let bare = |byte: &u8| !byte.is_ascii_whitespace() && !b"\x0b\"#".contains(byte);
    if random.below(2) == 0 && word.iter().all(bare) {
        return word.to_vec();
    }
    let mut text = vec![b'"'];
    for &byte in word {
        let letter = b"n\nr\rt\tb\x08e\x1ba\x07v\x0b\"\"\\\\".chunks(2).find(|two| two[1] == byte);
        match (random.below(3), letter) {
            (0, _) if byte != b'"' && byte != b'\\' => text.push(byte),
            (1, Some(two)) => text.extend([b'\\', two[0]]),
            _ if random.below(2) == 0 => text.extend(format!("\\x{byte:02x}").bytes()),
            _ => text.extend(format!("\\x{byte:02X}").bytes()),
        }
    }
    text.push(b'"');
    text
}

/// A word as a variable may have it: pieces in quotes or not.
fn in_variable(random: &mut Random, word: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = word;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(1 + random.below(rest.len()));
        let free = |quote: u8| !piece.contains(&quote);
        let bare = |byte: &u8| !byte.is_ascii_whitespace() && !b"\x0b\"'".contains(byte);
        if piece.iter().all(bare) && random.below(2) == 0 {
            text.extend_from_slice(piece);
        } else if let Some(&quote) = b"'\"".iter().find(|&&quote| free(quote)) {
            text.push(quote);
            text.extend_from_slice(piece);
            text.push(quote);
        } else {
            // Both quotes in one piece: a smaller one.
            continue;
        }
        rest = more;
    }
    text
}

#[test]
fn a_random_config_file_never_crashes_dmon() {
    let rig = Rig::new();
    let mut random = Random::new();
    for _ in 0..crate::rig::times(100, 5000) {
        let mut text = b"no-daemon once ".to_vec();
        for _ in 0..random.below(5) {
            text.extend_from_slice(random.pick(&[
                b"environ ",
                b"timeout ",
                b"once ",
                b"\" ",
                b"# ",
            ]));
            text.extend(any(&mut random));
        }
        rig.write("conf", &text);
        let done = rig.run("dmon -C conf true");
        if !done.err.is_empty() {
            let done = done.exits(125).says("dmon", &["conf:"]);
            assert!(!done.err.contains(|c: char| c.is_ascii_control() && c != '\n'), "{done}");
        } else {
            done.exits(0);
        }
    }
}

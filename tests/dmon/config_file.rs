//! The configuration file: `-C`.

use super::environment_options::{count_runs, with};
use crate::rig::{Rig, proc};

#[test]
fn the_variable_overrides_the_file() {
    let rig = Rig::new();
    rig.write("conf", "max-respawns 3\ndelay 0.1\nno-daemon\n");
    assert_eq!(count_runs(&rig, "", "-C conf"), 4);
    assert_eq!(count_runs(&rig, &with("DMON_OPTIONS", "-m 2"), "-C conf"), 3);
    assert_eq!(count_runs(&rig, &with("DMON_OPTIONS", "-m 2"), "-C conf -m 1"), 2);
    assert_eq!(count_runs(&rig, "", "-C conf -m 0"), 1);
    // The same for switches, in both directions.
    rig.write("conf", "once no-daemon delay 0.1 max-respawns 1");
    let command = "sh -c 'echo >>good'";
    rig.run(format!("{} dmon -C conf {command}", with("DMON_OPTIONS", "--no-once"))).exits(0);
    assert_eq!(rig.lines("good"), 2);
    rig.run(format!("{} dmon -C conf -1 {command}", with("DMON_OPTIONS", "--no-once"))).exits(0);
    assert_eq!(rig.lines("good"), 3);
}

/// Editors of other systems write both.
#[test]
fn the_config_file_may_have_a_byte_order_mark_and_crlf() {
    let rig = Rig::new();
    rig.write("conf", "\u{feff}no-daemon\r\ndelay 0.1 # s\r\nmax-respawns 1\r\n");
    assert_eq!(count_runs(&rig, "", "-C conf"), 2);
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
        assert_eq!(count_runs(&rig, "", options), 2, "{options}");
    }
    // An argument of the command is not an option of dmon.
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
        rig.run(format!("dmon {options} touch ran")).exits(125).reports("dmon", &["first"]);
    }
    rig.run("dmon -n -C conf touch ran")
        .exits(125)
        .reports("dmon", &["option -C", "conf", "first"]);
    for option in ["-C conf", "--config conf", "--config=conf", "-n --config=conf"] {
        rig.run(format!("{} dmon -n1 touch ran", with("DMON_OPTIONS", option)))
            .exits(125)
            .reports("dmon", &["DMON_OPTIONS", "first"]);
    }
    rig.write("other", "\nconfig conf");
    let done =
        rig.run("dmon -C other -n1 touch ran").exits(125).reports("dmon", &["config", "first"]);
    assert!(done.err.starts_with("dmon: other:2:"), "{done}");
    assert!(!rig.has("ran"));
}

#[test]
fn the_loggers_have_no_configuration_file() {
    let rig = Rig::new();
    rig.write("conf", "");
    for name in ["dlog", "drlog", "dsyslog", "dslog"] {
        rig.run(format!("{name} -C conf x")).exits(125).reports(name, &["-C"]);
        rig.run(format!("{name} --config conf x")).exits(125).reports(name, &["--config"]);
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
        assert_eq!(count_runs(&rig, "", "-C conf"), 3, "{text:?}");
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
        rig.run("dmon -C conf -n1 true").exits(0).reports_nothing();
        rig.run("dmon -C conf").exits(125).reports("dmon", &["command"]);
    }
    rig.run("dmon -C /dev/null -n1 true").exits(0).reports_nothing();
}

#[test]
fn the_config_file_may_be_a_pipe() {
    let rig = Rig::new();
    let done = rig.shell("printf 'no-daemon\\nonce' | dmon -C /dev/stdin echo hello").exits(0);
    assert_eq!(done.reports_nothing().out, "hello\n");
    // A read may end in the middle of a word.
    let pieces = "for p in no-dae mon ' on' 'ce '; do printf %s \"$p\"; sleep 0.1; done";
    let done = rig.shell(format!("({pieces}) | dmon -C /dev/stdin echo hello")).exits(0);
    assert_eq!(done.reports_nothing().out, "hello\n");
}

/// Returns the variable `A` of a command that is started with this file.
#[track_caller]
fn value(rig: &Rig, text: impl AsRef<[u8]>) -> Vec<u8> {
    rig.write("conf", text);
    rig.shell("dmon -C conf -n1 env -0 >out").exits(0).reports_nothing();
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
    rig.wait_for("a plain program", || proc::cmdline(plain.pid()) == "sleep 3000");
    let numbers = |pid| proc::descriptors(pid).into_keys().collect::<Vec<i32>>();
    rig.write("conf", "no-daemon");
    let dmon = rig.start("dmon -C conf sleep 1000 -- sleep 2000");
    for words in ["sleep 1000", "sleep 2000"] {
        let child = rig.child(dmon.pid(), words);
        // Until it has started, a program also has its libraries open.
        rig.wait_for(format!("the descriptors of a plain program in `{words}`"), || {
            numbers(child) == numbers(plain.pid())
        });
    }
    let open = proc::descriptors(dmon.pid());
    assert!(!open.values().any(|path| path.ends_with("conf")), "{open:?}");
}

#[test]
fn a_config_file_is_limited_to_16384_bytes() {
    let rig = Rig::new();
    for (length, fits) in [(8_000, true), (16_000, true), (17_000, false), (3_000_000, false)] {
        rig.write("conf", "once ".repeat(length / 5));
        let done = rig.run("dmon -C conf -n true");
        match fits {
            true => done.exits(0).reports_nothing(),
            false => done.exits(125).reports("dmon", &["conf", "File too large"]),
        };
    }
    rig.run("dmon -C /dev/zero -n true").exits(125).reports("dmon", &["/dev/zero"]);
    let long = "x".repeat(10_000);
    assert_eq!(value(&rig, format!("environ A={long}")), long.as_bytes());
}

#[test]
fn the_config_file_and_the_variable_share_one_limit() {
    let rig = Rig::new();
    rig.write("conf", "once ".repeat(2000));
    rig.write("options", "-n ".repeat(2000));
    rig.shell("DMON_OPTIONS=\"$(cat options)\" exec dmon -C conf true").exits(0).reports_nothing();
    rig.write("options", "-n ".repeat(3000));
    rig.shell("DMON_OPTIONS=\"$(cat options)\" exec dmon -C conf touch ran")
        .exits(125)
        .reports("dmon", &["DMON_OPTIONS", "16384"]);
    assert!(!rig.has("ran"));
}

#[test]
fn the_help_lists_the_config_option() {
    let rig = Rig::new();
    let done = rig.run("dmon --help").exits(0);
    assert!(done.out.contains("-C, --config"), "{done}");
}

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
    rig.run(format!("dmon -C conf {command} -- dlog f")).exits(0).reports_nothing();
    assert_eq!(rig.read("f"), "red fan 1 77\nred fan 1 77\n");
    assert!(!rig.has("a pid"));
}

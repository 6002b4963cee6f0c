//! Errors in the configuration file, and files that cannot be read.

use super::environment_options::with;
use crate::rig::Rig;
use crate::rig::accounts::as_nobody;

/// Asserts that this file causes an error at LINE:COLUMN with these words in the message.
#[track_caller]
fn assert_error(rig: &Rig, text: impl AsRef<[u8]>, place: &str, words: &[&str]) {
    rig.write("conf", text);
    let done = rig.run("dmon -C conf -n1 touch ran").exits(125).reports("dmon", words);
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
        // Only long names without dashes are valid, and neither `help` nor `version`.
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
        assert_error(&rig, text, place, &[word]);
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
        assert_error(&rig, text, place, &[]);
    }
}

#[test]
fn only_the_first_error_is_reported() {
    let rig = Rig::new();
    assert_error(&rig, "bogus\ntimeout never \"", "1:1", &["bogus"]);
    rig.run(format!("{} dmon -C conf -Z", with("DMON_OPTIONS", "-Z"))).exits(125);
    rig.write("conf", "once");
    rig.run(format!("{} dmon -C conf -Y", with("DMON_OPTIONS", "-Z")))
        .exits(125)
        .reports("dmon", &["DMON_OPTIONS", "-Z"]);
}

#[test]
fn an_unreadable_config_file_is_reported_with_the_reason() {
    let rig = Rig::new();
    for form in ["-C ", "-C", "--config ", "--config="] {
        rig.run(format!("dmon {form}nosuch -n1 touch ran"))
            .exits(125)
            .reports("dmon", &["nosuch: No such file or directory"]);
        rig.run(format!("dmon {form}bin -n1 touch ran"))
            .exits(125)
            .reports("dmon", &["bin: Is a directory"]);
    }
    for options in ["-C ''", "--config ''", "--config="] {
        rig.run(format!("dmon {options} -n1 touch ran")).exits(125).reports("dmon", &[]);
    }
    let long = "x".repeat(5000);
    rig.run(format!("dmon -C {long} -n1 touch ran")).exits(125).reports("dmon", &["cannot"]);
    for options in ["-C", "--config"] {
        rig.run(format!("dmon {options}")).exits(125).reports("dmon", &[options, "value"]);
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
        .reports("dmon", &["secret: Permission denied"]);
}

#[test]
fn a_config_error_leaves_no_pid_file_and_starts_nothing() {
    let rig = Rig::new();
    rig.write("conf", "pid-file pid\nbogus\n");
    rig.run("dmon -C conf touch ran -- dlog f").exits(125).reports("dmon", &["conf:2:1", "bogus"]);
    assert!(!rig.has("pid") && !rig.has("ran") && !rig.has("f"));
    rig.assert_no_processes();
}

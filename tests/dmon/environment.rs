//! The environment of the commands: `-E`.

use crate::rig::{Rig, proc, quoted, tools};
use std::collections::BTreeMap;

/// The environment of a command that is started with these variables and options, without PATH and the rig's own.
#[track_caller]
fn environment(rig: &Rig, inherited: &str, options: &str) -> BTreeMap<String, String> {
    let kept = "PATH=\"$PATH\" DMON_TEST=\"$DMON_TEST\"";
    rig.shell(format!("rm -f out; env -i {kept} {inherited} dmon -n1 {options} env -0 >out"))
        .exits(0)
        .reports_nothing();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let all = rig.variables("out").into_iter().map(|(name, value)| (text(name), text(value)));
    // dmon itself adds the third, the wrapper script of an emulator the others.
    all.filter(|(name, _)| {
        !["PATH", "DMON_TEST", "DMON_PID", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name.as_str())
    })
    .collect()
}

/// Parses `A=1 B=2`.
fn variables(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn variables_are_set_and_removed_for_both_commands() {
    let rig = Rig::new();
    let line = "env COLOUR=red SIZE=5 dmon -n -E COLOUR=blue -E SIZE --environ=NEW=1 sleep 1000";
    let dmon = rig.start(format!("{line} -- sleep 2000"));
    for words in ["sleep 1000", "sleep 2000"] {
        let pid = rig.child(dmon.pid(), words);
        assert!(proc::has_variable(pid, "COLOUR=blue") && proc::has_variable(pid, "NEW=1"));
        for gone in ["COLOUR=red", "SIZE=5", "SIZE", "SIZE="] {
            assert!(!proc::has_variable(pid, gone), "{words} has {gone}");
        }
    }
}

#[test]
fn edits_apply_in_order_and_keep_other_variables() {
    let rig = Rig::new();
    for (options, wanted) in [
        ("", "A=1 B=2 AB=3"),
        ("-E C=4", "A=1 B=2 AB=3 C=4"),
        ("-E A=9", "A=9 B=2 AB=3"),
        ("-E A", "B=2 AB=3"),
        ("-E AB", "A=1 B=2"),
        ("-E A -E B -E AB", ""),
        ("-E A=8 -E A=9", "A=9 B=2 AB=3"),
        ("-E A=8 -E A", "B=2 AB=3"),
        ("-E A -E A=8", "A=8 B=2 AB=3"),
        ("-E A -E A", "B=2 AB=3"),
        ("-E C=1 -E D=2 -E C -E E=3", "A=1 B=2 AB=3 D=2 E=3"),
        ("-E NOSUCH", "A=1 B=2 AB=3"),
        ("-E a=1", "A=1 B=2 AB=3 a=1"),
        ("-E AB=", "A=1 B=2 AB="),
        ("-EA=9 --environ B --environ=AB=x", "A=9 AB=x"),
    ] {
        assert_eq!(environment(&rig, "A=1 B=2 AB=3", options), variables(wanted), "{options}");
    }
    assert_eq!(environment(&rig, "", ""), variables(""));
    assert_eq!(environment(&rig, "", "-E A=1"), variables("A=1"));
}

#[test]
fn a_value_may_contain_any_bytes() {
    let rig = Rig::new();
    let long = "x".repeat(100_000);
    for (name, value) in [
        ("A", ""),
        ("A", "="),
        ("A", "b=c=d"),
        ("A", "  two  words "),
        ("A", "-n"),
        ("A", "a\nb\n\n"),
        ("A", "it's \"quoted\" \\ $HOME"),
        ("A", "ä€🐢\x01\x7f"),
        ("A", &long),
        ("odd name", "1"),
        ("ä.b-c[0]", "1"),
        ("-E", "1"),
        ("1", "2"),
    ] {
        let all = environment(&rig, "", &format!("-E {}", quoted(&format!("{name}={value}"))));
        assert_eq!(all.len(), 1);
        assert!(all.get(name).is_some_and(|found| found == value), "{name}: {:.60}", value);
        // The same name removes it.
        let all = environment(&rig, &quoted(&format!("{name}=x")), &format!("-E {}", quoted(name)));
        assert_eq!(all.len(), 0, "{name}");
    }
    rig.write("value", (1..=255).collect::<Vec<u8>>());
    rig.shell("rm -f out; dmon -n1 -E A=\"$(cat value)\" env -0 >out").exits(0);
    assert_eq!(rig.variables("out")[&b"A"[..]], rig.bytes("value"));
}

#[test]
fn a_variable_without_a_name_is_an_error() {
    let rig = Rig::new();
    for word in ["=x", "=", "", "==", "=A=1"] {
        for option in ["-E ", "--environ ", "--environ="] {
            let shown = format!("'{word}'");
            rig.run(format!("dmon -n1 {option}{} touch ran", quoted(word)))
                .exits(125)
                .reports("dmon", &[option.trim_end_matches([' ', '=']), &shown]);
        }
    }
    rig.run("dmon -n -E").exits(125).reports("dmon", &["-E", "value"]);
    rig.run("dmon -n -E A=1 -E =2 touch ran").exits(125).reports("dmon", &["-E", "'=2'"]);
    assert!(!rig.has("ran"));
}

#[test]
fn a_duplicate_variable_is_replaced_or_removed_completely() {
    if !tools::has(&["gcc"]) {
        return;
    }
    let rig = Rig::new();
    rig.write(
        "twice.c",
        "#define _GNU_SOURCE\n#include <unistd.h>\n#include <stdlib.h>\n#include <stdio.h>\n\
         int main(int argc, char **argv) {\n\
         static char path[10000], mark[10000];\n\
         snprintf(path, sizeof path, \"PATH=%s\", getenv(\"PATH\"));\n\
         snprintf(mark, sizeof mark, \"DMON_TEST=%s\", getenv(\"DMON_TEST\"));\n\
         char *all[] = {\"A=1\", path, \"B=x\", \"A=2\", mark, \"A=3\", 0};\n\
         environ = all; execvp(argv[1], argv + 1); return 99; }\n",
    );
    rig.run("gcc -o twice twice.c").exits(0);
    let count = |options: &str| {
        rig.shell(format!("rm -f out; ./twice dmon -n1 {options} env -0 >out"))
            .exits(0)
            .reports_nothing();
        rig.bytes("out").split(|&byte| byte == 0).filter(|entry| entry.starts_with(b"A=")).count()
    };
    assert_eq!(count("-E A"), 0);
    assert_eq!(count("-E A=4"), 1);
    assert_eq!(rig.variables("out")[&b"A"[..]], b"4");
}

#[test]
fn the_number_of_variables_is_limited_if_they_are_edited() {
    let rig = Rig::new();
    let options = |count: usize| (0..count).map(|n| format!(" -E V{n}={n}")).collect::<String>();
    assert_eq!(environment(&rig, "", &options(900)).len(), 900);
    let all: String = (0..900).map(|n| format!(" V{n}={n}")).collect();
    let edited = environment(&rig, &all, "-E V500=x -E V3 -E W=y");
    assert_eq!(edited.len(), 900);
    assert_eq!((&edited["V500"][..], &edited["V899"][..]), ("x", "899"));
    // The limit of 2000 counts inherited and added variables.
    for (given, added) in [(0, 2100), (2100, 1), (1100, 1100)] {
        let given: String = (0..given).map(|n| format!(" W{n}={n}")).collect();
        let added = options(added);
        rig.run(format!("env {given} dmon -n1 {added} touch ran"))
            .exits(125)
            .reports("dmon", &["option -E", "2000"]);
    }
    assert!(!rig.has("ran"));
    // Without -E there is no limit, and a variable that is set repeatedly counts once.
    let many: String = (0..1500).map(|n| format!(" W{n}={n}")).collect();
    assert_eq!(environment(&rig, &many, "").len(), 1500);
    let same: String = (0..1500).map(|n| format!(" -E A={n}")).collect();
    assert_eq!(environment(&rig, "", &same), variables("A=1499"));
}

#[test]
fn both_commands_are_searched_in_the_new_path() {
    let rig = Rig::new();
    rig.shell("mkdir there").exits(0);
    for (name, text) in [("tool", "#!/bin/sh\necho there\n"), ("keep", "#!/bin/sh\nexec cat >f\n")]
    {
        rig.write_program(name, text);
        rig.shell(format!("mv bin/{name} there/")).exits(0);
    }
    rig.run("dmon -n1 tool").exits(127).reports("dmon", &["tool"]);
    let done = rig.shell("exec dmon -n1 -E PATH=\"$PWD/there:$PATH\" tool").exits(0);
    assert_eq!(done.reports_nothing().out, "there\n");
    rig.shell("exec dmon -n1 -E PATH=\"$PWD/there:$PATH\" tool -- keep").exits(0).reports_nothing();
    assert_eq!(rig.read("f"), "there\n");
    // The last PATH wins, whatever its source.
    let done = rig.shell(
        "DMON_OPTIONS=\"-E PATH='$PWD/there:$PATH'\" exec dmon -n1 -E PATH=/nowhere -E X=1 tool",
    );
    done.exits(127).reports("dmon", &["tool"]);
    let done = rig.shell("exec dmon -n1 -E PATH=/nowhere:/nothing /bin/echo hello").exits(0);
    assert_eq!(done.out, "hello\n");
}

#[test]
fn without_path_the_default_directories_are_searched() {
    let rig = Rig::new();
    rig.write_program("tool", "#!/bin/sh\n");
    rig.run("dmon -n1 -E PATH true").exits(0).reports_nothing();
    rig.run("dmon -n -E PATH tool").exits(127).reports("dmon", &["tool"]);
}

#[test]
fn the_environment_is_the_same_after_each_restart() {
    let rig = Rig::new();
    let command = r#"sh -c 'echo "$A ${B-none}"'"#;
    let log = r#"sh -c 'echo "$A ${B-none}" >>logs; read line; echo "$line" >>lines'"#;
    let line = format!("env B=1 dmon -n -d 0.1 -m 2 -E A=1 -E B {command} -- {log}");
    rig.run(line).exits(0);
    assert_eq!(rig.read("lines"), "1 none\n".repeat(rig.lines("lines")));
    assert!(rig.lines("lines") >= 1 && rig.lines("logs") >= 1);
    assert_eq!(rig.read("logs"), "1 none\n".repeat(rig.lines("logs")));
    let done = rig.run(format!("env B=1 dmon -n -d 0.1 -m 2 -E A=1 -E B {command}")).exits(0);
    assert_eq!(done.out, "1 none\n1 none\n1 none\n");
}

#[test]
fn variables_from_all_option_sources_add_up() {
    let rig = Rig::new();
    rig.write("conf", "environ A=file environ B=file environ C=file environ D environ E=file");
    let options = "env DMON_OPTIONS='-E B=variable -E C=variable -E E' D=caller";
    let command = r#"sh -c 'echo "$A $B $C ${D-none} ${E-none}"'"#;
    let done = rig.run(format!("{options} dmon -C conf -n1 -E C=line {command}")).exits(0);
    assert_eq!(done.out, "file variable line none none\n");
}

#[test]
fn edited_variables_do_not_affect_dmon_itself() {
    let rig = Rig::new();
    let command = r#"sh -c 'echo "${DMON_OPTIONS-none}"'"#;
    let done = rig.run(format!("dmon -n1 -E DMON_OPTIONS=--bogus {command}")).exits(0);
    assert_eq!(done.reports_nothing().out, "--bogus\n");
    let done = rig.run(format!("env DMON_OPTIONS=-n dmon -1 -E DMON_OPTIONS {command}")).exits(0);
    assert_eq!(done.reports_nothing().out, "none\n");
    // An `environ` line of the configuration file does not change dmon's own variables either.
    rig.write("conf", "environ DMON_OPTIONS=--bogus");
    let done = rig.run(format!("dmon -C conf -n1 {command}")).exits(0);
    assert_eq!(done.reports_nothing().out, "--bogus\n");
    rig.write("conf", "environ DMON_OPTIONS");
    let done = rig.run(format!("env DMON_OPTIONS='-n -1' dmon -C conf {command}")).exits(0);
    assert_eq!(done.reports_nothing().out, "none\n");
    // A log command reads its variable from the edited environment.
    rig.run("dmon -n1 -E 'DLOG_OPTIONS=-p fan' echo hello -- dlog f").exits(0).reports_nothing();
    assert_eq!(rig.read("f"), "fan hello\n");
    rig.run("env 'DLOG_OPTIONS=-p fan' dmon -n1 -E DLOG_OPTIONS echo hello -- dlog g").exits(0);
    assert_eq!(rig.read("g"), "hello\n");
}

/// Scripts for the C dmon preload such a library to keep a program from daemonizing.
#[test]
fn ld_preload_takes_effect_in_the_command() {
    if !tools::has(&["gcc"]) {
        return;
    }
    let rig = Rig::new();
    rig.write(
        "x.c",
        "#include <unistd.h>\n#include <sys/types.h>\npid_t fork(void) { return 0; }\n",
    );
    rig.write(
        "forker.c",
        "#include <unistd.h>\n#include <stdio.h>\nint main(void) { if (fork() == 0) {\
         fprintf(stderr, \"in the child, pid %d\\n\", getpid()); return 7; } return 8; }\n",
    );
    rig.shell("gcc -shared -fPIC -o x.so x.c && gcc -o forker forker.c").exits(0);
    let options = "--stderr-redir --max-respawns 0 --environ LD_PRELOAD=./x.so";
    rig.run(format!("dmon {options} ./forker -- dlog f")).exits(0).reports_nothing();
    rig.wait_lines("f", 1);
    rig.wait_no_processes();
    assert!(rig.read("f").starts_with("in the child, pid "), "{}", rig.describe());
    // Only in the foreground does dmon return the command's status.
    rig.run(format!("dmon -n {options} ./forker -- dlog g")).exits(7).reports_nothing();
    rig.run("dmon -n --max-respawns 0 ./forker -- dlog g").exits(8);
}

#[test]
fn the_help_lists_environ_and_work_dir() {
    let rig = Rig::new();
    let done = rig.run("dmon --help").exits(0);
    for words in ["-E, --environ NAME[=VALUE]", "-W, --work-dir DIR"] {
        assert!(done.out.contains(words), "{done}");
    }
}

#[test]
fn two_thousand_inherited_variables_reach_the_command() {
    let rig = Rig::new();
    let done = rig.shell(format!("{} -n1 env | grep -c ^V", many_variables(&rig))).exits(0);
    assert_eq!(done.out, "2000\n");
}

#[test]
fn too_many_inherited_variables_for_an_edit_are_reported() {
    let rig = Rig::new();
    let done = rig.shell(format!("{} -n1 -E A=1 touch ran", many_variables(&rig))).exits(125);
    done.reports("dmon", &["-E", "'A=1'", "environment", "2000 variables"]);
    assert!(!rig.has("ran"));
}

/// Returns a call of dmon with 2000 variables.
fn many_variables(rig: &Rig) -> String {
    let path = rig.path("bin").display().to_string();
    format!("env $(seq -f V%g=1 2000) {path}/dmon")
}

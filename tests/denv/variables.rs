//! denv and envdir: a command with a new environment.

use crate::rig::disk::as_nobody;
use crate::rig::random::Random;
use crate::rig::{Rig, proc, quoted, times, tools};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

type Variables = BTreeMap<Vec<u8>, Vec<u8>>;

/// What `env` finds when these words begin the line.
#[track_caller]
fn found(rig: &Rig, words: &str) -> Variables {
    rig.shell(format!("rm -f out; {words} env -0 >out")).exits(0).says_nothing();
    rig.variables("out")
}

/// `A=1 B=2` as it should be found.
fn variables(words: &str) -> Variables {
    let words = words.split_whitespace().filter_map(|word| word.split_once('='));
    words.map(|(name, value)| (name.into(), value.into())).collect()
}

/// What a person sees.
fn shown(variables: &Variables) -> String {
    let text = |bytes: &[u8]| bytes[..bytes.len().min(200)].escape_ascii().to_string();
    variables.iter().map(|(name, value)| format!("{}={}\n", text(name), text(value))).collect()
}

/// That denv with these options, called with `A=1 B=2 C=3`, makes these variables and no others.
#[track_caller]
fn makes(rig: &Rig, options: &str, wanted: &str) {
    let all = found(rig, &format!("A=1 B=2 C=3 denv {options}"));
    let wanted = variables(wanted);
    assert!(all == wanted, "{options} makes\n{}instead of\n{}", shown(&all), shown(&wanted));
}

#[test]
fn the_new_environment_is_empty_but_for_what_was_asked_for() {
    let rig = Rig::new();
    makes(&rig, "", "");
    makes(&rig, "--", "");
    makes(&rig, "-E X=1", "X=1");
    makes(&rig, "-EX=1 --environ Y=2 --environ=Z=3 --", "X=1 Y=2 Z=3");
    makes(&rig, "-i A", "A=1");
    makes(&rig, "-iA --inherit B --inherit=C", "A=1 B=2 C=3");
    makes(&rig, "-i NOSUCH -i A", "A=1");
    makes(&rig, "-i ''", "");
    makes(&rig, "-E X=", "X=");
    makes(&rig, "-E 'X=a=b=c'", "X=a=b=c");
}

#[test]
fn the_whole_environment_is_taken_over_as_it_was() {
    if !tools::is_native("the shell that calls the emulator adds variables") {
        return;
    }
    let rig = Rig::new();
    rig.write("value", (1..=255).collect::<Vec<u8>>());
    let given = "env ODD=\"$(cat value)\" EMPTY= 'odd name=x'";
    let plain = found(&rig, given);
    assert_eq!(plain[&b"EMPTY"[..]], b"");
    for option in ["-I", "--inherit-env", "-I -I", "-E EMPTY=full -I"] {
        let all = found(&rig, &format!("{given} denv {option}"));
        assert!(all == plain, "{option} makes\n{}instead of\n{}", shown(&all), shown(&plain));
    }
}

#[test]
fn options_act_in_their_order() {
    let rig = Rig::new();
    rig.shell("mkdir d; echo dir >d/A; : >d/B; echo dir >d/D").exits(0);
    rig.write("f", "A=file\nC=\nE=file\n");
    let rest = |options: &str| {
        let all = found(&rig, &format!("A=1 B=2 C=3 denv {options}"));
        let ours = |(name, value): (&Vec<u8>, &Vec<u8>)| {
            let name = String::from_utf8_lossy(name).into_owned();
            "ABCDE".contains(&name).then(|| format!("{name}={}", String::from_utf8_lossy(value)))
        };
        all.iter().filter_map(ours).collect::<Vec<_>>().join(" ")
    };
    for (options, wanted) in [
        ("-I", "A=1 B=2 C=3"),
        ("-I -E A=x", "A=x B=2 C=3"),
        ("-E A=x -I", "A=1 B=2 C=3"),
        ("-E D=x -I", "A=1 B=2 C=3 D=x"),
        ("-I -E A", "B=2 C=3"),
        ("-E A -I", "A=1 B=2 C=3"),
        ("-i A -E A=x", "A=x"),
        ("-E A=x -i A", "A=1"),
        ("-E A=x -E A", ""),
        ("-E A=x -E A=y", "A=y"),
        ("-E D=x -i D", "D=x"),
        ("-d d", "A=dir D=dir"),
        ("-I -d d", "A=dir C=3 D=dir"),
        ("-d d -I", "A=1 B=2 C=3 D=dir"),
        ("-d d -E A=x", "A=x D=dir"),
        ("-E A=x -E B=x -d d", "A=dir D=dir"),
        ("-I -f f", "A=file B=2 E=file"),
        ("-f f -I", "A=1 B=2 C=3 E=file"),
        ("-d d -f f", "A=file D=dir E=file"),
        ("-f f -d d", "A=dir D=dir E=file"),
        ("-d d -d d -f f -f f -d d", "A=dir D=dir E=file"),
        ("-I -d d -f f -E D -i C --environ=B=x", "A=file B=x C=3 E=file"),
        ("--inherit-env --envdir d --file f", "A=file D=dir E=file"),
        ("-Idd -ff", "A=file D=dir E=file"),
    ] {
        assert_eq!(rest(options), wanted, "{options}");
    }
}

#[test]
fn denv_becomes_the_command() {
    let rig = Rig::new();
    let denv = rig.start("denv -i PATH -i DMON_TEST sleep 1000");
    rig.wait_for("the command in denv's place", || proc::words(denv.pid()) == "sleep 1000");
    for code in [0, 1, 7, 111, 125, 255] {
        rig.run(format!("denv sh -c 'exit {code}'")).exits(code).says_nothing();
        rig.shell(format!("mkdir -p d; exec envdir d sh -c 'exit {code}'"))
            .exits(code)
            .says_nothing();
    }
    rig.shell("denv sh -c 'kill -TERM $$'; exit $?").exits(128 + 15);
    // All words of the command are its own.
    let done = rig.run("denv -E A=1 printf '[%s]' -E B=2 -- -I '' '*'").exits(0);
    assert_eq!(done.out, "[-E][B=2][--][-I][][*]");
    let done = rig.run("denv -- printf '[%s]' -- x").exits(0);
    assert_eq!(done.out, "[--][x]");
}

#[test]
fn the_command_keeps_all_else_that_denv_was_given() {
    if !tools::is_native("it handles signals itself") {
        return;
    }
    let rig = Rig::new();
    rig.shell("mkdir d; echo x >d/A").exits(0);
    rig.write("f", "B=y\n");
    let given = "env --ignore-signal=HUP,PIPE,INT --block-signal=USR1,CHLD";
    let plain = rig.start(format!("{given} sleep 1000 7<bin <f"));
    rig.wait_for("a plain program", || proc::words(plain.pid()) == "sleep 1000");
    for call in ["denv -I -E X=1 -d d -f f", "envdir d"] {
        let denv = rig.start(format!("{given} {call} sleep 1000 7<bin <f"));
        rig.wait_for("the command", || proc::words(denv.pid()) == "sleep 1000");
        let files = |pid| {
            let mut files = proc::descriptors(pid);
            // Each program has files of its own for its output.
            files.retain(|number, _| !matches!(number, 1 | 2));
            files
        };
        // While a program begins, its libraries are open for a moment.
        rig.wait_for(format!("the files of a plain program after `{call}`"), || {
            files(denv.pid()) == files(plain.pid())
        });
        for set in ["SigIgn", "SigBlk"] {
            assert_eq!(proc::signals(denv.pid(), set), proc::signals(plain.pid(), set), "{call}");
        }
        assert_eq!(proc::cwd(denv.pid()), proc::cwd(plain.pid()), "{call}");
        assert!(proc::has_variable(denv.pid(), "A=x"));
    }
    let done = rig.shell("echo hello | denv cat").exits(0);
    assert_eq!(done.out, "hello\n");
}

#[test]
fn standard_descriptors_that_are_closed_do_no_harm() {
    let rig = Rig::new();
    rig.shell("mkdir d; echo x >d/A").exits(0);
    rig.write("f", "B=y\n");
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let test = "sh -c 'echo \"$A $B\" >result'";
        rig.shell(format!("rm -f result; exec denv -d d -f f {test} {closed}")).exits(0);
        assert_eq!(rig.read("result"), "x y\n", "{closed}");
        rig.run(format!("denv nosuch {closed}")).exits(111);
    }
}

#[test]
fn each_failure_of_denvs_own_is_111_and_named() {
    let rig = Rig::new();
    rig.write("plain", "not a program");
    rig.shell("mkdir d").exits(0);
    for (line, words) in [
        ("denv", &["command"][..]),
        ("denv -I", &["command"]),
        ("denv --", &["command"]),
        ("denv -Z touch ran", &["-Z"]),
        ("denv -IZ touch ran", &["Z"]),
        ("denv --bogus touch ran", &["--bogus"]),
        ("denv --bogus=5 touch ran", &["--bogus"]),
        ("denv --inherit-env=5 touch ran", &["--inherit-env"]),
        ("denv -C plain touch ran", &["-C"]),
        ("denv -E", &["-E"]),
        ("denv -i", &["-i"]),
        ("denv -d", &["-d"]),
        ("denv -f", &["-f"]),
        ("denv --file", &["--file"]),
        ("denv -E =x touch ran", &["-E", "'=x'"]),
        ("denv -E '' touch ran", &["-E", "''"]),
        ("denv --environ= touch ran", &["--environ", "''"]),
        ("denv -d nosuch touch ran", &["nosuch: No such file or directory"]),
        ("denv -d plain touch ran", &["plain: Not a directory"]),
        ("denv -d '' touch ran", &[]),
        ("denv -f nosuch touch ran", &["nosuch: No such file or directory"]),
        ("denv -f d/nosuch touch ran", &["d/nosuch: No such file or directory"]),
        ("denv -f d touch ran", &["d: Is a directory"]),
        ("denv -f '' touch ran", &[]),
        ("denv -I nosuch", &["nosuch: No such file or directory"]),
        ("denv nosuch", &["nosuch: No such file or directory"]),
        ("denv ./nosuch", &["./nosuch: No such file or directory"]),
        ("denv ''", &["''"]),
        ("denv -I ./plain", &["./plain: Permission denied"]),
        ("denv -I /", &["/: Permission denied"]),
        ("denv ./plain/x", &["./plain/x: Not a directory"]),
    ] {
        rig.run(line).exits(111).says("denv", words);
    }
    // What was right before it does not count.
    rig.run("denv -E A=1 -d d -f nosuch -Z touch ran").exits(111).says("denv", &["nosuch"]);
    assert!(!rig.has("ran"));
    let long = "x".repeat(5000);
    rig.run(format!("denv -I {long}")).exits(111).says("denv", &["xxx"]);
    rig.run(format!("denv -d {long} true")).exits(111).says("denv", &["xxx"]);
}

#[test]
fn each_failure_of_envdirs_own_is_111_and_named() {
    let rig = Rig::new();
    rig.write("plain", "not a program");
    rig.shell("mkdir d").exits(0);
    for (line, words) in [
        ("envdir", &["directory"][..]),
        ("envdir d", &["command"]),
        ("envdir nosuch touch ran", &["nosuch: No such file or directory"]),
        ("envdir plain touch ran", &["plain: Not a directory"]),
        ("envdir '' touch ran", &[]),
        ("envdir d nosuch", &["nosuch: No such file or directory"]),
        ("envdir d ''", &["''"]),
        ("envdir d ./plain", &["./plain: Permission denied"]),
        ("envdir -Z d touch ran", &["-Z"]),
    ] {
        rig.run(line).exits(111).says("envdir", words);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn what_cannot_be_read_is_named_and_the_command_does_not_run() {
    let rig = Rig::new();
    let Some(nobody) = as_nobody(&rig) else {
        return;
    };
    rig.shell("chmod 777 .; mkdir d secret; echo 1 >d/A; echo 2 >d/B; echo 3 >d/C; echo x=1 >f")
        .exits(0);
    rig.shell("chmod 0 secret d/B f").exits(0);
    let denied = |name: &str| format!("{name}: Permission denied");
    for (call, applet, name) in [
        ("denv -I -d d", "denv", "d/B"),
        ("denv -I -d secret", "denv", "secret"),
        ("denv -I -f f", "denv", "f"),
        ("envdir d", "envdir", "d/B"),
        ("envdir secret", "envdir", "secret"),
    ] {
        rig.run(format!("{nobody} {call} touch ran")).exits(111).says(applet, &[&denied(name)]);
    }
    assert!(!rig.has("ran"));
    rig.shell("chmod 700 secret").exits(0);
}

#[test]
fn help_and_version_go_to_standard_output() {
    let rig = Rig::new();
    for line in ["denv -h", "denv --help", "denv -I --help nosuch"] {
        let done = rig.run(line).exits(0).says_nothing();
        for option in [
            "-I, --inherit-env",
            "-i, --inherit NAME",
            "-E, --environ NAME[=VALUE]",
            "-d, --envdir DIR",
            "-f, --file FILE",
            "--help",
            "--version",
        ] {
            assert!(done.out.contains(option), "no {option} in {done}");
        }
    }
    let done = rig.run("envdir --help").exits(0).says_nothing();
    assert!(done.out.contains("envdir"), "{done}");
    for line in ["denv -V", "denv --version", "envdir -V"] {
        let done = rig.run(line).exits(0).says_nothing();
        assert!(done.out.contains(env!("CARGO_PKG_VERSION")), "{done}");
    }
    rig.run("denv --help >/dev/full").exits(111).says("denv", &["No space left"]);
}

#[test]
fn a_file_of_a_folder_is_a_variable() {
    let rig = Rig::new();
    for (text, wanted) in [
        (&b"x"[..], Some(&b"x"[..])),
        (b"x\n", Some(b"x")),
        (b"x\ny\nz\n", Some(b"x")),
        (b"  x y \t \t\n", Some(b"  x y")),
        (b"x \t ", Some(b"x")),
        (b"x\r\n", Some(b"x\r")),
        (b"x\x0b\n", Some(b"x\x0b")),
        (b"\n", Some(b"")),
        (b" \t", Some(b"")),
        (b"\nx\n", Some(b"")),
        (b"a\0b\0\0c\n", Some(b"a\nb\n\nc")),
        (b"a\0\n", Some(b"a\n")),
        (b"\0", Some(b"\n")),
        (b"a \0", Some(b"a \n")),
        (b"a=b=\"c\" # d $HOME", Some(b"a=b=\"c\" # d $HOME")),
        ("ä€\u{1}".as_bytes(), Some("ä€\u{1}".as_bytes())),
        (b"", None),
    ] {
        rig.shell("rm -rf d; mkdir d").exits(0);
        rig.write("d/A", text);
        for call in ["denv -E A=before -d d", "A=before envdir d"] {
            let all = found(&rig, call);
            let value = all.get(&b"A"[..]).map(|value| &value[..]);
            assert_eq!(value, wanted, "{call} of {:?}", text.escape_ascii().to_string());
        }
    }
}

#[test]
fn only_files_with_the_name_of_a_variable_count() {
    let rig = Rig::new();
    rig.shell(
        "mkdir -p d/sub d/.git d/SUB; echo no >d/sub/X; echo no >d/.hidden; echo no >d/.A; \
         echo no >d/A=B; echo no >d/=C; mkfifo d/FIFO; echo yes >d/YES; echo '1 ' >d/a-b.c; \
         echo yes >'d/odd name'; ln -s YES d/LINK; ln -s nowhere d/.dangling; echo x >d/ä",
    )
    .exits(0);
    let mut wanted = variables("YES=yes a-b.c=1 LINK=yes ä=x");
    wanted.insert(b"odd name".to_vec(), b"yes".to_vec());
    let all = found(&rig, "timeout 20 denv -d d");
    assert!(all == wanted, "{}instead of\n{}", shown(&all), shown(&wanted));
    let all = found(&rig, "timeout 20 envdir d");
    for (name, value) in &wanted {
        assert_eq!(all.get(name), Some(value), "{}", shown(&all));
    }
    for name in ["sub", "SUB", ".git", ".hidden", ".A", "A=B", "A", "FIFO", "X"] {
        assert!(!all.contains_key(name.as_bytes()), "{name}: {}", shown(&all));
    }
    // An empty folder changes nothing.
    rig.shell("mkdir e").exits(0);
    makes(&rig, "-i A -d e", "A=1");
    makes(&rig, "-d ./e/", "");
}

#[test]
fn a_link_in_a_folder_that_leads_nowhere_is_named() {
    let rig = Rig::new();
    rig.shell("mkdir d; ln -s nowhere d/A").exits(0);
    for (call, applet) in [("denv -d d", "denv"), ("envdir d", "envdir")] {
        let done = rig.run(format!("{call} touch ran"));
        // daemontools takes what is not there for empty.
        if !rig.has("ran") {
            done.exits(111).says(applet, &["d/A"]);
        }
    }
}

#[test]
fn a_link_in_a_folder_that_leads_to_no_file_keeps_nobody_waiting() {
    let rig = Rig::new();
    rig.shell("mkdir d e; mkfifo fifo; ln -s ../fifo d/A; ln -s .. e/A; echo b >e/B").exits(0);
    for call in ["denv -d d -d e", "envdir d envdir e"] {
        let done = rig.run(format!("timeout -k 1 5 {call} sh -c 'echo \"${{A-none}}\" $B'"));
        assert_eq!(done.exits(0).says_nothing().out, "none b\n");
    }
}

#[test]
fn lines_of_a_file_are_variables() {
    let rig = Rig::new();
    for (text, wanted) in [
        ("", &[][..]),
        ("A=1\n", &[("A", "1")]),
        ("A=1", &[("A", "1")]),
        ("A=1\nB=2\n", &[("A", "1"), ("B", "2")]),
        (" \t A=1\n\tB=2", &[("A", "1"), ("B", "2")]),
        ("\n\n   \n\t\nA=1\n\n", &[("A", "1")]),
        ("# A=1\n#\n  # B=2\n#C=3\nD=4 # no comment\n", &[("D", "4 # no comment")]),
        ("A=x#y\n", &[("A", "x#y")]),
        ("A= x  y\n", &[("A", " x  y")]),
        ("A=\"x\"\nB='y'\n", &[("A", "\"x\""), ("B", "'y'")]),
        ("A=$HOME\\n\nB=`x`\n", &[("A", "$HOME\\n"), ("B", "`x`")]),
        ("A=b=c=\n", &[("A", "b=c=")]),
        ("A=1\nA=2\n", &[("A", "2")]),
        ("A=1\nA=\n", &[]),
        ("A=1\nA\n", &[]),
        ("A=1\nA=\nA=2", &[("A", "2")]),
        ("A=1\nA", &[]),
        ("GIVEN\nA=1", &[("A", "1")]),
        ("GIVEN=\nA=1", &[("A", "1")]),
        ("A=1\n  GIVEN\n", &[("A", "1")]),
        ("A=-n --\n", &[("A", "-n --")]),
        ("a.b-c=1\nodd name=2\n", &[("a.b-c", "1"), ("odd name", "2")]),
        ("export A=1\n", &[("export A", "1")]),
    ] {
        rig.write("f", text);
        let given = if text.contains("GIVEN") { "-E GIVEN=1" } else { "" };
        let all = found(&rig, &format!("denv {given} -f f"));
        let wanted: Variables =
            wanted.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        assert!(all == wanted, "{text:?} makes\n{}", shown(&all));
    }
}

#[test]
fn a_file_may_hold_any_bytes_but_nul() {
    let rig = Rig::new();
    let bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'\n').collect();
    rig.write("f", [b"A=", &bytes[..], b"\nB=2\n"].concat());
    let all = found(&rig, "denv -f f");
    assert_eq!(all.len(), 2);
    assert_eq!(all[&b"A"[..]], bytes);
    for text in [&b"A=x\0y\n"[..], b"\0", b"A=1\nB=2\0\nC=3\n", b"A=1\n#\0\n", b"A\0=1"] {
        rig.write("f", text);
        rig.run("denv -f f touch ran").exits(111).says("denv", &["f: "]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn a_line_without_a_name_is_refused() {
    let rig = Rig::new();
    for text in ["=x", "A=1\n=x\nB=2\n", "  =x", "=", "="] {
        rig.write("f", text);
        rig.run("denv -f f touch ran").exits(111).says("denv", &["f: ", "'="]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn the_file_may_be_a_pipe() {
    let rig = Rig::new();
    let pieces = "(printf 'A='; sleep 0.1; printf '1\\nB'; sleep 0.1; printf '=2\\n')";
    assert_eq!(found(&rig, &format!("{pieces} | denv -f /dev/stdin")), variables("A=1 B=2"));
    makes(&rig, "-i A -f /dev/null", "A=1");
}

/// Everything that is too much is told; nothing is cut.
#[test]
fn what_is_too_long_or_too_much_is_named_and_never_cut() {
    let rig = Rig::new();
    rig.shell("mkdir d").exits(0);
    for length in [4000, 40_000, 65_000, 65_535, 65_536, 100_000, 1_000_000] {
        let value = "x".repeat(length);
        rig.write("f", format!("A={value}\nB=2\n"));
        rig.write("d/A", &value);
        for call in ["denv -f f", "denv -d d", "envdir d"] {
            let done = rig.shell(format!("rm -f out; exec {call} env -0 >out"));
            if length <= 40_000 || done.err.is_empty() {
                done.exits(0).says_nothing();
                assert!(rig.variables("out")[&b"A"[..]] == value.as_bytes(), "{call}: {length}");
            } else {
                let name = if call.contains('f') { "f: " } else { "d/A: " };
                let name = if call.starts_with("envdir") { "d/A: " } else { name };
                done.exits(111).says(&call[..call.find(' ').expect("a blank")], &[name]);
                assert!(rig.read("out").is_empty());
            }
        }
    }
    // What is behind the first line does not count.
    let rest = "and more\n".repeat(5000);
    rig.write("d/A", format!("x\n{rest}"));
    assert_eq!(found(&rig, "denv -d d"), variables("A=x"));
    // An endless file ends.
    rig.run("denv -f /dev/zero touch ran").exits(111).says("denv", &["/dev/zero"]);
    rig.shell("ln -sf /dev/zero d/A").exits(0);
    let done = rig.run("denv -d d touch ran");
    if !rig.has("ran") {
        done.exits(111).says("denv", &["d/A"]);
    }
}

#[test]
fn some_hundred_variables_come_from_anywhere_and_thousands_are_an_error() {
    let rig = Rig::new();
    // Lists as words for the shell, in files, so that a line stays readable; and a folder.
    let fill = |count: usize| {
        let list = |before: &str| -> String {
            (0..count).map(|n| format!("{before}V{n}={n}\n")).collect()
        };
        rig.write("f", list(""));
        rig.write("options", list("-E "));
        let last = count - 1;
        let each = "do echo $n >V$n; done";
        rig.shell(format!("rm -rf d; mkdir d; cd d; for n in $(seq 0 {last}); {each}")).exits(0);
    };
    fill(900);
    for call in [
        "denv -f f",
        "denv -d d",
        "denv $(cat options)",
        "env -i PATH=\"$PATH\" $(cat f) denv -I -E PATH",
        "env -i PATH=\"$PATH\" $(cat f) denv -I $(cat options)",
        // The same again needs no room.
        "denv -d d -f f -d d -f f",
    ] {
        let all = found(&rig, call);
        let ours = all.iter().filter(|(name, _)| name.starts_with(b"V")).count();
        assert_eq!((ours, &all[&b"V899"[..]][..]), (900, &b"899"[..]), "{call}");
    }
    fill(1100);
    rig.shell("mkdir e; echo x >e/X").exits(0);
    for (call, applet) in [
        ("denv -f f", "denv"),
        ("denv -d d", "denv"),
        ("envdir d", "envdir"),
        ("denv $(cat options)", "denv"),
        ("env $(cat f) denv -I", "denv"),
        ("env $(cat f) denv --inherit-env -E A=1", "denv"),
        ("env $(cat f) denv -I -d e", "denv"),
        ("env $(cat f) envdir e", "envdir"),
    ] {
        rig.shell(format!("exec {call} touch ran")).exits(111).says(applet, &["1000"]);
        assert!(!rig.has("ran"), "{call}");
    }
    // What is not taken over needs no room.
    makes(&rig, "-i A", "A=1");
    assert_eq!(found(&rig, "env $(cat f) denv -i V7"), variables("V7=7"));
}

#[test]
fn a_command_is_found_by_the_path_it_is_given_or_in_the_customary_folders() {
    let rig = Rig::new();
    rig.program("tool", "#!/bin/sh\necho tool\n");
    assert_eq!(rig.run("denv -i PATH tool").exits(0).out, "tool\n");
    assert_eq!(rig.run("denv -I tool").exits(0).out, "tool\n");
    rig.run("denv true").exits(0).says_nothing();
    rig.run("denv -E PATH=/nowhere /bin/true").exits(0).says_nothing();
    rig.shell("mkdir d; mv bin/tool d/").exits(0);
    let done = rig.shell("exec denv -E PATH=\"$PWD/d:$PATH\" tool").exits(0);
    assert_eq!(done.out, "tool\n");
}

#[test]
fn a_script_may_call_dmon_by_envdir() {
    let rig = Rig::new();
    rig.shell("mkdir d; echo red >d/COLOUR; echo '-n -1' >d/DMON_OPTIONS; : >d/SIZE").exits(0);
    let command = r#"sh -c 'echo "$COLOUR ${SIZE-none}"'"#;
    rig.run(format!("env SIZE=5 envdir ./d dmon {command} -- dlog f")).exits(0).says_nothing();
    assert_eq!(rig.read("f"), "red none\n");
}

/// Runs both of the same name and compares what comes out.
#[test]
fn envdir_does_what_that_of_daemontools_does() {
    if !tools::is_native("the shell that calls the emulator adds variables") {
        return;
    }
    let Some(theirs) = tools::peer("envdir") else {
        return;
    };
    let before = theirs.rsplit_once(' ').map_or("", |(before, _)| before);
    let mut random = Random::new();
    for round in 0..times(40, 2000) {
        let rig = Rig::new();
        let mut given = format!("{before} env");
        for name in ["A", "B", "AB", "a", "odd name", "ä"] {
            if random.below(2) == 0 {
                given += &format!(" {}", quoted(&format!("{name}=given {round}")));
            }
        }
        fs::create_dir(rig.path("d")).expect("the folder d");
        for _ in 0..random.below(12) {
            let name = random.pick(&[
                &b"A"[..],
                b"B",
                b"AB",
                b"C",
                b"a",
                b".A",
                b".",
                b"..",
                b"odd name",
                "ä".as_bytes(),
                b"\xff",
                b"-E",
                b"#",
                b"A.B",
                b"_",
                b"x\ny",
                b"NEW",
                b"DMON_OPTIONS",
            ]);
            let path = rig.path("d").join(OsStr::from_bytes(name));
            if !path.is_dir() {
                fs::write(path, content(&mut random)).expect("a file of the folder");
            }
        }
        if random.below(4) == 0 {
            rig.shell("echo linked >file; ln -s ../file d/LINK").exits(0);
        }
        let mut results = Vec::new();
        for call in [theirs.as_str(), "envdir"] {
            let results_of = found(&rig, &format!("{given} {call} d"));
            results.push(results_of);
        }
        assert!(
            results[0] == results[1],
            "theirs\n{}ours\n{}",
            shown(&results[0]),
            shown(&results[1])
        );
        // And denv does the same by its option.
        let ours = found(&rig, &format!("{given} denv -I -d d"));
        assert!(ours == results[0], "theirs\n{}denv's\n{}", shown(&results[0]), shown(&ours));
    }
}

/// Lines of few bytes, most of which mean something here.
fn content(random: &mut Random) -> Vec<u8> {
    if random.below(6) == 0 {
        return Vec::new();
    }
    let length = match random.below(20) {
        0 => random.pick(&[255, 256, 257, 4095, 4096, 4097]),
        _ => random.below(12),
    };
    let byte = |random: &mut Random| match random.below(3) {
        0 => random.pick(b" \t\n\0\r"),
        1 => random.next() as u8,
        _ => random.pick(b"abc=#\"'\\$"),
    };
    (0..length).map(|_| byte(random)).collect()
}

#[test]
fn envdir_fails_with_the_status_of_that_of_daemontools() {
    let Some(theirs) = tools::peer("envdir") else {
        return;
    };
    let rig = Rig::new();
    rig.write("plain", "not a program");
    rig.shell("mkdir d; echo x >d/A").exits(0);
    for words in ["", "d", "nosuch true", "plain true", "d nosuch", "d ./plain", "d ./plain/x"] {
        rig.run(format!("{theirs} {words}")).exits(111);
        rig.run(format!("envdir {words}")).exits(111);
    }
    for (words, code) in [("d sh -c 'exit 5'", 5), ("d true", 0), ("./d/ true", 0), (". true", 0)] {
        // In this folder there are folders, which theirs cannot read and ours passes over.
        if words != ". true" {
            rig.run(format!("{theirs} {words}")).exits(code);
        }
        rig.run(format!("envdir {words}")).exits(code);
    }
}

#[test]
fn dying_of_a_signal_is_the_commands_own_affair() {
    let rig = Rig::new();
    rig.shell("mkdir d").exits(0);
    for call in ["denv -i DMON_TEST", "envdir d"] {
        let running = rig.start(format!("{call} sleep 1000"));
        rig.wait_for("the command", || proc::words(running.pid()) == "sleep 1000");
        running.signal(Signal::SIGUSR1);
        rig.wait_empty();
    }
}

//! Options, their order, errors, help.

use super::{assert_passes, environment_of, printable};
use crate::rig::accounts::as_nobody;
use crate::rig::{Rig, tools};

#[test]
fn the_environment_has_only_the_requested_variables() {
    let rig = Rig::new();
    assert_passes(&rig, "", "");
    assert_passes(&rig, "--", "");
    assert_passes(&rig, "-E X=1", "X=1");
    assert_passes(&rig, "-EX=1 --environ Y=2 --environ=Z=3 --", "X=1 Y=2 Z=3");
    assert_passes(&rig, "-i A", "A=1");
    assert_passes(&rig, "-iA --inherit B --inherit=C", "A=1 B=2 C=3");
    assert_passes(&rig, "-i NOSUCH -i A", "A=1");
    assert_passes(&rig, "-i ''", "");
    assert_passes(&rig, "-E X=", "X=");
    assert_passes(&rig, "-E 'X=a=b=c'", "X=a=b=c");
}

#[test]
fn inherit_env_keeps_the_environment_unchanged() {
    if !tools::is_native("the shell that calls the emulator adds variables") {
        return;
    }
    let rig = Rig::new();
    rig.write("value", (1..=255).collect::<Vec<u8>>());
    let given = "env ODD=\"$(cat value)\" EMPTY= 'odd name=x'";
    let plain = environment_of(&rig, given);
    assert_eq!(plain[&b"EMPTY"[..]], b"");
    for option in ["-I", "--inherit-env", "-I -I", "-E EMPTY=full -I"] {
        let all = environment_of(&rig, &format!("{given} denv {option}"));
        assert!(
            all == plain,
            "{option} makes\n{}instead of\n{}",
            printable(&all),
            printable(&plain)
        );
    }
}

#[test]
fn options_apply_in_their_order() {
    let rig = Rig::new();
    rig.shell("mkdir d; echo dir >d/A; : >d/B; echo dir >d/D").exits(0);
    rig.write("f", "A=file\nC=\nE=file\n");
    let result = |options: &str| {
        let all = environment_of(&rig, &format!("A=1 B=2 C=3 denv {options}"));
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
        assert_eq!(result(options), wanted, "{options}");
    }
}

#[test]
fn each_error_of_denv_exits_111_and_is_reported() {
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
        rig.run(line).exits(111).reports("denv", words);
    }
    // The first error counts, even after valid options.
    rig.run("denv -E A=1 -d d -f nosuch -Z touch ran").exits(111).reports("denv", &["nosuch"]);
    assert!(!rig.has("ran"));
    let long = "x".repeat(5000);
    rig.run(format!("denv -I {long}")).exits(111).reports("denv", &["xxx"]);
    rig.run(format!("denv -d {long} true")).exits(111).reports("denv", &["xxx"]);
}

#[test]
fn unreadable_files_are_reported_and_nothing_runs() {
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
        rig.run(format!("{nobody} {call} touch ran")).exits(111).reports(applet, &[&denied(name)]);
    }
    assert!(!rig.has("ran"));
    rig.shell("chmod 700 secret").exits(0);
}

#[test]
fn denv_prints_help_and_version_on_standard_output() {
    let rig = Rig::new();
    for line in ["denv -h", "denv --help", "denv -I --help nosuch"] {
        let done = rig.run(line).exits(0).reports_nothing();
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
    let done = rig.run("envdir --help").exits(0).reports_nothing();
    assert!(done.out.contains("envdir"), "{done}");
    for line in ["denv -V", "denv --version", "envdir -V"] {
        let done = rig.run(line).exits(0).reports_nothing();
        assert!(done.out.contains(env!("CARGO_PKG_VERSION")), "{done}");
    }
    rig.run("denv --help >/dev/full").exits(111).reports("denv", &["No space left"]);
}

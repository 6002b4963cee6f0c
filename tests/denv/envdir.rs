//! envdir, and its original in daemontools.

use super::{environment_of, printable};
use crate::rig::random::Random;
use crate::rig::{Rig, quoted, scaled, tools};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

#[test]
fn each_error_of_envdir_exits_111_and_is_reported() {
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
        rig.run(line).exits(111).reports("envdir", words);
    }
    assert!(!rig.has("ran"));
}

/// daemontools, runit and s6 do the same. Only the environment of the command has the new PATH.
#[test]
fn the_path_of_the_caller_finds_the_command_of_envdir() {
    let rig = Rig::new();
    rig.shell("mkdir old new d e; echo $PWD/new >d/PATH; : >e/PATH").exits(0);
    for (folder, text) in [("old", "old"), ("new", "new")] {
        rig.write(&format!("{folder}/tool"), format!("#!/bin/sh\necho {text} \"$PATH\"\n"));
        rig.shell(format!("chmod 755 {folder}/tool")).exits(0);
    }
    let peers = [("envdir", ""), ("chpst", " -e"), ("s6-envdir", "")];
    let theirs = peers.iter().filter_map(|(name, option)| Some(tools::peer(name)? + option));
    for call in theirs.chain(["envdir".into()]) {
        let old = "PATH=$PWD/old:$PATH";
        let done = rig.shell(format!("{old} {call} d tool")).exits(0).reports_nothing();
        assert_eq!(done.out, format!("old {}\n", rig.path("new").display()), "{call}");
        // The shell sets a PATH of its own if there is none.
        let done = rig.shell(format!("{old} {call} e tool")).exits(0).reports_nothing();
        assert!(done.out.starts_with("old /"), "{call}: {done}");
        assert!(!done.out.contains("/old"), "{call}: {done}");
    }
}

#[test]
fn envdir_can_start_dmon() {
    let rig = Rig::new();
    rig.shell("mkdir d; echo red >d/COLOUR; echo '-n -1' >d/DMON_OPTIONS; : >d/SIZE").exits(0);
    let command = r#"sh -c 'echo "$COLOUR ${SIZE-none}"'"#;
    rig.run(format!("env SIZE=5 envdir ./d dmon {command} -- dlog f")).exits(0).reports_nothing();
    assert_eq!(rig.read("f"), "red none\n");
}

/// Short content with many bytes that are special to envdir, such as blanks, NUL and newline.
fn random_content(random: &mut Random) -> Vec<u8> {
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

/// Runs daemontools' envdir and ours on random directories and compares the environments.
#[test]
fn envdir_sets_the_variables_of_daemontools_envdir() {
    if !tools::is_native("the shell that calls the emulator adds variables") {
        return;
    }
    let Some(theirs) = tools::peer("envdir") else {
        return;
    };
    let before = theirs.rsplit_once(' ').map_or("", |(before, _)| before);
    let mut random = Random::new();
    for round in 0..scaled(40, 2000) {
        let rig = Rig::new();
        let mut given = format!("{before} env");
        for name in ["A", "B", "AB", "a", "odd name", "ä"] {
            if random.below(2) == 0 {
                given += &format!(" {}", quoted(&format!("{name}=given {round}")));
            }
        }
        fs::create_dir(rig.path("d")).expect("mkdir");
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
                fs::write(path, random_content(&mut random)).expect("write");
            }
        }
        if random.below(4) == 0 {
            rig.shell("echo linked >file; ln -s ../file d/LINK").exits(0);
        }
        let expected = environment_of(&rig, &format!("{given} {theirs} d"));
        for call in ["envdir d", "denv -I -d d"] {
            let ours = environment_of(&rig, &format!("{given} {call}"));
            assert!(
                ours == expected,
                "theirs\n{}{call}\n{}",
                printable(&expected),
                printable(&ours)
            );
        }
    }
}

#[test]
fn envdir_exits_with_the_status_of_daemontools_envdir() {
    let Some(theirs) = tools::peer("envdir") else {
        return;
    };
    let rig = Rig::new();
    rig.write("plain", "not a program");
    rig.shell("mkdir d; echo x >d/A").exits(0);
    for arguments in ["", "d", "nosuch true", "plain true", "d nosuch", "d ./plain", "d ./plain/x"]
    {
        rig.run(format!("{theirs} {arguments}")).exits(111);
        rig.run(format!("envdir {arguments}")).exits(111);
    }
    for (arguments, code) in
        [("d sh -c 'exit 5'", 5), ("d true", 0), ("./d/ true", 0), (". true", 0)]
    {
        // The current directory has subdirectories: an error for theirs, ignored by ours.
        if arguments != ". true" {
            rig.run(format!("{theirs} {arguments}")).exits(code);
        }
        rig.run(format!("envdir {arguments}")).exits(code);
    }
}

//! `--check`: reports what would make a start fail, and changes nothing.

use crate::rig::Rig;

#[test]
fn a_correct_command_line_passes_the_check_and_starts_nothing() {
    let rig = Rig::new();
    let options = "-u 0:0 -g 0 -W . -p new.pid -I new.status -L 4 -r core=0 -m 5/1h";
    for line in [
        format!("dmon --check {options} touch ran -- dlog f"),
        "dmon -n --check touch ran".to_string(),
        "dmon --check bin/dmon".to_string(),
        "dmon --check -E PATH=bin/../bin dlog f".to_string(),
        "dmon --check --no-check -n1 touch once".to_string(),
    ] {
        rig.run(&line).exits(0).reports_nothing();
    }
    for name in ["ran", "f", "new.pid", "new.status"] {
        assert!(!rig.has(name), "{name} was created");
    }
    assert!(rig.has("once"));
    rig.assert_no_processes();
}

#[test]
fn the_check_reports_each_command_and_file_that_cannot_be_used() {
    let rig = Rig::new();
    rig.write("plain", "");
    rig.write("bin/plain", "");
    rig.shell("mkdir folder bin/folder").exits(0);
    for (line, words) in [
        ("nosuch", &["cannot execute nosuch: No such file"][..]),
        ("./nosuch", &["cannot execute ./nosuch: No such file"]),
        ("plain", &["cannot execute plain: Permission denied"]),
        ("./plain", &["cannot execute ./plain: Permission denied"]),
        ("folder", &["cannot execute folder: Permission denied"]),
        ("/", &["cannot execute /: Permission denied"]),
        ("''", &["cannot execute '': No such file"]),
        ("touch ran -- nosuch", &["cannot execute nosuch: No such file"]),
        ("-p no/pid touch ran", &["cannot open no/pid: No such file"]),
        ("-p folder touch ran", &["cannot open folder: Permission denied"]),
        ("-I no/status touch ran", &["cannot open no/status: No such file"]),
        ("-W nosuch touch ran", &["cannot change to nosuch: No such file"]),
        ("-u nosuch touch ran", &["unknown user nosuch"]),
        ("-m 5/3s touch ran", &["-m", "-d"]),
        ("-t soon touch ran", &["-t", "soon"]),
        ("", &["no command"]),
    ] {
        rig.run(format!("dmon --check {line}")).exits(125).reports("dmon", words);
    }
    let done = rig.run("dmon --check -p no/pid nosuch -- nolog").exits(125);
    assert_eq!(done.err.lines().count(), 3, "{done}");
    assert!(!rig.has("ran"));
}

#[test]
fn the_check_passes_while_the_service_runs() {
    let rig = Rig::new();
    let line = "-p pid -I status sleep 1000 -- dlog f";
    rig.run(format!("dmon {line}")).exits(0);
    rig.wait_lines("status", 2);
    let before = rig.read("status");
    rig.run(format!("dmon --check {line}")).exits(0).reports_nothing();
    assert_eq!(rig.read("status"), before);
    assert_eq!(rig.read("pid"), format!("{}\n", rig.pid_in("pid")));
}

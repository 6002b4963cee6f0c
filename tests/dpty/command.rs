//! How dpty starts the command, and what the command inherits.

use crate::rig::mount_namespace::MountNamespace;
use crate::rig::syslogd::devices;
use crate::rig::{Rig, proc, tools};
use nix::sys::signal::Signal;

#[test]
fn dpty_becomes_the_command() {
    let rig = Rig::new();
    let dpty = rig.start("dpty sleep 1000");
    rig.wait_for("the exec of the command", || proc::cmdline(dpty.pid()) == "sleep 1000");
    dpty.signal(Signal::SIGUSR1);
    assert_eq!(dpty.wait().code(), None, "the signal did not kill the command");
    rig.wait_no_processes();
    for code in [0, 1, 7, 111, 125, 255] {
        rig.run(format!("dpty sh -c 'exit {code}'")).exits(code).reports_nothing();
    }
    // Options after the command belong to the command.
    let done = rig.shell("dpty -- printf '[%s]' -V -- '' '*' | cat").exits(0);
    assert_eq!(done.out, "[-V][--][][*]");
}

#[test]
fn dpty_reports_wrong_options() {
    let rig = Rig::new();
    rig.run("dpty").exits(125).reports("dpty", &["command", "--help"]);
    rig.run("dpty --").exits(125).reports("dpty", &["command"]);
    rig.run("dpty -Z true").exits(125).reports("dpty", &["-Z"]);
    rig.run("dpty --stderr true").exits(125).reports("dpty", &["--stderr"]);
    let help = rig.run("dpty --help").exits(0).reports_nothing().out;
    assert!(help.starts_with("Usage: dpty command [args]\n"), "{help}");
}

#[test]
fn dpty_reports_a_command_that_cannot_be_executed() {
    let rig = Rig::new();
    rig.shell("echo text >bin/text; chmod 644 bin/text; mkdir bin/folder").exits(0);
    for (line, code, reason) in [
        ("nosuch", 127, "No such file or directory"),
        ("./nosuch", 127, "No such file or directory"),
        ("bin/text", 126, "Permission denied"),
        ("bin/folder", 126, "Permission denied"),
        ("''", 127, "''"),
    ] {
        let done = rig.run(format!("dpty {line}")).exits(code);
        done.reports("dpty", &["cannot execute", line, reason]);
    }
    rig.wait_no_processes();
}

#[test]
fn the_command_inherits_files_signals_and_directory() {
    if !tools::is_native("it handles signals itself") {
        return;
    }
    let rig = Rig::new();
    rig.write("f", "input\n");
    let given = "env --ignore-signal=HUP,PIPE,INT --block-signal=USR1";
    let plain = rig.start(format!("{given} sleep 1000 7<bin <f"));
    let dpty = rig.start(format!("{given} dpty sleep 1000 7<bin <f"));
    for pid in [plain.pid(), dpty.pid()] {
        rig.wait_for("the command", || proc::cmdline(pid) == "sleep 1000");
    }
    let files = |pid| {
        let mut files = proc::descriptors(pid);
        files.retain(|number, _| !matches!(number, 1 | 2));
        files
    };
    // The dynamic linker opens libraries for a moment.
    rig.wait_for("the files of a plain program", || files(dpty.pid()) == files(plain.pid()));
    for set in ["SigIgn", "SigBlk", "ShdPnd"] {
        assert_eq!(proc::signals(dpty.pid(), set), proc::signals(plain.pid(), set), "{set}");
    }
    assert_eq!(proc::cwd(dpty.pid()), proc::cwd(plain.pid()));
    // A command that waits for all its children must not wait for the copier.
    assert!(proc::children(dpty.pid()).is_empty());
    assert_eq!(rig.shell("echo hello | dpty cat | cat").exits(0).out, "hello\n");
}

#[test]
fn dpty_works_with_closed_standard_descriptors() {
    let rig = Rig::new();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let test = "test -t 1 && echo terminal >result; echo lost; echo lost >&2";
        rig.shell(format!("rm -f result; exec dpty sh -c '{test}' {closed}")).exits(0);
        assert_eq!(rig.read("result"), "terminal\n", "{closed}");
        rig.run(format!("dpty nosuch {closed}")).exits(127);
    }
    rig.wait_no_processes();
}

#[test]
fn the_terminal_does_not_become_a_controlling_one() {
    if !tools::has(&["setsid"]) {
        return;
    }
    let rig = Rig::new();
    // A leader of a session without a terminal gets the next one that it opens without O_NOCTTY.
    let test = "test -t 1 && ! (: </dev/tty) && echo none >result";
    rig.run(format!("setsid -w dpty sh -c '{test}'")).exits(0);
    assert_eq!(rig.read("result"), "none\n");
}

#[test]
fn a_missing_pseudo_terminal_is_reported() {
    let rig = Rig::new();
    let Some(namespace) = devices(&rig) else { return };
    let line = format!("{namespace} dpty touch ran");
    rig.run(line).exits(125).reports("dpty", &["/dev/ptmx", "No such file or directory"]);
    assert!(!rig.has("ran"));
}

#[test]
fn a_missing_devpts_is_reported() {
    // An empty folder, and a /dev/ptmx that is another file.
    for (script, file) in [
        ("mkdir empty\nmount --bind empty /dev/pts", "/dev/ptmx"),
        (": >file\nmount --bind file /dev/ptmx", "/dev/pts"),
    ] {
        let rig = Rig::new();
        let Some(namespace) = MountNamespace::new(&rig, script) else { return };
        rig.run(format!("{namespace} dpty touch ran")).exits(125).reports("dpty", &[file]);
        assert!(!rig.has("ran"));
    }
}

//! How denv starts the command, and what the command inherits.

use crate::rig::{Rig, proc, tools};
use nix::sys::signal::Signal;

#[test]
fn denv_execs_the_command() {
    let rig = Rig::new();
    let denv = rig.start("denv -i PATH -i DMON_TEST sleep 1000");
    rig.wait_for("the exec of the command", || proc::cmdline(denv.pid()) == "sleep 1000");
    for code in [0, 1, 7, 111, 125, 255] {
        rig.run(format!("denv sh -c 'exit {code}'")).exits(code).reports_nothing();
        rig.shell(format!("mkdir -p d; exec envdir d sh -c 'exit {code}'"))
            .exits(code)
            .reports_nothing();
    }
    rig.shell("denv sh -c 'kill -TERM $$'; exit $?").exits(128 + 15);
    // Options after the command belong to the command.
    let done = rig.run("denv -E A=1 printf '[%s]' -E B=2 -- -I '' '*'").exits(0);
    assert_eq!(done.out, "[-E][B=2][--][-I][][*]");
    let done = rig.run("denv -- printf '[%s]' -- x").exits(0);
    assert_eq!(done.out, "[--][x]");
}

#[test]
fn the_command_inherits_files_signals_and_directory() {
    if !tools::is_native("it handles signals itself") {
        return;
    }
    let rig = Rig::new();
    rig.shell("mkdir d; echo x >d/A").exits(0);
    rig.write("f", "B=y\n");
    let given = "env --ignore-signal=HUP,PIPE,INT --block-signal=USR1,CHLD";
    let plain = rig.start(format!("{given} sleep 1000 7<bin <f"));
    rig.wait_for("a plain program", || proc::cmdline(plain.pid()) == "sleep 1000");
    for call in ["denv -I -E X=1 -d d -f f", "envdir d"] {
        let denv = rig.start(format!("{given} {call} sleep 1000 7<bin <f"));
        rig.wait_for("the command", || proc::cmdline(denv.pid()) == "sleep 1000");
        let files = |pid| {
            let mut files = proc::descriptors(pid);
            // The rig gives each program its own output files.
            files.retain(|number, _| !matches!(number, 1 | 2));
            files
        };
        // The dynamic linker opens libraries for a moment.
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
fn denv_works_with_closed_standard_descriptors() {
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
fn the_new_path_or_the_default_one_finds_the_command() {
    let rig = Rig::new();
    rig.write_program("tool", "#!/bin/sh\necho tool\n");
    assert_eq!(rig.run("denv -i PATH tool").exits(0).out, "tool\n");
    assert_eq!(rig.run("denv -I tool").exits(0).out, "tool\n");
    rig.run("denv true").exits(0).reports_nothing();
    rig.run("denv -E PATH=/nowhere /bin/true").exits(0).reports_nothing();
    rig.shell("mkdir d; mv bin/tool d/").exits(0);
    let done = rig.shell("exec denv -E PATH=\"$PWD/d:$PATH\" tool").exits(0);
    assert_eq!(done.out, "tool\n");
}

#[test]
fn a_signal_kills_the_command_itself() {
    let rig = Rig::new();
    rig.shell("mkdir d").exits(0);
    for call in ["denv -i DMON_TEST", "envdir d"] {
        let running = rig.start(format!("{call} sleep 1000"));
        rig.wait_for("the command", || proc::cmdline(running.pid()) == "sleep 1000");
        running.signal(Signal::SIGUSR1);
        rig.wait_no_processes();
    }
}

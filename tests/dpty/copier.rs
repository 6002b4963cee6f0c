//! The process that passes the output on.

use crate::rig::proc::{self, Process};
use crate::rig::{Rig, Running, feed, signal};
use nix::sys::signal::Signal;
use std::path::Path;

/// Waits for the copier of a command, which is not its child.
fn copier(rig: &Rig, command: &Running) -> Process {
    rig.wait_for_some("the copier", || {
        let mut processes = rig.processes_called("dpty").into_iter();
        processes.find(|process| process.pid != command.pid() && process.session == process.pid)
    })
}

#[test]
fn the_copier_ignores_signals() {
    let rig = Rig::new();
    let (dpty, mut input) = rig.start_fed("dpty cat >out");
    let copier = copier(&rig, &dpty);
    assert_ne!(copier.group, dpty.pid());
    use Signal::*;
    for which in [
        SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD, SIGTSTP,
        SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR,
    ] {
        signal(copier.pid, which);
    }
    signal(copier.pid, Signal::SIGSTOP);
    rig.wait_state(copier.pid, 'T');
    signal(copier.pid, Signal::SIGCONT);
    feed(&mut input, "line\n");
    rig.wait_lines("out", 1);
    drop(input);
    dpty.wait().exits(0);
    rig.wait_gone(copier.pid);
}

#[test]
fn the_copier_keeps_no_other_file_open() {
    let rig = Rig::new();
    let dpty = rig.start("dpty sleep 1000 7<bin 8<bin <bin >out 2>err");
    let copier = copier(&rig, &dpty);
    let files = || -> Vec<_> {
        let files = proc::descriptors(copier.pid).into_iter();
        files
            .map(|(number, path)| (number, path.file_name().unwrap_or_default().to_owned()))
            .collect()
    };
    let wanted = [(0, "ptmx".into()), (1, "out".into()), (2, "err".into())];
    rig.wait_for("the files of the copier", || files() == wanted);
    rig.wait_for("the directory /", || proc::cwd(copier.pid) == Path::new("/"));
    rig.assert_sleeps(copier.pid);
    dpty.kill();
    rig.wait_gone(copier.pid);
}

#[test]
fn the_copier_serves_the_last_process_of_the_command() {
    let rig = Rig::new();
    // A background process survives the command, and closes the terminal later.
    let script = "(until test -e go; do sleep 0.02; done; echo late) & echo early";
    rig.run(format!("dpty sh -c '{script}' >out 2>&1")).exits(0);
    rig.wait_for("the first line", || rig.read("out") == "early\n");
    rig.write("go", "");
    rig.wait_no_processes();
    assert_eq!(rig.read("out"), "early\nlate\n");
}

//! Results of a run that count as success (`-x`), and those after which everything stops (`-X`).

use crate::rig::{Rig, limit, scaled, signal, tools, write_random_file};
use nix::sys::signal::Signal;
use std::time::Instant;

/// Runs dmon with these options and a command that ends with `last`, and checks dmon's exit status and the number of
/// runs.
#[track_caller]
fn check(rig: &Rig, options: &str, last: &str, status: i32, runs: usize) {
    rig.write("runs", "");
    rig.run(format!("dmon -n -d 0 {options} sh -c 'echo >>runs; ulimit -c 0; {last}'"))
        .exits(status)
        .reports_nothing();
    assert_eq!(rig.lines("runs"), runs, "{options} {last}");
}

#[test]
fn each_exit_status_may_be_a_success_or_fatal() {
    let rig = Rig::new();
    let all = (0..=255).step_by(scaled(9, 1));
    for status in all.chain([1, 24, 125, 126, 127, 128, 143, 254, 255]) {
        let end = format!("exit {status}");
        let fails = status > 0;
        check(&rig, "-1 -m 1", &end, status, 1 + usize::from(fails));
        check(&rig, &format!("-1 -m 1 -x {status}"), &end, 0, 1);
        if fails {
            check(&rig, &format!("-m 1 -X {status}"), &end, status, 1);
        }
    }
}

#[test]
fn each_fatal_signal_may_be_a_success_or_fatal() {
    use Signal::{SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
    let harmless = [SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH];
    let rig = Rig::new();
    for signal in Signal::iterator().filter(|signal| !harmless.contains(signal)) {
        let number = tools::signal_number(signal);
        let (end, name) = (format!("kill -{number} $$"), &signal.as_str()[3..]);
        check(&rig, &format!("-1 -m 1 -x {name}"), &end, 0, 1);
        check(&rig, &format!("-m 1 -X {name}"), &end, 128 + number, 1);
    }
}

#[test]
fn a_success_of_the_list_ends_with_status_0() {
    let rig = Rig::new();
    check(&rig, "-m 2 -x 23-24", "exit 24", 0, 3);
    check(&rig, "-m 1 -x 23-24", "exit 25", 25, 2);
    check(&rig, "-m 1 -x 9 -x 24", "exit 9", 9, 2);
    // It takes the interval of -i, and not the second delay of -d.
    let started = Instant::now();
    check(&rig, "-d 0,99 -i 0.3 -m 2 -x 24", "exit 24", 0, 3);
    assert!(started.elapsed().as_secs_f64() > 0.6);
}

#[test]
fn a_fatal_result_stops_everything_after_the_drain() {
    let rig = Rig::new();
    let command = "sh -c 'seq 1 5000; sleep 1000 & exit 78'";
    rig.run(format!("dmon -p pid -X 64-78,100 {command} -- dlog f")).exits(0).reports_nothing();
    rig.wait_no_processes();
    assert_eq!(rig.lines("f"), 5000);
    assert!(!rig.has("pid"));
}

#[test]
fn a_command_that_disappears_is_fatal_with_127() {
    let rig = Rig::new();
    rig.write_program("fleeting", "#!/bin/sh\nrm -f bin/fleeting\n");
    rig.run("dmon -n -d 0.1 -X 127 fleeting").exits(127).reports("dmon", &["cannot execute"]);
}

#[test]
fn a_run_that_dmon_stopped_is_in_no_list() {
    let rig = Rig::new();
    let slow = "exec sleep 1000";
    check(&rig, "-1 -m 1 -t 0.2 -x TERM", slow, 124, 2);
    check(&rig, "-m 1 -t 0.2 -X TERM", slow, 124, 2);
    for option in ["-x TERM", "-X TERM"] {
        let dmon = rig.start(format!("dmon -n {option} sleep 1000"));
        let cmd = rig.child(dmon.pid(), "sleep 1000");
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(143);
        rig.wait_gone(cmd);
    }
    // Others may stop it.
    for (option, status) in [("-1 -x TERM", 0), ("-X TERM", 143)] {
        let dmon = rig.start(format!("dmon -n {option} sleep 1000"));
        signal(rig.child(dmon.pid(), "sleep 1000"), Signal::SIGTERM);
        dmon.wait().exits(status);
    }
}

#[test]
fn a_wrong_list_of_results_is_an_error() {
    let rig = Rig::new();
    for (option, name) in [("-x", "success"), ("-X", "fatal")] {
        for bad in ["''", "256", "1,", "5-3", "-1", "FOO", "TERM-KILL", "1..3"] {
            rig.run(format!("dmon -n {option} {bad} touch ran"))
                .exits(125)
                .reports("dmon", &[&format!("option {option}: "), "like 24, 64-78, TERM"]);
            rig.run(format!("dmon -n --{name}={bad} touch ran")).exits(125);
        }
    }
    for both in ["-x 1-9 -X 9", "-X 143 -x TERM", "-X 0", "-X 0-255"] {
        rig.run(format!("dmon -n {both} touch ran"))
            .exits(125)
            .reports("dmon", &["options -x and -X: a status is in both"]);
    }
    assert!(!rig.has("ran"));
}

/// rsync exits with 24 if a file vanishes after it has listed the directory. That is no failure on a live tree.
#[test]
fn an_rsync_of_a_live_tree_succeeds() {
    if !tools::has(&["rsync"]) {
        return;
    }
    for (options, status) in [("-1 -m 0 -x 24", 0), ("-1 -m 0", 24)] {
        let rig = Rig::new();
        std::fs::create_dir(rig.path("src")).expect("a directory");
        write_random_file(&rig.path("src/a"), 8_000_000, 1);
        rig.write("src/b", "b\n");
        // rsync copies in the order of names, and `a` takes several seconds.
        let dmon = rig.start(format!("dmon -n {options} rsync -a --bwlimit=2000k src/ dst"));
        let is_copying = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".a.");
        rig.wait_for("the copy of a to begin", || {
            let files = std::fs::read_dir(rig.path("dst")).into_iter().flatten().flatten();
            files.into_iter().any(|file| is_copying(&file.file_name()))
        });
        std::fs::remove_file(rig.path("src/b")).expect("remove b");
        let done = dmon.wait().exits(status);
        assert!(done.took < limit() && done.err.contains("vanished"), "{done}");
        assert!(rig.has("dst/a") && !rig.has("dst/b"));
    }
}

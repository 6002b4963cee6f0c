//! Errors of `-r`: invalid limits, limits that the kernel rejects, and limits that hinder the start.

use crate::rig::accounts::as_nobody;
use crate::rig::{Rig, quoted, tools};

#[test]
fn an_invalid_limit_is_reported() {
    let rig = Rig::new();
    for word in [
        "nofile",
        "nofile=",
        "nofile=x",
        "nofile=1x",
        "nofile=-1",
        "nofile=+1",
        "nofile= 1",
        "nofile=1 ",
        "nofile=0x10",
        "nofile=1,2",
        "nofile=1:",
        "nofile=:1",
        "nofile=:",
        "nofile=1:x",
        "nofile=x:1",
        "nofile=1:2:3",
        "nofile=1:-1",
        "nofile=1=2",
        "nofile:1",
        "bogus=1",
        "bogus",
        "nofil=1",
        "nofiles=1",
        "no=1",
        "nofile files=1",
        "nofile|files=1",
        " nofile=1",
        "-r",
        "=",
        "=1",
        "help=1",
        "helpme",
        "fsize=1t",
        "fsize=1kb",
        "fsize=1kk",
        "fsize=k",
        "fsize=unlimite",
        "fsize=unlimitedx",
        "fsize=18446744073709551616",
        "fsize=17179869184g",
        "fsize=99999999999999999999999",
        "cpu=1k",
        "cpu=1x",
        "cpu=1.2.3",
        "cpu=99999999999999999999w",
        "rttime=1k",
        "rttime=99999999999999999999",
        "ä=1",
    ] {
        for line in [
            format!("dmon -n1 -r {} touch ran", quoted(word)),
            format!("dmon -n1 --limit={} touch ran", quoted(word)),
        ] {
            let option = if line.contains("--limit") { "option --limit" } else { "option -r" };
            rig.run(&line)
                .exits(125)
                .reports("dmon", &[option, &format!("'{word}' is not a limit")]);
        }
    }
    rig.run("dmon -n -r '' touch ran")
        .exits(125)
        .reports("dmon", &["option -r", "'' is not a limit"]);
    rig.run("dmon -n --limit= touch ran").exits(125).reports("dmon", &["option --limit"]);
    rig.run("dmon -n -r").exits(125).reports("dmon", &["-r", "value"]);
    // dmon stops at the first error and does not print the list.
    rig.run("dmon -n -r bogus=1 -r help touch ran").exits(125).reports("dmon", &["'bogus=1'"]);
    assert!(!rig.has("ran"));
}

/// Overflow must not turn an endless limit into a short one. dmon may reject it or set a very long one.
#[test]
fn an_overlong_time_limit_never_becomes_a_short_one() {
    let rig = Rig::new();
    for name in ["cpu", "rttime"] {
        for time in ["1000w", "30000000w", "18446744073709w", "18446744073710", "30500568904943w"] {
            let command = "sh -c 'cat /proc/self/limits'";
            let done = rig.run(format!("dmon -n1 -r {name}={time} {command}"));
            if done.err.is_empty() {
                let row = if name == "cpu" { "Max cpu time" } else { "Max realtime timeout" };
                let line =
                    done.out.lines().find(|line| line.starts_with(row)).expect("the limit's row");
                let soft = line[25..].split_whitespace().next().expect("the soft limit");
                let soft: u64 = soft.parse().unwrap_or(u64::MAX);
                assert!(soft >= 600_000_000, "{soft} of {name}={time}");
                done.exits(0);
            } else {
                done.exits(125).reports("dmon", &[time, "is not a limit"]);
            }
        }
    }
}

#[test]
fn a_limit_that_the_kernel_rejects_fails_the_start() {
    let rig = Rig::new();
    for daemon in ["-n", ""] {
        for (option, name, reason) in [
            // More than /proc/sys/fs/nr_open.
            ("nofile=4000000000:4000000000", "nofile", "Operation not permitted"),
            ("files=4000000000:4000000000", "nofile", "Operation not permitted"),
            ("rss=64:32", "rss", "Invalid argument"),
            ("cpu=2:1", "cpu", "Invalid argument"),
            ("rttime=2:1", "rttime", "Invalid argument"),
            ("fsize=unlimited:5", "fsize", "Invalid argument"),
        ] {
            let message = format!("dmon: cannot set limit {name}: {reason}\n");
            for log in ["", "-- dlog f"] {
                let line = format!("dmon {daemon} -p pid -r {option} touch ran {log}");
                let done = rig.run(line).exits(125);
                assert_eq!(done.err, message, "{done}");
                assert!(!rig.has("pid") && !rig.has("ran"));
                rig.assert_no_processes();
            }
        }
    }
}

#[test]
fn raising_a_limit_without_privilege_is_reported() {
    if !tools::has(&["prlimit", "setpriv"]) {
        return;
    }
    let rig = Rig::new();
    let Some(nobody) = as_nobody(&rig) else {
        return;
    };
    let nobody = format!("prlimit --rss=10:20 {nobody}");
    for (option, reason) in [
        ("rss=30", "Invalid argument"),
        ("rss=unlimited", "Invalid argument"),
        ("rss=10:30", "Operation not permitted"),
        ("rss=30:30", "Operation not permitted"),
        ("rss=unlimited:unlimited", "Operation not permitted"),
    ] {
        let message = format!("cannot set limit rss: {reason}");
        rig.run(format!("{nobody} dmon -n -r {option} touch ran"))
            .exits(125)
            .reports("dmon", &[&message]);
    }
    let done = rig.run(format!("{nobody} dmon -n1 -r rss=20 cat /proc/self/limits")).exits(0);
    let line = done
        .out
        .lines()
        .find(|line| line.starts_with("Max resident set"))
        .expect("the limit's row");
    assert_eq!(line[25..].split_whitespace().take(2).collect::<Vec<_>>(), ["20", "20"]);
}

#[test]
fn a_command_limited_to_0_descriptors_can_start() {
    if !tools::has(&["busybox"]) {
        return;
    }
    let rig = Rig::new();
    rig.write("plain", "not a program");
    for options in ["-r nofile=0", "-r nofile=0:0", "-r fsize=0 -r nofile=3"] {
        for daemon in ["-n", ""] {
            let before = format!("dmon {daemon} -p pid {options}");
            rig.run(format!("{before} nosuch"))
                .exits(127)
                .reports("dmon", &["nosuch", "No such file"]);
            rig.run(format!("{before} ./plain")).exits(126).reports("dmon", &["./plain", "denied"]);
        }
        // Only a static executable can start: it opens no libraries.
        rig.run(format!("dmon -n1 {options} busybox true")).exits(0).reports_nothing();
        rig.run(format!("dmon -n1 {options} busybox true -- dlog f")).exits(0).reports_nothing();
    }
    rig.assert_no_processes();
}

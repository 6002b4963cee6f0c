//! Resource limits of the command: `-r`.

use crate::rig::accounts::{ALICE, Accounts};
use crate::rig::{Rig, numbers, proc, quoted, tools};
use nix::sys::signal::Signal;

/// Every limit: its name here, its name in `/proc/PID/limits`, and a value that needs no privilege.
const ALL: [(&str, &str, &str); 16] = [
    ("as", "address space", "3g"),
    ("core", "core file size", "0"),
    ("cpu", "cpu time", "1h"),
    ("data", "data size", "2g"),
    ("fsize", "file size", "1g"),
    ("locks", "file locks", "7"),
    ("memlock", "locked memory", "4k"),
    ("msgqueue", "msgqueue size", "0"),
    ("nice", "nice priority", "0"),
    ("nofile", "open files", "77"),
    ("nproc", "processes", "999"),
    ("rss", "resident set", "1g"),
    ("rtprio", "realtime priority", "0"),
    ("rttime", "realtime timeout", "1"),
    ("sigpending", "pending signals", "88"),
    ("stack", "stack size", "4m"),
];

/// The soft and the hard limit of a process, as texts.
#[track_caller]
fn limit(pid: i32, name: &str) -> (String, String) {
    let mut all = proc::limits(pid);
    all.remove(name).unwrap_or_else(|| panic!("no limit called {name} of {pid}: {all:?}"))
}

#[test]
fn each_limit_can_be_set_by_each_of_its_names() {
    if !tools::is_native("it does not apply memory limits") {
        return;
    }
    let rig = Rig::new();
    for (option, name, value) in [
        ("as=3g", "address space", "3221225472"),
        ("vmem=900m", "address space", "943718400"),
        ("core=0", "core file size", "0"),
        ("cpu=5", "cpu time", "5"),
        ("cpu=1h", "cpu time", "3600"),
        ("cpu=1.5m", "cpu time", "90"),
        ("data=2g", "data size", "2147483648"),
        ("fsize=3k", "file size", "3072"),
        ("fsize=5000000000", "file size", "5000000000"),
        ("locks=7", "file locks", "7"),
        ("memlock=4k", "locked memory", "4096"),
        ("mlock=8k", "locked memory", "8192"),
        ("msgqueue=1000", "msgqueue size", "1000"),
        ("msgq=1k", "msgqueue size", "1024"),
        ("nice=0", "nice priority", "0"),
        ("nofile=77", "open files", "77"),
        ("files=78", "open files", "78"),
        ("nproc=999", "processes", "999"),
        ("rss=1g", "resident set", "1073741824"),
        ("rtprio=0", "realtime priority", "0"),
        ("rttime=1", "realtime timeout", "1000000"),
        ("rttime=1.5", "realtime timeout", "1500000"),
        ("rttime=0.000001", "realtime timeout", "1"),
        ("rttime=1h", "realtime timeout", "3600000000"),
        ("sigpending=88", "pending signals", "88"),
        ("stack=4m", "stack size", "4194304"),
    ] {
        let dmon = rig.start(format!("dmon -n -r {option} sleep 1000"));
        let command = rig.child(dmon.pid(), "sleep 1000");
        // The hard limit and all other limits are unchanged.
        let mut wanted = proc::limits(dmon.pid());
        wanted.get_mut(name).expect("such a limit").0 = value.to_string();
        assert_eq!(proc::limits(command), wanted, "{option}");
    }
}

#[test]
fn fractional_cpu_seconds_are_rounded_up() {
    let rig = Rig::new();
    for (value, seconds) in [("0.1", "1"), ("1.0", "1"), ("1.001", "2"), ("0.5m", "30")] {
        let dmon = rig.start(format!("dmon -n -r cpu={value} sleep 1000"));
        let command = rig.child(dmon.pid(), "sleep 1000");
        assert_eq!(limit(command, "cpu time").0, seconds, "{value}");
    }
}

#[test]
fn a_second_value_is_the_hard_limit() {
    let rig = Rig::new();
    for (option, name, soft, hard) in [
        ("nofile=32:64", "open files", "32", "64"),
        ("files=64:64", "open files", "64", "64"),
        ("rss=0:1m", "resident set", "0", "1048576"),
        ("cpu=1m:1.5h", "cpu time", "60", "5400"),
        ("rttime=0.5:2", "realtime timeout", "500000", "2000000"),
        ("fsize=1k:2g", "file size", "1024", "2147483648"),
    ] {
        let dmon = rig.start(format!("dmon -n --limit={option} sleep 1000"));
        let command = rig.child(dmon.pid(), "sleep 1000");
        assert_eq!(limit(command, name), (soft.to_string(), hard.to_string()), "{option}");
    }
}

#[test]
fn unlimited_is_a_valid_value() {
    if !tools::has(&["prlimit"]) {
        return;
    }
    let rig = Rig::new();
    // The kernel does not enforce these two limits (getrlimit(2)), so lowering them disturbs nothing.
    let lowered = "prlimit --rss=1000: --locks=1000:";
    let dmon = rig.start(format!("{lowered} dmon -n -r rss=unlimited sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    assert_eq!(limit(command, "resident set").0, "unlimited");
    assert_eq!(limit(command, "file locks").0, "1000");
    drop(dmon);
    let options = "-r rss=5:unlimited -r locks=unlimited:unlimited";
    let dmon = rig.start(format!("{lowered} dmon -n {options} sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    assert_eq!(limit(command, "resident set"), ("5".into(), "unlimited".into()));
    assert_eq!(limit(command, "file locks"), ("unlimited".into(), "unlimited".into()));
}

#[test]
fn all_limits_can_be_set_at_once_and_the_last_of_two_wins() {
    if !tools::is_native("it does not apply memory limits") {
        return;
    }
    let rig = Rig::new();
    let options: String =
        ALL.iter().map(|(option, _, value)| format!(" -r {option}={value}")).collect();
    let dmon = rig.start(format!("dmon -n -r nofile=50{options} -r cpu=5 -r cpu=2h sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    for (name, value) in [
        ("address space", "3221225472"),
        ("core file size", "0"),
        ("cpu time", "7200"),
        ("file locks", "7"),
        ("open files", "77"),
        ("pending signals", "88"),
        ("realtime timeout", "1000000"),
    ] {
        assert_eq!(limit(command, name).0, value, "{name}");
    }
    drop(dmon);
    // `files` is another name of `nofile`.
    let dmon = rig.start("dmon -n -r nofile=50 -r files=60 sleep 1000");
    assert_eq!(limit(rig.child(dmon.pid(), "sleep 1000"), "open files").0, "60");
}

#[test]
fn only_the_command_is_limited() {
    let rig = Rig::new();
    let plain = rig.start("sleep 3000");
    rig.wait_for("a plain program", || proc::cmdline(plain.pid()) == "sleep 3000");
    let wanted = proc::limits(plain.pid());
    let dmon = rig.start("dmon -n -r nofile=50:60 -r core=0:0 -r cpu=5 sleep 1000 -- sleep 2000");
    assert_eq!(limit(rig.child(dmon.pid(), "sleep 1000"), "open files").1, "60");
    for pid in [dmon.pid(), rig.child(dmon.pid(), "sleep 2000")] {
        assert_eq!(proc::limits(pid), wanted, "{}", proc::cmdline(pid));
    }
}

#[test]
fn each_run_has_the_same_limits() {
    let rig = Rig::new();
    let command = "sh -c 'echo $(ulimit -n) $(ulimit -Hn)'";
    let done = rig.run(format!("dmon -n -d 0.1 -m 2 -r nofile=50:60 {command}")).exits(0);
    assert_eq!(done.reports_nothing().out, "50 60\n50 60\n50 60\n");
}

#[test]
fn the_command_of_a_daemon_is_limited() {
    let rig = Rig::new();
    rig.run("dmon -p pid -r nofile=50 sleep 1000").exits(0).reports_nothing();
    let command = rig.child(rig.pid_in("pid"), "sleep 1000");
    assert_eq!(limit(command, "open files").0, "50");
}

#[test]
fn limits_can_be_set_in_the_config_file_and_the_variable() {
    let rig = Rig::new();
    rig.write("conf", "no-daemon limit nofile=50 limit core=0 limit sigpending=70");
    let variable = "env DMON_OPTIONS='-r nofile=60 -r cpu=50'";
    let dmon = rig.start(format!("{variable} dmon -C conf -r cpu=60 sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    for (name, value) in [
        ("pending signals", "70"),
        ("open files", "60"),
        ("core file size", "0"),
        ("cpu time", "60"),
    ] {
        assert_eq!(limit(command, name).0, value, "{name}");
    }
}

#[test]
fn limit_names_are_listed_one_per_line() {
    let rig = Rig::new();
    for line in [
        "dmon -r help",
        "dmon --limit=help",
        "dmon -n -r help touch ran",
        "dmon -p pid -r core=0 -r help touch ran",
        "dmon -p pid -r help -r core=0 touch ran",
        "env DMON_OPTIONS='-r help' dmon touch ran",
    ] {
        let done = rig.run(line).exits(0).reports_nothing();
        let names: Vec<&str> = done.out.lines().collect();
        for (name, ..) in ALL {
            assert_eq!(names.iter().filter(|line| **line == name).count(), 1, "{name}: {done}");
        }
        // Every listed name is accepted.
        for name in names {
            rig.run(format!("dmon -r {}=0 -r help", quoted(name))).exits(0).reports_nothing();
        }
    }
    assert!(!rig.has("ran") && !rig.has("pid"));
    rig.run("dmon -r help >/dev/full").exits(125).reports("dmon", &["No space left"]);
}

#[test]
fn the_help_lists_the_limit_option() {
    let rig = Rig::new();
    let done = rig.run("dmon --help").exits(0);
    for words in ["-r, --limit", "-r help"] {
        assert!(done.out.contains(words), "{done}");
    }
}

#[test]
fn limits_apply_to_a_command_of_another_user() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    let options = "-u alice -r nofile=50:60 -r nproc=900 -r core=0:0";
    let dmon = rig.start(format!("{accounts} dmon -n {options} sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    assert_eq!(proc::ids(command, "Uid")[0], ALICE);
    assert_eq!(limit(command, "open files"), ("50".into(), "60".into()));
    assert_eq!(limit(command, "processes").0, "900");
}

#[test]
fn a_command_above_its_limit_dies_of_the_kernels_signal() {
    let rig = Rig::new();
    let dmon = "dmon -n -m 0";
    rig.run(format!("{dmon} -r cpu=1 sh -c 'while :; do :; done'"))
        .exits(128 + tools::signal_number(Signal::SIGXCPU));
    rig.run(format!("{dmon} -r fsize=1k sh -c 'exec head -c 5000 /dev/zero >f'"))
        .exits(128 + tools::signal_number(Signal::SIGXFSZ));
    assert_eq!(rig.bytes("f").len(), 1024);
}

#[test]
fn fsize_does_not_limit_the_log_file() {
    let rig = Rig::new();
    let done = rig.run("dmon -n1 -e -r fsize=1k seq 1 20000 -- dlog f").exits(0);
    done.reports_nothing();
    assert_eq!(rig.read("f"), numbers(20000));
}

//! Pausing by pressure stall information (`--pressure`), alone and together with the load average.
//!
//! Requires a mount namespace, in which files replace `/proc/pressure/*` and `/proc/loadavg`, and a kernel with PSI.

use crate::rig::reads::Reads;
use crate::rig::{Rig, proc, signal, tools};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::FileExt;

/// Simulated pressures and load average, visible only to the tested program.
struct Pressure<'a> {
    rig: &'a Rig,
}

const FILES: [&str; 4] = ["cpu", "io", "memory", "loadavg"];

impl Pressure<'_> {
    /// Starts with all values at 0. `None` (with a skip notice) if the files cannot be replaced.
    fn new(rig: &Rig) -> Option<Pressure<'_>> {
        if !tools::can_mount() || !has_psi() {
            return None;
        }
        let pressure = Pressure { rig };
        for name in FILES {
            rig.write(name, text(name, "0.00"));
        }
        Some(pressure)
    }

    /// Returns a command line whose program reads the simulated files.
    fn line(&self, line: &str) -> String {
        let mounts = "for f in cpu io memory; do mount --bind $f /proc/pressure/$f || exit 99; done; \
            mount --bind loadavg /proc/loadavg";
        format!("{} sh -c '{mounts} && exec \"$@\"' sh {line}", tools::unshare_mounts())
    }

    /// Waits until the program reads this file.
    fn wait_reading(&self, name: &str) {
        Reads::of(self.rig, name).wait_next();
    }

    /// Sets a value with one write of the same length, so that no reader sees a mixture.
    fn set(&self, name: &str, value: &str) {
        let file =
            fs::OpenOptions::new().write(true).open(self.rig.path(name)).expect("open the file");
        file.write_all_at(text(name, value).as_bytes(), 0).expect("write the value");
    }
}

fn has_psi() -> bool {
    fs::exists("/proc/pressure/cpu").unwrap_or(false)
        || tools::skip("needs a kernel with /proc/pressure")
}

/// Formats a file like the kernel, padded to a constant length.
fn text(name: &str, value: &str) -> String {
    let first = match name {
        "loadavg" => format!("{value} 0.00 0.00 1/100 1000"),
        _ => format!("some avg10={value} avg60=0.00 avg300=0.00 total=1"),
    };
    format!("{first:<60}\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=1\n")
}

/// Waits for the status lines of a start, a pause and a resume. dmon writes them after it has sent the signals.
fn only_three_reports(rig: &Rig) {
    rig.wait_lines("st", 3);
    assert_eq!(rig.lines("st"), 3, "{}", rig.read("st"));
}

#[test]
fn each_kind_of_pressure_pauses_and_resumes_the_command() {
    for kind in ["cpu", "io", "memory"] {
        let rig = Rig::new();
        let Some(pressure) = Pressure::new(&rig) else {
            return;
        };
        pressure.set(kind, "40.01");
        let line = format!("dmon -n --pressure {kind}:40 sleep 1000");
        let dmon = rig.start(pressure.line(&line));
        let command = rig.child(dmon.pid(), "sleep 1000");
        rig.wait_state(command, 'T');
        // The default of the lower threshold is half of the upper one.
        pressure.set(kind, "20.00");
        rig.wait_state(command, 'S');
        dmon.kill();
    }
}

#[test]
fn the_lower_threshold_can_be_set() {
    let rig = Rig::new();
    let Some(pressure) = Pressure::new(&rig) else {
        return;
    };
    pressure.set("io", "9.60");
    pressure.set("cpu", "99.00");
    let line = "dmon -n --pressure io:9.5:1.5 -I st sleep 1000";
    let dmon = rig.start(pressure.line(line));
    let command = rig.child(dmon.pid(), "sleep 1000");
    rig.wait_state(command, 'T');
    pressure.set("io", "1.50");
    rig.wait_state(command, 'S');
    only_three_reports(&rig);
    dmon.kill();
}

#[test]
fn the_command_resumes_only_if_every_metric_is_low() {
    let rig = Rig::new();
    let Some(pressure) = Pressure::new(&rig) else {
        return;
    };
    pressure.set("loadavg", "9.00");
    pressure.set("cpu", "50.00");
    let line = "dmon -n -L 4 --pressure cpu:40 --pressure memory:10 -I st sleep 1000";
    let dmon = rig.start(pressure.line(line));
    let command = rig.child(dmon.pid(), "sleep 1000");
    rig.wait_state(command, 'T');
    pressure.set("memory", "11.00");
    pressure.set("cpu", "1.00");
    pressure.set("loadavg", "1.00");
    pressure.wait_reading("memory");
    // Only the next sample shows that dmon has acted on the previous one.
    pressure.wait_reading("memory");
    assert_eq!(proc::state(command), Some('T'));
    pressure.set("memory", "1.00");
    rig.wait_state(command, 'S');
    only_three_reports(&rig);
    dmon.kill();
}

#[test]
fn a_paused_command_that_dies_is_restarted_and_paused() {
    let rig = Rig::new();
    let Some(pressure) = Pressure::new(&rig) else {
        return;
    };
    pressure.set("cpu", "90.00");
    let dmon = rig.start(pressure.line("dmon -n -d 0 --pressure cpu:40 -I st sleep 1000"));
    let first = rig.child(dmon.pid(), "sleep 1000");
    rig.wait_state(first, 'T');
    signal(first, Signal::SIGKILL);
    rig.wait_dead(first);
    let second = rig.child(dmon.pid(), "sleep 1000");
    rig.wait_state(second, 'T');
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    rig.assert_no_processes();
}

#[test]
fn an_invalid_pressure_threshold_is_an_error() {
    let rig = Rig::new();
    for word in
        ["", "cpu", "cpu:", "disk:10", "cpu:10:10", "cpu:10:20", "cpu:x", "io:40%", "io:1:2:3"]
    {
        rig.run(format!("dmon -n --pressure '{word}' touch ran"))
            .exits(125)
            .reports("dmon", &["option --pressure", "is not"]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn a_kernel_without_psi_is_an_error_at_startup() {
    let rig = Rig::new();
    if !tools::can_mount() || !has_psi() {
        return;
    }
    let line =
        "sh -c 'mount -t tmpfs none /proc/pressure && exec dmon -n --pressure io:40 touch ran'";
    rig.run(format!("{} {line}", tools::unshare_mounts()))
        .exits(125)
        .reports("dmon", &["cannot read /proc/pressure/io"]);
    assert!(!rig.has("ran"));
}

//! Pausing by the number in a file (`--sensor`), as of the temperature or the battery.
//!
//! The files are the tests' own, or those of a real sensor of this machine.

use crate::rig::reads::Reads;
use crate::rig::{Rig, proc, tools};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs;

/// Replaces a file at once, so that no reader sees half of it.
fn set(rig: &Rig, name: &str, text: &str) {
    rig.write("new", text);
    fs::rename(rig.path("new"), rig.path(name)).expect("replace the file");
}

/// Waits until dmon has acted on the present content of this file.
fn wait_sample(rig: &Rig, name: &str) {
    // Only the next sample shows that dmon has acted on the previous one.
    for _ in 0..2 {
        Reads::of(rig, name).wait_next();
    }
}

/// Checks that a command with these thresholds is paused at the first value, stays paused at the second, and resumes at
/// the third.
fn pauses(rig: &Rig, limits: &str, [high, between, low]: [&str; 3]) {
    set(rig, "a:sensor", high);
    let dmon = rig.start(format!("dmon -n -v -I st --sensor a:sensor:{limits} sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    rig.wait_state(command, 'T');
    set(rig, "a:sensor", between);
    wait_sample(rig, "a:sensor");
    assert_eq!(proc::state(command), Some('T'), "{}", dmon.err());
    set(rig, "a:sensor", low);
    rig.wait_state(command, 'S');
    rig.wait_lines("st", 3);
    let lines = format!("cmd start {command}\ncmd pause {command}\ncmd resume {command}\n");
    assert_eq!(rig.read("st"), lines);
    let number = |text: &str| text.trim().to_string();
    let messages = [
        format!("dmon: cmd {command} started, a:sensor {}", number(high)),
        format!("dmon: cmd {command} paused, a:sensor {}", number(high)),
        format!("dmon: cmd {command} resumed, a:sensor {}", number(low)),
    ];
    rig.wait_for("three messages", || dmon.err().lines().count() == 3);
    assert_eq!(dmon.err().lines().collect::<Vec<_>>(), messages);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    rig.assert_no_processes();
}

#[test]
fn heat_pauses_the_command_until_it_is_cool() {
    pauses(&Rig::new(), "70000:65000", ["70001\n", "65001\n", "65000\n"]);
}

#[test]
fn a_low_battery_pauses_the_command_until_it_is_charged() {
    pauses(&Rig::new(), "20:50", ["19\n", "49\n", "50\n"]);
}

#[test]
fn values_may_be_negative_or_large() {
    pauses(&Rig::new(), "-5000:-20000", ["-4999\n", "-19999\n", "-20000\n"]);
}

#[test]
fn bytes_beyond_32_bits_are_compared() {
    let values = ["92233720368548\n", "8000000000\n", "7999999999"];
    pauses(&Rig::new(), "92233720368547:7999999999", values);
}

#[test]
fn a_sensor_that_cannot_be_read_later_is_not_high() {
    let rig = Rig::new();
    for (number, limits) in ["70:65", "80:90"].iter().enumerate() {
        set(&rig, "sensor", "75\n");
        let line = format!("dmon -n -v --sensor sensor:{limits} sleep 100{number}");
        let dmon = rig.start(line);
        let command = rig.child(dmon.pid(), &format!("sleep 100{number}"));
        rig.wait_state(command, 'T');
        set(&rig, "sensor", "garbage\n");
        rig.wait_state(command, 'S');
        set(&rig, "sensor", "75\n");
        rig.wait_state(command, 'T');
        fs::remove_file(rig.path("sensor")).expect("remove the file");
        rig.wait_state(command, 'S');
        rig.wait_for("the message", || dmon.err().lines().count() == 5);
        assert!(dmon.err().ends_with("resumed, sensor unreadable\n"), "{}", dmon.err());
        dmon.kill();
    }
}

#[test]
fn four_sensors_must_all_be_low() {
    let rig = Rig::new();
    let names = ["a", "b", "c", "d"];
    for name in names {
        set(&rig, name, "0\n");
    }
    set(&rig, "d", "2\n");
    let options = names.map(|name| format!("--sensor {name}:1:0")).join(" ");
    let dmon = rig.start(format!("dmon -n -v {options} sleep 1000"));
    let command = rig.child(dmon.pid(), "sleep 1000");
    rig.wait_state(command, 'T');
    set(&rig, "a", "2\n");
    set(&rig, "d", "0\n");
    wait_sample(&rig, "a");
    assert_eq!(proc::state(command), Some('T'));
    set(&rig, "a", "0\n");
    rig.wait_state(command, 'S');
    let message = format!("dmon: cmd {command} paused, a 0, b 0, c 0, d 2");
    rig.wait_for("the message", || dmon.err().lines().any(|line| line == message));
    dmon.kill();
    rig.run(format!("dmon -n {options} --sensor a:2:1 touch ran"))
        .exits(125)
        .reports("dmon", &["option --sensor: 'a:2:1' is not FILE:HIGH:LOW"]);
    assert!(!rig.has("ran"));
}

#[test]
fn a_wrong_sensor_is_an_error_at_startup() {
    let rig = Rig::new();
    set(&rig, "f", "1\n");
    for word in ["", "f", "f:1", "f:2:2", "f:0:-0", ":2:1", "f:x:1", "f:2:1%", "f:2:", "f::1"] {
        let message = format!("option --sensor: '{word}' is not FILE:HIGH:LOW");
        rig.run(format!("dmon -n --sensor '{word}' touch ran"))
            .exits(125)
            .reports("dmon", &[&message]);
    }
    set(&rig, "garbage", "none\n");
    set(&rig, "empty", "");
    // The number begins within the bytes that dmon reads, and ends behind them.
    set(&rig, "cut", &format!("{:61}71000\n", ""));
    mkfifo(&rig.path("fifo"), Mode::from_bits_truncate(0o600)).expect("a FIFO");
    let long = "x".repeat(256);
    for (file, reason) in [
        ("none", "No such file or directory"),
        ("garbage", "No data available"),
        ("empty", "No data available"),
        ("fifo", "No data available"),
        ("cut", "No data available"),
        (".", "Is a directory"),
        (&long, "File name too long"),
    ] {
        for option in ["-n", "--check"] {
            let message = format!("cannot read {file}: {reason}");
            rig.run(format!("dmon {option} --sensor f:2:1 --sensor {file}:2:1 touch ran"))
                .exits(125)
                .reports("dmon", &[&message]);
        }
    }
    // The path is too long for dmon, and so is the message.
    rig.run(format!("dmon -n --sensor {}f:2:1 touch ran", "./".repeat(256))).exits(125);
    rig.run("dmon --check --sensor f:2:1 touch ran").exits(0).reports_nothing();
    assert!(!rig.has("ran"));
}

/// A sensor of this machine: the first thermal zone or battery that can be read.
fn real_sensor() -> Option<(String, i64)> {
    let files = ["thermal", "power_supply", "hwmon"]
        .into_iter()
        .filter_map(|class| fs::read_dir(format!("/sys/class/{class}")).ok())
        .flatten()
        .flatten()
        .flat_map(|device| {
            ["temp", "capacity", "temp1_input"].map(|name| device.path().join(name))
        });
    let mut values = files.filter_map(|file| {
        let value = fs::read_to_string(&file).ok()?.trim().parse().ok()?;
        Some((file.to_str()?.to_string(), value))
    });
    values.next()
}

#[test]
fn a_real_sensor_pauses_the_command() {
    let Some((file, value)) = real_sensor() else {
        tools::skip("needs a thermal zone or a battery");
        return;
    };
    let rig = Rig::new();
    // Far from the value, which may change meanwhile.
    let (below, above) = (value - 1_000_000, value + 1_000_000);
    let sensor = format!("--sensor {file}:{above}:{below}");
    rig.run(format!("dmon -n -1 {sensor} true")).exits(0);
    let dmon = rig.start(format!("dmon -n --sensor {file}:{below}:{} sleep 1000", below - 1));
    let command = rig.child(dmon.pid(), "sleep 1000");
    rig.wait_state(command, 'T');
    dmon.kill();
}

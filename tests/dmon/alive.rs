//! A command that hangs: `--alive`.

use crate::rig::load::Load;
use crate::rig::trace::Trace;
use crate::rig::{Rig, assert_stays, proc, tools};
use std::time::Duration;

/// A command line for a service that does `$beat` every 50 ms until the file `hang` exists.
fn service(beat: &str) -> String {
    format!(
        "sh -c 'echo >>runs; n=0
        until test -e hang; do n=$((n + 1)); {beat}; sleep 0.05; done; exec sleep 1000'"
    )
}

/// Checks that a service with this beat lives for longer than `time`, and is stopped when it hangs.
fn lives_until_it_hangs(rig: &Rig, time: f64, beat: &str) {
    let line = format!("dmon -n -m 0 -I status --alive {time}:beat {}", service(beat));
    let dmon = rig.start(line);
    rig.wait_lines("runs", 1);
    assert_stays(Duration::from_secs_f64(1.5 * time), || dmon.is_running());
    rig.write("hang", "");
    dmon.wait().exits(124);
    assert!(rig.read("status").contains("cmd timeout "), "{}", rig.read("status"));
    rig.shell("rm -f hang runs status").exits(0);
}

#[test]
fn a_hung_command_is_stopped_and_started_again() {
    let rig = Rig::new();
    rig.write("beat", "");
    let command = "sh -c 'echo >>runs; exec sleep 1000'";
    let done = rig.run(format!("dmon -n -m 2 -d 0 --alive 0.4:beat {command}")).exits(124);
    assert_eq!(rig.lines("runs"), 3);
    assert!(done.took >= Duration::from_millis(1200), "{done}");
    // A file that does not exist does not change.
    rig.run("dmon -n -m 0 --alive 0.4:none sleep 1000").exits(124);
    rig.run("dmon -n -1 --alive 1h:none true").exits(0);
}

#[test]
fn a_command_that_changes_its_file_lives() {
    let rig = Rig::new();
    lives_until_it_hangs(&rig, 2.0, "touch beat");
    // Another file, with the same size and the same time.
    lives_until_it_hangs(&rig, 2.0, "echo >new; touch -d @1000000000 new; mv new beat");
    // The time is set back with each write.
    lives_until_it_hangs(&rig, 2.0, "echo >>beat; touch -d @1000000000 beat");
}

/// The file's time comes from a clock that is wrong by ten years, or goes back.
#[test]
fn a_wrong_clock_is_no_hang() {
    let rig = Rig::new();
    for sign in ["-", "+"] {
        let beat = format!("touch -d \"@$(($(date +%s) {sign} 315360000 {sign} n))\" beat");
        lives_until_it_hangs(&rig, 2.0, &beat);
    }
}

/// Like vfat.
#[test]
fn a_file_system_may_store_even_seconds_only() {
    let rig = Rig::new();
    lives_until_it_hangs(&rig, 6.0, "touch -d \"@$(($(date +%s) / 2 * 2))\" beat");
}

#[test]
fn the_time_starts_again_after_a_pause() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 1.0) else { return };
    let options = "dmon -n -m 0 -L 4 -I status --alive 8:beat";
    let dmon = rig.start(format!("{load} {options} sh -c 'echo >up; exec sleep 1000'"));
    rig.wait_file("up");
    let command = rig.child(dmon.pid(), "sleep 1000");
    load.set(9.0);
    rig.wait_state(command, 'T');
    assert_stays(Duration::from_secs(9), || proc::state(command) == Some('T'));
    load.set(1.0);
    rig.wait_state(command, 'S');
    assert_stays(Duration::from_secs(6), || proc::state(command) == Some('S'));
    dmon.wait().exits(124);
}

#[test]
fn the_file_is_looked_at_four_times_within_the_time() {
    let rig = Rig::new();
    if !tools::is_native("it makes calls of its own") {
        return;
    }
    // newfstatat(2), or fstatat64(2) on machines of 32 bits.
    let Some(trace) = Trace::new(&rig, "/fstatat") else { return };
    let options = "dmon -n -m 0 --alive 4:beat";
    let dmon = rig.start(format!("{trace} {options} {}", service("touch beat")));
    // One at the start, and then one each second.
    rig.wait_for("five looks", || trace.calls("").len() >= 5);
    let times = trace.times("");
    assert!(times.windows(2).all(|two| two[1] - two[0] > 0.9), "{times:?}");
    rig.write("hang", "");
    dmon.wait().exits(124);
    assert!(trace.calls("").iter().all(|call| call.contains("\"beat\"")), "{}", trace.text());
    rig.run(format!("{trace} dmon -n -1 true")).exits(0);
    assert!(trace.calls("").is_empty(), "{}", trace.text());
}

#[test]
fn a_wrong_value_is_an_error() {
    let rig = Rig::new();
    for (value, wanted) in [
        ("5", "a time above 0 and a file"),
        ("5:", "a time above 0 and a file"),
        ("0:beat", "a time above 0 and a file"),
        (":beat", "a time"),
        ("beat", "a time"),
        ("-1:beat", "a time"),
    ] {
        let message = format!("option --alive: '{value}' is not {wanted}");
        rig.run(format!("dmon -n --alive {value} touch ran"))
            .exits(125)
            .reports("dmon", &[&message]);
    }
    assert!(!rig.has("ran"));
}

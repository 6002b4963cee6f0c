//! The log command drlog: a folder, and when which file in it is begun or removed.

use crate::rig::disk::{Disk, as_nobody};
use crate::rig::{Rig, Running, assert_same, feed, numbers, proc, times, tools};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// If this is `log-YYYY-mm-dd-HH:MM:SS`, maybe with `.N` behind it: the moment, and N.
fn moment(name: &str) -> Option<(String, usize)> {
    let rest = name.strip_prefix("log-")?;
    let (stamp, rest) = rest.split_at_checked(19)?;
    let form: String = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let number = match rest.strip_prefix('.') {
        Some(number) => number.parse().ok()?,
        None if rest.is_empty() => 0,
        None => return None,
    };
    (form == "0000-00-00-00:00:00").then(|| (stamp.to_string(), number))
}

/// The old files of a folder in the order in which they were written, and what they hold.
fn old_in(folder: &Path) -> Vec<(String, String)> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let files: BTreeMap<_, _> = names
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((moment(&name)?, (name, entry.path())))
        })
        .collect();
    files
        .into_values()
        .map(|(name, path)| {
            let bytes = fs::read(path).unwrap_or_default();
            (name, String::from_utf8_lossy(&bytes).into_owned())
        })
        .collect()
}

fn old(rig: &Rig) -> Vec<(String, String)> {
    old_in(&rig.path("d"))
}

fn old_texts(rig: &Rig) -> Vec<String> {
    old(rig).into_iter().map(|(_, text)| text).collect()
}

/// All that the folder holds, the oldest first.
fn whole(rig: &Rig) -> String {
    old_texts(rig).concat() + &rig.read("d/current")
}

/// A test's folder with the folder `d` in it.
fn with_folder() -> Rig {
    let rig = Rig::new();
    fs::create_dir(rig.path("d")).expect("the folder");
    rig
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    since.as_secs()
}

/// When `current` was begun, as the file says that is there for it.
fn begun(rig: &Rig) -> u64 {
    let text = rig.read("d/.timestamp");
    let number = text.strip_suffix('\n').unwrap_or_else(|| panic!("no newline in {text:?}"));
    number.parse().unwrap_or_else(|_| panic!("no number: {text:?}"))
}

/// Waits for so many old files.
fn wait_old(rig: &Rig, count: usize) {
    rig.wait_for(format!("{count} old files"), || old(rig).len() >= count);
}

/// Asks for a new file, and waits for it.
fn rotate(rig: &Rig, drlog: &Running) {
    let count = old(rig).len();
    drlog.signal(Signal::SIGALRM);
    wait_old(rig, count + 1);
}

#[test]
fn lines_are_added_to_the_end_of_the_current_file() {
    let rig = with_folder();
    let before = now();
    rig.shell("printf 'one\\ntwo\\n' | drlog d").exits(0).says_nothing();
    rig.shell("printf three | drlog -- d").exits(0).says_nothing();
    assert_eq!(rig.read("d/current"), "one\ntwo\nthree\n");
    assert_eq!(old(&rig), []);
    assert!((before..=now()).contains(&begun(&rig)));
}

#[test]
fn its_files_are_for_their_owner_and_group() {
    let rig = with_folder();
    rig.shell("umask 0; seq 1 100 | drlog -s 100 d").exits(0);
    rig.shell("umask 077; seq 1 100 | drlog -s 100 -m 0 d").exits(0);
    let mut seen = 0;
    for entry in fs::read_dir(rig.path("d")).expect("the folder").flatten() {
        let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode & !0o640, 0, "{mode:o} of {:?}", entry.file_name());
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} files");
    rig.shell("rm -r d; mkdir d; umask 0; seq 1 100 | drlog -s 100 d").exits(0);
    for entry in fs::read_dir(rig.path("d")).expect("the folder").flatten() {
        let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o640, "{mode:o} of {:?}", entry.file_name());
    }
}

#[test]
fn a_file_that_has_reached_its_size_becomes_an_old_one() {
    let rig = with_folder();
    let before = now();
    rig.write("in", numbers(1000));
    rig.run("drlog -s 1000 -m 0 d <in").exits(0).says_nothing();
    assert_same(whole(&rig).as_bytes(), numbers(1000).as_bytes(), "the log");
    let old = old(&rig);
    assert_eq!(
        old.len(),
        numbers(1000).len() / 1003,
        "files: {:?}",
        old.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    for (name, text) in &old {
        assert!(
            text.ends_with('\n') && text.len().abs_diff(1000) <= 5,
            "{name}: {} bytes",
            text.len()
        );
    }
    assert!(rig.read("d/current").len() < 1005);
    let done = rig.shell(format!("date -u -d @{before} +log-%F-%T; date -u +log-%F-%T")).exits(0);
    let times: Vec<&str> = done.out.lines().collect();
    let first = old[0].0.as_str();
    assert!(times[0] <= first && first <= times[1], "{times:?} {first:?}");
}

#[test]
fn sizes_are_150_kib_and_ten_old_files_if_nothing_is_said() {
    let rig = with_folder();
    rig.write("in", numbers(400_000));
    rig.run("drlog d <in").exits(0).says_nothing();
    let old = old(&rig);
    assert_eq!(old.len(), 10);
    for (name, text) in &old {
        assert!(text.len().abs_diff(150 * 1024) <= 7, "{name}: {} bytes", text.len());
    }
    assert!(numbers(400_000).ends_with(&whole(&rig)), "not the last lines");
}

#[test]
fn the_oldest_files_beyond_the_count_are_removed() {
    let rig = with_folder();
    rig.write("in", numbers(2000));
    for count in [5, 1, 3] {
        rig.run(format!("drlog -s 500 -m {count} d <in")).exits(0).says_nothing();
        assert_eq!(old(&rig).len(), count);
        assert!((numbers(2000).repeat(2)).ends_with(&whole(&rig)), "not the last lines");
    }
}

#[test]
fn a_limit_of_zero_is_off_each_by_itself() {
    let rig = with_folder();
    rig.write("in", numbers(50_000));
    rig.run("drlog -s 0 -T 0 d <in").exits(0).says_nothing();
    rig.run("drlog -s 0 d <in").exits(0).says_nothing();
    assert_eq!(old(&rig), []);
    assert_same(rig.read("d/current").as_bytes(), numbers(50_000).repeat(2).as_bytes(), "the log");
    rig.shell("rm d/*; rm d/.timestamp").exits(0);
    rig.run("drlog -s 10k -T 0 -m 0 d <in").exits(0).says_nothing();
    assert!(old(&rig).len() > 20, "no count of files was asked for: {}", old(&rig).len());
    assert_same(whole(&rig).as_bytes(), numbers(50_000).as_bytes(), "the log");
    // Only the age counts.
    rig.shell("rm d/*; echo 1000000000 >d/.timestamp; echo old >d/current").exits(0);
    rig.run("drlog -s 0 -T 1d d <in").exits(0).says_nothing();
    assert_eq!(old_texts(&rig), ["old\n"]);
    // Only the size counts.
    rig.shell("rm d/*; echo 1000000000 >d/.timestamp; echo old >d/current").exits(0);
    rig.run("drlog -s 1m -T 0 d <in").exits(0).says_nothing();
    assert_eq!(old(&rig), []);
}

#[test]
fn a_file_that_was_used_long_enough_becomes_an_old_one() {
    let rig = with_folder();
    let (drlog, mut input) = rig.start_fed("drlog -T 1 d");
    feed(&mut input, "one\n");
    rig.wait_lines("d/current", 1);
    let first = begun(&rig);
    rig.wait_for("a second to pass", || now() > first + 2);
    feed(&mut input, "two\n");
    rig.wait_for("the second line", || rig.read("d/current") == "two\n");
    assert_eq!(old_texts(&rig), ["one\n"]);
    assert!(begun(&rig) > first);
    drop(input);
    drlog.wait().exits(0).says_nothing();
}

#[test]
fn the_age_of_a_file_goes_on_when_drlog_does_not_run() {
    let rig = with_folder();
    rig.write("d/current", "old\n");
    rig.write("d/.timestamp", format!("{}\n", now() - 3600));
    rig.shell("echo one | drlog -T 2h d").exits(0).says_nothing();
    assert_eq!(rig.read("d/current"), "old\none\n");
    rig.shell("echo two | drlog -T 0.5h d").exits(0).says_nothing();
    assert_eq!(rig.read("d/current"), "two\n");
    assert_eq!(old_texts(&rig), ["old\none\n"]);
    assert!(now() - begun(&rig) < 60);
    // Five days if nothing is said.
    for (age, count) in [(4, 1), (6, 2)] {
        rig.write("d/.timestamp", format!("{}\n", now() - age * 86_400));
        rig.shell("echo three | drlog d").exits(0).says_nothing();
        assert_eq!(old(&rig).len(), count, "after {age} days");
    }
}

#[test]
fn a_time_that_is_none_is_begun_anew() {
    let rig = with_folder();
    for text in ["", "nonsense\n", "99999999999999999999999999\n", "-5\n", "12"] {
        rig.shell("rm -f d/log-*").exits(0);
        rig.write("d/current", "old\n");
        rig.write("d/.timestamp", text);
        rig.shell("printf 'one\\ntwo\\n' | drlog -m 0 d").exits(0);
        assert_eq!(whole(&rig), "old\none\ntwo\n", "with {text:?}");
        assert!(old(&rig).len() <= 1, "with {text:?}");
        rig.shell("printf 'three\\n' | drlog -m 0 d").exits(0).says_nothing();
        assert!(now() - begun(&rig) < 60, "with {text:?}");
    }
}

#[test]
fn a_clock_that_was_wrong_costs_no_log() {
    let rig = with_folder();
    // The machine was in 2040 by mistake. What is written now is not the oldest.
    for name in ["log-2040-01-01-00:00:00", "log-2040-01-01-00:00:01", "log-2040-01-01-00:00:02"] {
        rig.write(&format!("d/{name}"), "future\n");
    }
    rig.write("d/.timestamp", "2208988800\n");
    let (drlog, mut input) = rig.start_fed("drlog -m 3 -T 1d d");
    for at in 1..=3 {
        feed(&mut input, format!("{at}\n"));
        rig.wait_for("the line", || rig.read("d/current") == format!("{at}\n"));
        drlog.signal(Signal::SIGALRM);
        rig.wait_for("a new file", || rig.read("d/current").is_empty());
        rig.wait_for("one old file less", || old(&rig).len() == 3);
        assert!(
            old_texts(&rig).contains(&format!("{at}\n")),
            "the newest was removed: {:?}",
            old(&rig)
        );
    }
    drop(input);
    drlog.wait().exits(0).says_nothing();
    // And it was in 1970 before it had asked the network. One new file, not one for each line.
    rig.shell("rm d/*").exits(0);
    rig.write("d/.timestamp", "60\n");
    rig.write("d/current", "boot\n");
    rig.shell("seq 1 100 | drlog d").exits(0).says_nothing();
    assert_eq!(old_texts(&rig), ["boot\n"]);
}

/// The words that call drlog with the time that stands in the file `clock`, if that can be. A static program cannot be
/// told another time, so this is the one for the machine's own C library.
fn by_the_clock(rig: &Rig) -> Option<String> {
    let library = tools::faketime()?;
    rig.shell(format!("mkdir host; ln -s {} host/drlog", env!("CARGO_BIN_EXE_dmon"))).exits(0);
    let clock = "FAKETIME_TIMESTAMP_FILE=clock FAKETIME_NO_CACHE=1";
    Some(format!("env LD_PRELOAD={library} {clock} host/drlog"))
}

fn set_clock(rig: &Rig, clock: &str) {
    rig.write("clock.new", format!("{clock}\n"));
    fs::rename(rig.path("clock.new"), rig.path("clock")).expect("a new clock");
}

/// The clock is set while drlog runs, from boot in 1970 to now and back and far ahead.
#[test]
fn a_clock_that_jumps_while_it_runs_costs_no_log() {
    let rig = with_folder();
    let Some(call) = by_the_clock(&rig) else { return };
    set_clock(&rig, "1970-01-01 00:10:00");
    let (drlog, mut input) = rig.start_fed(format!("{call} -b -t -s 1 -m 4 d"));
    let mut all = Vec::new();
    for clock in [
        "1970-01-01 00:10:00",
        "2026-11-23 10:00:00",
        "1970-01-01 00:10:00",
        "2036-11-23 10:00:00",
        "2026-11-23 10:00:00",
    ] {
        set_clock(&rig, clock);
        for _ in 0..3 {
            let line = format!("{}\n", all.len());
            feed(&mut input, &line);
            all.push(format!("{} {line}", clock.replace(' ', "/")));
            let last = all.last().expect("it");
            rig.wait_for("the line", || rig.has("d/current") && rig.read("d/current") == *last);
            rig.wait_for("four old files at most", || old(&rig).len() <= 4);
            let kept = all[all.len().saturating_sub(5)..].concat();
            assert_eq!(whole(&rig), kept, "the last lines after {clock}: {:?}", old(&rig));
        }
    }
    drop(input);
    drlog.wait().exits(0).says_nothing();
}

#[test]
fn the_age_of_a_file_is_counted_on_when_the_clock_was_set_back() {
    let rig = with_folder();
    let Some(call) = by_the_clock(&rig) else { return };
    set_clock(&rig, "2038-01-01 00:00:00");
    let (drlog, mut input) = rig.start_fed(format!("{call} -T 1h d"));
    for (clock, files) in
        [("2038-01-01 00:00:00", 0), ("2026-11-25 10:00:00", 0), ("2026-11-25 11:00:01", 1)]
    {
        set_clock(&rig, clock);
        feed(&mut input, format!("{clock}\n"));
        rig.wait_for("the line", || rig.read("d/current").ends_with(&format!("{clock}\n")));
        assert_eq!(old(&rig).len(), files, "at {clock}");
    }
    drop(input);
    drlog.wait().exits(0).says_nothing();
}

#[test]
fn where_names_have_no_colons_the_old_files_have_dashes() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = with_folder();
    rig.write("d/log-2001-01-01-00:00:00", "by colons\n");
    rig.write("in", numbers(5));
    // As vfat refuses a colon: the first name that is tried.
    let calls = "renameat,renameat2";
    let inject = format!("-e trace={calls} -e inject={calls}:error=EINVAL:when=1");
    let done = rig.run(format!("strace -o trace {inject} drlog -b -s 1 -m 3 d <in"));
    done.exits(0).says_nothing();
    let mut names: Vec<String> = fs::read_dir(rig.path("d"))
        .expect("the folder")
        .map(|entry| entry.expect("a name").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("log-"))
        .collect();
    names.sort();
    assert!(names.len() == 3 && names.iter().all(|name| !name.contains(':')), "{names:?}");
    assert_eq!(rig.read("d/current"), "5\n");
}

#[test]
fn a_time_in_the_future_is_no_reason_for_new_files() {
    let rig = with_folder();
    rig.write("d/.timestamp", format!("{}\n", now() + 10 * 365 * 86_400));
    rig.write("d/current", "old\n");
    let (drlog, mut input) = rig.start_fed("drlog -T 1d d");
    for at in 1..=20 {
        feed(&mut input, "x\n");
        rig.wait_for("the line", || whole(&rig).len() == 4 + 2 * at);
    }
    drop(input);
    drlog.wait().exits(0).says_nothing();
    assert!(old(&rig).len() <= 1, "{} files", old(&rig).len());
}

#[test]
fn what_current_holds_at_the_start_counts() {
    let rig = with_folder();
    rig.write("d/current", "x".repeat(89) + "\n");
    rig.shell("echo 1234567890 | drlog -s 100 d").exits(0).says_nothing();
    rig.shell("echo after | drlog -s 100 d").exits(0).says_nothing();
    assert_eq!(old(&rig).len(), 1);
    assert!(whole(&rig).ends_with("1234567890\nafter\n"));
    rig.write("d/current", "x".repeat(500) + "\n");
    rig.shell("echo more | drlog -s 100 -m 0 d").exits(0).says_nothing();
    assert!(old_texts(&rig).last().is_some_and(|text| text.starts_with("xxx")), "{:?}", old(&rig));
}

#[test]
fn a_line_is_never_split_over_two_files() {
    let rig = with_folder();
    let long = "y".repeat(300_000);
    let text = format!("one\n{long}\ntwo\n{}\nthree\n", &long[..70_000]);
    rig.write("in", &text);
    for options in ["", "-t"] {
        rig.shell("rm -f d/*").exits(0);
        rig.run(format!("drlog {options} -s 1k -m 0 d <in")).exits(0).says_nothing();
        for (name, file) in old(&rig) {
            assert!(file.ends_with('\n'), "{name} ends within a line");
        }
        let lines: Vec<String> = whole(&rig).lines().map(str::to_string).collect();
        assert_eq!(lines.len(), 5);
        for (line, wanted) in lines.iter().zip(text.lines()) {
            let line = if options.is_empty() { line } else { &line[20..] };
            assert_same(line.as_bytes(), wanted.as_bytes(), options);
        }
    }
}

#[test]
fn half_a_line_is_never_left_in_an_old_file() {
    let rig = with_folder();
    let (drlog, mut input) = rig.start_fed("drlog -s 10 -m 0 d");
    feed(&mut input, "0123456789abc");
    rig.wait_state(drlog.pid(), 'S');
    drlog.signal(Signal::SIGALRM);
    rig.wait_for("ALRM to be taken", || proc::signals(drlog.pid(), "ShdPnd") == 0);
    rig.wait_state(drlog.pid(), 'S');
    feed(&mut input, "def\nnext\n");
    drop(input);
    drlog.wait().exits(0).says_nothing();
    assert_eq!(whole(&rig), "0123456789abcdef\nnext\n");
    assert_eq!(old_texts(&rig), ["0123456789abcdef\n"]);
}

#[test]
fn files_of_one_second_do_not_overwrite_each_other() {
    let rig = with_folder();
    rig.write("in", numbers(300));
    let done = rig.run("drlog -s 1 -m 0 d <in").exits(0).says_nothing();
    let old = old(&rig);
    assert_eq!(old.len(), 300 - rig.lines("d/current"), "after {:?}", done.took);
    assert_same(whole(&rig).as_bytes(), numbers(300).as_bytes(), "the log");
    assert!(old.iter().any(|(name, _)| name.ends_with(".1")), "{:?}", old.first());
}

#[test]
fn of_the_files_of_one_second_the_oldest_are_removed() {
    let rig = with_folder();
    rig.write("in", numbers(300));
    rig.run("drlog -s 1 -m 20 d <in").exits(0).says_nothing();
    assert_eq!(old(&rig).len(), 20);
    assert!(numbers(300).ends_with(&whole(&rig)), "{}", whole(&rig));
}

#[test]
fn a_file_that_has_the_name_already_stays() {
    let rig = with_folder();
    // Whatever the second is, its name is taken: by a file, a folder, a link that leads nowhere.
    for at in 0..60 {
        let done = rig.shell(format!("date -u -d @{} +log-%F-%T", now() + at)).exits(0);
        let path = format!("d/{}", done.out.trim());
        match at % 3 {
            0 => rig.write(&path, "mine\n"),
            1 => fs::create_dir(rig.path(&path)).expect("a folder"),
            _ => std::os::unix::fs::symlink("nowhere", rig.path(&path)).expect("a link"),
        }
    }
    let (drlog, mut input) = rig.start_fed("drlog -m 0 d");
    for at in 1..=3 {
        feed(&mut input, format!("{at}\n"));
        rig.wait_for("the line", || rig.read("d/current").ends_with(&format!("{at}\n")));
        drlog.signal(Signal::SIGALRM);
        rig.wait_for("a new file", || rig.read("d/current").is_empty());
    }
    drop(input);
    drlog.wait().exits(0).says_nothing();
    let texts = old_texts(&rig);
    assert_eq!(texts.iter().filter(|text| *text == "mine\n").count(), 20);
    let mine: String = texts.into_iter().filter(|text| text != "mine\n").collect();
    assert_eq!(mine, "1\n2\n3\n");
}

#[test]
fn where_there_is_no_newer_name_no_old_file_is_overwritten() {
    if !tools::can_rename_without_replacing() {
        return;
    }
    let rig = with_folder();
    let last = "d/log-9999-12-31-23:59:59.4294967295";
    rig.write(last, "mine\n");
    let done = rig.shell("seq 1 100 | drlog -s 1 d").exits(0);
    done.says("drlog", &["cannot rename current in d: ", "exists"]);
    assert_eq!(rig.read(last), "mine\n");
    assert_eq!(rig.read("d/current"), numbers(100));
}

#[test]
fn two_that_use_the_same_folder_overwrite_nothing() {
    if !tools::can_rename_without_replacing() {
        return;
    }
    let rig = with_folder();
    let flood = |name: &str, size| format!("seq -f '{name}%g' 50000 | drlog -b -s {size} -m 0 d");
    rig.shell(format!("{} & {}; wait", flood("one", "3k"), flood("two", "2k"))).exits(0);
    // Lines may be torn where both write to the same file, and nothing is gone.
    let mut bytes = whole(&rig).into_bytes();
    let mut wanted: Vec<u8> =
        (1..=50_000).flat_map(|at| format!("one{at}\ntwo{at}\n").into_bytes()).collect();
    bytes.sort();
    wanted.sort();
    assert!(bytes == wanted, "{} bytes of {}", bytes.len(), wanted.len());
}

#[test]
fn files_of_others_are_never_touched() {
    let rig = with_folder();
    let names = [
        "log",
        "log-",
        "logs",
        "log-notes",
        "xlog-2001-01-01-00:00:00",
        "log-2001-01-01-00:00:00x",
        "log-2001-01-01-00:00:00.gz",
        "log-2001-01-01-00:00:00.",
        "log-2001-01-01-00:00:00.1x",
        "log-2001-01-01 00:00:00",
        "log-2001-01-01-00:00",
        "log-2001-1-1-0:0:0",
        "log-aaaa-bb-cc-dd:ee:ff",
        ".log-2001-01-01-00:00:00",
        "@400000003a4fc00000000000.s",
        "previous",
        "state",
    ];
    for name in names {
        rig.write(&format!("d/{name}"), "theirs\n");
    }
    fs::create_dir(rig.path("d/log-2001-01-01-00:00:01")).expect("a folder");
    rig.write("in", numbers(1000));
    rig.run("drlog -s 100 -m 1 d <in").exits(0).says_nothing();
    for name in names {
        assert_eq!(rig.read(&format!("d/{name}")), "theirs\n", "{name}");
    }
    assert!(rig.has("d/log-2001-01-01-00:00:01"));
    // One old file besides that folder.
    assert_eq!(old(&rig).len(), 2);
    assert!(numbers(1000).ends_with(&whole(&rig)));
}

#[test]
fn old_files_of_its_own_are_removed_whoever_made_them() {
    let rig = with_folder();
    for name in
        ["log-2001-01-01-00:00:00", "log-2001-01-01-00:00:00.1", "log-2001-01-01-00:00:00.10"]
    {
        rig.write(&format!("d/{name}"), "ours\n");
    }
    rig.write("d/current", "old\n");
    let (drlog, mut input) = rig.start_fed("drlog -m 1 d");
    feed(&mut input, "new\n");
    rig.wait_lines("d/current", 2);
    drlog.signal(Signal::SIGALRM);
    rig.wait_for("one old file", || old_texts(&rig) == ["old\nnew\n"]);
}

#[test]
fn alrm_begins_a_new_file_now() {
    let rig = with_folder();
    let (drlog, mut input) = rig.start_fed("drlog d");
    for at in 1..=5 {
        feed(&mut input, format!("{at}\n"));
        rig.wait_for("the line", || rig.read("d/current") == format!("{at}\n"));
        rotate(&rig, &drlog);
    }
    drop(input);
    drlog.wait().exits(0).says_nothing();
    assert_eq!(old_texts(&rig), ["1\n", "2\n", "3\n", "4\n", "5\n"]);
}

#[test]
fn a_flood_of_alrms_and_hups_loses_and_doubles_nothing() {
    let rig = with_folder();
    let (drlog, mut input) = rig.start_fed("drlog -m 0 d");
    feed(&mut input, "0\n");
    rig.wait_lines("d/current", 1);
    let text = numbers(times(200_000, 5_000_000));
    std::thread::scope(|scope| {
        let feeder = scope.spawn(|| {
            // Pieces that end anywhere.
            for piece in text.as_bytes().chunks(997) {
                feed(&mut input, piece);
            }
        });
        let mut at = 0;
        while !feeder.is_finished() {
            at += 1;
            drlog.signal(if at % 2 == 0 { Signal::SIGALRM } else { Signal::SIGHUP });
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    drop(input);
    drlog.wait().exits(0).says_nothing();
    for (name, text) in old(&rig) {
        assert!(text.ends_with('\n'), "{name} ends within a line");
    }
    let wanted = format!("0\n{text}");
    assert_same(whole(&rig).as_bytes(), wanted.as_bytes(), format!("{} files", old(&rig).len()));
}

#[test]
fn hup_opens_the_current_file_again() {
    let rig = with_folder();
    let (drlog, mut input) = rig.start_fed("drlog d");
    feed(&mut input, "one\n");
    rig.wait_lines("d/current", 1);
    rig.shell("mv d/current d/mine").exits(0);
    drlog.signal(Signal::SIGHUP);
    rig.wait_file("d/current");
    feed(&mut input, "two\n");
    drop(input);
    drlog.wait().exits(0).says_nothing();
    assert_eq!((rig.read("d/mine"), rig.read("d/current")), ("one\n".into(), "two\n".into()));
}

#[test]
fn term_stores_what_is_in_the_pipe_and_ends() {
    let rig = with_folder();
    for asked in [Signal::SIGTERM, Signal::SIGINT] {
        rig.shell("rm -f d/*").exits(0);
        let (drlog, mut input) = rig.start_fed("drlog -m 0 -s 1k d");
        feed(&mut input, "0\n");
        rig.wait_lines("d/current", 1);
        drlog.signal(Signal::SIGSTOP);
        rig.wait_state(drlog.pid(), 'T');
        feed(&mut input, numbers(10_000) + "the rest");
        drlog.signal(asked);
        drlog.signal(Signal::SIGCONT);
        // The pipe stays open: it is the signal that ends drlog.
        drlog.wait().exits(0).says_nothing();
        let wanted = format!("0\n{}the rest\n", numbers(10_000));
        assert_same(whole(&rig).as_bytes(), wanted.as_bytes(), "the log");
        drop(input);
    }
}

#[test]
fn lines_can_be_stamped_and_empty_ones_skipped_and_the_input_another() {
    let rig = with_folder();
    rig.shell("echo not this | drlog -t -e -i 5 d 5<<.\none\n\ntwo\n.\n").exits(0).says_nothing();
    let log = rig.read("d/current");
    for (line, text) in log.lines().zip(["one", "two"]) {
        let (stamp, rest) = line.split_at(20);
        let form: String =
            stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!((form.as_str(), rest), ("0000-00-00/00:00:00 ", text));
    }
    assert_eq!(log.lines().count(), 2);
}

#[test]
fn stamps_count_in_the_size_of_a_file() {
    let rig = with_folder();
    rig.write("in", "x\n".repeat(1000));
    rig.run("drlog -t -s 1000 -m 0 d <in").exits(0).says_nothing();
    for (name, text) in old(&rig) {
        assert!(text.len().abs_diff(1000) <= 22, "{name}: {} bytes", text.len());
    }
    assert!(old(&rig).len() >= 20);
}

#[test]
fn each_batch_is_on_disk_before_the_next_unless_told_otherwise() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = with_folder();
    let trace = "strace -e trace=read,write,writev,fdatasync,fsync -o";
    rig.shell(format!("printf 'one\\ntwo\\n' | {trace} synced drlog d")).exits(0);
    let calls = rig.read("synced");
    let stored = calls.rfind("two").expect("a write");
    assert!(calls[stored..].contains("sync("), "no sync after the write:\n{calls}");
    rig.shell(format!("printf 'one\\ntwo\\n' | {trace} unsynced drlog -b d")).exits(0);
    assert!(!rig.read("unsynced").contains("sync("), "{}", rig.read("unsynced"));
}

#[test]
fn a_new_file_costs_few_system_calls() {
    if !tools::has(&["strace"]) || !tools::is_native("it makes calls of its own") {
        return;
    }
    let rig = with_folder();
    let calls = |count: usize| {
        rig.shell(format!("rm -f d/*; strace -o trace drlog -b -s 1 -m 5 d <{count}")).exits(0);
        rig.lines("trace")
    };
    rig.write("101", numbers(101));
    rig.write("201", numbers(201));
    // A write for the line, eleven for a new file, one to remove an old one; and one that an old kernel does not know.
    let each = (calls(201) - calls(101)) as f64 / 100.0;
    let is_old = rig.read("trace").contains("renameat(");
    assert!(
        each <= if is_old { 14.0 } else { 13.0 },
        "{each} calls for each line that has its own file"
    );
}

#[test]
fn a_folder_it_cannot_use_is_an_error_at_once() {
    let rig = with_folder();
    rig.write("f", "");
    // Nothing is ever fed to it.
    for (words, said) in [
        ("no/such", "No such file or directory"),
        ("f", "Not a directory"),
        ("d e", "e"),
        ("-s x d", "-s"),
        ("-T x d", "-T"),
        ("--max-time x d", "--max-time"),
        ("-m x d", "-m"),
        ("-s -1 d", "-s"),
        ("-s 99999999999999999999 d", "-s"),
        ("", "directory"),
    ] {
        let (drlog, _input) = rig.start_fed(format!("drlog {words}"));
        drlog.wait().exits(125).says("drlog", &[said]);
    }
    assert!(!rig.has("no"));
    let Some(nobody) = as_nobody(&rig) else { return };
    let (drlog, _input) = rig.start_fed(format!("{nobody} drlog d"));
    if nobody != "env" {
        drlog.wait().exits(125).says("drlog", &["Permission denied"]);
    }
}

#[test]
fn times_and_sizes_have_units() {
    let rig = with_folder();
    rig.write("in", numbers(1000));
    for words in ["-T 2M", "-T 1y", "-T 1w", "--max-time=1.5d", "-s 1g", "--max-size=1m"] {
        rig.run(format!("drlog {words} d <in")).exits(0).says_nothing();
    }
    assert_eq!(old(&rig), []);
    rig.write("d/.timestamp", format!("{}\n", now() - 40 * 86_400));
    rig.run("drlog -T 2M d <in").exits(0).says_nothing();
    assert_eq!(old(&rig), []);
    rig.run("drlog -T 1M -m 1 d <in").exits(0).says_nothing();
    assert_eq!(old(&rig).len(), 1);
}

#[test]
fn with_no_way_to_rename_the_current_file_goes_on_until_there_is_one() {
    let rig = with_folder();
    let Some(nobody) = as_nobody(&rig) else { return };
    rig.shell("chmod 777 d").exits(0);
    let (drlog, mut input) = rig.start_fed(format!("{nobody} drlog -s 100 -m 0 d"));
    rig.wait_file("d/current");
    feed(&mut input, "first\n");
    rig.wait_lines("d/current", 1);
    rig.shell("chmod 555 d").exits(0);
    for _ in 0..20 {
        feed(&mut input, numbers(20));
        rig.wait_state(drlog.pid(), 'S');
    }
    rig.wait_for("all lines", || rig.lines("d/current") == 401);
    assert_eq!(old(&rig), []);
    rig.shell("chmod 777 d").exits(0);
    rig.wait_for("an old file", || {
        (&input).write_all(b"x\n").expect("the input is taken");
        !old(&rig).is_empty()
    });
    drop(input);
    drlog.wait().exits(0).says("drlog", &["Permission denied"]);
    let text = whole(&rig);
    let begin = format!("first\n{}", numbers(20).repeat(20));
    let rest = text.strip_prefix(&begin).unwrap_or_else(|| panic!("not all lines: {text:?}"));
    assert!(rest.lines().all(|line| line == "x"), "{rest:?}");
}

#[test]
fn an_old_file_that_cannot_be_removed_is_no_reason_to_stop() {
    if !tools::is_root() || !tools::has(&["chattr"]) {
        return;
    }
    let rig = with_folder();
    let name = "d/log-2001-01-01-00:00:00";
    rig.write(name, "stays\n");
    if !rig.shell(format!("chattr +i {name}")).err.is_empty() {
        tools::skip("needs a file system with files that cannot be changed");
        return;
    }
    rig.write("in", numbers(1000));
    let done = rig.run("drlog -s 100 -m 2 d <in");
    rig.shell(format!("chattr -i {name}")).exits(0);
    done.exits(0).says("drlog", &["cannot remove", "Operation not permitted"]);
    assert_eq!(rig.read(name), "stays\n");
    assert!(old(&rig).len() <= 3, "{} files", old(&rig).len());
    assert!(numbers(1000).ends_with(&whole(&rig)[6..]));
}

#[test]
fn a_folder_that_is_gone_is_no_reason_to_end() {
    let rig = with_folder();
    let (drlog, mut input) = rig.start_fed("drlog -s 100 d");
    feed(&mut input, "one\n");
    rig.wait_lines("d/current", 1);
    rig.shell("rm -r d").exits(0);
    for _ in 0..20 {
        feed(&mut input, numbers(100));
        rig.wait_state(drlog.pid(), 'S');
    }
    rig.shell("mkdir d").exits(0);
    drlog.signal(Signal::SIGHUP);
    rig.wait_file("d/current");
    feed(&mut input, "two\n");
    rig.wait_for("the line", || whole(&rig).ends_with("two\n"));
    drop(input);
    let done = drlog.wait();
    assert_eq!(done.err.lines().count(), 1, "{done}");
}

#[test]
fn on_a_full_disk_the_oldest_files_make_room() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    rig.write("in", numbers(60_000));
    rig.run(format!("{disk} drlog -s 8k -m 0 disk <in")).exits(0).says_nothing();
    let old = old_in(&disk.path(""));
    let whole = old.into_iter().map(|(_, text)| text).collect::<String>() + &disk.read("current");
    assert!(numbers(60_000).ends_with(&whole), "not the last lines: {whole:.200}");
    assert!(whole.len() > 30_000, "only {} bytes are left", whole.len());
}

#[test]
fn on_a_disk_that_others_have_filled_lines_are_lost_and_counted() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    let (drlog, mut input) = rig.start_fed(format!("{disk} drlog disk"));
    let page = "b".repeat(crate::rig::disk::PAGE - 1) + "\n";
    feed(&mut input, &page);
    rig.wait_for("the first line", || disk.read("current") == page);
    disk.fill();
    feed(&mut input, "one\ntwo\n");
    rig.wait_for("the message", || !drlog.err().is_empty());
    disk.empty();
    rig.wait_for("the gap", || disk.read("current").ends_with("lost\n"));
    feed(&mut input, "three\n");
    drop(input);
    drlog.wait().exits(1).says("drlog", &["cannot write disk", "No space left on device"]);
    assert_eq!(disk.read("current"), format!("{page}drlog: 2 lines (8 bytes) lost\nthree\n"));
}

#[test]
fn term_ends_it_while_the_disk_is_full() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else { return };
    disk.fill();
    let (drlog, mut input) = rig.start_fed(format!("{disk} drlog disk"));
    feed(&mut input, "one\n");
    rig.wait_for("the message", || !drlog.err().is_empty());
    drlog.signal(Signal::SIGTERM);
    drlog.wait().exits(1);
}

#[test]
fn killed_again_and_again_it_spoils_nothing() {
    let rig = with_folder();
    let mut number = 0;
    for round in 0..times(20, 500) {
        let (drlog, mut input) = rig.start_fed("drlog -s 200 -m 0 d");
        let feeder = std::thread::scope(|scope| {
            let feeder = scope.spawn(|| {
                let mut count: u64 = 0;
                let text = |count: u64| format!("{}\n", number + 1 + count);
                while input.write_all(text(count).as_bytes()).is_ok() {
                    count += 1;
                }
                count
            });
            let wanted = (round % 7) * 3;
            rig.wait_for("some files", || old(&rig).len() >= wanted);
            drlog.kill();
            feeder.join().expect("the feeder")
        });
        number += feeder + 1;
    }
    let mut last = 0;
    for (name, text) in old(&rig) {
        assert!(text.ends_with('\n'), "{name} ends within a line");
        for line in text.lines() {
            let number: u64 = line.parse().unwrap_or_else(|_| panic!("{line:?} in {name}"));
            assert!(number > last, "{number} after {last}, in {name}");
            last = number;
        }
    }
}

#[test]
fn nothing_wakes_it_while_nothing_happens() {
    let rig = with_folder();
    let (drlog, mut input) = rig.start_fed("drlog -T 1d d");
    feed(&mut input, "one\n");
    rig.wait_lines("d/current", 1);
    rig.assert_sleeps(drlog.pid());
}

#[test]
fn a_small_device_keeps_little() {
    let rig = with_folder();
    rig.write("in", numbers(20_000));
    rig.run("drlog --max-size 10k --max-files 1 d <in").exits(0).says_nothing();
    assert_eq!(old(&rig).len(), 1);
    assert!(numbers(20_000).ends_with(&whole(&rig)));
}

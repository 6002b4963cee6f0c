//! Names of old files: drlog never overwrites an existing file.

use super::{feed_line, now, old_files, old_texts, whole_log, with_directory};
use crate::rig::trace::Trace;
use crate::rig::{Rig, assert_same, numbers};
use nix::sys::signal::Signal;
use std::fs;

#[test]
fn files_of_the_same_second_get_distinct_names() {
    let rig = with_directory();
    rig.write("in", numbers(300));
    let done = rig.run("drlog -s 1 -m 0 d <in").exits(0).reports_nothing();
    let old = old_files(&rig);
    assert_eq!(old.len(), 300 - rig.lines("d/current"), "after {:?}", done.took);
    assert_same(whole_log(&rig).as_bytes(), numbers(300).as_bytes(), "the log");
    assert!(old.iter().any(|(name, _)| name.ends_with(".00000001")), "{:?}", old.first());
    // Other programs sort the names as text.
    let text = rig.shell("cat d/log-* d/current").exits(0).out;
    assert_same(text.as_bytes(), numbers(300).as_bytes(), "the log as the shell sorts it");
}

/// Logs the lines 1 to 3 to `d` and rotates after each one.
fn rotate_three_times(rig: &Rig, call: &str) {
    let (drlog, mut input) = rig.start_fed(call);
    for at in 1..=3 {
        feed_line(rig, &mut input, &format!("{at}\n"));
        drlog.signal(Signal::SIGALRM);
        rig.wait_for("a new file", || rig.read("d/current").is_empty());
    }
    drop(input);
    drlog.wait().exits(0).reports_nothing();
}

#[test]
fn existing_files_are_never_overwritten() {
    let rig = with_directory();
    // Each name of the next minute exists: as a file, a directory, or a dangling link.
    for at in 0..60 {
        let done = rig.shell(format!("date -u -d @{} +log-%F-%T", now() + at)).exits(0);
        let path = format!("d/{}", done.out.trim());
        match at % 3 {
            0 => rig.write(&path, "theirs\n"),
            1 => fs::create_dir(rig.path(&path)).expect("mkdir"),
            _ => std::os::unix::fs::symlink("nowhere", rig.path(&path)).expect("symlink"),
        }
    }
    rotate_three_times(&rig, "drlog -m 0 d");
    let texts = old_texts(&rig);
    assert_eq!(texts.iter().filter(|text| *text == "theirs\n").count(), 20);
    let ours: String = texts.into_iter().filter(|text| text != "theirs\n").collect();
    assert_eq!(ours, "1\n2\n3\n");
}

#[test]
fn fifos_and_directories_of_other_programs_keep_their_names() {
    let rig = with_directory();
    // Each name of the next minute exists. rename(2) would replace a FIFO, and fail at a directory.
    let names = rig.shell(format!(
        "for i in $(seq 60); do date -u -d @$(({} + i)) +log-%F-%T; done",
        now() - 1
    ));
    for (at, name) in names.out.lines().enumerate() {
        rig.shell(format!("{} d/{name}", ["mkfifo", "mkdir"][at % 2])).exits(0);
    }
    rotate_three_times(&rig, "drlog -m 2 d");
    let kept =
        rig.shell("find d -name 'log-*' -type p | wc -l; find d -name 'log-*' -type d | wc -l");
    assert_eq!(kept.out, "30\n30\n");
    let logs = rig.shell("cat $(find d -name 'log-*' -type f | sort)");
    assert_eq!(logs.out, "2\n3\n");
}

#[test]
fn without_a_free_name_current_is_kept() {
    let rig = with_directory();
    let last = "d/log-9999-12-31-23:59:59.99999999";
    rig.write(last, "theirs\n");
    let done = rig.shell("seq 1 100 | drlog -s 1 d").exits(0);
    done.reports("drlog", &["cannot rotate d: ", "exists"]);
    assert_eq!(rig.read(last), "theirs\n");
    assert_eq!(rig.read("d/current"), numbers(100));
}

/// vfat rejects a name with a colon with EINVAL.
#[test]
fn names_have_dashes_where_colons_are_invalid() {
    let rig = with_directory();
    let calls = "renameat,renameat2";
    let Some(trace) = Trace::new(&rig, calls) else { return };
    let trace = trace.with(&format!("-e inject={calls}:error=EINVAL:when=1"));
    rig.write("d/log-2001-01-01-00:00:00", "by colons\n");
    rig.write("in", numbers(5));
    let done = rig.run(format!("{trace} drlog -b -s 1 -m 3 d <in"));
    done.exits(0).reports_nothing();
    let mut names: Vec<String> = fs::read_dir(rig.path("d"))
        .expect("the directory")
        .map(|entry| entry.expect("a name").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("log-"))
        .collect();
    names.sort();
    assert!(names.len() == 3 && names.iter().all(|name| !name.contains(':')), "{names:?}");
    assert_eq!(rig.read("d/current"), "5\n");
}

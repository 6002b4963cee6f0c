//! A directory or a file that is removed or replaced while drlog runs.

use super::{feed_line, old_files, whole_log, with_directory};
use crate::rig::trace::Trace;
use crate::rig::{Rig, Running, feed, numbers};
use nix::sys::signal::Signal;
use std::cell::Cell;
use std::io::Write;
use std::process::ChildStdin;

/// The message about lines that were written to a removed file.
const LOST: &str = "drlog: lost the last lines of current in d: No such file or directory\n";

/// Feeds a line again and again until the condition is true: drlog looks at the names once a second, before it writes.
#[track_caller]
fn feed_until(rig: &Rig, input: &ChildStdin, line: &str, what: &str, so: impl Fn() -> bool) {
    rig.wait_for(what, || {
        write_now(input, line);
        so()
    });
}

/// The same with the numbers after `last`, which becomes the last one.
#[track_caller]
fn feed_numbers_until(
    rig: &Rig,
    input: &ChildStdin,
    last: &Cell<usize>,
    what: &str,
    so: impl Fn() -> bool,
) {
    rig.wait_for(what, || {
        last.set(last.get() + 1);
        write_now(input, &format!("{}\n", last.get()));
        so()
    });
}

fn write_now(mut input: &ChildStdin, text: &str) {
    input.write_all(text.as_bytes()).expect("write");
}

/// Replaces `d` by a directory that another drlog has locked. Returns that drlog, which has stored one line, and its input.
fn replace_by_locked(rig: &Rig) -> (Running<'_>, ChildStdin) {
    rig.shell("mkdir new; mv d old").exits(0);
    let (other, mut others) = rig.start_fed("drlog new");
    feed(&mut others, "theirs\n");
    rig.wait_lines("new/current", 1);
    rig.shell("mv new d").exits(0);
    (other, others)
}

#[test]
fn drlog_continues_in_a_directory_that_is_created_again() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog -s 8k -m 0 d");
    feed_line(&rig, &mut input, "one\n");
    // In a loaded machine drlog may notice the second of the first line only now.
    rig.shell("rm -r d; mkdir d").exits(0);
    feed_until(&rig, &input, "more\n", "a new current", || rig.has("d/current"));
    feed(&mut input, numbers(3000));
    drop(input);
    assert_eq!(drlog.wait().exits(1).err, LOST);
    assert!(whole_log(&rig).ends_with(&numbers(3000)));
    assert!(!old_files(&rig).is_empty() && rig.has("d/.lock") && rig.has("d/.timestamp"));
}

#[test]
fn lines_of_a_removed_directory_are_counted() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog d");
    feed_line(&rig, &mut input, "one\n");
    rig.shell("rm -r d").exits(0);
    feed_until(&rig, &input, "lost\n", "the message", || !drlog.err().is_empty());
    feed(&mut input, "lost\n");
    rig.wait_state(drlog.pid(), 'S');
    rig.shell("mkdir d").exits(0);
    // drlog tries again once a second, also without new lines.
    rig.wait_for("the loss notice", || rig.read("d/current").ends_with(" lost\n"));
    feed_line(&rig, &mut input, "two\n");
    drop(input);
    let done = drlog.wait().exits(1);
    assert_eq!(done.err, "drlog: cannot open d: No such file or directory\n");
}

#[test]
fn lines_lost_with_a_removed_file_are_not_silent() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog d");
    feed_line(&rig, &mut input, "one\n");
    rig.shell("rm -r d").exits(0);
    feed(&mut input, "two\n");
    drop(input);
    let done = drlog.wait().exits(1);
    assert!(done.err.lines().count() >= 1, "{done}");
}

#[test]
fn drlog_follows_a_directory_that_is_moved() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog d");
    feed_line(&rig, &mut input, "one\n");
    rig.shell("mv d old").exits(0);
    let last = Cell::new(0);
    // Nothing is lost while no directory has the name.
    feed_numbers_until(&rig, &input, &last, "the message", || !drlog.err().is_empty());
    rig.shell("mkdir d").exits(0);
    feed_numbers_until(&rig, &input, &last, "a new current", || rig.has("d/current"));
    drop(input);
    let done = drlog.wait().exits(0);
    assert_eq!(done.err, "drlog: cannot open d: No such file or directory\n");
    assert!(!rig.read("d/current").is_empty());
    let log = rig.read("old/current") + &rig.read("d/current");
    assert_eq!(log, format!("one\n{}", numbers(last.get())));
}

#[test]
fn the_lock_of_a_replaced_directory_is_awaited() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog d");
    feed_line(&rig, &mut input, "one\n");
    let (other, mut others) = replace_by_locked(&rig);
    feed_until(&rig, &input, "one\n", "the message", || !drlog.err().is_empty());
    assert_eq!(drlog.err(), "drlog: cannot lock d: in use by another process\n");
    feed(&mut others, "theirs\n");
    rig.wait_lines("d/current", 2);
    assert_eq!(rig.read("d/current"), "theirs\ntheirs\n");
    other.signal(Signal::SIGTERM);
    other.wait();
    feed_until(&rig, &input, "one\n", "the new directory", || {
        rig.read("d/current").ends_with("one\n")
    });
    drop(input);
    assert_eq!(drlog.wait().exits(0).err.lines().count(), 1);
}

#[test]
fn a_removed_current_is_created_again() {
    let rig = with_directory();
    let (drlog, mut input) = rig.start_fed("drlog d");
    feed_line(&rig, &mut input, "one\n");
    rig.shell("rm d/current").exits(0);
    feed_until(&rig, &input, "x\n", "a new current", || rig.has("d/current"));
    feed(&mut input, "two\n");
    drop(input);
    assert_eq!(drlog.wait().exits(1).err, LOST);
    assert!(whole_log(&rig).ends_with("two\n"));
}

#[test]
fn a_moved_file_or_directory_loses_nothing() {
    for (command, moved) in
        [("mv d/current d/moved", "d/moved"), ("mv d old; mkdir d", "old/current")]
    {
        let rig = with_directory();
        let (drlog, mut input) = rig.start_fed("drlog d");
        feed_line(&rig, &mut input, "0\n");
        rig.shell(command).exits(0);
        let last = Cell::new(0);
        feed_numbers_until(&rig, &input, &last, "a new current", || rig.has("d/current"));
        drop(input);
        drlog.wait().exits(0).reports_nothing();
        let log = rig.read(moved) + &rig.read("d/current");
        assert_eq!(log, format!("0\n{}", numbers(last.get())), "{command}");
    }
}

/// drlog tries again before it writes in another second, and does not wait for the lock as at its start.
#[test]
fn the_lock_of_a_replaced_directory_is_tried_once_a_second() {
    let rig = with_directory();
    let Some(trace) = Trace::new(&rig, "flock") else { return };
    let (drlog, mut input) = rig.start_fed(format!("{trace} drlog d"));
    feed_line(&rig, &mut input, "one\n");
    let (_other, _others) = replace_by_locked(&rig);
    feed_until(&rig, &input, "one\n", "four attempts", || trace.times("flock").len() > 4);
    drop(input);
    drlog.wait().exits(0);
    let times = trace.times("flock");
    assert!(times.windows(3).skip(1).all(|three| three[2] - three[0] > 1.0), "{times:?}");
}

//! `.timestamp` as a symbolic link. A user who may write in the directory must not read or change other files
//! through drlog.

use crate::rig::accounts::as_nobody;
use crate::rig::{Rig, Running, feed, tools};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::symlink;

/// A time in 2001. If drlog takes it as the age of `current`, it rotates at the next line.
const OLD: &str = "1000000000\n";

/// Makes `d/.timestamp` a link to the file `target`.
fn link_timestamp(rig: &Rig) {
    let _ = fs::remove_file(rig.path("d/.timestamp"));
    symlink("../target", rig.path("d/.timestamp")).expect("a link");
}

/// Waits until `.timestamp` is a file with a time, after drlog has replaced the link.
fn wait_regular(rig: &Rig, drlog: &Running) {
    rig.wait_for(format!("a new .timestamp: {}", drlog.err()), || {
        let metadata = fs::symlink_metadata(rig.path("d/.timestamp"));
        metadata.is_ok_and(|metadata| metadata.is_file()) && rig.lines("d/.timestamp") == 1
    });
    assert_ne!(rig.read("d/.timestamp"), OLD);
}

#[test]
fn a_linked_timestamp_is_neither_read_nor_written() {
    let rig = Rig::new();
    fs::create_dir(rig.path("d")).expect("a directory");
    rig.write("d/current", "old\n");
    rig.write("target", OLD);
    link_timestamp(&rig);
    // At the start, when drlog reads the time.
    let (drlog, mut input) = rig.start_fed("drlog d");
    wait_regular(&rig, &drlog);
    feed(&mut input, "one\n");
    rig.wait_lines("d/current", 2);
    assert_eq!(rig.rotated("d").len(), 1, "rotated by the time in the target");
    // At SIGHUP, when it opens another file and reads the time again.
    link_timestamp(&rig);
    rig.shell("ln d/current mine; cp d/current d/new; mv d/new d/current").exits(0);
    drlog.signal(Signal::SIGHUP);
    wait_regular(&rig, &drlog);
    feed(&mut input, "two\n");
    rig.wait_lines("d/current", 3);
    assert_eq!(rig.rotated("d").len(), 1, "rotated by the time in the target");
    // At a rotation, when it writes the time.
    link_timestamp(&rig);
    drlog.signal(Signal::SIGALRM);
    rig.wait_for("a rotation", || rig.rotated("d").len() == 2);
    feed(&mut input, "three\n");
    drop(input);
    drlog.wait().exits(0).reports_nothing();
    assert_eq!(rig.rotated("d"), [&b"old\none\ntwo\n"[..], b"three\n"]);
    assert_eq!(rig.read("target"), OLD);
}

#[test]
fn a_dangling_timestamp_link_creates_no_file() {
    let rig = Rig::new();
    fs::create_dir(rig.path("d")).expect("a directory");
    link_timestamp(&rig);
    rig.shell("echo one | drlog d").exits(0).reports_nothing();
    assert!(!rig.has("target"), "created {:?}", rig.read("target"));
    assert_eq!(rig.lines("d/.timestamp"), 1);
}

/// In a directory with the sticky bit only root may remove root's link. drlog runs as another user here, so the
/// link stays, and drlog must not write through it.
#[test]
fn a_timestamp_link_that_drlog_cannot_remove_is_not_written() {
    // Otherwise the link belongs to the user who runs drlog.
    if !tools::is_root() {
        return;
    }
    let rig = Rig::new();
    let Some(nobody) = as_nobody(&rig) else { return };
    fs::create_dir(rig.path("d")).expect("a directory");
    rig.write("target", OLD);
    link_timestamp(&rig);
    rig.shell("chmod 1777 d; chmod 666 target").exits(0);
    // A rotation writes the time too. One message is enough.
    let done = rig.shell(format!("seq 100 | {nobody} drlog -s 100 d")).exits(0);
    assert_eq!(done.err, "drlog: cannot write .timestamp in d: File exists\n");
    assert!(rig.rotated("d").len() > 1, "no rotation");
    assert_eq!(rig.read("target"), OLD);
}

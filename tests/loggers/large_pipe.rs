//! SIGTERM while a pipe of more than the usual 64 KiB is full.

use crate::rig::pipes::set_nonblocking;
use crate::rig::{Rig, assert_same, feed, numbers, tools};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal;
use std::io::Write;
use std::process::ChildStdin;

/// The largest pipe that the kernel allows without privileges (/proc/sys/fs/pipe-max-size).
const SIZE: i32 = 1 << 20;

/// Enlarges the pipe; false if the kernel refuses.
fn enlarge(input: &ChildStdin) -> bool {
    fcntl(input, FcntlArg::F_SETPIPE_SZ(SIZE)).is_ok_and(|size| size >= SIZE)
        || tools::skip("needs a pipe of 1 MiB")
}

/// Fills the pipe from `text`, and returns the number of bytes written.
fn fill(mut input: &ChildStdin, text: &str) -> usize {
    set_nonblocking(input);
    let mut rest = text.as_bytes();
    // The last write fails with EAGAIN.
    while let Ok(count) = input.write(rest) {
        rest = &rest[count..];
    }
    text.len() - rest.len()
}

/// Checks that the logger of this line stores a full pipe of 1 MiB when it gets SIGTERM. It writes to
/// `folder/current`.
fn stores_all_at_sigterm(line: &str) {
    let rig = Rig::new();
    std::fs::create_dir(rig.path("folder")).expect("a directory");
    let text = numbers(500_000);
    let (logger, mut input) = rig.start_fed(line);
    if !enlarge(&input) {
        return;
    }
    feed(&mut input, "0\n");
    rig.wait_lines("folder/current", 1);
    // A stopped logger reads nothing, so the pipe is full when it gets SIGTERM. It must be stopped in ppoll(2):
    // elsewhere SIGTERM is blocked, and the logger would read the pipe as usual before it handles the signal.
    rig.wait_state(logger.pid(), 'S');
    logger.signal(Signal::SIGSTOP);
    rig.wait_state(logger.pid(), 'T');
    let count = fill(&input, &text);
    assert!(count > 1_000_000 && count < text.len(), "the pipe has taken {count} bytes");
    logger.signal(Signal::SIGTERM);
    logger.signal(Signal::SIGCONT);
    // The pipe stays open, so the logger exits because of the signal.
    logger.wait().exits(0).reports_nothing();
    drop(input);
    let stored = &text[..count];
    // A last line without a newline gets one.
    let newline = if stored.ends_with('\n') { "" } else { "\n" };
    let wanted = format!("0\n{stored}{newline}");
    assert_same(&rig.rotated("folder").concat(), wanted.as_bytes(), line);
}

#[test]
fn dlog_stores_a_pipe_of_1_mib_at_sigterm() {
    stores_all_at_sigterm("dlog folder/current");
}

#[test]
fn drlog_stores_a_pipe_of_1_mib_at_sigterm() {
    stores_all_at_sigterm("drlog -s 100k -m 0 folder");
}

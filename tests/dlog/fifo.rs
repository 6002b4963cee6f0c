//! A FIFO as the log file.

use crate::rig::{Rig, feed, proc};
use nix::fcntl::OFlag;
use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

/// The reader opens the FIFO before dlog, so that dlog's open(2) for writing succeeds. dlog must keep a read end
/// of its own anyway. Without one, the exit of the reader causes EPIPE, and the lines are lost.
#[test]
fn a_fifo_keeps_lines_after_its_first_reader_exits() {
    let rig = Rig::new();
    rig.shell("mkfifo fifo").exits(0);
    let open = || {
        let mut options = File::options();
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        RefCell::new(options.open(rig.path("fifo")).expect("the FIFO"))
    };
    let expect = |reader: &RefCell<File>, text: &str| {
        let read = RefCell::new(Vec::new());
        rig.wait_for(format!("{text:?} in the FIFO"), || {
            // EAGAIN, or 0 bytes before dlog has opened the FIFO.
            let mut buffer = [0; 100];
            let count = reader.borrow_mut().read(&mut buffer).unwrap_or(0);
            read.borrow_mut().extend_from_slice(&buffer[..count]);
            *read.borrow() == text.as_bytes()
        });
    };
    let reader = open();
    let (dlog, mut input) = rig.start_fed("dlog fifo");
    feed(&mut input, "one\n");
    expect(&reader, "one\n");
    let mut reader = Some(reader);
    for round in 1..=3 {
        drop(reader.take());
        for line in ["two\n", "three\n"] {
            feed(&mut input, line);
            rig.wait_for("dlog to write the line", || {
                assert!(dlog.is_running(), "round {round}: exited without a reader");
                proc::state(dlog.pid()) == Some('S')
            });
        }
        let next = open();
        expect(&next, "two\nthree\n");
        feed(&mut input, "four\n");
        expect(&next, "four\n");
        reader = Some(next);
    }
    drop(input);
    dlog.wait().exits(0).reports_nothing();
}

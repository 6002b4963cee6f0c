//! A FIFO as the log file.

use super::{LossNotice, loss_notice, wait_asleep, wait_outage};
use crate::rig::accounts::as_nobody;
use crate::rig::pipes::fill_pipe;
use crate::rig::{Rig, feed, numbers, proc, tools};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
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

#[test]
fn a_fifo_without_reader_does_not_block_the_service() {
    // With `-e`, lines are copied.
    for options in ["", "-e"] {
        let rig = Rig::new();
        rig.shell("mkfifo fifo").exits(0);
        let (dlog, mut input) = rig.start_fed(format!("dlog {options} fifo"));
        // More than the pipe and the FIFO take: feeding it succeeds only if dlog reads.
        feed(&mut input, numbers(200_000));
        wait_outage(&rig, &dlog, 1);
        wait_asleep(&rig, &dlog);
        let reader = rig.start("cat fifo >got");
        rig.wait_for("the loss notice", || loss_notice(&rig.read("got")).is_some());
        feed(&mut input, "last\n");
        drop(input);
        dlog.wait().exits(1).reports("dlog", &["cannot write fifo: nobody reads it"]);
        reader.wait().exits(0);
        let LossNotice { before, lines, after, .. } =
            loss_notice(&rig.read("got")).expect("a loss notice");
        assert!(before.ends_with('\n') && numbers(200_000).starts_with(&before), "{before}");
        assert_eq!(before.lines().count() + lines, 200_000);
        assert!(after.ends_with("last\n") && after.lines().count() == 1, "{after}");
    }
}

#[test]
fn a_fifo_without_reader_blocks_with_on_full_block() {
    let rig = Rig::new();
    rig.shell("mkfifo fifo").exits(0);
    let (dlog, input) = rig.start_fed("dlog --on-full block fifo");
    rig.wait_for_some("both pipes to be full", || {
        let taken = fill_pipe(&input);
        wait_asleep(&rig, &dlog);
        (taken == 0).then_some(())
    });
    rig.assert_sleeps(dlog.pid());
    let reader = rig.start("cat fifo >got");
    drop(input);
    dlog.wait().exits(0).reports_nothing();
    reader.wait().exits(0);
    assert!(!rig.read("got").contains("lost"));
}

/// dlog cannot open the FIFO for reading, too. So it has no end of its own while there is no reader.
#[test]
fn a_write_only_fifo_needs_no_reader() {
    // The reader has no permission unless it is root.
    if !tools::is_root() {
        return;
    }
    let rig = Rig::new();
    let Some(nobody) = as_nobody(&rig) else { return };
    rig.shell("mkfifo -m 222 fifo").exits(0);
    // Readers come and go.
    let (dlog, mut input) = rig.start_fed(format!("{nobody} dlog fifo"));
    for round in 1..=2 {
        feed(&mut input, "lost\n");
        wait_outage(&rig, &dlog, round);
        let got = format!("got{round}");
        let reader = rig.start(format!("cat fifo >{got}"));
        rig.wait_for("the loss notice", || rig.read(&got) == "dlog: 1 lines (5 bytes) lost\n");
        feed(&mut input, "one\n");
        rig.wait_lines(&got, 2);
        reader.signal(Signal::SIGKILL);
        reader.wait();
    }
    drop(input);
    let done = dlog.wait().exits(1);
    assert!(done.err.starts_with("dlog: cannot write fifo: nobody reads it\n"), "{done}");
}

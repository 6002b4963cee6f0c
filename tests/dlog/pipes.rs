//! FIFOs, pipes and terminals as the log: readers that are slow, stopped, or gone.

use super::wait_asleep;
use crate::rig::pipes::{fill_pipe, pipe, set_nonblocking};
use crate::rig::{Rig, assert_same, command_line, feed, numbers, proc, pty};
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::Read;

#[test]
fn sigterm_stops_dlog_while_its_fifo_has_no_reader() {
    let rig = Rig::new();
    rig.shell("mkfifo fifo").exits(0);
    let (dlog, _input) = rig.start_fed("dlog fifo");
    rig.wait_for("dlog to wait or to exit", || {
        !dlog.is_running() || proc::state(dlog.pid()) == Some('S')
    });
    dlog.signal(Signal::SIGTERM);
    dlog.wait();
}

#[test]
fn the_next_fifo_reader_gets_the_lines_in_between() {
    let rig = Rig::new();
    rig.shell("mkfifo fifo").exits(0);
    let open = || File::open(rig.path("fifo")).expect("the FIFO");
    // Each read(2) returns exactly one line.
    let line = |reader: &mut File| {
        let mut buffer = [0; 100];
        let count = reader.read(&mut buffer).expect("a line");
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    };
    let (dlog, mut input) = rig.start_fed("dlog fifo");
    let mut reader = open();
    feed(&mut input, "one\n");
    assert_eq!(line(&mut reader), "one\n");
    drop(reader);
    feed(&mut input, "two\n");
    wait_asleep(&rig, &dlog);
    let mut reader = open();
    assert_eq!(line(&mut reader), "two\n");
    feed(&mut input, "three\n");
    assert_eq!(line(&mut reader), "three\n");
    drop(input);
    dlog.wait().exits(0).reports_nothing();
}

#[test]
fn a_broken_pipe_on_standard_output_stops_dlog() {
    let rig = Rig::new();
    let line = "(sleep 0.1; seq 1 100000) | { dlog; echo $? >status; } | true";
    let done = rig.shell(line);
    let (reason, lost) = done.err.split_once('\n').expect("two lines");
    assert_eq!(reason, "dlog: cannot write standard output: Broken pipe");
    assert!(lost.starts_with("dlog: lines lost: "), "{lost}");
    rig.wait_lines("status", 1);
    assert_eq!(rig.read("status"), "1\n");
}

#[test]
fn sigterm_stops_dlog_while_its_fifo_reader_is_stopped() {
    let rig = Rig::new();
    rig.shell("mkfifo fifo").exits(0);
    let reader = rig.start("cat fifo");
    let (dlog, input) = rig.start_fed("dlog --on-full block fifo");
    rig.wait_for("the FIFO to be open", || {
        proc::descriptors(dlog.pid()).values().any(|path| path.ends_with("fifo"))
    });
    reader.signal(Signal::SIGSTOP);
    rig.wait_state(reader.pid(), 'T');
    rig.wait_for_some("both pipes to be full", || {
        let taken = fill_pipe(&input);
        wait_asleep(&rig, &dlog);
        (taken == 0).then_some(())
    });
    dlog.signal(Signal::SIGTERM);
    dlog.wait().exits(1);
}

#[test]
fn sigterm_stops_dlog_while_its_output_is_full() {
    let rig = Rig::new();
    // Lines of 64 bytes fill a pipe completely, so that even the loss notice does not fit.
    rig.write("in", format!("{:>63}\n", "x").repeat(4096));
    let stop = |options: &str, output: File| {
        let dlog = rig.start_to(format!("dlog {options} <in"), output);
        rig.wait_for("dlog to start", || command_line(dlog.pid()).starts_with("dlog"));
        wait_asleep(&rig, &dlog);
        dlog.signal(Signal::SIGTERM);
        dlog.wait().exits(1)
    };
    for options in ["", "-p x"] {
        let (_reader, to_pipe) = pipe();
        stop(options, to_pipe).reports("dlog", &["lines lost: "]);
        // The kernel may drain a terminal late; then the loss notice fits after all.
        let (terminal, mut master) = pty::blocked_terminal();
        let done = stop(options, terminal);
        let mut shown = Vec::new();
        let _ = master.read_to_end(&mut shown);
        if String::from_utf8_lossy(&shown).contains(" bytes) lost") {
            done.reports_nothing();
        } else {
            done.reports("dlog", &["lines lost: "]);
        }
    }
}

#[test]
fn a_slow_reader_gets_every_byte() {
    let rig = Rig::new();
    rig.write("in", numbers(200_000));
    let (reader, writer) = pipe();
    // O_NONBLOCK belongs to the open file description: another program may have set it on a shared pipe.
    set_nonblocking(&writer);
    for options in ["", "-p x"] {
        let writer = writer.try_clone().expect("dup");
        let dlog = rig.start_to(format!("dlog {options} <in"), writer);
        let mut stored = Vec::new();
        let mut buffer = [0; 1000];
        let wanted = match options {
            "" => numbers(200_000),
            _ => numbers(200_000).lines().map(|line| format!("x {line}\n")).collect(),
        };
        while stored.len() < wanted.len() && dlog.err().is_empty() {
            let count = (&reader).read(&mut buffer).expect("a read");
            stored.extend_from_slice(&buffer[..count]);
        }
        dlog.wait().exits(0).reports_nothing();
        assert_same(&stored, wanted.as_bytes(), "the data read");
    }
}

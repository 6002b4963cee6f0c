//! The signals that dmon forwards: none of them ends a logger.

use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::{Rig, Running, feed, proc};
use nix::sys::signal::Signal;
use std::process::ChildStdin;

/// The six signals of `-S`.
const FORWARDED: [Signal; 6] = [
    Signal::SIGCONT,
    Signal::SIGALRM,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGHUP,
];

/// Sends all six signals to a logger that has stored the line `one`, then feeds it the line `two` to the end.
fn survives(rig: &Rig, logger: Running, mut input: ChildStdin) {
    for signal in FORWARDED {
        logger.signal(signal);
        // Blocked signals stay pending; the others are handled.
        rig.wait_for("the logger to sleep or exit", || {
            !logger.is_running() || proc::state(logger.pid()) == Some('S')
        });
        assert!(logger.is_running(), "{signal} ended the logger");
    }
    feed(&mut input, "two\n");
    drop(input);
    logger.wait().exits(0).reports_nothing();
}

#[test]
fn forwarded_signals_do_not_end_dlog_and_drlog() {
    for line in ["dlog folder/current", "drlog folder"] {
        let rig = Rig::new();
        std::fs::create_dir(rig.path("folder")).expect("a directory");
        let (logger, mut input) = rig.start_fed(line);
        feed(&mut input, "one\n");
        rig.wait_lines("folder/current", 1);
        survives(&rig, logger, input);
        assert_eq!(rig.rotated("folder").concat(), b"one\ntwo\n", "{line}");
    }
}

#[test]
fn forwarded_signals_do_not_end_dsyslog() {
    let rig = Rig::new();
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (logger, mut input) = rig.start_fed("dsyslog --to ./socket fan");
    feed(&mut input, "one\n");
    assert_eq!(receiver.text(), "one");
    survives(&rig, logger, input);
    assert_eq!(receiver.text(), "two");
}

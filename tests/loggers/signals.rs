//! The signals that dmon forwards: none of them ends a logger.

use crate::rig::{Rig, Running, feed, proc};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;
use std::process::ChildStdin;
use std::time::Duration;

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
    let socket = UnixDatagram::bind(rig.path("socket")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(45))).expect("a limit");
    let receives = |text: &str| {
        let mut buffer = [0; 1000];
        let size = socket.recv(&mut buffer).expect("a message");
        let message = String::from_utf8_lossy(&buffer[..size]).into_owned();
        assert!(message.ends_with(text), "{message}");
    };
    let (logger, mut input) = rig.start_fed("dsyslog --to ./socket fan");
    feed(&mut input, "one\n");
    receives("one");
    survives(&rig, logger, input);
    receives("two");
}

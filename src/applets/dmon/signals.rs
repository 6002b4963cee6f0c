//! The signals that dmon catches, and the signal state of its commands.
//!
//! `mod.rs` sets them up; the supervisor and the daemon's parent use the result.

use super::terminal::Terminal;
use crate::applets::diag::os_error;
use heapless::Vec;
use pure::exit::Exit;
use pure::supervise::machine::{Event, Machine};
use pure::supervise::on_signal::SignalActions;
use pure::time::Instant;
use pure::unix::Signal;
use sys::signal::{self, SignalSet};

/// The signals that dmon catches. SIGPIPE and SIGXFSZ are caught only because their default is to terminate dmon: a
/// message to a closed pipe, or to a file at its size limit, is lost, but dmon continues. The last four keep their
/// default action without a terminal, which sends them.
const CAUGHT: [Signal; 15] = [
    Signal::CHLD,
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::ALRM,
    Signal::USR1,
    Signal::USR2,
    Signal::CONT,
    Signal::PIPE,
    Signal::XFSZ,
    Signal::TSTP,
    Signal::TTIN,
    Signal::TTOU,
    Signal::WINCH,
];

/// The signals that dmon catches without a terminal.
const ALWAYS_CAUGHT: &[Signal] = CAUGHT.split_at(CAUGHT.len() - 4).0;

/// Two masks of blocked signals.
pub struct SignalMasks {
    /// The mask that dmon was started with.
    pub inherited: SignalSet,
    /// The mask for ppoll(2): caught signals are not blocked.
    pub waiting: SignalSet,
    /// dmon was started with SIGHUP ignored (nohup).
    pub ignores_hangup: bool,
}

/// Catches the signals and blocks them, except in ppoll(2). Ignored ones are reset to their default action: shells,
/// Python and nohup(1) ignore some, and commands would inherit that. For caught signals, execve(2) does the same.
///
/// # Errors
/// The exit status, after the error was reported. No kernel is known to fail here.
pub fn catch(on_terminal: bool, actions: &SignalActions) -> Result<SignalMasks, Exit> {
    let cannot = |error| os_error("cannot catch signals", b"", error);
    // While SIGTTOU is blocked, dmon may take the terminal back from the background (tcsetpgrp(3)).
    let caught: &[_] = if on_terminal { &CAUGHT } else { ALWAYS_CAUGHT };
    let mut all = Vec::<Signal, 64>::new();
    let _ = all.extend_from_slice(caught);
    for signal in actions.signals() {
        if actions.get(signal).is_some() && !all.contains(&signal) {
            let _ = all.push(signal);
        }
    }
    let ignores_hangup = signal::reset_ignored(&all);
    let (inherited, waiting) = signal::catch_all(&all, &[]).map_err(cannot)?;
    Ok(SignalMasks { inherited, waiting, ignores_hangup })
}

/// Reports to the machine which signals arrived.
pub fn report(machine: &mut Machine<'_>, terminal: Option<&Terminal>, now: Instant) {
    for signal in CAUGHT {
        report_one(machine, terminal, signal, now);
    }
    for signal in machine.on_signal().signals() {
        report_one(machine, terminal, signal, now);
    }
}

/// Reports to the machine whether this signal arrived.
#[inline(never)]
fn report_one(
    machine: &mut Machine<'_>,
    terminal: Option<&Terminal>,
    signal: Signal,
    now: Instant,
) {
    if signal::take(signal) && signal != Signal::CHLD {
        let is_key = matches!(signal, Signal::INT | Signal::QUIT)
            && terminal.is_some_and(Terminal::is_foreground);
        let event = if is_key { Event::Key(signal) } else { Event::Signal(signal) };
        machine.handle(now, event);
    }
}

/// Undoes [`catch`] in the daemon's parent, which only waits.
pub fn restore(masks: &SignalMasks) {
    signal::restore_defaults(ALWAYS_CAUGHT, &masks.inherited);
}

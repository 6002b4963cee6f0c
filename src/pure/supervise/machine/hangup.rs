//! A closed terminal: when dmon looks whether its terminal still exists, and stops.
//!
//! `event.rs` and `action.rs` call it. A shell sends SIGHUP to its jobs, the kernel to the foreground process group, dash
//! and ash send none. So dmon looks after a SIGHUP to itself or to the sentinel. It also looks after a run and when it has
//! started the sentinel, because nothing reports a SIGHUP between the two, and before each restart, because the command
//! may have ended for lack of a terminal.

use super::action::Step;
use super::state::StopReason;
use super::{Action, MIN_START_INTERVAL, Machine};
use crate::time::Instant;
use core::ops::ControlFlow::{Break, Continue};

/// When the next look at the terminal is due.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(test, derive(Hash))]
pub(super) struct Hangup {
    /// Because a SIGHUP has arrived or may have gone unnoticed.
    check_at: Option<Instant>,
    /// Look again after `check_at`: SIGHUP may arrive before the terminal is gone (disassociate_ctty,
    /// drivers/tty/tty_jobctrl.c).
    again: bool,
    /// Before the next start of the command.
    before_start: bool,
}

impl Machine<'_> {
    /// Requires two looks at the terminal, because a SIGHUP has arrived or may have gone unnoticed.
    pub(super) fn on_hangup(&mut self, now: Instant) {
        if self.policy.ends_with_terminal {
            (self.hangup.check_at, self.hangup.again) = (Some(now), true);
        }
    }

    /// Requires a look at the terminal before the next start of the command.
    pub(super) const fn check_before_start(&mut self) {
        self.hangup.before_start = self.policy.ends_with_terminal;
    }

    /// Handles the result of [`Action::CheckTerminal`].
    pub(super) fn on_terminal_checked(&mut self, gone: bool, now: Instant) {
        if gone {
            self.stop_all(StopReason::Requested);
        }
        let hangup = &mut self.hangup;
        if hangup.check_at.is_some_and(|at| at <= now) {
            hangup.check_at = hangup.again.then(|| now.add(MIN_START_INTERVAL));
            hangup.again = false;
        } else {
            hangup.before_start = false;
        }
    }

    /// Looks at the terminal if that is due. `starts`: before a start of the command, which waits for a second look.
    pub(super) fn drive_hangup(&self, starts: bool, now: Instant) -> Step {
        let Hangup { check_at, before_start, .. } = self.hangup;
        match check_at {
            _ if self.stopping.is_some() => Continue(None),
            Some(at) if at > now => Continue(Some(at)),
            None if !(starts && before_start) => Continue(None),
            Some(_) | None => Break(Action::CheckTerminal),
        }
    }
}

//! Ctrl-C and Ctrl-\: which run they end, and when the next sentinel starts.
//!
//! `event.rs` and `action.rs` call it. Programs end in their own way at Ctrl-C: rsync with status 20, a server with 0. So
//! the machine asks no status: a run that ends soon after Ctrl-C is the last. A program that handles Ctrl-C, such as a
//! shell, keeps running.
//!
//! A *sentinel* reports Ctrl-C: a process in the command's process group, which exits when the terminal signals the
//! group.

use super::action::Step;
use super::state::StopReason;
use super::{Action, Machine};
use crate::time::{Duration, Instant};
use crate::unix::{Pid, Signal, WaitStatus};
use core::ops::ControlFlow::{Break, Continue};

/// A run that ends within this time of Ctrl-C is the last.
pub(super) const INTERRUPT_WINDOW: Duration = Duration::from_secs(10);

/// Time from the exit of a sentinel to the start of the next, so that a command that signals its own process group in a
/// loop cannot spin dmon.
pub(super) const SENTINEL_INTERVAL: Duration = Duration::from_secs(1);

/// Ctrl-C and the sentinel of the current run.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(test, derive(Hash))]
pub(super) struct Interrupt {
    /// A run that ends until then was interrupted; `None` without Ctrl-C or Ctrl-\.
    until: Option<Instant>,
    /// When a sentinel is to be started; `None` if the run has one, or needs none.
    sentinel_at: Option<Instant>,
}

impl Interrupt {
    /// Returns the state at the start of a run. `terminal`: it may receive Ctrl-C.
    pub(super) fn new_run(terminal: bool, now: Instant) -> Self {
        Self { until: None, sentinel_at: terminal.then_some(now) }
    }

    /// Handles the exit of the sentinel, which received this signal; `None`: another one, or SIGKILL.
    pub(super) fn on_sentinel_exited(&mut self, signal: Option<Signal>, now: Instant) {
        self.sentinel_at = Some(now.add(SENTINEL_INTERVAL));
        if let Some(Signal::INT | Signal::QUIT) = signal {
            self.key_typed(now);
        }
    }

    /// Handles Ctrl-C and Ctrl-\.
    const fn key_typed(&mut self, now: Instant) {
        self.until = Some(now.add(INTERRUPT_WINDOW));
    }

    /// Reports whether a run that ends `now` was interrupted.
    pub(super) fn ends_run(&self, now: Instant) -> bool {
        self.until.is_some_and(|end| now <= end)
    }
}

impl Machine<'_> {
    /// Handles Ctrl-C and Ctrl-\ that dmon itself received. Returns whether the command gets the signal. A second one soon
    /// after the first stops everything: the command does not react to it.
    pub(super) fn passes_on_key(&mut self, now: Instant) -> bool {
        let is_first = !self.interrupt.ends_run(now);
        let passes_on = is_first && self.stopping.is_none() && self.running_cmd().is_some();
        if passes_on {
            self.interrupt.key_typed(now);
        }
        passes_on
    }

    /// Handles the end of a run: it is the last if Ctrl-C or Ctrl-\ ended it.
    pub(super) fn stop_if_interrupted(
        &mut self,
        status: WaitStatus,
        timed_out: bool,
        now: Instant,
    ) {
        if !self.policy.terminal || self.stopping.is_some() {
            return;
        }
        let died_of_sigint = status.killed_by(Signal::INT);
        // SIGINT may be the stop signal of a run that timed out.
        if self.interrupt.ends_run(now) || died_of_sigint && !timed_out {
            self.interrupted = died_of_sigint;
            self.stopping = Some(StopReason::Requested);
        }
    }

    /// Starts a sentinel in the process group of the running command, when it is due.
    pub(super) fn drive_sentinel(&mut self, group: Pid, now: Instant) -> Step {
        match self.interrupt.sentinel_at {
            Some(at) if at <= now => {
                self.interrupt.sentinel_at = None;
                self.on_hangup(now);
                Break(Action::StartSentinel { group })
            }
            at => Continue(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_counts_for_ten_seconds_and_for_one_run() {
        let at = |milliseconds| Instant::from_clock(Duration::from_millis(milliseconds));
        let mut interrupt = Interrupt::new_run(true, at(0));
        interrupt.on_sentinel_exited(None, at(500));
        assert!(!interrupt.ends_run(at(500)), "another reason than Ctrl-C");
        interrupt.on_sentinel_exited(Some(Signal::QUIT), at(1000));
        assert_eq!(interrupt.sentinel_at, Some(at(2000)));
        assert!(interrupt.ends_run(at(1000)) && interrupt.ends_run(at(11_000)));
        assert!(!interrupt.ends_run(at(11_001)));
        interrupt.on_sentinel_exited(Some(Signal::INT), at(11_001));
        assert!(interrupt.ends_run(at(21_001)));
        assert!(!Interrupt::new_run(true, at(12_000)).ends_run(at(12_000)), "the next run");
    }
}

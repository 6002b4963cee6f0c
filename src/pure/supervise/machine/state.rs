//! The parts of the machine's state: the state of a child, of its leftover processes, of the shutdown.
//!
//! The files of [`machine`](super) use them. Each state contains the times that belong to it.

use crate::exit::Exit;
use crate::time::{Duration, Instant};
use crate::unix::{Pid, Signal};

/// The clock of a run. It stops while the command is paused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) enum RunClock {
    /// It shows the time since this point.
    Running(Instant),
    /// It shows this time.
    Stopped(Duration),
}

impl RunClock {
    /// Returns this clock stopped (`paused`) or running. It is unchanged if that is already so.
    #[inline(never)]
    pub(super) const fn with_paused(self, paused: bool, now: Instant) -> Self {
        match self {
            Self::Running(zero) if paused => Self::Stopped(zero.until(now)),
            Self::Stopped(time) if !paused => Self::Running(now.before(time)),
            Self::Running(_) | Self::Stopped(_) => self,
        }
    }

    /// Returns when it shows `time`; never while it is stopped, and for [`Duration::MAX`].
    pub(super) const fn at(self, time: Duration) -> Instant {
        match self {
            Self::Running(zero) => zero.add(time),
            Self::Stopped(_) => Instant::NEVER,
        }
    }
}

/// The current state of one child.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
// The fields that several states have are at the same place in all.
#[repr(u8)]
pub(super) enum ChildState {
    /// Not running, without leftover processes.
    Down {
        /// Earliest time of the next start.
        not_before: Instant,
    },
    /// Running, perhaps paused.
    Up {
        /// SIGSTOP was sent because of the load.
        paused: bool,
        pid: Pid,
        started_at: Instant,
        clock: RunClock,
    },
    /// The stop signal was sent; `timed_out`: because of `--timeout`.
    Stopping {
        timed_out: bool,
        pid: Pid,
        started_at: Instant,
        /// SIGKILL was sent, too.
        killed: bool,
        /// When SIGKILL follows, or the warning that the child has survived it; `None`: never.
        next_step: Option<Instant>,
    },
    /// The child exited and may have left processes behind.
    Leftovers(LeftoverState),
}

impl ChildState {
    /// Returns the PID of a child that is alive.
    pub(super) const fn pid(&self) -> Option<Pid> {
        match self {
            Self::Up { pid, .. } | Self::Stopping { pid, .. } => Some(*pid),
            Self::Down { .. } | Self::Leftovers(_) => None,
        }
    }
}

/// The state of the processes that a run left behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) struct LeftoverState {
    /// The process group that the run led.
    pub(super) group: Pid,
    /// This process group received the stop signal during the run.
    pub(super) signalled: bool,
    /// When sweeps start to send SIGKILL; `None`: never.
    pub(super) kill_at: Option<Instant>,
    /// When to warn that a process is still alive. `None` before the first SIGKILL, [`Instant::NEVER`] after the
    /// warning.
    pub(super) warn_at: Option<Instant>,
    pub(super) next_sweep: Instant,
    pub(super) sweep_interval: Duration,
    /// Earliest time of the next start.
    pub(super) not_before: Instant,
}

/// Why everything stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) enum StopReason {
    /// SIGTERM or SIGINT.
    Requested,
    /// The command succeeded, and `--once` was given.
    Succeeded,
    /// No restarts are left; the exit status for the last run.
    RestartLimit(Exit),
    /// A child's very first start failed; the exit status for the failure.
    StartFailed(Exit),
}

/// A set of pending signals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub(super) struct PendingSignals(u64);

impl PendingSignals {
    pub(super) fn add(&mut self, signal: Signal) {
        self.0 |= 1_u64.wrapping_shl(signal.number().unsigned_abs() - 1);
    }

    /// Removes and returns the signal with the lowest number.
    pub(super) fn take(&mut self) -> Option<Signal> {
        let lowest = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        Signal::new(lowest.cast_signed() + 1)
    }
}

/// The state of the one extra logger start that is allowed if the logger exits before the pipe is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) enum DrainRestart {
    Available,
    /// The logger exited with bytes unread: start it again.
    Pending,
    /// It was started, or its start failed.
    Used,
    /// This many bytes will never be read, and must be reported.
    StillUnread(usize),
    /// The pipe is empty, or the unread bytes were reported.
    Done,
}

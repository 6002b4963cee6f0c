//! Whether the command is hung, as the file of `--alive` shows.
//!
//! The machine starts the clock with each run and after each pause. [`action`](super::action) asks for the looks at the
//! file.

use crate::time::{Duration, Instant};

/// The number of looks within the time of `--alive`. Chosen: a hung command is stopped at most a quarter too late.
const LOOKS: u8 = 4;

/// The looks at the file during a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) struct Alive {
    /// Never without a file, and while the command is paused.
    pub(super) next_look: Instant,
    /// The number of looks since the last change of the file.
    unchanged: u8,
}

impl Alive {
    /// The state of a command that is not running.
    pub(super) const IDLE: Self = Self { next_look: Instant::NEVER, unchanged: 0 };

    /// Stops the clock, or starts it at zero. `interval` is the time between two looks.
    pub(super) const fn set_paused(&mut self, paused: bool, interval: Duration, now: Instant) {
        self.unchanged = 0;
        self.next_look = if paused { Instant::NEVER } else { now.add(interval) };
    }

    /// Handles the result of a look.
    pub(super) const fn on_look(&mut self, changed: bool, interval: Duration, now: Instant) {
        self.next_look = now.add(interval);
        self.unchanged = if changed { 0 } else { self.unchanged + 1 };
    }

    /// Reports whether the command is hung.
    pub(super) const fn is_hung(&self) -> bool {
        self.unchanged >= LOOKS
    }
}

//! The events of a child that are reported to users.
//!
//! The supervisor creates them. `status.rs` and `verbose.rs` format them.

use pure::unix::{Signal, WaitStatus};

/// An event of the command or the logger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChildEvent {
    Started,
    Stopping,
    TimedOut,
    Killed,
    Paused,
    Resumed,
    /// It has reported that it is ready.
    Ready,
    /// This signal was forwarded to it.
    Signalled(Signal),
    Exited(WaitStatus),
}

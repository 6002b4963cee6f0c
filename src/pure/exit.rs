//! The exit statuses of the program.
//!
//! All applets return them.

/// An exit status.
///
/// In `Result<T, Exit>` the error means: the applet must exit with this status, and the message is already printed.
/// `diag::error` prints a message and returns this error. Therefore an applet runs as `Result<Exit, Exit>`: each `?`
/// passes on a reported failure, and `Ok` is the status of a run that did its work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Exit(pub u8);

impl Exit {
    pub const SUCCESS: Self = Self(0);
    /// A logger lost lines.
    pub const DATA_LOST: Self = Self(1);
    /// No dmon runs that could be signalled; the status of LSB's init scripts for a program that is not running.
    pub const NOT_RUNNING: Self = Self(3);
    /// dmon gave up after a run exceeded `--timeout`. This status and those below are the same as for timeout(1).
    pub const TIMED_OUT: Self = Self(124);
    /// The program itself failed: a wrong option, a lock that is held, a failed system call at start.
    pub const FAILED: Self = Self(125);
    /// The command exists but cannot be executed.
    pub const CANNOT_EXECUTE: Self = Self(126);
    /// The command does not exist.
    pub const NOT_FOUND: Self = Self(127);
}

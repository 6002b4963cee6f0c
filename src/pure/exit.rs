//! Exit codes.

/// The exit status of the program.
///
/// As an error it means: this is the end, and what had to be said about it was said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Exit(pub u8);

impl Exit {
    pub const SUCCESS: Self = Self(0);
    /// A logger has lost something.
    pub const DATA_LOST: Self = Self(1);
    /// dmon has given up because of `--timeout`; timeout(1) uses this number and the next three so.
    pub const TIMED_OUT: Self = Self(124);
    /// The program itself failed: usage, lock, fork at start.
    pub const FAILED: Self = Self(125);
    /// The command was found and cannot be executed.
    pub const CANNOT_EXECUTE: Self = Self(126);
    pub const NOT_FOUND: Self = Self(127);
}

//! The integration tests: the real program, real processes, one behaviour per test.
//!
//! The program under test is `$DMON`, which may be several words (`qemu-arm-static path/dmon`), otherwise the one
//! that cargo has built. `DMON_LONG=1` runs the loops with their full counts.

/// Test fixtures: temporary folders, processes, waits.
mod rig;

mod denv;
mod dlog;
mod dmon;
mod dpty;
mod drlog;
mod dsyslog;
mod loggers;
mod project;
/// Long runs: no resource use grows.
mod soak;
/// Random options, commands, signals, loads and disks: the promises always hold.
mod storm;

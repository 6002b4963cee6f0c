//! The integration tests: the real program, real processes, one behaviour a test.
//!
//! The tested program is `$DMON`, which may be several words (`qemu-arm-static path/dmon`), else the one
//! cargo has built. `DMON_LONG=1` runs the loops with their full counts.

/// The folder, the processes and the waits that all tests stand on.
mod rig;

/// Another process beside dmon, or handed to it, never gets one of its signals; dmon as pid 1.
mod bystanders;
/// The log command dlog, alone.
mod dlog;
/// How a run, dmon and its log command end, and that nothing is left behind.
mod ending;
/// Zero wake-ups while nothing happens; nothing grows.
mod idle;
/// Pausing by the load average.
mod load;
/// dlog when the disk is full, slow or gone, and when its file is opened again; stamps and syncs.
mod log_disk;
/// The log command drlog: a folder, and when which file in it is begun or removed.
mod log_rotation;
/// The log command dsyslog: messages for syslog, whatever becomes of who takes them.
mod log_syslog;
/// Much input, long lines, any bytes, in pieces of any length: nothing is changed.
mod log_volume;
/// The pipe to the log command: no byte is lost.
mod logs;
/// The command line: forms of options, refusals, help.
mod options;
/// The file with dmon's pid.
mod pidfile;
/// When a command is started again, and when no more.
mod restarting;
/// Signals that are passed on, and those that are not.
mod signals;
/// What a command is given when it starts, and what happens if it cannot.
mod starting;
/// The limit on how long a run may last.
mod timeout;
/// Users and groups of the command and of the log command.
mod users;

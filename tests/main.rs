//! The integration tests: the real program, real processes, one behaviour a test.
//!
//! The tested program is `$DMON`, which may be several words (`qemu-arm-static path/dmon`), else the one
//! cargo has built. `DMON_LONG=1` runs the loops with their full counts.

/// The folder, the processes and the waits that all tests stand on.
mod rig;

/// Another process beside dmon, or handed to it, never gets one of its signals; dmon as pid 1.
mod bystanders;
/// What bash, zsh and fish offer when Tab is pressed.
mod completions;
/// As process 1 of a process namespace.
mod container;
/// denv and envdir: a command with a new environment.
mod denv;
/// The log command dlog, alone.
mod dlog;
/// How a run, dmon and its log command end, and that nothing is left behind.
mod ending;
/// The environment and the folder that dmon gives its commands.
mod environ;
/// The examples of services that boot scripts start.
mod examples;
/// Each system call fails once.
mod faults;
/// Zero wake-ups while nothing happens.
mod idle;
/// Under busybox's init, sysvinit, runsv and s6-supervise.
mod inits;
/// Resource limits of the command.
mod limits;
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
/// The manual pages.
mod manual;
/// The command line: forms of options, refusals, help.
mod options;
/// Installing, packages and recipes.
mod packages;
/// The file with dmon's pid.
mod pidfile;
/// Pausing by the pressure on processors, disks and memory.
mod pressure;
/// When a command is started again, and when no more.
mod restarting;
/// Files in the way, rights, a set-uid bit, forged bytes, texts of any length.
mod security;
/// Signals that are passed on, and those that are not.
mod signals;
/// A long life in a short time: nothing grows.
mod soak;
/// What a command is given when it starts, and what happens if it cannot.
mod starting;
/// Status lines, and whatever becomes of them.
mod status;
/// Random lines, commands, signals, loads and disks: whatever happens, the promises hold.
mod storm;
/// In a terminal: who has it, Ctrl-C, Ctrl-Z, fg and bg.
mod terminal;
/// The limit on how long a run may last.
mod timeout;
/// Users and groups of the command and of the log command.
mod users;
/// What dmon says with `-v`.
mod verbose;
/// Options from variables of the environment and from a configuration file.
mod words;

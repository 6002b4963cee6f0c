//! Tests of dmon, the supervisor.

/// dmon in a PID namespace of its own, as PID 1.
mod container;
/// The environment and the working directory that dmon gives to its commands.
mod environment;
/// Each system call of dmon fails once.
mod faults;
/// Unrelated and inherited processes never receive a signal from dmon.
mod foreign_processes;
/// An idle dmon never wakes up.
mod idle;
/// Pausing by the load average.
mod load;
/// No byte is lost in the pipe to the log command.
mod log_pipe;
/// Options from environment variables and from the configuration file.
mod option_sources;
/// The command line: forms of options, errors, help.
mod options;
/// The pid file.
mod pidfile;
/// Pausing by pressure stall information.
mod pressure;
/// When a command is restarted, and when it is not.
mod restart;
/// Resource limits of the command.
mod rlimits;
/// Hostile files, permissions, set-user-ID, forged and overlong input.
mod security;
/// How a run, dmon and its log command exit, and that no process is left behind.
mod shutdown;
/// Forwarded signals, and signals that are not forwarded.
mod signals;
/// What a command receives when it starts, and what happens if it cannot start.
mod startup;
/// Status lines (`-I`).
mod status;
/// On a terminal: the foreground group, Ctrl-C, Ctrl-Z, fg and bg.
mod terminal;
/// The limit on the length of a run (`-t`).
mod timeout;
/// dmon under busybox init, sysvinit, runsv and s6-supervise.
mod under_init;
/// Users and groups of the command and of the log command.
mod users;
/// The messages of `-v`.
mod verbose;

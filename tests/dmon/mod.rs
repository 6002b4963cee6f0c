//! Tests of dmon, the supervisor.

/// A command that hangs (`--alive`).
mod alive;
/// Programs that execute the command, or dmon.
mod chain_tools;
/// A command line that is only checked (`--check`).
mod check;
/// A terminal that is closed.
mod closed_terminal;
/// Errors in the configuration file.
mod config_errors;
/// The configuration file (`-C`).
mod config_file;
/// dmon as PID 1 of a container.
mod container;
/// The errors of a daemon, which are lines of its log.
mod daemon_messages;
/// Commands that daemonize themselves.
mod daemonized;
/// The environment of the commands (`-E`).
mod environment;
/// Options in environment variables such as `DMON_OPTIONS`.
mod environment_options;
/// A daemon whose first start fails, and its parent.
mod failed_daemon;
/// Fault injection: each system call fails once.
mod faults;
/// Unrelated and inherited processes never receive a signal.
mod finish;
mod foreign_processes;
/// Signals and the death of dmon between fork and exec.
mod fork_to_exec;
/// An idle dmon and its dlog never wake up.
mod idle;
/// Ctrl-C and Ctrl-\ in a terminal.
mod interrupt;
/// Job control: Ctrl-Z, `fg`, `bg`, pipelines and background jobs.
mod job_control;
/// Pausing by the load average (`-L`, `-l`).
mod kill_modes;
/// Leftover processes of runs and log commands.
mod leftovers;
/// The terminal of jobs in pipelines and with redirections.
mod lend;
mod load;
/// The messages of `--log-events`, which are lines of the log.
mod log_events;
/// No byte is lost in the pipe to the log command.
mod log_pipe;
/// The mark of a command in its environment (`DMON_PID`).
mod mark;
/// The effects of signals to dmon (`--on-signal`).
mod on_signal;
/// The command line: option forms, errors, help and version.
mod options;
/// Fault injection: a system call always fails.
mod permission;
mod persistent_faults;
/// The pid file (`-p`).
mod pidfile;
/// The processes that a killed dmon leaves behind, and the next dmon.
mod predecessor;
/// Pausing by pressure stall information (`--pressure`).
mod pressure;
/// Dropped privileges, and dmon as a set-user-ID program.
mod privileges;
/// Random configuration files and option variables.
mod random_options;
/// A command that reports when it is ready (`--ready`).
mod ready;
/// When a command is restarted, and when dmon gives up.
mod restart;
/// Results that count as success or are fatal (`-x`, `-X`).
mod results;
/// Invalid and rejected resource limits.
mod rlimit_errors;
/// Resource limits of the command (`-r`).
mod rlimits;
/// Hostile files and input.
mod security;
/// Pausing by the number in a file (`--sensor`).
mod sensor;
/// The session of a dmon with a pid file.
mod session;
/// SIGTERM, SIGINT and the drain of the log.
mod shutdown;
/// SIGKILL of dmon itself.
mod sigkill;
/// Signal forwarding (`-s`, `-S`).
mod signal_running;
mod signals;
/// A slow service under busybox init, sysvinit, runsv, supervise and s6-supervise.
mod slow_service;
/// Commands that cannot start.
mod start_failures;
/// Ctrl-Z at any moment of a start.
mod start_window;
/// The state in which commands start, and the exit status of dmon.
mod startup;
/// Status lines (`-I`).
mod status;
/// Terminal modes of a suspended command.
mod suspended_modes;
/// Repeated sweeps for leftover processes.
mod sweeps;
/// dmon in a terminal: the foreground group, Ctrl-C and the terminal modes.
mod terminal;
/// The limit on the length of a run (`-t`).
mod timeout;
/// dmon under busybox init, sysvinit, runsv and s6-supervise.
mod under_init;
/// dmon and its command in PID namespaces of unshare(1).
mod unshare;
/// Users and groups of the commands (`-u`, `-g`, `-U`, `-G`).
mod users;
/// The messages of `-v`.
mod verbose;
/// The working directory (`-W`).
mod work_dir;

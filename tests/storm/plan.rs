//! The plan of a storm: a command line for dmon, and actions with their times.

use nix::sys::signal::Signal;
use std::fmt::{Display, Formatter, Result};
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Logger {
    None,
    Dlog,
    Drlog,
    Dsyslog,
    Cat,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Target {
    Dmon,
    Cmd,
    Log,
}

/// An action of the test on dmon or its surroundings.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Action {
    Signal(Target, Signal),
    /// Sends SIGSTOP, and SIGCONT after this time.
    Suspend(Target, Duration),
    SetLoad(f64),
    FillDisk,
    EmptyDisk,
}

impl Action {
    /// It is a stop request to dmon.
    pub fn stops_dmon(self) -> bool {
        let is_stop = |signal| matches!(signal, Signal::SIGTERM | Signal::SIGINT);
        matches!(self, Action::Signal(Target::Dmon, signal) if is_stop(signal))
    }

    pub fn kills_dmon(self) -> bool {
        self == Action::Signal(Target::Dmon, Signal::SIGKILL)
    }
}

pub struct Plan {
    pub seed: u64,
    /// The path of chaos-child.
    pub chaos_child: String,
    /// `-n`: dmon does not detach.
    pub foreground: bool,
    /// `-1`: dmon does not restart a successful command.
    pub once: bool,
    /// Maximum number of runs (`-m`); `None` if there is none, or one per time window.
    pub max_runs: Option<usize>,
    /// `-m` is set.
    pub has_restart_limit: bool,
    /// Exit statuses that count as 0 (`-x`).
    pub success: &'static [i32],
    /// Exit statuses after which dmon stops (`-X`).
    pub fatal: &'static [i32],
    /// `--on-signal`: SIGUSR1 pauses, SIGUSR2 resumes, SIGALRM restarts.
    pub on_signal: bool,
    /// `-N 9`: some runs report that they are ready.
    pub ready: bool,
    /// Minimum time between two starts of the command.
    pub min_start_interval: Duration,
    /// `-t`: a run has a time limit.
    pub has_time_limit: bool,
    /// Grace period in seconds (`-k`). 0: dmon waits forever.
    pub grace_period: f64,
    /// `-s`
    pub forward_cmd: bool,
    /// `-S`
    pub forward_log: bool,
    /// `-e`: the log contains standard error as well.
    pub log_stderr: bool,
    /// `--log-events`: the log contains messages of dmon.
    pub log_events: bool,
    pub pid_file: bool,
    /// `-I`: dmon writes status lines.
    pub status_lines: bool,
    /// `-L`: dmon reads the load at its start and then every five seconds.
    pub load: bool,
    pub initial_load: f64,
    /// The log is on a disk that can be full.
    pub disk: bool,
    pub logger: Logger,
    /// dmon is killed with SIGKILL, and a second instance is started.
    pub restarts_dmon: bool,
    /// Number of dmon instances: 1 or 2.
    pub instances: usize,
    /// In order of time. The last action stops dmon.
    pub actions: Vec<(Duration, Action)>,
    /// Further actions while dmon shuts down.
    pub shutdown_actions: Vec<(Duration, Action)>,
    pub options: String,
    pub command: String,
    /// The log command; empty if there is none.
    pub log_command: &'static str,
}

/// Signals that dmon forwards with `-s` and `-S`.
pub const FORWARDED: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGALRM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGCONT,
];

impl Plan {
    pub fn is_forwarded(signal: Signal) -> bool {
        FORWARDED.contains(&signal)
    }

    /// The log command puts a timestamp before each line.
    pub fn has_timestamps(&self) -> bool {
        [" -t ", " --time "].iter().any(|option| self.log_command.contains(option))
    }

    /// The log command puts a prefix before each line.
    pub fn has_prefix(&self) -> bool {
        self.log_command.contains(" -p P ")
    }

    /// `--rate`: the log command holds lines back.
    pub fn has_rate(&self) -> bool {
        self.log_command.contains(" --rate ")
    }

    /// The command writes to a terminal, whose bytes dpty passes on in pieces that may end within a line.
    pub fn has_terminal(&self) -> bool {
        self.command.starts_with("dpty ")
    }

    /// The log command sends to a TCP port.
    pub fn has_stream(&self) -> bool {
        self.log_command.contains(":PORT ")
    }

    /// The number of blanks before the text of a syslog message.
    pub fn header_blanks(&self) -> usize {
        match () {
            () if self.log_command.contains(" --rfc5424 ") => 7,
            () if self.has_stream() => 3,
            () => 1,
        }
    }

    /// The command line of the dmon instance with this number. Each has its own file of status lines.
    pub fn command_line(&self, instance: usize) -> String {
        let status =
            if self.status_lines { format!("-I status.{instance} ") } else { String::new() };
        let separator = if self.log_command.is_empty() { "" } else { " -- " };
        format!("dmon {}{status}{}{separator}{}", self.options, self.command, self.log_command)
    }
}

impl Display for Plan {
    fn fmt(&self, to: &mut Formatter) -> Result {
        writeln!(to, "DMON_SEED={}\n{}", self.seed, self.command_line(1))?;
        for (at, action) in self.actions.iter().chain(&self.shutdown_actions) {
            writeln!(to, "  {:>5} ms  {action:?}", at.as_millis())?;
        }
        Ok(())
    }
}

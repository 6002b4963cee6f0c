//! The options that the machine follows, with their cross-checks.
//!
//! `applets/dmon/config.rs` fills a [`Policy`] from the command line; the machine reads it.

use super::delay::Delay;
use super::kill_mode::KillMode;
use super::load::Thresholds;
use super::machine::MIN_START_INTERVAL;
use super::on_signal::SignalActions;
use super::result_set::ResultSet;
use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::text::split;
use crate::time::Duration;
use heapless::Vec;

/// The largest count of `--max-respawns N/TIME`.
pub const MAX_RECENT: usize = 64;

/// The largest number of `--delay` entries.
pub const MAX_DELAYS: usize = 16;

/// The default of `--kill-after`.
pub const DEFAULT_KILL_AFTER: Duration = Duration::from_secs(10);

/// When the children start, pause and stop.
// Field order: see src/lib.rs.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Policy {
    /// Exit when a run succeeds.
    pub once: bool,
    /// A command runs after each run (`--finish`).
    pub finish: bool,
    pub restart_limit: RestartLimit,
    /// Minimum time from the end of a successful run to the next start.
    pub interval: Delay,
    /// Maximum time of a run; `None`: no limit.
    pub timeout: Option<Duration>,
    /// Time between two looks at the file of `--alive`, a quarter of the option's time; [`Duration::MAX`] without a file.
    pub alive: Duration,
    /// Time in which a daemon's command must be ready (`--ready`); zero: it does not report that.
    pub ready: Duration,
    /// A logger reads the command's output.
    pub logged: bool,
    /// Time from the stop signal to SIGKILL; `None`: never.
    pub kill_after: Option<Duration>,
    pub kill_mode: KillMode,
    /// Time in which the logger may read the rest of the pipe.
    pub drain: Duration,
    /// Forward signals to the command, to the logger.
    pub forward_cmd: bool,
    pub forward_log: bool,
    /// dmon becomes a daemon, whose parent waits until the logger works.
    pub daemon: bool,
    /// dmon controls the terminal: Ctrl-C stops everything, Ctrl-Z suspends everything.
    pub terminal: bool,
    /// dmon stops when that terminal is gone. False if SIGHUP was ignored when it started (nohup).
    pub ends_with_terminal: bool,
    pub thresholds: Thresholds,
    /// Results that count as status 0.
    pub success: ResultSet,
    /// Results after which everything stops.
    pub fatal: ResultSet,
    /// What signals to dmon do.
    pub on_signal: SignalActions,
    /// Minimum times between two starts, one for each consecutive failure. Empty:
    /// [`MIN_START_INTERVAL`](super::machine::MIN_START_INTERVAL).
    pub delays: Vec<Delay, MAX_DELAYS>,
}

/// The limit of `--max-respawns`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestartLimit {
    /// Number of restarts; `None`: no limit.
    pub max: Option<u32>,
    /// Count only the restarts within this time; `None`: all.
    pub window: Option<Duration>,
}

impl Default for Policy {
    /// Returns the policy of a command line without options.
    fn default() -> Self {
        Self {
            logged: false,
            once: false,
            finish: false,
            restart_limit: RestartLimit::default(),
            delays: Vec::new(),
            interval: Delay::ZERO,
            timeout: None,
            alive: Duration::MAX,
            ready: Duration::ZERO,
            kill_after: Some(DEFAULT_KILL_AFTER),
            kill_mode: KillMode::Group,
            drain: Duration::from_secs(5),
            thresholds: Thresholds::default(),
            success: ResultSet::default(),
            fatal: ResultSet::default(),
            on_signal: SignalActions::default(),
            forward_cmd: false,
            forward_log: false,
            daemon: false,
            terminal: false,
            ends_with_terminal: false,
        }
    }
}

impl Policy {
    /// Checks that the options do not exclude each other.
    ///
    /// # Errors
    /// The message for the user.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.once && self.interval != Delay::ZERO {
            return Err("options -i and -1 cannot be used together");
        }
        if self.fatal.contains(0) || self.fatal.overlaps(&self.success) {
            return Err("options -x and -X: a status is in both (0 is always a success)");
        }
        if !self.can_reach_limit() {
            return Err("option -m: option -d allows fewer restarts within that time");
        }
        Ok(())
    }

    /// Reports whether any delay has a random part.
    #[must_use]
    pub fn has_jitter(&self) -> bool {
        let is_random = |delay: &Delay| !delay.jitter.is_zero();
        is_random(&self.interval) || self.delays.iter().any(is_random)
    }

    /// Reports whether the restarts of `--max-respawns` can fall within its window.
    ///
    /// The limit is reached by COUNT + 1 ends of runs. The first of these runs may have lasted longer than its delay, so
    /// the next start follows its end at once. Each of the other COUNT - 1 starts is at least the shortest delay later
    /// than the one before.
    fn can_reach_limit(&self) -> bool {
        let RestartLimit { max: Some(max), window: Some(window) } = self.restart_limit else {
            return true;
        };
        // With `--once` all these runs fail, and all but the first of a list's entries follow consecutive failures.
        let skipped = usize::from(self.once && self.delays.len() > 1);
        let shortest = self.delays.iter().skip(skipped).map(|delay| delay.time).min();
        let shortest = shortest.unwrap_or(MIN_START_INTERVAL);
        (1..max).try_fold(window, |rest, _| rest.checked_sub(shortest)).is_some()
    }
}

/// Parses `COUNT` or `COUNT/TIME`.
impl OptionValue for RestartLimit {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        (self.max, self.window) =
            value::count_and_time(value.to_bytes(), b'/').ok_or(Expected::RestartLimit)?;
        let too_many = self.max.is_some_and(|n| usize::try_from(n).is_ok_and(|n| n > MAX_RECENT));
        if self.window.is_some() && too_many { Err(Expected::RestartLimit) } else { Ok(()) }
    }
}

/// Parses a list of delays, separated by commas.
impl OptionValue for Vec<Delay, MAX_DELAYS> {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.clear();
        for word in split(value.to_bytes(), b',') {
            self.push(Delay::ZERO).map_err(|_| Expected::Delays)?;
            self.last_mut()
                .map_or(Ok(()), |delay| delay.read(word))
                .map_err(|_| Expected::Delays)?;
        }
        Ok(())
    }
}

const _: () =
    assert!(MAX_DELAYS == 16 && MAX_RECENT == 64, "the messages above contain these numbers");

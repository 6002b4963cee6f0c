//! The options that decide what the machine does, and their cross-checks.

use super::load::{self, Thresholds};
use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::text::split_once;
use crate::time::Duration;
use heapless::Vec;

/// The most restarts that can be counted within a time.
pub const MAX_RECENT: usize = 64;

/// The most entries of a list of delays.
pub const MAX_DELAYS: usize = 16;

/// What the command line asks for, as far as it decides what happens when.
// In this order: what is large comes last, so that the way to what is small is short.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Policy {
    /// There is a log command.
    pub logged: bool,
    pub once: bool,
    pub respawns: RestartLimit,
    pub interval: Duration,
    pub timeout: Option<Duration>,
    /// `None`: never.
    pub kill_after: Option<Duration>,
    pub drain: Duration,
    pub thresholds: Thresholds,
    pub forward_cmd: bool,
    pub forward_log: bool,
    /// The command is started in a terminal, where Ctrl-C ends everything and Ctrl-Z stops everything.
    pub terminal: bool,
    /// Empty: [`MIN_START_INTERVAL`](super::machine::MIN_START_INTERVAL).
    pub delays: Vec<Duration, MAX_DELAYS>,
}

/// How many restarts there may be, `None` for no limit; in all, or within `window`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestartLimit {
    pub max: Option<u32>,
    pub window: Option<Duration>,
}

impl Default for Policy {
    /// What a command line without options asks for.
    fn default() -> Self {
        Self {
            logged: false,
            once: false,
            respawns: RestartLimit::default(),
            delays: Vec::new(),
            interval: Duration::ZERO,
            timeout: None,
            kill_after: Some(Duration::from_secs(10)),
            drain: Duration::from_secs(5),
            thresholds: [None; load::KINDS],
            forward_cmd: false,
            forward_log: false,
            terminal: false,
        }
    }
}

impl Policy {
    /// Checks that the options fit together.
    ///
    /// # Errors
    /// The options that exclude each other.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.once && !self.interval.is_zero() {
            return Err("options -i and -1 cannot be used together");
        }
        Ok(())
    }
}

/// `COUNT` or `COUNT/TIME`.
impl OptionValue for RestartLimit {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        const WANTED: Expected = "a count, or at most 64/TIME (like 5, 5/1m, -1)";
        let (count, window) = split_once(value.to_bytes(), b'/');
        self.max = value::count(count).map_err(|_| WANTED)?;
        self.window = window.map(value::time).transpose().map_err(|_| WANTED)?;
        if self.window.is_some_and(Duration::is_zero) {
            return Err(WANTED);
        }
        let many = self.max.is_some_and(|n| usize::try_from(n).is_ok_and(|n| n > MAX_RECENT));
        if self.window.is_some() && many { Err(WANTED) } else { Ok(()) }
    }
}

/// `TIME[,TIME…]`.
impl OptionValue for Vec<Duration, MAX_DELAYS> {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        const WANTED: Expected = "a list of at most 16 times (like 1s,5s,1m)";
        self.clear();
        for time in value.to_bytes().split(|b| *b == b',') {
            self.push(value::time(time).map_err(|_| WANTED)?).map_err(|_| WANTED)?;
        }
        Ok(())
    }
}

const _: () =
    assert!(MAX_DELAYS == 16 && MAX_RECENT == 64, "the messages above name these numbers");

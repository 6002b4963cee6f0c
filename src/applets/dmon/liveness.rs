//! The file that shows whether the command works (`--alive`).
//!
//! The supervisor looks at it when the machine asks for it, and at each start of the command.

use pure::cli::option_value::{CliWord, Expected};
use pure::cli::value;
use pure::text::{cstr_tail, split_once};
use pure::time::Duration;
use sys::stat::{self, Version};

/// The file, as it was at the last look.
pub struct Liveness {
    path: Option<CliWord>,
    seen: Option<Version>,
}

impl Liveness {
    pub const fn new(path: Option<CliWord>) -> Self {
        Self { path, seen: None }
    }

    /// Looks at the file. Reports whether it has changed since the last look; a file that does not exist has not.
    #[inline(never)]
    pub fn look(&mut self) -> bool {
        let found = self.path.and_then(stat::version);
        let changed = found.is_some() && found != self.seen;
        self.seen = found;
        changed
    }
}

/// Parses `TIME:FILE`. Stores a quarter of the time: the interval between two looks.
///
/// # Errors
/// The expected form, for any other word.
pub fn parse(
    word: CliWord,
    interval: &mut Duration,
    path: &mut Option<CliWord>,
) -> Result<(), Expected> {
    let (time, _) = split_once(word.to_bytes(), b':');
    *interval = value::time(time)?.quarter();
    *path = cstr_tail(word, time.len() + 1).filter(|path| !path.is_empty());
    let is_complete = path.is_some() && !interval.is_zero();
    if is_complete { Ok(()) } else { Err(Expected::Alive) }
}

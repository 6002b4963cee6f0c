//! A time before the next start, to which a random time may be added: the values of `--delay` and `--interval`.
//!
//! `policy.rs` stores it; `machine/restart.rs` computes the next start with it.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::text::split_once;
use crate::time::{Duration, Instant};

/// The value of an option, `TIME` or `TIME~TIME`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delay {
    pub time: Duration,
    /// The maximum of the random time.
    pub jitter: Duration,
}

impl Delay {
    pub const ZERO: Self = Self::new(Duration::ZERO);

    /// Returns a delay without a random time.
    #[must_use]
    pub const fn new(time: Duration) -> Self {
        Self { time, jitter: Duration::ZERO }
    }

    /// Parses `TIME` or `TIME~TIME`.
    pub(super) fn read(&mut self, word: &[u8]) -> Result<(), Expected> {
        let (time, jitter) = split_once(word, b'~');
        self.time = value::time(time)?;
        self.jitter = value::time(jitter.unwrap_or(b"0"))?;
        Ok(())
    }

    /// Returns the end of the delay that begins at `start`. `random` selects the random time: from 0, which adds
    /// nothing, to [`u16::MAX`].
    #[must_use]
    pub const fn end(&self, start: Instant, random: u16) -> Instant {
        start.add(self.time).add(self.jitter.fraction(random))
    }
}

impl OptionValue for Delay {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.read(value.to_bytes()).map_err(|_| Expected::Delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_one_time_or_two() {
        let mut delay = Delay::ZERO;
        let mut is = |word: &[u8], time, jitter| {
            let [time, jitter] = [time, jitter].map(Duration::from_secs);
            assert_eq!(delay.read(word), Ok(()));
            assert_eq!(delay, Delay { time, jitter });
        };
        is(b"10m~2m", 600, 120);
        is(b"90", 90, 0);
        is(b"0~1.5m", 0, 90);
        is(b"1h~0", 3600, 0);
        for bad in ["", "~", "1~", "~1", "1~2~3", "1~-2", "1 ~2", "1~x", "1~1000000w"] {
            assert!(delay.read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_random_time_is_between_zero_and_the_maximum() {
        let start = Instant::from_clock(Duration::from_secs(5));
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let delay = Delay { time: minutes(10), jitter: minutes(2) };
        let added = |random| start.add(delay.time).until(delay.end(start, random));
        assert_eq!(added(0), Duration::ZERO);
        assert!(added(1 << 15) <= minutes(1));
        assert!(minutes(1).checked_sub(added(1 << 15)) < Some(Duration::from_millis(3)));
        assert!(added(u16::MAX) < minutes(2));
        assert!(minutes(2).checked_sub(added(u16::MAX)) < Some(Duration::from_millis(4)));
        let longest = Delay { time: Duration::ZERO, jitter: Duration::MAX };
        let end = longest.end(Instant::START, u16::MAX);
        let parts = u64::from(u16::MAX);
        assert_eq!(Instant::START.until(end), Duration::from_nanos((u64::MAX >> 16) * parts));
    }

    #[test]
    fn a_delay_may_last_for_ever() {
        let delay = Delay { time: Duration::MAX, jitter: Duration::MAX };
        assert_eq!(delay.end(Instant::START, u16::MAX), Instant::NEVER);
    }
}

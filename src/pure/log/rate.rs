//! The limit of `--rate`: which lines are logged, and which are held back. `applets/pump.rs` asks it for each batch.
//!
//! A period starts with the first line after the one before. The limit counts starts of lines, so that a line that has
//! begun is logged whole.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::time::{Duration, Instant};

/// The value of `--rate`, and the state of the limit.
pub struct RateLimiter {
    /// Lines in a period. 0: there is no limit.
    lines: u32,
    period: Duration,
    /// Lines that may still begin in this period.
    left: u32,
    /// The end of this period.
    until: Instant,
    /// The next byte is within a line.
    midline: bool,
    /// The last line was not held back.
    passes: bool,
    /// The number of lines that were held back since the last report.
    held_back: u32,
    /// The number of lines that were held back before the bytes that pass.
    report: u32,
}

/// Parses `N/TIME`.
impl OptionValue for RateLimiter {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        match value::count_and_time(value.to_bytes(), b'/') {
            Some((Some(lines @ 1..), Some(period))) => {
                (self.lines, self.period) = (lines, period);
                Ok(())
            }
            _ => Err(Expected::Rate),
        }
    }
}

impl RateLimiter {
    /// The state before the first line, without a limit.
    pub const NEW: Self = Self {
        lines: 0,
        period: Duration::ZERO,
        left: 0,
        until: Instant::START,
        midline: false,
        passes: false,
        held_back: 0,
        report: 0,
    };

    #[must_use]
    pub const fn has_limit(&self) -> bool {
        self.lines > 0
    }

    /// Returns the time at which the lines that were held back must be reported; never if there are none.
    #[must_use]
    pub const fn report_at(&self) -> Instant {
        if self.held_back > 0 { self.until } else { Instant::NEVER }
    }

    /// Returns how many lines were held back since the last report, and must be reported now.
    pub const fn take_held_back(&mut self) -> u32 {
        core::mem::replace(&mut self.held_back, 0)
    }

    /// Returns how many lines must be reported before the bytes that pass.
    pub const fn take_report(&mut self) -> u32 {
        core::mem::replace(&mut self.report, 0)
    }

    /// Returns how many bytes at the start of `bytes` are held back at `now`, and how many after them pass.
    pub fn limit(&mut self, bytes: &[u8], now: Instant) -> (usize, usize) {
        let (mut skipped, mut passed) = (0, 0);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.midline {
                self.begin_line(now);
            }
            self.midline = line.last() != Some(&b'\n');
            if self.passes {
                passed += line.len();
            } else if passed == 0 {
                skipped += line.len();
            }
        }
        (skipped, passed)
    }

    /// Decides on the line that begins. Only the first lines of a period pass, so a report can only come before them.
    #[inline(never)]
    fn begin_line(&mut self, now: Instant) {
        if self.until <= now {
            (self.left, self.until) = (self.lines, now.add(self.period));
            self.report = self.take_held_back();
        }
        self.passes = self.left > 0;
        if self.passes {
            self.left -= 1;
        } else {
            self.held_back = self.held_back.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, word_of};
    use core::ops::Range;

    const fn at(seconds: u64) -> Instant {
        Instant::from_clock(Duration::from_secs(seconds))
    }

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        let parse = |word: &str| {
            let mut limiter = RateLimiter::NEW;
            limiter.parse(Arg::new(word_of(word))).map(|()| (limiter.lines, limiter.period))
        };
        assert_eq!(parse("100/1s"), Ok((100, Duration::from_secs(1))));
        assert_eq!(parse("1/2m"), Ok((1, Duration::from_secs(120))));
        for word in ["", "5", "/1s", "5/", "0/1s", "-1/1s", "5/0", "5/x", "x/1s", "5/1s/1s"] {
            assert!(parse(word).is_err(), "{word}");
        }
        assert!(!RateLimiter::NEW.has_limit());
    }

    /// For random lines in random pieces at random times: each line is passed whole or held back, no more lines than the
    /// limit begin in a period, and the reports count the others in their place.
    #[test]
    fn each_line_is_passed_or_reported() {
        let mut random = Random(3);
        for _ in 0..2000 {
            let limit = 1 + random.below(4) as u32;
            let period = 1 + random.below(3) as u64;
            let mut limiter = RateLimiter {
                lines: limit,
                period: Duration::from_secs(period),
                ..RateLimiter::NEW
            };
            let input: Vec<u8> =
                (0..60).map(|_| if random.below(4) == 0 { b'\n' } else { b'x' }).collect();
            let (mut rest, mut now) = (input.as_slice(), 1);
            // The bytes so far, and the lines held back since the last report.
            let (mut place, mut lines) = (0, 0);
            let mut starts = Vec::new();
            while !rest.is_empty() {
                now += random.below(2) as u64;
                let piece = &rest[..(1 + random.below(9)).min(rest.len())];
                assert_eq!(limiter.report_at() < Instant::NEVER, lines > 0);
                let is_start = |place: usize| place == 0 || input[place - 1] == b'\n';
                let starts_in = |part: Range<usize>| part.filter(|at| is_start(*at)).count() as u32;
                if limiter.report_at() <= at(now) && random.below(2) > 0 {
                    assert_eq!(limiter.take_held_back(), lines);
                    lines = 0;
                }
                let (skipped, length) = limiter.limit(piece, at(now));
                let part = skipped..skipped + length;
                let report = limiter.take_report();
                let passed = place + part.start..place + part.end;
                lines += starts_in(place..passed.start);
                if report > 0 {
                    assert!(is_start(passed.start), "a report within a line");
                    assert_eq!(report, lines);
                    lines = 0;
                }
                assert!(passed.is_empty() || lines == 0, "not reported");
                starts.extend((0..starts_in(passed.clone())).map(|_| now));
                lines += starts_in(passed.end..place + piece.len());
                place += piece.len();
                rest = &rest[piece.len()..];
            }
            // Periods do not overlap. In each, at most `limit` lines begin.
            let (mut until, mut count) = (0, 0);
            for start in starts {
                if start >= until {
                    (until, count) = (start + period, 0);
                }
                count += 1;
                assert!(count <= limit);
            }
        }
    }
}

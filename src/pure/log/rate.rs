//! The limit of `--rate`: which lines are logged, and which are held back. `applets/pump.rs` asks it for each batch.
//!
//! A period starts with the first line after the one before. The limit counts starts of lines, so that a line that has
//! begun is logged whole.

use super::lines;
use super::loss::Loss;
use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::text::skip;
use crate::time::{Duration, Instant};
use core::ops::Range;

/// The value of `--rate`: lines in a period. `None`: no limit.
#[derive(Clone, Copy, Default)]
pub struct RateLimit(pub Option<(u32, Duration)>);

/// Parses `N/TIME`.
impl OptionValue for RateLimit {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        match value::count_per_time(value.to_bytes()) {
            Some((Some(lines @ 1..), Some(period))) => self.0 = Some((lines, period)),
            _ => return Err("a number above zero and a time (like 100/1s)"),
        }
        Ok(())
    }
}

/// The state of the limit.
pub struct RateLimiter {
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
    /// The lines that were held back since the last report.
    held_back: Loss,
    /// The counts of a report that must be logged now; no lines: none.
    report: Loss,
}

impl RateLimiter {
    /// Returns the state before the first line; `None` without a limit.
    #[must_use]
    pub fn new(RateLimit(limit): RateLimit) -> Option<Self> {
        let (lines, period) = limit?;
        Some(Self {
            lines,
            period,
            left: 0,
            until: Instant::from_clock(Duration::ZERO),
            midline: false,
            passes: true,
            held_back: Loss::default(),
            report: Loss::default(),
        })
    }

    /// Returns the time at which the lines that were held back must be reported; `None` if there are none.
    #[must_use]
    pub fn report_at(&self) -> Option<Instant> {
        (self.held_back.lines > 0).then_some(self.until)
    }

    /// Makes a report of the lines that were held back, if there are any. Returns whether there are.
    pub fn make_report(&mut self) -> bool {
        let is_due = self.held_back.lines > 0;
        if is_due {
            self.report = core::mem::take(&mut self.held_back);
        }
        is_due
    }

    #[must_use]
    pub fn has_report(&self) -> bool {
        self.report.lines > 0
    }

    /// Returns the report that must be logged before the next bytes that pass; `None` if there is none.
    pub fn take_report(&mut self) -> Option<Loss> {
        Some(core::mem::take(&mut self.report)).filter(|loss| loss.lines > 0)
    }

    /// Returns the part of `bytes` that passes at `now`. The report was taken.
    pub fn limit(&mut self, bytes: &[u8], now: Instant) -> Range<usize> {
        let mut part = 0..0;
        if self.midline {
            // The rest of a line has the fate of its start.
            part.end = self.line_end(bytes, 0);
            if !self.passes {
                self.held_back.bytes += part.end as u64;
                part.start = part.end;
            }
        }
        if part.end == bytes.len() {
            return part;
        }
        if self.until <= now {
            (self.left, self.until) = (self.lines, now.add(self.period));
        }
        if self.left > 0 {
            self.make_report();
        }
        while part.end < bytes.len() && self.left > 0 {
            self.left -= 1;
            part.end = self.line_end(bytes, part.end);
        }
        let rest = skip(bytes, part.end);
        self.passes = rest.is_empty();
        if !self.passes {
            self.held_back.add(rest);
            self.midline = rest.last() != Some(&b'\n');
            self.held_back.lines += u64::from(self.midline);
        }
        part
    }

    /// Returns the end of the line that continues or starts at `from`, and notes whether it is complete.
    fn line_end(&mut self, bytes: &[u8], from: usize) -> usize {
        let length = lines::first_line(skip(bytes, from));
        self.midline = length.is_none();
        length.map_or(bytes.len(), |length| from + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, word_of};

    const fn at(seconds: u64) -> Instant {
        Instant::from_clock(Duration::from_secs(seconds))
    }

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        let parse = |word: &str| {
            let mut limit = RateLimit::default();
            limit.parse(Arg::new(word_of(word))).map(|()| limit.0)
        };
        assert_eq!(parse("100/1s"), Ok(Some((100, Duration::from_secs(1)))));
        assert_eq!(parse("1/2m"), Ok(Some((1, Duration::from_secs(120)))));
        for word in ["", "5", "/1s", "5/", "0/1s", "-1/1s", "5/0", "5/x", "x/1s", "5/1s/1s"] {
            assert!(parse(word).is_err(), "{word}");
        }
        assert!(RateLimiter::new(RateLimit(None)).is_none());
    }

    /// For random lines in random pieces at random times: each line is passed whole or held back, no more lines than the
    /// limit begin in a period, and the reports count the others in their place.
    #[test]
    fn each_line_is_passed_or_reported() {
        let mut random = Random(3);
        for _ in 0..2000 {
            let limit = 1 + random.below(4) as u32;
            let period = 1 + random.below(3) as u64;
            let limit_of = RateLimit(Some((limit, Duration::from_secs(period))));
            let mut limiter = RateLimiter::new(limit_of).unwrap();
            let input: Vec<u8> =
                (0..60).map(|_| if random.below(4) == 0 { b'\n' } else { b'x' }).collect();
            let (mut rest, mut now) = (input.as_slice(), 1);
            // The bytes that were passed, and those held back since the last report.
            let (mut place, mut lines, mut bytes) = (0, 0, 0);
            let mut starts = Vec::new();
            while !rest.is_empty() {
                now += random.below(2) as u64;
                let piece = &rest[..(1 + random.below(9)).min(rest.len())];
                assert_eq!(limiter.report_at().is_some(), lines > 0);
                let is_start = |place: usize| place == 0 || input[place - 1] == b'\n';
                let starts_in = |part: Range<usize>| part.filter(|at| is_start(*at)).count() as u64;
                if limiter.report_at().is_some_and(|until| until <= at(now)) && random.below(2) > 0
                {
                    assert!(limiter.make_report());
                    assert_eq!(limiter.take_report(), Some(Loss { lines, bytes }));
                    (lines, bytes) = (0, 0);
                }
                let part = limiter.limit(piece, at(now));
                let passed = place + part.start..place + part.end;
                lines += starts_in(place..passed.start);
                bytes += part.start as u64;
                if let Some(loss) = limiter.take_report() {
                    assert!(is_start(passed.start), "a report within a line");
                    assert_eq!(loss, Loss { lines, bytes });
                    (lines, bytes) = (0, 0);
                }
                assert!(passed.is_empty() || lines == 0, "not reported");
                starts.extend((0..starts_in(passed.clone())).map(|_| now));
                lines += starts_in(passed.end..place + piece.len());
                bytes += (piece.len() - part.end) as u64;
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

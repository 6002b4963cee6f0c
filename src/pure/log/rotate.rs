//! The rotation of drlog's `current`: its time, and the number of archives to remove. `applets/drlog` calls it with the
//! time, and does the I/O.

use crate::cli::value::{self, Count, LongTime, Size};
use crate::log::lines;
use crate::log::outage;
use crate::time::{Duration, Instant};

/// The limits of `--max-size`, `--max-time` and `--max-files`. 0 means no limit.
#[derive(Clone, Copy, Debug)]
pub struct RotateLimits {
    pub size: Size,
    pub time: LongTime,
    pub files: Count,
}

/// The maximum number of archives to remove after one rotation. Chosen: each removal reads the directory again, which must not block the
/// service for long in a directory with many archives.
const MAX_REMOVED: u32 = 64;

impl RotateLimits {
    /// Returns how many of `bytes` to append to a file of `size` bytes: up to the end of the line that fills it.
    #[must_use]
    pub fn take_until_full(&self, size: u64, bytes: &[u8]) -> usize {
        let space = match self.size.0 {
            0 => return bytes.len(),
            limit => usize::try_from(limit.saturating_sub(size)).unwrap_or(usize::MAX).max(1),
        };
        // The line that fills the file ends at this index or later.
        let from = space - 1;
        let line = bytes.get(from..).and_then(lines::first_line);
        line.map_or(bytes.len(), |line| from + line)
    }

    /// Returns whether a file of this size, created in this second, has reached a limit at `now`. An empty file never
    /// reaches one.
    #[must_use]
    pub fn is_due(&self, size: u64, created_at: i64, now: i64) -> bool {
        let (time, _) = self.time.0.as_timespec();
        let age = u64::try_from(now.saturating_sub(created_at)).unwrap_or(0);
        size > 0 && (self.size.0 > 0 && size >= self.size.0 || time > 0 && age >= time)
    }

    /// Returns how many archives to remove if there are `count`.
    #[must_use]
    pub fn surplus(&self, count: u32) -> u32 {
        match self.files.0 {
            0 => 0,
            limit => count.saturating_sub(limit).min(MAX_REMOVED),
        }
    }
}

/// Time between a failed rotation and the next attempt. Chosen: the same as after a failed write.
const RETRY_INTERVAL: Duration = outage::RETRY_INTERVAL;

/// The state of `current` from which its rotation follows.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    limits: RotateLimits,
    /// Bytes in `current`.
    size: u64,
    /// The second in which `current` was created.
    created_at: i64,
    /// Time of the next attempt after a rotation that failed.
    retry_at: Option<Instant>,
}

/// Whether to rotate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    No,
    Now,
    /// A rotation has failed; the next attempt is not before this time.
    At(Instant),
}

impl Rotation {
    #[must_use]
    pub const fn new(limits: RotateLimits, size: u64, created_at: i64) -> Self {
        Self { limits, size, created_at, retry_at: None }
    }

    #[must_use]
    pub const fn limits(&self) -> &RotateLimits {
        &self.limits
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Restarts the age at `now` if the clock was set back.
    pub fn clock_read(&mut self, now: i64) {
        self.created_at = self.created_at.min(now);
    }

    /// Returns whether to rotate at `now`, a time of the real-time clock.
    #[must_use]
    pub fn due(&self, now: i64) -> Due {
        if !self.limits.is_due(self.size, self.created_at, now) {
            return Due::No;
        }
        self.retry_at.map_or(Due::Now, Due::At)
    }

    /// Returns how many of `bytes` to append before the next rotation. After a failed rotation, all
    /// of them go to `current`.
    #[must_use]
    pub fn take_until_full(&self, bytes: &[u8]) -> usize {
        match self.retry_at {
            Some(_) => bytes.len(),
            None => self.limits.take_until_full(self.size, bytes),
        }
    }

    /// Records that `current` has grown by this many bytes.
    pub const fn appended(&mut self, bytes: usize) {
        self.size += bytes as u64;
    }

    /// Records the size of `current` in bytes.
    pub const fn set_size(&mut self, size: u64) {
        self.size = size;
    }

    /// Records that `current` is another file.
    pub const fn file_changed(&mut self, size: u64, created_at: i64) {
        self.size = size;
        self.created_at = created_at;
    }

    /// Records that a rotation succeeded.
    pub const fn succeeded(&mut self) {
        self.retry_at = None;
    }

    /// Records that a rotation failed at `now`, a time of the monotonic clock.
    pub fn failed(&mut self, now: Instant) {
        self.retry_at = Some(now.add(RETRY_INTERVAL));
    }
}

/// Parses `.timestamp`, which contains the second in which `current` was created. `None` for any other content, and for
/// a second after `now`, which was written before the clock was set back.
#[must_use]
pub fn created_at(text: &[u8], now: i64) -> Option<i64> {
    let line = text.split(|b| *b == b'\n').next()?;
    let second = value::number_u64(line).ok().and_then(|n| i64::try_from(n).ok())?;
    (second <= now).then_some(second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    /// For random lines in random batches: each file ends with a whole line and exceeds its limit by less than a line,
    /// and the files contain the input unchanged.
    #[test]
    fn files_end_with_the_line_that_fills_them() {
        let mut random = Random(5);
        for _ in 0..500 {
            let size = Size(random.below(50) as u64);
            let limits = RotateLimits { size, time: LongTime(Duration::ZERO), files: Count(3) };
            let input: Vec<u8> =
                (0..600).map(|_| if random.below(9) == 0 { b'\n' } else { b'x' }).collect();
            let mut files = vec![Vec::new()];
            let mut rest = input.as_slice();
            while !rest.is_empty() {
                let (mut batch, more) = rest.split_at(random.below(70).min(rest.len()));
                rest = more;
                while !batch.is_empty() {
                    let current = files.last_mut().unwrap();
                    let at_line_start = current.last().is_none_or(|b| *b == b'\n');
                    if at_line_start && limits.is_due(current.len() as u64, 0, 0) {
                        assert!(current.len() as u64 >= limits.size.0);
                        files.push(Vec::new());
                        continue;
                    }
                    let (taken, more) =
                        batch.split_at(limits.take_until_full(current.len() as u64, batch));
                    assert!(!taken.is_empty());
                    current.extend_from_slice(taken);
                    batch = more;
                }
            }
            let (_, whole) = files.split_last().unwrap();
            for file in whole {
                assert!(file.ends_with(b"\n"));
                let before_last =
                    file[..file.len() - 1].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
                assert!((before_last as u64) < limits.size.0, "the file was full a line earlier");
            }
            assert_eq!(files.concat(), input);
        }
    }

    /// Compares `take_until_full` and `is_due` with a search from the start, for all texts of up to nine bytes and all
    /// small sizes and limits.
    #[test]
    fn take_until_full_agrees_with_a_search_from_the_start() {
        for (bits, length) in (0..10).flat_map(|length| (0..1 << length).map(move |n| (n, length)))
        {
            let text: Vec<u8> =
                (0..length).map(|at| if bits >> at & 1 == 0 { b'x' } else { b'\n' }).collect();
            for (limit, size) in (0..12).flat_map(|limit| (0..12).map(move |size| (limit, size))) {
                let limits = RotateLimits {
                    size: Size(limit),
                    time: LongTime(Duration::ZERO),
                    files: Count(0),
                };
                let fills = |end: &usize| {
                    limit > 0 && size + *end as u64 >= limit && text[end - 1] == b'\n'
                };
                let expected = (1..=text.len()).find(fills).unwrap_or(text.len());
                assert_eq!(
                    limits.take_until_full(size, &text),
                    expected,
                    "{text:?} into {size} of {limit}"
                );
                let is_due = size > 0 && limit > 0 && size >= limit;
                assert_eq!(limits.is_due(size, 0, 0), is_due, "{size} of {limit}");
            }
        }
    }

    #[test]
    fn age_is_counted_from_the_creation() {
        let limits = RotateLimits {
            size: Size(0),
            time: LongTime(Duration::from_secs(100)),
            files: Count(0),
        };
        assert!(!limits.is_due(5, 1000, 1099));
        assert!(limits.is_due(5, 1000, 1100));
        assert!(!limits.is_due(0, 1000, 1100));
        assert!(!limits.is_due(5, 1000, 0));
        assert_eq!(created_at(b"1000\n", 2000), Some(1000));
        assert_eq!(created_at(b"3000\n", 2000), None);
        assert_eq!(created_at(b"", 2000), None);
        assert_eq!(created_at(b"x\n", 2000), None);
    }

    const LIMITS: RotateLimits =
        RotateLimits { size: Size(10), time: LongTime(Duration::ZERO), files: Count(3) };

    #[test]
    fn surplus_archives_are_removed_a_few_at_a_time() {
        assert_eq!([0, 3, 4, 66, 67, 68].map(|count| LIMITS.surplus(count)), [0, 0, 1, 63, 64, 64]);
        let unlimited = RotateLimits { files: Count(0), ..LIMITS };
        assert_eq!(unlimited.surplus(u32::MAX), 0);
    }

    #[test]
    fn a_failed_rotation_is_retried_a_second_later() {
        let at = |seconds| Instant::from_clock(Duration::from_secs(seconds));
        let mut rotation = Rotation::new(LIMITS, 0, 1000);
        assert!(rotation.is_empty());
        assert_eq!(
            (rotation.due(1000), rotation.take_until_full(b"12345678\nabc\nd")),
            (Due::No, 13)
        );
        rotation.appended(13);
        assert!(!rotation.is_empty());
        assert_eq!(rotation.due(1000), Due::Now);
        rotation.failed(at(5));
        assert_eq!(rotation.due(1000), Due::At(at(6)));
        assert_eq!(rotation.take_until_full(b"a\nb\n"), 4);
        rotation.set_size(9);
        assert_eq!(rotation.due(1000), Due::No);
        rotation.set_size(10);
        rotation.succeeded();
        assert_eq!(rotation.due(1000), Due::Now);
        assert_eq!(rotation.take_until_full(b"a\nb\n"), 2);
        rotation.file_changed(0, 1000);
        assert_eq!(rotation.due(1000), Due::No);
    }

    #[test]
    fn a_clock_that_was_set_back_restarts_the_age() {
        let limits = RotateLimits { time: LongTime(Duration::from_secs(100)), ..LIMITS };
        let mut rotation = Rotation::new(limits, 1, 1000);
        rotation.clock_read(1050);
        rotation.clock_read(500);
        assert_eq!(rotation.due(599), Due::No);
        assert_eq!(rotation.due(600), Due::Now);
    }
}

//! The rotation of drlog's `current`: its time, and the number of archives to remove. `applets/drlog` calls it with the
//! time, and does the I/O.
//!
//! Age is counted in seconds of CLOCK_BOOTTIME, which no one can set. The clock of the calendar only gives the age at
//! the start, from `.timestamp`. A clock that is wrong then, or set later, causes no rotation.

use crate::cli::value::{self, Count, LongTime, Size};
use crate::log::lines;
use crate::text::split_once;
use crate::time::Duration;

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
    fn take_until_full(&self, size: u64, bytes: &[u8]) -> usize {
        // The line that fills the file ends at this index or later. Without a limit, it is the last one.
        let from = self.size.0.wrapping_sub(1).saturating_sub(size);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let line = bytes.get(from..).and_then(lines::first_line);
        line.map_or(bytes.len(), |line| from + line)
    }

    /// Returns whether a file has reached a limit. An empty file never does. Within a line, a file has reached one only
    /// if that line alone is larger than `--max-size`: it started before the limit, and the file is twice as large.
    fn are_reached(&self, size: u64, age: u32, at_line_start: bool) -> bool {
        let is_full = |size| size > self.size.0.wrapping_sub(1);
        if at_line_start {
            let is_old = Duration::from_nanos(u64::from(age) * 1_000_000_000) >= self.time.0;
            size > 0 && (is_full(size) || is_old && !self.time.0.is_zero())
        } else {
            is_full(size / 2)
        }
    }

    fn surplus(&self, count: u32) -> u32 {
        let limit = if self.files.0 == 0 { count } else { self.files.0 };
        count.saturating_sub(limit).min(MAX_REMOVED)
    }
}

/// The state of `current` from which its rotation follows. Times are seconds of CLOCK_BOOTTIME.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    limits: RotateLimits,
    /// Bytes in `current`.
    size: u64,
    /// The second in which `current` was created. It wraps around if that was before the boot.
    created_at: u32,
    /// Earliest time of the next attempt after one that failed, or 0.
    retry_at: u32,
    /// A rotation must take place without a limit or a line boundary.
    is_owed: bool,
}

impl Rotation {
    #[must_use]
    pub const fn new(limits: RotateLimits) -> Self {
        Self { limits, size: 0, created_at: 0, retry_at: 0, is_owed: false }
    }

    /// Returns how many archives to remove if there are `count`.
    #[must_use]
    pub fn surplus(&self, count: u32) -> u32 {
        self.limits.surplus(count)
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Returns the age of `current` in seconds.
    #[must_use]
    pub const fn age(&self, now: u32) -> u32 {
        now.wrapping_sub(self.created_at)
    }

    /// Returns whether to rotate at `now`.
    #[must_use]
    pub fn is_due(&self, now: u32, at_line_start: bool) -> bool {
        self.may_rotate(now)
            && (self.is_owed || self.limits.are_reached(self.size, self.age(now), at_line_start))
    }

    /// Returns whether the last attempt succeeded, or its successor may follow. Attempts are a second apart, as
    /// after a failed write.
    const fn may_rotate(&self, now: u32) -> bool {
        self.retry_at <= now
    }

    /// Makes a rotation due, because the file system allows no larger file. Returns false if one has just failed.
    pub const fn require(&mut self, now: u32) -> bool {
        self.is_owed |= self.may_rotate(now);
        self.may_rotate(now)
    }

    /// Returns how many of `bytes` to append before the next rotation. After a failed rotation, all
    /// of them go to `current`.
    #[must_use]
    pub fn take_until_full(&self, bytes: &[u8]) -> usize {
        if self.retry_at > 0 {
            return bytes.len();
        }
        self.limits.take_until_full(self.size, bytes)
    }

    /// Records that `current` has grown by this many bytes.
    pub const fn appended(&mut self, bytes: usize) {
        self.size += bytes as u64;
    }

    /// Records the size of `current` in bytes.
    pub const fn set_size(&mut self, size: u64) {
        self.size = size;
    }

    /// Records that `current` is another file, which has this age at `now`.
    pub const fn file_changed(&mut self, size: u64, age: u32, now: u32) {
        (self.size, self.created_at) = (size, now.wrapping_sub(age));
        (self.retry_at, self.is_owed) = (0, false);
    }

    /// Records that a rotation failed at `now`: it is still owed.
    pub const fn failed(&mut self, now: u32) {
        self.postpone(now);
        self.is_owed = true;
    }

    /// Delays the next rotation, because an archive could not be removed.
    pub const fn postpone(&mut self, now: u32) {
        self.retry_at = now + 1;
    }
}

/// The first second that a correct clock can show, in September 2001. A clock without a battery starts before it.
const FIRST_SECOND: i64 = 1_000_000_000;

/// Returns the second in which `current` was created, from the text of `.timestamp`; 0 if it is unknown.
#[must_use]
pub fn recorded_second(text: &[u8]) -> i64 {
    let (line, _) = split_once(text, b'\n');
    value::number_u64(line).unwrap_or(0).cast_signed()
}

/// Returns the age of a file that was created in the second `recorded`. 0 if that is unknown or later than `now`, or
/// if the clock was not set then.
#[must_use]
pub fn age(recorded: i64, now: i64) -> u32 {
    let age = if recorded < FIRST_SECOND { 0 } else { now.wrapping_sub(recorded) };
    u32::try_from(age).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;
    use crate::time::Duration;

    /// For random lines in random batches: each file ends with a whole line and exceeds its limit by less than a line,
    /// and the files contain the input unchanged.
    #[test]
    fn files_end_with_the_line_that_fills_them() {
        let mut random = Random(5);
        for _ in 0..500 {
            let size = Size(random.below(50) as u64);
            let limits = RotateLimits { size, ..LIMITS };
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
                    if at_line_start && limits.are_reached(current.len() as u64, 0, true) {
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
                let limits = RotateLimits { size: Size(limit), ..LIMITS };
                let fills = |end: &usize| {
                    limit > 0 && size + *end as u64 >= limit && text[end - 1] == b'\n'
                };
                let expected = (1..=text.len()).find(fills).unwrap_or(text.len());
                assert_eq!(
                    limits.take_until_full(size, &text),
                    expected,
                    "{text:?} into {size} of {limit}"
                );
                let is_full = size > 0 && limit > 0 && size >= limit;
                assert_eq!(limits.are_reached(size, 0, true), is_full, "{size} of {limit}");
                let is_double = limit > 0 && size >= 2 * limit;
                assert_eq!(limits.are_reached(size, 0, false), is_double, "{size} of {limit}");
            }
        }
    }

    #[test]
    fn age_is_counted_from_the_creation() {
        let options = RotateLimits {
            size: Size(0),
            time: LongTime(Duration::from_secs(100)),
            files: Count(0),
        };
        let limits = options;
        assert!(!limits.are_reached(5, 99, true));
        assert!(limits.are_reached(5, 100, true));
        assert!(!limits.are_reached(5, 100, false));
        assert!(!limits.are_reached(0, 100, true));
        // The file may be older than the machine is up.
        let mut rotation = Rotation::new(options);
        rotation.file_changed(5, 90, 30);
        assert!(!rotation.is_due(39, true));
        assert!(rotation.is_due(40, true));
    }

    #[test]
    fn only_a_correct_clock_gives_an_age() {
        assert_eq!(recorded_second(b"1795000000\n"), 1_795_000_000);
        assert_eq!(recorded_second(b"1795000000"), 1_795_000_000);
        // A shorter number has replaced a longer one.
        assert_eq!(recorded_second(b"60\n5000000\n"), 60);
        for text in [&b""[..], b"x\n", b"-5\n", b"99999999999999999999\n", b" 7\n"] {
            assert_eq!(recorded_second(text), 0);
        }
        assert_eq!(age(1_795_000_000, 1_795_000_100), 100);
        assert_eq!(age(1_795_000_000, 1_794_000_000), 0);
        assert_eq!(age(1_795_000_000, 60), 0);
        assert_eq!(age(60, 1_795_000_000), 0);
        assert_eq!(age(0, 1_795_000_000), 0);
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
        let mut rotation = Rotation::new(LIMITS);
        assert!(rotation.is_empty() && !rotation.is_due(5, true));
        assert_eq!(rotation.take_until_full(b"12345678\nabc\nd"), 13);
        rotation.appended(13);
        assert!(!rotation.is_empty());
        assert!(rotation.is_due(5, true) && !rotation.is_due(5, false));
        rotation.failed(5);
        assert!(!rotation.is_due(5, true) && rotation.is_due(6, true));
        assert_eq!(rotation.take_until_full(b"a\nb\n"), 4);
        // A rotation by a signal needs no limit, and neither does its repetition.
        rotation.set_size(9);
        assert!(rotation.is_due(6, false));
        rotation.file_changed(9, 0, 6);
        assert!(!rotation.is_due(6, true));
        assert_eq!(rotation.take_until_full(b"a\nb\n"), 2);
    }

    #[test]
    fn a_failed_removal_delays_only_the_next_rotation() {
        let mut rotation = Rotation::new(LIMITS);
        rotation.postpone(5);
        rotation.appended(10);
        assert!(!rotation.is_due(5, true) && rotation.is_due(6, true));
        rotation.set_size(9);
        assert!(!rotation.is_due(6, true));
    }

    #[test]
    fn a_file_that_may_not_grow_is_rotated_within_a_line() {
        let mut rotation = Rotation::new(LIMITS);
        rotation.appended(3);
        assert!(!rotation.is_due(5, false));
        assert!(rotation.require(5) && rotation.is_due(5, false));
        rotation.failed(5);
        assert!(!rotation.require(5) && !rotation.is_due(5, true));
        assert!(rotation.require(6) && rotation.is_due(6, false));
    }
}

//! When drlog's `current` has been used enough, and the names of the old ones. Pure.
//!
//! Old logs are ordered by their names alone. A name never sorts before one that is there already, even
//! if the clock says so: a machine whose clock begins in 1970 at each boot must not remove yesterday's
//! log before an older one.

use crate::calendar::Civil;
use crate::cli::value::{self, Count, LongTime, Size};
use crate::log::timestamp::put_civil;
use crate::text::{Put, TextBuf, find_byte, put_number};

/// A file name that ends in NUL.
pub type ArchiveNameText = TextBuf<64>;

/// The name of an old log: the second of its rotation, and a number if that is not enough. Names sort
/// as their seconds do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ArchiveName {
    /// `log-YYYY-mm-dd-HH:MM:SS`.
    stamp: [u8; FORM.len()],
    number: u32,
}

/// Zeros where digits are.
const FORM: &[u8; 23] = b"log-0000-00-00-00:00:00";

impl ArchiveName {
    /// Reads `log-YYYY-mm-dd-HH:MM:SS`, perhaps `.N` behind it; any other file is a stranger's. The
    /// colons may be dashes, for file systems that have no colons in names.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        let (stamp, rest) = name.split_at_checked(FORM.len())?;
        let mut name = Self { stamp: *FORM, number: 0 };
        let dashed = find_byte(stamp, b':').is_none();
        for (place, byte) in name.stamp.iter_mut().zip(stamp) {
            match *place {
                b'0' if byte.is_ascii_digit() => *place = *byte,
                b':' if dashed && *byte == b'-' => {}
                mark if mark == *byte => {}
                _ => return None,
            }
        }
        // Only what we would write is ours: no zero more.
        match rest {
            [] => {}
            [b'.', digits @ ..] if !digits.starts_with(b"0") => {
                name.number = value::number(digits).ok()?;
            }
            _ => return None,
        }
        Some(name)
    }

    /// The name for a rotation now, behind the newest that there is.
    #[must_use]
    pub fn after(newest: Option<Self>, now: i64) -> Self {
        let mut text = ArchiveNameText::new();
        text.put(b"log-");
        put_civil(&mut text, Civil::of_epoch(now), b'-', b':');
        let stamp = text.bytes().first_chunk().copied().unwrap_or(*FORM);
        match newest {
            Some(newest) if newest.stamp >= stamp => {
                Self { number: newest.number.saturating_add(1), ..newest }
            }
            _ => Self { stamp, number: 0 },
        }
    }

    /// As it stands in the directory, with a NUL; `colon` separates hours, minutes and seconds.
    #[must_use]
    pub fn text(self, colon: u8) -> ArchiveNameText {
        let mut text = ArchiveNameText::new();
        for byte in self.stamp {
            text.put(&[if byte == b':' { colon } else { byte }]);
        }
        if self.number > 0 {
            text.put(b".");
            put_number(&mut text, self.number.into());
        }
        text.put(&[0]);
        text
    }
}

/// What a look through the directory finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Archives {
    pub count: u32,
    pub oldest: Option<ArchiveName>,
    pub newest: Option<ArchiveName>,
}

impl Archives {
    /// One more name of the directory.
    pub fn add(&mut self, name: &[u8]) {
        if let Some(name) = ArchiveName::parse(name) {
            self.count += 1;
            if self.oldest.is_none_or(|oldest| name < oldest) {
                self.oldest = Some(name);
            }
            if self.newest.is_none_or(|newest| name > newest) {
                self.newest = Some(name);
            }
        }
    }
}

/// How much `current` may be used; zero is no limit.
#[derive(Clone, Copy, Debug)]
pub struct RotateLimits {
    pub size: Size,
    pub time: LongTime,
    pub files: Count,
}

impl RotateLimits {
    /// How many of `bytes` still go into a file of `size` bytes: up to the end of the line that fills it.
    #[must_use]
    pub fn take_until_full(&self, size: u64, bytes: &[u8]) -> usize {
        let room = match self.size.0 {
            0 => return bytes.len(),
            limit => usize::try_from(limit.saturating_sub(size)).unwrap_or(usize::MAX).max(1),
        };
        let from = room - 1;
        let line = bytes.get(from..).and_then(crate::log::lines::first_line);
        line.map_or(bytes.len(), |line| from + line)
    }

    /// Whether a file of that size, begun at that second of the clock, has been used enough.
    #[must_use]
    pub fn is_due(&self, size: u64, created_at: i64, now: i64) -> bool {
        let (time, _) = self.time.0.as_timespec();
        let age = u64::try_from(now.saturating_sub(created_at)).unwrap_or(0);
        size > 0 && (self.size.0 > 0 && size >= self.size.0 || time > 0 && age >= time)
    }
}

/// The second when `current` was begun, as `.timestamp` has it. One from the future, written before the
/// clock was set back, counts as now.
#[must_use]
pub fn created_at(text: &[u8], now: i64) -> Option<i64> {
    let line = text.split(|b| *b == b'\n').next()?;
    let second = value::whole(line).ok().and_then(|n| i64::try_from(n).ok())?;
    (second <= now).then_some(second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;
    use crate::time::Duration;

    fn shown(name: ArchiveName) -> String {
        String::from_utf8(name.text(b':').bytes().strip_suffix(b"\0").unwrap().to_vec()).unwrap()
    }

    #[test]
    fn only_our_own_names_are_ours() {
        for ours in [
            "log-2026-11-22-10:00:00",
            "log-1970-01-01-00:00:00.1",
            "log-2026-11-22-10:00:00.4294967295",
        ] {
            assert_eq!(shown(ArchiveName::parse(ours.as_bytes()).unwrap()), ours);
        }
        assert_eq!(
            ArchiveName::parse(b"log-2026-11-22-10-00-00.7"),
            ArchiveName::parse(b"log-2026-11-22-10:00:00.7")
        );
        for strange in [
            "current",
            "log-",
            "log-2026-11-22-10:00:00.gz",
            "log-2026-11-22-10:00:00.0",
            "log-2026-11-22-10:00",
            "log-2026-11-22-10:00:00.01",
            "log-2026-11-22-1:00:00",
            "log-2026-11-22-10:00:00-5",
            "log-2026-11-22-10:00-00",
            "log-2026-11-22-10:00:00.",
            "log-2026-11-22-10:00:0x",
            "Log-2026-11-22-10:00:00",
            "log-2026-11-22-10:00:00.1.2",
        ] {
            assert_eq!(ArchiveName::parse(strange.as_bytes()), None, "{strange}");
        }
    }

    #[test]
    fn a_new_name_is_always_the_newest() {
        let mut random = Random(11);
        for _ in 0..200 {
            let mut names = Vec::new();
            // A clock that stands, leaps ahead and begins in 1970 again.
            let mut now = 0_i64;
            for _ in 0..60 {
                now = match random.below(6) {
                    0 => 0,
                    1 => 1_800_000_000,
                    2 | 3 => now + 1,
                    _ => now,
                };
                let mut found = Archives::default();
                names.iter().for_each(|name| found.add(shown(*name).as_bytes()));
                assert_eq!(found.count as usize, names.len());
                let name = ArchiveName::after(found.newest, now);
                assert!(names.iter().all(|other| *other < name), "{name:?} after {names:?}");
                names.push(name);
                // The oldest goes, as in a directory that is full.
                if names.len() > 5 {
                    let mut found = Archives::default();
                    names.iter().for_each(|name| found.add(shown(*name).as_bytes()));
                    assert_eq!(found.oldest, Some(names.remove(0)));
                }
            }
        }
    }

    /// Any lines in any pieces: files end with whole lines, none grows by more than a line beyond its
    /// limit, nothing is lost or moved.
    #[test]
    fn shares_are_whole_lines() {
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
                    let border = current.last().is_none_or(|b| *b == b'\n');
                    if border && limits.is_due(current.len() as u64, 0, 0) {
                        assert!(current.len() as u64 >= limits.size.0);
                        files.push(Vec::new());
                        continue;
                    }
                    let (share, more) =
                        batch.split_at(limits.take_until_full(current.len() as u64, batch));
                    assert!(!share.is_empty());
                    current.extend_from_slice(share);
                    batch = more;
                }
            }
            let (last, whole) = files.split_last().unwrap();
            for file in whole {
                assert!(file.ends_with(b"\n"));
                let before_last =
                    file[..file.len() - 1].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
                assert!(
                    (before_last as u64) < limits.size.0,
                    "could have been rotated a line earlier"
                );
            }
            let _ = last;
            assert_eq!(files.concat(), input);
        }
    }

    /// All texts up to nine bytes, in files of any size below and above any limit: a share ends with the line
    /// that fills the file, or is all.
    #[test]
    fn a_share_ends_with_the_line_that_fills_the_file() {
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
                let share = (1..=text.len()).find(fills).unwrap_or(text.len());
                assert_eq!(
                    limits.take_until_full(size, &text),
                    share,
                    "{text:?} into {size} of {limit}"
                );
                let is_due = size > 0 && limit > 0 && size >= limit;
                assert_eq!(limits.is_due(size, 0, 0), is_due, "{size} of {limit}");
            }
        }
    }

    /// All that a directory, a clock and a keeper of logs can go through, to a depth: rotations, clocks that
    /// stand, go on, begin again in 1970 or leap, files that go or that strangers bring.
    #[test]
    fn no_order_of_rotations_and_clocks_gives_an_old_name_again() {
        let depth = if std::env::var_os("DMON_LONG").is_some() { 6 } else { 5 };
        let mut states = 0;
        // The names in the order in which they came, and the clock.
        let mut edge = vec![(Vec::<ArchiveName>::new(), 1_000_000_000_i64)];
        let mut seen = std::collections::HashSet::new();
        for _ in 0..depth {
            let mut next = Vec::new();
            for (names, now) in edge {
                let mut found = Archives::default();
                names.iter().rev().for_each(|name| found.add(shown(*name).as_bytes()));
                for strange in [&b"current"[..], b".timestamp", b"log-2026-11-22-10:00:00.gz", b"."]
                {
                    found.add(strange);
                }
                assert_eq!(found.count as usize, names.len());
                assert_eq!(found.oldest, names.first().copied());
                assert_eq!(found.newest, names.last().copied());
                for clock in [now, now + 1, now + 86_400, 0, 4_000_000_000] {
                    let name = ArchiveName::after(found.newest, clock);
                    assert!(names.iter().all(|other| *other < name), "{name:?} after {names:?}");
                    let text = shown(name);
                    let fresh = ArchiveName::after(None, clock);
                    assert!(name == fresh || Some(fresh) < found.newest || names.contains(&fresh));
                    assert_eq!(ArchiveName::parse(text.as_bytes()), Some(name));
                    // Files are ordered by what others see, too, as long as a second has ten at most.
                    let is_later = |other: &ArchiveName| shown(*other) < text;
                    assert!(names.iter().all(is_later), "{text} after {names:?}");
                    let mut rotated = names.clone();
                    rotated.push(name);
                    // Somebody removes the oldest, or the newest, or none.
                    for gone in [rotated.len(), 0, rotated.len() - 1] {
                        let mut left = rotated.clone();
                        if gone < left.len() {
                            left.remove(gone);
                        }
                        if seen.insert((
                            left.iter().map(|name| shown(*name)).collect::<Vec<_>>(),
                            clock,
                        )) {
                            next.push((left, clock));
                        }
                    }
                }
            }
            states += next.len();
            edge = next;
        }
        println!("{states} directories");
    }

    #[test]
    fn age_is_counted_from_the_beginning() {
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
}

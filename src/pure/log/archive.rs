//! The names of drlog's archives, the rotated log files. `applets/drlog` calls it with the time of a rotation.
//!
//! Archives are ordered by their names alone. A new name always sorts after all existing ones, even if the clock was set
//! back. Otherwise a machine whose clock starts in 1970 at each boot would remove yesterday's archive before older ones.

use crate::calendar::Civil;
use crate::cli::value;
use crate::log::timestamp::put_civil;
use crate::text::{Put, TextBuf, Writer, find_byte};
use ufmt::uwrite;

/// The file name of an archive, with a NUL at its end.
pub type ArchiveNameText = TextBuf<64>;

/// The name of an archive: the second of its rotation, and a number if an archive of this second exists. Later rotations
/// compare greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ArchiveName {
    /// `log-YYYY-mm-dd-HH:MM:SS`.
    stem: [u8; FORM.len()],
    /// 0: the name has no number.
    number: u32,
}

/// The form of [`ArchiveName`], with 0 for each digit.
const FORM: &[u8; 23] = b"log-0000-00-00-00:00:00";

impl ArchiveName {
    /// Parses `log-YYYY-mm-dd-HH:MM:SS` or `log-YYYY-mm-dd-HH:MM:SS.N`. Any other file belongs to another program:
    /// `None`. Dashes may replace the colons, which some file systems do not allow in names.
    #[must_use]
    pub fn parse(file_name: &[u8]) -> Option<Self> {
        let (stem, rest) = file_name.split_at_checked(FORM.len())?;
        let mut name = Self { stem: *FORM, number: 0 };
        let has_dashes = find_byte(stem, b':').is_none();
        // `expected` is a byte of the form; a digit replaces its 0.
        for (expected, byte) in name.stem.iter_mut().zip(stem) {
            match *expected {
                b'0' if byte.is_ascii_digit() => *expected = *byte,
                b':' if has_dashes && *byte == b'-' => {}
                separator if separator == *byte => {}
                _ => return None,
            }
        }
        // drlog writes no leading zeros, so a name with leading zeros is not an archive.
        match rest {
            [] => {}
            [b'.', digits @ ..] if !digits.starts_with(b"0") => {
                name.number = value::number(digits).ok()?;
            }
            _ => return None,
        }
        Some(name)
    }

    /// Returns the name for a rotation at `now`, which sorts after `newest`.
    #[must_use]
    pub fn after(newest: Option<Self>, now: i64) -> Self {
        let mut text = ArchiveNameText::new();
        text.put(b"log-");
        put_civil(&mut text, Civil::of_epoch(now), b'-', b':');
        let stem = text.bytes().first_chunk().copied().unwrap_or(*FORM);
        match newest {
            Some(newest) if newest.stem >= stem => {
                Self { number: newest.number.saturating_add(1), ..newest }
            }
            Some(_) | None => Self { stem, number: 0 },
        }
    }

    /// Returns the file name, with a NUL at its end. `colon` separates hours, minutes and seconds.
    #[must_use]
    pub fn text(self, colon: u8) -> ArchiveNameText {
        let mut text = ArchiveNameText::new();
        for byte in self.stem {
            text.put(&[if byte == b':' { colon } else { byte }]);
        }
        if self.number > 0 {
            let Ok(()) = uwrite!(Writer(&mut text), ".{}", self.number);
        }
        text.put(&[0]);
        text
    }
}

/// The archives of a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Archives {
    pub count: u32,
    pub oldest: Option<ArchiveName>,
    pub newest: Option<ArchiveName>,
}

impl Archives {
    /// Adds a file name of the directory, if it is the name of an archive.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn name_text(name: ArchiveName) -> String {
        String::from_utf8(name.text(b':').bytes().strip_suffix(b"\0").unwrap().to_vec()).unwrap()
    }

    #[test]
    fn only_names_that_drlog_writes_are_archives() {
        for archive in [
            "log-2026-11-22-10:00:00",
            "log-1970-01-01-00:00:00.1",
            "log-2026-11-22-10:00:00.4294967295",
        ] {
            assert_eq!(name_text(ArchiveName::parse(archive.as_bytes()).unwrap()), archive);
        }
        assert_eq!(
            ArchiveName::parse(b"log-2026-11-22-10-00-00.7"),
            ArchiveName::parse(b"log-2026-11-22-10:00:00.7")
        );
        for other in [
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
            assert_eq!(ArchiveName::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_new_name_sorts_after_all_others() {
        let mut random = Random(11);
        for _ in 0..200 {
            let mut names = Vec::new();
            // The clock stops, jumps forward, or starts in 1970 again.
            let mut now = 0_i64;
            for _ in 0..60 {
                now = match random.below(6) {
                    0 => 0,
                    1 => 1_800_000_000,
                    2 | 3 => now + 1,
                    _ => now,
                };
                let mut archives = Archives::default();
                names.iter().for_each(|name| archives.add(name_text(*name).as_bytes()));
                assert_eq!(archives.count as usize, names.len());
                let name = ArchiveName::after(archives.newest, now);
                assert!(names.iter().all(|other| *other < name), "{name:?} after {names:?}");
                names.push(name);
                // Remove the oldest archive, as drlog does.
                if names.len() > 5 {
                    let mut archives = Archives::default();
                    names.iter().for_each(|name| archives.add(name_text(*name).as_bytes()));
                    assert_eq!(archives.oldest, Some(names.remove(0)));
                }
            }
        }
    }

    /// Explores all directories to a depth: rotations at clocks that stop, advance, jump, or start in 1970 again, while
    /// archives disappear and other files appear.
    #[test]
    fn no_clock_gives_a_name_that_was_used_before() {
        let depth = if std::env::var_os("DMON_LONG").is_some() { 6 } else { 5 };
        let mut states = 0;
        // The names in the order of their rotation, and the clock.
        let mut frontier = vec![(Vec::<ArchiveName>::new(), 1_000_000_000_i64)];
        let mut seen = std::collections::HashSet::new();
        for _ in 0..depth {
            let mut next = Vec::new();
            for (names, now) in frontier {
                let mut archives = Archives::default();
                names.iter().rev().for_each(|name| archives.add(name_text(*name).as_bytes()));
                for other in [&b"current"[..], b".timestamp", b"log-2026-11-22-10:00:00.gz", b"."] {
                    archives.add(other);
                }
                assert_eq!(archives.count as usize, names.len());
                assert_eq!(archives.oldest, names.first().copied());
                assert_eq!(archives.newest, names.last().copied());
                for clock in [now, now + 1, now + 86_400, 0, 4_000_000_000] {
                    let name = ArchiveName::after(archives.newest, clock);
                    assert!(names.iter().all(|other| *other < name), "{name:?} after {names:?}");
                    let text = name_text(name);
                    let fresh = ArchiveName::after(None, clock);
                    assert!(
                        name == fresh || Some(fresh) < archives.newest || names.contains(&fresh)
                    );
                    assert_eq!(ArchiveName::parse(text.as_bytes()), Some(name));
                    // Other programs sort the names as text, which agrees for up to ten archives per second.
                    let is_later = |other: &ArchiveName| name_text(*other) < text;
                    assert!(names.iter().all(is_later), "{text} after {names:?}");
                    let mut rotated = names.clone();
                    rotated.push(name);
                    // Another program removes the oldest archive, the newest one, or none.
                    for gone in [rotated.len(), 0, rotated.len() - 1] {
                        let mut left = rotated.clone();
                        if gone < left.len() {
                            left.remove(gone);
                        }
                        if seen.insert((
                            left.iter().map(|name| name_text(*name)).collect::<Vec<_>>(),
                            clock,
                        )) {
                            next.push((left, clock));
                        }
                    }
                }
            }
            states += next.len();
            frontier = next;
        }
        println!("{states} directories");
    }
}

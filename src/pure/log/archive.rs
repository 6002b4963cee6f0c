//! The names of drlog's archives, the rotated log files. `applets/drlog` calls it with the time of a rotation.
//!
//! Archives are ordered by their names alone. A new name always sorts after all existing ones, even if the clock was set
//! back. Otherwise a machine whose clock starts in 1970 at each boot would remove yesterday's archive before older ones.
//! The order of the names is also that of their texts, in which other programs sort them.

use crate::calendar::Civil;
use crate::cli::value;
use crate::log::timestamp::put_civil;
use crate::text::{Put, TextBuf, find_byte, put_padded};

/// The file name of an archive, with a NUL at its end.
pub type ArchiveNameText = TextBuf<48>;

/// The name of an archive: the second of its rotation, and a number if an archive of this second exists. Later rotations
/// compare greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct ArchiveName {
    /// The 14 digits of the time of the rotation, four bits each.
    time: u64,
    /// 0: the name has no number.
    number: u32,
}

/// The form of [`ArchiveName`], with 0 for each digit.
const FORM: &[u8; 23] = b"log-0000-00-00-00:00:00";

/// The digits of a number up to [`LAST_SHORT`]. Earlier releases wrote no leading zeros.
const SHORT: usize = 4;
const LAST_SHORT: u32 = 8999;

/// The numbers after [`LAST_SHORT`]. They start with 9, so that their texts sort after those of the short ones.
const LONG: usize = 8;
const FIRST_LONG: u32 = 90_000_000;
const LAST_LONG: u32 = 99_999_999;

/// The endings of archives that another program has compressed.
const COMPRESSED: [&[u8]; 5] = [b".gz", b".xz", b".bz2", b".zst", b".lz4"];

impl ArchiveName {
    /// Parses `log-YYYY-mm-dd-HH:MM:SS` or `log-YYYY-mm-dd-HH:MM:SS.N`, perhaps with an ending of [`COMPRESSED`]. Any
    /// other file belongs to another program: `None`. Dashes may replace the colons, which some file systems do not
    /// allow in names.
    #[must_use]
    pub fn parse(file_name: &[u8]) -> Option<Self> {
        let (stem, rest) = file_name.split_at_checked(FORM.len())?;
        let mut name = Self::default();
        let has_dashes = find_byte(stem, b':').is_none();
        for (expected, byte) in FORM.iter().zip(stem) {
            match *expected {
                b'0' if byte.is_ascii_digit() => name.time = name.time << 4 | u64::from(byte & 0xf),
                b':' if has_dashes && *byte == b'-' => {}
                separator if separator == *byte => {}
                _ => return None,
            }
        }
        let [.., month, day, hour, minute, second] = name.time.to_be_bytes();
        // 0 becomes 255.
        let is_date = month.wrapping_sub(1) < 0x12 && day.wrapping_sub(1) < 0x31;
        if !is_date || hour > 0x23 || minute > 0x59 || second > 0x59 {
            return None;
        }
        let rest = COMPRESSED.iter().find_map(|ending| rest.strip_suffix(*ending)).unwrap_or(rest);
        if let Some((dot, digits)) = rest.split_first() {
            let is_written = digits.len() == SHORT || !digits.starts_with(b"0");
            name.number = value::number(digits).ok()?;
            return (*dot == b'.' && is_written && name.number > 0).then_some(name);
        }
        Some(name)
    }

    /// Returns the name for a rotation at `now`, which sorts after `newest`. `None` if there is no such name.
    #[must_use]
    pub fn after(newest: Self, now: i64) -> Option<Self> {
        let mut text = ArchiveNameText::new();
        text.put(b"log-");
        put_civil(&mut text, Civil::of_epoch(now), b'-', b':');
        let name = Self::parse(text.bytes()).filter(|name| name.time > newest.time);
        if name.is_some() {
            return name;
        }
        let number = match newest.number {
            LAST_SHORT..FIRST_LONG => FIRST_LONG,
            LAST_LONG.. => return None,
            number => number + 1,
        };
        Some(Self { number, ..newest })
    }

    /// Returns the file name, with a NUL at its end. `colon` separates hours, minutes and seconds.
    #[must_use]
    pub fn text(self, colon: u8) -> ArchiveNameText {
        let mut text = ArchiveNameText::new();
        let mut digits = self.time << 8;
        for byte in FORM {
            text.put(&[match byte {
                b'0' => {
                    digits = digits.rotate_left(4);
                    b'0' | digits.to_le_bytes()[0] & 0xf
                }
                b':' => colon,
                other => *other,
            }]);
        }
        if self.number > 0 {
            text.put(b".");
            let digits = if self.number > LAST_SHORT { LONG } else { SHORT };
            put_padded(&mut text, self.number, digits, false);
        }
        text.put(&[0]);
        text
    }
}

/// The archives of a directory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Archives {
    pub count: u32,
    /// The newest one; a name before all others if there is none.
    pub newest: ArchiveName,
    oldest: ArchiveName,
    /// The file name of the oldest one, with a NUL at its end; empty if there is none.
    pub oldest_text: ArchiveNameText,
}

impl Archives {
    /// Adds a file name of the directory, if it is the name of an archive.
    pub fn add(&mut self, file_name: &[u8]) {
        if let Some(name) = ArchiveName::parse(file_name) {
            if self.count == 0 || name < self.oldest {
                self.oldest = name;
                self.oldest_text = ArchiveNameText::new();
                self.oldest_text.put(file_name);
                self.oldest_text.put(&[0]);
            }
            self.newest = self.newest.max(name);
            self.count += 1;
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
            "log-1970-01-01-00:00:00.0001",
            "log-1970-12-31-23:59:59.8999",
            "log-2026-11-22-10:00:00.90000000",
        ] {
            let name = ArchiveName::parse(archive.as_bytes());
            assert_eq!(name_text(name.unwrap()), archive);
            for ending in ["gz", "xz", "bz2", "zst", "lz4"] {
                assert_eq!(ArchiveName::parse(format!("{archive}.{ending}").as_bytes()), name);
            }
        }
        for (variant, archive) in [
            ("log-2026-11-22-10-00-00.7", "log-2026-11-22-10:00:00.0007"),
            ("log-2026-11-22-10:00:00.12345", "log-2026-11-22-10:00:00.12345"),
        ] {
            let name = ArchiveName::parse(variant.as_bytes());
            assert!(name.is_some());
            assert_eq!(name, ArchiveName::parse(archive.as_bytes()));
        }
        for other in [
            "current",
            "log-",
            "log-9999-99-99-99:99:99",
            "log-2026-00-22-10:00:00",
            "log-2026-13-22-10:00:00",
            "log-2026-11-00-10:00:00",
            "log-2026-11-32-10:00:00",
            "log-2026-11-22-24:00:00",
            "log-2026-11-22-10:60:00",
            "log-2026-11-22-10:00:60",
            "log-2026-11-22-10:00:00.tar",
            "log-2026-11-22-10:00:00.gz.gz",
            "log-2026-11-22-10:00:00gz",
            "log-2026-11-22-10:00:00.0",
            "log-2026-11-22-10:00:00.0000",
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
                let name = ArchiveName::after(archives.newest, now).unwrap();
                assert!(names.iter().all(|other| *other < name), "{name:?} after {names:?}");
                names.push(name);
                // Remove the oldest archive, as drlog does.
                if names.len() > 5 {
                    let mut archives = Archives::default();
                    names.iter().for_each(|name| archives.add(name_text(*name).as_bytes()));
                    assert_eq!(archives.oldest, names.remove(0));
                }
            }
        }
    }

    #[test]
    fn numbers_of_one_second_sort_as_text() {
        let mut name = ArchiveName::after(ArchiveName::default(), 1_800_000_000);
        let mut texts = Vec::new();
        while let Some(newest) = name.filter(|_| texts.len() < 20_000) {
            texts.push(name_text(newest));
            assert_eq!(ArchiveName::parse(texts[texts.len() - 1].as_bytes()), name);
            name = ArchiveName::after(newest, 0);
        }
        assert!(texts.is_sorted());
        texts.dedup();
        assert_eq!(texts.len(), 20_000);
        // Names of earlier releases had no leading zeros.
        for (number, next) in [("7", "0008"), ("9500", "90000000"), ("12345", "90000000")] {
            let newest = ArchiveName::parse(format!("log-2026-11-22-10:00:00.{number}").as_bytes());
            let name = ArchiveName::after(newest.unwrap(), 0).unwrap();
            assert_eq!(name_text(name), format!("log-2026-11-22-10:00:00.{next}"));
        }
        for last in ["99999999", "4294967295"] {
            let newest = ArchiveName::parse(format!("log-2026-11-22-10:00:00.{last}").as_bytes());
            assert_eq!(ArchiveName::after(newest.unwrap(), 0), None);
        }
    }

    #[test]
    fn the_oldest_archive_keeps_its_file_name() {
        let mut archives = Archives::default();
        for name in ["log-2026-11-22-10:00:00", "log-2026-11-21-10-00-00.7.gz", "current"] {
            archives.add(name.as_bytes());
        }
        assert_eq!(archives.oldest_text.bytes(), b"log-2026-11-21-10-00-00.7.gz\0");
        assert_eq!(archives.count, 2);
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
                for other in [&b"current"[..], b".timestamp", b"log-2026-11-22-10:00:00.log", b"."]
                {
                    archives.add(other);
                }
                assert_eq!(archives.count as usize, names.len());
                assert_eq!(archives.oldest, names.first().copied().unwrap_or_default());
                assert_eq!(archives.newest, names.last().copied().unwrap_or_default());
                for clock in [now, now + 1, now + 86_400, 0, 4_000_000_000] {
                    let name = ArchiveName::after(archives.newest, clock).unwrap();
                    assert!(names.iter().all(|other| *other < name), "{name:?} after {names:?}");
                    let text = name_text(name);
                    let fresh = ArchiveName::after(ArchiveName::default(), clock).unwrap();
                    assert!(name == fresh || fresh < archives.newest || names.contains(&fresh));
                    assert_eq!(ArchiveName::parse(text.as_bytes()), Some(name));
                    // Other programs sort the names as text.
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

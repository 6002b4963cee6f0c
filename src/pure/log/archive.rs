//! The names of drlog's archives, the rotated log files. `applets/drlog` calls it with the time of a rotation.
//!
//! Archives are ordered by their names alone. A new name always sorts after all existing ones, even if the clock was set
//! back. Otherwise a machine whose clock starts in 1970 at each boot would remove yesterday's archive before older ones.
//! The order of the names is also the order of their texts, in which other programs sort them.

use crate::calendar::Civil;
use crate::cli::value;
use crate::log::timestamp::put_civil;
use crate::name_table::index_of;
use crate::text::{Text, copy, spare, split_once};
use crate::unix::Errno;
use core::ffi::CStr;

/// The file name of an archive, with a NUL at its end.
pub type FileName = [u8; 40];

/// The name of an archive: the second of its rotation, and a number if an archive of this second exists, or zeros. Later
/// rotations compare greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct ArchiveName([u8; FORM.len()]);

/// The form of [`ArchiveName`]: the highest digit of each place of the time, and no number.
const FORM: &[u8; 32] = b"log-9999-19-39-29:59:59.00000000";
/// The indices of the time, of the dot, and of the number.
const TIME: usize = 4;
const DOT: usize = 23;
const NUMBER: usize = 24;

/// The endings of archives that another program has compressed.
const COMPRESSED: &str = "gz xz bz2 zst lz4";

impl ArchiveName {
    /// Parses `log-YYYY-mm-dd-HH:MM:SS` or `log-YYYY-mm-dd-HH:MM:SS.N`, perhaps with an ending of [`COMPRESSED`]. Any
    /// other file belongs to another program: false. Dashes may replace the colons, which some file systems do not
    /// allow in names.
    fn parse(&mut self, file_name: &[u8]) -> bool {
        let Some((stem, rest)) = file_name.split_at_checked(DOT) else { return false };
        self.0 = *FORM;
        let mut time = 0_u64;
        for (place, byte) in self.0.iter_mut().zip(stem) {
            if place.is_ascii_digit() {
                if *byte < b'0' || *byte > *place {
                    return false;
                }
                *place = *byte;
                time = time << 4 | u64::from(byte & 0xf);
            } else if byte != place && (*byte != b'-' || *place != b':') {
                return false;
            }
        }
        let [.., month, day, hour, _, _] = time.to_be_bytes();
        // 0 becomes 255.
        if month.wrapping_sub(1) > 0x11 || day.wrapping_sub(1) > 0x30 || hour > 0x23 {
            return false;
        }
        let [b'.', rest @ ..] = rest else { return rest.is_empty() };
        let (digits, mut ending) = split_once(rest, b'.');
        if value::number(digits).is_ok() {
            let at = self.0.len().saturating_sub(digits.len());
            // Earlier releases wrote no leading zeros.
            if at < NUMBER || at > NUMBER && digits.starts_with(b"0") {
                return false;
            }
            copy(digits, spare(&mut self.0, at));
        } else if ending.is_none() {
            ending = Some(digits);
        } else {
            return false;
        }
        ending.is_none_or(|ending| index_of(COMPRESSED, ending).is_some())
    }

    /// Replaces the newest name by that for a rotation at `now`, which sorts after it.
    ///
    /// # Errors
    /// `EEXIST` if there is no such name.
    pub fn advance(&mut self, now: i64) -> Result<(), Errno> {
        let mut text = Text::new();
        put_civil(&mut text, Civil::of_epoch(now), b'-', b':');
        let mut name = Self(*FORM);
        copy(text.bytes(), spare(&mut name.0, TIME));
        if name > *self {
            *self = name;
            return Ok(());
        }
        for digit in spare(&mut self.0, NUMBER).iter_mut().rev() {
            *digit += 1;
            if *digit <= b'9' {
                return Ok(());
            }
            *digit = b'0';
        }
        Err(Errno::EXIST)
    }

    /// Writes the file name into `text`, which is empty. `colon` separates hours, minutes and seconds.
    pub fn put_file_name(&self, colon: u8, text: &mut FileName) {
        copy(&self.0, text);
        if self.0.ends_with(b".00000000") {
            text[DOT] = 0;
        }
        for byte in text.iter_mut().filter(|byte| **byte == b':') {
            *byte = colon;
        }
    }
}

/// The archives of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Archives {
    pub count: u32,
    /// The newest one; a name before all others if there is none.
    pub newest: ArchiveName,
    oldest: ArchiveName,
    /// The file name of the oldest one, or an empty one.
    pub oldest_file: FileName,
}

impl Archives {
    pub const NONE: Self = Self {
        count: 0,
        newest: ArchiveName([0; FORM.len()]),
        oldest: ArchiveName([0; FORM.len()]),
        oldest_file: [0; size_of::<FileName>()],
    };

    /// Adds a name of the directory, if an archive can have it. A FIFO or a directory belongs to another program: it only
    /// keeps its name from being used again, as rename(2) would replace it.
    pub fn add(&mut self, file: &CStr, is_file: bool) {
        let mut name = ArchiveName([0; FORM.len()]);
        if name.parse(file.to_bytes()) {
            if name > self.newest {
                self.newest = name;
            }
            if !is_file {
                return;
            }
            if self.count == 0 || name < self.oldest {
                self.oldest = name;
                copy(file.to_bytes_with_nul(), &mut self.oldest_file);
            }
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn name_text(name: ArchiveName) -> String {
        let mut text = [0; size_of::<FileName>()];
        name.put_file_name(b':', &mut text);
        CStr::from_bytes_until_nul(&text).unwrap().to_str().unwrap().into()
    }

    fn parse(file_name: &[u8]) -> Option<ArchiveName> {
        let mut name = ArchiveName::default();
        name.parse(file_name).then_some(name)
    }

    fn add(archives: &mut Archives, name: &str) {
        archives.add(&std::ffi::CString::new(name).unwrap(), true);
    }

    fn after(mut newest: ArchiveName, now: i64) -> Option<ArchiveName> {
        newest.advance(now).ok().map(|()| newest)
    }

    #[test]
    fn only_names_that_drlog_writes_are_archives() {
        for archive in [
            "log-2026-11-22-10:00:00",
            "log-1970-01-01-00:00:00.00000001",
            "log-1970-12-31-23:59:59.90000000",
        ] {
            let name = parse(archive.as_bytes());
            assert_eq!(name_text(name.unwrap()), archive);
            for ending in ["gz", "xz", "bz2", "zst", "lz4"] {
                assert_eq!(parse(format!("{archive}.{ending}").as_bytes()), name);
            }
        }
        for (variant, archive) in [
            ("log-2026-11-22-10-00-00.7", "log-2026-11-22-10:00:00.00000007"),
            ("log-2026-11-22-10:00:00.12345", "log-2026-11-22-10:00:00.00012345"),
        ] {
            let name = parse(variant.as_bytes());
            assert!(name.is_some());
            assert_eq!(name, parse(archive.as_bytes()));
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
            "log-2026-11-22-10:00:00.0001",
            "log-2026-11-22-10:00:00.100000000",
            "log-2026-11-22-1:00:00",
            "log-2026-11-22-10:00:00-5",
            "log-2026-11-22-10:00:00.",
            "log-2026-11-22-10:00:0x",
            "Log-2026-11-22-10:00:00",
            "log-2026-11-22-10:00:00.1.2",
        ] {
            assert_eq!(parse(other.as_bytes()), None, "{other}");
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
                let mut archives = Archives::NONE;
                names.iter().for_each(|name| add(&mut archives, &name_text(*name)));
                assert_eq!(archives.count as usize, names.len());
                let name = after(archives.newest, now).unwrap();
                assert!(names.iter().all(|other| *other < name), "{name:?} after {names:?}");
                names.push(name);
                // Remove the oldest archive, as drlog does.
                if names.len() > 5 {
                    let mut archives = Archives::NONE;
                    names.iter().for_each(|name| add(&mut archives, &name_text(*name)));
                    assert_eq!(archives.oldest, names.remove(0));
                }
            }
        }
    }

    #[test]
    fn numbers_of_one_second_sort_as_text() {
        let mut name = after(ArchiveName::default(), 1_800_000_000);
        let mut texts = Vec::new();
        while let Some(newest) = name.filter(|_| texts.len() < 20_000) {
            texts.push(name_text(newest));
            assert_eq!(parse(texts[texts.len() - 1].as_bytes()), name);
            name = after(newest, 0);
        }
        assert!(texts.is_sorted());
        texts.dedup();
        assert_eq!(texts.len(), 20_000);
        // Names of earlier releases had no leading zeros.
        for (number, next) in [("7", "00000008"), ("12345", "00012346"), ("09999999", "10000000")] {
            let newest = parse(format!("log-2026-11-22-10:00:00.{number}").as_bytes());
            let name = after(newest.unwrap(), 0).unwrap();
            assert_eq!(name_text(name), format!("log-2026-11-22-10:00:00.{next}"));
        }
        let last = parse(b"log-2026-11-22-10:00:00.99999999");
        assert_eq!(after(last.unwrap(), 0), None);
    }

    #[test]
    fn the_oldest_archive_keeps_its_file_name() {
        let mut archives = Archives::NONE;
        for name in ["log-2026-11-22-10:00:00", "log-2026-11-21-10-00-00.7.gz", "current"] {
            add(&mut archives, name);
        }
        let oldest = CStr::from_bytes_until_nul(&archives.oldest_file);
        assert_eq!(oldest, Ok(c"log-2026-11-21-10-00-00.7.gz"));
        assert_eq!(archives.count, 2);
    }

    #[test]
    fn a_foreign_fifo_only_keeps_its_name() {
        let mut archives = Archives::NONE;
        archives.add(c"log-2001-09-09-01:46:40", false);
        assert_eq!((archives.count, archives.oldest_file[0]), (0, 0));
        let name = after(archives.newest, 1_000_000_000).unwrap();
        assert_eq!(name_text(name), "log-2001-09-09-01:46:40.00000001");
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
                let mut archives = Archives::NONE;
                names.iter().rev().for_each(|name| add(&mut archives, &name_text(*name)));
                for other in ["current", ".timestamp", "log-2026-11-22-10:00:00.log", "."] {
                    add(&mut archives, other);
                }
                assert_eq!(archives.count as usize, names.len());
                assert_eq!(archives.oldest, names.first().copied().unwrap_or_default());
                assert_eq!(archives.newest, names.last().copied().unwrap_or_default());
                for clock in [now, now + 1, now + 86_400, 0, 4_000_000_000] {
                    let name = after(archives.newest, clock).unwrap();
                    assert!(names.iter().all(|other| *other < name), "{name:?} after {names:?}");
                    let text = name_text(name);
                    let fresh = after(ArchiveName::default(), clock).unwrap();
                    assert!(name == fresh || fresh < archives.newest || names.contains(&fresh));
                    assert_eq!(parse(text.as_bytes()), Some(name));
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

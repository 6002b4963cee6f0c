//! The values of `--success` and `--fatal`: sets of the results of a run. The machine follows them.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::text::split;
use crate::unix::Signal;

/// A set of exit statuses. A run that signal N killed has the status 128 + N.
#[derive(Clone, Debug, Default)]
pub struct ResultSet([u32; 8]);

impl ResultSet {
    /// Reports whether the set contains this status.
    #[must_use]
    pub fn contains(&self, status: u8) -> bool {
        self.0.get(usize::from(status >> 5)).is_some_and(|word| word >> (status & 31) & 1 > 0)
    }

    /// Reports whether both sets contain the same status.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b > 0)
    }

    /// Adds the statuses from `first` to `last`; `None` if one of them is above 255.
    fn add(&mut self, first: u32, last: u32) -> Option<()> {
        let mut status = first;
        while status <= last {
            *self.0.get_mut((status >> 5) as usize)? |= 1 << (status & 31);
            status += 1;
        }
        Some(())
    }
}

/// Parses a list of statuses, ranges and names of signals, such as `24,64-78,TERM`.
impl OptionValue for ResultSet {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = Self::default();
        for item in split(value.to_bytes(), b',') {
            let range = match Signal::named(item) {
                Some(signal) => Some(128 + signal.number().unsigned_abs()).map(|n| (n, n)),
                None => value::range(item),
            };
            range.and_then(|(first, last)| self.add(first, last)).ok_or(Expected::Results)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    /// Returns the statuses in the set of this word.
    fn set(word: &str) -> Result<Vec<u8>, Expected> {
        let mut set = ResultSet::default();
        set.parse(Arg::new(word_of(word)))?;
        Ok((0..=255).filter(|status| set.contains(*status)).collect())
    }

    #[test]
    fn parses_statuses_ranges_and_signals() {
        assert_eq!(set("24"), Ok(vec![24]));
        assert_eq!(set("78,64-66,0"), Ok(vec![0, 64, 65, 66, 78]));
        assert_eq!(set("TERM,sighup,9,RTMIN+1"), Ok(vec![9, 129, 143, 163]));
        assert_eq!(set("31-33"), Ok(vec![31, 32, 33]));
        assert_eq!(set("0-255"), Ok((0..=255).collect()));
        for signal in 1..=64 {
            let status = 128 + signal;
            assert_eq!(set(&status.to_string()), Ok(vec![status]));
        }
    }

    #[test]
    fn other_words_are_errors() {
        for bad in [
            "",
            ",",
            "1,",
            ",1",
            "1,,2",
            "256",
            "0-256",
            "0-4294967295",
            "4294967296",
            "2-1",
            "-1",
            "1-",
            "1-2-3",
            "1 2",
            "TERM-KILL",
            "1-TERM",
            "FOO",
            "0x10",
            "!0",
        ] {
            assert!(set(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_second_list_replaces_the_first() {
        let mut set = ResultSet::default();
        set.parse(Arg::new(c"1-3")).unwrap();
        set.parse(Arg::new(c"7")).unwrap();
        assert!(set.contains(7) && !set.contains(1));
    }

    #[test]
    fn sets_overlap_at_any_status() {
        let of = |word| {
            let mut set = ResultSet::default();
            set.parse(Arg::new(word_of(word))).unwrap();
            set
        };
        assert!(of("1-70").overlaps(&of("70,200")) && of("TERM").overlaps(&of("143")));
        assert!(!of("1-70").overlaps(&of("71-255,0")) && !of("9").overlaps(&of("KILL")));
        assert!(!ResultSet::default().overlaps(&of("0-255")));
    }
}

//! The priority of a syslog message: facility and severity by the names or numbers of syslog(3). dsyslog's options set it.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::name_table::index_of;
use crate::text::split_once;

/// A facility and a severity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Priority {
    pub facility: Facility,
    /// From 0 (emergency) to 7 (debug): RFC 5424, table 2.
    pub severity: u8,
}

/// Eight times a facility from 0 (kern) to 23 (local7): RFC 5424, table 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facility(pub u8);

/// The severities of syslog(3) in the order of their numbers, each with its common synonyms.
const SEVERITIES: &str =
    "emerg|emergency|panic alert crit|critical err|error warning|warn notice info debug";

/// The facilities of syslog(3), in the same form. The numbers 12 to 15 have no name there.
const FACILITIES: &str = "kern|kernel user mail daemon auth syslog lpr|print|printer news uucp cron \
    authpriv ftp \0 \0 \0 \0 local0 local1 local2 local3 local4 local5 local6 local7";

/// Returns the number of syslog.h for a name in such a table: `unit` times its index. As in logger(1), the word may be that
/// number.
fn parse(names: &str, unit: u8, max: u8, word: &[u8]) -> Option<u8> {
    let number = match index_of(names, word) {
        Some(index) => index as u8 * unit,
        None => value::number(word).ok()?.try_into().ok()?,
    };
    (number <= max && number & (unit - 1) == 0).then_some(number)
}

/// Parses the name of a facility, or eight times its number.
impl OptionValue for Facility {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.set(value.to_bytes())
    }
}

impl Facility {
    fn set(&mut self, word: &[u8]) -> Result<(), Expected> {
        self.0 = parse(FACILITIES, 8, 184, word).ok_or(Expected::Facility)?;
        Ok(())
    }
}

/// Parses a severity, or `facility.severity` as in logger(1).
impl OptionValue for Priority {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        let (first, severity) = split_once(value.to_bytes(), b'.');
        if severity.is_some() {
            self.facility.set(first)?;
        }
        let word = severity.unwrap_or(first);
        self.severity = parse(SEVERITIES, 1, 7, word).ok_or(Expected::Priority)?;
        Ok(())
    }
}

impl Priority {
    /// The maximum PRI value: local7.debug.
    pub const MAX_PRI: u8 = 191;

    /// Returns the PRI value (RFC 3164, 4.1.1): 8 × facility + severity.
    ///
    /// The prefix of a line overrides the severity. If the prefix has a facility, which is above kern, it overrides both.
    #[must_use]
    pub const fn pri(self, prefix: Option<u8>) -> u8 {
        let severity = match prefix {
            Some(pri) if pri >= 8 => return pri,
            Some(severity) => severity,
            None => self.severity,
        };
        self.facility.0 + severity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    #[test]
    fn a_prefix_overrides_severity_or_both() {
        let priority = Priority { facility: Facility(24), severity: 4 };
        let pri = [None, Some(0), Some(7), Some(8), Some(191)].map(|prefix| priority.pri(prefix));
        assert_eq!(pri, [28, 24, 31, 8, 191]);
    }

    #[test]
    fn facilities_and_severities_have_names() {
        let mut p = Priority { facility: Facility(24), severity: 4 };
        let mut set = |word| p.parse(Arg::new(word_of(word))).map(|()| p.pri(None));
        assert_eq!(set("local7.ERR"), Ok(23 * 8 + 3));
        assert_eq!(set("debug"), Ok(23 * 8 + 7));
        // Numbers as logger(1) accepts them.
        assert_eq!(set("user.info"), Ok(8 + 6));
        assert_eq!(set("5"), Ok(8 + 5));
        assert_eq!(set("24.3"), Ok(24 + 3));
        assert_eq!(set("184.07"), Ok(184 + 7));
        assert_eq!(set("0.err"), Ok(3));
        for bad in [
            "",
            ".",
            "local8.err",
            "daemon.",
            ".err",
            "x",
            "a.b.c",
            "8",
            "30",
            "3.6",
            "192.3",
            "-1",
            "6.",
        ] {
            assert!(set(bad).is_err(), "{bad:?}");
        }
        let mut facility = Facility(24);
        assert_eq!(Arg::new(word_of("Local0")).to(&mut facility), Ok(()));
        assert_eq!(facility, Facility(128));
        assert!(Arg::new(word_of("err")).to(&mut facility).is_err());
    }
}

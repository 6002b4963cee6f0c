//! The priority of a syslog message: facility and severity by the names of syslog(3). dsyslog's options set it.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::name_table::index_of;
use crate::text::split_once;

/// A facility and a severity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Priority {
    pub facility: Facility,
    /// From 0 (emergency) to 7 (debug): RFC 5424, table 2.
    pub severity: u8,
}

/// A facility, from 0 (kern) to 23 (local7): RFC 5424, table 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facility(pub u8);

/// The severities of syslog(3) in the order of their numbers, each with its common synonyms.
const SEVERITIES: &str =
    "emerg|emergency|panic alert crit|critical err|error warning|warn notice info debug";

/// The facilities of syslog(3), in the same form. The numbers 12 to 15 have no name there.
const FACILITIES: &str = "kern|kernel user mail daemon auth syslog lpr|print|printer news uucp cron \
    authpriv ftp \0 \0 \0 \0 local0 local1 local2 local3 local4 local5 local6 local7";

fn number_of(names: &str, name: &[u8], expected: Expected) -> Result<u8, Expected> {
    index_of(names, name).and_then(|index| u8::try_from(index).ok()).ok_or(expected)
}

/// Parses the name of a facility.
impl OptionValue for Facility {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.set(value.to_bytes())
    }
}

impl Facility {
    fn set(&mut self, name: &[u8]) -> Result<(), Expected> {
        self.0 = number_of(FACILITIES, name, "a facility (like daemon, user, local0)")?;
        Ok(())
    }
}

/// Parses the name of a severity, or `facility.severity` as in logger(1).
impl OptionValue for Priority {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        let (first, severity) = split_once(value.to_bytes(), b'.');
        if severity.is_some() {
            self.facility.set(first)?;
        }
        let name = severity.unwrap_or(first);
        self.severity = number_of(SEVERITIES, name, "a priority (like warning, info, daemon.err)")?;
        Ok(())
    }
}

impl Priority {
    /// Returns the PRI value (RFC 3164, 4.1.1): 8 × facility + severity. `severity` overrides `self`.
    #[must_use]
    pub fn pri(self, severity: Option<u8>) -> u32 {
        u32::from(self.facility.0) * 8 + u32::from(severity.unwrap_or(self.severity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    #[test]
    fn facilities_and_severities_have_names() {
        let mut p = Priority { facility: Facility(3), severity: 4 };
        let mut set = |word| p.parse(Arg::new(word_of(word))).map(|()| p.pri(None));
        assert_eq!(set("local7.ERR"), Ok(23 * 8 + 3));
        assert_eq!(set("debug"), Ok(23 * 8 + 7));
        for bad in ["", ".", "local8.err", "daemon.", ".err", "x", "a.b.c"] {
            assert!(set(bad).is_err(), "{bad:?}");
        }
        let mut facility = Facility(3);
        assert_eq!(Arg::new(word_of("Local0")).to(&mut facility), Ok(()));
        assert_eq!(facility, Facility(16));
        assert!(Arg::new(word_of("err")).to(&mut facility).is_err());
    }
}

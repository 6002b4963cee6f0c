//! How urgent a message is and where it comes from, by the names of syslog(3). Pure.

use crate::cli::getopt::{Arg, OptionValue};
use crate::cli::value::Expected;
use crate::name_table::index_of;
use crate::text::split_once;

/// Facility and severity: eight times the one plus the other goes over the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Priority {
    pub facility: Facility,
    pub severity: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facility(pub u8);

/// Each at its number.
const SEVERITIES: &str =
    "emerg|emergency|panic alert crit|critical err|error warning|warn notice info debug";

/// Those of syslog(3), and some that people use.
const FACILITIES: &str = "kern|kernel user mail daemon auth syslog lpr|print|printer news uucp cron \
    authpriv ftp \0 \0 \0 \0 local0 local1 local2 local3 local4 local5 local6 local7";

fn named(list: &str, name: &[u8], wanted: Expected) -> Result<u8, Expected> {
    index_of(list, name).and_then(|at| u8::try_from(at).ok()).ok_or(wanted)
}

/// A facility by its name.
impl OptionValue for Facility {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.set(value.to_bytes())
    }
}

impl Facility {
    fn set(&mut self, name: &[u8]) -> Result<(), Expected> {
        self.0 = named(FACILITIES, name, "a facility (like daemon, user, local0)")?;
        Ok(())
    }
}

/// A severity by its name, or `facility.severity`.
impl OptionValue for Priority {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        let (first, severity) = split_once(value.to_bytes(), b'.');
        if severity.is_some() {
            self.facility.set(first)?;
        }
        let name = severity.unwrap_or(first);
        self.severity = named(SEVERITIES, name, "a priority (like warning, info, daemon.err)")?;
        Ok(())
    }
}

impl Priority {
    /// PRI of RFC 3164, 4.1.1, with another severity if one is given.
    #[must_use]
    pub fn number(self, severity: Option<u8>) -> u64 {
        u64::from(self.facility.0) * 8 + u64::from(severity.unwrap_or(self.severity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    #[test]
    fn priorities_have_names() {
        let mut p = Priority { facility: Facility(3), severity: 4 };
        let mut set = |word| p.parse(Arg::new(word_of(word))).map(|()| p.number(None));
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

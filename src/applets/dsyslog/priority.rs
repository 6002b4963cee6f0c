//! How urgent a message is and where it comes from, by the names of syslog(3). Pure.

use crate::pure::value::Wanted;

/// Facility and severity, PRI of RFC 3164, 4.1.1: eight times the one plus the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Priority {
    pub facility: u8,
    pub severity: u8,
}

const SEVERITIES: &[(&str, u8)] = &[
    ("emerg", 0),
    ("emergency", 0),
    ("panic", 0),
    ("alert", 1),
    ("crit", 2),
    ("critical", 2),
    ("err", 3),
    ("error", 3),
    ("warning", 4),
    ("warn", 4),
    ("notice", 5),
    ("info", 6),
    ("debug", 7),
];

/// The names of syslog(3), and some that people use; local0 to local7 follow from 16 on.
const FACILITIES: &[(&str, u8)] = &[
    ("kern", 0),
    ("kernel", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("print", 6),
    ("printer", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

fn named(names: &[(&str, u8)], name: &[u8]) -> Option<u8> {
    let row = names.iter().find(|row| row.0.as_bytes().eq_ignore_ascii_case(name))?;
    Some(row.1)
}

impl Priority {
    /// Takes a facility by its name.
    ///
    /// # Errors
    /// No such facility.
    pub fn set_facility(&mut self, name: &[u8]) -> Result<(), Wanted> {
        self.facility = named(FACILITIES, name).ok_or("a facility (like daemon, user, local0)")?;
        Ok(())
    }

    /// Takes a severity by its name, or `facility.severity`.
    ///
    /// # Errors
    /// No such severity, no such facility.
    pub fn set(&mut self, name: &[u8]) -> Result<(), Wanted> {
        let mut halves = name.splitn(2, |b| *b == b'.');
        let first = halves.next().unwrap_or(&[]);
        let severity = halves.next().unwrap_or(first);
        if severity.len() < name.len() {
            self.set_facility(first)?;
        }
        self.severity =
            named(SEVERITIES, severity).ok_or("a priority (like warning, info, daemon.err)")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_have_names() {
        let mut p = Priority { facility: 3, severity: 4 };
        assert_eq!((p.set(b"local7.ERR"), p), (Ok(()), Priority { facility: 23, severity: 3 }));
        assert_eq!((p.set(b"debug"), p), (Ok(()), Priority { facility: 23, severity: 7 }));
        for bad in [&b""[..], b".", b"local8.err", b"daemon.", b".err", b"x"] {
            assert!(p.set(bad).is_err(), "{bad:?}");
        }
    }
}

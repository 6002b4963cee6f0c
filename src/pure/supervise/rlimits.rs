//! Resource limits of the command, as `-r` names them. Pure.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::name_table::index_of;
use crate::text::split_once;

/// Each at its number (getrlimit(2)); more names for one as the C dmon and shells have them.
#[cfg(not(target_arch = "mips"))]
const NAMES: &str = "cpu fsize data stack core rss nproc nofile|files memlock|mlock as|vmem locks \
    sigpending msgqueue|msgq nice rtprio rttime";
#[cfg(target_arch = "mips")]
const NAMES: &str = "cpu fsize data stack core nofile|files as|vmem rss nproc memlock|mlock locks \
    sigpending msgqueue|msgq nice rtprio rttime";

/// The name of a limit by its number.
#[must_use]
pub fn name(number: usize) -> Option<&'static [u8]> {
    let names = NAMES.as_bytes().split(|byte| *byte == b' ').nth(number)?;
    Some(split_once(names, b'|').0)
}

/// How many there are.
const COUNT: usize = 16;

/// The two that are times: in seconds, in microseconds.
const CPU: usize = 0;
const RTTIME: usize = 15;

/// No limit (RLIM64_INFINITY).
const UNLIMITED: u64 = u64::MAX;

/// A limit for the process itself, and how far it may raise that; `None` leaves that as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rlimit {
    pub soft: u64,
    pub hard: Option<u64>,
}

/// The limits by their numbers.
#[derive(Default)]
pub struct Rlimits {
    pub all: [Option<Rlimit>; COUNT],
    /// The names are wanted, and nothing else.
    pub help: bool,
}

/// `NAME=VALUE[:HARD]`, or `help`.
impl OptionValue for Rlimits {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        const WANTED: Expected =
            "a limit (like nofile=1024, core=unlimited:unlimited, see -r help)";
        self.help |= value.to_bytes() == b"help";
        let (name, value) = split_once(value.to_bytes(), b'=');
        let (Some(at), Some(value)) = (index_of(NAMES, name), value) else {
            return if self.help { Ok(()) } else { Err(WANTED) };
        };
        let (soft, hard) = split_once(value, b':');
        let limit = Rlimit {
            soft: amount(at, soft).ok_or(WANTED)?,
            hard: hard.map(|hard| amount(at, hard).ok_or(WANTED)).transpose()?,
        };
        self.all.get_mut(at).into_iter().for_each(|place| *place = Some(limit));
        Ok(())
    }
}

fn amount(at: usize, word: &[u8]) -> Option<u64> {
    if word == b"unlimited" {
        return Some(UNLIMITED);
    }
    if !matches!(at, CPU | RTTIME) {
        return value::size(word).ok();
    }
    let (seconds, nanoseconds) = value::time(word).ok()?.as_timespec();
    match at {
        CPU => Some(seconds + u64::from(nanoseconds > 0)),
        _ => seconds.checked_mul(1_000_000)?.checked_add(u64::from(nanoseconds.div_ceil(1000))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    #[test]
    fn limits_have_names_and_amounts() {
        let mut limits = Rlimits::default();
        let mut set = |word: &str| limits.parse(Arg::new(word_of(word))).map(|()| limits.all);
        // The numbers of asm-generic/resource.h.
        let is = |all: Result<[Option<Rlimit>; COUNT], _>, at: usize, soft, hard| {
            assert_eq!(all.unwrap()[at], Some(Rlimit { soft, hard }));
        };
        is(set("nofile=1k:2k"), 7, 1024, Some(2048));
        is(set("files=10"), 7, 10, None);
        is(set("vmem=unlimited"), 9, u64::MAX, None);
        is(set("cpu=1.5m"), 0, 90, None);
        is(set("CPU=0.1"), 0, 1, None);
        is(set("rttime=0.5:1"), 15, 500_000, Some(1_000_000));
        is(set("core=0:0"), 4, 0, Some(0));
        is(set("memlock=1m"), 8, 1 << 20, None);
        is(set("msgq=1"), 12, 1, None);
        is(set("nice=1"), 13, 1, None);
        for bad in
            ["", "=", "nofile", "nofile=", "nofile=x", "nofile=1:", "nofile=:1", "x=1", "cpu=1k"]
        {
            assert!(set(bad).is_err(), "{bad}");
        }
        assert!(set("help").is_ok() && limits.help);
        assert_eq!([0, 7, 15].map(name), [Some(&b"cpu"[..]), Some(b"nofile"), Some(b"rttime")]);
        assert_eq!(name(COUNT), None);
    }
}

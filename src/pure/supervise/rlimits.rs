//! The resource limits of `--limit`: their names, numbers and values.
//!
//! `applets/dmon` parses the option with it and sets the limits in the child.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::name_table::{entry, index_of};
use crate::text::split_once;

/// The resources in the order of their numbers (asm-generic/resource.h; MIPS has its own). The aliases are those of the
/// C dmon and of shells.
#[cfg(not(target_arch = "mips"))]
const NAMES: &str = "cpu fsize data stack core rss nproc nofile|files memlock|mlock as|vmem locks \
    sigpending msgqueue|msgq nice rtprio rttime";
#[cfg(target_arch = "mips")]
const NAMES: &str = "cpu fsize data stack core nofile|files as|vmem rss nproc memlock|mlock locks \
    sigpending msgqueue|msgq nice rtprio rttime";

/// Returns the name of resource `number`; `None` if there is no such resource.
#[must_use]
pub fn name(number: usize) -> Option<&'static [u8]> {
    Some(split_once(entry(NAMES, b' ', number), b'|').0).filter(|name| !name.is_empty())
}

/// The number of resources (RLIM_NLIMITS).
const COUNT: usize = 16;

/// The resources whose values are times: `cpu` in seconds, `rttime` in microseconds.
const CPU: usize = 0;
const RTTIME: usize = 15;

/// The value for no limit (RLIM64_INFINITY).
const UNLIMITED: u64 = u64::MAX;

/// The soft and the hard limit of a resource. `None` keeps the hard limit of dmon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rlimit {
    pub soft: u64,
    pub hard: Option<u64>,
}

/// The limits that the command line sets.
#[derive(Default)]
pub struct Rlimits {
    /// Indexed by the number of the resource; `None`: unchanged.
    pub all: [Option<Rlimit>; COUNT],
    /// `--limit help`: print the names, and do nothing else.
    pub help: bool,
}

/// Parses `NAME=SOFT[:HARD]` or `help`.
impl OptionValue for Rlimits {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.help |= value.to_bytes() == b"help";
        let (name, value) = split_once(value.to_bytes(), b'=');
        let (Some(number), Some(value)) = (index_of(NAMES, name), value) else {
            return if self.help { Ok(()) } else { Err(Expected::ResourceLimit) };
        };
        let (soft, hard) = split_once(value, b':');
        let limit = Rlimit {
            soft: parse_value(number, soft).ok_or(Expected::ResourceLimit)?,
            hard: hard
                .map(|hard| parse_value(number, hard).ok_or(Expected::ResourceLimit))
                .transpose()?,
        };
        if let Some(entry) = self.all.get_mut(number) {
            *entry = Some(limit);
        }
        Ok(())
    }
}

/// Parses a time or a size, as the resource requires.
fn parse_value(number: usize, text: &[u8]) -> Option<u64> {
    if text == b"unlimited" {
        return Some(UNLIMITED);
    }
    if !matches!(number, CPU | RTTIME) {
        return value::size(text).ok();
    }
    let (seconds, nanoseconds) = value::time(text).ok()?.as_timespec();
    match number {
        CPU => Some(seconds + u64::from(nanoseconds > 0)),
        _ => seconds.checked_mul(1_000_000)?.checked_add(u64::from(nanoseconds.div_ceil(1000))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    #[test]
    fn parses_names_and_values() {
        let mut limits = Rlimits::default();
        let mut set = |word: &str| limits.parse(Arg::new(word_of(word))).map(|()| limits.all);
        // The numbers of asm-generic/resource.h.
        let check = |all: Result<[Option<Rlimit>; COUNT], _>, number: usize, soft, hard| {
            assert_eq!(all.unwrap()[number], Some(Rlimit { soft, hard }));
        };
        check(set("nofile=1k:2k"), 7, 1024, Some(2048));
        check(set("files=10"), 7, 10, None);
        check(set("vmem=unlimited"), 9, u64::MAX, None);
        check(set("cpu=1.5m"), 0, 90, None);
        check(set("CPU=0.1"), 0, 1, None);
        check(set("rttime=0.5:1"), 15, 500_000, Some(1_000_000));
        check(set("core=0:0"), 4, 0, Some(0));
        check(set("memlock=1m"), 8, 1 << 20, None);
        check(set("msgq=1"), 12, 1, None);
        check(set("nice=1"), 13, 1, None);
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

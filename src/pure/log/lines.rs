//! Where lines end. Pure.

use crate::byte_scan::{self, copy_until};
use crate::text::find_byte;

/// How many bytes the first line has, its newline included; `None` when none ends here.
#[must_use]
pub fn first_line(bytes: &[u8]) -> Option<usize> {
    find_byte(bytes, b'\n').map(|at| at + 1)
}

/// Copies the first line, its newline included: how many bytes were copied, and whether the line ends with them. If it
/// does not, there are no more, or there is no room for more. Behind the line, some of the room may be changed.
#[inline(never)]
pub fn copy_first(from: &[u8], to: &mut [u8]) -> (usize, bool) {
    let size = copy_until(from, to, |block| block.eq(b'\n'));
    match (from.get(size), to.get_mut(size)) {
        (Some(b'\n'), Some(place)) => {
            *place = b'\n';
            (size + 1, true)
        }
        _ => (size, false),
    }
}

/// How many bytes come after the last newline; `None` when there is none.
#[must_use]
pub fn after_last(bytes: &[u8]) -> Option<usize> {
    byte_scan::after_last(bytes, b'\n')
}

/// How many lines end here.
#[must_use]
pub fn count(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// The lines put together are the bytes, and each ends with its newline, however much room there is.
#[cfg(any(test, fuzzing))]
pub fn check(bytes: &[u8]) {
    let mut rest = bytes;
    let mut ends = 0;
    while !rest.is_empty() {
        let mut room = std::vec![0; rest.len() + bytes.len() % 3];
        let (size, ended) = copy_first(rest, &mut room);
        let (line, more) = rest.split_at(size);
        assert_eq!(line, &room[..size], "{bytes:?}");
        assert_eq!(first_line(rest), ended.then_some(size), "{bytes:?}");
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), ended.then(|| size - 1));
        assert!(ended || more.is_empty(), "{bytes:?}");
        let short = size / 2;
        assert_eq!(copy_first(rest, &mut room[..short]), (short, false), "{bytes:?}");
        rest = more;
        ends += u64::from(ended);
    }
    assert_eq!(count(bytes), ends);
    let last = bytes.iter().rposition(|byte| *byte == b'\n');
    assert_eq!(after_last(bytes), last.map(|at| bytes.len() - at - 1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_length() {
        let mut random = crate::testing::Random(7);
        for _ in 0..20_000 {
            let often = 2 + random.below(40) as u64;
            let bytes: Vec<u8> = (0..random.below(80))
                .map(|_| if random.below(often) == 0 { b'\n' } else { random.number() as u8 })
                .collect();
            check(&bytes);
        }
    }

    #[test]
    fn ends_and_counts() {
        assert_eq!(after_last(b"a\nbc"), Some(2));
        assert_eq!(after_last(b"a\n"), Some(0));
        assert_eq!(after_last(b"abc"), None);
        assert_eq!(count(b"a\n\nb"), 2);
    }
}

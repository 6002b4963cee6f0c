//! Line boundaries in a stream of bytes. The loggers call it for every batch of input.

use crate::byte_scan::{self, copy_until};
use crate::text::find_byte;

/// Returns the length of the first line, including its newline; `None` if `bytes` contains no newline.
#[must_use]
pub fn first_line(bytes: &[u8]) -> Option<usize> {
    find_byte(bytes, b'\n').map(|at| at + 1)
}

/// Copies the first line, including its newline. Returns the number of copied bytes, and whether the line is complete.
///
/// An incomplete line was cut by the end of `from` or by the end of `to`. Bytes of `to` after the copied ones may be
/// overwritten.
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

/// Returns the number of bytes after the last newline; `None` if `bytes` contains no newline.
#[must_use]
pub fn after_last(bytes: &[u8]) -> Option<usize> {
    byte_scan::after_last(bytes, b'\n')
}

/// Returns the number of newlines.
#[must_use]
pub fn count(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// Asserts that the copied lines concatenate to `bytes`, for any size of the target. Fuzzing calls it too.
#[cfg(any(test, fuzzing))]
pub fn check(bytes: &[u8]) {
    let mut rest = bytes;
    let mut newlines = 0;
    while !rest.is_empty() {
        let mut target = std::vec![0; rest.len() + bytes.len() % 3];
        let (size, ended) = copy_first(rest, &mut target);
        let (line, more) = rest.split_at(size);
        assert_eq!(line, &target[..size], "{bytes:?}");
        assert_eq!(first_line(rest), ended.then_some(size), "{bytes:?}");
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), ended.then(|| size - 1));
        assert!(ended || more.is_empty(), "{bytes:?}");
        let short = size / 2;
        assert_eq!(copy_first(rest, &mut target[..short]), (short, false), "{bytes:?}");
        rest = more;
        newlines += u64::from(ended);
    }
    assert_eq!(count(bytes), newlines);
    let last = bytes.iter().rposition(|byte| *byte == b'\n');
    assert_eq!(after_last(bytes), last.map(|at| bytes.len() - at - 1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_lines_are_found_and_copied() {
        let mut random = crate::testing::Random(7);
        for _ in 0..20_000 {
            let period = 2 + random.below(40) as u64;
            let bytes: Vec<u8> = (0..random.below(80))
                .map(|_| if random.below(period) == 0 { b'\n' } else { random.number() as u8 })
                .collect();
            check(&bytes);
        }
    }

    #[test]
    fn the_last_newline_is_found_and_all_are_counted() {
        assert_eq!(after_last(b"a\nbc"), Some(2));
        assert_eq!(after_last(b"a\n"), Some(0));
        assert_eq!(after_last(b"abc"), None);
        assert_eq!(count(b"a\n\nb"), 2);
    }
}

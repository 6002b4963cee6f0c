//! Where lines end. The searches go a machine word at a time: they are the inner loop of a stamped log.

/// Bytes of a word, and the words whose every byte is 1, is 0x80.
const WIDTH: usize = size_of::<usize>();
const ONES: usize = usize::MAX / 255;
const HIGHS: usize = ONES << 7;

/// All 0x0a: what a newline is compared with.
const NEWLINES: usize = ONES * 0x0a;

/// The high bit of each byte that is a newline, after Mycroft; right up to the first of them, because a
/// borrow only goes upward.
const fn newlines(word: usize) -> usize {
    let zeros = word ^ NEWLINES;
    zeros.wrapping_sub(ONES) & !zeros & HIGHS
}

/// Half of that, which is enough where all bytes are ASCII.
const fn may_have_newline(word: usize) -> bool {
    (word ^ NEWLINES).wrapping_sub(ONES) & HIGHS != 0
}

/// How many bytes the first line has, its newline included; `None` when none ends here.
#[must_use]
pub fn first_line(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<WIDTH>();
    for (n, word) in words.iter().enumerate() {
        let word = usize::from_le_bytes(*word);
        if may_have_newline(word) && newlines(word) != 0 {
            return Some(n * WIDTH + newlines(word).trailing_zeros() as usize / 8 + 1);
        }
    }
    let at = rest.iter().position(|byte| *byte == b'\n')?;
    Some(bytes.len() - rest.len() + at + 1)
}

/// How many bytes come after the last newline; `None` when there is none.
#[must_use]
pub fn after_last(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rev().position(|byte| *byte == b'\n')
}

/// How many lines end here.
#[must_use]
pub fn count(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// The words find what a look at each byte finds.
#[cfg(any(test, fuzzing))]
pub fn check(bytes: &[u8]) {
    let plain = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
    let mut rest = bytes;
    let mut count_found = 0;
    while let Some(end) = first_line(rest) {
        assert_eq!(Some(end), plain(rest), "{bytes:?}");
        rest = &rest[end..];
        count_found += 1;
    }
    assert_eq!(plain(rest), None, "{bytes:?}");
    assert_eq!(count(bytes), count_found);
    assert_eq!(after_last(bytes), (count_found > 0).then_some(rest.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_miss_no_newline() {
        let mut random = crate::pure::tests::Random(7);
        for _ in 0..20_000 {
            // Bytes around the newline's own value, where borrows would show.
            let bytes: Vec<u8> = (0..random.below(40)).map(|_| 9 + random.below(3) as u8).collect();
            check(&bytes);
        }
        let mut long = [b'x'; 100];
        long[77] = b'\n';
        for from in 0..77 {
            assert_eq!(first_line(&long[from..]), Some(78 - from));
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

//! Looks for bytes of some kind, a word at a time: the inner loops of a stamped log, of long lines and of
//! dsyslog. Pure.
//!
//! A word is the 16 bytes of an SSE2 register where there is one, else those of a register of the machine.

use crate::text::first;
use simd::{Block, ByteMask};

/// Bytes of a word.
const WIDTH: usize = size_of::<Block>();

/// Copies what stands before the first byte that `stops`, as far as there is room; says how much. Behind it, some of the
/// room may be changed.
#[inline(always)]
pub fn copy_until(from: &[u8], to: &mut [u8], stops: impl Fn(Block) -> ByteMask) -> usize {
    let mut at = 0;
    let (words, _) = from.as_chunks::<WIDTH>();
    let (places, _) = to.as_chunks_mut::<WIDTH>();
    for (bytes, place) in words.iter().zip(places) {
        let word = Block::load(bytes);
        word.store(place);
        let found = stops(word);
        if found.any() {
            return at + found.first();
        }
        at += WIDTH;
    }
    while let (Some(byte), Some(place)) = (from.get(at), to.get_mut(at)) {
        if stops(Block::splat(*byte)).any() {
            break;
        }
        *place = *byte;
        at += 1;
    }
    at
}

/// How many bytes come after the last `byte`; `None` when there is none.
#[must_use]
pub fn after_last(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut end = bytes.len();
    // Where there is less than a word, it would begin behind its end.
    while let Some(word) = bytes.get(end.wrapping_sub(WIDTH)..end)
        && word.first_chunk().is_some_and(|word| !Block::load(word).eq(byte).any())
    {
        end -= WIDTH;
    }
    let at = first(bytes, end).iter().rev().position(|one| *one == byte)?;
    Some(bytes.len() - end + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_is_what_stands_before_and_no_more_than_there_is_room_for() {
        let from: Vec<u8> = (1..=99).collect();
        for stop in 0..=100 {
            for size in 0..100 {
                let mut to = vec![0; size];
                let copied = copy_until(&from, &mut to, |word| word.eq(stop));
                let before = from.iter().position(|byte| *byte == stop).unwrap_or(from.len());
                assert_eq!(copied, before.min(size));
                assert_eq!(to[..copied], from[..copied]);
            }
        }
    }
}

//! Search for bytes, one vector at a time. The loggers and the syslog messages call it in their inner loops.
//!
//! A [`Block`] is 16 bytes where the CPU has SSE2, elsewhere one machine word.

use crate::text::first;
use simd::{Block, ByteMask};

/// Bytes in a [`Block`].
const WIDTH: usize = size_of::<Block>();

/// Copies the bytes before the first one that matches `stops`, as many as fit into `to`. Returns their number.
///
/// Bytes of `to` after the copied ones may be overwritten, because whole blocks are stored.
#[inline(always)]
pub fn copy_until(from: &[u8], to: &mut [u8], stops: impl Fn(Block) -> ByteMask) -> usize {
    let mut at = 0;
    let (sources, _) = from.as_chunks::<WIDTH>();
    let (targets, _) = to.as_chunks_mut::<WIDTH>();
    for (source, target) in sources.iter().zip(targets) {
        let block = Block::load(source);
        block.store(target);
        let matches = stops(block);
        if matches.any() {
            return at + matches.first();
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

/// Returns the number of bytes after the last `byte`, or `None` if `bytes` does not contain it.
#[must_use]
pub fn after_last(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut end = bytes.len();
    // With less than a block left, the start wraps around and `get` returns `None`.
    while let Some(block) = bytes.get(end.wrapping_sub(WIDTH)..end)
        && let Some(block) = block.first_chunk()
    {
        if let Some(at) = Block::load(block).last(byte) {
            return Some(bytes.len() - end + WIDTH - 1 - at);
        }
        end -= WIDTH;
    }
    let at = first(bytes, end).iter().rev().position(|one| *one == byte)?;
    Some(bytes.len() - end + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_before_the_stop_are_copied_as_far_as_they_fit() {
        let from: Vec<u8> = (1..=99).collect();
        for stop in 0..=100 {
            for size in 0..100 {
                let mut to = vec![0; size];
                let copied = copy_until(&from, &mut to, |block| block.eq(stop));
                let before = from.iter().position(|byte| *byte == stop).unwrap_or(from.len());
                assert_eq!(copied, before.min(size));
                assert_eq!(to[..copied], from[..copied]);
            }
        }
    }
}

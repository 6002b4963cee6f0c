//! Blocks of bytes that are compared at once. The inner loops of `pure` use them.
//!
//! A [`Block`] is the 16 bytes of an SSE2 register on x86, elsewhere the bytes of one machine word. It is a crate
//! of its own because the SSE2 instructions require `unsafe`, which `pure` forbids.

#![cfg_attr(not(test), no_std)]
#![deny(clippy::undocumented_unsafe_blocks)]

#[cfg(any(test, not(target_feature = "sse2")))]
mod portable;
#[cfg(target_feature = "sse2")]
mod sse2;

#[cfg(not(target_feature = "sse2"))]
pub use portable::{Block, ByteMask};
#[cfg(target_feature = "sse2")]
pub use sse2::{Block, ByteMask};

#[cfg(test)]
mod tests {
    use super::*;

    /// Random numbers from a seed, the same on every machine (xorshift64).
    struct Random(u64);

    impl Random {
        fn number(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn below(&mut self, limit: u64) -> u8 {
            (self.number() % limit) as u8
        }
    }

    /// Compares the masks of random blocks with a comparison byte by byte.
    macro_rules! check_against_bytes {
        ($block:ty) => {{
            let mut random = Random(7);
            for n in 0..200_000 {
                let mut bytes = [0; size_of::<$block>()];
                // Bytes around the values that are compared, where a wrong borrow would show; or any bytes.
                bytes.fill_with(|| match n % 3 {
                    0 => 9 + random.below(3),
                    1 => 0x1e + random.below(4) * 0x20,
                    _ => random.number() as u8,
                });
                let block = <$block>::load(&bytes);
                let mut copy = [0; size_of::<$block>()];
                block.store(&mut copy);
                assert_eq!(copy, bytes);
                let either = block.eq(0x7e) | block.eq(0x0a) | block.le(0x0a);
                let found = [block.eq(0x0a), block.le(0x1f), either];
                let expected: [fn(u8) -> bool; 3] =
                    [|byte| byte == 0x0a, |byte| byte <= 0x1f, |byte| byte == 0x7e || byte <= 0x0a];
                for (found, matches) in found.into_iter().zip(expected) {
                    let first = found.any().then(|| found.first());
                    assert_eq!(first, bytes.iter().position(|byte| matches(*byte)), "{bytes:?}");
                }
                assert!(<$block>::splat(bytes[0]).eq(bytes[0]).any());
                assert_eq!(block.last(0x0a), bytes.iter().rposition(|byte| *byte == 0x0a));
            }
        }};
    }

    #[test]
    fn block_masks_agree_with_a_comparison_of_each_byte() {
        check_against_bytes!(Block);
        check_against_bytes!(portable::Block);
    }
}

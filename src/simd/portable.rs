//! Blocks of one machine word, for processors without SSE2.

use core::ops::BitOr;

/// The bytes of one machine word. The first byte is the lowest, also on big-endian machines.
#[derive(Clone, Copy)]
pub struct Block(usize);

/// The result of a comparison: the high bit of a byte is set if it matched. It is only reliable up to the first match.
#[derive(Clone, Copy)]
pub struct ByteMask(usize);

/// The word in which every byte is 1, and the word in which every byte is 0x80.
const ONES: usize = usize::MAX / 255;
const HIGHS: usize = ONES << 7;

impl Block {
    /// Loads a block from memory.
    #[inline(always)]
    pub const fn load(bytes: &[u8; size_of::<Self>()]) -> Self {
        Self(usize::from_le_bytes(*bytes))
    }

    /// Stores the block to memory.
    #[inline(always)]
    pub const fn store(self, place: &mut [u8; size_of::<Self>()]) {
        *place = self.0.to_le_bytes();
    }

    /// Returns a block in which every byte is `byte`.
    #[inline(always)]
    pub const fn splat(byte: u8) -> Self {
        Self(ONES * byte as usize)
    }

    /// Compares each byte: equal to `byte`.
    #[inline(always)]
    pub const fn eq(self, byte: u8) -> ByteMask {
        Self(self.0 ^ Self::splat(byte).0).le(0)
    }

    /// Returns the index of the last byte that is equal to `byte`; `None` if there is none.
    ///
    /// The sum sets the high bit of each byte whose low bits are not all zero, and never carries into the next.
    #[inline(always)]
    pub const fn last(self, byte: u8) -> Option<usize> {
        let differs = self.0 ^ Self::splat(byte).0;
        let matches = !((differs & !HIGHS).wrapping_add(!HIGHS) | differs) & HIGHS;
        match matches.checked_ilog2() {
            Some(bit) => Some(bit as usize / 8),
            None => None,
        }
    }

    /// Compares each byte: less than or equal to `byte`, which must be below 0x7f.
    ///
    /// This is Alan Mycroft's test for a zero byte: the subtraction borrows in each byte that is smaller, and a borrow
    /// only affects higher bytes.
    #[inline(always)]
    pub const fn le(self, byte: u8) -> ByteMask {
        ByteMask(self.0.wrapping_sub(Self::splat(byte + 1).0) & !self.0 & HIGHS)
    }
}

impl ByteMask {
    /// Returns whether any byte matched.
    #[inline(always)]
    pub const fn any(self) -> bool {
        self.0 != 0
    }

    /// Returns the index of the first byte that matched.
    #[inline(always)]
    pub const fn first(self) -> usize {
        self.0.trailing_zeros() as usize / 8
    }
}

impl BitOr for ByteMask {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

//! Blocks of one machine word, for processors without SSE2.

use core::ops::BitOr;

#[derive(Clone, Copy)]
pub struct Block(usize);

/// Which bytes of a word are meant: their high bits, up to the first of them; behind it others may be set.
#[derive(Clone, Copy)]
pub struct ByteMask(usize);

/// The words whose every byte is 1, is 0x80.
const ONES: usize = usize::MAX / 255;
const HIGHS: usize = ONES << 7;

impl Block {
    #[inline(always)]
    pub const fn load(bytes: &[u8; size_of::<Self>()]) -> Self {
        Self(usize::from_le_bytes(*bytes))
    }

    #[inline(always)]
    pub const fn store(self, place: &mut [u8; size_of::<Self>()]) {
        *place = self.0.to_le_bytes();
    }

    /// The same byte at each place.
    #[inline(always)]
    pub const fn splat(byte: u8) -> Self {
        Self(ONES * byte as usize)
    }

    #[inline(always)]
    pub const fn eq(self, byte: u8) -> ByteMask {
        Self(self.0 ^ Self::splat(byte).0).le(0)
    }

    /// At most that, which has to be below 0x80. After Mycroft: whoever is smaller borrows, and a borrow only
    /// goes upward.
    #[inline(always)]
    pub const fn le(self, byte: u8) -> ByteMask {
        ByteMask(self.0.wrapping_sub(Self::splat(byte + 1).0) & !self.0 & HIGHS)
    }
}

impl ByteMask {
    #[inline(always)]
    pub const fn any(self) -> bool {
        self.0 != 0
    }

    /// The place of the first, if there is any.
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

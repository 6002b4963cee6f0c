//! Blocks of 16 bytes in SSE2 registers. Every x86-64 has SSE2, and so has Rust's i686 target (from the Pentium 4 on).
//!
//! The instructions are described in Intel's Software Developer's Manual, volume 2.

#[cfg(target_arch = "x86")]
use core::arch::x86 as arch;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64 as arch;
use core::ops::BitOr;

/// 16 bytes.
#[derive(Clone, Copy)]
pub struct Block(arch::__m128i);

/// The result of a comparison: all bits of a byte are set if it matched.
#[derive(Clone, Copy)]
pub struct ByteMask(arch::__m128i);

impl Block {
    /// Loads a block from memory.
    #[inline(always)]
    #[must_use]
    pub fn load(bytes: &[u8; 16]) -> Self {
        // SAFETY: the instruction reads 16 bytes at any alignment.
        Self(unsafe { arch::_mm_loadu_si128(bytes.as_ptr().cast()) })
    }

    /// Stores the block to memory.
    #[inline(always)]
    pub fn store(self, place: &mut [u8; 16]) {
        // SAFETY: the instruction writes 16 bytes at any alignment.
        unsafe { arch::_mm_storeu_si128(place.as_mut_ptr().cast(), self.0) };
    }

    /// Returns a block of 16 times the same byte.
    #[inline(always)]
    #[must_use]
    pub fn splat(byte: u8) -> Self {
        // SAFETY: the processor has SSE2.
        Self(unsafe { arch::_mm_set1_epi8(byte.cast_signed()) })
    }

    /// Compares each byte: equal to `byte`.
    #[inline(always)]
    #[must_use]
    pub fn eq(self, byte: u8) -> ByteMask {
        // SAFETY: the processor has SSE2.
        ByteMask(unsafe { arch::_mm_cmpeq_epi8(self.0, Self::splat(byte).0) })
    }

    /// Returns the index of the last byte that is equal to `byte`; `None` if there is none.
    #[inline(always)]
    #[must_use]
    pub fn last(self, byte: u8) -> Option<usize> {
        self.eq(byte).bits().checked_ilog2().map(|bit| bit as usize)
    }

    /// Compares each byte: less than or equal to `byte`.
    #[inline(always)]
    #[must_use]
    pub fn le(self, byte: u8) -> ByteMask {
        // SAFETY: the processor has SSE2.
        let minimum = unsafe { arch::_mm_min_epu8(self.0, Self::splat(byte).0) };
        // SAFETY: the processor has SSE2.
        ByteMask(unsafe { arch::_mm_cmpeq_epi8(self.0, minimum) })
    }
}

impl ByteMask {
    /// Returns one bit for each byte.
    #[inline(always)]
    fn bits(self) -> i32 {
        // SAFETY: the processor has SSE2.
        unsafe { arch::_mm_movemask_epi8(self.0) }
    }

    /// Returns whether any byte matched.
    #[inline(always)]
    #[must_use]
    pub fn any(self) -> bool {
        self.bits() != 0
    }

    /// Returns the index of the first byte that matched; 32 if there is none.
    #[inline(always)]
    #[must_use]
    pub fn first(self) -> usize {
        self.bits().trailing_zeros() as usize
    }
}

impl BitOr for ByteMask {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        // SAFETY: the processor has SSE2.
        Self(unsafe { arch::_mm_or_si128(self.0, other.0) })
    }
}

//! Sixteen bytes at once, where the processor has registers for them: SSE2, which is in each x86-64, and in what Rust
//! takes for an i686, from the Pentium 4 on. The one module of `sys` that asks no kernel, so that `pure` may use it,
//! in `pure/scan.rs`.
//!
//! Names and meaning of the instructions are those of Intel's Software Developer's Manual, volume 2.

#[cfg(target_arch = "x86")]
use core::arch::x86 as arch;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64 as arch;
use core::ops::BitOr;

/// 16 bytes.
#[derive(Clone, Copy)]
pub struct Block(arch::__m128i);

/// Which bytes of a word are meant: all their bits are set.
#[derive(Clone, Copy)]
pub struct ByteMask(arch::__m128i);

impl Block {
    #[inline(always)]
    #[must_use]
    pub fn load(bytes: &[u8; 16]) -> Self {
        // SAFETY: 16 bytes, wherever they lie.
        Self(unsafe { arch::_mm_loadu_si128(bytes.as_ptr().cast()) })
    }

    #[inline(always)]
    pub fn store(self, place: &mut [u8; 16]) {
        // SAFETY: room for 16 bytes, wherever it lies.
        unsafe { arch::_mm_storeu_si128(place.as_mut_ptr().cast(), self.0) };
    }

    /// The same byte at each place.
    #[inline(always)]
    #[must_use]
    pub fn splat(byte: u8) -> Self {
        // SAFETY: the processor has SSE2.
        Self(unsafe { arch::_mm_set1_epi8(byte.cast_signed()) })
    }

    /// Where that byte is.
    #[inline(always)]
    #[must_use]
    pub fn eq(self, byte: u8) -> ByteMask {
        // SAFETY: the processor has SSE2.
        ByteMask(unsafe { arch::_mm_cmpeq_epi8(self.0, Self::splat(byte).0) })
    }

    /// Where bytes are at most that.
    #[inline(always)]
    #[must_use]
    pub fn le(self, byte: u8) -> ByteMask {
        // SAFETY: the processor has SSE2.
        let least = unsafe { arch::_mm_min_epu8(self.0, Self::splat(byte).0) };
        // SAFETY: the processor has SSE2.
        ByteMask(unsafe { arch::_mm_cmpeq_epi8(self.0, least) })
    }
}

impl ByteMask {
    /// One bit a byte.
    #[inline(always)]
    fn bits(self) -> i32 {
        // SAFETY: the processor has SSE2.
        unsafe { arch::_mm_movemask_epi8(self.0) }
    }

    #[inline(always)]
    #[must_use]
    pub fn any(self) -> bool {
        self.bits() != 0
    }

    /// The place of the first, if there is any.
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

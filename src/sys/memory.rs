//! The big buffers: fixed memory that costs nothing until it is written to.
//!
//! They lie in .bss and not on the stack, where the compiler would touch every page of them.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A piece of static memory that is handed out once.
pub struct Block<const N: usize> {
    bytes: UnsafeCell<[u8; N]>,
    taken: AtomicBool,
}

// SAFETY: the bytes are reached only through `take`, which gives them to one caller.
unsafe impl<const N: usize> Sync for Block<N> {}

impl<const N: usize> Block<N> {
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: UnsafeCell::new([0; N]), taken: AtomicBool::new(false) }
    }

    /// The memory, for the first who asks.
    #[allow(clippy::mut_from_ref, reason = "the flag lets one caller through")]
    pub fn take(&'static self) -> Option<&'static mut [u8; N]> {
        if self.taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        // SAFETY: the swap makes this the only reference there will ever be.
        Some(unsafe { &mut *self.bytes.get() })
    }

    /// One past the last byte, where a stack begins.
    pub(super) const fn end(&'static self) -> *mut u8 {
        self.bytes.get().cast::<u8>().wrapping_add(N)
    }
}

impl<const N: usize> Default for Block<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// From this length on the C library's copy is faster; below, its start costs more than the copy.
const LONG: usize = 256;

/// Copies as much of `from` as `to` has room for; says how much. Unlike `copy_from_slice` it asks for no
/// proof of equal lengths. Short pieces, as of a log line, go word by word.
pub fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let size = from.len().min(to.len());
    if size < LONG {
        let (words, bytes) = from.get(..size).unwrap_or(from).as_chunks::<8>();
        let (places, rest) = to.as_chunks_mut::<8>();
        places.iter_mut().zip(words).for_each(|(place, word)| *place = *word);
        let last = places.get_mut(words.len()).map_or(rest, <[u8; 8]>::as_mut_slice);
        last.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    } else {
        // SAFETY: `size` bytes are in both; a shared and a mutable slice do not overlap.
        unsafe { core::ptr::copy_nonoverlapping(from.as_ptr(), to.as_mut_ptr(), size) };
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_every_length_are_copies() {
        let from: Vec<u8> = (0..=u8::MAX).cycle().take(600).collect();
        for size in 0..600_usize {
            for room in [size, size + 1, size + 9, size.saturating_sub(3)] {
                let mut to = vec![0xee; room];
                let copied = copy(&from[..size], &mut to);
                assert_eq!(copied, size.min(room));
                assert_eq!(to[..copied], from[..copied]);
                assert!(to[copied..].iter().all(|byte| *byte == 0xee));
            }
        }
    }
}

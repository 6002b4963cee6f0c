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

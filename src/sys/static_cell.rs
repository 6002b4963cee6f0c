//! The big buffers: fixed memory that costs nothing until it is written to.
//!
//! They lie in .bss and not on the stack, where the compiler would touch every page of them.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A piece of static memory that is handed out once.
// In this order: the mark is in the page that is used first.
#[repr(C)]
pub struct StaticCell<T> {
    taken: AtomicBool,
    content: UnsafeCell<T>,
}

// SAFETY: the content is reached only through `take`, which gives it to one caller. The program has one
// thread, so that looking and marking need not be one step (on ARM64 that would take a kilobyte of code
// that asks for the kind of processor).
unsafe impl<T> Sync for StaticCell<T> {}

impl<T> StaticCell<T> {
    #[must_use]
    pub const fn new(content: T) -> Self {
        Self { content: UnsafeCell::new(content), taken: AtomicBool::new(false) }
    }

    /// The memory, for the first who asks.
    #[allow(clippy::mut_from_ref, reason = "the flag lets one caller through")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        if self.taken.load(Ordering::Relaxed) {
            return None;
        }
        self.taken.store(true, Ordering::Relaxed);
        // SAFETY: the mark makes this the only reference there will ever be.
        Some(unsafe { &mut *self.content.get() })
    }
}

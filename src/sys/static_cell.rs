//! Large static buffers, each handed out once.
//!
//! They are in .bss and not on the stack: the kernel provides a page only when it is written, whereas the compiler
//! touches every page of a large stack frame.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// Static memory with one owner.
// repr(C): the flag is in the page that is written first.
#[repr(C)]
pub struct StaticCell<T> {
    taken: AtomicBool,
    content: UnsafeCell<T>,
}

// SAFETY: the content is only accessible through `take`, which returns it once. The process has one thread, so the
// flag need not be read and written in one step. On ARM64 that step would add a kilobyte of code, which detects the
// processor.
unsafe impl<T> Sync for StaticCell<T> {}

impl<T> StaticCell<T> {
    #[must_use]
    pub const fn new(content: T) -> Self {
        Self { content: UnsafeCell::new(content), taken: AtomicBool::new(false) }
    }

    /// Returns the memory to the first caller, and `None` to each later one.
    #[allow(clippy::mut_from_ref, reason = "the flag lets one caller through")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        if self.taken.load(Ordering::Relaxed) {
            return None;
        }
        self.taken.store(true, Ordering::Relaxed);
        // SAFETY: the flag makes this the only reference.
        Some(unsafe { &mut *self.content.get() })
    }
}

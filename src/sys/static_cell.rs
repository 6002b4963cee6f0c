//! Large static buffers, each handed out once.
//!
//! They are in .bss and not on the stack: the kernel provides a page only when it is written, whereas the compiler
//! touches every page of a large stack frame.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

/// How many buffers of each cell have an owner. Here and not in the cells, so that it is in the page of the small
/// variables, and an owner that does not write to its buffer needs no page.
static TAKEN: [AtomicUsize; 9] = [const { AtomicUsize::new(0) }; 9];

/// Static memory: `N` buffers, each with one owner. No other cell has the same `ID`.
pub struct StaticCell<T, const ID: usize, const N: usize = 1>(UnsafeCell<[T; N]>);

// SAFETY: the content is only accessible through `take`, which returns each buffer once. The process has one thread, so
// the count need not be read and written in one step. On ARM64 that step would add a kilobyte of code, which detects
// the processor.
unsafe impl<T, const ID: usize, const N: usize> Sync for StaticCell<T, ID, N> {}

impl<T, const ID: usize, const N: usize> StaticCell<T, ID, N> {
    #[must_use]
    pub const fn new(content: [T; N]) -> Self {
        Self(UnsafeCell::new(content))
    }

    /// Returns the next buffer to each of the first `N` callers, and `None` to each later one.
    #[allow(clippy::mut_from_ref, reason = "the count lets one caller through")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        let taken = TAKEN.get(ID)?;
        let index = taken.load(Ordering::Relaxed);
        if index >= N {
            return None;
        }
        taken.store(index + 1, Ordering::Relaxed);
        // SAFETY: the index is below `N`, and the count makes this the only reference to the buffer.
        Some(unsafe { &mut *self.0.get().cast::<T>().add(index) })
    }
}

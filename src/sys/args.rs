//! The command line, in the memory in which the kernel passed it.

use super::static_cell::StaticCell;
use core::ffi::{CStr, c_char, c_int};
use core::ptr::NonNull;

/// The argument vector of `main`: `count` pointers.
#[derive(Clone, Copy)]
pub struct Args {
    first: *mut *const c_char,
    count: usize,
}

/// A command with its arguments as execve(2) takes them: a part of the argument vector, ended by a null pointer. It has
/// at least one word.
#[derive(Clone, Copy)]
pub struct Argv(NonNull<*const c_char>);

impl Args {
    /// # Safety
    /// `count` and `first` are the arguments that the kernel has passed.
    #[must_use]
    pub unsafe fn new(count: c_int, first: *mut *const c_char) -> Self {
        Self { first, count: usize::try_from(count).unwrap_or(0) }
    }

    /// Returns the number of words, the program's name included.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Returns word `at`; word 0 is the name by which the program was called.
    #[must_use]
    pub fn word(&self, at: usize) -> Option<&'static CStr> {
        if at >= self.count {
            return None;
        }
        // SAFETY: `at` is below the number of words.
        let word = unsafe { *self.first.add(at) };
        // SAFETY: each word ends in NUL and lives as long as the process.
        (!word.is_null()).then(|| unsafe { CStr::from_ptr(word) })
    }

    /// Returns the words from `at` on.
    pub fn from(self, at: usize) -> impl Iterator<Item = &'static CStr> {
        (at..self.count).map_while(move |at| self.word(at))
    }

    /// Returns the words from `from` up to `to` as a command; `None` if there are none.
    ///
    /// A null pointer, which ends a command, replaces its last word. For that, the words move down by one place, over a
    /// word that is no longer needed: the program's name, an option or `--`. So a command of any length needs no
    /// copy, and the null pointer behind the whole vector is free for
    /// [`Variables`](super::environment::Variables).
    #[must_use]
    pub fn command(&self, from: usize, to: usize) -> Option<Argv> {
        if from >= to || to > self.count {
            return None;
        }
        self.word(from)?;
        // SAFETY: `from` is at least 1 and below the number of words.
        let first = unsafe { self.first.add(from.checked_sub(1)?) };
        // SAFETY: `to` is at most the number of words. The vector is writable memory of the process.
        unsafe { core::ptr::copy(first.add(1), first, to - from) };
        // SAFETY: this was the place of the last word.
        unsafe { *first.add(to - from) = core::ptr::null() };
        NonNull::new(first).map(Argv)
    }
}

/// The maximum number of words of [`Argv::from_words`]. Chosen.
pub const MAX_WORDS: usize = 64;

/// The words of one command that is not in the argument vector, and null pointers behind them.
static VECTOR: StaticCell<[*const c_char; MAX_WORDS + 1], 7> =
    StaticCell::new([[core::ptr::null(); MAX_WORDS + 1]]);

impl Argv {
    /// Returns the command that consists of the words of `next`; `None` if there are none or more than [`MAX_WORDS`],
    /// and on the second call.
    #[must_use]
    pub fn from_words(mut next: impl FnMut() -> Option<&'static CStr>) -> Option<Self> {
        let [places @ .., _] = VECTOR.take()?;
        let mut count = 0;
        while let Some(word) = next() {
            *places.get_mut(count)? = word.as_ptr();
            count += 1;
        }
        NonNull::new(places.as_mut_ptr()).filter(|_| count > 0).map(Self)
    }

    /// Returns the command's first word.
    #[must_use]
    pub fn name(&self) -> &'static CStr {
        // SAFETY: there is a first word; it ends in NUL and lives as long as the process.
        unsafe { CStr::from_ptr(*self.0.as_ptr()) }
    }

    pub(crate) const fn pointer(&self) -> *const *const c_char {
        self.0.as_ptr()
    }
}

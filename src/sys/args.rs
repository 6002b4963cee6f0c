//! The words the program was started with, where the kernel laid them.

use core::ffi::{CStr, c_char, c_int};

/// The argument vector: `count` pointers and a null one after them.
#[derive(Clone, Copy)]
pub struct Args {
    first: *mut *const c_char,
    count: usize,
}

/// A command and its arguments as `execve` takes them: a piece of the argument vector itself, ended
/// by a null pointer.
#[derive(Clone, Copy)]
pub struct Argv {
    first: *const *const c_char,
    name: &'static CStr,
}

impl Args {
    /// # Safety
    /// `first` and `count` are what `main` was given.
    #[must_use]
    pub unsafe fn new(count: c_int, first: *mut *const c_char) -> Self {
        Self { first, count: usize::try_from(count).unwrap_or(0) }
    }

    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Word `at`; the 0th is the name the program was called by.
    #[must_use]
    pub fn word(&self, at: usize) -> Option<&'static CStr> {
        if at >= self.count {
            return None;
        }
        // SAFETY: `at` is below the count that `main` was given with this vector.
        let word = unsafe { *self.first.add(at) };
        // SAFETY: the kernel's words end in NUL and stay for the life of the process.
        (!word.is_null()).then(|| unsafe { CStr::from_ptr(word) })
    }

    /// The words from `at` on.
    pub fn from(self, at: usize) -> impl Iterator<Item = &'static CStr> {
        (at..self.count).map_while(move |at| self.word(at))
    }

    /// The command that stands from `from` up to `to`, if there is a word. The word at `to` is cut
    /// off the vector, so that nothing has to be copied, however long the command is.
    #[must_use]
    pub fn command(&self, from: usize, to: usize) -> Option<Argv> {
        if from >= to || to > self.count {
            return None;
        }
        let name = self.word(from)?;
        // SAFETY: `to` is at most the count, where the null pointer at the end stands; the vector is
        // writable memory of the process.
        unsafe { *self.first.add(to) = core::ptr::null() };
        // SAFETY: `from` is below the count.
        Some(Argv { first: unsafe { self.first.add(from) }, name })
    }
}

impl Argv {
    #[must_use]
    pub const fn name(&self) -> &'static CStr {
        self.name
    }

    pub(crate) const fn pointer(&self) -> *const *const c_char {
        self.first
    }
}

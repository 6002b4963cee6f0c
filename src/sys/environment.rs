//! The environment: what we were started with, and a new one in its place that commands get.

use super::static_cell::StaticCell;
use core::ffi::{CStr, c_char};
use pure::cli::getopt::rest;
use pure::text::{split_once, strip_prefix};

/// How many variables a new environment has room for, a choice: a shell has a hundred.
pub const MAX_VARIABLES: usize = 1000;

/// Pointers to `NAME=VALUE` as `execve` takes them, null from the end on.
type Vector = [*const c_char; MAX_VARIABLES + 1];

static VECTOR: StaticCell<Vector> = StaticCell::new([core::ptr::null(); MAX_VARIABLES + 1]);

unsafe extern "C" {
    /// What the kernel has told musl's start in `AT_SECURE`.
    #[cfg(target_env = "musl")]
    fn issetugid() -> core::ffi::c_int;

    /// The environment in force (environ(7)).
    static mut environ: *const *const c_char;
}

/// The environment in force.
pub(crate) fn pointer() -> *const *const c_char {
    // SAFETY: set by the C runtime and by `put_in_force`, always to a vector that ends in null.
    unsafe { environ }
}

/// Pointers to all `NAME=VALUE` of a vector that ends in null and stays.
fn pointers(mut at: *const *const c_char) -> impl Iterator<Item = *const c_char> {
    core::iter::from_fn(move || {
        // SAFETY: a place of the vector, at its null pointer at the latest.
        let variable = unsafe { *at };
        if variable.is_null() {
            return None;
        }
        // SAFETY: this was not the last one.
        at = unsafe { at.add(1) };
        Some(variable)
    })
}

/// The same as words.
fn all(at: *const *const c_char) -> impl Iterator<Item = &'static CStr> {
    // SAFETY: the words end in NUL and stay for the life of the process.
    pointers(at).map(|variable| unsafe { CStr::from_ptr(variable) })
}

/// The value of a variable. Of most others only the first byte is looked at: there are many.
#[must_use]
pub fn variable(name: &[u8]) -> Option<&'static CStr> {
    pointers(pointer()).find_map(|variable| {
        // SAFETY: a word that ends in NUL has a first byte.
        #[allow(clippy::unnecessary_cast, reason = "C's char has a sign on some machines")]
        let first = unsafe { *variable } as u8;
        if name.first() != Some(&first) {
            return None;
        }
        // SAFETY: the words end in NUL and stay for the life of the process.
        let word = unsafe { CStr::from_ptr(variable) };
        let value = strip_prefix(word.to_bytes(), name)?;
        value.starts_with(b"=").then(|| rest(word, name.len() + 1)).flatten()
    })
}

/// Whether who has set the environment has all the rights that we have: not if we are set-uid, say, or were started
/// by what is (`AT_SECURE` of getauxval(3)).
#[must_use]
pub fn is_trusted() -> bool {
    #[cfg(target_env = "musl")]
    // SAFETY: no arguments.
    let others = unsafe { issetugid() } != 0;
    #[cfg(not(target_env = "musl"))]
    // SAFETY: a number.
    let others = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    !others
}

/// A new environment in the making.
pub struct Environment {
    vector: &'static mut Vector,
    count: usize,
}

/// There are more than [`MOST`] variables.
pub struct Full;

fn name_of(variable: &CStr) -> &[u8] {
    split_once(variable.to_bytes(), b'=').0
}

impl Environment {
    /// An empty one; `None` if there is one already.
    pub fn begin() -> Option<Self> {
        Some(Self { vector: VECTOR.take()?, count: 0 })
    }

    /// Puts it in the place of the one in force.
    pub fn install(&self) {
        // SAFETY: there is one thread; the vector is static, and null from its end on.
        unsafe { environ = self.vector.as_ptr() };
    }

    /// Takes over the variable `name` of the one in force, or all. Of two of a name the first counts, as for
    /// getenv(3).
    ///
    /// # Errors
    /// More than there is room for.
    pub fn inherit(&mut self, name: Option<&[u8]>) -> Result<(), Full> {
        for variable in all(pointer()) {
            let own = name_of(variable);
            let first = all(pointer()).find(|other| name_of(other) == own);
            if name.is_none_or(|name| name == own)
                && first.map(CStr::as_ptr) == Some(variable.as_ptr())
            {
                self.set(variable)?;
            }
        }
        Ok(())
    }

    fn place(&self, name: &[u8]) -> usize {
        all(self.vector.as_ptr()).take_while(|variable| name_of(variable) != name).count()
    }

    /// Sets a variable, `NAME=VALUE`.
    ///
    /// # Errors
    /// More than there is room for.
    pub fn set(&mut self, variable: &'static CStr) -> Result<(), Full> {
        let place = self.place(name_of(variable));
        // The last pointer stays null.
        let pointer = self.vector.get_mut(place).filter(|_| place < MAX_VARIABLES).ok_or(Full)?;
        *pointer = variable.as_ptr();
        self.count = self.count.max(place + 1);
        Ok(())
    }

    /// Removes a variable, if it is there.
    pub fn remove(&mut self, name: &[u8]) {
        let place = self.place(name);
        if let Some(rest @ [_, ..]) = self.vector.get_mut(place..self.count) {
            rest.rotate_left(1);
            rest.last_mut().into_iter().for_each(|last| *last = core::ptr::null());
            self.count -= 1;
        }
    }
}

//! The environment of this process, and new ones for commands (environ(7)).

use super::static_cell::StaticCell;
use core::cell::Cell;
use core::ffi::{CStr, c_char, c_ulong};
use core::marker::PhantomData;
#[cfg(target_env = "musl")]
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use pure::text::{cstr_tail, split_once, strip_prefix};

/// The maximum number of variables in a new environment. Chosen: a login shell has about a hundred.
pub const MAX_VARIABLES: usize = 2000;

/// Two free places for [`Variables`], then pointers to `NAME=VALUE` as execve(2) takes them; null from the end on.
/// Cells, because the free place is written through a shared reference.
type Vector = [Cell<*const c_char>; MAX_VARIABLES + 3];

/// One for `-E`, one for each of dmon's three children. A page that is not written takes no memory.
static VECTORS: StaticCell<Vector, 6, 4> =
    StaticCell::new([const { [const { Cell::new(core::ptr::null()) }; MAX_VARIABLES + 3] }; 4]);

unsafe extern "C" {
    /// The current environment.
    static mut environ: *mut *const c_char;
}

/// The auxiliary vector, which follows the environment that the kernel has passed: pairs of a type and a value.
#[cfg(target_env = "musl")]
static AUXILIARY: AtomicPtr<usize> = AtomicPtr::new(core::ptr::null_mut());

/// Stores the environment that the kernel has passed, and finds the auxiliary vector.
///
/// # Safety
/// Called at the start of the process, with the pointer behind the arguments.
#[cfg(target_env = "musl")]
pub(crate) unsafe fn set(first: *mut *const c_char) {
    // SAFETY: nothing else refers to it yet.
    unsafe { environ = first };
    let behind = first.wrapping_add(pointers(first).count() + 1);
    AUXILIARY.store(behind.cast(), Relaxed);
}

/// Returns a value of the auxiliary vector; 0 if the kernel has not passed it (getauxval(3)).
#[must_use]
#[cfg(target_env = "musl")]
pub fn auxiliary(kind: c_ulong) -> usize {
    let mut at = AUXILIARY.load(Relaxed);
    loop {
        // SAFETY: `at` points to a pair of the vector, which ends with a pair of zeros.
        let [found, value] = unsafe { *at.cast::<[usize; 2]>() };
        if found == 0 || found == kind as usize {
            return value;
        }
        at = at.wrapping_add(2);
    }
}

/// As above, of a test.
#[must_use]
#[cfg(not(target_env = "musl"))]
pub fn auxiliary(kind: c_ulong) -> usize {
    // SAFETY: the argument is a number.
    unsafe { libc::getauxval(kind) as usize }
}

/// Returns the current environment.
fn pointer() -> *mut *const c_char {
    // SAFETY: the start and `install` set it, always to a vector that ends in null.
    unsafe { environ }
}

/// The variables that a command is executed with.
#[derive(Clone, Copy)]
pub struct Variables<'a>(*const *const c_char, PhantomData<&'a CStr>);

impl<'a> Variables<'a> {
    /// Returns the variables of `environment`, where `None` is the current one, and `additional` in front of them.
    ///
    /// Nothing is copied, and the environment stays as it is: the place in front of its first variable is free. In the
    /// environment that the kernel passed, this is the place of the null pointer behind the arguments (execve(2)), which
    /// [`Args`](super::args::Args) does not use.
    #[must_use]
    pub fn new(environment: Option<&Environment>, additional: Option<&'a CStr>) -> Self {
        let first = environment.map_or_else(pointer, Environment::pointer);
        let Some(variable) = additional else {
            return Self(first, PhantomData);
        };
        let place = first.wrapping_sub(1);
        // SAFETY: the place belongs to the vector, or to the argument vector, and nothing reads it.
        unsafe { *place = variable.as_ptr() };
        Self(place, PhantomData)
    }

    /// Returns the variables of `environment`, and these two in front of them.
    #[must_use]
    pub fn with_two(environment: &'a Environment, additional: [&'a CStr; 2]) -> Self {
        let mut place = environment.pointer();
        for variable in additional {
            place = place.wrapping_sub(1);
            // SAFETY: the vector has two places in front of the first variable.
            unsafe { *place = variable.as_ptr() };
        }
        Self(place, PhantomData)
    }

    /// Returns the vector for execve(2).
    pub(crate) const fn pointer(self) -> *const *const c_char {
        self.0
    }
}

/// Iterates over a vector of pointers that ends in null and lives as long as the process.
fn pointers(mut at: *mut *const c_char) -> impl Iterator<Item = *const c_char> {
    core::iter::from_fn(move || {
        // SAFETY: `at` points to an entry of the vector, and never behind its null pointer.
        let variable = unsafe { *at };
        if variable.is_null() {
            return None;
        }
        // SAFETY: this entry was not the last one.
        at = unsafe { at.add(1) };
        Some(variable)
    })
}

/// Iterates over the strings of such a vector.
fn strings(at: *mut *const c_char) -> impl Iterator<Item = &'static CStr> {
    // SAFETY: each string ends in NUL and lives as long as the process.
    pointers(at).map(|variable| unsafe { CStr::from_ptr(variable) })
}

/// Returns the value of a variable.
#[must_use]
pub fn variable(name: &[u8]) -> Option<&'static CStr> {
    cstr_tail(find(pointer(), name)?.1, name.len() + 1)
}

/// Removes a variable from the current environment, also if it occurs more than once.
pub fn remove(name: &[u8]) {
    while let Some((at, _)) = find(pointer(), name) {
        let place = pointer().wrapping_add(at);
        let behind = pointers(place).count();
        // SAFETY: these are the places of the variables behind this one, and of the null pointer.
        unsafe { core::ptr::copy(place.add(1), place, behind) };
    }
}

/// Returns the index and the text `NAME=VALUE` of a variable in such a vector. Comparing the first byte of each name
/// saves most calls of strlen(3).
fn find(vector: *mut *const c_char, name: &[u8]) -> Option<(usize, &'static CStr)> {
    pointers(vector).enumerate().find_map(|(at, variable)| {
        // SAFETY: a string that ends in NUL has a first byte.
        #[allow(clippy::unnecessary_cast, reason = "c_char is signed on some machines")]
        let first = unsafe { *variable } as u8;
        if name.first() != Some(&first) {
            return None;
        }
        // SAFETY: each string ends in NUL and lives as long as the process.
        let text = unsafe { CStr::from_ptr(variable) };
        let value = strip_prefix(text.to_bytes(), name)?;
        value.starts_with(b"=").then_some((at, text))
    })
}

/// Returns whether the process that set the environment has the same privileges. False in a set-user-ID program
/// (`AT_SECURE` of getauxval(3)).
#[must_use]
pub fn is_trusted() -> bool {
    auxiliary(libc::AT_SECURE) == 0
}

/// A new environment, to install or to execute a command with.
pub struct Environment {
    vector: &'static Vector,
    count: Cell<usize>,
}

/// The error for more than [`MAX_VARIABLES`] variables.
pub struct Full;

fn name_of(variable: &CStr) -> &[u8] {
    split_once(variable.to_bytes(), b'=').0
}

impl Environment {
    /// Returns an empty environment; `None` on the fifth call, because there is memory for four.
    #[inline(never)]
    pub fn claim() -> Option<Self> {
        Some(Self { vector: VECTORS.take()?, count: Cell::new(0) })
    }

    /// Returns the place of the first variable.
    const fn pointer(&self) -> *mut *const c_char {
        self.vector.as_ptr().cast::<*const c_char>().cast_mut().wrapping_add(2)
    }

    /// Replaces the current environment.
    pub fn install(&self) {
        // SAFETY: the process has one thread; the vector is static, and null from its end on.
        unsafe { environ = self.pointer() };
    }

    /// Copies the variable `name` of the current environment, if it exists. Of two with the same name it takes the first,
    /// as getenv(3) does.
    ///
    /// # Errors
    /// [`Full`].
    pub fn inherit(&self, name: &[u8]) -> Result<(), Full> {
        find(pointer(), name).map_or(Ok(()), |(_, variable)| self.set(variable))
    }

    /// Copies all variables of the current environment.
    ///
    /// # Errors
    /// [`Full`].
    pub fn inherit_all(&self) -> Result<(), Full> {
        strings(pointer()).try_for_each(|variable| self.inherit(name_of(variable)))
    }

    /// Sets a variable, given as `NAME=VALUE`.
    ///
    /// # Errors
    /// [`Full`].
    pub fn set(&self, variable: &'static CStr) -> Result<(), Full> {
        let found = find(self.pointer(), name_of(variable));
        let index = found.map_or(self.count.get(), |(index, _)| index);
        // The last entry stays null.
        let place = self.vector.get(index + 2).filter(|_| index < MAX_VARIABLES).ok_or(Full)?;
        place.set(variable.as_ptr());
        self.count.set(self.count.get().max(index + 1));
        Ok(())
    }

    /// Removes a variable, if it exists. The last one takes its place.
    pub fn remove(&self, name: &[u8]) {
        if let Some((index, _)) = find(self.pointer(), name) {
            let places = (self.vector.get(index + 2), self.vector.get(self.count.get() + 1));
            if let (Some(place), Some(last)) = places {
                place.set(last.get());
                last.set(core::ptr::null());
            }
            self.count.set(self.count.get() - 1);
        }
    }
}

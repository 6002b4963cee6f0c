//! The executable: the command line in, the exit code out. All else is in the library.

#![no_std]
#![no_main]

use core::ffi::{c_char, c_int};
use sys::args::Args;

// The libc crate leaves the linking of musl to us when there is no std.
#[cfg(target_env = "musl")]
#[link(name = "c", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

// On the host's own C library it does so only for what the libc crate itself uses.
#[cfg(not(target_env = "musl"))]
#[link(name = "c")]
unsafe extern "C" {}

#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, words: *mut *const c_char) -> c_int {
    // SAFETY: they are what the C runtime gives to main.
    let args = unsafe { Args::new(count, words) };
    c_int::from(dmon::run(args))
}

/// Never reached, and in a release build not even there: `scripts/check-binary` looks.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    sys::process::exit(125)
}

// `cargo test` links us against a `core` that was built to unwind, and asks for this name.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

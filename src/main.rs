//! The entry point of the executable.
//!
//! The start (`sys/kernel.rs`) calls `main`, which passes the command line to the library.

#![no_std]
#![no_main]

use core::ffi::{c_char, c_int};
use sys::args::Args;

// Without std, the libc crate does not link musl.
#[cfg(target_env = "musl")]
#[link(name = "c", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

// With another C library, such as glibc in tests, it links only if the libc crate itself calls a function.
#[cfg(not(target_env = "musl"))]
#[link(name = "c")]
unsafe extern "C" {}

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *mut *const c_char) -> c_int {
    // SAFETY: the start passes the argument vector of the process, which stays valid.
    let args = unsafe { Args::new(argc, argv) };
    c_int::from(dmon::run(args))
}

/// Required by the compiler. `scripts/check-binary` verifies that the release build does not contain it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    sys::process::exit(125)
}

// `cargo test` links a `core` that was built to unwind and requires this symbol.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

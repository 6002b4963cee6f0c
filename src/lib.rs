//! dmon: a process supervisor for tiny systems, in one static executable without a heap.
//!
//! Four crates. The compiler enforces which of them may use which:
//!
//! * this one, with [`applets`]: the programs that a user runs. They connect the other two, and contain no unsafe code.
//! * [`sys`]: system calls as safe functions. The only crate that uses libc.
//! * [`pure`]: every decision, as a function of its arguments. It has no access to the kernel.
//! * `simd`: the vector instructions that `pure` uses.
//!
//! `main.rs` passes the command line in and returns the exit code. `src/README.md` describes the layers.

#![cfg_attr(not(any(test, fuzzing)), no_std)]
#![forbid(unsafe_code)]
// `scripts/check-binary` verifies in the executable that nothing can panic; these lints report it earlier.
#![cfg_attr(
    not(any(test, fuzzing)),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod applets;
#[cfg(test)]
#[path = "pure/testing.rs"]
#[allow(dead_code, reason = "not every crate that includes the file uses all of it")]
mod testing;

use sys::args::Args;

/// Runs the applet that `args` names and returns its exit code.
#[must_use]
pub fn run(args: Args) -> u8 {
    applets::run(args).0
}

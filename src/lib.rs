//! dmon: a process supervisor for small systems, in one static executable without a heap.
//!
//! `main.rs` passes the command line to [`run`]. The program consists of four crates, so that the compiler enforces the
//! layers:
//!
//! * this crate contains [`applets`]: the programs that a user runs. They connect the other layers.
//! * [`sys`] wraps system calls in safe functions. No other crate uses libc.
//! * [`pure`] makes the decisions. It cannot make system calls.
//! * `simd` contains the vector instructions for the inner loops of `pure`.
//!
//! Unsafe code occurs only in `sys`, `simd` and `main.rs`. `src/README.md` describes the layers.
//!
//! # Field order
//!
//! Some structs are `repr(C)` and declare their large fields last. The other fields then have small offsets, which
//! encode in fewer bytes: x86-64 needs one byte for an offset below 128 and four bytes otherwise. The attribute
//! on seven structs makes the executable for x86-64 712 bytes smaller.

#![cfg_attr(not(any(test, fuzzing)), no_std)]
#![forbid(unsafe_code)]
// `scripts/check-binary` verifies that the executable contains no panic. These lints report the cause in the source.
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

/// Runs the applet that `args` names and returns its exit status.
#[must_use]
pub fn run(args: Args) -> u8 {
    applets::run(args).0
}

//! dmon: a process supervisor for tiny systems, in one static executable without a heap.
//!
//! Three layers, one folder each, and who may call whom:
//!
//! * [`applets`]: what a user runs. Calls the other two.
//! * [`sys`]: system calls as safe functions; `unsafe` stands here only. Knows the types of `pure`.
//! * [`pure`]: everything that can be worked out without the kernel. Calls nobody, but for `sys::vector`, which is
//!   not the kernel's but the processor's.
//!
//! `main.rs` hands us the command line and takes away the exit code. Start reading at
//! `applets/dmon/machine.rs`, where it is decided what happens when.

#![cfg_attr(not(any(test, fuzzing)), no_std)]
#![deny(unsafe_code, clippy::undocumented_unsafe_blocks)]
// What the finished executable is checked for once more: nothing that can panic.
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
pub mod pure;
#[allow(unsafe_code)]
pub mod sys;

use sys::args::Args;

/// Everything: from the command line to the exit code.
#[must_use]
pub fn run(args: Args) -> u8 {
    applets::run(args).0
}

//! The decisions of dmon and its applets: every module is a function of its arguments.
//!
//! This crate makes no system call, contains no unsafe code and does not depend on libc. Therefore the host tests it
//! in milliseconds. The applets call it and act on its answers.

#![cfg_attr(not(any(test, fuzzing)), no_std)]
#![forbid(unsafe_code)]
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

// The name by which `testing.rs` calls this crate, wherever it is included.
#[cfg(test)]
extern crate self as pure;

pub mod accounts;
pub mod byte_scan;
pub mod calendar;
pub mod cli;
pub mod diag;
pub mod exit;
pub mod log;
pub mod name_table;
pub mod process_stat;
pub mod supervise;
pub mod syslog;
#[cfg(test)]
#[allow(dead_code, reason = "not every crate that includes the file uses all of it")]
mod testing;
pub mod text;
pub mod time;
pub mod unix;

//! The decisions of dmon and its applets.
//!
//! The applets call this crate and carry out its answers. It makes no system calls: each result depends only on the
//! arguments and on the state that the caller holds. Unit tests therefore run without processes, files or clocks.

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

// `testing.rs` uses this name in every crate that includes it.
#[cfg(test)]
extern crate self as pure;

pub mod accounts;
pub mod byte_scan;
pub mod calendar;
pub mod cli;
pub mod diag;
pub mod division;
pub mod exit;
pub mod log;
pub mod name_table;
pub mod pid_set;
pub mod process_stat;
pub mod supervise;
pub mod syslog;
#[cfg(test)]
#[allow(dead_code, reason = "not every crate that includes the file uses all of it")]
mod testing;
pub mod text;
pub mod time;
pub mod unix;

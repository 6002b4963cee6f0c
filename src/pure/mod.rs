//! What can be worked out without asking the kernel: every module here is a function of its
//! arguments, so `cargo test` tries it on the host in a millisecond.

pub mod accounts;
pub mod fault;
pub mod opts;
pub mod text;
pub mod time;
pub mod unix;
pub mod value;

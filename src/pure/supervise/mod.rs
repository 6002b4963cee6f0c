//! The decisions of the supervisor: when a command starts, pauses, stops.

pub mod load;
pub mod machine;
pub mod policy;
pub mod rlimits;

//! The decisions of dmon's supervisor: when a child starts, pauses, stops.
//!
//! The applet `dmon` calls these modules and acts on their answers.

pub mod delay;
pub mod kill_mode;
pub mod load;
pub mod machine;
pub mod on_signal;
pub mod policy;
pub mod result_set;
pub mod rlimits;

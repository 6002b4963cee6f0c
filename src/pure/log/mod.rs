//! What the loggers decide: line boundaries, timestamps, rotation.

pub mod lines;
pub mod rotate;
pub mod timestamp;

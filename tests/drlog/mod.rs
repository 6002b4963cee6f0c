//! Tests of the log command drlog.

/// Rotation, and removal of old logs.
mod rotation;

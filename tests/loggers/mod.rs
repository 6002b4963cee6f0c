//! Tests that hold for all three log commands.

/// Large input, long lines, arbitrary bytes, pieces of any length: nothing is changed.
mod fidelity;

//! Tests of denv and envdir.

/// The new environment of the command.
mod variables;

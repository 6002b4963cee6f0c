//! Tests of the log command dlog.

/// Copying, timestamps, prefixes, signals.
mod basic;
/// A full, slow or missing disk; reopening; syncs.
mod full_disk;

//! Tests of the log command dsyslog.

/// Messages to local and remote receivers, and outages of the receivers.
mod messages;

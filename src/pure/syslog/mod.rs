//! The syslog protocols: headers, messages, the queue of unsent messages.

pub mod header;
pub mod message;
pub mod priority;
pub mod queue;
pub mod socket_addr;

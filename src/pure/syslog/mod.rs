//! The syslog protocols that dsyslog supports: RFC 3164 and RFC 5424, over /dev/log, UDP and TCP.

pub mod address;
pub mod connection;
pub mod framing;
pub mod header;
pub mod message;
pub mod priority;
pub mod queue;
pub mod socket_addr;

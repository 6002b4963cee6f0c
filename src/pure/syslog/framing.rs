//! The framing of syslog messages: the bytes that separate them in a stream (RFC 6587). The queue stores each message
//! as a complete frame.

use crate::text::{Put, Text, put_number};

/// The maximum number of bytes that a frame adds to a message: a length of up to 7 digits and a space.
pub const FRAME_OVERHEAD: usize = 8;

/// A method to separate messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Framing {
    /// The length in decimal and a space before each message: octet counting (RFC 6587, 3.4.1).
    pub octet_count: bool,
    /// These bytes after each message: non-transparent framing (RFC 6587, 3.4.2). It is NUL as C libraries write to
    /// /dev/log, and a newline over TCP. Datagrams are sent without it.
    pub trailer: &'static [u8],
}

impl Framing {
    /// Appends the bytes before a message of this size.
    pub fn put_prefix(self, prefix: &mut Text, message_size: usize) {
        if self.octet_count {
            put_number(prefix, message_size as u64);
            prefix.put(b" ");
        }
    }
}

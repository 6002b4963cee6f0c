//! The framing of syslog messages: the bytes that separate them in a stream (RFC 6587). The queue stores each message
//! as a complete frame.

use crate::text::{TextBuf, Writer, copy, spare};
use ufmt::uwrite;

/// The maximum number of bytes that a frame adds to a message: a length of up to 7 digits and a space.
pub const FRAME_OVERHEAD: usize = 8;

/// A method to separate messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// This byte after each message: non-transparent framing (RFC 6587, 3.4.2). It is NUL as C libraries write to
    /// /dev/log, and a newline over TCP. Datagrams are sent without it.
    Trailer(u8),
    /// Nothing: each datagram is one message.
    Datagram,
    /// The length in decimal and a space before each message: octet counting (RFC 6587, 3.4.1).
    OctetCounting,
}

impl Framing {
    /// Writes the frame of `message` to `buffer`, which must have space for the longest frame. Returns its size.
    pub fn write(self, message: &[u8], buffer: &mut [u8]) -> usize {
        match self {
            Self::Datagram => copy(message, buffer),
            Self::Trailer(byte) => {
                let size = copy(message, buffer);
                size + copy(&[byte], spare(buffer, size))
            }
            Self::OctetCounting => {
                let mut length = TextBuf::<FRAME_OVERHEAD>::new();
                let Ok(()) = uwrite!(Writer(&mut length), "{} ", message.len() as u32);
                let start = copy(length.bytes(), buffer);
                start + copy(message, spare(buffer, start))
            }
        }
    }

    /// Returns the number of bytes at the end of each frame that a datagram omits.
    #[must_use]
    pub const fn trailer_len(self) -> usize {
        match self {
            Self::Trailer(_) => 1,
            Self::Datagram | Self::OctetCounting => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_framing_separates_messages_as_its_rfc_says() {
        for (framing, message, frame) in [
            (Framing::Trailer(0), &b"ten bytes."[..], &b"ten bytes.\0"[..]),
            (Framing::Trailer(b'\n'), b"", b"\n"),
            (Framing::Datagram, b"ten bytes.", b"ten bytes."),
            (Framing::OctetCounting, b"ten bytes.", b"10 ten bytes."),
            (Framing::OctetCounting, b"", b"0 "),
        ] {
            let mut buffer = [b'#'; 20];
            let size = framing.write(message, &mut buffer);
            assert_eq!(&buffer[..size], frame, "{framing:?}");
            assert!(
                size <= message.len() + FRAME_OVERHEAD && buffer[size..].iter().all(|b| *b == b'#')
            );
        }
    }
}

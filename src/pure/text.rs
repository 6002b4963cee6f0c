//! Text built in a fixed buffer: the messages people read, and numbers with leading zeros.

use core::convert::Infallible;
use ufmt::uWrite;

/// A text of at most `N` bytes. What does not fit is left out and marked by an ellipsis at the end,
/// so that a cut is never silent.
pub struct Message<const N: usize> {
    bytes: [u8; N],
    used: usize,
    cut: bool,
}

const CUT: &[u8] = b"...\n";

impl<const N: usize> Message<N> {
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; N], used: 0, cut: false }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.cut |= !append(&mut self.bytes, &mut self.used, bytes);
    }

    /// What was built.
    pub fn bytes(&mut self) -> &[u8] {
        if self.cut
            && let Some(tail) = self.bytes.last_chunk_mut()
        {
            *tail = *CUT.first_chunk::<4>().unwrap_or(tail);
        }
        self.bytes.get(..self.used).unwrap_or(&[])
    }
}

impl<const N: usize> Default for Message<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> uWrite for Message<N> {
    type Error = Infallible;

    fn write_str(&mut self, s: &str) -> Result<(), Infallible> {
        self.push(s.as_bytes());
        Ok(())
    }

    // The trait's own body goes through an uninitialized buffer.
    fn write_char(&mut self, c: char) -> Result<(), Infallible> {
        self.push(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}

/// Puts as much of `bytes` as there is room for behind the first `used`; says whether that was all. One
/// function for messages of every size.
#[inline(never)]
fn append(room: &mut [u8], used: &mut usize, bytes: &[u8]) -> bool {
    let room = room.get_mut(*used..).unwrap_or(&mut []);
    let size = bytes.len().min(room.len());
    room.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    *used += size;
    size == bytes.len()
}

/// Bytes from outside (arguments, paths), shown on one line: control bytes as `?`, so that a file
/// name cannot play tricks on a terminal, all others as they are.
pub fn push_lossy<const N: usize>(message: &mut Message<N>, bytes: &[u8]) {
    for byte in bytes {
        message.push(&[if byte.is_ascii_control() { b'?' } else { *byte }]);
    }
}

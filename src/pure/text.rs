//! Text built in a fixed buffer: the messages people read, stamps, names of files, and numbers with
//! leading zeros.

use core::convert::Infallible;
use ufmt::uWrite;

/// Something that bytes can be put behind. One function that writes a date serves texts of every size.
pub trait Put {
    fn put(&mut self, bytes: &[u8]);
}

/// A text of at most `N` bytes. What does not fit is left out and marked by an ellipsis at the end,
/// so that a cut is never silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<const N: usize> {
    room: [u8; N],
    used: usize,
}

const CUT: &[u8; 4] = b"...\n";

impl<const N: usize> Message<N> {
    #[must_use]
    pub const fn new() -> Self {
        Self { room: [0; N], used: 0 }
    }

    /// What was built.
    #[must_use]
    #[inline(never)]
    pub fn bytes(&self) -> &[u8] {
        self.room.get(..self.used).unwrap_or(&[])
    }

    pub const fn clear(&mut self) {
        self.used = 0;
    }
}

impl<const N: usize> Put for Message<N> {
    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) {
        append(&mut self.room, &mut self.used, bytes);
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
        self.put(s.as_bytes());
        Ok(())
    }

    // The trait's own body goes through an uninitialized buffer.
    fn write_char(&mut self, c: char) -> Result<(), Infallible> {
        self.put(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}

/// Puts as much of `bytes` as there is room for behind the first `used`.
#[inline(never)]
fn append(room: &mut [u8], used: &mut usize, bytes: &[u8]) {
    let free = room.get_mut(*used..).unwrap_or(&mut []);
    let size = bytes.len().min(free.len());
    free.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    *used += size;
    if size < bytes.len()
        && let Some(tail) = room.last_chunk_mut()
    {
        *tail = *CUT;
    }
}

/// Bytes from outside (arguments, paths), shown on one line: control bytes as `?`, so that a file
/// name cannot play tricks on a terminal, all others as they are.
pub fn put_lossy(text: &mut dyn Put, bytes: &[u8]) {
    for byte in bytes {
        text.put(&[if byte.is_ascii_control() { b'?' } else { *byte }]);
    }
}

/// The last `digits` digits of a number, at most 20, leading zeros included.
pub fn put_digits(text: &mut dyn Put, number: u64, digits: usize, hex: bool) {
    let mut room = [b'0'; 20];
    let mut rest = number;
    for place in room.iter_mut().rev() {
        let digit = if hex { rest & 0xf } else { rest % 10 };
        rest = if hex { rest >> 4 } else { rest / 10 };
        *place = b"0123456789abcdef".get(digit as usize).copied().unwrap_or(b'?');
    }
    text.put(room.get(room.len().saturating_sub(digits)..).unwrap_or(&[]));
}

/// A number without leading zeros.
pub fn put_number(text: &mut dyn Put, number: u64) {
    put_digits(text, number, number.checked_ilog10().unwrap_or(0) as usize + 1, false);
}

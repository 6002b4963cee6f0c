//! Text built in a fixed buffer: the messages people read, stamps, names of files, and numbers with
//! leading zeros.

use core::convert::Infallible;
use core::ops::{Deref, DerefMut};
use heapless::{Vec, VecView};
use ufmt::{uWrite, uwrite};

/// A text of any room, to put something behind it. One function that writes a date serves all.
pub type Text = VecView<u8>;

/// What can be done to a [`Text`].
pub trait Put {
    /// What does not fit is left out and marked by an ellipsis at the end, so that a cut is never silent.
    fn put(&mut self, bytes: &[u8]);
}

impl Put for Text {
    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) {
        let free = self.capacity().saturating_sub(self.len());
        let _ = self.extend_from_slice(first(bytes, free.min(bytes.len())));
        if free < bytes.len()
            && let Some(tail) = last_mut(self)
        {
            *tail = *CUT;
        }
    }
}

const CUT: &[u8; 4] = b"...\n";

/// The writer behind every `uwrite!`: it appends to a [`Text`] and cannot fail, because [`Put::put`] marks what it
/// cuts. Bytes from outside may be invalid UTF-8, which ufmt does not accept: [`put_escaped`] appends those.
pub struct Writer<'a>(pub &'a mut Text);

impl uWrite for Writer<'_> {
    type Error = Infallible;

    fn write_str(&mut self, text: &str) -> Result<(), Infallible> {
        self.0.put(text.as_bytes());
        Ok(())
    }

    /// ufmt's default uses the deprecated `mem::uninitialized`.
    fn write_char(&mut self, c: char) -> Result<(), Infallible> {
        self.write_str(c.encode_utf8(&mut [0; 4]))
    }
}

/// A text of at most `N` bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message<const N: usize>(Vec<u8, N>);

impl<const N: usize> Message<N> {
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many bytes there is room for.
    pub const ROOM: usize = N;

    /// What was built.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> Default for Message<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Deref for Message<N> {
    type Target = Text;

    fn deref(&self) -> &Text {
        &self.0
    }
}

impl<const N: usize> DerefMut for Message<N> {
    fn deref_mut(&mut self) -> &mut Text {
        &mut self.0
    }
}

/// Bytes from outside (arguments, paths), shown on one line: control bytes as `?`, so that a file
/// name cannot play tricks on a terminal, all others as they are.
pub fn put_escaped(text: &mut Text, bytes: &[u8]) {
    for byte in bytes {
        let is_control = byte.is_ascii_control() || ends_control(text.last(), *byte);
        text.put(&[if is_control { b'?' } else { *byte }]);
    }
}

/// Whether this byte makes a control character of two bytes with the one before it: U+0080 to U+009F in UTF-8,
/// which terminals obey.
#[must_use]
pub fn ends_control(before: Option<&u8>, byte: u8) -> bool {
    before == Some(&CONTROLS) && byte & 0xe0 == 0x80
}

/// What their first byte is.
pub const CONTROLS: u8 = 0xc2;

/// The last `digits` digits of a number, at most 20, leading zeros included.
pub fn put_padded(text: &mut Text, number: u64, digits: usize, hex: bool) {
    let mut room = [b'0'; 20];
    let mut rest = number;
    for place in room.iter_mut().rev() {
        let digit = if hex { rest & 0xf } else { rest % 10 };
        rest = if hex { rest >> 4 } else { rest / 10 };
        *place = b"0123456789abcdef".get(digit as usize).copied().unwrap_or(b'?');
    }
    text.put(skip(&room, room.len().saturating_sub(digits)));
}

/// A number without leading zeros.
pub fn put_number(text: &mut Text, number: u64) {
    let Ok(()) = uwrite!(Writer(text), "{}", number);
}

/// The first `size` bytes; none if there are fewer.
#[must_use]
#[inline(never)]
pub fn first(bytes: &[u8], size: usize) -> &[u8] {
    bytes.get(..size).unwrap_or(&[])
}

/// The bytes from `at` on; none if there are fewer.
#[must_use]
#[inline(never)]
pub fn skip(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or(&[])
}

/// What stands behind `prefix`; `None` if the bytes begin otherwise. (Where the compiler does not see into
/// core's `strip_prefix`, that can panic.)
#[must_use]
#[inline(never)]
pub fn strip_prefix<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(prefix.len())?;
    (front == prefix).then_some(rest)
}

/// Where `byte` is first.
#[must_use]
#[inline(never)]
pub fn find_byte(bytes: &[u8], byte: u8) -> Option<usize> {
    bytes.iter().position(|one| *one == byte)
}

/// What stands before the first `mark` and what stands behind it; `None` without a mark.
#[must_use]
#[inline(never)]
pub fn split_once(bytes: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    match find_byte(bytes, mark) {
        Some(at) => (first(bytes, at), Some(skip(bytes, at + 1))),
        None => (bytes, None),
    }
}

/// The room from `at` on; none if there is less.
#[must_use]
#[inline(never)]
pub fn spare(bytes: &mut [u8], at: usize) -> &mut [u8] {
    bytes.get_mut(at..).unwrap_or(&mut [])
}

/// The last `N` bytes; none if there are fewer. (Where the compiler does not see into core's `last_chunk_mut`, that
/// can panic.)
fn last_mut<const N: usize>(bytes: &mut [u8]) -> Option<&mut [u8; N]> {
    let at = bytes.len().checked_sub(N)?;
    bytes.get_mut(at..)?.first_chunk_mut()
}

/// From this length on the C library's copy is faster; below, its start costs more than the copy.
const LONG: usize = 256;

/// Copies as much of `from` as `to` has room for; says how much. Short pieces, as the front of a log line or a message
/// for syslog, go 16 bytes at a time; the last 16 may overlap those before.
pub fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let size = from.len().min(to.len());
    let (Some(from), Some(to)) = (from.get(..size), to.get_mut(..size)) else {
        return 0;
    };
    match from.last_chunk::<16>() {
        Some(last) if size < LONG => {
            let chunks = from.as_chunks::<16>().0;
            to.as_chunks_mut().0.iter_mut().zip(chunks).for_each(|(place, chunk)| *place = *chunk);
            last_mut(to).into_iter().for_each(|place| *place = *last);
        }
        Some(_) => to.copy_from_slice(from),
        None => to.iter_mut().zip(from).for_each(|(place, byte)| *place = *byte),
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_whole_and_a_cut_is_marked() {
        let text = |bytes: &[u8]| {
            let mut text = Message::<8>::new();
            text.put(b"ab");
            text.put(bytes);
            text
        };
        assert_eq!(text(b"cdefgh").bytes(), b"abcdefgh");
        assert_eq!(text(b"cdefghi").bytes(), b"abcd...\n");
    }

    #[test]
    fn control_characters_are_not_shown() {
        let mut text = Message::<32>::new();
        put_escaped(&mut text, b"a\n\x1b\x7f \xc2\x80\xc2\x9f\xc2\xa0\xc3\x9f\xc2`\x9f");
        assert_eq!(text.bytes(), b"a??? \xc2?\xc2?\xc2\xa0\xc3\x9f\xc2`\x9f");
    }

    #[test]
    fn copies_of_every_length_are_copies() {
        let from: std::vec::Vec<u8> = (0..=u8::MAX).cycle().take(600).collect();
        for size in 0..600_usize {
            for room in [size, size + 1, size + 9, size.saturating_sub(3)] {
                let mut to = vec![0xee; room];
                let copied = copy(&from[..size], &mut to);
                assert_eq!(copied, size.min(room));
                assert_eq!(to[..copied], from[..copied]);
                assert!(to[copied..].iter().all(|byte| *byte == 0xee));
            }
        }
    }
}

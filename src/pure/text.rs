//! Text in buffers of a fixed size, and helpers for byte strings.
//!
//! Every layer uses it for messages, timestamps, headers and file names. The helpers return an empty slice where
//! indexing would panic.

use crate::division::divide;
use core::convert::Infallible;
use core::ffi::CStr;
use core::ops::{Deref, DerefMut};
use heapless::{Vec, VecView};
use ufmt::uWrite;

/// A text of at most 512 bytes. Functions that append text take it. All texts have this size, although most need less, so
/// that a reference to one is a single pointer.
pub type Text = TextBuf<512>;

/// Appending to a [`Text`].
pub trait Put {
    /// Appends the bytes. If they do not fit, the text is cut and ends in `...` and a newline.
    fn put(&mut self, bytes: &[u8]);
}

impl<const N: usize> Put for TextBuf<N> {
    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) {
        put(&mut self.0, bytes);
    }
}

/// Does it for all sizes: compiled once.
#[inline(never)]
fn put(text: &mut VecView<u8>, bytes: &[u8]) {
    let free = text.capacity().saturating_sub(text.len());
    let _ = text.extend_from_slice(first(bytes, free.min(bytes.len())));
    if free < bytes.len()
        && let Some(tail) = last_mut(text)
    {
        *tail = *CUT;
    }
}

/// The end of a text that was cut.
const CUT: &[u8; 4] = b"...\n";

/// The writer for `uwrite!`. It cannot fail, because [`Put::put`] marks a text that it cuts.
///
/// ufmt writes only UTF-8. Use [`put_escaped`] for bytes from outside, which may be invalid.
pub struct Writer<'a>(pub &'a mut Text);

impl uWrite for Writer<'_> {
    type Error = Infallible;

    fn write_str(&mut self, text: &str) -> Result<(), Infallible> {
        self.0.put(text.as_bytes());
        Ok(())
    }

    /// Replaces ufmt's default, which uses the deprecated `mem::uninitialized`.
    fn write_char(&mut self, c: char) -> Result<(), Infallible> {
        self.write_str(c.encode_utf8(&mut [0; 4]))
    }
}

/// A text with its buffer of `N` bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextBuf<const N: usize>(Vec<u8, N>);

impl<const N: usize> TextBuf<N> {
    /// The size of the buffer in bytes.
    pub const CAPACITY: usize = N;

    /// Returns an empty text.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns the text so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> Default for TextBuf<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Deref for TextBuf<N> {
    type Target = VecView<u8>;

    fn deref(&self) -> &VecView<u8> {
        &self.0
    }
}

impl<const N: usize> DerefMut for TextBuf<N> {
    fn deref_mut(&mut self) -> &mut VecView<u8> {
        &mut self.0
    }
}

/// Appends bytes from outside the program, such as arguments and paths. Control characters become `?`, so that a file name can
/// neither break the line nor send escape sequences to a terminal.
pub fn put_escaped(text: &mut Text, bytes: &[u8]) {
    for byte in bytes {
        let is_control = byte.is_ascii_control() || completes_c1(text.last(), *byte);
        text.put(&[if is_control { b'?' } else { *byte }]);
    }
}

/// Returns whether `byte` completes a C1 control character (U+0080 to U+009F), which terminals obey. In UTF-8 these are
/// [`C1_LEAD`] and a byte from 0x80 to 0x9f.
#[must_use]
pub fn completes_c1(before: Option<&u8>, byte: u8) -> bool {
    before == Some(&C1_LEAD) && byte & 0xe0 == 0x80
}

/// The first byte of a C1 control character in UTF-8. It also starts U+00A0 to U+00BF, which are no controls.
pub const C1_LEAD: u8 = 0xc2;

/// Appends a number in decimal.
#[inline(never)]
pub fn put_number(text: &mut Text, number: u64) {
    put_digits(text, number, 10, 0);
}

/// Appends the last `digits` digits of a number, at most 20, with leading zeros.
pub fn put_padded(text: &mut Text, number: u32, digits: usize, hex: bool) {
    put_digits(text, number.into(), if hex { 16 } else { 10 }, digits);
}

/// Appends the last `size` digits of a number, or all of them if `size` is 0.
#[inline(never)]
fn put_digits(text: &mut Text, mut number: u64, base: u16, size: usize) {
    let mut digits = [0; 20];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        let (rest, digit) = divide(number, base);
        *place = b"0123456789abcdef".get(digit as usize).copied().unwrap_or(b'?');
        (number, used) = (rest, used + 1);
        if used == size || size == 0 && number == 0 {
            break;
        }
    }
    text.put(skip(&digits, digits.len() - used));
}

/// Returns the first `size` bytes; an empty slice if there are fewer.
#[must_use]
#[inline(never)]
pub fn first(bytes: &[u8], size: usize) -> &[u8] {
    bytes.get(..size).unwrap_or(&[])
}

/// Returns the bytes from index `at` on; an empty slice if `at` is out of range.
#[must_use]
#[inline(never)]
pub fn skip(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or(&[])
}

/// Returns the bytes after `prefix`; `None` if they do not start with it.
///
/// core's `strip_prefix` leaves a panic path where the compiler does not inline it.
#[must_use]
#[inline(never)]
pub fn strip_prefix<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = bytes.split_at_checked(prefix.len())?;
    (start == prefix).then_some(rest)
}

/// Returns the index of the first `byte`.
#[must_use]
#[inline(never)]
pub fn find_byte(bytes: &[u8], byte: u8) -> Option<usize> {
    bytes.iter().position(|one| *one == byte)
}

/// Returns the bytes before and after the first `separator`; all bytes and `None` without one.
#[must_use]
#[inline(never)]
pub fn split_once(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match find_byte(bytes, separator) {
        Some(at) => (first(bytes, at), Some(skip(bytes, at + 1))),
        None => (bytes, None),
    }
}

/// Returns the parts between the separators, as `slice::split` does, with one function for all separators.
#[must_use]
pub const fn split(bytes: &[u8], separator: u8) -> Split<'_> {
    Split { rest: Some(bytes), separator }
}

/// The iterator of [`split`].
pub struct Split<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    #[inline(never)]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (part, rest) = split_once(self.rest?, self.separator);
        self.rest = rest;
        Some(part)
    }
}

/// Returns the bytes without those of `blanks` at the end.
#[must_use]
#[inline(never)]
pub fn trim_end<'a>(bytes: &'a [u8], blanks: &[u8]) -> &'a [u8] {
    let mut text = bytes;
    while let Some((last, rest)) = text.split_last()
        && find_byte(blanks, *last).is_some()
    {
        text = rest;
    }
    text
}

/// Returns the C string from byte `at` on, which may be empty; `None` if `at` is behind its NUL.
#[must_use]
pub fn cstr_tail(text: &CStr, at: usize) -> Option<&CStr> {
    (at < text.to_bytes_with_nul().len()).then(|| &text[at..])
}

/// Returns the part of a buffer from index `at` on; an empty part if `at` is out of range.
#[must_use]
#[inline(never)]
pub fn spare(bytes: &mut [u8], at: usize) -> &mut [u8] {
    bytes.get_mut(at..).unwrap_or(&mut [])
}

/// Returns the last `N` bytes; `None` if there are fewer.
///
/// core's `last_chunk_mut` leaves a panic path where the compiler does not inline it.
fn last_mut<const N: usize>(bytes: &mut [u8]) -> Option<&mut [u8; N]> {
    let at = bytes.len().checked_sub(N)?;
    bytes.get_mut(at..)?.first_chunk_mut()
}

/// The size from which memcpy of the C library is faster; below it, the call costs more than the copy.
const LONG: usize = 256;

/// Copies as much of `from` as fits into `to` and returns the number of bytes.
///
/// Short pieces, such as the prefix of a log line, are copied 16 bytes at a time. The last 16 bytes may overlap the
/// previous ones.
pub fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let size = from.len().min(to.len());
    let (Some(from), Some(to)) = (from.get(..size), to.get_mut(..size)) else {
        return 0;
    };
    match from.last_chunk::<16>() {
        Some(last) if size < LONG => {
            let chunks = from.as_chunks::<16>().0;
            to.as_chunks_mut().0.iter_mut().zip(chunks).for_each(|(place, chunk)| *place = *chunk);
            if let Some(place) = last_mut(to) {
                *place = *last;
            }
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
    fn a_text_that_is_cut_ends_in_an_ellipsis() {
        let text = |bytes: &[u8]| {
            let mut text = TextBuf::<8>::new();
            text.put(b"ab");
            text.put(bytes);
            text
        };
        assert_eq!(text(b"cdefgh").bytes(), b"abcdefgh");
        assert_eq!(text(b"cdefghi").bytes(), b"abcd...\n");
    }

    #[test]
    fn numbers_have_all_digits_or_the_last_ones() {
        let digits = |number, base, size| {
            let mut text = Text::new();
            put_digits(&mut text, number, base, size);
            String::from_utf8(text.bytes().to_vec()).unwrap()
        };
        for number in [0, 7, 10, 4_294_967_295, 4_294_967_296, u64::MAX] {
            assert_eq!(digits(number, 10, 0), number.to_string());
        }
        assert_eq!(digits(7, 10, 2), "07");
        assert_eq!(digits(12_345, 10, 2), "45");
        assert_eq!(digits(0xab_cdef, 16, 8), "00abcdef");
        assert_eq!(digits(u64::MAX, 10, 20), "18446744073709551615");
    }

    #[test]
    fn control_characters_become_question_marks() {
        let mut text = Text::new();
        put_escaped(&mut text, b"a\n\x1b\x7f \xc2\x80\xc2\x9f\xc2\xa0\xc3\x9f\xc2`\x9f");
        assert_eq!(text.bytes(), b"a??? \xc2?\xc2?\xc2\xa0\xc3\x9f\xc2`\x9f");
    }

    #[test]
    fn the_tail_of_a_c_string_may_be_empty() {
        assert_eq!([1, 2, 3].map(|at| cstr_tail(c"ab", at)), [Some(c"b"), Some(c""), None]);
    }

    #[test]
    fn copy_is_exact_for_every_length() {
        let from: std::vec::Vec<u8> = (0..=u8::MAX).cycle().take(600).collect();
        for size in 0..600_usize {
            for capacity in [size, size + 1, size + 9, size.saturating_sub(3)] {
                let mut to = vec![0xee; capacity];
                let copied = copy(&from[..size], &mut to);
                assert_eq!(copied, size.min(capacity));
                assert_eq!(to[..copied], from[..copied]);
                assert!(to[copied..].iter().all(|byte| *byte == 0xee));
            }
        }
    }
}

//! Looks for bytes of some kind, a word at a time: the inner loops of a stamped log, of long lines and of
//! dsyslog. Pure.
//!
//! A word is the 16 bytes of an SSE2 register where there is one, else those of a register of the machine.

#[cfg(target_feature = "sse2")]
pub use crate::sys::vector::{Found, Word};
#[cfg(not(target_feature = "sse2"))]
pub use plain::{Found, Word};

use crate::pure::text::head;

/// Bytes of a word.
const WIDTH: usize = size_of::<Word>();

/// Copies what stands before the first byte that `stops`, as far as there is room; says how much. Behind it, some of the
/// room may be changed.
#[inline(always)]
pub fn copy_until(from: &[u8], to: &mut [u8], stops: impl Fn(Word) -> Found) -> usize {
    let mut at = 0;
    let (words, _) = from.as_chunks::<WIDTH>();
    let (places, _) = to.as_chunks_mut::<WIDTH>();
    for (bytes, place) in words.iter().zip(places) {
        let word = Word::of(bytes);
        word.put(place);
        let found = stops(word);
        if found.any() {
            return at + found.first();
        }
        at += WIDTH;
    }
    while let (Some(byte), Some(place)) = (from.get(at), to.get_mut(at)) {
        if stops(Word::all(*byte)).any() {
            break;
        }
        *place = *byte;
        at += 1;
    }
    at
}

/// How many bytes come after the last `byte`; `None` when there is none.
#[must_use]
pub fn after_last(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut end = bytes.len();
    // Where there is less than a word, it would begin behind its end.
    while let Some(word) = bytes.get(end.wrapping_sub(WIDTH)..end)
        && word.first_chunk().is_some_and(|word| !Word::of(word).equal(byte).any())
    {
        end -= WIDTH;
    }
    let at = head(bytes, end).iter().rev().position(|one| *one == byte)?;
    Some(bytes.len() - end + at)
}

#[cfg(any(test, not(target_feature = "sse2")))]
mod plain {
    use core::ops::BitOr;

    #[derive(Clone, Copy)]
    pub struct Word(usize);

    /// Which bytes of a word are meant: their high bits, up to the first of them; behind it others may be set.
    #[derive(Clone, Copy)]
    pub struct Found(usize);

    /// The words whose every byte is 1, is 0x80.
    const ONES: usize = usize::MAX / 255;
    const HIGHS: usize = ONES << 7;

    impl Word {
        #[inline(always)]
        pub const fn of(bytes: &[u8; size_of::<Self>()]) -> Self {
            Self(usize::from_le_bytes(*bytes))
        }

        #[inline(always)]
        pub const fn put(self, place: &mut [u8; size_of::<Self>()]) {
            *place = self.0.to_le_bytes();
        }

        /// The same byte at each place.
        #[inline(always)]
        pub const fn all(byte: u8) -> Self {
            Self(ONES * byte as usize)
        }

        #[inline(always)]
        pub const fn equal(self, byte: u8) -> Found {
            Self(self.0 ^ Self::all(byte).0).up_to(0)
        }

        /// At most that, which has to be below 0x80. After Mycroft: whoever is smaller borrows, and a borrow only
        /// goes upward.
        #[inline(always)]
        pub const fn up_to(self, byte: u8) -> Found {
            Found(self.0.wrapping_sub(Self::all(byte + 1).0) & !self.0 & HIGHS)
        }
    }

    impl Found {
        #[inline(always)]
        pub const fn any(self) -> bool {
            self.0 != 0
        }

        /// The place of the first, if there is any.
        #[inline(always)]
        pub const fn first(self) -> usize {
            self.0.trailing_zeros() as usize / 8
        }
    }

    impl BitOr for Found {
        type Output = Self;

        #[inline(always)]
        fn bitor(self, other: Self) -> Self {
            Self(self.0 | other.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::tests::Random;

    /// Any words, and what a look at each byte finds in them.
    macro_rules! finds_what_bytes_find {
        ($word:ty) => {{
            let mut random = Random(7);
            for n in 0..200_000 {
                let mut bytes = [0; size_of::<$word>()];
                // Around the values that are looked for, where borrows would show; or anything.
                bytes.fill_with(|| match n % 3 {
                    0 => 9 + random.below(3) as u8,
                    1 => 0x1e + random.below(4) as u8 * 0x20,
                    _ => random.number() as u8,
                });
                let word = <$word>::of(&bytes);
                let mut copy = [0; size_of::<$word>()];
                word.put(&mut copy);
                assert_eq!(copy, bytes);
                let either = word.equal(0x7e) | word.equal(0x0a) | word.up_to(0x0a);
                let found = [word.equal(0x0a), word.up_to(0x1f), either];
                let plain: [fn(u8) -> bool; 3] =
                    [|byte| byte == 0x0a, |byte| byte <= 0x1f, |byte| byte == 0x7e || byte <= 0x0a];
                for (found, plain) in found.into_iter().zip(plain) {
                    let place = found.any().then(|| found.first());
                    assert_eq!(place, bytes.iter().position(|byte| plain(*byte)), "{bytes:?}");
                }
                assert!(<$word>::all(bytes[0]).equal(bytes[0]).any());
            }
        }};
    }

    #[test]
    fn a_word_finds_what_bytes_find() {
        finds_what_bytes_find!(Word);
        finds_what_bytes_find!(plain::Word);
    }

    #[test]
    fn copied_is_what_stands_before_and_no_more_than_there_is_room_for() {
        let from: Vec<u8> = (1..=99).collect();
        for stop in 0..=100 {
            for size in 0..100 {
                let mut to = vec![0; size];
                let copied = copy_until(&from, &mut to, |word| word.equal(stop));
                let before = from.iter().position(|byte| *byte == stop).unwrap_or(from.len());
                assert_eq!(copied, before.min(size));
                assert_eq!(to[..copied], from[..copied]);
            }
        }
    }
}

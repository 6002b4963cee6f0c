//! The splitter of text into option words.
//!
//! `option_sources` runs it on configuration files and variables. It builds each word in place, with a NUL after it. That
//! is possible because a word is never longer than its source.

use crate::text::{find_byte, first};

/// The syntax of a text. Blanks and newlines separate words, except inside quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syntax {
    /// Quotes are `'…'` and `"…"`, without escapes.
    Variable,
    /// Quotes are `"…"` with the escapes `\n \r \t \b \e \a \v \" \\ \xHH`. Outside of quotes `#` starts a
    /// comment, which ends with the line.
    File,
}

/// A text and the position in it.
pub struct Tokenizer {
    pub syntax: Syntax,
    /// Whether the next byte is part of a comment.
    comment: bool,
    /// Line and column of the next byte, both from 1.
    next: (u32, u32),
    /// Line and column of the last word, both from 1.
    pub place: (u32, u32),
    /// The index of the next byte.
    at: usize,
    /// The text from the last word on, and one spare byte.
    text: &'static mut [u8],
}

impl Tokenizer {
    /// Returns a tokenizer for `text`, whose last byte is spare: it may receive the last NUL.
    #[must_use]
    pub const fn new(syntax: Syntax, text: &'static mut [u8]) -> Self {
        Self { syntax, comment: false, next: (1, 1), place: (1, 1), at: 0, text }
    }

    /// Returns the next word with a NUL at its end; `None` after the last word.
    ///
    /// # Errors
    /// The message for an open quote, an unknown escape or a NUL. No word may be read after it.
    pub fn read(&mut self) -> Result<Option<&'static [u8]>, &'static str> {
        // The first `end` bytes of the text are the word so far. `quote` is 0 outside of quotes.
        let (mut end, mut quote, mut found) = (0, 0, false);
        loop {
            let place = self.next;
            let Some(mut byte) = self.take() else {
                break;
            };
            if quote == 0 && self.is_separator(byte) {
                if found {
                    break;
                }
                continue;
            }
            if !found {
                (self.place, found) = (place, true);
            }
            let is_quote = if quote == 0 { self.opens_quote(byte) } else { byte == quote };
            if is_quote {
                quote ^= byte;
                continue;
            }
            if byte == b'\\' && quote != 0 && self.syntax == Syntax::File {
                byte = self.escaped().ok_or("no escape (like \\n, \\x1b)")?;
            }
            if byte == 0 {
                return Err("a NUL byte");
            }
            self.put(end, byte);
            end += 1;
        }
        if quote != 0 {
            return Err("the quote is not closed");
        }
        if !found {
            return Ok(None);
        }
        self.put(end, 0);
        let used = self.at.max(end + 1);
        let text = core::mem::take(&mut self.text);
        let (word, rest) = text.split_at_mut_checked(used).unwrap_or_default();
        (self.text, self.at) = (rest, 0);
        Ok(Some(first(word, end + 1)))
    }

    /// Whether a byte outside of quotes separates words: a blank or a part of a comment.
    const fn is_separator(&mut self, byte: u8) -> bool {
        let starts_comment = byte == b'#' && matches!(self.syntax, Syntax::File);
        self.comment = (self.comment || starts_comment) && byte != b'\n';
        self.comment || matches!(byte, b' ' | b'\t'..=b'\r')
    }

    const fn opens_quote(&self, byte: u8) -> bool {
        byte == b'"' || byte == b'\'' && matches!(self.syntax, Syntax::Variable)
    }

    /// Takes the next byte of the text, and advances line and column.
    #[inline(never)]
    fn take(&mut self) -> Option<u8> {
        let (byte, _) =
            self.text.get(self.at..)?.split_first().filter(|(_, rest)| !rest.is_empty())?;
        self.at += 1;
        let (line, column) = self.next;
        self.next = if *byte == b'\n' { (line + 1, 1) } else { (line, column + 1) };
        Some(*byte)
    }

    /// Overwrites the byte at this index.
    fn put(&mut self, at: usize, byte: u8) {
        if let Some(place) = self.text.get_mut(at) {
            *place = byte;
        }
    }

    /// Takes the escape after a backslash, and returns the byte that it encodes.
    fn escaped(&mut self) -> Option<u8> {
        Some(match self.take()? {
            b'e' => 27,
            byte @ (b'"' | b'\\') => byte,
            b'x' => {
                let mut byte = 0;
                for _ in 0..2 {
                    byte = byte << 4 | char::from(self.take()?).to_digit(16)?;
                }
                byte as u8
            }
            // They encode 7 to 13, except 12: a quote was matched above.
            letter => 7 + find_byte(b"abtnv\"r", letter)? as u8,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word with its line and column.
    type PlacedWord = (String, (u32, u32));

    fn placed_words(syntax: Syntax, text: &[u8]) -> Result<Vec<PlacedWord>, &'static str> {
        let mut tokenizer = Tokenizer::new(syntax, Box::leak(Box::from([text, b"x"].concat())));
        let mut all = vec![];
        while let Some(word) = tokenizer.read()? {
            let (nul, bytes) = word.split_last().unwrap();
            assert_eq!(*nul, 0);
            all.push((String::from_utf8_lossy(bytes).into_owned(), tokenizer.place));
        }
        Ok(all)
    }

    fn words(syntax: Syntax, text: &str) -> Result<Vec<String>, &'static str> {
        Ok(placed_words(syntax, text.as_bytes())?.into_iter().map(|word| word.0).collect())
    }

    #[test]
    fn variables_have_two_quotes_without_escapes() {
        let is = |text, all: &[&str]| {
            assert_eq!(words(Syntax::Variable, text).unwrap(), all, "{text:?}");
        };
        is("", &[]);
        is(" \t\n", &[]);
        is("-n", &["-n"]);
        is(" -L  4.0\t-e\n", &["-L", "4.0", "-e"]);
        is("-p '/a b' \"c'd\" e\"f g\"h ''", &["-p", "/a b", "c'd", "ef gh", ""]);
        is("a#b \\n", &["a#b", "\\n"]);
        assert!(words(Syntax::Variable, "a 'b").is_err());
        assert!(words(Syntax::Variable, "a \"b'").is_err());
    }

    #[test]
    fn files_have_comments_and_escapes() {
        let is = |text, all: &[&str]| {
            assert_eq!(words(Syntax::File, text).unwrap(), all, "{text:?}");
        };
        is("load-high 4 # as it was\nonce", &["load-high", "4", "once"]);
        is("a#b\nc # \"d\n\"e # f\"", &["a", "c", "e # f"]);
        is("it's", &["it's"]);
        is(r#""\n\r\t\b\e\a\v\"\\\x41\x1B" x"#, &["\n\r\t\x08\x1b\x07\x0b\"\\A\x1b", "x"]);
        is("\"two\nlines\"", &["two\nlines"]);
        for bad in [r#""\q""#, r#""\x4""#, r#""\x4g""#, r#""\x00""#, "\"", "\"a\\", "a\0b"] {
            assert!(words(Syntax::File, bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn each_word_has_its_line_and_column() {
        let all = placed_words(Syntax::File, b"ab \"c\nd\\n\"  e\n\n # x\n   f").unwrap();
        let places: Vec<_> = all.into_iter().map(|word| word.1).collect();
        assert_eq!(places, [(1, 1), (1, 4), (2, 7), (5, 4)]);
    }

    /// Random bytes never cause a panic, and no word contains a NUL.
    #[test]
    fn any_bytes_are_split_or_rejected() {
        let mut random = crate::testing::Random(9);
        for _ in 0..100_000 {
            let alphabet = b"ab '\"\\#nx0\n\t\0\xff";
            let text: Vec<u8> = (0..random.below(14))
                .map(|_| alphabet[random.below(alphabet.len() as u64)])
                .collect();
            for syntax in [Syntax::Variable, Syntax::File] {
                for (word, _) in placed_words(syntax, &text).unwrap_or_default() {
                    assert!(!word.contains('\0'));
                }
            }
        }
    }
}

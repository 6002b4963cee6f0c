//! Option words from a text: of a configuration file, of a variable of the environment. Pure.
//!
//! The words are made where the text lies, each with a NUL behind it: a word is never longer than what it
//! was made from.

use crate::text::first;

/// How a text is read. In both, blanks part the words, and quotes keep blanks in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syntax {
    /// `'…'` and `"…"`, in which all bytes stand for themselves.
    Variable,
    /// `"…"` with `\n \r \t \b \e \a \v \" \\ \xHH`; outside of them `#` begins a comment, which goes to
    /// the end of the line.
    File,
}

/// A text with what has been read of it.
pub struct Tokenizer {
    grammar: Syntax,
    /// The rest, and one byte of room.
    text: &'static mut [u8],
    /// What comes next belongs to a comment.
    comment: bool,
    /// Line and column of the next byte; of the word read last. From 1 on.
    next: (u32, u32),
    pub place: (u32, u32),
}

impl Tokenizer {
    /// The last byte of `text` is room and not text.
    #[must_use]
    pub const fn new(grammar: Syntax, text: &'static mut [u8]) -> Self {
        Self { grammar, text, comment: false, next: (1, 1), place: (1, 1) }
    }

    /// The next word, with a NUL at its end; `None` when there are no more.
    ///
    /// # Errors
    /// A quote that is not closed, an escape that is none, a NUL.
    pub fn read(&mut self) -> Result<Option<&'static [u8]>, &'static str> {
        let text = core::mem::take(&mut self.text);
        let size = text.len().saturating_sub(1);
        let (mut at, mut size_of_word) = (0, None);
        let mut quote = 0;
        while at < size {
            let mut byte = text.get(at).copied().unwrap_or(0);
            let place = self.next;
            at += 1;
            self.step(byte);
            if quote == 0 {
                let begins = byte == b'#' && self.grammar == Syntax::File;
                self.comment = (self.comment || begins) && byte != b'\n';
                if self.comment || matches!(byte, b' ' | b'\t'..=b'\r') {
                    if size_of_word.is_none() {
                        continue;
                    }
                    break;
                }
            }
            if size_of_word.is_none() {
                self.place = place;
            }
            let end = size_of_word.get_or_insert(0);
            let marks = if quote == 0 { self.quotes(byte) } else { byte == quote };
            if marks {
                quote ^= byte;
                continue;
            }
            if byte == b'\\' && quote != 0 && self.grammar == Syntax::File {
                let (taken, escaped) = escape(text.get(at..size).unwrap_or(&[]))?;
                text.iter().skip(at).take(taken).for_each(|byte| self.step(*byte));
                at += taken;
                byte = escaped;
            }
            if byte == 0 {
                return Err("a NUL byte");
            }
            if let Some(room) = text.get_mut(*end) {
                *room = byte;
            }
            *end += 1;
        }
        if quote != 0 {
            return Err("the quote is not closed");
        }
        let Some(end) = size_of_word else {
            return Ok(None);
        };
        if let Some(room) = text.get_mut(end) {
            *room = 0;
        }
        let (word, rest) = text.split_at_mut_checked(at.max(end + 1)).unwrap_or_default();
        self.text = rest;
        Ok(Some(first(word, end + 1)))
    }

    const fn quotes(&self, byte: u8) -> bool {
        byte == b'"' || byte == b'\'' && matches!(self.grammar, Syntax::Variable)
    }

    const fn step(&mut self, byte: u8) {
        let (line, column) = self.next;
        self.next = if byte == b'\n' { (line + 1, 1) } else { (line, column + 1) };
    }
}

/// What an escape stands for, and how many bytes it has behind the backslash.
fn escape(text: &[u8]) -> Result<(usize, u8), &'static str> {
    let byte = match text {
        [b'n', ..] => b'\n',
        [b'r', ..] => b'\r',
        [b't', ..] => b'\t',
        [b'b', ..] => 8,
        [b'e', ..] => 27,
        [b'a', ..] => 7,
        [b'v', ..] => 11,
        [byte @ (b'"' | b'\\'), ..] => *byte,
        [b'x', high, low, ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                return Err("no escape (like \\n, \\x1b)");
            };
            return Ok((3, u8::try_from((high << 4) + low).unwrap_or(0)));
        }
        _ => return Err("no escape (like \\n, \\x1b)"),
    };
    Ok((1, byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word and its place.
    type Placed = (String, (u32, u32));

    fn words(grammar: Syntax, text: &[u8]) -> Result<Vec<Placed>, &'static str> {
        let mut words = Tokenizer::new(grammar, Box::leak(Box::from([text, b"x"].concat())));
        let mut all = vec![];
        while let Some(word) = words.read()? {
            let (nul, bytes) = word.split_last().unwrap();
            assert_eq!(*nul, 0);
            all.push((String::from_utf8_lossy(bytes).into_owned(), words.place));
        }
        Ok(all)
    }

    fn plain(grammar: Syntax, text: &str) -> Result<Vec<String>, &'static str> {
        Ok(words(grammar, text.as_bytes())?.into_iter().map(|word| word.0).collect())
    }

    #[test]
    fn words_of_a_variable() {
        let is = |text, all: &[&str]| {
            assert_eq!(plain(Syntax::Variable, text).unwrap(), all, "{text:?}");
        };
        is("", &[]);
        is(" \t\n", &[]);
        is("-n", &["-n"]);
        is(" -L  4.0\t-e\n", &["-L", "4.0", "-e"]);
        is("-p '/a b' \"c'd\" e\"f g\"h ''", &["-p", "/a b", "c'd", "ef gh", ""]);
        is("a#b \\n", &["a#b", "\\n"]);
        assert!(plain(Syntax::Variable, "a 'b").is_err());
        assert!(plain(Syntax::Variable, "a \"b'").is_err());
    }

    #[test]
    fn words_of_a_file() {
        let is = |text, all: &[&str]| {
            assert_eq!(plain(Syntax::File, text).unwrap(), all, "{text:?}");
        };
        is("load-high 4 # as it was\nonce", &["load-high", "4", "once"]);
        is("a#b\nc # \"d\n\"e # f\"", &["a", "c", "e # f"]);
        is("it's", &["it's"]);
        is(r#""\n\r\t\b\e\a\v\"\\\x41\x1B" x"#, &["\n\r\t\x08\x1b\x07\x0b\"\\A\x1b", "x"]);
        is("\"two\nlines\"", &["two\nlines"]);
        for bad in [r#""\q""#, r#""\x4""#, r#""\x4g""#, r#""\x00""#, "\"", "\"a\\", "a\0b"] {
            assert!(plain(Syntax::File, bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn places_are_told() {
        let all = words(Syntax::File, b"ab \"c\nd\\n\"  e\n\n # x\n   f").unwrap();
        let places: Vec<_> = all.into_iter().map(|word| word.1).collect();
        assert_eq!(places, [(1, 1), (1, 4), (2, 7), (5, 4)]);
    }

    /// Any bytes at all: an end, never a panic, and no word with a NUL in it.
    #[test]
    fn no_text_is_too_odd() {
        let mut random = crate::testing::Random(9);
        for _ in 0..100_000 {
            let alphabet = b"ab '\"\\#nx0\n\t\0\xff";
            let text: Vec<u8> = (0..random.below(14))
                .map(|_| alphabet[random.below(alphabet.len() as u64)])
                .collect();
            for grammar in [Syntax::Variable, Syntax::File] {
                for (word, _) in words(grammar, &text).unwrap_or_default() {
                    assert!(!word.contains('\0'));
                }
            }
        }
    }
}

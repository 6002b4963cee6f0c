//! The builder of syslog messages from log lines: a header, then the text, escaped and cut to size. dsyslog's sender
//! feeds it with the pieces of its input.
//!
//! Each line becomes one message, or several if it is too long. Control characters are escaped, because a receiver may
//! print messages to a terminal: `#` and three octal digits, as rsyslogd does.

use super::header::{Header, Layout, MessageFormat};
#[cfg(any(test, fuzzing))]
use super::header::{Host, Id};
use super::priority::Priority;
use super::queue::Queue;
use crate::byte_scan::copy_until;
use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::log::loss::{self, Loss};
use crate::text::{C1_LEAD, Put, Text, completes_c1, copy, first, skip, spare};

/// The minimum of `--size`, in bytes. Chosen: the longest header leaves space for some text, and the syslogd of
/// busybox reads 255 bytes of a message unless it is built otherwise.
pub const MIN_SIZE: usize = 240;

/// The maximum of `--size`, in bytes. Chosen: rsyslogd accepts as many by default.
pub const MAX_SIZE: usize = 8192;

/// The value of `--size`; 0: the default.
pub struct MaxSize(pub usize);

impl OptionValue for MaxSize {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        let size = value::size(value.to_bytes()).ok().and_then(|size| usize::try_from(size).ok());
        let is_possible = |size: &usize| (MIN_SIZE..=MAX_SIZE).contains(size);
        self.0 = size.filter(is_possible).ok_or(Expected::MessageSize)?;
        Ok(())
    }
}

/// Builds the messages of one sender from lines that arrive in pieces.
// Field order: see src/lib.rs.
#[repr(C)]
pub struct MessageBuilder<'a> {
    pub format: &'a mut MessageFormat,
    /// The time of the next messages: seconds since 1970 and nanoseconds.
    moment: (i64, u32),
    /// The header and a part of a line's text are in `message`. Otherwise the text in `message` is the start of a line, while
    /// it may still become the prefix `<NNN>`.
    in_line: bool,
    /// The number in that prefix.
    pri: Option<u8>,
    /// The size of the header at the start of `message`, and the PRI value in it. All lines of a batch, or of a second, share
    /// one header.
    header_len: usize,
    header_pri: u8,
    /// There is no header yet, or it shows an earlier time.
    is_stale: bool,
    /// The size of the message so far.
    len: usize,
    /// The buffer has the maximum size of a message.
    message: &'a mut [u8],
}

/// The receiver of messages: the queue, or a test.
pub trait Outbox {
    /// Takes a message. `last`: its line ends with it.
    fn push(&mut self, message: &[u8], last: bool);
}

impl Outbox for Queue {
    fn push(&mut self, message: &[u8], last: bool) {
        self.push(message, last);
    }
}

#[cfg(any(test, fuzzing))]
impl<F: FnMut(&[u8], bool)> Outbox for F {
    fn push(&mut self, message: &[u8], last: bool) {
        self(message, last);
    }
}

impl<'a> MessageBuilder<'a> {
    #[must_use]
    pub const fn new(format: &'a mut MessageFormat, message: &'a mut [u8]) -> Self {
        Self {
            format,
            moment: (i64::MIN, 0),
            in_line: false,
            pri: None,
            header_len: 0,
            header_pri: 0,
            is_stale: true,
            len: 0,
            message,
        }
    }

    /// Returns the maximum size of a message.
    #[must_use]
    pub const fn max_size(&self) -> usize {
        self.message.len()
    }

    /// Sets the time of the next messages. Returns whether it is another second.
    pub fn set_time(&mut self, moment: (i64, u32)) -> bool {
        let before = core::mem::replace(&mut self.moment, moment);
        let is_new = before.0 != moment.0;
        self.is_stale |= is_new || self.format.layout == Layout::Rfc5424;
        is_new
    }

    /// Consumes bytes from the start of `piece`, at most to the end of a line. Returns their number. It is 0 if `piece` is
    /// empty, and may be 0 if a full message was emitted.
    pub fn feed(&mut self, piece: &[u8], outbox: &mut impl Outbox) -> usize {
        let Some(first) = piece.first() else {
            return 0;
        };
        if !self.in_line {
            if self.read_prefix(*first) {
                return 1;
            }
            let prefix_len = self.len - self.header_len;
            if self.format.skip_empty && prefix_len == 0 && *first == b'\n' {
                self.pri = None;
                return 1;
            }
            self.start_message(prefix_len);
        }
        let before = self.message.get(self.len.wrapping_sub(1));
        let plain = if completes_c1(before, *first) { 0 } else { self.push_plain(piece) };
        match piece.get(plain) {
            None => plain,
            Some(b'\n') => {
                self.end_line(outbox);
                plain + 1
            }
            Some(byte) => {
                let octal = octal_escape(*byte);
                let escaped: &[u8] = match *byte {
                    b'\t' | C1_LEAD => &[*byte],
                    _ => &octal,
                };
                if self.spare() < escaped.len() {
                    self.cut(outbox);
                    return plain;
                }
                self.push(escaped);
                plain + 1
            }
        }
    }

    /// Ends the input. A last line without a newline becomes a message, too.
    pub fn finish(&mut self, outbox: &mut impl Outbox) {
        if !self.in_line && self.len > self.header_len {
            self.start_message(self.len - self.header_len);
        }
        if self.in_line {
            self.end_line(outbox);
        }
    }

    /// Writes a loss notice into `message`, which is empty.
    pub fn put_notice(&self, message: &mut Text, lines: u64) {
        self.format.put_header(message, self.moment, self.format.priority.pri(None));
        loss::put_notice(message, Loss { lines, bytes: 0 }, " lost");
    }

    /// Consumes a byte at the start of a line if it continues `<0>` to `<191>`. Returns whether it did.
    fn read_prefix(&mut self, byte: u8) -> bool {
        if !self.format.prefixed || self.pri.is_some() {
            return false;
        }
        let is_part = match self.text() {
            [] => byte == b'<',
            [_, digits @ ..] if byte.is_ascii_digit() => digits.len() < 3,
            [_, digits @ ..] => {
                let number =
                    value::number(digits).ok().and_then(|number| u8::try_from(number).ok());
                self.pri = number.filter(|number| byte == b'>' && *number <= Priority::MAX_PRI);
                if self.pri.is_some() {
                    self.len = self.header_len;
                }
                return self.pri.is_some();
            }
        };
        if is_part {
            self.push(&[byte]);
        }
        is_part
    }

    /// Starts a message of a line with the last `kept` bytes of the text so far: at most 4, an incomplete prefix or character.
    fn start_message(&mut self, kept: usize) {
        let mut rest = Text::new();
        if kept > 0 {
            rest.put(skip(first(self.message, self.len), self.len - kept));
        }
        let pri = self.format.priority.pri(self.pri);
        if self.is_stale || self.header_pri != pri {
            (self.is_stale, self.header_pri) = (false, pri);
            let mut header = Header::new();
            self.format.put_header(&mut header, self.moment, pri);
            self.header_len = copy(header.bytes(), self.message);
        }
        self.in_line = true;
        self.len = self.header_len;
        if kept > 0 {
            self.push(rest.bytes());
        }
    }

    /// Returns the text in the message so far.
    #[inline(never)]
    fn text(&self) -> &[u8] {
        skip(first(self.message, self.len), self.header_len)
    }

    const fn spare(&self) -> usize {
        self.message.len().saturating_sub(self.len)
    }

    /// Appends the bytes before the first one that may need an escape: a control byte, DEL, or [`C1_LEAD`]. Stops when
    /// the message is full. Returns the number of bytes.
    fn push_plain(&mut self, piece: &[u8]) -> usize {
        let place = spare(self.message, self.len);
        let size = copy_until(piece, place, |block| {
            block.le(b' ' - 1) | block.eq(0x7f) | block.eq(C1_LEAD)
        });
        self.len += size;
        size
    }

    /// Appends the part of `text` that fits.
    fn push(&mut self, text: &[u8]) {
        self.len += copy(text, spare(self.message, self.len));
    }

    /// Emits the full message up to the last complete character, and starts the next one of the line with the rest.
    fn cut(&mut self, outbox: &mut impl Outbox) {
        let partial = partial_char_len(self.text());
        outbox.push(first(self.message, self.len - partial), false);
        self.start_message(partial);
    }

    fn end_line(&mut self, outbox: &mut impl Outbox) {
        outbox.push(first(self.message, self.len), true);
        self.len = self.header_len;
        self.in_line = false;
        self.pri = None;
    }
}

/// Returns the escape of a byte: `#` and three octal digits.
fn octal_escape(byte: u8) -> [u8; 4] {
    [b'#', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]
}

/// Returns how many bytes at the end of `text` start a UTF-8 character without completing it. Text in another encoding
/// may be cut anywhere.
fn partial_char_len(text: &[u8]) -> usize {
    for (index, byte) in text.iter().rev().enumerate().take(3) {
        // The first byte of a character of 2 to 4 bytes starts with so many ones, and each other byte with one.
        match byte.leading_ones() as usize {
            1 => {}
            char_len @ 2..=4 if index + 1 < char_len => return index + 1,
            _ => return 0,
        }
    }
    0
}

/// Returns a format for the tests.
#[cfg(any(test, fuzzing))]
fn tests_format(layout: Layout) -> MessageFormat {
    use super::priority::Facility;
    let priority = Priority { facility: Facility(24), severity: 4 };
    let host = Host(heapless::Vec::from_slice(b"box").unwrap_or_default());
    let (prefixed, skip_empty) = (false, false);
    MessageFormat { layout, priority, name: b"name", id: Id::NONE, host, prefixed, skip_empty }
}

/// Asserts that no message exceeds the maximum size, and that the concatenated texts are the escaped input. The pieces of
/// the input may have any size.
///
/// The first two bytes of `data` select the format and the size of the pieces. Fuzzing calls it too.
#[cfg(any(test, fuzzing))]
pub fn check(data: &[u8]) {
    let Some(([format, piece_size], input)) = data.split_first_chunk() else {
        return;
    };
    let layout =
        [Layout::Local, Layout::Logd, Layout::Network, Layout::Rfc5424][usize::from(format & 3)];
    let size = if format & 4 > 0 { MIN_SIZE } else { layout.max_size(0) };
    let mut format = tests_format(layout);
    let mut buffer = std::vec![0; size];
    let mut builder = MessageBuilder::new(&mut format, &mut buffer);
    builder.set_time((0, 0));
    let header: &[u8] = match layout {
        Layout::Local => b"<28>name: ",
        Layout::Logd => b"<28>Jan  1 00:00:00 name: ",
        Layout::Network => b"<28>1970-01-01T00:00:00Z box name: ",
        Layout::Rfc5424 => b"<28>1 1970-01-01T00:00:00.000000Z box name - - - ",
    };
    let mut texts = std::vec::Vec::new();
    let mut emit = |message: &[u8], last: bool| {
        assert!(message.len() <= size);
        assert!(message.starts_with(header));
        texts.extend_from_slice(&message[header.len()..]);
        texts.extend_from_slice(if last { b"\n" } else { b"" });
    };
    for piece in input.chunks(1 + usize::from(*piece_size)) {
        let mut rest = piece;
        while !rest.is_empty() {
            rest = &rest[builder.feed(rest, &mut emit)..];
        }
    }
    builder.finish(&mut emit);
    let mut escaped = std::vec::Vec::new();
    let mut before = b' ';
    for byte in input {
        let after_c2 = core::mem::replace(&mut before, *byte) == 0xc2;
        match byte {
            b'\n' | b'\t' => escaped.push(*byte),
            0x80..0xa0 if after_c2 => {
                escaped.extend_from_slice(std::format!("#{byte:03o}").as_bytes())
            }
            0..32 | 127 => escaped.extend_from_slice(std::format!("#{byte:03o}").as_bytes()),
            _ => escaped.push(*byte),
        }
    }
    if input.last().is_some_and(|last| *last != b'\n') {
        escaped.push(b'\n');
    }
    assert_eq!(texts, escaped);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syslog::header::MAX_NAME;
    use crate::testing::Random;

    fn format() -> MessageFormat {
        tests_format(Layout::Local)
    }

    /// Returns the messages of an input that arrives in these pieces.
    fn build(format: &mut MessageFormat, pieces: &[&[u8]]) -> std::vec::Vec<(String, bool)> {
        let mut buffer = vec![0; format.layout.max_size(0)];
        let mut builder = MessageBuilder::new(format, &mut buffer);
        builder.set_time((1_794_823_200, 123_456_789));
        let mut sent = vec![];
        let mut emit = |m: &[u8], last| sent.push((String::from_utf8_lossy(m).into_owned(), last));
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let taken = builder.feed(rest, &mut emit);
                rest = &rest[taken..];
            }
        }
        builder.finish(&mut emit);
        sent
    }

    fn texts(format: &mut MessageFormat, pieces: &[&[u8]]) -> std::vec::Vec<String> {
        build(format, pieces).into_iter().map(|message| message.0).collect()
    }

    #[test]
    fn a_line_is_a_message() {
        let header = "<28>name: ";
        assert_eq!(
            texts(&mut format(), &[b"hel", b"lo\n\nlast"]),
            [format!("{header}hello"), header.into(), format!("{header}last")]
        );
        let mut skipping = MessageFormat { skip_empty: true, ..format() };
        assert_eq!(texts(&mut skipping, &[b"\na\n\n"]), [format!("{header}a")]);
        assert_eq!(
            texts(&mut tests_format(Layout::Rfc5424), &[b"a\n"]),
            ["<28>1 2026-11-16T10:00:00.123456Z box name - - - a"]
        );
    }

    #[test]
    fn control_characters_are_escaped_in_octal() {
        assert_eq!(
            texts(&mut format(), &[b"a\0\tb\x1b[0m\x7f\xc3\xa4\n"]),
            ["<28>name: a#000\tb#033[0m#177\u{e4}"]
        );
        // Control characters of two bytes, in one piece and split between pieces: the second byte is escaped.
        for pieces in [
            &["\u{b0}\u{9b}31m\u{9f}\u{a0}\n".as_bytes()][..],
            &[b"\xc2\xb0\xc2", b"\x9b31m\xc2", b"\x9f\xc2", b"\xa0\n"],
        ] {
            let text = "\u{b0}\u{fffd}#23331m\u{fffd}#237\u{a0}";
            assert_eq!(texts(&mut format(), pieces), [format!("<28>name: {text}")]);
        }
    }

    #[test]
    fn a_prefix_sets_the_priority_of_its_line() {
        let mut prefixed = MessageFormat { prefixed: true, ..format() };
        let text = |pri, text| format!("<{pri}>name: {text}");
        let input =
            b"<3>bad\n<8>x\n<\n<3\nplain\n<7>\n<3><4>\n<191>y\n<007>z\n<192>\n<>\n<1234>\n<19";
        let all = [
            text(27, "bad"),
            text(8, "x"),
            text(28, "<"),
            text(28, "<3"),
            text(28, "plain"),
            text(31, ""),
            text(27, "<4>"),
            text(191, "y"),
            text(31, "z"),
            text(28, "<192>"),
            text(28, "<>"),
            text(28, "<1234>"),
            text(28, "<19"),
        ];
        for size in 1..=input.len() {
            let pieces: std::vec::Vec<_> = input.chunks(size).collect();
            assert_eq!(texts(&mut prefixed, &pieces), all, "{size}");
        }
        assert_eq!(texts(&mut format(), &[b"<3>bad\n"]), [text(28, "<3>bad")]);
    }

    #[test]
    fn a_line_that_just_fits_is_not_cut() {
        let header = "<28>name: ";
        for (last, shown) in [("a", "a"), ("\t", "\t"), ("\u{7f}", "#177")] {
            let text = "a".repeat(1023 - header.len() - shown.len());
            let line = format!("{text}{last}\n");
            let message = format!("{header}{text}{shown}");
            assert_eq!(build(&mut format(), &[line.as_bytes()]), [(message, true)]);
        }
    }

    #[test]
    fn the_size_has_limits() {
        let parsed = |word: &str| {
            let mut size = MaxSize(0);
            size.parse(Arg::new(crate::testing::word_of(word))).map(|()| size.0)
        };
        assert_eq!(["240", "1k", "8k"].map(parsed), [Ok(240), Ok(1024), Ok(8192)]);
        assert!(["", "0", "239", "8193", "9k", "x"].map(parsed).iter().all(Result::is_err));
    }

    #[test]
    fn only_incomplete_characters_are_partial() {
        let characters = "a\u{e4}\u{20ac}\u{1f980}".chars();
        for bytes in characters.map(|character| character.to_string().into_bytes()) {
            for size in 0..=bytes.len() {
                let text = [b"text", &bytes[..size]].concat();
                assert_eq!(partial_char_len(&text), size % bytes.len(), "{text:?}");
            }
        }
        assert_eq!(partial_char_len(b"\x80\x80\x80\x80"), 0);
        assert_eq!(partial_char_len(b"\xff"), 0);
    }

    #[test]
    fn a_notice_does_not_change_the_line_around_it() {
        let mut format = format();
        let mut buffer = [0; 1024];
        let mut builder = MessageBuilder::new(&mut format, &mut buffer);
        let mut sent = vec![];
        builder.feed(b"be", &mut |m: &[u8], last| sent.push((m.to_vec(), last)));
        let mut notice = Header::new();
        builder.put_notice(&mut notice, 7);
        builder.feed(b"gun\n", &mut |m: &[u8], last| sent.push((m.to_vec(), last)));
        assert_eq!(notice.bytes(), b"<28>name: 7 lines lost");
        assert_eq!(sent, [(b"<28>name: begun".to_vec(), true)]);
    }

    #[test]
    fn any_bytes_become_messages() {
        let mut random = Random(5);
        for _ in 0..2000 {
            let size = [10, 100, 4000][random.below(3)];
            let data: std::vec::Vec<u8> = (0..2 + random.below(size))
                .map(|_| if random.below(60) == 0 { b'\n' } else { random.number() as u8 })
                .collect();
            check(&data);
        }
    }

    /// Any characters in any pieces give messages that are not too long and cut no character. Their joined texts are
    /// the escaped line.
    #[test]
    fn cutting_a_long_line_loses_nothing() {
        let mut random = Random(3);
        for _ in 0..300 {
            let layout = [Layout::Local, Layout::Rfc5424][random.below(2)];
            let mut format = tests_format(layout);
            let mut line = String::new();
            for _ in 0..random.below(5000) {
                line.push(
                    ['a', 'b', '\u{e4}', '\u{20ac}', '\u{1f980}', '\t', '\u{1}', '\u{7f}']
                        [random.below(8)],
                );
            }
            let bytes = format!("{line}\n").into_bytes();
            let mut pieces = vec![];
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at((1 + random.below(900)).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            let messages = build(&mut format, &pieces);
            let escaped: String = line
                .chars()
                .map(|c| {
                    if c != '\t' && c.is_ascii_control() {
                        format!("#{:03o}", c as u32)
                    } else {
                        c.into()
                    }
                })
                .collect();
            let header = texts(&mut format, &[b"\n"])[0].clone();
            let max_size = layout.max_size(0);
            let mut all = String::new();
            for (n, (message, last)) in messages.iter().enumerate() {
                assert!(message.len() <= max_size, "{} bytes", message.len());
                assert_eq!(*last, n + 1 == messages.len());
                assert!(!message.contains('\u{fffd}'), "a character was cut");
                all += message.strip_prefix(&header).unwrap();
            }
            assert_eq!(all, escaped);
        }
    }

    /// What OpenWrt's logd stores of a datagram (log/syslog.c of ubox): it reads 1023 bytes, removes white space at the
    /// end and the PRI, and then 16 bytes if the sixteenth is a blank.
    fn logd(message: &str) -> &str {
        let read = message.get(..message.len().min(1023)).unwrap().trim_end();
        let (_, text) = read.split_once('>').unwrap();
        if text.len() >= 16 && text.as_bytes()[15] == b' ' { &text[16..] } else { text }
    }

    #[test]
    fn logd_stores_every_byte() {
        for length in 1..=MAX_NAME {
            let name = &"n".repeat(length);
            let mut format = tests_format(Layout::Logd);
            format.name = crate::testing::word_of(name).to_bytes();
            // Blanks at one or two places, then at all but one.
            for (first, second) in (0..24).flat_map(|a| (0..24).map(move |b| (a, b))) {
                for (others, blank) in [("x", ' '), (" ", 'x')] {
                    let mut text: std::vec::Vec<char> = others.repeat(24).chars().collect();
                    (text[first], text[second]) = (blank, blank);
                    let text: String = text.into_iter().collect();
                    let message = texts(&mut format, &[text.as_bytes()]).concat();
                    assert_eq!(logd(&message), format!("{name}: {text}").trim_end());
                }
            }
            let line = "long ".repeat(1000) + ".";
            let stored = texts(&mut format, &[line.as_bytes()]);
            let stored: std::vec::Vec<_> = stored.iter().map(|message| message.len()).collect();
            assert_eq!(stored.iter().max(), Some(&1023));
        }
        // Without the time, bytes are lost.
        let message = texts(&mut format(), &[b"nine byte four"]).concat();
        assert_ne!(logd(&message), "name: nine byte four");
    }
}

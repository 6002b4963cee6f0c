//! The text of syslog messages: lines behind a header, escaped and cut to size. Pure.
//!
//! RFC 3164 is what every syslogd reads; RFC 5424 is for central receivers.

use super::header::{MessageFormat, Origin};
use crate::byte_scan::copy_until;
use crate::text::{CONTROLS, Message, Put, copy, ends_control, first, skip, spare};
use heapless::Vec;

/// The longest message with its header: RFC 3164, 4.1.
const MAX_3164: usize = 1024;
/// What every receiver should take: RFC 5424, 6.1.
pub const MAX_5424: usize = 2048;

/// Makes messages of lines that come in pieces.
// In this order: what is large comes last, so that the way to what is small is short.
#[repr(C)]
pub struct MessageBuilder<'a> {
    format: &'a MessageFormat,
    /// Where the text begins in `packet`; 0 between lines.
    text: usize,
    /// `<N>` at the beginning of the line, as far as it was read, and what it said.
    prefix: Vec<u8, 3>,
    severity: Option<u8>,
    /// The header that `packet` begins with: its length, and what it was made for. Within a second, or a batch,
    /// it is the same for all lines.
    header: usize,
    made_for: ((i64, u32), Option<u8>),
    /// How much of `packet` is made.
    used: usize,
    message: [u8; MAX_5424],
}

/// What becomes of a message: its bytes, and whether the line ends with it.
pub type Send<'a> = &'a mut dyn FnMut(&[u8], bool);

impl<'a> MessageBuilder<'a> {
    #[must_use]
    pub const fn new(format: &'a MessageFormat) -> Self {
        Self {
            format,
            text: 0,
            prefix: Vec::new(),
            severity: None,
            header: 0,
            made_for: ((0, 0), None),
            used: 0,
            message: [0; MAX_5424],
        }
    }

    /// Takes a piece of the input up to the end of a line at the most; says how many bytes.
    pub fn take(&mut self, piece: &[u8], origin: Origin, send: Send) -> usize {
        let Some(first) = piece.first() else {
            return 0;
        };
        if self.text == 0 {
            if self.read_prefix(*first) {
                return 1;
            }
            if self.format.skip_empty && self.prefix.is_empty() && *first == b'\n' {
                self.severity = None;
                return 1;
            }
            self.begin_text(origin);
        }
        let before = self.message.get(self.used.wrapping_sub(1));
        let plain = if ends_control(before, *first) { 0 } else { self.push_plain(piece) };
        match piece.get(plain) {
            None => plain,
            Some(b'\n') => {
                self.end(send);
                plain + 1
            }
            Some(byte) => {
                let [hundreds, tens, ones] =
                    [byte >> 6, (byte >> 3) & 7, byte & 7].map(|d| d + b'0');
                let escaped: &[u8] = match *byte {
                    b'\t' | CONTROLS => &[*byte],
                    _ => &[b'#', hundreds, tens, ones],
                };
                if self.spare() < escaped.len() {
                    self.cut(origin, send);
                    return plain;
                }
                self.push_text(escaped);
                plain + 1
            }
        }
    }

    /// The input is over: a last line without a newline is a line too.
    pub fn finish(&mut self, origin: Origin, send: Send) {
        if self.text == 0 && !self.prefix.is_empty() {
            self.begin_text(origin);
        }
        if self.text > 0 {
            self.end(send);
        }
    }

    /// Sends one whole message of our own, wherever the lines stand.
    pub fn whole(&self, text: &[u8], origin: Origin, send: Send) {
        let mut message = self.format.header(origin, None);
        message.put(text);
        send(message.bytes(), true);
    }

    /// Whether this byte at the beginning of a line is one of `<0>` to `<7>`.
    fn read_prefix(&mut self, byte: u8) -> bool {
        let fits = match *self.prefix {
            _ if !self.format.prefixed || self.severity.is_some() => false,
            [] => byte == b'<',
            [_] => matches!(byte, b'0'..=b'7'),
            _ => byte == b'>',
        };
        if fits && self.prefix.push(byte).is_err() {
            return false;
        }
        if let [_, digit, _] = *self.prefix {
            self.severity = Some(digit - b'0');
            self.prefix.clear();
        }
        fits
    }

    /// Begins the first message of a line. What looked like a prefix and was none is text.
    fn begin_text(&mut self, origin: Origin) {
        self.begin(origin);
        if !self.prefix.is_empty() {
            let text = core::mem::take(&mut self.prefix);
            self.push_text(&text);
        }
    }

    fn begin(&mut self, origin: Origin) {
        let (second, _) = origin.moment;
        let shown = if self.format.rfc5424 { origin.moment } else { (second, 0) };
        if self.header == 0 || self.made_for != (shown, self.severity) {
            self.made_for = (shown, self.severity);
            let header = self.format.header(origin, self.severity);
            self.header = copy(header.bytes(), &mut self.message);
        }
        self.used = self.header;
        self.text = self.header;
    }

    fn spare(&self) -> usize {
        let longest = if self.format.rfc5424 { MAX_5424 } else { MAX_3164 };
        longest.saturating_sub(self.used)
    }

    /// Puts in what passes as it is, as much as there is room for: up to a control byte or DEL, or what may be the first
    /// byte of a control character. Says how much.
    fn push_plain(&mut self, piece: &[u8]) -> usize {
        let end = self.used + self.spare();
        let place = self.message.get_mut(self.used..end).unwrap_or(&mut []);
        let size = copy_until(piece, place, |block| {
            block.le(b' ' - 1) | block.eq(0x7f) | block.eq(CONTROLS)
        });
        self.used += size;
        size
    }

    /// Puts in as much as there is room for; says how much.
    fn push_text(&mut self, text: &[u8]) -> usize {
        let size = text.len().min(self.spare());
        self.used += copy(first(text, size), spare(&mut self.message, self.used));
        size
    }

    /// The message is full and the line goes on: sends it, up to the last character that is whole, and
    /// begins the next with the rest.
    fn cut(&mut self, origin: Origin, send: Send) {
        let text = skip(first(&self.message, self.used), self.text);
        let whole = text.len() - partial_char_len(text);
        let mut broken = Message::<4>::new();
        broken.put(skip(text, whole));
        send(first(&self.message, self.text + whole), false);
        self.begin(origin);
        self.push_text(broken.bytes());
    }

    fn end(&mut self, send: Send) {
        send(first(&self.message, self.used), true);
        self.text = 0;
        self.severity = None;
    }
}

/// How many bytes at the end are the beginning of a UTF-8 character that is not whole. Text in another
/// encoding is cut anywhere.
fn partial_char_len(text: &[u8]) -> usize {
    for (n, byte) in text.iter().rev().enumerate().take(3) {
        let whole = match byte {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            0x80..=0xbf => continue,
            _ => return 0,
        };
        return if n + 1 < whole { n + 1 } else { 0 };
    }
    0
}

/// Whatever the bytes and the pieces in which they come: no message is too long, each line ends with one,
/// and their texts put together are the lines, escaped. The first bytes of `data` say how.
#[cfg(any(test, fuzzing))]
pub fn check(data: &[u8]) {
    let Some(([how, pieces], input)) = data.split_first_chunk() else {
        return;
    };
    let priority =
        super::priority::Priority { facility: super::priority::Facility(3), severity: 4 };
    let rfc5424 = how & 1 > 0;
    let format =
        MessageFormat { priority, name: b"n", rfc5424, prefixed: false, skip_empty: false };
    let mut builder = MessageBuilder::new(&format);
    let origin = Origin { moment: (0, 0), host: b"h" };
    let head: &[u8] = match rfc5424 {
        true => b"<28>1 1970-01-01T00:00:00.000000Z h n - - - ",
        false => b"<28>Jan  1 00:00:00 n: ",
    };
    let mut texts = std::vec::Vec::new();
    let mut send = |message: &[u8], last: bool| {
        assert!(message.len() <= if rfc5424 { MAX_5424 } else { MAX_3164 });
        assert!(message.starts_with(head));
        texts.extend_from_slice(&message[head.len()..]);
        texts.extend_from_slice(if last { b"\n" } else { b"" });
    };
    for piece in input.chunks(1 + usize::from(*pieces)) {
        let mut rest = piece;
        while !rest.is_empty() {
            rest = &rest[builder.take(rest, origin, &mut send)..];
        }
    }
    builder.finish(origin, &mut send);
    let mut escaped = std::vec::Vec::new();
    let mut before = b' ';
    for byte in input {
        let first = core::mem::replace(&mut before, *byte) == 0xc2;
        match byte {
            b'\n' | b'\t' => escaped.push(*byte),
            0x80..0xa0 if first => {
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
    use crate::syslog::priority::{Facility, Priority};
    use crate::testing::Random;

    const ORIGIN: Origin = Origin { moment: (1_794_823_200, 123_456_789), host: b"box" };

    fn format() -> MessageFormat {
        let priority = Priority { facility: Facility(3), severity: 4 };
        MessageFormat {
            priority,
            name: b"name",
            rfc5424: false,
            prefixed: false,
            skip_empty: false,
        }
    }

    /// The messages of an input that comes in those pieces.
    fn pack(format: &MessageFormat, pieces: &[&[u8]]) -> std::vec::Vec<(String, bool)> {
        let mut builder = MessageBuilder::new(format);
        let mut sent = vec![];
        let mut send = |m: &[u8], last| sent.push((String::from_utf8_lossy(m).into_owned(), last));
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let taken = builder.take(rest, ORIGIN, &mut send);
                rest = &rest[taken..];
            }
        }
        builder.finish(ORIGIN, &mut send);
        sent
    }

    fn texts(format: &MessageFormat, pieces: &[&[u8]]) -> std::vec::Vec<String> {
        pack(format, pieces).into_iter().map(|message| message.0).collect()
    }

    #[test]
    fn a_line_is_a_message() {
        let head = "<28>Nov 16 10:00:00 name: ";
        assert_eq!(
            texts(&format(), &[b"hel", b"lo\n\nlast"]),
            [format!("{head}hello"), head.into(), format!("{head}last")]
        );
        let skipping = MessageFormat { skip_empty: true, ..format() };
        assert_eq!(texts(&skipping, &[b"\na\n\n"]), [format!("{head}a")]);
        let modern = MessageFormat { rfc5424: true, ..format() };
        assert_eq!(
            texts(&modern, &[b"a\n"]),
            ["<28>1 2026-11-16T10:00:00.123456Z box name - - - a"]
        );
    }

    #[test]
    fn control_bytes_are_told_in_octal() {
        assert_eq!(
            texts(&format(), &[b"a\0\tb\x1b[0m\x7f\xc3\xa4\n"]),
            ["<28>Nov 16 10:00:00 name: a#000\tb#033[0m#177\u{e4}"]
        );
        // In two bytes, of which the second is told; in one piece and in two.
        for pieces in [
            &["\u{b0}\u{9b}31m\u{9f}\u{a0}\n".as_bytes()][..],
            &[b"\xc2\xb0\xc2", b"\x9b31m\xc2", b"\x9f\xc2", b"\xa0\n"],
        ] {
            let text = "\u{b0}\u{fffd}#23331m\u{fffd}#237\u{a0}";
            assert_eq!(texts(&format(), pieces), [format!("<28>Nov 16 10:00:00 name: {text}")]);
        }
    }

    #[test]
    fn a_prefix_sets_the_priority_of_its_line() {
        let prefixed = MessageFormat { prefixed: true, ..format() };
        let text = |pri, text| format!("<{pri}>Nov 16 10:00:00 name: {text}");
        for pieces in [
            &[&b"<3>bad\n<8>x\n<\n<3\nplain\n<7>\n<3><4>\n<3"[..]][..],
            &[b"<", b"3", b">", b"bad\n<8", b">x\n<\n<3", b"\nplain\n<7>\n<3>", b"<4>\n<3"],
        ] {
            let all = [
                text(27, "bad"),
                text(28, "<8>x"),
                text(28, "<"),
                text(28, "<3"),
                text(28, "plain"),
                text(31, ""),
                text(27, "<4>"),
                text(28, "<3"),
            ];
            assert_eq!(texts(&prefixed, pieces), all);
        }
        assert_eq!(texts(&format(), &[b"<3>bad\n"]), [text(28, "<3>bad")]);
    }

    #[test]
    fn a_message_that_is_just_full_is_not_cut() {
        let head = "<28>Nov 16 10:00:00 name: ";
        for (last, shown) in [("a", "a"), ("\t", "\t"), ("\u{7f}", "#177")] {
            let text = "a".repeat(MAX_3164 - head.len() - shown.len());
            let line = format!("{text}{last}\n");
            let message = format!("{head}{text}{shown}");
            assert_eq!(pack(&format(), &[line.as_bytes()]), [(message, true)]);
        }
    }

    #[test]
    fn a_character_is_cut_off_only_if_it_is_not_whole() {
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
    fn a_message_of_our_own_leaves_the_line_as_it_is() {
        let format = format();
        let mut builder = MessageBuilder::new(&format);
        let mut sent = vec![];
        let mut send = |m: &[u8], last| sent.push((m.to_vec(), last));
        builder.take(b"be", ORIGIN, &mut send);
        builder.whole(b"7 lines lost", ORIGIN, &mut send);
        builder.take(b"gun\n", ORIGIN, &mut send);
        let message = |text| (format!("<28>Nov 16 10:00:00 name: {text}").into_bytes(), true);
        assert_eq!(sent, [message("7 lines lost"), message("begun")]);
    }

    #[test]
    fn any_bytes_are_packed() {
        let mut random = Random(5);
        for _ in 0..2000 {
            let size = [10, 100, 4000][random.below(3)];
            let data: std::vec::Vec<u8> = (0..2 + random.below(size))
                .map(|_| if random.below(60) == 0 { b'\n' } else { random.number() as u8 })
                .collect();
            check(&data);
        }
    }

    /// Any characters in any pieces: no message too long, no character cut, and the texts put together are
    /// the line, escaped.
    #[test]
    fn nothing_is_lost_in_packing() {
        let mut random = Random(3);
        for _ in 0..300 {
            let format = MessageFormat { rfc5424: random.below(2) == 0, ..format() };
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
                let (piece, more) = rest.split_at((1 + random.below(900)).min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            let messages = pack(&format, &pieces);
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
            let header = texts(&format, &[b"\n"])[0].clone();
            let longest = if format.rfc5424 { 2048 } else { 1024 };
            let mut all = String::new();
            for (n, (message, last)) in messages.iter().enumerate() {
                assert!(message.len() <= longest, "{} bytes", message.len());
                assert_eq!(*last, n + 1 == messages.len());
                assert!(!message.contains('\u{fffd}'), "a character was cut");
                all += message.strip_prefix(&header).unwrap();
            }
            assert_eq!(all, escaped);
        }
    }
}

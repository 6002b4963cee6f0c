//! The prefix of each log line: a timestamp, then a fixed text.
//!
//! `applets/line_logger.rs` calls it for dlog and drlog, with the time of each batch.
//!
//! All lines of a batch arrive together and get the same timestamp. Therefore the prefix is formatted once per batch.

use super::lines;
use super::timestamp::{MAX_TIMESTAMP, TimestampFormat};
use crate::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use crate::diag::Line;
use crate::text::{Put, Text, TextBuf, copy};

/// Maximum length of the fixed text in bytes. Chosen: longer than any useful text. It bounds the output buffer.
const MAX_TEXT: usize = 4096;

/// Maximum length of a prefix: timestamp, text, space.
pub const PREFIX_SIZE: usize = MAX_TIMESTAMP + MAX_TEXT + 1;

/// The prefix of the current batch.
pub type PrefixBuf = TextBuf<PREFIX_SIZE>;

/// The fixed text of `--prefix`; `None` without the option.
#[derive(Clone, Copy, Default)]
pub struct PrefixText(Option<CliWord>);

impl PrefixText {
    pub const NONE: Self = Self(None);
}

impl OptionValue for PrefixText {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.0 = Some(value);
        if value.count_bytes() > MAX_TEXT { Err(Expected::Prefix) } else { Ok(()) }
    }
}

/// The changes that a logger makes to the lines of its input.
#[derive(Clone, Copy, Default)]
pub struct PrefixOptions {
    /// `None`: no timestamp.
    pub timestamp: Option<TimestampFormat>,
    pub text: PrefixText,
    /// Drop lines that contain only a newline.
    pub skip_empty: bool,
}

impl PrefixOptions {
    /// Returns whether the lines stay unchanged, so that the input needs no copy.
    #[must_use]
    pub const fn is_identity(&self) -> bool {
        self.timestamp.is_none() && self.text.0.is_none() && !self.skip_empty
    }
}

/// Puts the prefix before each line.
pub struct LinePrefixer<'a> {
    options: PrefixOptions,
    /// The second that `prefix` shows; `i64::MIN` before the first time.
    second: i64,
    /// The time of the lines after the one that continues; `None` if none does.
    next_time: Option<(i64, u32)>,
    /// The next byte of the input starts a line.
    at_line_start: bool,
    prefix: &'a mut PrefixBuf,
}

/// The result of [`LinePrefixer::copy_lines`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Copied {
    /// Bytes taken from the batch.
    pub taken: usize,
    /// Bytes written to the output.
    pub written: usize,
}

impl<'a> LinePrefixer<'a> {
    #[must_use]
    pub const fn new(options: PrefixOptions, prefix: &'a mut PrefixBuf) -> Self {
        Self { options, second: i64::MIN, next_time: None, at_line_start: true, prefix }
    }

    /// Returns the format of the timestamps; `None` if lines have no timestamp.
    #[must_use]
    pub const fn timestamp(&self) -> Option<TimestampFormat> {
        self.options.timestamp
    }

    /// Formats the prefix of the next lines, unless it shows this time already. Without timestamps the time has no effect.
    pub fn set_time(&mut self, time: (i64, u32)) {
        let PrefixOptions { timestamp, text: PrefixText(text), .. } = self.options;
        self.next_time = None;
        if time.0 == self.second && !timestamp.is_some_and(TimestampFormat::shows_nanoseconds) {
            return;
        }
        self.second = time.0;
        self.prefix.clear();
        if let Some(format) = timestamp {
            let mut text = Text::new();
            format.put(&mut text, time);
            self.prefix.put(text.bytes());
        }
        if let Some(text) = text {
            self.prefix.put(text.to_bytes());
            self.prefix.put(b" ");
        }
    }

    /// As above, for the lines after the next end of a line.
    pub const fn set_next_time(&mut self, time: (i64, u32)) {
        self.next_time = Some(time);
    }

    /// Copies lines of `batch` to `out`, each after its prefix, until `batch` ends or `out` is full.
    ///
    /// If `out` has space for the batch and one prefix, at least one line is taken, or the whole batch if it contains
    /// no newline.
    pub fn copy_lines(&mut self, batch: &[u8], out: &mut [u8]) -> Copied {
        let (mut rest, mut written) = (batch, 0);
        while let [first, more @ ..] = rest {
            if self.at_line_start && self.options.skip_empty && *first == b'\n' {
                rest = more;
                continue;
            }
            let prefix: &[u8] = if self.at_line_start { self.prefix } else { &[] };
            let space =
                out.get_mut(written..).and_then(|out| out.split_at_mut_checked(prefix.len()));
            let Some((before, space)) = space else {
                break;
            };
            let (size, ended) = lines::copy_first(rest, space);
            if !ended && size < rest.len() {
                break;
            }
            written += copy(prefix, before) + size;
            rest = rest.get(size..).unwrap_or(&[]);
            self.at_line_start = ended;
            if ended && let Some(time) = self.next_time {
                // It clears the next time.
                self.set_time(time);
            }
        }
        Copied { taken: batch.len() - rest.len(), written }
    }

    /// Appends the prefix to a line of the logger itself. A prefix that would take half of the line or more is left out.
    pub fn put_prefix(&self, line: &mut Line) {
        line.put(if self.prefix.len() < Line::CAPACITY / 2 { self.prefix } else { b"" });
    }
}

/// Asserts that the output consists of the input lines, each after its prefix, for any size of batches and output.
///
/// The first three bytes of `data` select options and sizes. Fuzzing calls it too.
#[cfg(any(test, fuzzing))]
pub fn check(data: &[u8]) {
    let Some(([flags, batch_size, out_size], input)) = data.split_first_chunk() else {
        return;
    };
    let options = PrefixOptions {
        timestamp: (flags & 2 > 0).then_some(TimestampFormat::Utc),
        text: PrefixText((flags & 4 > 0).then_some(c"a prefix")),
        skip_empty: flags & 1 > 0,
    };
    let mut prefix = PrefixBuf::new();
    let mut prefixer = LinePrefixer::new(options, &mut prefix);
    let mut all = std::vec::Vec::new();
    for batch in input.chunks(1 + usize::from(*batch_size)) {
        prefixer.set_time((1, 0));
        let mut rest = batch;
        while !rest.is_empty() {
            let mut out = std::vec![0; 40 + batch.len() + usize::from(*out_size)];
            let Copied { taken, written } = prefixer.copy_lines(rest, &mut out);
            assert!(taken > 0);
            all.extend_from_slice(&out[..written]);
            rest = &rest[taken..];
        }
    }
    let time: &[u8] = if flags & 2 > 0 { b"1970-01-01/00:00:01 " } else { b"" };
    let text: &[u8] = if flags & 4 > 0 { b"a prefix " } else { b"" };
    let is_kept = |line: &&[u8]| flags & 1 == 0 || **line != *b"\n";
    let lines = input.split_inclusive(|byte| *byte == b'\n').filter(is_kept);
    let expected: std::vec::Vec<_> = lines.map(|line| [time, text, line].concat()).collect();
    assert_eq!(all, expected.concat());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn random_lines_get_their_prefix() {
        let mut random = Random(11);
        for _ in 0..3000 {
            let data: std::vec::Vec<u8> = (0..3 + random.below(300))
                .map(|_| random.number() as u8)
                .map(|byte| if byte % 5 == 0 { b'\n' } else { byte })
                .collect();
            super::check(&data);
        }
    }

    #[test]
    fn a_long_prefix_is_left_out_of_own_lines() {
        for (length, kept) in [(254, true), (255, false)] {
            let mut text = PrefixText::default();
            let word = crate::testing::word_of(&"x".repeat(length));
            assert_eq!(text.parse(Arg::new(word)), Ok(()));
            let mut prefix = PrefixBuf::new();
            let options = PrefixOptions { text, ..PrefixOptions::default() };
            let mut prefixer = LinePrefixer::new(options, &mut prefix);
            prefixer.set_time((0, 0));
            let mut line = Line::new();
            prefixer.put_prefix(&mut line);
            assert_eq!(line.bytes().len(), if kept { length + 1 } else { 0 });
        }
    }

    #[test]
    fn each_format_shows_each_new_time() {
        let prefix_at = |format, times: [(i64, u32); 3]| {
            let mut prefix = PrefixBuf::new();
            let options = PrefixOptions { timestamp: Some(format), ..PrefixOptions::default() };
            let mut prefixer = LinePrefixer::new(options, &mut prefix);
            times.into_iter().for_each(|time| prefixer.set_time(time));
            String::from_utf8(prefix.bytes().to_vec()).unwrap()
        };
        let times = [(0, 1), (59, 9), (0, 2)];
        assert_eq!(prefix_at(TimestampFormat::Utc, times), "1970-01-01/00:00:00 ");
        let times = [(0, 0), (0, 1), (0, 2)];
        assert_eq!(prefix_at(TimestampFormat::Utc, times), "1970-01-01/00:00:00 ");
        assert_eq!(prefix_at(TimestampFormat::Tai64n, times), "@400000000000000a00000002 ");
        assert_eq!(prefix_at(TimestampFormat::Mono, times), "0.000000002 ");
    }

    #[test]
    fn a_line_that_continues_keeps_its_time() {
        let options =
            PrefixOptions { timestamp: Some(TimestampFormat::Epoch), ..PrefixOptions::default() };
        let mut prefix = PrefixBuf::new();
        let mut prefixer = LinePrefixer::new(options, &mut prefix);
        prefixer.set_time((1, 0));
        prefixer.set_next_time((2, 0));
        let mut out = [0; 100];
        let copied = prefixer.copy_lines(b"a\nb\n", &mut out);
        assert_eq!(out[..copied.written], *b"1.000000000 a\n2.000000000 b\n");
        prefixer.set_next_time((3, 0));
        prefixer.set_time((4, 0));
        let copied = prefixer.copy_lines(b"c\nd\n", &mut out);
        assert_eq!(out[..copied.written], *b"4.000000000 c\n4.000000000 d\n");
    }

    #[test]
    fn the_fixed_text_has_a_maximum_length() {
        let parse = |length| {
            let word = crate::testing::word_of(&"x".repeat(length));
            PrefixText::default().parse(Arg::new(word))
        };
        assert_eq!(parse(4096), Ok(()));
        assert_eq!(parse(4097), Err(Expected::Prefix));
    }
}

//! What stands before a line in a log: stamp and prefix; and empty lines left out. Shared by dlog and
//! drlog.

use super::pump::{MAX_PREFIX, PrefixBuf};
use pure::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use pure::diag::Line;
use pure::log::lines;
use pure::log::timestamp::{TimestampFormat, TimestampFormatter};
use pure::text::{Put, copy};
use sys::clock;

/// What comes before each line.
#[derive(Clone, Copy, Default)]
pub struct PrefixOptions {
    pub timestamp: Option<TimestampFormat>,
    pub prefix: Prefix,
    pub skip_empty: bool,
}

/// The words of `--prefix`.
#[derive(Clone, Copy, Default)]
pub struct Prefix(Option<CliWord>);

impl OptionValue for Prefix {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.0 = Some(value);
        if value.count_bytes() > MAX_PREFIX { Err("a text of at most 4096 bytes") } else { Ok(()) }
    }
}

impl PrefixOptions {
    /// The switch of stamps.
    ///
    /// # Errors
    /// None.
    pub fn set_timestamp(&mut self, given: Arg) -> Result<(), Expected> {
        self.timestamp = given.on.then_some(TimestampFormat::Utc);
        Ok(())
    }

    /// Nothing: the bytes can pass as they are.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.timestamp.is_none() && self.prefix.0.is_none() && !self.skip_empty
    }
}

/// Puts the lines of the input together with what comes before them.
pub struct LinePrefixer<'a> {
    prefix_options: PrefixOptions,
    formatter: TimestampFormatter,
    /// The next byte begins a line.
    at_line_start: bool,
    /// What comes next has come after what was there before.
    pub new_batch: bool,
    /// Stamp and prefix, as they are now.
    prefix: &'a mut PrefixBuf,
}

impl<'a> LinePrefixer<'a> {
    #[must_use]
    pub fn new(prefix_options: PrefixOptions, prefix: &'a mut PrefixBuf) -> Self {
        let formatter =
            TimestampFormatter::new(prefix_options.timestamp.unwrap_or(TimestampFormat::Utc));
        Self { prefix_options, formatter, prefix, at_line_start: true, new_batch: true }
    }

    /// Dresses as much of `batch` as `out` has room for: how many bytes were taken, how many were put.
    /// Out of an empty [`Out`](super::pump::Out) at least one line, or all of a batch that ends none, is taken.
    pub fn prefix(&mut self, batch: &[u8], out: &mut [u8]) -> (usize, usize) {
        if core::mem::take(&mut self.new_batch) {
            self.make_prefix();
        }
        let (mut rest, mut put) = (batch, 0);
        while let [first, more @ ..] = rest {
            if self.at_line_start && self.prefix_options.skip_empty && *first == b'\n' {
                rest = more;
                continue;
            }
            let prefix: &[u8] = if self.at_line_start { self.prefix } else { &[] };
            let place = out.get_mut(put..).and_then(|room| room.split_at_mut_checked(prefix.len()));
            let Some((before, place)) = place else {
                break;
            };
            let (size, ended) = lines::copy_first(rest, place);
            if !ended && size < rest.len() {
                break;
            }
            put += copy(prefix, before) + size;
            rest = rest.get(size..).unwrap_or(&[]);
            self.at_line_start = ended;
        }
        (batch.len() - rest.len(), put)
    }

    /// Puts together what stands before the lines of a batch: they have arrived together.
    fn make_prefix(&mut self) {
        self.prefix.clear();
        if let Some(format) = self.prefix_options.timestamp {
            let moment =
                if format == TimestampFormat::Mono { clock::monotonic() } else { clock::real() };
            let _ = self.prefix.extend_from_slice(self.formatter.text(moment));
        }
        if let Prefix(Some(prefix)) = self.prefix_options.prefix {
            let _ = self.prefix.extend_from_slice(prefix.to_bytes());
            let _ = self.prefix.push(b' ');
        }
    }

    /// Puts what stands before a line of our own, wherever the input stands. Nothing if it would fill the line.
    pub fn put_prefix(&mut self, line: &mut Line) {
        self.make_prefix();
        line.put(if self.prefix.len() < Line::CAPACITY / 2 { self.prefix } else { b"" });
    }
}

/// Whatever the pieces in which the input comes, and however little room there is for the output: it is the
/// input, with a front before each line. The first bytes of `data` say what is asked for and how large
/// the pieces are.
#[cfg(any(test, fuzzing))]
pub fn check(data: &[u8]) {
    let Some(([how, pieces, rooms], input)) = data.split_first_chunk() else {
        return;
    };
    let mut prefix_options = PrefixOptions { skip_empty: how & 1 > 0, ..PrefixOptions::default() };
    prefix_options.timestamp = (how & 2 > 0).then_some(TimestampFormat::Utc);
    prefix_options.prefix = Prefix((how & 4 > 0).then_some(c"a prefix"));
    let mut prefix = PrefixBuf::new();
    let mut prefixer = LinePrefixer::new(prefix_options, &mut prefix);
    let mut all = std::vec::Vec::new();
    for piece in input.chunks(1 + usize::from(*pieces)) {
        let mut rest = piece;
        while !rest.is_empty() {
            let mut room = std::vec![0; 40 + piece.len() + usize::from(*rooms)];
            let (taken, put) = prefixer.prefix(rest, &mut room);
            assert!(taken > 0);
            all.extend_from_slice(&room[..put]);
            rest = &rest[taken..];
        }
    }
    let fronts = if how & 2 > 0 { 20 } else { 0 } + if how & 4 > 0 { 9 } else { 0 };
    let undressed: std::vec::Vec<u8> = all
        .split_inclusive(|byte| *byte == b'\n')
        .flat_map(|line| {
            assert_eq!(how & 4 > 0, line[..fronts].ends_with(b"a prefix "));
            &line[fronts..]
        })
        .copied()
        .collect();
    let is_wanted = |line: &&[u8]| how & 1 == 0 || **line != *b"\n";
    let lines = input.split_inclusive(|byte| *byte == b'\n').filter(is_wanted);
    assert_eq!(undressed, lines.collect::<std::vec::Vec<_>>().concat());
}

#[cfg(test)]
mod tests {
    use crate::testing::Random;

    #[test]
    fn the_lines_come_out_as_they_went_in() {
        let mut random = Random(11);
        for _ in 0..3000 {
            let data: Vec<u8> = (0..3 + random.below(300))
                .map(|_| random.number() as u8)
                .map(|byte| if byte % 5 == 0 { b'\n' } else { byte })
                .collect();
            super::check(&data);
        }
    }
}

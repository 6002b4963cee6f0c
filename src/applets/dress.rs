//! What stands before a line in a log: stamp and prefix; and empty lines left out. Shared by dlog and
//! drlog.

use super::pump::{Front, LONGEST_PREFIX};
use crate::pure::fault::Line;
use crate::pure::lines;
use crate::pure::opts::{Field, Given, Word};
use crate::pure::stamp::{Format, Stamper};
use crate::pure::text::{Put, copy};
use crate::pure::value::Wanted;
use crate::sys::clock;

/// What comes before each line.
#[derive(Clone, Copy, Default)]
pub struct Style {
    pub stamp: Option<Format>,
    pub prefix: Prefix,
    pub skip_empty: bool,
}

/// The words of `--prefix`.
#[derive(Clone, Copy, Default)]
pub struct Prefix(Option<Word>);

impl Field for Prefix {
    fn set(&mut self, Given { word, .. }: Given) -> Result<(), Wanted> {
        self.0 = Some(word);
        if word.count_bytes() > LONGEST_PREFIX {
            Err("a text of at most 4096 bytes")
        } else {
            Ok(())
        }
    }
}

impl Style {
    /// The switch of stamps.
    ///
    /// # Errors
    /// None.
    pub fn turn(&mut self, given: Given) -> Result<(), Wanted> {
        self.stamp = given.on.then_some(Format::Utc);
        Ok(())
    }

    /// Nothing: the bytes can pass as they are.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.stamp.is_none() && self.prefix.0.is_none() && !self.skip_empty
    }
}

/// Puts the lines of the input together with what comes before them.
pub struct Dresser<'a> {
    style: Style,
    stamper: Stamper,
    /// The next byte begins a line.
    border: bool,
    /// What comes next has come after what was there before.
    pub fresh: bool,
    /// Stamp and prefix, as they are now.
    front: &'a mut Front,
}

impl<'a> Dresser<'a> {
    #[must_use]
    pub fn new(style: Style, front: &'a mut Front) -> Self {
        let stamper = Stamper::new(style.stamp.unwrap_or(Format::Utc));
        Self { style, stamper, front, border: true, fresh: true }
    }

    /// Dresses as much of `batch` as `out` has room for: how many bytes were taken, how many were put.
    /// Out of an empty [`Out`](super::pump::Out) at least one line, or all of a batch that ends none, is taken.
    pub fn dress(&mut self, batch: &[u8], out: &mut [u8]) -> (usize, usize) {
        if core::mem::take(&mut self.fresh) {
            self.make_front();
        }
        let (mut rest, mut put) = (batch, 0);
        while let [first, more @ ..] = rest {
            if self.border && self.style.skip_empty && *first == b'\n' {
                rest = more;
                continue;
            }
            let front: &[u8] = if self.border { self.front } else { &[] };
            let place = out.get_mut(put..).and_then(|room| room.split_at_mut_checked(front.len()));
            let Some((before, place)) = place else {
                break;
            };
            let (size, ended) = lines::copy_first(rest, place);
            if !ended && size < rest.len() {
                break;
            }
            put += copy(front, before) + size;
            rest = rest.get(size..).unwrap_or(&[]);
            self.border = ended;
        }
        (batch.len() - rest.len(), put)
    }

    /// Puts together what stands before the lines of a batch: they have arrived together.
    fn make_front(&mut self) {
        self.front.clear();
        if let Some(format) = self.style.stamp {
            let moment = if format == Format::Mono { clock::monotonic() } else { clock::real() };
            let _ = self.front.extend_from_slice(self.stamper.text(moment));
        }
        if let Prefix(Some(prefix)) = self.style.prefix {
            let _ = self.front.extend_from_slice(prefix.to_bytes());
            let _ = self.front.push(b' ');
        }
    }

    /// Puts what stands before a line of our own, wherever the input stands. Nothing if it would fill the line.
    pub fn put_front(&mut self, line: &mut Line) {
        self.make_front();
        line.put(if self.front.len() < Line::ROOM / 2 { self.front } else { b"" });
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
    let mut style = Style { skip_empty: how & 1 > 0, ..Style::default() };
    style.stamp = (how & 2 > 0).then_some(Format::Utc);
    style.prefix = Prefix((how & 4 > 0).then_some(c"a prefix"));
    let mut front = Front::new();
    let mut dresser = Dresser::new(style, &mut front);
    let mut all = std::vec::Vec::new();
    for piece in input.chunks(1 + usize::from(*pieces)) {
        let mut rest = piece;
        while !rest.is_empty() {
            let mut room = std::vec![0; 40 + piece.len() + usize::from(*rooms)];
            let (taken, put) = dresser.dress(rest, &mut room);
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
    use crate::pure::tests::Random;

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

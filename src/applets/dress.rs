//! What stands before a line in a log: stamp and prefix; and empty lines left out. Shared by dlog and
//! drlog.

use super::pump::BATCH;
use crate::pure::fault::Line;
use crate::pure::lines;
use crate::pure::opts::Word;
use crate::pure::stamp::{Format, Stamper};
use crate::pure::text::Put;
use crate::sys::clock;
use crate::sys::memory::{Block, copy};
use heapless::Vec;

/// What comes before each line.
#[derive(Clone, Copy, Default)]
pub struct Style {
    pub stamp: Option<Format>,
    pub prefix: Option<Word>,
    pub skip_empty: bool,
}

impl Style {
    /// Nothing: the bytes can pass as they are.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.stamp.is_none() && self.prefix.is_none() && !self.skip_empty
    }
}

/// Puts the lines of the input together with what comes before them.
pub struct Dresser {
    style: Style,
    stamper: Stamper,
    /// Stamp and prefix, as they are now.
    front: Vec<u8, FRONT>,
    /// The next byte begins a line.
    border: bool,
}

impl Dresser {
    #[must_use]
    pub fn new(style: Style) -> Self {
        let stamper = Stamper::new(style.stamp.unwrap_or(Format::Utc));
        Self { style, stamper, front: Vec::new(), border: true }
    }

    /// Dresses as much of `batch` as `out` has room for: how many bytes were taken, how many were put.
    /// Out of an empty [`Out`] at least one line, or all of a batch that ends none, is taken.
    pub fn dress(&mut self, batch: &[u8], out: &mut [u8]) -> (usize, usize) {
        self.make_front();
        let (mut taken, mut put) = (0, 0);
        while let Some(rest) = batch.get(taken..).filter(|rest| !rest.is_empty()) {
            let length = lines::first_line(rest);
            let line = rest.get(..length.unwrap_or(rest.len())).unwrap_or(rest);
            let front: &[u8] = if self.border { &self.front } else { &[] };
            if self.border && self.style.skip_empty && length == Some(1) {
                taken += 1;
                continue;
            }
            if out.len() - put < front.len() + line.len() {
                break;
            }
            put += copy(front, out.get_mut(put..).unwrap_or(&mut []));
            put += copy(line, out.get_mut(put..).unwrap_or(&mut []));
            taken += line.len();
            self.border = length.is_some();
        }
        (taken, put)
    }

    /// Puts together what stands before the lines of a batch: they have arrived together.
    fn make_front(&mut self) {
        self.front.clear();
        if let Some(format) = self.style.stamp {
            let moment = if format == Format::Mono { clock::monotonic() } else { clock::real() };
            let _ = self.front.extend_from_slice(self.stamper.text(moment));
        }
        if let Some(prefix) = self.style.prefix {
            let _ = self.front.extend_from_slice(prefix.to_bytes());
            let _ = self.front.push(b' ');
        }
    }

    /// Dresses one whole line that is not from the input, wherever the input stands. Undressed if it
    /// would become too long.
    pub fn dress_line(&mut self, line: &Line) -> Line {
        let mut dressed = Line::new();
        let mut room = [0; size_of::<Line>()];
        let border = core::mem::replace(&mut self.border, true);
        let (taken, put) = self.dress(line.bytes(), &mut room);
        self.border = border;
        dressed.put(if taken > 0 { room.get(..put).unwrap_or(&[]) } else { line.bytes() });
        dressed
    }
}

/// Where dressed lines are put together: room for the longest batch without a line end, and what stands
/// before it.
pub type Out = [u8; BATCH + FRONT];

/// The longest prefix. More than a line of text has anywhere; a choice, so that [`Out`] has a size.
pub const LONGEST_PREFIX: usize = 4096;

/// Stamp ([`crate::pure::stamp::Text`]), prefix, blank.
const FRONT: usize = 32 + LONGEST_PREFIX + 1;

/// The one memory for it.
pub static OUT: Block<{ size_of::<Out>() }> = Block::new();

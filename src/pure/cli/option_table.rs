//! The option table of an applet: one row per option.
//!
//! [`getopt`](super::getopt) and [`help`](super::help) read the rows. `scripts/gen-docs` makes manuals and completions
//! from the help text, so a row is the only place that describes an option.

use super::option_value::{Arg, Expected};
use crate::name_table::entry;
use crate::text::{first, skip};

/// An option as the help shows it: `-t, --timeout TIME`, a tab, the description.
///
/// Four blanks replace `-t, ` if the option has no letter. An option with a word after its name takes a value;
/// one without is a switch. A switch `--id[=PID]` may have a value, which is in the same word.
#[derive(Clone, Copy)]
pub struct Row(pub &'static [u8]);

impl Row {
    /// Returns the letter; a blank if the option has none.
    #[must_use]
    pub fn letter(self) -> &'static [u8] {
        self.0.get(1..2).unwrap_or(b" ")
    }

    /// Returns the long name, without dashes, and the byte after it: [`VALUE`], [`MAYBE_VALUE`] or a tab.
    #[must_use]
    #[inline(never)]
    pub fn name(self) -> (&'static [u8], u8) {
        let text = skip(self.0, "-x, --".len());
        let mut size = 0;
        loop {
            match text.get(size) {
                Some(end @ (b'\t' | &VALUE | &MAYBE_VALUE)) => return (first(text, size), *end),
                Some(_) => size += 1,
                None => return (text, b'\t'),
            }
        }
    }
}

/// The byte after the name of an option that requires a value.
pub const VALUE: u8 = b' ';

/// The byte after the name of a switch that may have a value.
pub const MAYBE_VALUE: u8 = b'[';

/// One option of an applet whose settings are a `C`.
pub struct Opt<C> {
    pub row: Row,
    pub effect: Effect<C>,
    /// The index of the row in [`SHARED`], if it is there.
    shared: Option<u8>,
}

/// Stores the argument in the settings, or returns the expected form.
pub type Effect<C> = fn(&mut C, Arg) -> Result<(), Expected>;

/// Returns an option with this effect.
pub const fn opt<C>(row: &'static str, effect: Effect<C>) -> Opt<C> {
    Opt { row: Row(row.as_bytes()), effect, shared: None }
}

/// Returns an option whose row several applets have, such as [`ENVIRON`].
#[allow(clippy::indexing_slicing, reason = "it runs at compile time")]
pub const fn opt_shared<C>(index: u8, effect: Effect<C>) -> Opt<C> {
    let (mut rows, mut to_skip) = (SHARED.as_bytes(), index);
    loop {
        let mut size = 0;
        while size < rows.len() && rows[size] != b'\n' {
            size += 1;
        }
        let (row, rest) = rows.split_at(size);
        if to_skip == 0 {
            return Opt { row: Row(row), effect, shared: Some(index) };
        }
        (rows, to_skip) = (rest.split_at(1).1, to_skip - 1);
    }
}

/// All options of an applet as stored in the executable. [`packed!`](crate::packed) makes it.
///
/// An array of [`Opt`] would need three more words for each: the effect, and the pointer and the length of its row.
pub struct Packed<C: 'static> {
    /// For each option the size of its row in one byte, and the row; the index of a row in [`SHARED`]. Then [`END`].
    pub rows: &'static [u8],
    /// Applies the option with this index; `None` for a row of [`END`], which sets nothing.
    pub apply: fn(&mut C, usize, Arg) -> Option<Result<(), Expected>>,
}

/// Packs a constant array of options whose settings are of this type.
#[macro_export]
macro_rules! packed {
    ($config:ty, $options:expr) => {{
        use $crate::cli::option_table::{Packed, pack_rows};
        const SIZE: usize = pack_rows($options, &mut [0; 4000]);
        const ROWS: &[u8] = &{
            let mut rows = [0; SIZE];
            pack_rows($options, &mut rows);
            rows
        };
        let apply = |config: &mut $config, at, arg| {
            $crate::apply!($options, config, at, arg,
                0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
                32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47)
        };
        Packed { rows: ROWS, apply }
    }};
}

/// Applies an option by a `match` with these indices. The compiler stores it in two bytes for each option where it can, and
/// merges the code of equal types.
#[doc(hidden)]
#[macro_export]
macro_rules! apply {
    ($options:expr, $config:ident, $at:ident, $arg:ident, $($index:literal)+) => {{
        use $crate::cli::option_table::effect;
        const { assert!($options.len() <= [$($index),+].len(), "more options than indices") };
        match $at {
            $($index => const { effect($options, $index) }.map(|effect| effect($config, $arg)),)+
            _ => None,
        }
    }};
}

/// Returns the effect of the option with this index.
#[allow(clippy::indexing_slicing, reason = "it runs at compile time")]
pub const fn effect<C>(options: &[Opt<C>], at: usize) -> Option<Effect<C>> {
    if at < options.len() { Some(options[at].effect) } else { None }
}

/// Packs the rows of a table, and returns their size in bytes.
#[allow(clippy::indexing_slicing, reason = "it runs at compile time")]
pub const fn pack_rows<C>(options: &[Opt<C>], packed: &mut [u8]) -> usize {
    let (mut at, mut end) = (0, 0);
    while at < options.len() {
        let Row(row) = options[at].row;
        let (_, free) = packed.split_at_mut(end);
        if let Some(index) = options[at].shared {
            free[0] = index;
            end += 1;
        } else {
            assert!(row.len() > MAX_SHARED && row.len() < 256, "the size must fit in one byte");
            free[0] = row.len().to_le_bytes()[0];
            free.split_at_mut(1).1.split_at_mut(row.len()).0.copy_from_slice(row);
            end += 1 + row.len();
        }
        at += 1;
    }
    packed.split_at_mut(end).1.split_at_mut(END.len()).0.copy_from_slice(END);
    end + END.len()
}

/// The options of one applet with the settings that they change.
pub struct Table<'a, C: 'static> {
    pub options: Packed<C>,
    pub config: &'a mut C,
}

/// A [`Table`] without its type of settings: one compiled parser serves all applets.
pub trait OptionTable {
    /// Returns [`Packed::rows`].
    fn packed_rows(&self) -> &'static [u8];

    /// Applies the option with this index; `None` for a row of `--help` or `--version`, which sets nothing.
    fn apply(&mut self, at: usize, arg: Arg) -> Option<Result<(), Expected>>;
}

impl<C> OptionTable for Table<'_, C> {
    fn packed_rows(&self) -> &'static [u8] {
        self.options.rows
    }

    fn apply(&mut self, at: usize, arg: Arg) -> Option<Result<(), Expected>> {
        (self.options.apply)(self.config, at, arg)
    }
}

/// Splits the first row off packed rows; `None` after the last one.
#[inline(never)]
pub fn next_row(packed: &mut &'static [u8]) -> Option<Row> {
    let (first, rest) = packed.split_first()?;
    let first = usize::from(*first);
    let (row, rest) = if first <= MAX_SHARED {
        (entry(SHARED, b'\n', first), rest)
    } else {
        rest.split_at_checked(first)?
    };
    *packed = rest;
    Some(Row(row))
}

/// The rows that several applets have. Packed rows contain only their indices. The first are found fastest.
const SHARED: &str = "-E, --environ NAME[=VALUE]\tSet or remove a variable.
-e, --skip-empty\tDrop empty lines.
-i, --input-fd FD\tRead this descriptor instead of 0.
    --rate N/TIME\tLog at most N lines within each TIME.
-h, --help\tShow this.
-V, --version\tShow the version.";

pub const ENVIRON: u8 = 0;
pub const SKIP_EMPTY: u8 = 1;
pub const INPUT_FD: u8 = 2;
pub const RATE: u8 = 3;

/// The rows at the end of every table. Their letters are reserved.
pub const END: &[u8] = &[4, 5];

/// The last index; the size of every row is larger.
const MAX_SHARED: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_rows_are_those_of_the_table() {
        const OPTIONS: &[Opt<()>] = &[
            opt_shared(RATE, |(), _| Ok(())),
            opt("-1, --on\tTurn it on.", |(), _| Ok(())),
            opt_shared(SKIP_EMPTY, |(), _| Ok(())),
        ];
        let mut packed = packed!((), OPTIONS).rows;
        let names: Vec<&[u8]> =
            core::iter::from_fn(|| next_row(&mut packed)).map(|row| row.name().0).collect();
        assert_eq!(names, [&b"rate"[..], b"on", b"skip-empty", b"help", b"version"]);
        for (index, name) in [(INPUT_FD, b"input-fd"), (ENVIRON, b"environ ")] {
            let row = opt_shared::<()>(index, |(), _| Ok(())).row;
            assert_eq!(row.name().0, name.trim_ascii());
        }
    }
}

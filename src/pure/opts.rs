//! Option rows: one row an option, read by the parser and by `--help` here, and by the makers of
//! manual pages and completions on the host.
//!
//! The forms are those of POSIX and GNU: `-n1`, `-L4`, `-L 4`, `--load-high 4`, `--load-high=4`,
//! `--no-NAME` turns a switch off. Parsing only stores; whether options fit together is asked later,
//! by the applet's own check.

use crate::pure::text::{Message, Put, find, head, tail};
use crate::pure::value::Wanted;
use core::ffi::CStr;

/// One word of the command line. It lives as long as the process.
pub type Word = &'static CStr;

/// What an option sets: a part of an applet's settings, which knows the words it takes.
pub trait Field {
    /// A switch was given, or its `--no-` form.
    fn turn(&mut self, _on: bool) {}

    /// A value was given.
    ///
    /// # Errors
    /// What was wanted instead.
    fn store(&mut self, _word: Word) -> Result<(), Wanted> {
        Ok(())
    }
}

impl Field for bool {
    fn turn(&mut self, on: bool) {
        *self = on;
    }
}

/// Any word.
impl Field for Option<Word> {
    fn store(&mut self, word: Word) -> Result<(), Wanted> {
        *self = Some(word);
        Ok(())
    }
}

/// A row as the help shows it, a tab before the explanation: `-t, --timeout TIME`, or four blanks where
/// there is no letter. What has a word behind the name takes a value, else it is a switch.
#[derive(Clone, Copy)]
pub struct Row(pub &'static str);

impl Row {
    /// The letter; a blank for none.
    #[must_use]
    pub fn letter(self) -> u8 {
        self.0.as_bytes().get(1).copied().unwrap_or(b' ')
    }

    /// From the name on.
    fn named(self) -> &'static [u8] {
        tail(self.0.as_bytes(), "-x, --".len())
    }

    /// The long name.
    #[must_use]
    pub fn name(self) -> &'static [u8] {
        let text = self.named();
        let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t'));
        end.and_then(|end| text.get(..end)).unwrap_or(text)
    }

    #[must_use]
    pub fn takes_value(self) -> bool {
        self.named().get(self.name().len()) == Some(&b' ')
    }
}

/// One option of an applet whose settings are a `C`: its row, and the field it sets.
pub struct Opt<C> {
    pub row: Row,
    field: fn(&mut C) -> &mut dyn Field,
}

/// An option.
pub const fn opt<C>(row: &'static str, field: fn(&mut C) -> &mut dyn Field) -> Opt<C> {
    Opt { row: Row(row), field }
}

/// The options of one applet with the settings they change: one parser serves all applets.
pub struct Table<'a, C: 'static> {
    pub options: &'static [Opt<C>],
    pub config: &'a mut C,
}

/// What the parser sees of a [`Table`].
pub trait Rows {
    fn row(&self, at: usize) -> Option<Row>;
    fn field(&mut self, at: usize) -> Option<&mut dyn Field>;
}

impl<C> Rows for Table<'_, C> {
    fn row(&self, at: usize) -> Option<Row> {
        Some(self.options.get(at)?.row)
    }

    fn field(&mut self, at: usize) -> Option<&mut dyn Field> {
        Some((self.options.get(at)?.field)(self.config))
    }
}

/// The row that `fits`, with its place.
fn seek(rows: &dyn Rows, fits: &dyn Fn(Row) -> bool) -> Option<(usize, Row)> {
    (0..).map_while(|at| Some((at, rows.row(at)?))).find(|(_, row)| fits(*row))
}

/// What the options ask for.
#[derive(PartialEq, Eq, Debug)]
pub enum Asked {
    /// The work itself; that many words were options.
    Work(usize),
    Help,
    Version,
}

/// An option that is wrong: `WHAT OPTION THEN`, then perhaps `'VALUE' is not WANTED`.
#[derive(Debug)]
pub struct Wrong {
    pub what: &'static str,
    pub option: &'static [u8],
    pub then: &'static str,
    pub value: Option<(Word, Wanted)>,
}

/// Reads options until the first word that is none, or past a `--` before it.
///
/// # Errors
/// An unknown option, a missing or surplus value, a value that is not understood: each named.
pub fn parse(rows: &mut dyn Rows, words: &mut dyn Iterator<Item = Word>) -> Result<Asked, Wrong> {
    let mut taken = 0;
    let mut next = || words.next().inspect(|_| taken += 1);
    while let Some(word) = next() {
        let asked = match word.to_bytes() {
            b"--" => break,
            b"--help" => Some(Asked::Help),
            b"--version" => Some(Asked::Version),
            [b'-', b'-', long @ ..] => {
                parse_long(rows, word, long, &mut next)?;
                None
            }
            [b'-', _, ..] => parse_letters(rows, word, &mut next)?,
            _ => return Ok(Asked::Work(taken - 1)),
        };
        if let Some(asked) = asked {
            return Ok(asked);
        }
    }
    Ok(Asked::Work(taken))
}

/// Reads options as a configuration file has them: long names without dashes, and values, to the end.
///
/// # Errors
/// As [`parse`].
pub fn parse_names(
    rows: &mut dyn Rows,
    words: &mut dyn Iterator<Item = Word>,
) -> Result<(), Wrong> {
    while let Some(word) = words.next() {
        parse_long(rows, word, word.to_bytes(), &mut || words.next())?;
    }
    Ok(())
}

/// More words, for values.
type Next<'a> = &'a mut dyn FnMut() -> Option<Word>;

fn parse_long(
    rows: &mut dyn Rows,
    word: Word,
    long: &'static [u8],
    next: Next,
) -> Result<(), Wrong> {
    let equals = find(long, b'=');
    let name = equals.and_then(|at| long.get(..at)).unwrap_or(long);
    let dashes = word.count_bytes().saturating_sub(long.len());
    let shown = head(word.to_bytes(), dashes + name.len());
    let glued = equals.and_then(|at| rest(word, dashes + at + 1));
    let plain = name.strip_prefix(b"no-").unwrap_or(name);
    let named = |name| seek(rows, &|row| row.name() == name);
    let (at, row, on) = match (named(name), named(plain)) {
        (Some((at, row)), _) => (at, row, true),
        (None, Some((at, row))) if !row.takes_value() => (at, row, false),
        _ => return Err(unknown(word.to_bytes())),
    };
    if row.takes_value() {
        return store(rows, at, shown, glued.or_else(next));
    }
    if glued.is_some() {
        return Err(wrong(shown, " takes no value"));
    }
    turn(rows, at, on);
    Ok(())
}

/// The letters of one word: switches, the last of which may take a value, glued or the next word.
fn parse_letters(rows: &mut dyn Rows, word: Word, next: Next) -> Result<Option<Asked>, Wrong> {
    for (at, letter) in word.to_bytes().iter().enumerate().skip(1) {
        let shown = head(word.to_bytes(), at + 1);
        match (seek(rows, &|row| row.letter() == *letter && *letter != b' '), letter) {
            (Some((row, text)), _) if text.takes_value() => {
                let glued = rest(word, at + 1).filter(|value| !value.is_empty());
                return store(rows, row, shown, glued.or_else(next)).map(|()| None);
            }
            (Some((row, _)), _) => turn(rows, row, true),
            (None, b'h') => return Ok(Some(Asked::Help)),
            (None, b'V') => return Ok(Some(Asked::Version)),
            (None, _) => return Err(unknown(shown)),
        }
    }
    Ok(None)
}

fn turn(rows: &mut dyn Rows, at: usize, on: bool) {
    if let Some(field) = rows.field(at) {
        field.turn(on);
    }
}

fn store(
    rows: &mut dyn Rows,
    at: usize,
    option: &'static [u8],
    value: Option<Word>,
) -> Result<(), Wrong> {
    let (Some(value), Some(field)) = (value, rows.field(at)) else {
        return Err(wrong(option, " needs a value"));
    };
    field
        .store(value)
        .map_err(|wanted| Wrong { value: Some((value, wanted)), ..wrong(option, ": ") })
}

/// The word from byte `at` on.
#[must_use]
pub fn rest(word: Word, at: usize) -> Option<Word> {
    (at < word.to_bytes_with_nul().len()).then(|| &word[at..])
}

fn unknown(option: &'static [u8]) -> Wrong {
    Wrong { what: "unknown option ", option, then: " (try --help)", value: None }
}

fn wrong(option: &'static [u8], then: &'static str) -> Wrong {
    Wrong { what: "option ", option, then, value: None }
}

/// Where the explanations begin; longer options push theirs to the right.
const COLUMN: usize = 28;

/// What every applet has.
const COMMON: [Row; 2] = [Row("-h, --help\tShow this."), Row("-V, --version\tShow the version.")];

/// The help text after the usage, line by line to `out`, each line at most 80 columns.
///
/// # Errors
/// Those of `out`.
pub fn help<E>(rows: &dyn Rows, out: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    (0..).map_while(|at| rows.row(at)).chain(COMMON).try_for_each(|row| out(help_line(row).bytes()))
}

fn help_line(row: Row) -> Message<160> {
    let mut line = Message::new();
    line.put(b" ");
    for byte in row.0.as_bytes() {
        line.put(&[if *byte == b'\t' { b' ' } else { *byte }]);
        while *byte == b'\t' && line.bytes().len() < COLUMN {
            line.put(b" ");
        }
    }
    line.put(b"\n");
    line
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What every table of options must be like.
    pub fn check_rows<C>(options: &[Opt<C>]) {
        let rows = || options.iter().map(|option| option.row);
        for (n, row) in rows().enumerate() {
            let Row(text) = row;
            let (head, help) = text.split_once('\t').unwrap();
            assert!(help.ends_with('.'), "{text}: ends with a stop");
            let letter = char::from(row.letter());
            assert!(!matches!(letter, 'h' | 'V'), "{text}: letter is taken");
            let start = if letter == ' ' { "    --".into() } else { format!("-{letter}, --") };
            assert!(head.starts_with(&start), "{text}");
            let words: Vec<&str> = head[6..].split(' ').collect();
            assert_eq!(words[0].as_bytes(), row.name());
            assert_eq!(words.len(), 1 + usize::from(row.takes_value()), "{text}");
            for other in rows().take(n) {
                assert_ne!(row.name(), other.name());
                assert!(letter == ' ' || row.letter() != other.letter(), "{text}");
            }
            assert!(help_line(row).bytes().len() <= 81, "{text}");
        }
    }

    /// Parses these words; an error as it is told.
    pub fn parse_words<C>(
        options: &'static [Opt<C>],
        config: &mut C,
        words: &[&str],
    ) -> Result<Asked, String> {
        let mut words = words.iter().map(|word| word_of(word));
        parse(&mut Table { options, config }, &mut words).map_err(|wrong| {
            let option = String::from_utf8_lossy(wrong.option);
            let value = wrong.value.map(|(v, w)| format!("'{}' is not {w}", v.to_string_lossy()));
            format!("{}{option}{}{}", wrong.what, wrong.then, value.unwrap_or_default())
        })
    }

    /// A word that lives as long as the tests.
    pub fn word_of(text: &str) -> Word {
        Box::leak(std::ffi::CString::new(text).unwrap().into_boxed_c_str())
    }

    #[derive(Default, PartialEq, Eq, Debug)]
    struct Config {
        on: bool,
        no_x: bool,
        number: Number,
    }

    #[derive(Default, PartialEq, Eq, Debug)]
    struct Number(Option<u32>);

    impl Field for Number {
        fn store(&mut self, word: Word) -> Result<(), Wanted> {
            self.0 = crate::pure::value::count(word.to_bytes())?;
            Ok(())
        }
    }

    const ROWS: &[Opt<Config>] = &[
        opt("-1, --on\tTurn it on.", |c| &mut c.on),
        opt("-x, --no-x\tWithout x.", |c| &mut c.no_x),
        opt("-n, --number N\tA number.", |c| &mut c.number),
    ];

    fn try_words(words: &[&str]) -> Result<(Config, Asked), String> {
        let mut config = Config::default();
        let asked = parse_words(ROWS, &mut config, words)?;
        Ok((config, asked))
    }

    #[test]
    fn the_forms_of_posix_and_gnu() {
        check_rows(ROWS);
        let number = |n| Config { number: Number(Some(n)), ..Config::default() };
        for words in
            [&["-n4"][..], &["-n", "4"], &["--number=4"], &["--number", "4"], &["-n9", "-n4"]]
        {
            assert_eq!(try_words(words), Ok((number(4), Asked::Work(words.len()))), "{words:?}");
        }
        let both = Config { on: true, no_x: true, number: Number(Some(4)) };
        assert_eq!(try_words(&["-1xn4", "cmd", "-n5"]), Ok((both, Asked::Work(1))));
        assert_eq!(try_words(&["-1", "--no-on", "-"]), Ok((Config::default(), Asked::Work(2))));
        assert_eq!(
            try_words(&["--no-x", "--no-no-x", "c"]),
            Ok((Config::default(), Asked::Work(2)))
        );
        assert_eq!(try_words(&["--", "-1", "--"]), Ok((Config::default(), Asked::Work(1))));
        assert_eq!(try_words(&["-n", "-1", "c"]), Ok((Config::default(), Asked::Work(2))));
        assert_eq!(try_words(&["-1h"]).map(|r| r.1), Ok(Asked::Help));
        assert_eq!(try_words(&["--version"]).map(|r| r.1), Ok(Asked::Version));
        assert_eq!(try_words(&[]), Ok((Config::default(), Asked::Work(0))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |words: &[&str], say: &str| {
            assert_eq!(try_words(words).map(|_| ()), Err(say.to_string()));
        };
        wrong(&["-q"], "unknown option -q (try --help)");
        wrong(&["-1q"], "unknown option -1q (try --help)");
        wrong(&["--quit"], "unknown option --quit (try --help)");
        wrong(&["--no-quit"], "unknown option --no-quit (try --help)");
        wrong(&["-n"], "option -n needs a value");
        wrong(&["-1n"], "option -1n needs a value");
        wrong(&["--number"], "option --number needs a value");
        wrong(&["--number=x"], "option --number: 'x' is not a number");
        wrong(&["--number="], "option --number: '' is not a number");
        wrong(&["-nx"], "option -n: 'x' is not a number");
        wrong(&["--on=1"], "option --on takes no value");
        wrong(&["--no-number"], "unknown option --no-number (try --help)");
    }
}

//! Option rows: one row an option, read by the parser and by `--help` here, and by the makers of
//! manual pages and completions on the host.
//!
//! The forms are those of POSIX and GNU: `-n1`, `-L4`, `-L 4`, `--load-high 4`, `--load-high=4`,
//! `--no-NAME` turns a switch off. Parsing only stores; whether options fit together is asked later,
//! by the applet's own check.

use crate::cli::value::Expected;
use crate::text::{Message, Put, find_byte, first, skip, strip_prefix};
use core::ffi::CStr;

/// One word of the command line. It lives as long as the process.
pub type CliWord = &'static CStr;

/// What was given: the value of an option that takes one; of a switch whether it is on, or off by its `--no-`
/// form.
#[derive(Clone, Copy)]
pub struct Arg {
    pub value: CliWord,
    pub on: bool,
}

impl Arg {
    #[must_use]
    pub const fn new(value: CliWord) -> Self {
        Self { value, on: true }
    }

    /// Gives it to a field.
    ///
    /// # Errors
    /// What was wanted instead.
    pub fn to(self, field: &mut impl OptionValue) -> Result<(), Expected> {
        field.parse(self)
    }
}

/// What an option sets: a part of an applet's settings, which knows what may be given.
pub trait OptionValue {
    /// Takes it.
    ///
    /// # Errors
    /// What was wanted instead.
    fn parse(&mut self, given: Arg) -> Result<(), Expected>;
}

impl OptionValue for bool {
    fn parse(&mut self, given: Arg) -> Result<(), Expected> {
        *self = given.on;
        Ok(())
    }
}

/// Any word.
impl OptionValue for Option<CliWord> {
    fn parse(&mut self, given: Arg) -> Result<(), Expected> {
        *self = Some(given.value);
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
        skip(self.0.as_bytes(), "-x, --".len())
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

/// What an option does to an applet's settings.
type Set<C> = fn(&mut C, Arg) -> Result<(), Expected>;

/// One option of an applet whose settings are a `C`: its row, and what it sets.
pub struct Opt<C> {
    pub row: Row,
    set: Set<C>,
}

/// An option.
pub const fn opt<C>(row: &'static str, set: Set<C>) -> Opt<C> {
    Opt { row: Row(row), set }
}

/// The options of one applet with the settings they change: one parser serves all applets.
pub struct Table<'a, C: 'static> {
    pub options: &'static [Opt<C>],
    pub config: &'a mut C,
}

/// What the parser sees of a [`Table`], and of [`COMMON`] behind it.
pub trait OptionTable {
    fn row(&self, at: usize) -> Option<Row>;
    /// None for what is common to all applets.
    fn set(&mut self, at: usize, given: Arg) -> Option<Result<(), Expected>>;
}

impl<C> OptionTable for Table<'_, C> {
    fn row(&self, at: usize) -> Option<Row> {
        match at.checked_sub(self.options.len()) {
            None => self.options.get(at).map(|option| option.row),
            Some(at) => COMMON.get(at).copied(),
        }
    }

    fn set(&mut self, at: usize, given: Arg) -> Option<Result<(), Expected>> {
        Some((self.options.get(at)?.set)(self.config, given))
    }
}

/// What every applet has.
const COMMON: [Row; 2] = [Row("-h, --help\tShow this."), Row("-V, --version\tShow the version.")];

/// Where the row is that has this letter, or, if that is blank, this name.
fn find_row(rows: &dyn OptionTable, letter: u8, name: &[u8]) -> Option<usize> {
    let fits = |row: Row| if letter == b' ' { row.name() == name } else { row.letter() == letter };
    (0..).map_while(|at| rows.row(at)).position(fits)
}

/// Where words come from, and who hears what is wrong with them.
pub trait Source {
    fn next(&mut self) -> Option<CliWord>;

    /// Long names have no dashes, and there is nothing but options.
    fn is_config_file(&self) -> bool {
        false
    }

    /// One line, in parts.
    fn error(&mut self, parts: &[&[u8]]);
}

/// How the options end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// There are no more words, or the last was `--`.
    Options,
    /// The last word is none.
    Operand,
    Help,
    Version,
    /// An unknown option, a missing or surplus value, a value that is not understood: each was named.
    Wrong,
}

/// Reads options until the first word that is none, or past a `--` before it.
pub fn parse(rows: &mut dyn OptionTable, source: &mut dyn Source) -> Outcome {
    while let Some(word) = source.next() {
        let end = match word.to_bytes() {
            _ if source.is_config_file() => parse_long(rows, source, word, 0),
            b"--" => break,
            [b'-', b'-', ..] => parse_long(rows, source, word, 2),
            [b'-', _, ..] => parse_letters(rows, source, word),
            _ => return Outcome::Operand,
        };
        if let Err(end) = end {
            return end;
        }
    }
    Outcome::Options
}

/// `Err`: that is the end.
type Step = Result<(), Outcome>;

fn parse_long(
    rows: &mut dyn OptionTable,
    source: &mut dyn Source,
    word: CliWord,
    dashes: usize,
) -> Step {
    let (shown, attached) = match find_byte(word.to_bytes(), b'=') {
        Some(at) => (first(word.to_bytes(), at), rest(word, at + 1)),
        None => (word.to_bytes(), None),
    };
    let name = skip(shown, dashes);
    if let Some(at) = find_row(rows, b' ', name) {
        return set(rows, source, at, true, shown, attached);
    }
    if let Some(at) = strip_prefix(name, b"no-").and_then(|name| find_row(rows, b' ', name))
        && rows.row(at).is_some_and(|row| !row.takes_value())
    {
        return set(rows, source, at, false, shown, attached);
    }
    unknown(source, shown)
}

/// The letters of one word: switches, the last of which may take a value, glued or the next word.
fn parse_letters(rows: &mut dyn OptionTable, source: &mut dyn Source, word: CliWord) -> Step {
    for (n, letter) in word.to_bytes().iter().enumerate().skip(1) {
        let shown = first(word.to_bytes(), n + 1);
        let Some(at) = find_row(rows, *letter, b"") else {
            return unknown(source, shown);
        };
        if rows.row(at).is_some_and(Row::takes_value) {
            let attached = rest(word, n + 1).filter(|value| !value.is_empty());
            return set(rows, source, at, true, shown, attached);
        }
        set(rows, source, at, true, shown, None)?;
    }
    Ok(())
}

fn unknown(source: &mut dyn Source, shown: &[u8]) -> Step {
    source.error(&[b"unknown option ", shown, b" (try --help)"]);
    Err(Outcome::Wrong)
}

/// Sets the field of an option, which was written as `shown`, with a value perhaps.
fn set(
    rows: &mut dyn OptionTable,
    source: &mut dyn Source,
    at: usize,
    on: bool,
    shown: &[u8],
    attached: Option<CliWord>,
) -> Step {
    let takes_value = rows.row(at).is_some_and(Row::takes_value);
    let value = if takes_value { attached.or_else(|| source.next()) } else { attached };
    if takes_value != value.is_some() {
        let wrong: &[u8] = if takes_value { b" needs a value" } else { b" takes no value" };
        source.error(&[b"option ", shown, wrong]);
        return Err(Outcome::Wrong);
    }
    let word = value.unwrap_or(c"");
    match rows.set(at, Arg { value: word, on }) {
        Some(Ok(())) => Ok(()),
        Some(Err(ALREADY_REPORTED)) => Err(Outcome::Wrong),
        Some(Err(wanted)) => {
            let (word, wanted) = (word.to_bytes(), wanted.as_bytes());
            source.error(&[b"option ", shown, b": '", word, b"' is not ", wanted]);
            Err(Outcome::Wrong)
        }
        None if source.is_config_file() => unknown(source, shown),
        None => {
            let is_help = rows.row(at).is_some_and(|row| row.letter() == b'h');
            Err(if is_help { Outcome::Help } else { Outcome::Version })
        }
    }
}

/// What a field wants that has told already what was wrong.
pub const ALREADY_REPORTED: Expected = "";

/// The word from byte `at` on.
#[must_use]
pub fn rest(word: CliWord, at: usize) -> Option<CliWord> {
    (at < word.to_bytes_with_nul().len()).then(|| &word[at..])
}

/// Where the explanations begin; longer options push theirs to the right.
const COLUMN: usize = 28;

/// The help text after the usage, line by line to `out`, each line at most 80 columns.
///
/// # Errors
/// Those of `out`.
pub fn help<E>(
    rows: &dyn OptionTable,
    out: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    (0..).map_while(|at| rows.row(at)).try_for_each(|row| out(help_line(row).bytes()))
}

pub fn help_line(row: Row) -> Message<160> {
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
mod tests {
    use super::*;
    use crate::testing::{Asked, check_rows, parse_from, parse_words};

    #[derive(Default, PartialEq, Eq, Debug)]
    struct Config {
        on: bool,
        no_x: bool,
        number: Number,
    }

    #[derive(Default, PartialEq, Eq, Debug)]
    struct Number(Option<u32>);

    impl OptionValue for Number {
        fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
            self.0 = crate::cli::value::count(value.to_bytes())?;
            Ok(())
        }
    }

    const ROWS: &[Opt<Config>] = &[
        opt("-1, --on\tTurn it on.", |c, given| given.to(&mut c.on)),
        opt("-x, --no-x\tWithout x.", |c, given| given.to(&mut c.no_x)),
        opt("-n, --number N\tA number.", |c, given| given.to(&mut c.number)),
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
        assert_eq!(try_words(&["-1h"]).map(|r| r.1), Ok(Asked::Other(Outcome::Help)));
        assert_eq!(try_words(&["--version"]).map(|r| r.1), Ok(Asked::Other(Outcome::Version)));
        assert_eq!(try_words(&[]), Ok((Config::default(), Asked::Work(0))));
    }

    #[test]
    fn any_word_is_taken() {
        let mut field = None;
        assert_eq!(Arg::new(c"-1 or \xff").to(&mut field), Ok(()));
        assert_eq!(field, Some(c"-1 or \xff"));
    }

    #[test]
    fn bare_names_have_no_dashes_and_no_operands_behind_them() {
        let bare = |words: &[&str]| {
            let mut config = Config::default();
            parse_from(ROWS, &mut config, words, true).map(|_| config)
        };
        let all = Config { on: false, no_x: true, number: Number(Some(4)) };
        assert_eq!(bare(&["on", "no-x", "number", "5", "number=4", "no-on"]), Ok(all));
        for unknown in ["-1", "--on", "--", "cmd", "help", "version"] {
            let say = format!("unknown option {unknown} (try --help)");
            assert_eq!(bare(&["on", unknown]), Err(say));
        }
    }

    #[test]
    fn the_rest_of_a_word_is_a_word() {
        assert_eq!([1, 2, 3].map(|at| rest(c"ab", at)), [Some(c"b"), Some(c""), None]);
    }

    #[test]
    fn help_has_two_columns() {
        let mut shown = String::new();
        let mut config = Config::default();
        let table = Table { options: ROWS, config: &mut config };
        let done: Result<(), ()> = help(&table, &mut |line| {
            shown += core::str::from_utf8(line).unwrap();
            Ok(())
        });
        assert_eq!(done, Ok(()));
        let rows = [
            ("-1, --on", "Turn it on."),
            ("-x, --no-x", "Without x."),
            ("-n, --number N", "A number."),
            ("-h, --help", "Show this."),
            ("-V, --version", "Show the version."),
        ];
        assert_eq!(shown, rows.map(|(option, text)| format!(" {option:27}{text}\n")).concat());
        let long = help_line(Row("-n, --name-that-takes-room LIST\tNames."));
        assert_eq!(long.bytes(), b" -n, --name-that-takes-room LIST Names.\n");
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

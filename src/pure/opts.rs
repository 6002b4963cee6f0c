//! Option rows: one row an option, read by the parser and by `--help` here, and by the makers of
//! manual pages and completions on the host.
//!
//! The forms are those of POSIX and GNU: `-n1`, `-L4`, `-L 4`, `--load-high 4`, `--load-high=4`,
//! `--no-NAME` turns a switch off. Parsing only stores; whether options fit together is asked later,
//! by the applet's own check.

use crate::pure::fault::Fault;
use crate::pure::text::{Message, Put};
use crate::pure::value::Wanted;
use core::ffi::CStr;

/// One word of the command line. It lives as long as the process.
pub type Word = &'static CStr;

/// What everybody but the parser knows of an option.
pub struct Row {
    /// The letter, 0 for none.
    pub letter: u8,
    pub name: &'static str,
    /// How the help calls the value; empty for a switch, which has none.
    pub metavar: &'static str,
    /// One sentence, with a full stop.
    pub help: &'static str,
}

/// One option of an applet whose settings are a `C`.
pub struct Opt<C> {
    pub row: Row,
    set: Set<C>,
}

enum Set<C> {
    /// A switch, turned on by its name and off by `--no-NAME`.
    Switch(fn(&mut C, bool)),
    Value(fn(&mut C, Word) -> Result<(), Wanted>),
}

/// A row for a switch.
pub const fn flag<C>(
    letter: u8,
    name: &'static str,
    help: &'static str,
    set: fn(&mut C, bool),
) -> Opt<C> {
    Opt { row: Row { letter, name, metavar: "", help }, set: Set::Switch(set) }
}

/// A row for an option with a value.
pub const fn value<C>(
    letter: u8,
    name: &'static str,
    metavar: &'static str,
    help: &'static str,
    store: fn(&mut C, Word) -> Result<(), Wanted>,
) -> Opt<C> {
    Opt { row: Row { letter, name, metavar, help }, set: Set::Value(store) }
}

/// The options of one applet with the settings they change: one parser serves all applets.
struct Table<'a, C: 'static> {
    options: &'static [Opt<C>],
    config: &'a mut C,
}

/// What the parser sees of a [`Table`].
trait Rows {
    fn find(&self, fits: &dyn Fn(&Row) -> bool) -> Option<(usize, bool)>;
    fn switch(&mut self, at: usize, on: bool);
    fn store(&mut self, at: usize, value: Word) -> Result<(), Wanted>;
}

impl<C> Rows for Table<'_, C> {
    /// Where the row is that fits, and whether it takes a value.
    fn find(&self, fits: &dyn Fn(&Row) -> bool) -> Option<(usize, bool)> {
        let at = self.options.iter().position(|option| fits(&option.row))?;
        Some((at, matches!(self.options.get(at)?.set, Set::Value(_))))
    }

    fn switch(&mut self, at: usize, on: bool) {
        if let Some(Opt { set: Set::Switch(set), .. }) = self.options.get(at) {
            set(self.config, on);
        }
    }

    fn store(&mut self, at: usize, value: Word) -> Result<(), Wanted> {
        match self.options.get(at) {
            Some(Opt { set: Set::Value(store), .. }) => store(self.config, value),
            _ => Ok(()),
        }
    }
}

/// What the options ask for.
#[derive(PartialEq, Eq, Debug)]
pub enum Asked {
    /// The work itself; that many words were options.
    Work(usize),
    Help,
    Version,
}

/// Reads options until the first word that is none, or past a `--` before it.
///
/// # Errors
/// An unknown option, a missing or surplus value, a value that is not understood: each named.
pub fn parse<C: 'static>(
    options: &'static [Opt<C>],
    config: &mut C,
    mut words: impl Iterator<Item = Word>,
) -> Result<Asked, Fault> {
    parse_rows(&mut Table { options, config }, &mut words)
}

fn parse_rows(rows: &mut dyn Rows, words: &mut dyn Iterator<Item = Word>) -> Result<Asked, Fault> {
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

/// More words, for values.
type Next<'a> = &'a mut dyn FnMut() -> Option<Word>;

fn parse_long(
    rows: &mut dyn Rows,
    word: Word,
    long: &'static [u8],
    next: Next,
) -> Result<(), Fault> {
    let equals = long.iter().position(|byte| *byte == b'=');
    let name = equals.and_then(|at| long.get(..at)).unwrap_or(long);
    let shown = word.to_bytes().get(..name.len() + 2).unwrap_or(&[]);
    let glued = equals.and_then(|at| tail(word, at + 3));
    let named = |name: &[u8]| rows.find(&|row| row.name.as_bytes() == name);
    let (at, on) = match (named(name), name) {
        (Some((at, true)), _) => {
            let value = glued.or_else(next).ok_or_else(|| lacks_value(shown))?;
            return rows.store(at, value).map_err(|wanted| not(shown, value, wanted));
        }
        (Some((at, false)), _) => (at, true),
        (None, [b'n', b'o', b'-', plain @ ..]) => match named(plain) {
            Some((at, false)) => (at, false),
            _ => return Err(unknown(word.to_bytes())),
        },
        (None, _) => return Err(unknown(word.to_bytes())),
    };
    if glued.is_some() {
        return Err(Fault::failed("option ").word(shown).then(" takes no value"));
    }
    rows.switch(at, on);
    Ok(())
}

/// The letters of one word: switches, the last of which may take a value, glued or the next word.
fn parse_letters(rows: &mut dyn Rows, word: Word, next: Next) -> Result<Option<Asked>, Fault> {
    for (at, letter) in word.to_bytes().iter().enumerate().skip(1) {
        match rows.find(&|row| row.letter == *letter) {
            Some((row, false)) => rows.switch(row, true),
            Some((row, true)) => {
                let shown = word.to_bytes().get(..=at).unwrap_or(&[]);
                let glued = tail(word, at + 1).filter(|value| !value.is_empty());
                let value = glued.or_else(next).ok_or_else(|| lacks_value(shown))?;
                rows.store(row, value).map_err(|wanted| not(shown, value, wanted))?;
                return Ok(None);
            }
            None => match letter {
                b'h' => return Ok(Some(Asked::Help)),
                b'V' => return Ok(Some(Asked::Version)),
                _ => return Err(unknown(word.to_bytes().get(..=at).unwrap_or(&[]))),
            },
        }
    }
    Ok(None)
}

/// The word from byte `at` on.
fn tail(word: Word, at: usize) -> Option<Word> {
    let bytes = word.to_bytes_with_nul().get(at..)?;
    CStr::from_bytes_with_nul(bytes).ok()
}

fn unknown(word: &'static [u8]) -> Fault {
    Fault::failed("unknown option ").word(word).then(" (try --help)")
}

fn lacks_value(option: &'static [u8]) -> Fault {
    Fault::failed("option ").word(option).then(" needs a value")
}

fn not(option: &'static [u8], value: Word, wanted: Wanted) -> Fault {
    Fault::failed("option ").word(option).then(": ").value(value.to_bytes(), wanted)
}

/// What `--help` shows about an applet besides its options.
pub struct About {
    pub name: &'static str,
    /// The words after the name.
    pub usage: &'static str,
    /// One sentence.
    pub purpose: &'static str,
}

/// Where the explanations begin; longer options push theirs to the right.
const COLUMN: usize = 28;

/// What every applet has.
const COMMON: [Row; 2] = [
    Row { letter: b'h', name: "help", metavar: "", help: "Show this." },
    Row { letter: b'V', name: "version", metavar: "", help: "Show the version." },
];

/// The help text, line by line to `out`, each line at most 80 columns.
pub fn help<C>(about: &About, options: &[Opt<C>], out: &mut dyn FnMut(&[u8])) {
    let mut line = Message::<160>::new();
    let _ = ufmt::uwrite!(line, "Usage: {} {}\n{}\n\n", about.name, about.usage, about.purpose);
    out(line.bytes());
    for row in options.iter().map(|option| &option.row).chain(&COMMON) {
        help_line(row, out);
    }
}

fn help_line(row: &Row, out: &mut dyn FnMut(&[u8])) {
    let mut line = Message::<160>::new();
    match row.letter {
        0 => line.put(b"    "),
        letter => line.put(&[b' ', b'-', letter, b',']),
    }
    let _ = ufmt::uwrite!(line, " --{} {}", row.name, row.metavar);
    while line.bytes().len() < COLUMN {
        line.put(b" ");
    }
    let _ = ufmt::uwrite!(line, " {}\n", row.help);
    out(line.bytes());
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What every table of options must be like.
    pub fn check_rows<C>(options: &[Opt<C>]) {
        let rows = || options.iter().map(|option| &option.row);
        for (n, row) in rows().enumerate() {
            assert!(row.help.ends_with('.'), "{}: help ends with a stop", row.name);
            assert!(!matches!(row.letter, b'h' | b'V'), "{}: letter is taken", row.name);
            for other in rows().take(n) {
                assert_ne!(row.name, other.name);
                assert!(row.letter == 0 || row.letter != other.letter, "{}", row.name);
            }
        }
        let about = About { name: "x", usage: "y", purpose: "z" };
        help(&about, options, &mut |line| {
            for line in line.split(|b| *b == b'\n') {
                assert!(line.len() <= 80, "{}", String::from_utf8_lossy(line));
            }
        });
    }

    #[derive(Default, PartialEq, Eq, Debug)]
    struct Config {
        on: bool,
        no_x: bool,
        number: Option<u32>,
    }

    const ROWS: &[Opt<Config>] = &[
        flag(b'1', "on", "Turn it on.", |c, on| c.on = on),
        flag(b'x', "no-x", "Without x.", |c, on| c.no_x = on),
        value(b'n', "number", "N", "A number.", |c, w| {
            crate::pure::value::count(w.to_bytes()).map(|n| c.number = n)
        }),
    ];

    fn try_words(words: &[&str]) -> Result<(Config, Asked), String> {
        let mut config = Config::default();
        let words: Vec<Word> = words
            .iter()
            .map(|w| -> Word { Box::leak(std::ffi::CString::new(*w).unwrap().into_boxed_c_str()) })
            .collect();
        match parse(ROWS, &mut config, words.into_iter()) {
            Ok(asked) => Ok((config, asked)),
            Err(fault) => Err(String::from_utf8_lossy(fault.line("t").bytes()).trim().to_string()),
        }
    }

    #[test]
    fn the_forms_of_posix_and_gnu() {
        check_rows(ROWS);
        let number = |n| Config { number: Some(n), ..Config::default() };
        for words in
            [&["-n4"][..], &["-n", "4"], &["--number=4"], &["--number", "4"], &["-n9", "-n4"]]
        {
            assert_eq!(try_words(words), Ok((number(4), Asked::Work(words.len()))), "{words:?}");
        }
        let both = Config { on: true, no_x: true, number: Some(4) };
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
            assert_eq!(try_words(words).map(|_| ()), Err(format!("t: {say}")));
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

//! Option rows: one row an option, read by the parser and by `--help` here, and by the makers of
//! manual pages and completions on the host.
//!
//! The forms are those of POSIX and GNU: `-n1`, `-L4`, `-L 4`, `--load-high 4`, `--load-high=4`,
//! `--no-NAME` turns a switch off. Parsing only stores; whether options fit together is asked later,
//! by the applet's own check.

use crate::pure::text::{Message, Put, behind, find, head, tail};
use crate::pure::value::Wanted;
use core::ffi::CStr;

/// One word of the command line. It lives as long as the process.
pub type Word = &'static CStr;

/// What was given: the value of an option that takes one; of a switch whether it is on, or off by its `--no-`
/// form.
#[derive(Clone, Copy)]
pub struct Given {
    pub word: Word,
    pub on: bool,
}

impl Given {
    #[must_use]
    pub const fn word(word: Word) -> Self {
        Self { word, on: true }
    }

    /// Gives it to a field.
    ///
    /// # Errors
    /// What was wanted instead.
    pub fn to(self, field: &mut impl Field) -> Result<(), Wanted> {
        field.set(self)
    }
}

/// What an option sets: a part of an applet's settings, which knows what may be given.
pub trait Field {
    /// Takes it.
    ///
    /// # Errors
    /// What was wanted instead.
    fn set(&mut self, given: Given) -> Result<(), Wanted>;
}

impl Field for bool {
    fn set(&mut self, given: Given) -> Result<(), Wanted> {
        *self = given.on;
        Ok(())
    }
}

/// Any word.
impl Field for Option<Word> {
    fn set(&mut self, given: Given) -> Result<(), Wanted> {
        *self = Some(given.word);
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

/// What an option does to an applet's settings.
type Set<C> = fn(&mut C, Given) -> Result<(), Wanted>;

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
pub trait Rows {
    fn row(&self, at: usize) -> Option<Row>;
    /// None for what is common to all applets.
    fn set(&mut self, at: usize, given: Given) -> Option<Result<(), Wanted>>;
}

impl<C> Rows for Table<'_, C> {
    fn row(&self, at: usize) -> Option<Row> {
        match at.checked_sub(self.options.len()) {
            None => self.options.get(at).map(|option| option.row),
            Some(at) => COMMON.get(at).copied(),
        }
    }

    fn set(&mut self, at: usize, given: Given) -> Option<Result<(), Wanted>> {
        Some((self.options.get(at)?.set)(self.config, given))
    }
}

/// What every applet has.
const COMMON: [Row; 2] = [Row("-h, --help\tShow this."), Row("-V, --version\tShow the version.")];

/// Where the row is that has this letter, or, if that is blank, this name.
fn seek(rows: &dyn Rows, letter: u8, name: &[u8]) -> Option<usize> {
    let fits = |row: Row| if letter == b' ' { row.name() == name } else { row.letter() == letter };
    (0..).map_while(|at| rows.row(at)).position(fits)
}

/// Where words come from, and who hears what is wrong with them.
pub trait Source {
    fn next(&mut self) -> Option<Word>;

    /// Long names have no dashes, and there is nothing but options.
    fn is_bare(&self) -> bool {
        false
    }

    /// One line, in parts.
    fn complain(&mut self, parts: &[&[u8]]);
}

/// How the options end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
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
pub fn parse(rows: &mut dyn Rows, source: &mut dyn Source) -> End {
    while let Some(word) = source.next() {
        let end = match word.to_bytes() {
            _ if source.is_bare() => parse_long(rows, source, word, 0),
            b"--" => break,
            [b'-', b'-', ..] => parse_long(rows, source, word, 2),
            [b'-', _, ..] => parse_letters(rows, source, word),
            _ => return End::Operand,
        };
        if let Err(end) = end {
            return end;
        }
    }
    End::Options
}

/// `Err`: that is the end.
type Step = Result<(), End>;

fn parse_long(rows: &mut dyn Rows, source: &mut dyn Source, word: Word, dashes: usize) -> Step {
    let (shown, glued) = match find(word.to_bytes(), b'=') {
        Some(at) => (head(word.to_bytes(), at), rest(word, at + 1)),
        None => (word.to_bytes(), None),
    };
    let name = tail(shown, dashes);
    if let Some(at) = seek(rows, b' ', name) {
        return set(rows, source, at, true, shown, glued);
    }
    if let Some(at) = behind(name, b"no-").and_then(|name| seek(rows, b' ', name))
        && rows.row(at).is_some_and(|row| !row.takes_value())
    {
        return set(rows, source, at, false, shown, glued);
    }
    unknown(source, shown)
}

/// The letters of one word: switches, the last of which may take a value, glued or the next word.
fn parse_letters(rows: &mut dyn Rows, source: &mut dyn Source, word: Word) -> Step {
    for (n, letter) in word.to_bytes().iter().enumerate().skip(1) {
        let shown = head(word.to_bytes(), n + 1);
        let Some(at) = seek(rows, *letter, b"") else {
            return unknown(source, shown);
        };
        if rows.row(at).is_some_and(Row::takes_value) {
            let glued = rest(word, n + 1).filter(|value| !value.is_empty());
            return set(rows, source, at, true, shown, glued);
        }
        set(rows, source, at, true, shown, None)?;
    }
    Ok(())
}

fn unknown(source: &mut dyn Source, shown: &[u8]) -> Step {
    source.complain(&[b"unknown option ", shown, b" (try --help)"]);
    Err(End::Wrong)
}

/// Sets the field of an option, which was written as `shown`, with a value perhaps.
fn set(
    rows: &mut dyn Rows,
    source: &mut dyn Source,
    at: usize,
    on: bool,
    shown: &[u8],
    glued: Option<Word>,
) -> Step {
    let takes_value = rows.row(at).is_some_and(Row::takes_value);
    let value = if takes_value { glued.or_else(|| source.next()) } else { glued };
    if takes_value != value.is_some() {
        let wrong: &[u8] = if takes_value { b" needs a value" } else { b" takes no value" };
        source.complain(&[b"option ", shown, wrong]);
        return Err(End::Wrong);
    }
    let word = value.unwrap_or(c"");
    match rows.set(at, Given { word, on }) {
        Some(Ok(())) => Ok(()),
        Some(Err(TOLD)) => Err(End::Wrong),
        Some(Err(wanted)) => {
            let (word, wanted) = (word.to_bytes(), wanted.as_bytes());
            source.complain(&[b"option ", shown, b": '", word, b"' is not ", wanted]);
            Err(End::Wrong)
        }
        None if source.is_bare() => unknown(source, shown),
        None => {
            let is_help = rows.row(at).is_some_and(|row| row.letter() == b'h');
            Err(if is_help { End::Help } else { End::Version })
        }
    }
}

/// What a field wants that has told already what was wrong.
pub const TOLD: Wanted = "";

/// The word from byte `at` on.
#[must_use]
pub fn rest(word: Word, at: usize) -> Option<Word> {
    (at < word.to_bytes_with_nul().len()).then(|| &word[at..])
}

/// Where the explanations begin; longer options push theirs to the right.
const COLUMN: usize = 28;

/// The help text after the usage, line by line to `out`, each line at most 80 columns.
///
/// # Errors
/// Those of `out`.
pub fn help<E>(rows: &dyn Rows, out: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    (0..).map_while(|at| rows.row(at)).try_for_each(|row| out(help_line(row).bytes()))
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
            assert!(help.trim_end().ends_with('.'), "{text}: ends with a stop");
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
            assert!(help_line(row).bytes().trim_ascii_end().len() <= 80, "{text}");
        }
    }

    /// Words and complaints of a test.
    struct Said<'a> {
        words: std::slice::Iter<'a, &'a str>,
        bare: bool,
        taken: usize,
        complaint: String,
    }

    impl Source for Said<'_> {
        fn next(&mut self) -> Option<Word> {
            let word = self.words.next()?;
            self.taken += 1;
            Some(word_of(word))
        }

        fn is_bare(&self) -> bool {
            self.bare
        }

        fn complain(&mut self, parts: &[&[u8]]) {
            assert_eq!(self.complaint, "");
            self.complaint = String::from_utf8(parts.concat()).unwrap();
        }
    }

    /// What options ask for: the work, which begins after so many words; or something else.
    #[derive(PartialEq, Eq, Debug)]
    pub enum Asked {
        Work(usize),
        Other(End),
    }

    /// Parses these words; an error as it is told.
    pub fn parse_words<C>(
        options: &'static [Opt<C>],
        config: &mut C,
        words: &[&str],
    ) -> Result<Asked, String> {
        parse_from(options, config, words, false)
    }

    fn parse_from<C>(
        options: &'static [Opt<C>],
        config: &mut C,
        words: &[&str],
        bare: bool,
    ) -> Result<Asked, String> {
        let mut said = Said { words: words.iter(), bare, taken: 0, complaint: String::new() };
        match parse(&mut Table { options, config }, &mut said) {
            End::Options => Ok(Asked::Work(said.taken)),
            End::Operand => Ok(Asked::Work(said.taken - 1)),
            End::Wrong => Err(said.complaint),
            other => Ok(Asked::Other(other)),
        }
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
        fn set(&mut self, Given { word, .. }: Given) -> Result<(), Wanted> {
            self.0 = crate::pure::value::count(word.to_bytes())?;
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
        assert_eq!(try_words(&["-1h"]).map(|r| r.1), Ok(Asked::Other(End::Help)));
        assert_eq!(try_words(&["--version"]).map(|r| r.1), Ok(Asked::Other(End::Version)));
        assert_eq!(try_words(&[]), Ok((Config::default(), Asked::Work(0))));
    }

    #[test]
    fn any_word_is_taken() {
        let mut field = None;
        assert_eq!(Given::word(c"-1 or \xff").to(&mut field), Ok(()));
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

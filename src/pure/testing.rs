//! Helpers of the unit tests.
//!
//! `pure` and the applets include this file by its path, because one crate's tests cannot use those of another.

use pure::cli::getopt::{Outcome, Source, parse};
use pure::cli::help::help_line;
use pure::cli::option_table::{MAYBE_VALUE, Opt, OptionTable, VALUE, pack_rows};
use pure::cli::option_value::{Arg, CliWord, Expected};
use pure::cli::tokenizer::Syntax;

/// Random numbers from a seed, the same on every machine (xorshift64).
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: u64) -> usize {
        usize::try_from(self.number() % limit).unwrap()
    }
}

/// The choices of one run, for a test that tries every run with a limited number of faults.
///
/// The test repeats the run with the choices that [`next`](Self::next) returns, until it returns `None`.
#[derive(Debug, Default)]
pub struct Choices {
    /// Each choice and the number of its alternatives.
    choices: Vec<(usize, usize)>,
    step: usize,
    /// The number of faults that may still be chosen.
    pub faults: usize,
}

impl Choices {
    /// Returns a run that starts with these choices.
    pub fn new(choices: Vec<(usize, usize)>, faults: usize) -> Self {
        Self { choices, step: 0, faults }
    }

    /// Returns the number of choices so far.
    pub fn taken(&self) -> usize {
        self.step
    }

    /// Chooses one of this many alternatives. 0 is no fault, all others are.
    pub fn choose(&mut self, alternatives: usize) -> usize {
        let alternatives = if self.faults == 0 { 1 } else { alternatives };
        if self.step == self.choices.len() {
            self.choices.push((0, alternatives));
        }
        let (choice, recorded) = self.choices[self.step];
        assert_eq!(recorded, alternatives, "repeating the choices did not repeat the run");
        self.step += 1;
        self.faults -= usize::from(choice > 0);
        choice
    }

    /// Returns the first choices of the next run; `None` after the last run.
    pub fn next(mut self) -> Option<Vec<(usize, usize)>> {
        while let Some((choice, alternatives)) = self.choices.pop() {
            if choice + 1 < alternatives {
                self.choices.push((choice + 1, alternatives));
                return Some(self.choices);
            }
        }
        None
    }
}

/// Checks the rules for option tables: the form of each row, its width, and unique names and letters.
pub fn check_rows<C>(options: &[Opt<C>]) {
    let rows = || options.iter().map(|option| option.row);
    for (n, row) in rows().enumerate() {
        let text = std::str::from_utf8(row.0).unwrap();
        let (head, help) = text.split_once('\t').unwrap();
        assert!(help.trim_end().ends_with('.'), "{text}: requires a full stop at the end");
        let letter = char::from(row.letter()[0]);
        assert!(!matches!(letter, 'h' | 'V'), "{text}: the letter is reserved");
        let start = if letter == ' ' { "    --".into() } else { format!("-{letter}, --") };
        assert!(head.starts_with(&start), "{text}: requires the form `-x, --name`");
        let (name, kind) = row.name();
        let head = if kind == MAYBE_VALUE { head.split('[').next().unwrap() } else { head };
        let words: Vec<&str> = head[6..].split(' ').collect();
        assert_eq!(words[0].as_bytes(), name);
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(words[0].chars().all(is_plain), "{text}: requires the form `--name VALUE`");
        let words_wanted = 1 + usize::from(kind == VALUE);
        assert_eq!(words.len(), words_wanted, "{text}: requires a tab before the description");
        for other in rows().take(n) {
            assert_ne!(name, other.name().0, "{text}: the name is taken");
            assert!(letter == ' ' || row.letter() != other.letter(), "{text}: the letter is taken");
        }
        assert!(help_line(row).bytes().trim_ascii_end().len() <= 80, "{text}: too long");
    }
}

/// A source that records its message.
struct TestSource<'a> {
    words: std::slice::Iter<'a, &'a str>,
    syntax: Option<Syntax>,
    read: usize,
    message: String,
}

impl Source for TestSource<'_> {
    fn next(&mut self) -> Option<CliWord> {
        let word = self.words.next()?;
        self.read += 1;
        Some(word_of(word))
    }

    fn syntax(&self) -> Option<Syntax> {
        self.syntax
    }

    fn error(&mut self, parts: &[&[u8]]) {
        assert_eq!(self.message, "", "two messages for one error");
        self.message = String::from_utf8(parts.concat()).unwrap();
    }
}

/// Parses these words of a command line. Returns the outcome with the index of the first operand, or the message.
pub fn parse_words<C>(
    options: &'static [Opt<C>],
    config: &mut C,
    words: &[&str],
) -> Result<(Outcome, usize), String> {
    parse_source(options, config, words, None)
}

/// Parses these words of a configuration file.
pub fn parse_config_words<C>(
    options: &'static [Opt<C>],
    config: &mut C,
    words: &[&str],
) -> Result<(Outcome, usize), String> {
    parse_source(options, config, words, Some(Syntax::File))
}

/// A table of options that need not be known at compile time.
struct TestTable<'a, C: 'static> {
    rows: &'static [u8],
    options: &'static [Opt<C>],
    config: &'a mut C,
}

impl<C> OptionTable for TestTable<'_, C> {
    fn packed_rows(&self) -> &'static [u8] {
        self.rows
    }

    fn apply(&mut self, at: usize, arg: Arg) -> Option<Result<(), Expected>> {
        self.options.get(at).map(|option| (option.effect)(self.config, arg))
    }
}

fn parse_source<C>(
    options: &'static [Opt<C>],
    config: &mut C,
    words: &[&str],
    syntax: Option<Syntax>,
) -> Result<(Outcome, usize), String> {
    let mut source = TestSource { words: words.iter(), syntax, read: 0, message: String::new() };
    let mut rows = vec![0; 4000];
    let size = pack_rows(options, &mut rows);
    rows.truncate(size);
    match parse(&mut TestTable { rows: rows.leak(), options, config }, &mut source) {
        Outcome::Failed => Err(source.message),
        Outcome::Operand => Ok((Outcome::Operand, source.read - 1)),
        outcome => Ok((outcome, source.read)),
    }
}

/// Returns a word that lives as long as the tests.
pub fn word_of(text: &str) -> CliWord {
    Box::leak(std::ffi::CString::new(text).unwrap().into_boxed_c_str())
}

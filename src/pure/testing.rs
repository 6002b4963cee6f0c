//! Helpers of the unit tests of this crate and of the applets, which include this file by its path.

use pure::cli::getopt::{CliWord, Opt, Outcome, Row, Source, Table, help_line, parse};

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

/// How things go on, for who tries all courses with a few faults: the numbers of the ways taken so far, and of how
/// many.
#[derive(Default)]
pub struct Ways {
    ways: Vec<(usize, usize)>,
    step: usize,
    /// How many more faults there may be.
    pub faults: usize,
}

impl Ways {
    /// A course that begins with these.
    pub fn new(ways: Vec<(usize, usize)>, faults: usize) -> Self {
        Self { ways, step: 0, faults }
    }

    /// How many were taken.
    pub fn taken(&self) -> usize {
        self.step
    }

    /// One of so many ways. All but the first are faults.
    pub fn choose(&mut self, ways: usize) -> usize {
        let ways = if self.faults == 0 { 1 } else { ways };
        if self.step == self.ways.len() {
            self.ways.push((0, ways));
        }
        let (way, of) = self.ways[self.step];
        assert_eq!(of, ways, "the same course is another one");
        self.step += 1;
        self.faults -= usize::from(way > 0);
        way
    }

    /// The beginning of the next course; none when all have been tried.
    pub fn next(mut self) -> Option<Vec<(usize, usize)>> {
        while let Some((way, of)) = self.ways.pop() {
            if way + 1 < of {
                self.ways.push((way + 1, of));
                return Some(self.ways);
            }
        }
        None
    }
}

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

/// Tokenizer and complaints of a test.
struct Said<'a> {
    words: std::slice::Iter<'a, &'a str>,
    bare: bool,
    taken: usize,
    complaint: String,
}

impl Source for Said<'_> {
    fn next(&mut self) -> Option<CliWord> {
        let word = self.words.next()?;
        self.taken += 1;
        Some(word_of(word))
    }

    fn is_config_file(&self) -> bool {
        self.bare
    }

    fn error(&mut self, parts: &[&[u8]]) {
        assert_eq!(self.complaint, "");
        self.complaint = String::from_utf8(parts.concat()).unwrap();
    }
}

/// What options ask for: the work, which begins after so many words; or something else.
#[derive(PartialEq, Eq, Debug)]
pub enum Asked {
    Work(usize),
    Other(Outcome),
}

/// Parses these words; an error as it is told.
pub fn parse_words<C>(
    options: &'static [Opt<C>],
    config: &mut C,
    words: &[&str],
) -> Result<Asked, String> {
    parse_from(options, config, words, false)
}

/// The same, as a file if `bare`.
pub fn parse_from<C>(
    options: &'static [Opt<C>],
    config: &mut C,
    words: &[&str],
    bare: bool,
) -> Result<Asked, String> {
    let mut said = Said { words: words.iter(), bare, taken: 0, complaint: String::new() };
    match parse(&mut Table { options, config }, &mut said) {
        Outcome::Options => Ok(Asked::Work(said.taken)),
        Outcome::Operand => Ok(Asked::Work(said.taken - 1)),
        Outcome::Wrong => Err(said.complaint),
        other => Ok(Asked::Other(other)),
    }
}

/// A word that lives as long as the tests.
pub fn word_of(text: &str) -> CliWord {
    Box::leak(std::ffi::CString::new(text).unwrap().into_boxed_c_str())
}

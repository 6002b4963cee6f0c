//! Where the options of an applet come from: a configuration file, variables of the environment, the
//! command line, in this order; the last one wins. Help and version are shown here.

use super::print;
use super::tell::{failed, refused, say};
use crate::pure::fault::{self, Exit};
use crate::pure::opts::{self, End, Opt, Rows, Source, Table, Word};
use crate::pure::text::{self, Put, copy, put_number};
use crate::pure::words::{Grammar, Words};
use crate::sys::file::{self, File, Mode};
use crate::sys::memory::Block;
use crate::sys::{self, args::Args, environment};

/// How we were called.
pub struct Call {
    pub args: Args,
}

/// What an applet tells about itself, and where its options are looked for besides the command line.
pub struct About {
    /// The first lines of the help.
    pub usage: &'static str,
    /// Variables with more options.
    pub variables: &'static [&'static str],
    /// `-C FILE` is understood.
    pub has_file: bool,
}

impl About {
    /// What is missing on the command line, and what it should be.
    pub fn missing(&self, what: &str) -> Exit {
        failed(what, text::halves(self.usage.as_bytes(), b'\n').0, " (try --help)")
    }
}

/// As much as all words of the file and the variables may take, a choice.
const ROOM: usize = 16 << 10;

static TEXT: Block<[u8; ROOM]> = Block::new([0; ROOM]);

impl Call {
    /// Reads all options into `config`; says at which word of the command line the operands begin.
    ///
    /// # Errors
    /// Options that are wrong. And the good end after help or version, if those are asked for.
    pub fn options<C: 'static>(
        &self,
        about: &'static About,
        options: &'static [Opt<C>],
        config: &mut C,
    ) -> Result<usize, Exit> {
        self.read(about, &mut Table { options, config })
    }

    fn read(&self, about: &About, rows: &mut dyn Rows) -> Result<usize, Exit> {
        let mut room: &'static mut [u8] = &mut [];
        let mut from = 1;
        if let (true, Some((path, next))) = (about.has_file, self.file()) {
            let text = read_file(path, &mut room)?;
            Text::new(path.to_bytes(), Grammar::File, text).read(about, rows)?;
            from = next;
        }
        for name in about.variables {
            if let Some(value) = steering(name)? {
                let text = carve(&mut room, value.count_bytes(), name.as_bytes())?;
                copy(value.to_bytes(), text);
                Text::new(name.as_bytes(), Grammar::Variable, text).read(about, rows)?;
            }
        }
        let mut line = Line { args: self.args, at: from };
        let end = opts::parse(rows, &mut line);
        answer(about, rows, end)?;
        Ok(line.at - usize::from(end == End::Operand))
    }

    /// The configuration file, if the first option names one, and the word after that.
    fn file(&self) -> Option<(Word, usize)> {
        let first = self.args.word(1)?;
        match first.to_bytes() {
            b"-C" | b"--config" => Some((self.args.word(2)?, 3)),
            [b'-', b'C', ..] => Some((opts::rest(first, 2)?, 2)),
            long => long
                .starts_with(b"--config=")
                .then(|| opts::rest(first, 9))
                .flatten()
                .map(|path| (path, 2)),
        }
    }

    /// The one operand, which is word `at` and may be missing.
    ///
    /// # Errors
    /// There is another behind it.
    pub fn operand(&self, at: usize) -> Result<Option<Word>, Exit> {
        match self.args.word(at + 1) {
            Some(more) => Err(failed("surplus word ", more.to_bytes(), " (try --help)")),
            None => Ok(self.args.word(at)),
        }
    }
}

/// A variable that tells us what to do, as only those may who have our rights themselves.
///
/// # Errors
/// It is set by somebody else.
pub fn steering(name: &str) -> Result<Option<Word>, Exit> {
    match environment::variable(name.as_bytes()) {
        Some(_) if !environment::is_trusted() => {
            Err(failed(name, b"", ": set by who has fewer rights"))
        }
        value => Ok(value),
    }
}

/// Shows what was asked for instead of the work.
fn answer(about: &About, rows: &dyn Rows, end: End) -> Result<(), Exit> {
    match end {
        End::Options | End::Operand => return Ok(()),
        End::Help => {
            print(about.usage.as_bytes())?;
            opts::help(rows, &mut print)?;
        }
        End::Version => print(concat!("dmon ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())?,
        End::Wrong => return Err(Exit::FAILED),
    }
    Err(Exit::FINE)
}

/// The words of the command line.
struct Line {
    args: Args,
    /// The next.
    at: usize,
}

impl Source for Line {
    fn next(&mut self) -> Option<Word> {
        let word = self.args.word(self.at)?;
        self.at += 1;
        Some(word)
    }

    fn complain(&mut self, parts: &[&[u8]]) {
        say(parts);
    }
}

/// The words of a file or a variable.
struct Text {
    name: &'static [u8],
    grammar: Grammar,
    words: Words,
    last: Word,
    /// They end with what is wrong with the text.
    broken: bool,
}

impl Source for Text {
    fn next(&mut self) -> Option<Word> {
        match self.words.read() {
            Ok(word) => {
                self.last = sys::c_str(word?)?;
                Some(self.last)
            }
            Err(wrong) => {
                self.complain(&[wrong.as_bytes()]);
                self.broken = true;
                None
            }
        }
    }

    fn is_bare(&self) -> bool {
        self.grammar == Grammar::File
    }

    /// Says it with the place where it is wrong; once.
    fn complain(&mut self, parts: &[&[u8]]) {
        let mut what = fault::Line::new();
        if self.is_bare() {
            let (line, column) = self.words.place;
            for number in [line, column] {
                what.put(b":");
                put_number(&mut what, number.into());
            }
        }
        what.put(b": ");
        parts.iter().for_each(|part| what.put(part));
        if !self.broken {
            say(&[self.name, what.bytes()]);
        }
    }
}

impl Text {
    const fn new(name: &'static [u8], grammar: Grammar, text: &'static mut [u8]) -> Self {
        Self { name, grammar, words: Words::new(grammar, text), last: c"", broken: false }
    }

    /// Reads it to its end: there is nothing but options.
    fn read(&mut self, about: &About, rows: &mut dyn Rows) -> Result<(), Exit> {
        let end = opts::parse(rows, self);
        answer(about, rows, end)?;
        if end == End::Operand || self.next().is_some() {
            let last = self.last.to_bytes();
            self.complain(&[b"'", last, b"' is no option"]);
            self.broken = true;
        }
        if self.broken { Err(Exit::FAILED) } else { Ok(()) }
    }
}

/// The room, which nobody touches who has no use for it.
fn claim(room: &mut &'static mut [u8]) {
    if let Some(text) = TEXT.take() {
        *room = text;
    }
}

/// Takes `size` bytes of the room, and one.
fn carve(
    room: &mut &'static mut [u8],
    size: usize,
    whose: &[u8],
) -> Result<&'static mut [u8], Exit> {
    claim(room);
    let (text, rest) = core::mem::take(room)
        .split_at_mut_checked(size + 1)
        .ok_or_else(|| failed("", whose, ": more than 16384 bytes of options"))?;
    *room = rest;
    Ok(text)
}

fn read_file(path: Word, room: &mut &'static mut [u8]) -> Result<&'static mut [u8], Exit> {
    let mut size = 0;
    claim(room);
    let cannot = |error| refused("cannot read ", path.to_bytes(), error);
    let file = File::open(path, Mode::Read).map_err(cannot)?;
    loop {
        match file::read(file.number(), text::room(room, size)) {
            Ok(0) => return carve(room, size, path.to_bytes()),
            Ok(n) => size += n,
            Err(error) => return Err(cannot(error)),
        }
    }
}

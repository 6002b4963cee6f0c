//! Where the options of an applet come from: a configuration file, variables of the environment, the
//! command line, in this order; the last one wins. Help and version are shown here.

use super::print;
use super::tell::{self, failed, refused};
use crate::pure::fault::Exit;
use crate::pure::opts::{self, Asked, Opt, Rows, Table, Word, Wrong};
use crate::pure::text::{self, Message, Put, copy, put_number};
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
        let mut room: &'static mut [u8] = TEXT.take().map_or(&mut [], |text| text);
        let mut from = 1;
        if let (true, Some((path, next))) = (about.has_file, self.file()) {
            let text = read_file(path, &mut room)?;
            let mut source = Source::new(path.to_bytes(), Grammar::File, text);
            let end = opts::parse_names(rows, &mut source);
            source.check(end)?;
            from = next;
        }
        for name in about.variables {
            if let Some(value) = environment::variable(name.as_bytes()) {
                let text = carve(&mut room, value.count_bytes(), name.as_bytes())?;
                copy(value.to_bytes(), text);
                let mut source = Source::new(name.as_bytes(), Grammar::Variable, text);
                let end = opts::parse(rows, &mut source);
                let used = answer(about, rows, source.check(end)?)?;
                source.check_end(used)?;
            }
        }
        let asked = opts::parse(rows, &mut self.args.from(from));
        let asked = asked.map_err(|wrong| tell::wrong(b"", b"", &wrong))?;
        answer(about, rows, asked).map(|used| from + used)
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

/// Shows what was asked for instead of the work; else says how many words were options.
fn answer(about: &About, rows: &dyn Rows, asked: Asked) -> Result<usize, Exit> {
    match asked {
        Asked::Work(used) => return Ok(used),
        Asked::Help => {
            print(about.usage.as_bytes())?;
            opts::help(rows, &mut print)?;
        }
        Asked::Version => print(concat!("dmon ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())?,
    }
    Err(Exit::FINE)
}

/// A file or a variable while its words are read.
struct Source {
    name: &'static [u8],
    grammar: Grammar,
    words: Words,
    /// How many words were read, and the last of them.
    count: usize,
    last: Word,
    /// Why there are no more.
    wrong: Option<&'static str>,
}

impl Iterator for Source {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        match self.words.next() {
            Ok(word) => {
                self.last = sys::c_str(word?)?;
                self.count += 1;
                Some(self.last)
            }
            Err(wrong) => {
                self.wrong = Some(wrong);
                None
            }
        }
    }
}

impl Source {
    fn new(name: &'static [u8], grammar: Grammar, text: &'static mut [u8]) -> Self {
        let words = Words::new(grammar, text);
        Self { name, grammar, words, count: 0, last: c"", wrong: None }
    }

    /// Where the last word stands, to follow the name.
    fn place(&self) -> Message<32> {
        let mut text = Message::new();
        if self.grammar == Grammar::File {
            for number in [self.words.place.0, self.words.place.1] {
                text.put(b":");
                put_number(&mut text, number.into());
            }
        }
        text.put(b": ");
        text
    }

    /// The end of the reading, if nothing was wrong with the text.
    fn check<T>(&self, end: Result<T, Wrong>) -> Result<T, Exit> {
        match (self.wrong, end) {
            (Some(wrong), _) => {
                tell::say(&[self.name, self.place().bytes(), wrong.as_bytes()]);
                Err(Exit::FAILED)
            }
            (None, end) => {
                end.map_err(|wrong| tell::wrong(self.name, self.place().bytes(), &wrong))
            }
        }
    }

    /// All words were options: `used` of them.
    fn check_end(&mut self, used: usize) -> Result<(), Exit> {
        if self.next().is_some() || self.count > used {
            tell::say(&[self.name, b": '", self.last.to_bytes(), b"' is no option"]);
            return Err(Exit::FAILED);
        }
        Ok(())
    }
}

/// Takes `size` bytes of the room, and one.
fn carve(
    room: &mut &'static mut [u8],
    size: usize,
    whose: &[u8],
) -> Result<&'static mut [u8], Exit> {
    let (text, rest) = core::mem::take(room)
        .split_at_mut_checked(size + 1)
        .ok_or_else(|| failed("", whose, ": more than 16384 bytes of options"))?;
    *room = rest;
    Ok(text)
}

fn read_file(path: Word, room: &mut &'static mut [u8]) -> Result<&'static mut [u8], Exit> {
    let mut size = 0;
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

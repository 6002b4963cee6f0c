//! Where the options of an applet come from: a configuration file, variables of the environment, the
//! command line, in this order; the last one wins. Help and version are shown here.

use super::diag::{eprint, error, os_error};
use super::print;
use pure::cli::getopt::{self, CliWord, Opt, OptionTable, Outcome, Source, Table};
use pure::cli::tokenizer::{Syntax, Tokenizer};
use pure::diag;
use pure::exit::Exit;
use pure::text::{self, Put, copy, put_number};
use sys::file::{self, File, Mode};
use sys::static_cell::StaticCell;
use sys::{args::Args, environment};

/// How we were called.
pub struct Invocation {
    pub args: Args,
}

/// What an applet tells about itself, and where its options are looked for besides the command line.
pub struct AppletInfo {
    /// The first lines of the help.
    pub usage: &'static str,
    /// Variables with more options.
    pub variables: &'static [&'static str],
    /// `-C FILE` is understood.
    pub has_file: bool,
}

impl AppletInfo {
    /// What is missing on the command line, and what it should be.
    pub fn missing(&self, what: &str) -> Exit {
        error(what, text::split_once(self.usage.as_bytes(), b'\n').0, " (try --help)")
    }
}

/// As much as all words of the file and the variables may take, a choice.
const BUFFER_SIZE: usize = 16 << 10;

static BUFFER: StaticCell<[u8; BUFFER_SIZE]> = StaticCell::new([0; BUFFER_SIZE]);

impl Invocation {
    /// Reads all options into `config`; says at which word of the command line the operands begin.
    ///
    /// # Errors
    /// Options that are wrong. And the good end after help or version, if those are asked for.
    pub fn options<C: 'static>(
        &self,
        about: &'static AppletInfo,
        options: &'static [Opt<C>],
        config: &mut C,
    ) -> Result<usize, Exit> {
        self.read(about, &mut Table { options, config })
    }

    fn read(&self, about: &AppletInfo, rows: &mut dyn OptionTable) -> Result<usize, Exit> {
        let mut room: &'static mut [u8] = &mut [];
        let mut from = 1;
        if let (true, Some((path, next))) = (about.has_file, self.file()) {
            let text = read_file(path, &mut room)?;
            TextSource::new(path.to_bytes(), Syntax::File, text).read(about, rows)?;
            from = next;
        }
        for name in about.variables {
            if let Some(value) = trusted_variable(name)? {
                let text = reserve(&mut room, value.count_bytes(), name.as_bytes())?;
                copy(value.to_bytes(), text);
                TextSource::new(name.as_bytes(), Syntax::Variable, text).read(about, rows)?;
            }
        }
        let mut line = ArgvSource { args: self.args, at: from };
        let end = getopt::parse(rows, &mut line);
        help_or_version(about, rows, end)?;
        Ok(line.at - usize::from(end == Outcome::Operand))
    }

    /// The configuration file, if the first option names one, and the word after that.
    fn file(&self) -> Option<(CliWord, usize)> {
        let first = self.args.word(1)?;
        match first.to_bytes() {
            b"-C" | b"--config" => Some((self.args.word(2)?, 3)),
            [b'-', b'C', ..] => Some((getopt::rest(first, 2)?, 2)),
            long => long
                .starts_with(b"--config=")
                .then(|| getopt::rest(first, 9))
                .flatten()
                .map(|path| (path, 2)),
        }
    }

    /// The one operand, which is word `at` and may be missing.
    ///
    /// # Errors
    /// There is another behind it.
    pub fn operand(&self, at: usize) -> Result<Option<CliWord>, Exit> {
        match self.args.word(at + 1) {
            Some(more) => Err(error("surplus word ", more.to_bytes(), " (try --help)")),
            None => Ok(self.args.word(at)),
        }
    }
}

/// A variable that tells us what to do, as only those may who have our rights themselves.
///
/// # Errors
/// It is set by somebody else.
pub fn trusted_variable(name: &str) -> Result<Option<CliWord>, Exit> {
    match environment::variable(name.as_bytes()) {
        Some(_) if !environment::is_trusted() => {
            Err(error(name, b"", ": set by who has fewer rights"))
        }
        value => Ok(value),
    }
}

/// Shows what was asked for instead of the work.
fn help_or_version(about: &AppletInfo, rows: &dyn OptionTable, end: Outcome) -> Result<(), Exit> {
    match end {
        Outcome::Options | Outcome::Operand => return Ok(()),
        Outcome::Help => {
            print(about.usage.as_bytes())?;
            getopt::help(rows, &mut print)?;
        }
        Outcome::Version => print(concat!("dmon ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())?,
        Outcome::Wrong => return Err(Exit::FAILED),
    }
    Err(Exit::SUCCESS)
}

/// The words of the command line.
struct ArgvSource {
    args: Args,
    /// The next.
    at: usize,
}

impl Source for ArgvSource {
    fn next(&mut self) -> Option<CliWord> {
        let word = self.args.word(self.at)?;
        self.at += 1;
        Some(word)
    }

    fn error(&mut self, parts: &[&[u8]]) {
        eprint(parts);
    }
}

/// The words of a file or a variable.
struct TextSource {
    name: &'static [u8],
    grammar: Syntax,
    words: Tokenizer,
    last: CliWord,
    /// They end with what is wrong with the text.
    broken: bool,
}

impl Source for TextSource {
    fn next(&mut self) -> Option<CliWord> {
        match self.words.read() {
            Ok(word) => {
                self.last = sys::c_str(word?)?;
                Some(self.last)
            }
            Err(wrong) => {
                self.error(&[wrong.as_bytes()]);
                self.broken = true;
                None
            }
        }
    }

    fn is_config_file(&self) -> bool {
        self.grammar == Syntax::File
    }

    /// Says it with the place where it is wrong; once.
    fn error(&mut self, parts: &[&[u8]]) {
        let mut what = diag::Line::new();
        if self.is_config_file() {
            let (line, column) = self.words.place;
            for number in [line, column] {
                what.put(b":");
                put_number(&mut what, number.into());
            }
        }
        what.put(b": ");
        parts.iter().for_each(|part| what.put(part));
        if !self.broken {
            eprint(&[self.name, what.bytes()]);
        }
    }
}

impl TextSource {
    const fn new(name: &'static [u8], grammar: Syntax, text: &'static mut [u8]) -> Self {
        Self { name, grammar, words: Tokenizer::new(grammar, text), last: c"", broken: false }
    }

    /// Reads it to its end: there is nothing but options.
    fn read(&mut self, about: &AppletInfo, rows: &mut dyn OptionTable) -> Result<(), Exit> {
        let end = getopt::parse(rows, self);
        help_or_version(about, rows, end)?;
        if end == Outcome::Operand || self.next().is_some() {
            let last = self.last.to_bytes();
            self.error(&[b"'", last, b"' is no option"]);
            self.broken = true;
        }
        if self.broken { Err(Exit::FAILED) } else { Ok(()) }
    }
}

/// The room, which nobody touches who has no use for it.
fn claim_buffer(room: &mut &'static mut [u8]) {
    if let Some(text) = BUFFER.take() {
        *room = text;
    }
}

/// Takes `size` bytes of the room, and one.
fn reserve(
    room: &mut &'static mut [u8],
    size: usize,
    whose: &[u8],
) -> Result<&'static mut [u8], Exit> {
    claim_buffer(room);
    let (text, rest) = core::mem::take(room)
        .split_at_mut_checked(size + 1)
        .ok_or_else(|| error("", whose, ": more than 16384 bytes of options"))?;
    *room = rest;
    Ok(text)
}

fn read_file(path: CliWord, room: &mut &'static mut [u8]) -> Result<&'static mut [u8], Exit> {
    let mut size = 0;
    claim_buffer(room);
    let cannot = |error| os_error("cannot read ", path.to_bytes(), error);
    let file = File::open(path, Mode::Read).map_err(cannot)?;
    loop {
        match file::read(file.fd(), text::spare(room, size)) {
            Ok(0) => return reserve(room, size, path.to_bytes()),
            Ok(n) => size += n,
            Err(error) => return Err(cannot(error)),
        }
    }
}

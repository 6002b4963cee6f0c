//! The sources of an applet's options: a configuration file, variables and the command line.
//!
//! Each applet calls [`Invocation::options`]. It reads the sources in this order, and a later option replaces an
//! earlier one. `-C FILE` must be the first option, because the file is read before all other options.

use super::diag::{eprint, error};
use super::{print, whole_file};
use pure::cli::getopt::{self, Outcome, Source};
use pure::cli::help;
use pure::cli::option_table::{END, OptionTable, Packed, Table};
use pure::cli::option_value::{Arg, CliWord, Expected};
use pure::cli::tokenizer::{Syntax, Tokenizer};
use pure::diag::Line;
use pure::exit::Exit;
use pure::text::{self, Put, Writer, copy, cstr_tail, strip_prefix};
use sys::args::{Args, Argv};
use sys::environment;
use sys::static_cell::StaticCell;
use ufmt::uwrite;

/// Returns the table of an applet without options of its own.
pub const fn no_options<C>() -> Packed<C> {
    Packed { rows: END, apply: |_, _, _| None }
}

/// The command line of this process.
pub struct Invocation {
    pub args: Args,
}

/// The usage of an applet and the sources of its options.
pub struct AppletInfo {
    /// The first lines of the help: the usage line, the description and an empty line.
    pub usage: &'static str,
    /// Environment variables that contain options, in the order in which they are read.
    pub variables: &'static [&'static str],
    /// Whether the applet accepts `-C FILE`.
    pub has_file: bool,
}

impl AppletInfo {
    /// Prints that an operand is missing, followed by the usage line.
    pub fn missing(&self, what: &str) -> Exit {
        error(what, text::split_once(self.usage.as_bytes(), b'\n').0, " (try --help)")
    }
}

/// The size of all words from a file and from variables together, in bytes. Chosen: enough for hundreds of options.
const BUFFER_SIZE: usize = 16 << 10;

static BUFFER: StaticCell<[u8; BUFFER_SIZE], 5> = StaticCell::new([[0; BUFFER_SIZE]]);

/// The words of a command in an option.
static COMMAND_BUFFER: StaticCell<[u8; BUFFER_SIZE], 8> = StaticCell::new([[0; BUFFER_SIZE]]);

impl Invocation {
    /// Reads the options from all sources into `config`, and returns the index of the first operand on the command line.
    ///
    /// # Errors
    /// The same as for [`Self::read`].
    pub fn options<C: 'static>(
        &self,
        info: &'static AppletInfo,
        options: Packed<C>,
        config: &mut C,
    ) -> Result<usize, Exit> {
        self.read(info, &mut Table { options, config })
    }

    /// Reads the options from all sources into a table, and returns the index of the first operand on the command line.
    ///
    /// # Errors
    /// [`Exit::SUCCESS`] after the help or the version was printed. [`Exit::FAILED`] after a message about a wrong option
    /// or a source that cannot be read.
    pub fn read(&self, info: &AppletInfo, table: &mut dyn OptionTable) -> Result<usize, Exit> {
        let mut argv = ArgvSource { args: self.args, next: 1 };
        let outcome = self.parse(info, table, &mut argv);
        show(info, table, outcome)?;
        // The parser has already read the first operand, unless `--` came before it.
        Ok(argv.next - usize::from(outcome == Outcome::Operand))
    }

    /// Parses all sources, up to the first that does not end in [`Outcome::Done`].
    fn parse(
        &self,
        info: &AppletInfo,
        table: &mut dyn OptionTable,
        argv: &mut ArgvSource,
    ) -> Outcome {
        let mut buffer: &'static mut [u8] = &mut [];
        if info.has_file
            && let Some((path, after)) = self.config_file()
        {
            argv.next = after;
            claim_buffer(&mut buffer);
            let Ok(size) = whole_file::read(path, buffer) else {
                return Outcome::Failed;
            };
            let outcome = parse_text(table, path.to_bytes(), Syntax::File, &mut buffer, size);
            if outcome != Outcome::Done {
                return outcome;
            }
        }
        for name in info.variables {
            let Some(value) = environment::variable(name.as_bytes()) else {
                continue;
            };
            // The caller must not give options to a program with more rights.
            if !environment::is_trusted() {
                error(name, b"", ": set by who has fewer rights");
                return Outcome::Failed;
            }
            claim_buffer(&mut buffer);
            let (name, size) = (name.as_bytes(), copy(value.to_bytes(), buffer));
            let outcome = parse_text(table, name, Syntax::Variable, &mut buffer, size);
            if outcome != Outcome::Done {
                return outcome;
            }
        }
        getopt::parse(table, argv)
    }

    /// Returns the path of the configuration file and the index of the word after it, if the first option is `-C`.
    fn config_file(&self) -> Option<(CliWord, usize)> {
        let first = self.args.word(1)?;
        let (size, rest) = match strip_prefix(first.to_bytes(), b"-C") {
            Some(rest) => ("-C".len(), rest),
            None => ("--config=".len(), strip_prefix(first.to_bytes(), b"--config")?),
        };
        match rest {
            [] => Some((self.args.word(2)?, 3)),
            [b'=', ..] => Some((cstr_tail(first, size)?, 2)),
            _ if size == "-C".len() => Some((cstr_tail(first, size)?, 2)),
            _ => None,
        }
    }

    /// Returns the word with index `at`, which must be the last one; `None` if it is missing.
    ///
    /// # Errors
    /// [`Exit::FAILED`] after a message, if another word follows.
    pub fn operand(&self, at: usize) -> Result<Option<CliWord>, Exit> {
        match self.args.word(at + 1) {
            Some(surplus) => Err(error("surplus word ", surplus.to_bytes(), " (try --help)")),
            None => Ok(self.args.word(at)),
        }
    }
}

/// Rejects `-C` where the parser finds it: it was not the first option.
///
/// # Errors
/// Always, with the expected form.
pub fn reject_late_config_file<C>(_: &mut C, _: Arg) -> Result<(), Expected> {
    Err(Expected::FirstOption)
}

/// Parses the text in the first `size` bytes of the buffer. Its words stay there, and the rest of the buffer is left.
///
/// Fails after a message, also if no byte behind the text is left for the tokenizer.
#[inline(never)]
fn parse_text(
    table: &mut dyn OptionTable,
    name: &'static [u8],
    syntax: Syntax,
    buffer: &mut &'static mut [u8],
    size: usize,
) -> Outcome {
    let Some((text, rest)) = core::mem::take(buffer).split_at_mut_checked(size + 1) else {
        error("", name, ": more than 16384 bytes of options");
        return Outcome::Failed;
    };
    *buffer = rest;
    let mut source = TextSource { name, failed: false, words: Tokenizer::new(syntax, text) };
    let outcome = getopt::parse(table, &mut source);
    if source.failed { Outcome::Failed } else { outcome }
}

/// Splits the value of an option into the words of a command. May be called once. `name` is for the message.
///
/// # Errors
/// [`Exit::FAILED`] after a message: an open quote, no word, too many words or bytes.
pub fn command_of(name: &'static str, line: CliWord) -> Result<Argv, Exit> {
    let buffer = COMMAND_BUFFER.take().ok_or(Exit::FAILED)?;
    let size = copy(line.to_bytes(), buffer);
    let Some((text, _)) = buffer.split_at_mut_checked(size + 1) else {
        return Err(error(name, b"", ": more than 16384 bytes"));
    };
    let words = Tokenizer::new(Syntax::Variable, text);
    let mut source = TextSource { name: name.as_bytes(), failed: false, words };
    let argv = Argv::from_words(|| source.next()).filter(|_| !source.failed);
    argv.ok_or_else(|| {
        source.error(&[b"no command of 1 to 64 words"]);
        Exit::FAILED
    })
}

/// Prints the help or the version if the parser found that option.
///
/// # Errors
/// [`Exit::SUCCESS`] if it did; [`Exit::FAILED`] if parsing failed or standard output cannot be written.
fn show(info: &AppletInfo, table: &dyn OptionTable, outcome: Outcome) -> Result<(), Exit> {
    match outcome {
        Outcome::Done | Outcome::Operand => return Ok(()),
        Outcome::Help => {
            print(info.usage.as_bytes())?;
            help::print_help(table.packed_rows(), &mut print)?;
        }
        Outcome::Version => print(concat!("dmon ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())?,
        Outcome::Failed => return Err(Exit::FAILED),
    }
    Err(Exit::SUCCESS)
}

/// The words of the command line.
struct ArgvSource {
    args: Args,
    /// The index of the next word.
    next: usize,
}

impl Source for ArgvSource {
    fn next(&mut self) -> Option<CliWord> {
        let word = self.args.word(self.next)?;
        self.next += 1;
        Some(word)
    }

    fn error(&mut self, parts: &[&[u8]]) {
        eprint(parts);
    }
}

/// The words of a file or a variable.
struct TextSource {
    /// The path or the name of the variable, for messages.
    name: &'static [u8],
    /// Whether the tokenizer failed, and printed a message. The parser then sees the end of the words, and a message of its
    /// own would be wrong.
    failed: bool,
    words: Tokenizer,
}

impl Source for TextSource {
    fn next(&mut self) -> Option<CliWord> {
        match self.words.read() {
            Ok(word) => sys::c_str(word?),
            Err(message) => {
                self.error(&[message.as_bytes()]);
                self.failed = true;
                None
            }
        }
    }

    fn syntax(&self) -> Option<Syntax> {
        Some(self.words.syntax)
    }

    /// Prints the message after the name of the source and, for a file, line and column.
    fn error(&mut self, parts: &[&[u8]]) {
        if self.failed {
            return;
        }
        let mut message = Line::new();
        if self.words.syntax == Syntax::File {
            let (line, column) = self.words.place;
            let Ok(()) = uwrite!(Writer(&mut message), ":{}:{}", line, column);
        }
        message.put(b": ");
        parts.iter().for_each(|part| message.put(part));
        eprint(&[self.name, message.bytes()]);
    }
}

/// Claims the buffer on first use. If all options are on the command line, its pages are never touched.
#[inline(never)]
fn claim_buffer(buffer: &mut &'static mut [u8]) {
    if let Some(all) = BUFFER.take() {
        *buffer = all;
    }
}

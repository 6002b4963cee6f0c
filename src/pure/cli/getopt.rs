//! The parser of option words.
//!
//! `option_sources` runs it on each source of options. It accepts the forms of POSIX and GNU: `-n1`, `-L4`, `-L 4`,
//! `--load-high 4`, `--load-high=4`; `--no-NAME` turns a switch off. The parser only stores values. Each applet checks
//! afterwards whether its options can be combined.

use super::option_table::{OptionTable, Row, next_row};
use super::option_value::{Arg, CliWord, REPORTED};
use crate::text::{cstr_tail, find_byte, first, skip, strip_prefix};
use core::ops::ControlFlow::{self, Break, Continue};

/// A source of words that also prints the messages about them.
pub trait Source {
    /// Returns the next word.
    fn next(&mut self) -> Option<CliWord>;

    /// Whether the words come from a configuration file: every word is an option, and long names have no dashes.
    fn is_config_file(&self) -> bool {
        false
    }

    /// Prints one message, given in parts.
    fn error(&mut self, parts: &[&[u8]]);
}

/// Where the parser stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// After the last option: at the end of the words, or after `--`.
    Done,
    /// After a word that is not an option. It is the first operand.
    Operand,
    /// After `--help`.
    Help,
    /// After `--version`.
    Version,
    /// After an error, for which a message was printed.
    Failed,
}

/// Whether to parse the next option.
type Step = ControlFlow<Outcome>;

/// Parses words until the first that is not an option.
pub fn parse(table: &mut dyn OptionTable, source: &mut dyn Source) -> Outcome {
    while let Some(word) = source.next() {
        let step = match word.to_bytes() {
            _ if source.is_config_file() => parse_long(table, source, word, 0),
            b"--" => break,
            [b'-', b'-', ..] => parse_long(table, source, word, 2),
            [b'-', _, ..] => parse_letters(table, source, word),
            _ => return Outcome::Operand,
        };
        if let Break(outcome) = step {
            return outcome;
        }
    }
    Outcome::Done
}

/// An option as the user wrote it.
struct Written<'a> {
    /// Its name with dashes, for messages.
    shown: &'a [u8],
    /// The value in the same word: `4` of `-L4` and of `--load-high=4`.
    attached: Option<CliWord>,
    /// False for `--no-NAME`.
    on: bool,
    /// Whether the option requires a value.
    takes_value: bool,
}

/// An option of the table: its index and its row.
type Found = (usize, Row);

/// Parses `--NAME`, `--NAME=VALUE` or `--no-NAME`, where the name follows after this many dashes.
fn parse_long(
    table: &mut dyn OptionTable,
    source: &mut dyn Source,
    word: CliWord,
    dashes: usize,
) -> Step {
    let (shown, attached) = match find_byte(word.to_bytes(), b'=') {
        Some(at) => (first(word.to_bytes(), at), cstr_tail(word, at + 1)),
        None => (word.to_bytes(), None),
    };
    let name = skip(shown, dashes);
    let positive = strip_prefix(name, b"no-");
    let (found, on) = match find(table, None, name) {
        None => (positive.and_then(|name| find(table, None, name)), false),
        found => (found, true),
    };
    match found.map(|found| (found, found.1.takes_value())) {
        Some((found, takes_value)) if on || !takes_value => {
            apply(table, source, found, &Written { shown, attached, on, takes_value })
        }
        _ => unknown(source, shown),
    }
}

/// Parses a word of letters such as `-123`: switches, and possibly one option with a value, which is the rest of the word
/// or the next word.
fn parse_letters(table: &mut dyn OptionTable, source: &mut dyn Source, word: CliWord) -> Step {
    for (n, letter) in word.to_bytes().iter().enumerate().skip(1) {
        let shown = first(word.to_bytes(), n + 1);
        let Some(found) = find(table, Some(*letter), b"") else {
            return unknown(source, shown);
        };
        let takes_value = found.1.takes_value();
        let rest = cstr_tail(word, n + 1);
        let attached = rest.filter(|value| takes_value && !value.is_empty());
        apply(table, source, found, &Written { shown, attached, on: true, takes_value })?;
        if takes_value {
            break;
        }
    }
    Continue(())
}

/// Returns the option with this letter or this name.
fn find(table: &dyn OptionTable, letter: Option<u8>, name: &[u8]) -> Option<Found> {
    let (mut packed, mut at) = (table.packed_rows(), 0);
    while let Some(row) = next_row(&mut packed) {
        if letter.is_some() && row.letter() == letter || row.name() == name {
            return Some((at, row));
        }
        at += 1;
    }
    None
}

fn unknown(source: &mut dyn Source, shown: &[u8]) -> Step {
    source.error(&[b"unknown option ", shown, b" (try --help)"]);
    Break(Outcome::Failed)
}

/// Applies the option with this index.
fn apply(
    table: &mut dyn OptionTable,
    source: &mut dyn Source,
    (at, row): Found,
    &Written { shown, attached, on, takes_value }: &Written,
) -> Step {
    let value = if takes_value { attached.or_else(|| source.next()) } else { attached };
    // An empty one is the value of a variable that is not set.
    let may_have = row.may_take_value() && value.is_none_or(|value| !value.is_empty());
    if takes_value != value.is_some() && !may_have {
        let wrong: &[u8] = if takes_value { b" needs a value" } else { b" takes no value" };
        source.error(&[b"option ", shown, wrong]);
        return Break(Outcome::Failed);
    }
    let value = value.unwrap_or(c"");
    match table.apply(at, Arg { value, on }) {
        Some(Ok(())) => Continue(()),
        Some(Err(REPORTED)) => Break(Outcome::Failed),
        Some(Err(form)) => {
            let (value, form) = (value.to_bytes(), form.as_bytes());
            source.error(&[b"option ", shown, b": '", value, b"' is not ", form]);
            Break(Outcome::Failed)
        }
        None if source.is_config_file() => unknown(source, shown),
        None => {
            let is_help = row.letter() == Some(b'h');
            Break(if is_help { Outcome::Help } else { Outcome::Version })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::option_table::{Opt, opt};
    use crate::cli::option_value::{Expected, OptionValue};
    use crate::testing::{check_rows, parse_config_words, parse_words};

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

    const OPTIONS: &[Opt<Config>] = &[
        opt("-1, --on\tTurn it on.", |c, v| v.to(&mut c.on)),
        opt("-x, --no-x\tWithout x.", |c, v| v.to(&mut c.no_x)),
        opt("-n, --number N\tA number.", |c, v| v.to(&mut c.number)),
        opt("-f, --failing\tFails.", |_, _| Err(REPORTED)),
        opt("    --letterless\tHas no letter.", |_, _| Ok(())),
        opt("    --maybe[=N]\tMay have a value.", |c, v| match v.value.is_empty() {
            true => Ok(()),
            false => v.to(&mut c.number),
        }),
    ];

    /// Returns the settings, the outcome and the index of the first operand, or the message.
    fn parsed(words: &[&str]) -> Result<(Config, Outcome, usize), String> {
        let mut config = Config::default();
        let (outcome, operands_at) = parse_words(OPTIONS, &mut config, words)?;
        Ok((config, outcome, operands_at))
    }

    #[test]
    fn accepts_the_forms_of_posix_and_gnu() {
        check_rows(OPTIONS);
        let number = |n| Config { number: Number(Some(n)), ..Config::default() };
        for words in
            [&["-n4"][..], &["-n", "4"], &["--number=4"], &["--number", "4"], &["-n9", "-n4"]]
        {
            assert_eq!(parsed(words), Ok((number(4), Outcome::Done, words.len())), "{words:?}");
        }
        let is = |words: &[&str], config: Config, outcome, operands_at| {
            assert_eq!(parsed(words), Ok((config, outcome, operands_at)), "{words:?}");
        };
        let all = Config { on: true, no_x: true, number: Number(Some(4)) };
        is(&["-1xn4", "cmd", "-n5"], all, Outcome::Operand, 1);
        is(&["-1", "--no-on", "-"], Config::default(), Outcome::Operand, 2);
        is(&["--no-x", "--no-no-x", "c"], Config::default(), Outcome::Operand, 2);
        is(&["--", "-1", "--"], Config::default(), Outcome::Done, 1);
        is(&["-n", "-1", "c"], Config::default(), Outcome::Operand, 2);
        is(&["--letterless"], Config::default(), Outcome::Done, 1);
        is(&["--maybe=4", "--maybe", "5"], number(4), Outcome::Operand, 2);
        is(&["--no-maybe"], Config::default(), Outcome::Done, 1);
        is(&[], Config::default(), Outcome::Done, 0);
        assert_eq!(parsed(&["-1h"]).map(|parsed| parsed.1), Ok(Outcome::Help));
        assert_eq!(parsed(&["--version"]).map(|parsed| parsed.1), Ok(Outcome::Version));
    }

    #[test]
    fn config_files_have_names_without_dashes_and_no_operands() {
        let parsed = |words: &[&str]| {
            let mut config = Config::default();
            parse_config_words(OPTIONS, &mut config, words).map(|_| config)
        };
        let all = Config { on: false, no_x: true, number: Number(Some(4)) };
        assert_eq!(parsed(&["on", "no-x", "number", "5", "number=4", "no-on"]), Ok(all));
        for unknown in ["-1", "--on", "--", "cmd", "help", "version"] {
            let message = format!("unknown option {unknown} (try --help)");
            assert_eq!(parsed(&["on", unknown]), Err(message));
        }
    }

    #[test]
    fn errors_name_the_option_as_written() {
        let wrong = |words: &[&str], message: &str| {
            assert_eq!(parsed(words).map(|_| ()), Err(message.to_string()));
        };
        wrong(&["-q"], "unknown option -q (try --help)");
        wrong(&["-1q"], "unknown option -1q (try --help)");
        wrong(&["- "], "unknown option -  (try --help)");
        wrong(&["--quit"], "unknown option --quit (try --help)");
        wrong(&["--no-quit"], "unknown option --no-quit (try --help)");
        wrong(&["-n"], "option -n needs a value");
        wrong(&["-1n"], "option -1n needs a value");
        wrong(&["--number"], "option --number needs a value");
        wrong(&["--number=x"], "option --number: 'x' is not a number");
        wrong(&["--number="], "option --number: '' is not a number");
        wrong(&["-nx"], "option -n: 'x' is not a number");
        wrong(&["--on=1"], "option --on takes no value");
        wrong(&["--maybe="], "option --maybe takes no value");
        wrong(&["--maybe=x"], "option --maybe: 'x' is not a number");
        wrong(&["--no-number"], "unknown option --no-number (try --help)");
    }

    #[test]
    fn an_option_that_reported_its_error_is_not_reported_again() {
        assert_eq!(parsed(&["-1f", "-q"]).map(|_| ()), Err(String::new()));
    }
}

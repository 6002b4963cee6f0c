//! The parser of option words.
//!
//! `option_sources` runs it on each source of options. It accepts the forms of POSIX and GNU: `-n1`, `-L4`, `-L 4`,
//! `--load-high 4`, `--load-high=4`; `--no-NAME` turns a switch off. The parser only stores values. Each applet checks
//! afterwards whether its options can be combined.

use super::option_table::{MAYBE_VALUE, OptionTable, VALUE, next_row};
use super::option_value::{Arg, CliWord, Expected};
use super::tokenizer::Syntax;
use crate::text::{cstr_tail, find_byte, first, skip, strip_prefix};

/// A source of words that also prints the messages about them.
pub trait Source {
    /// Returns the next word.
    fn next(&mut self) -> Option<CliWord>;

    /// The syntax of a text; `None` for the command line. In a [`Syntax::File`] long names have no dashes. Only the command line
    /// has operands.
    fn syntax(&self) -> Option<Syntax> {
        None
    }

    /// Prints one message, given in parts.
    fn error(&mut self, parts: &[&[u8]]);
}

/// Where the parser stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// After the last option: at the end of the words, or after `--`.
    Done,
    /// After the first operand: a word of the command line that is not an option.
    Operand,
    /// After `--help`.
    Help,
    /// After `--version`.
    Version,
    /// After an error, for which a message was printed.
    Failed,
}

/// Parses words until the first that is not an option.
pub fn parse(table: &mut dyn OptionTable, source: &mut dyn Source) -> Outcome {
    let syntax = source.syntax();
    while let Some(word) = source.next() {
        let dashes = match word.to_bytes() {
            _ if syntax == Some(Syntax::File) => 0,
            b"--" if syntax.is_none() => break,
            b"--" => continue,
            [b'-', b'-', ..] => 2,
            [b'-', _, ..] => 1,
            _ if syntax.is_none() => return Outcome::Operand,
            operand => return unknown(source, operand),
        };
        let mut at = dashes;
        loop {
            let outcome = parse_option(table, source, word, dashes, &mut at);
            if outcome != Outcome::Done {
                return outcome;
            }
            if at >= word.count_bytes() {
                break;
            }
        }
    }
    Outcome::Done
}

/// Parses the option whose name, or one letter, starts at this index of a word. Sets the index to that of the next one.
///
/// The word is `--NAME`, `--NAME=VALUE`, `--no-NAME`, or has letters such as `-123`: switches, and possibly one option with a
/// value, which is the rest of the word or the next word.
fn parse_option(
    table: &mut dyn OptionTable,
    source: &mut dyn Source,
    word: CliWord,
    dashes: usize,
    at: &mut usize,
) -> Outcome {
    let is_letter = dashes == 1;
    let text = word.to_bytes();
    let equals_sign = if is_letter { Some(*at + 1) } else { find_byte(text, b'=') };
    let end = equals_sign.unwrap_or(text.len());
    // The option as the user wrote it.
    let shown = first(text, end);
    let name = skip(shown, *at);
    let (mut index, mut kind) = find(table, is_letter, name);
    let on = kind != 0;
    if let (false, Some(name)) = (on, strip_prefix(name, b"no-")) {
        (index, kind) = find(table, false, name);
    }
    if kind == 0 || !on && kind == VALUE {
        return unknown(source, shown);
    }
    let takes_value = kind == VALUE;
    let attached = if !is_letter {
        cstr_tail(word, end + 1)
    } else if takes_value {
        cstr_tail(word, end).filter(|value| !value.is_empty())
    } else {
        None
    };
    let value = if takes_value { attached.or_else(|| source.next()) } else { attached };
    let wrong: &[u8] = match value {
        None if takes_value => b" needs a value",
        // An empty one is the value of a variable that is not set.
        Some(value) if !takes_value && (kind != MAYBE_VALUE || value.is_empty()) => {
            b" takes no value"
        }
        _ => b"",
    };
    if !wrong.is_empty() {
        source.error(&[b"option ", shown, wrong]);
        return Outcome::Failed;
    }
    let value = value.unwrap_or(c"");
    *at = if is_letter && !takes_value { end } else { text.len() };
    match table.apply(index, Arg { value, on }) {
        Some(Ok(())) => Outcome::Done,
        Some(Err(Expected::Reported)) => Outcome::Failed,
        Some(Err(form)) => {
            let (value, form) = (value.to_bytes(), form.text());
            source.error(&[b"option ", shown, b": '", value, b"' is not ", form]);
            Outcome::Failed
        }
        None if dashes == 0 => unknown(source, shown),
        None if matches!(shown, [.., b'h' | b'p']) => Outcome::Help,
        None => Outcome::Version,
    }
}

/// Returns the index of the option with this letter or this name, and the byte after its name in the row; 0 if there is
/// none.
fn find(table: &dyn OptionTable, is_letter: bool, name: &[u8]) -> (usize, u8) {
    let (mut packed, mut index) = (table.packed_rows(), 0);
    while let Some(row) = next_row(&mut packed) {
        let (long, kind) = row.name();
        let key = if is_letter { row.letter() } else { long };
        if key == name && name != b" " {
            return (index, kind);
        }
        index += 1;
    }
    (0, 0)
}

#[inline(never)]
fn unknown(source: &mut dyn Source, shown: &[u8]) -> Outcome {
    source.error(&[b"unknown option '", shown, b"' (try --help)"]);
    Outcome::Failed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::option_table::{Opt, opt};
    use crate::cli::option_value::OptionValue;
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
        opt("-f, --failing\tFails.", |_, _| Err(Expected::Reported)),
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
            let message = format!("unknown option '{unknown}' (try --help)");
            assert_eq!(parsed(&["on", unknown]), Err(message));
        }
    }

    #[test]
    fn errors_name_the_option_as_written() {
        let wrong = |words: &[&str], message: &str| {
            assert_eq!(parsed(words).map(|_| ()), Err(message.to_string()));
        };
        wrong(&["-q"], "unknown option '-q' (try --help)");
        wrong(&["-1q"], "unknown option '-1q' (try --help)");
        wrong(&["- "], "unknown option '- ' (try --help)");
        wrong(&["--quit"], "unknown option '--quit' (try --help)");
        wrong(&["--no-quit"], "unknown option '--no-quit' (try --help)");
        wrong(&["-n"], "option -n needs a value");
        wrong(&["-1n"], "option -1n needs a value");
        wrong(&["--number"], "option --number needs a value");
        wrong(&["--number=x"], "option --number: 'x' is not a number");
        wrong(&["--number="], "option --number: '' is not a number");
        wrong(&["-nx"], "option -n: 'x' is not a number");
        wrong(&["--on=1"], "option --on takes no value");
        wrong(&["--maybe="], "option --maybe takes no value");
        wrong(&["--maybe=x"], "option --maybe: 'x' is not a number");
        wrong(&["--no-number"], "unknown option '--no-number' (try --help)");
    }

    #[test]
    fn an_option_that_reported_its_error_is_not_reported_again() {
        assert_eq!(parsed(&["-1f", "-q"]).map(|_| ()), Err(String::new()));
    }
}

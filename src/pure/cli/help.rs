//! The help text of an option table.
//!
//! `option_sources` prints it for `--help`.

use super::option_table::{Row, next_row};
use crate::text::{Put, Text, split_once};

/// The column in which descriptions start. A longer option moves its description to the right.
const COLUMN: usize = 28;

/// Passes the help text of packed rows to `print`, one line per row.
///
/// # Errors
/// The error of `print`.
pub fn print_help<E>(
    mut packed: &'static [u8],
    print: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(row) = next_row(&mut packed) {
        print(help_line(row).bytes())?;
    }
    Ok(())
}

/// Returns the line of one row, with a newline.
#[must_use]
#[inline(always)]
pub fn help_line(row: Row) -> Text {
    let (option, description) = split_once(row.0, b'\t');
    let mut line = Text::new();
    line.put(b" ");
    line.put(option);
    loop {
        line.put(b" ");
        if line.bytes().len() >= COLUMN {
            break;
        }
    }
    line.put(description.unwrap_or(b""));
    line.put(b"\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::option_table::{Opt, opt};
    use crate::packed;

    const OPTIONS: &[Opt<()>] = &[
        opt("-1, --on\tTurn it on.", |(), _| Ok(())),
        opt("    --number N\tA number.", |(), _| Ok(())),
    ];

    #[test]
    fn help_has_two_columns() {
        let mut text = String::new();
        let done: Result<(), ()> = print_help(packed!((), OPTIONS).rows, &mut |line| {
            text += core::str::from_utf8(line).unwrap();
            Ok(())
        });
        assert_eq!(done, Ok(()));
        let rows = [
            ("-1, --on", "Turn it on."),
            ("    --number N", "A number."),
            ("-h, --help", "Show this."),
            ("-V, --version", "Show the version."),
        ];
        assert_eq!(text, rows.map(|(option, text)| format!(" {option:27}{text}\n")).concat());
        let long = help_line(Row(b"-n, --name-of-many-bytes LIST\tNames."));
        assert_eq!(long.bytes(), b" -n, --name-of-many-bytes LIST Names.\n");
    }
}

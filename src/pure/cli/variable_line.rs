//! The lines of a file of environment variables, which `denv --file` reads.

use super::option_value::Expected;
use crate::text::{cstr_tail, first, split_once};
use core::ffi::CStr;

/// Returns the part `NAME=VALUE`, `NAME=` or `NAME` of a line without blanks at its end. Skips blanks and `export` before
/// it. Empty for an empty line and a comment.
///
/// # Errors
/// [`Expected::Variable`] if the name contains a blank: the line may be meant for a shell. The caller rejects an empty name.
pub fn assignment(line: &CStr) -> Result<&CStr, Expected> {
    let mut rest = line;
    loop {
        let (name, _) = split_once(rest.to_bytes(), b'=');
        if name.starts_with(b"#") {
            return Ok(c"");
        }
        let Some(word_size) = name.iter().position(|byte| matches!(byte, b' ' | b'\t')) else {
            return Ok(rest);
        };
        if word_size > 0 && first(name, word_size) != b"export" {
            return Err(Expected::Variable);
        }
        rest = cstr_tail(rest, word_size + 1).unwrap_or(c"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_variable_or_nothing() {
        for (line, wanted) in [
            (c"", c""),
            (c" \t", c""),
            (c"#", c""),
            (c"\t # A=1", c""),
            (c"export # A", c""),
            (c"A=1", c"A=1"),
            (c"A=", c"A="),
            (c" \tA", c"A"),
            (c"A= b c = d # e", c"A= b c = d # e"),
            (c"A=\"b\"", c"A=\"b\""),
            (c"a.b-c#d=1", c"a.b-c#d=1"),
            (c"export A=b", c"A=b"),
            (c" export \t A=export B", c"A=export B"),
            (c"export A", c"A"),
            (c"export", c"export"),
            (c"export export A", c"A"),
            (c"export=1", c"export=1"),
            (c"exported=1", c"exported=1"),
        ] {
            assert_eq!(assignment(line), Ok(wanted), "{line:?}");
        }
    }

    #[test]
    fn a_name_has_no_blanks() {
        for line in [c"A = b", c"A =b", c"A\t=b", c"A B", c"set A=b", c"export A =b", c"export A B"]
        {
            assert_eq!(assignment(line), Err(Expected::Variable), "{line:?}");
        }
    }
}

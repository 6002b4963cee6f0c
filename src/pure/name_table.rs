//! Tables of names as one string.
//!
//! Signals, resource limits, syslog priorities and other option words are looked up in them. One string takes less
//! space than an array of strings, which needs a pointer and a length for each name.

use crate::text::split;

/// Returns the index of `name`, in upper or lower case, in a table such as `emerg|panic alert crit`.
///
/// Blanks separate the entries. Bars separate several names of one entry. A NUL is an entry without a name.
#[must_use]
pub fn index_of(table: &str, name: &[u8]) -> Option<usize> {
    split(table.as_bytes(), b' ')
        .position(|names| split(names, b'|').any(|other| eq_ignore_case(other, name)))
}

/// Returns the entry with this index in a table with this `separator`; an empty one if there are fewer.
#[must_use]
#[inline(never)]
pub fn entry(table: &'static str, separator: u8, index: usize) -> &'static [u8] {
    split(table.as_bytes(), separator).nth(index).unwrap_or_default()
}

/// Returns whether two names are equal if the case of ASCII letters is ignored.
#[must_use]
#[inline(never)]
pub fn eq_ignore_case(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

#[cfg(test)]
mod tests {
    use super::index_of;

    #[test]
    fn each_name_has_the_index_of_its_entry() {
        let table = "emerg|panic alert \0 crit|critical";
        let is = |name: &str, at| assert_eq!(index_of(table, name.as_bytes()), at, "{name:?}");
        is("emerg", Some(0));
        is("PANIC", Some(0));
        is("alert", Some(1));
        is("Critical", Some(3));
        for bad in ["", "emer", "emerg|panic", "panic alert", "criticall", "|", " "] {
            is(bad, None);
        }
    }
}

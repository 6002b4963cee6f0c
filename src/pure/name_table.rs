//! Lists of names, each of which stands for its place: signals, facilities, formats.

/// The place of `name` in a list like `emerg|panic alert crit`, in any case: blanks between the places,
/// bars between several names of one. A place that has no name is a NUL.
#[must_use]
pub fn index_of(list: &str, name: &[u8]) -> Option<usize> {
    list.as_bytes()
        .split(|byte| *byte == b' ')
        .position(|names| names.split(|byte| *byte == b'|').any(|one| eq_ignore_case(one, name)))
}

/// Equal but for the case of letters.
#[must_use]
pub fn eq_ignore_case(one: &[u8], other: &[u8]) -> bool {
    let small = u8::to_ascii_lowercase;
    one.len() == other.len() && one.iter().map(small).eq(other.iter().map(small))
}

#[cfg(test)]
mod tests {
    use super::index_of;

    #[test]
    fn names_have_places() {
        let list = "emerg|panic alert \0 crit|critical";
        let is = |name: &str, at| assert_eq!(index_of(list, name.as_bytes()), at, "{name:?}");
        is("emerg", Some(0));
        is("PANIC", Some(0));
        is("alert", Some(1));
        is("Critical", Some(3));
        for bad in ["", "emer", "emerg|panic", "panic alert", "criticall", "|", " "] {
            is(bad, None);
        }
    }
}

//! The count of dropped lines, as a loss notice reports it. A log file's outage counts with it, and every logger formats
//! its notice with it.

use super::lines;
use crate::text::{Put, Text, put_number};

/// Dropped lines and their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Loss {
    /// Number of newlines among the dropped bytes.
    pub lines: u64,
    pub bytes: u64,
}

impl Loss {
    /// Counts these bytes as dropped.
    pub fn add(&mut self, bytes: &[u8]) {
        self.lines += lines::count(bytes);
        self.bytes += bytes.len() as u64;
    }
}

/// Appends the text of a loss notice, without a newline. Bytes that were not counted are 0. `fate` says
/// what happened to the lines.
pub fn put_notice(text: &mut Text, loss: Loss, fate: &str) {
    put_number(text, loss.lines);
    text.put(b" lines");
    if loss.bytes > 0 {
        text.put(b" (");
        put_number(text, loss.bytes);
        text.put(b" bytes)");
    }
    text.put(fate.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_and_bytes_are_counted() {
        let mut loss = Loss::default();
        loss.add(b"a\nb\nc\n");
        loss.add(b"d");
        assert_eq!(loss, Loss { lines: 3, bytes: 7 });
    }

    #[test]
    fn a_notice_contains_the_counts() {
        let notice = |lines, bytes| {
            let mut text = Text::new();
            put_notice(&mut text, Loss { lines, bytes }, " lost");
            String::from_utf8(text.bytes().to_vec()).unwrap()
        };
        assert_eq!(notice(2, 5), "2 lines (5 bytes) lost");
        assert_eq!(notice(3, 0), "3 lines lost");
    }
}

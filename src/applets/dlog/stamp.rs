//! The text of a time stamp, made once a second. Pure.

use crate::pure::time::Civil;

/// `YYYY-mm-dd/HH:MM:SS `.
pub const LENGTH: usize = 20;

/// The stamp of the second it was last asked for.
pub struct Stamp {
    second: i64,
    text: [u8; LENGTH],
}

impl Stamp {
    #[must_use]
    pub fn new() -> Self {
        Self { second: 0, text: text(0) }
    }

    /// The stamp of that second since 1970.
    pub fn text(&mut self, second: i64) -> [u8; LENGTH] {
        if second != self.second {
            *self = Self { second, text: text(second) };
        }
        self.text
    }
}

fn text(second: i64) -> [u8; LENGTH] {
    let t = Civil::of_epoch(second);
    let digit = |n: i64| u8::try_from(n % 10).unwrap_or(0) + b'0';
    let [a, b] = [t.year / 1000, t.year / 100].map(digit);
    let [c, d] = [t.year / 10, t.year].map(digit);
    let two = |n: u8| [n / 10 + b'0', n % 10 + b'0'];
    let [[m, o], [e, f], [g, h], [i, j], [k, l]] =
        [t.month, t.day, t.hour, t.minute, t.second].map(two);
    [a, b, c, d, b'-', m, o, b'-', e, f, b'/', g, h, b':', i, j, b':', k, l, b' ']
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_the_utc_second() {
        let mut stamp = Stamp::new();
        assert_eq!(&stamp.text(0), b"1970-01-01/00:00:00 ");
        assert_eq!(&stamp.text(2_208_988_800 + 86_399), b"2040-01-01/23:59:59 ");
        assert_eq!(&stamp.text(951_782_399), b"2000-02-28/23:59:59 ");
    }
}

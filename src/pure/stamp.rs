//! Time stamps as they stand before log lines.

use crate::pure::calendar::Civil;
use crate::pure::names;
use crate::pure::opts::{Field, Given};
use crate::pure::text::{self, Message, Put, put_digits, put_number};
use crate::pure::value::Wanted;

/// The longest stamp is that of TAI64N.
pub type Text = Message<32>;

/// How a stamp is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `YYYY-mm-dd/HH:MM:SS`, UTC.
    Utc,
    /// `YYYY-mm-ddTHH:MM:SSZ`: ISO 8601, RFC 3339.
    Iso,
    /// `@` and 24 hexadecimal digits, as multilog and s6-log write them and tai64nlocal reads them.
    Tai64n,
    /// Seconds since 1970 and nine decimals.
    Epoch,
    /// The same of the monotonic clock, which begins at boot.
    Mono,
}

/// The TAI label of 1970-01-01: 2^62, and the ten seconds between TAI and UTC on that day, as
/// daemontools counts.
const TAI_EPOCH: u64 = (1 << 62) + 10;

/// A format by its name.
impl Field for Option<Format> {
    fn set(&mut self, Given { word, .. }: Given) -> Result<(), Wanted> {
        *self = match names::place("utc iso tai64n epoch mono", word.to_bytes()) {
            Some(0) => Some(Format::Utc),
            Some(1) => Some(Format::Iso),
            Some(2) => Some(Format::Tai64n),
            Some(3) => Some(Format::Epoch),
            Some(_) => Some(Format::Mono),
            None => return Err("one of utc, iso, tai64n, epoch, mono"),
        };
        Ok(())
    }
}

/// Writes stamps; those with whole seconds are made once a second.
pub struct Stamper {
    pub format: Format,
    second: i64,
    text: Text,
}

impl Stamper {
    #[must_use]
    pub const fn new(format: Format) -> Self {
        Self { format, second: i64::MIN, text: Text::new() }
    }

    /// The stamp of a moment of the clock that the format goes by, with the blank after it.
    pub fn text(&mut self, (second, nanosecond): (i64, u32)) -> &[u8] {
        let whole = matches!(self.format, Format::Utc | Format::Iso);
        if !whole || second != self.second {
            self.second = second;
            self.text = match self.format {
                Format::Utc => civil(second, *b"/ ", &[]),
                Format::Iso => civil(second, *b"TZ", b" "),
                Format::Tai64n => tai64n(second, nanosecond),
                Format::Epoch | Format::Mono => decimal(second, nanosecond),
            };
        }
        self.text.bytes()
    }
}

/// Date and time with `between` them, and what comes `after`.
fn civil(second: i64, [between, end]: [u8; 2], after: &[u8]) -> Text {
    let mut text = Text::new();
    put_civil(&mut text, Civil::of_epoch(second), between, b':');
    text.put(&[end]);
    text.put(after);
    text
}

/// `YYYY-mm-dd`, a byte, `HH:MM:SS` with `colon`s.
pub fn put_civil(text: &mut text::Text, t: Civil, between: u8, colon: u8) {
    put_digits(text, t.year.unsigned_abs(), 4, false);
    let rest =
        [(b'-', t.month), (b'-', t.day), (between, t.hour), (colon, t.minute), (colon, t.second)];
    for (mark, number) in rest {
        text.put(&[mark]);
        put_digits(text, number.into(), 2, false);
    }
}

fn tai64n(second: i64, nanosecond: u32) -> Text {
    let mut text = Text::new();
    text.put(b"@");
    let label = TAI_EPOCH.wrapping_add_signed(second);
    put_digits(&mut text, label >> 32, 8, true);
    put_digits(&mut text, label & 0xffff_ffff, 8, true);
    put_digits(&mut text, nanosecond.into(), 8, true);
    text.put(b" ");
    text
}

fn decimal(second: i64, nanosecond: u32) -> Text {
    let mut text = Text::new();
    put_number(&mut text, second.unsigned_abs());
    text.put(b".");
    put_digits(&mut text, nanosecond.into(), 9, false);
    text.put(b" ");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::opts::tests::word_of;

    fn stamp(format: Format, second: i64, nanosecond: u32) -> String {
        String::from_utf8(Stamper::new(format).text((second, nanosecond)).to_vec()).unwrap()
    }

    #[test]
    fn the_formats() {
        assert_eq!(stamp(Format::Utc, 0, 5), "1970-01-01/00:00:00 ");
        assert_eq!(stamp(Format::Utc, 2_208_988_800 + 86_399, 5), "2040-01-01/23:59:59 ");
        assert_eq!(stamp(Format::Iso, 951_782_399, 0), "2000-02-28T23:59:59Z ");
        assert_eq!(stamp(Format::Tai64n, 0, 0x1234), "@400000000000000a00001234 ");
        assert_eq!(stamp(Format::Epoch, 1_700_000_000, 42), "1700000000.000000042 ");
        assert_eq!(stamp(Format::Mono, 0, 999_999_999), "0.999999999 ");
    }

    #[test]
    fn formats_have_names() {
        let named = |name| {
            let mut format = None;
            format.set(Given::word(word_of(name))).map(|()| format.unwrap())
        };
        assert_eq!(named("utc"), Ok(Format::Utc));
        assert_eq!(named("iso"), Ok(Format::Iso));
        assert_eq!(named("tai64n"), Ok(Format::Tai64n));
        assert_eq!(named("epoch"), Ok(Format::Epoch));
        assert_eq!(named("mono"), Ok(Format::Mono));
        assert!(named("tai64").is_err());
    }

    #[test]
    fn a_new_nanosecond_is_seen_where_it_is_shown() {
        for (format, text) in
            [(Format::Tai64n, "@400000000000000a00000002 "), (Format::Mono, "0.000000002 ")]
        {
            let mut stamper = Stamper::new(format);
            stamper.text((0, 1));
            assert_eq!(stamper.text((0, 2)), text.as_bytes());
        }
    }

    #[test]
    fn a_new_second_is_seen() {
        let mut stamper = Stamper::new(Format::Utc);
        assert_eq!(stamper.text((59, 0)), b"1970-01-01/00:00:59 ");
        assert_eq!(stamper.text((59, 9)), b"1970-01-01/00:00:59 ");
        assert_eq!(stamper.text((60, 0)), b"1970-01-01/00:01:00 ");
        assert_eq!(stamper.text((0, 0)), b"1970-01-01/00:00:00 ");
    }
}

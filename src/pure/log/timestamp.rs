//! Time stamps as they stand before log lines.

use crate::calendar::Civil;
use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::name_table;
use crate::text::{self, Put, TextBuf, put_number, put_padded};

/// The longest stamp is that of TAI64N.
pub type TimestampText = TextBuf<32>;

/// How a stamp is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampFormat {
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
impl OptionValue for Option<TimestampFormat> {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = match name_table::index_of("utc iso tai64n epoch mono", value.to_bytes()) {
            Some(0) => Some(TimestampFormat::Utc),
            Some(1) => Some(TimestampFormat::Iso),
            Some(2) => Some(TimestampFormat::Tai64n),
            Some(3) => Some(TimestampFormat::Epoch),
            Some(_) => Some(TimestampFormat::Mono),
            None => return Err("one of utc, iso, tai64n, epoch, mono"),
        };
        Ok(())
    }
}

/// Writes stamps; those with whole seconds are made once a second.
pub struct TimestampFormatter {
    pub format: TimestampFormat,
    second: i64,
    text: TimestampText,
}

impl TimestampFormatter {
    #[must_use]
    pub const fn new(format: TimestampFormat) -> Self {
        Self { format, second: i64::MIN, text: TimestampText::new() }
    }

    /// The stamp of a moment of the clock that the format goes by, with the blank after it.
    pub fn text(&mut self, (second, nanosecond): (i64, u32)) -> &[u8] {
        let whole = matches!(self.format, TimestampFormat::Utc | TimestampFormat::Iso);
        if !whole || second != self.second {
            self.second = second;
            self.text = match self.format {
                TimestampFormat::Utc => civil(second, *b"/ ", &[]),
                TimestampFormat::Iso => civil(second, *b"TZ", b" "),
                TimestampFormat::Tai64n => tai64n(second, nanosecond),
                TimestampFormat::Epoch | TimestampFormat::Mono => decimal(second, nanosecond),
            };
        }
        self.text.bytes()
    }
}

/// Date and time with `between` them, and what comes `after`.
fn civil(second: i64, [between, end]: [u8; 2], after: &[u8]) -> TimestampText {
    let mut text = TimestampText::new();
    put_civil(&mut text, Civil::of_epoch(second), between, b':');
    text.put(&[end]);
    text.put(after);
    text
}

/// `YYYY-mm-dd`, a byte, `HH:MM:SS` with `colon`s.
pub fn put_civil(text: &mut text::Text, t: Civil, between: u8, colon: u8) {
    put_padded(text, t.year.unsigned_abs(), 4, false);
    let rest =
        [(b'-', t.month), (b'-', t.day), (between, t.hour), (colon, t.minute), (colon, t.second)];
    for (mark, number) in rest {
        text.put(&[mark]);
        put_padded(text, number.into(), 2, false);
    }
}

fn tai64n(second: i64, nanosecond: u32) -> TimestampText {
    let mut text = TimestampText::new();
    text.put(b"@");
    let label = TAI_EPOCH.wrapping_add_signed(second);
    put_padded(&mut text, label >> 32, 8, true);
    put_padded(&mut text, label & 0xffff_ffff, 8, true);
    put_padded(&mut text, nanosecond.into(), 8, true);
    text.put(b" ");
    text
}

fn decimal(second: i64, nanosecond: u32) -> TimestampText {
    let mut text = TimestampText::new();
    put_number(&mut text, second.unsigned_abs());
    text.put(b".");
    put_padded(&mut text, nanosecond.into(), 9, false);
    text.put(b" ");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    fn stamp(format: TimestampFormat, second: i64, nanosecond: u32) -> String {
        String::from_utf8(TimestampFormatter::new(format).text((second, nanosecond)).to_vec())
            .unwrap()
    }

    #[test]
    fn the_formats() {
        assert_eq!(stamp(TimestampFormat::Utc, 0, 5), "1970-01-01/00:00:00 ");
        assert_eq!(stamp(TimestampFormat::Utc, 2_208_988_800 + 86_399, 5), "2040-01-01/23:59:59 ");
        assert_eq!(stamp(TimestampFormat::Iso, 951_782_399, 0), "2000-02-28T23:59:59Z ");
        assert_eq!(stamp(TimestampFormat::Tai64n, 0, 0x1234), "@400000000000000a00001234 ");
        assert_eq!(stamp(TimestampFormat::Epoch, 1_700_000_000, 42), "1700000000.000000042 ");
        assert_eq!(stamp(TimestampFormat::Mono, 0, 999_999_999), "0.999999999 ");
    }

    #[test]
    fn formats_have_names() {
        let named = |name| {
            let mut format = None;
            format.parse(Arg::new(word_of(name))).map(|()| format.unwrap())
        };
        assert_eq!(named("utc"), Ok(TimestampFormat::Utc));
        assert_eq!(named("iso"), Ok(TimestampFormat::Iso));
        assert_eq!(named("tai64n"), Ok(TimestampFormat::Tai64n));
        assert_eq!(named("epoch"), Ok(TimestampFormat::Epoch));
        assert_eq!(named("mono"), Ok(TimestampFormat::Mono));
        assert!(named("tai64").is_err());
    }

    #[test]
    fn a_new_nanosecond_is_seen_where_it_is_shown() {
        for (format, text) in [
            (TimestampFormat::Tai64n, "@400000000000000a00000002 "),
            (TimestampFormat::Mono, "0.000000002 "),
        ] {
            let mut formatter = TimestampFormatter::new(format);
            formatter.text((0, 1));
            assert_eq!(formatter.text((0, 2)), text.as_bytes());
        }
    }

    #[test]
    fn a_new_second_is_seen() {
        let mut formatter = TimestampFormatter::new(TimestampFormat::Utc);
        assert_eq!(formatter.text((59, 0)), b"1970-01-01/00:00:59 ");
        assert_eq!(formatter.text((59, 9)), b"1970-01-01/00:00:59 ");
        assert_eq!(formatter.text((60, 0)), b"1970-01-01/00:01:00 ");
        assert_eq!(formatter.text((0, 0)), b"1970-01-01/00:00:00 ");
    }
}

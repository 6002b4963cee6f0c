//! Timestamps before log lines. The line prefix calls it; archive names and syslog headers use its date.

use crate::calendar::Civil;
use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::name_table;
use crate::text::{Put, Text, put_number, put_padded};

/// Maximum length of a timestamp and the space after it. TAI64N is the longest: 26 bytes.
pub const MAX_TIMESTAMP: usize = 26;

/// The format of a timestamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampFormat {
    /// `YYYY-mm-dd/HH:MM:SS`, UTC.
    Utc,
    /// `YYYY-mm-ddTHH:MM:SSZ` (ISO 8601, RFC 3339).
    Iso,
    /// `@` and 24 hexadecimal digits, as multilog and s6-log write them and tai64nlocal reads them.
    Tai64n,
    /// Seconds since 1970 with nine decimals.
    Epoch,
    /// Seconds since boot with nine decimals.
    Mono,
}

/// The TAI64 label of 1970-01-01 UTC: 2^62, plus the ten seconds between TAI and UTC that daemontools assumes.
const TAI_EPOCH: u64 = (1 << 62) + 10;

impl TimestampFormat {
    /// Returns whether the text changes within a second.
    #[must_use]
    pub const fn shows_nanoseconds(self) -> bool {
        match self {
            Self::Utc | Self::Iso => false,
            Self::Tai64n | Self::Epoch | Self::Mono => true,
        }
    }

    /// Appends the timestamp, and a space after it. `Mono` shows a time of CLOCK_MONOTONIC, the others one of
    /// CLOCK_REALTIME.
    pub fn put(self, text: &mut Text, (second, nanosecond): (i64, u32)) {
        match self {
            Self::Utc => put_civil(text, Civil::of_epoch(second), b'/', b':'),
            Self::Iso => put_civil(text, Civil::of_epoch(second), b'T', b':'),
            Self::Tai64n => put_tai64n(text, second, nanosecond),
            Self::Epoch | Self::Mono => put_decimal(text, second, nanosecond),
        }
        text.put(if self == Self::Iso { b"Z " } else { b" " });
    }
}

/// Parses the name of a format. No name selects `None`, which means no timestamp.
impl OptionValue for Option<TimestampFormat> {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        *self = match name_table::index_of(
            const { Expected::Timestamp.text_from("one of ".len()) },
            value.to_bytes(),
        ) {
            Some(0) => Some(TimestampFormat::Utc),
            Some(1) => Some(TimestampFormat::Iso),
            Some(2) => Some(TimestampFormat::Tai64n),
            Some(3) => Some(TimestampFormat::Epoch),
            Some(_) => Some(TimestampFormat::Mono),
            None => return Err(Expected::Timestamp),
        };
        Ok(())
    }
}

/// Appends `YYYY-mm-dd`, the separator, and `HH:MM:SS` with `colon` in place of `:`.
pub fn put_civil(text: &mut Text, time: Civil, separator: u8, colon: u8) {
    put_padded(text, time.year, 4, false);
    for (separator, number) in [
        (b'-', time.month),
        (b'-', time.day),
        (separator, time.hour),
        (colon, time.minute),
        (colon, time.second),
    ] {
        text.put(&[separator]);
        put_padded(text, number.into(), 2, false);
    }
}

fn put_tai64n(text: &mut Text, second: i64, nanosecond: u32) {
    text.put(b"@");
    let label = TAI_EPOCH.wrapping_add_signed(second);
    for word in [(label >> 32) as u32, label as u32, nanosecond] {
        put_padded(text, word, 8, true);
    }
}

fn put_decimal(text: &mut Text, second: i64, nanosecond: u32) {
    put_number(text, second.unsigned_abs());
    text.put(b".");
    put_padded(text, nanosecond, 9, false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    fn timestamp(format: TimestampFormat, second: i64, nanosecond: u32) -> String {
        let mut text = Text::new();
        format.put(&mut text, (second, nanosecond));
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    #[test]
    fn each_format_is_as_documented() {
        assert_eq!(timestamp(TimestampFormat::Utc, 0, 5), "1970-01-01/00:00:00 ");
        assert_eq!(
            timestamp(TimestampFormat::Utc, 2_208_988_800 + 86_399, 5),
            "2040-01-01/23:59:59 "
        );
        assert_eq!(timestamp(TimestampFormat::Iso, 951_782_399, 0), "2000-02-28T23:59:59Z ");
        assert_eq!(timestamp(TimestampFormat::Tai64n, 0, 0x1234), "@400000000000000a00001234 ");
        assert_eq!(timestamp(TimestampFormat::Epoch, 1_700_000_000, 42), "1700000000.000000042 ");
        assert_eq!(timestamp(TimestampFormat::Mono, 0, 999_999_999), "0.999999999 ");
    }

    #[test]
    fn each_format_is_selected_by_its_name() {
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
}

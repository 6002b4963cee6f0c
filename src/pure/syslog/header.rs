//! The header of a syslog message: PRI, timestamp, sender. The message builder puts it before each text.

use super::priority::Priority;
use crate::calendar::Civil;
use crate::log::timestamp::put_civil;
use crate::text::{Put, Text, TextBuf, Writer, put_padded};
use ufmt::uwrite;

/// The maximum length of a sender's name, in bytes: APP-NAME of RFC 5424, 6.
pub const MAX_NAME: usize = 48;

/// The format of all messages of one sender.
pub struct MessageFormat {
    pub priority: Priority,
    /// The sender's name, for which [`is_name`] holds: APP-NAME of RFC 5424, TAG of RFC 3164.
    pub name: &'static [u8],
    /// Use the header of RFC 5424 instead of RFC 3164.
    pub rfc5424: bool,
    /// Read `<N>` at the start of a line as its severity (sd-daemon(3)).
    pub prefixed: bool,
    /// Drop empty lines.
    pub skip_empty: bool,
}

/// The time and the host that a header names.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Seconds since 1970 and nanoseconds.
    pub moment: (i64, u32),
    /// HOSTNAME of RFC 5424, at most 64 bytes of printable ASCII. RFC 3164 headers omit it: the receiver adds it.
    pub host: &'a [u8],
}

/// A header of at most 155 bytes, with space for the text of a loss notice.
pub type Header = TextBuf<192>;

impl MessageFormat {
    /// Returns the header of a message. `severity` overrides [`MessageFormat::priority`].
    #[must_use]
    pub fn header(
        &self,
        Origin { moment: (second, nanosecond), host }: Origin,
        severity: Option<u8>,
    ) -> Header {
        let mut header = Header::new();
        let Ok(()) = uwrite!(Writer(&mut header), "<{}>", self.priority.pri(severity));
        let time = Civil::of_epoch(second);
        if self.rfc5424 {
            header.put(b"1 ");
            put_civil(&mut header, time, b'T', b':');
            header.put(b".");
            put_padded(&mut header, nanosecond / 1000, 6, false);
            header.put(b"Z ");
            header.put(host);
            header.put(b" ");
            header.put(self.name);
            // PROCID, MSGID and STRUCTURED-DATA are nil.
            header.put(b" - - - ");
        } else {
            put_bsd_time(&mut header, time);
            header.put(b" ");
            header.put(self.name);
            header.put(b": ");
        }
        header
    }
}

/// Replaces each byte of a host name that is not printable ASCII by a dash: HOSTNAME of RFC 5424, 6, is PRINTUSASCII.
pub fn replace_unprintable(host: &mut [u8]) {
    host.iter_mut().filter(|byte| !byte.is_ascii_graphic()).for_each(|byte| *byte = b'-');
}

/// Returns whether `name` is a valid name of a sender: 1 to [`MAX_NAME`] printable ASCII characters. RFC 5424 does not
/// allow spaces.
#[must_use]
pub fn is_name(name: &[u8], rfc5424: bool) -> bool {
    let printable = |byte: &u8| byte.is_ascii_graphic() || !rfc5424 && *byte == b' ';
    (1..=MAX_NAME).contains(&name.len()) && name.iter().all(printable)
}

/// Appends `Mmm dd HH:MM:SS`: TIMESTAMP of RFC 3164, 4.1.2. A space pads the day.
fn put_bsd_time(text: &mut Text, time: Civil) {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let start = usize::from(time.month.wrapping_sub(1)) * 3;
    let month = MONTHS.get(start..start + 3).unwrap_or("???");
    let pad = if time.day < 10 { " " } else { "" };
    let Ok(()) = uwrite!(Writer(text), "{} {}{}", month, pad, u32::from(time.day));
    for (separator, number) in [(b' ', time.hour), (b':', time.minute), (b':', time.second)] {
        text.put(&[separator]);
        put_padded(text, number.into(), 2, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syslog::priority::Facility;

    #[test]
    fn the_longest_header_leaves_space_for_a_loss_notice() {
        let format = MessageFormat {
            priority: Priority { facility: Facility(23), severity: 7 },
            name: &[b'n'; MAX_NAME],
            rfc5424: true,
            prefixed: false,
            skip_empty: false,
        };
        let origin = Origin { moment: (1_794_823_200, 123_456_789), host: &[b'h'; 64] };
        let mut message = format.header(origin, None);
        assert_eq!(message.bytes().len(), 155);
        let text = b"18446744073709551615 lines lost";
        message.put(text);
        assert!(message.bytes().ends_with(text));
    }

    #[test]
    fn names_are_printable_and_not_too_long() {
        let longest = [b'n'; MAX_NAME];
        for good in [&b"n"[..], b"a-b.c[7]!~", &longest] {
            assert!(is_name(good, false) && is_name(good, true), "{good:?}");
        }
        assert!(is_name(b"a b", false) && !is_name(b"a b", true));
        for bad in [&b""[..], b"a\tb", b"a\x7f", b"\xc3\xa4", &[b'n'; MAX_NAME + 1]] {
            assert!(!is_name(bad, false) && !is_name(bad, true), "{bad:?}");
        }
    }

    #[test]
    fn a_space_pads_days_below_ten() {
        let time_of = |day: i64| {
            let mut text = TextBuf::<64>::new();
            put_bsd_time(&mut text, Civil::of_epoch((day - 1) * 86_400));
            String::from_utf8(text.bytes().to_vec()).unwrap()
        };
        assert_eq!(time_of(9), "Jan  9 00:00:00");
        assert_eq!(time_of(10), "Jan 10 00:00:00");
    }
}

//! What a syslog message begins with: priority, time, sender. Pure.

use super::priority::Priority;
use crate::calendar::Civil;
use crate::log::timestamp::put_civil;
use crate::text::{Message, Put, Text, put_number, put_padded};

/// The longest name: APP-NAME of RFC 5424, 6.
pub const MAX_NAME: usize = 48;

/// How messages are made.
pub struct MessageFormat {
    pub priority: Priority,
    /// Of the sender: printing ASCII, at most [`LONGEST_NAME`].
    pub name: &'static [u8],
    pub rfc5424: bool,
    /// `<N>` before a line sets its severity (sd-daemon(3)).
    pub prefixed: bool,
    /// Leave out empty lines.
    pub skip_empty: bool,
}

impl MessageFormat {
    /// What a message begins with.
    #[must_use]
    pub fn header(
        &self,
        Origin { moment: (second, nanosecond), host }: Origin,
        severity: Option<u8>,
    ) -> Header {
        let mut header = Header::new();
        header.put(b"<");
        put_number(&mut header, self.priority.number(severity));
        let time = Civil::of_epoch(second);
        if self.rfc5424 {
            header.put(b">1 ");
            put_civil(&mut header, time, b'T', b':');
            header.put(b".");
            put_padded(&mut header, u64::from(nanosecond / 1000), 6, false);
            header.put(b"Z ");
            header.put(host);
            header.put(b" ");
            header.put(self.name);
            header.put(b" - - - ");
        } else {
            header.put(b">");
            put_bsd_time(&mut header, time);
            header.put(b" ");
            header.put(self.name);
            header.put(b": ");
        }
        header
    }
}

/// A header, of at most 155 bytes, and room for a text of our own behind it.
pub type Header = Message<192>;

/// Replaces each byte of a host name that is not printable ASCII by a dash: HOSTNAME of RFC 5424, 6, is PRINTUSASCII.
pub fn replace_unprintable(host: &mut [u8]) {
    host.iter_mut().filter(|byte| !byte.is_ascii_graphic()).for_each(|byte| *byte = b'-');
}

/// Whether a sender may have that name; RFC 5424 allows no blanks in it.
#[must_use]
pub fn is_name(name: &[u8], rfc5424: bool) -> bool {
    let printing = |byte: &u8| byte.is_ascii_graphic() || !rfc5424 && *byte == b' ';
    (1..=MAX_NAME).contains(&name.len()) && name.iter().all(printing)
}

/// The moment and the machine that a header names.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Seconds since 1970 and nanoseconds.
    pub moment: (i64, u32),
    pub host: &'a [u8],
}

/// `Mmm dd HH:MM:SS`, the day padded with a blank: TIMESTAMP of RFC 3164, 4.1.2.
fn put_bsd_time(packet: &mut Text, time: Civil) {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = usize::from(time.month.wrapping_sub(1)) * 3;
    packet.put(MONTHS.get(month..month + 3).unwrap_or(b"???"));
    packet.put(if time.day < 10 { b"  " } else { b" " });
    put_number(packet, time.day.into());
    for (mark, number) in [(b' ', time.hour), (b':', time.minute), (b':', time.second)] {
        packet.put(&[mark]);
        put_padded(packet, number.into(), 2, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syslog::priority::Facility;

    #[test]
    fn the_longest_header_leaves_room_for_a_text_of_our_own() {
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
    fn names_are_printing_and_not_too_long() {
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
    fn days_below_ten_have_a_blank() {
        let time_of = |day: i64| {
            let mut packet = Message::<64>::new();
            put_bsd_time(&mut packet, Civil::of_epoch((day - 1) * 86_400));
            String::from_utf8(packet.bytes().to_vec()).unwrap()
        };
        assert_eq!(time_of(9), "Jan  9 00:00:00");
        assert_eq!(time_of(10), "Jan 10 00:00:00");
    }
}

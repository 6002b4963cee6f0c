//! What a syslog message begins with: priority, time, sender. Pure.

use super::priority::Priority;
use crate::pure::calendar::Civil;
use crate::pure::stamp::put_civil;
use crate::pure::text::{Message, Put, Text, put_digits, put_number};

/// The longest name: APP-NAME of RFC 5424, 6.
pub const LONGEST_NAME: usize = 48;

/// How messages are made.
pub struct Format {
    pub priority: Priority,
    /// Of the sender: printing ASCII, at most [`LONGEST_NAME`].
    pub name: &'static [u8],
    pub rfc5424: bool,
    /// `<N>` before a line sets its severity (sd-daemon(3)).
    pub prefixed: bool,
    /// Leave out empty lines.
    pub skip_empty: bool,
}

impl Format {
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
            put_digits(&mut header, u64::from(nanosecond / 1000), 6, false);
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

/// A header, and room for a text of our own behind it.
pub type Header = Message<{ 64 + 64 + LONGEST_NAME + 32 }>;

/// Whether a sender may have that name; RFC 5424 allows no blanks in it.
#[must_use]
pub fn is_name(name: &[u8], rfc5424: bool) -> bool {
    let printing = |byte: &u8| byte.is_ascii_graphic() || !rfc5424 && *byte == b' ';
    (1..=LONGEST_NAME).contains(&name.len()) && name.iter().all(printing)
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
        put_digits(packet, number.into(), 2, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_below_ten_have_a_blank() {
        let mut packet = Message::<64>::new();
        put_bsd_time(&mut packet, Civil::of_epoch(5 * 86_400));
        assert_eq!(packet.bytes(), b"Jan  6 00:00:00");
    }
}

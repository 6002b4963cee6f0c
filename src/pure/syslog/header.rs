//! The header of a syslog message: PRI, time, host, sender. The message builder puts it before each text.

use super::priority::Priority;
use crate::calendar::Civil;
use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::log::timestamp::put_civil;
use crate::text::{Put, Text, first, put_number, put_padded, skip};
use heapless::{Vec, VecView};

/// The maximum length of a sender's name, in bytes: APP-NAME of RFC 5424, 6.
pub const MAX_NAME: usize = 48;

/// The layout of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `<PRI>name: `, for a local socket. The receiver adds the time, in its own zone.
    Local,
    /// `<PRI>Mmm dd HH:MM:SS name: `, for OpenWrt's logd. It strips 16 bytes from every message whose sixteenth byte
    /// after the PRI is a blank (log/syslog.c of ubox). This time has that length, as the time of the C library has.
    Logd,
    /// `<PRI>YYYY-mm-ddTHH:MM:SSZ host name: `, for the network: RFC 3164 with a time that names its zone.
    Network,
    /// RFC 5424.
    Rfc5424,
}

impl Layout {
    /// Returns whether the header contains the host name.
    #[must_use]
    pub const fn has_host(self) -> bool {
        matches!(self, Self::Network | Self::Rfc5424)
    }

    /// Returns the maximum size of a message with its header, in bytes, if the option `--size` is `wanted`; 0: it is not
    /// given.
    #[must_use]
    pub fn max_size(self, wanted: usize) -> usize {
        let size = match self {
            _ if wanted > 0 => wanted,
            // Each receiver should accept it: RFC 5424, 6.1.
            Self::Rfc5424 => 2048,
            // RFC 3164, 4.1, has 1024. But the syslogd of busybox reads at most 1023 bytes into a buffer of 1024.
            _ => LOGD_SIZE,
        };
        if self == Self::Logd { size.min(LOGD_SIZE) } else { size }
    }
}

/// The size of a message that logd reads: the rest of a longer one is lost.
const LOGD_SIZE: usize = 1023;

/// The format of all messages of one sender.
pub struct MessageFormat {
    pub layout: Layout,
    pub priority: Priority,
    /// The name of the sender. Characters that are not printable, such as blanks, which would end the name, are sent as `_`.
    pub name: &'static [u8],
    pub id: Id,
    pub host: Host,
    /// Read `<N>` at the start of a line as its severity (sd-daemon(3)) or PRI value.
    pub prefixed: bool,
    /// Drop empty lines.
    pub skip_empty: bool,
}

/// The PID of `--id` that follows the name of the sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id(pub i32);

impl Id {
    pub const NONE: Self = Self(0);
    /// That of dsyslog, which is not yet known.
    pub const OWN: Self = Self(-1);
}

impl OptionValue for Id {
    fn parse(&mut self, Arg { value, on }: Arg) -> Result<(), Expected> {
        *self = match value.to_bytes() {
            [] if on => Self::OWN,
            [] => Self::NONE,
            word => Self(value::pid(word).ok_or(Expected::Pid)?.number()),
        };
        Ok(())
    }
}

/// A host name; empty if it is not known. Linux limits it to 64 bytes.
#[derive(Default)]
pub struct Host(pub Vec<u8, 64>);

impl OptionValue for Host {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        let name: &mut VecView<u8> = &mut self.0;
        let word = value.to_bytes();
        name.clear();
        name.extend_from_slice(if word.is_empty() { b"-" } else { word })
            .map_err(|_| Expected::Host)
    }
}

/// A header, with space for the text of a loss notice.
pub type Header = Text;

impl MessageFormat {
    /// Appends the header of a message of this moment (seconds since 1970 and nanoseconds) with this PRI value: see
    /// [`Priority::pri`].
    pub fn put_header(&self, header: &mut Text, (second, nanosecond): (i64, u32), pri: u8) {
        let is_rfc5424 = self.layout == Layout::Rfc5424;
        header.put(b"<");
        put_number(header, pri.into());
        header.put(if is_rfc5424 { b">1 " } else { b">" });
        let civil = Civil::of_epoch(second);
        let mut time = Text::new();
        put_civil(&mut time, civil, if self.layout.has_host() { b'T' } else { b' ' }, b':');
        if self.layout == Layout::Logd {
            put_bsd_time(header, civil, time.bytes());
        }
        if self.layout.has_host() {
            header.put(time.bytes());
            if is_rfc5424 {
                header.put(b".");
                put_padded(header, nanosecond / 1000, 6, false);
            }
            header.put(b"Z ");
            // HOSTNAME of RFC 5424, 6, is printable ASCII.
            put_printable(header, if self.host.0.is_empty() { b"-" } else { &self.host.0 }, b'-');
            header.put(b" ");
        }
        put_printable(header, self.name, b'_');
        // MSGID and STRUCTURED-DATA are nil, and so is PROCID without a PID.
        let (before, after, nil): (&[u8], &[u8], &[u8]) =
            if is_rfc5424 { (b" ", b" - - ", b" - - - ") } else { (b"[", b"]: ", b": ") };
        if self.id == Id::NONE {
            header.put(nil);
        } else {
            header.put(before);
            put_number(header, self.id.0.unsigned_abs().into());
            header.put(after);
        }
    }
}

/// Appends a name, with `other` in place of each character that is not printable ASCII.
fn put_printable(text: &mut Text, name: &[u8], other: u8) {
    for byte in name {
        text.put(&[if byte.is_ascii_graphic() { *byte } else { other }]);
    }
}

/// Appends `Mmm dd HH:MM:SS `: TIMESTAMP of RFC 3164, 4.1.2. A space pads the day. `time` is `YYYY-mm-dd HH:MM:SS`.
fn put_bsd_time(text: &mut Text, civil: Civil, time: &[u8]) {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    text.put(first(skip(MONTHS, usize::from(civil.month.wrapping_sub(1)) * 3), 3));
    text.put(if civil.day < 10 { b"  " } else { b" " });
    put_number(text, civil.day.into());
    text.put(skip(time, 10));
    text.put(b" ");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syslog::priority::Facility;

    fn format(layout: Layout, name: &'static [u8]) -> MessageFormat {
        let priority = Priority { facility: Facility(184), severity: 7 };
        let host = Host(Vec::from_slice(b"box").unwrap());
        let (prefixed, skip_empty) = (false, false);
        MessageFormat { layout, priority, name, id: Id::NONE, host, prefixed, skip_empty }
    }

    fn header_of(format: &MessageFormat) -> String {
        let mut header = Header::new();
        format.put_header(&mut header, (1_794_823_200, 123_456_789), 191);
        String::from_utf8(header.bytes().to_vec()).unwrap()
    }

    fn header(layout: Layout, name: &'static [u8]) -> String {
        header_of(&format(layout, name))
    }

    #[test]
    fn each_layout_has_its_fields() {
        for (layout, expected) in [
            (Layout::Local, "<191>fan: "),
            (Layout::Logd, "<191>Nov 16 10:00:00 fan: "),
            (Layout::Network, "<191>2026-11-16T10:00:00Z box fan: "),
            (Layout::Rfc5424, "<191>1 2026-11-16T10:00:00.123456Z box fan - - - "),
        ] {
            assert_eq!(header(layout, b"fan"), expected);
        }
    }

    #[test]
    fn the_longest_header_leaves_space_for_a_loss_notice() {
        for layout in [Layout::Local, Layout::Logd, Layout::Network, Layout::Rfc5424] {
            let mut format = format(layout, &[b'n'; MAX_NAME]);
            format.id = Id(i32::MAX);
            format.host.0.resize(64, b'h').unwrap();
            let mut message = Header::new();
            message.put(header_of(&format).as_bytes());
            let text = b"18446744073709551615 lines held back";
            message.put(text);
            assert!(message.bytes().ends_with(text), "{layout:?}");
        }
    }

    #[test]
    fn a_pid_follows_the_name() {
        for (layout, expected) in
            [(Layout::Local, "<191>fan[7]: "), (Layout::Rfc5424, " box fan 7 - - ")]
        {
            let format = MessageFormat { id: Id(7), ..format(layout, b"fan") };
            assert!(header_of(&format).ends_with(expected));
        }
    }

    #[test]
    fn names_and_hosts_become_printable() {
        assert_eq!(header(Layout::Local, b"a b\tc\x7f\xc3\xa4[7]!~"), "<191>a_b_c___[7]!~: ");
        for (host, expected) in [(&b"a b\xff."[..], "Z a-b-. fan: "), (b"", "Z - fan: ")] {
            let host = Host(Vec::from_slice(host).unwrap());
            let format = MessageFormat { host, ..format(Layout::Network, b"fan") };
            assert!(header_of(&format).ends_with(expected));
        }
    }

    #[test]
    fn an_id_is_a_pid_or_that_of_dsyslog() {
        let parsed = |word, on| {
            let mut id = Id::NONE;
            id.parse(Arg { value: crate::testing::word_of(word), on }).map(|()| id)
        };
        assert_eq!((parsed("", true), parsed("", false)), (Ok(Id::OWN), Ok(Id::NONE)));
        assert_eq!(parsed("7", true), Ok(Id(7)));
        assert!(["0", "-1", "x"].iter().all(|word| parsed(word, true).is_err()));
    }

    #[test]
    fn a_given_host_name_has_at_most_64_bytes() {
        let parsed = |word: &str| {
            let mut host = Host::default();
            host.parse(Arg::new(crate::testing::word_of(word))).map(|()| host.0)
        };
        assert_eq!(parsed("box").as_deref(), Ok(&b"box"[..]));
        // Empty would be the kernel's.
        assert_eq!(parsed("").as_deref(), Ok(&b"-"[..]));
        assert!(parsed(&"x".repeat(64)).is_ok() && parsed(&"x".repeat(65)).is_err());
    }

    #[test]
    fn sizes_are_those_of_logger_and_of_logd() {
        for (layout, wanted, size) in [
            (Layout::Local, 0, 1023),
            (Layout::Network, 0, 1023),
            (Layout::Rfc5424, 0, 2048),
            (Layout::Logd, 0, 1023),
            (Layout::Logd, 8192, 1023),
            (Layout::Logd, 500, 500),
            (Layout::Local, 8192, 8192),
            (Layout::Rfc5424, 500, 500),
        ] {
            assert_eq!(layout.max_size(wanted), size);
        }
    }

    #[test]
    fn a_space_pads_days_below_ten() {
        let time_of = |day: i64| {
            let mut text = Text::new();
            put_bsd_time(&mut text, Civil::of_epoch((day - 1) * 86_400), b"1970-01-01 00:00:00");
            String::from_utf8(text.bytes().to_vec()).unwrap()
        };
        assert_eq!(time_of(9), "Jan  9 00:00:00 ");
        assert_eq!(time_of(10), "Jan 10 00:00:00 ");
    }
}

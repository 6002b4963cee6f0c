//! The header of a syslog message: PRI, time, host, sender. The message builder puts it before each text.

use super::priority::Priority;
use crate::calendar::Civil;
use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::log::timestamp::put_civil;
use crate::text::{Put, Text, TextBuf, put_number, put_padded};
use crate::unix::Pid;
use heapless::Vec;

/// The maximum length of a sender's name, in bytes: APP-NAME of RFC 5424, 6.
pub const MAX_NAME: usize = 48;

/// The layout of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `<PRI>name: `, for a local socket. The receiver adds the time, in its own zone.
    Local,
    /// `<PRI>Mmm dd HH:MM:SS name: `, for OpenWrt's logd. It strips 16 bytes from every message whose sixteenth byte
    /// after the PRI is a blank (log/syslog.c of ubox). This time has that length, as that of the C library has.
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

    /// Returns the part of a time that the header shows.
    #[must_use]
    pub const fn shown_part(self, (second, nanosecond): (i64, u32)) -> (i64, u32) {
        match self {
            Self::Local => (0, 0),
            Self::Logd | Self::Network => (second, 0),
            Self::Rfc5424 => (second, nanosecond),
        }
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

/// The name of the sender with the punctuation behind it.
pub type Tag = TextBuf<64>;

/// The format of all messages of one sender.
pub struct MessageFormat {
    pub layout: Layout,
    pub priority: Priority,
    /// The end of each header.
    pub tag: Tag,
    /// Read `<N>` at the start of a line as its severity (sd-daemon(3)) or PRI value.
    pub prefixed: bool,
    /// Drop empty lines.
    pub skip_empty: bool,
}

/// The PID of `--id`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Id {
    None,
    /// That of dsyslog.
    Own,
    Pid(Pid),
}

impl OptionValue for Id {
    fn parse(&mut self, Arg { value, on }: Arg) -> Result<(), Expected> {
        *self = match value.to_bytes() {
            [] if on => Self::Own,
            [] => Self::None,
            word => Self::Pid(value::pid(word).ok_or("a PID")?),
        };
        Ok(())
    }
}

/// A host name. Linux limits it to 64 bytes.
pub type Host = Vec<u8, 64>;

/// The time and the host that a header names.
pub struct Origin {
    /// Seconds since 1970 and nanoseconds.
    pub moment: (i64, u32),
    /// Printable ASCII: see [`make_printable`].
    pub host: Host,
}

/// Sets the host to the value of `--hostname`.
impl OptionValue for Origin {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.host =
            Vec::from_slice(value.to_bytes()).map_err(|_| "a host name of at most 64 bytes")?;
        make_printable(&mut self.host);
        Ok(())
    }
}

/// A header, with space for the text of a loss notice.
pub type Header = TextBuf<200>;

impl MessageFormat {
    /// Sets the name of the sender to printable characters: `_` replaces all others, such as blanks, which would end
    /// the name. Returns whether there are any. `pid` is the PID of the sender, if messages have one.
    pub fn set_name(&mut self, name: &[u8], pid: Option<Pid>) -> bool {
        let mut printable = true;
        for byte in name {
            let is_graphic = byte.is_ascii_graphic();
            printable &= is_graphic;
            self.tag.put(&[if is_graphic { *byte } else { b'_' }]);
        }
        // MSGID and STRUCTURED-DATA are nil, and so is PROCID without a PID.
        let (before, after, nil): (&[u8], &[u8], &[u8]) = match self.layout {
            Layout::Rfc5424 => (b" ", b" - - ", b" - - - "),
            _ => (b"[", b"]: ", b": "),
        };
        if let Some(pid) = pid {
            self.tag.put(before);
            put_number(&mut self.tag, pid.number().unsigned_abs().into());
            self.tag.put(after);
        } else {
            self.tag.put(nil);
        }
        !printable
    }

    /// Appends the header of a message with this PRI value: see [`Priority::pri`].
    pub fn put_header(&self, header: &mut Text, origin: &Origin, pri: u8) {
        header.put(b"<");
        put_number(header, pri.into());
        header.put(b">");
        let (second, nanosecond) = self.layout.shown_part(origin.moment);
        if self.layout == Layout::Rfc5424 {
            header.put(b"1 ");
        }
        let time = Civil::of_epoch(second);
        if self.layout == Layout::Logd {
            put_bsd_time(header, time);
        }
        if self.layout.has_host() {
            put_civil(header, time, b'T', b':');
            if self.layout == Layout::Rfc5424 {
                header.put(b".");
                put_padded(header, nanosecond / 1000, 6, false);
            }
            header.put(b"Z ");
            header.put(&origin.host);
            header.put(b" ");
        }
        header.put(self.tag.bytes());
    }
}

/// Makes a host name printable ASCII, as HOSTNAME of RFC 5424, 6: a dash replaces each other byte, or an empty name.
pub fn make_printable(host: &mut Host) {
    host.iter_mut().filter(|byte| !byte.is_ascii_graphic()).for_each(|byte| *byte = b'-');
    if host.is_empty() {
        let _ = host.push(b'-');
    }
}

/// Appends `Mmm dd HH:MM:SS `: TIMESTAMP of RFC 3164, 4.1.2. A space pads the day.
fn put_bsd_time(text: &mut Text, time: Civil) {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let start = usize::from(time.month.wrapping_sub(1)) * 3;
    let month = MONTHS.get(start..start + 3).unwrap_or("???");
    text.put(month.as_bytes());
    text.put(if time.day < 10 { b"  " } else { b" " });
    put_number(text, time.day.into());
    for (separator, number) in [(b' ', time.hour), (b':', time.minute), (b':', time.second)] {
        text.put(&[separator]);
        put_padded(text, number.into(), 2, false);
    }
    text.put(b" ");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syslog::priority::Facility;

    fn format(layout: Layout, name: &[u8]) -> MessageFormat {
        let priority = Priority { facility: Facility(23), severity: 7 };
        let mut format =
            MessageFormat { layout, priority, tag: Tag::new(), prefixed: false, skip_empty: false };
        format.set_name(name, None);
        format
    }

    fn header(layout: Layout, name: &[u8]) -> String {
        let host = Host::from_slice(b"box").unwrap();
        let origin = Origin { moment: (1_794_823_200, 123_456_789), host };
        let mut header = Header::new();
        format(layout, name).put_header(&mut header, &origin, 191);
        String::from_utf8(header.bytes().to_vec()).unwrap()
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
        let host = Host::from_slice(&[b'h'; 64]).unwrap();
        let origin = Origin { moment: (1_794_823_200, 123_456_789), host };
        for layout in [Layout::Local, Layout::Logd, Layout::Network, Layout::Rfc5424] {
            let mut format = format(layout, b"");
            format.tag = Tag::new();
            format.set_name(&[b'n'; MAX_NAME], Pid::new(i32::MAX));
            let mut message = Header::new();
            format.put_header(&mut message, &origin, 191);
            let text = b"18446744073709551615 lines lost";
            message.put(text);
            assert!(message.bytes().ends_with(text), "{layout:?}");
        }
    }

    #[test]
    fn a_pid_follows_the_name() {
        for (layout, expected) in [(Layout::Local, "fan[7]: "), (Layout::Rfc5424, "fan 7 - - ")] {
            let mut format = format(layout, b"");
            format.tag = Tag::new();
            format.set_name(b"fan", Pid::new(7));
            assert_eq!(format.tag.bytes(), expected.as_bytes());
        }
    }

    #[test]
    fn names_and_hosts_become_printable() {
        assert_eq!(header(Layout::Local, b"a b\tc\x7f\xc3\xa4[7]!~"), "<191>a_b_c___[7]!~: ");
        let mut other = format(Layout::Local, b"");
        assert!(other.set_name(b"a b", None) && !other.set_name(b"a-b", None));
        for (host, expected) in [(&b"a b\xff."[..], &b"a-b-."[..]), (b"", b"-")] {
            let mut host = Host::from_slice(host).unwrap();
            make_printable(&mut host);
            assert_eq!(host, expected);
        }
    }

    #[test]
    fn an_id_is_a_pid_or_that_of_dsyslog() {
        let parsed = |word, on| {
            let mut id = Id::None;
            id.parse(Arg { value: crate::testing::word_of(word), on }).map(|()| id)
        };
        assert_eq!((parsed("", true), parsed("", false)), (Ok(Id::Own), Ok(Id::None)));
        assert_eq!(Ok(parsed("7", true)), Pid::new(7).map(|pid| Ok(Id::Pid(pid))).ok_or(()));
        assert!(["0", "-1", "x"].iter().all(|word| parsed(word, true).is_err()));
    }

    #[test]
    fn a_given_host_name_has_at_most_64_bytes() {
        let parsed = |word: &str| {
            let mut origin = Origin { moment: (0, 0), host: Host::new() };
            origin.parse(Arg::new(crate::testing::word_of(word))).map(|()| origin.host)
        };
        assert_eq!(parsed("box").as_deref(), Ok(&b"box"[..]));
        assert_eq!(parsed("a b").as_deref(), Ok(&b"a-b"[..]));
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
            let mut text = TextBuf::<64>::new();
            put_bsd_time(&mut text, Civil::of_epoch((day - 1) * 86_400));
            String::from_utf8(text.bytes().to_vec()).unwrap()
        };
        assert_eq!(time_of(9), "Jan  9 00:00:00 ");
        assert_eq!(time_of(10), "Jan 10 00:00:00 ");
    }
}

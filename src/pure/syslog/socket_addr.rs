//! The parser of `IP:PORT` words: `10.0.0.1`, `10.0.0.1:514`, `[fd00::1]:601`, `[fe80::1%eth0]`. dsyslog's --to calls it.
//!
//! It accepts numbers only, because a resolver of names would need a heap. The standard library's parser adds 4 KiB to
//! the executable.

use crate::cli::value;
use crate::text::{copy, first, skip, spare, split, split_once};

/// The port of syslog over UDP: RFC 5426, 3.3. That of TCP has no assignment; receivers use the same number.
const DEFAULT_PORT: u16 = 514;

/// An internet address and a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SocketAddr {
    pub is_v6: bool,
    pub port: u16,
    /// In the order of the network; 4 bytes of an IPv4 address.
    pub ip: [u8; 16],
    /// The name of the zone: the interface of a link-local address (RFC 4007, 11). Empty without a zone, or if it is a
    /// number.
    pub zone: &'static [u8],
    /// The number of the zone; 0 without one.
    pub zone_number: u32,
}

/// The maximum length of an interface's name: IFNAMSIZ without a NUL (netdevice(7)).
const MAX_ZONE: usize = 15;

impl SocketAddr {
    /// Sets an address, in brackets if it is one of IPv6, and a port other than 0, which may be missing. `None` for any
    /// other word.
    #[must_use]
    pub fn set(&mut self, word: &'static [u8]) -> Option<()> {
        let (v4, mut port) = split_once(word, b':');
        self.is_v6 = false;
        if let [b'[', rest @ ..] = word {
            let (v6, rest) = split_once(rest, b']');
            port = match rest? {
                [] => None,
                [b':', port @ ..] => Some(port),
                _ => return None,
            };
            self.is_v6 = true;
            let (v6, zone) = split_once(v6, b'%');
            parse_v6(v6, &mut self.ip)?;
            (self.zone, self.zone_number) = (b"", 0);
            match zone.map(|zone| (zone, value::number(zone))) {
                None => {}
                Some((_, Ok(number))) => self.zone_number = number,
                Some((name, Err(_))) if (1..=MAX_ZONE).contains(&name.len()) => self.zone = name,
                _ => return None,
            }
        } else {
            parse_v4(v4, &mut self.ip)?;
        }
        self.port = port.map_or(Some(DEFAULT_PORT), decimal)?;
        (self.port > 0).then_some(())
    }
}

fn decimal(word: &[u8]) -> Option<u16> {
    value::number(word).ok().and_then(|n| u16::try_from(n).ok())
}

/// Parses four decimal octets.
fn parse_v4(word: &[u8], ip: &mut [u8; 16]) -> Option<()> {
    let mut parts = split(word, b'.');
    for octet in ip.iter_mut().take(4) {
        *octet = u8::try_from(decimal(parts.next()?)?).ok()?;
    }
    parts.next().is_none().then_some(())
}

/// Parses eight hexadecimal groups, or fewer around one `::` (RFC 4291, 2.2).
fn parse_v6(word: &[u8], ip: &mut [u8; 16]) -> Option<()> {
    *ip = [0; 16];
    let Some(gap) = word.windows(2).position(|pair| pair == b"::") else {
        return (parse_groups(word, ip)? == 16).then_some(());
    };
    let mut tail = [0; 16];
    let before = parse_groups(first(word, gap), ip)?;
    let after = parse_groups(skip(word, gap + 2), &mut tail)?;
    copy(first(&tail, after), spare(ip, 16 - after));
    (before + after < 16).then_some(())
}

/// Parses groups separated by colons and returns the number of their bytes. An empty word has no groups.
fn parse_groups(word: &[u8], bytes: &mut [u8; 16]) -> Option<usize> {
    let mut at = 0;
    for group in split(word, b':').filter(|_| !word.is_empty()) {
        *spare(bytes, at).first_chunk_mut()? = hexadecimal(group)?.to_be_bytes();
        at += 2;
    }
    Some(at)
}

/// Parses one to four hexadecimal digits.
fn hexadecimal(group: &[u8]) -> Option<u16> {
    if !(1..=4).contains(&group.len()) {
        return None;
    }
    group.iter().try_fold(0, |sum: u16, byte| {
        let digit = char::from(*byte).to_digit(16)?;
        Some((sum << 4) + u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, word_of};
    use core::net;

    /// Parses the word, and converts the address to that of the standard library.
    fn parse(word: &str) -> Option<net::SocketAddr> {
        // The address may be set twice.
        let (ip, zone) = ([0xff; 16], &b"old"[..]);
        let mut address = super::SocketAddr { ip, zone, zone_number: 9, ..SocketAddr::default() };
        address.set(word_of(word).to_bytes())?;
        let SocketAddr { ip, is_v6, port, zone, zone_number } = address;
        Some(if is_v6 {
            assert_eq!(zone, b"", "{word}");
            net::SocketAddrV6::new(ip.into(), port, 0, zone_number).into()
        } else {
            let [a, b, c, d, ..] = ip;
            net::SocketAddrV4::new([a, b, c, d].into(), port).into()
        })
    }

    #[test]
    fn addresses_parse_as_in_the_standard_library() {
        for good in [
            "10.0.0.1:514",
            "[::1]:514",
            "[fd00::1:2]:65535",
            "[1:2:3:4:5:6:7:8]:1",
            "[fe80::1%7]:514",
            "[::]:9",
            "[1::]:9",
        ] {
            assert_eq!(parse(good), good.parse().ok(), "{good}");
            assert!(parse(good).is_some(), "{good}");
        }
        for without_port in ["10.0.0.1", "[::1]", "[fd00::1:2]"] {
            let with_port = format!("{without_port}:514");
            assert_eq!(parse(without_port), with_port.parse().ok(), "{with_port}");
        }
        for bad in [
            "",
            ":",
            "10.0.0.1:",
            "10.0.0:5",
            "10.0.0.256:5",
            "10.0.0.1.2:5",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "::1:514",
            "::1",
            "[::1",
            "[::1]:",
            "[::1]5",
            "[1:2]:5",
            "[1::2::3]:5",
            "[1:2:3:4:5:6:7:8:9]:5",
            "[1:2:3:4::5:6:7:8]:5",
            "[1:2:3:4:5:6:7:8::]:5",
            "[::1:2:3:4:5:6:7:8]:5",
            "[12345::]:5",
            "[g::]:5",
            "a:5",
            "[::1%]:5",
            "[::1%a-name-of-16-byt]:5",
            "10.0.0.1%eth0:5",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        for (word, address) in [("[fe80::1%eth0]", "[fe80::1]:514"), ("[::1%br.1]:9", "[::1]:9")] {
            let mut parsed = SocketAddr::default();
            assert!(parsed.set(word_of(word).to_bytes()).is_some());
            let zone = String::from_utf8_lossy(core::mem::take(&mut parsed.zone));
            assert!(word.contains(&format!("%{zone}]")));
            let mut without = SocketAddr::default();
            assert!(without.set(word_of(address).to_bytes()).is_some() && parsed == without);
        }
        let mut random = Random(9);
        for _ in 0..100_000 {
            let alphabet = b"0123.:[]af:";
            let word: String =
                (0..random.below(20)).map(|_| char::from(alphabet[random.below(11)])).collect();
            if let Some(address) = parse(&word) {
                let with_port = word.parse().or_else(|_| format!("{word}:514").parse());
                assert_eq!(Some(address), with_port.ok(), "{word}");
            }
        }
    }
}

//! The parser of `IP:PORT` words: `10.0.0.1`, `10.0.0.1:514`, `[fd00::1]:601`, `[fe80::1%eth0]`. dsyslog's --to calls it.
//!
//! It accepts numbers only, because a resolver of names would need a heap. The standard library's parser adds 4 KiB to
//! the executable.

use crate::cli::value;
use crate::text::{copy, first, skip, spare, split, split_once};

/// The port of syslog over UDP: RFC 5426, 3.3. That of TCP has no assignment; receivers use the same number.
const DEFAULT_PORT: u32 = 514;

/// The size of `struct sockaddr_in6`, which is larger than `sockaddr_in`.
pub const SOCKADDR_SIZE: usize = 28;

/// The families of Linux: AF_INET and AF_INET6.
pub const IPV4: u16 = 2;
pub const IPV6: u16 = 10;

/// An internet address and a port. It starts as `struct sockaddr_in` (ip(7)) or `struct sockaddr_in6` (ipv6(7)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct SocketAddr {
    pub family: u16,
    /// In the order of the network.
    pub port: [u8; 2],
    /// Four bytes of an IPv4 address, or four of `sin6_flowinfo` and 16 of an IPv6 address.
    pub ip: [u8; 20],
    /// The number of the zone; 0 without one.
    pub zone_number: u32,
    /// The name of the zone: the interface of a link-local address (RFC 4007, 11). Empty without a zone, or if it is a
    /// number.
    pub zone: &'static [u8],
}

/// The maximum length of an interface's name: IFNAMSIZ without a NUL (netdevice(7)).
const MAX_ZONE: usize = 15;

impl SocketAddr {
    /// No address.
    pub const NONE: Self = Self { family: 0, port: [0; 2], ip: [0; 20], zone_number: 0, zone: b"" };

    /// Sets an address, in brackets if it is one of IPv6, and a port other than 0, which may be missing. `None` for any
    /// other word.
    #[must_use]
    pub fn set(&mut self, word: &'static [u8]) -> Option<()> {
        let (mut ip, mut port) = split_once(word, b':');
        let (mut base, mut at, mut size) = (10, 0, 4);
        (self.family, self.zone, self.zone_number) = (IPV4, b"", 0);
        if let [b'[', rest @ ..] = word {
            let (inside, rest) = split_once(rest, b']');
            let (between, given) = split_once(rest?, b':');
            let (v6, zone) = split_once(inside, b'%');
            (ip, port, base, at, size) = (v6, given, 16, 4, 16);
            self.family = IPV6;
            if let Some(zone) = zone {
                match value::number(zone) {
                    Ok(number) => self.zone_number = number,
                    Err(_) => self.zone = zone,
                }
                if !(1..=MAX_ZONE).contains(&zone.len()) {
                    return None;
                }
            }
            if !between.is_empty() {
                return None;
            }
        }
        // `::` stands for any number of groups that are zero (RFC 4291, 2.2).
        let gap = ip.windows(2).position(|pair| pair == b"::").unwrap_or(ip.len());
        let mut tail = [0; 16];
        self.ip = [0; 20];
        let place = spare(&mut self.ip, at);
        let before = parse_groups(first(ip, gap), base, place)?;
        let after = parse_groups(skip(ip, gap + 2), base, &mut tail)?;
        copy(&tail, spare(place, 16 - after));
        let given = before + after;
        let is_complete = if gap == ip.len() { given == size } else { given < size };
        let port = match port {
            Some(port) => value::number(port).ok()?,
            None => DEFAULT_PORT,
        };
        self.port = (port as u16).to_be_bytes();
        (is_complete && port > 0 && port <= u16::MAX.into()).then_some(())
    }
}

/// Parses decimal numbers of one byte with dots, or hexadecimal ones of two bytes with colons, and returns the number of
/// their bytes. An empty word has none.
fn parse_groups(word: &[u8], base: u32, bytes: &mut [u8]) -> Option<usize> {
    let mut at = 0;
    if word.is_empty() {
        return Some(0);
    }
    for group in split(word, if base == 10 { b'.' } else { b':' }) {
        if group.is_empty() || group.len() > 4 {
            return None;
        }
        let mut number = 0;
        for byte in group {
            number = number * base + char::from(*byte).to_digit(base)?;
        }
        let [.., high, low] = number.to_be_bytes();
        if base == 16 {
            *bytes.get_mut(at)? = high;
            at += 1;
        } else if number > 255 {
            return None;
        }
        *bytes.get_mut(at)? = low;
        at += 1;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, word_of};
    use core::net;

    /// Parses the word, and converts the address to that of the standard library.
    fn parse(word: &str) -> Option<net::SocketAddr> {
        // The address may be set twice.
        let (ip, zone) = ([0xff; 20], &b"old"[..]);
        let mut address = super::SocketAddr { ip, zone, zone_number: 9, ..SocketAddr::NONE };
        address.set(word_of(word).to_bytes())?;
        let SocketAddr { ip, family, port, zone, zone_number } = address;
        let port = u16::from_be_bytes(port);
        assert_eq!(zone, b"", "{word}");
        Some(if family == IPV6 {
            let (flow, ip) = ip.split_first_chunk::<4>().unwrap();
            let ip: [u8; 16] = ip.try_into().unwrap();
            assert_eq!(flow, &[0; 4]);
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
            let mut parsed = SocketAddr::NONE;
            assert!(parsed.set(word_of(word).to_bytes()).is_some());
            let zone = String::from_utf8_lossy(core::mem::take(&mut parsed.zone));
            assert!(word.contains(&format!("%{zone}]")));
            let mut without = SocketAddr::NONE;
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

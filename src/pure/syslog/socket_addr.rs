//! The parser of `IP:PORT` words: `10.0.0.1`, `10.0.0.1:514`, `[fd00::1]:601`, `[fe80::1%eth0]`. dsyslog's --to calls it.
//!
//! It accepts numbers only, because a resolver of names would need a heap. The standard library's parser adds 4 KiB to
//! the executable.

use crate::cli::value;
use crate::text::{split, split_once};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The port of syslog over UDP: RFC 5426, 3.3. That of TCP has no assignment; receivers use the same number.
const DEFAULT_PORT: u16 = 514;

/// An address with its port, and the name of its zone: the interface of a link-local address (RFC 4007, 11). The name is
/// empty if there is no zone, or if it is a number, which the address then contains.
pub type ZonedAddr = (SocketAddr, &'static [u8]);

/// The maximum length of an interface's name: IFNAMSIZ without a NUL (netdevice(7)).
const MAX_ZONE: usize = 15;

/// Parses an address, in brackets if it is one of IPv6, and a port other than 0, which may be missing.
#[must_use]
pub fn parse(word: &'static [u8]) -> Option<ZonedAddr> {
    let (bracketed, port) = match word {
        [b'[', rest @ ..] => match split_once(rest, b']') {
            (v6, Some([])) => (Some(v6), None),
            (v6, Some([b':', port @ ..])) => (Some(v6), Some(port)),
            _ => return None,
        },
        _ => (None, split_once(word, b':').1),
    };
    let port = port.map_or(Some(DEFAULT_PORT), decimal).filter(|port| *port > 0)?;
    let Some(v6) = bracketed else {
        let v4 = parse_v4(split_once(word, b':').0)?;
        return Some((SocketAddr::V4(SocketAddrV4::new(v4, port)), &[]));
    };
    let (v6, zone) = split_once(v6, b'%');
    let (number, name) = match zone.map(|zone| (zone, value::number(zone))) {
        None => (0, &[][..]),
        Some((_, Ok(number))) => (number, &[][..]),
        Some((name, Err(_))) => (0, (1..=MAX_ZONE).contains(&name.len()).then_some(name)?),
    };
    Some((SocketAddr::V6(SocketAddrV6::new(parse_v6(v6)?, port, 0, number)), name))
}

fn decimal(word: &[u8]) -> Option<u16> {
    value::number(word).ok().and_then(|n| u16::try_from(n).ok())
}

/// Parses four decimal octets.
fn parse_v4(word: &[u8]) -> Option<Ipv4Addr> {
    let mut parts = split(word, b'.').map(|part| u8::try_from(decimal(part)?).ok());
    let mut octets = [0; 4];
    for octet in &mut octets {
        *octet = parts.next()??;
    }
    parts.next().is_none().then_some(Ipv4Addr::from(octets))
}

/// Parses eight hexadecimal groups, or fewer around one `::` (RFC 4291, 2.2).
fn parse_v6(word: &[u8]) -> Option<Ipv6Addr> {
    let gap = word.windows(2).position(|pair| pair == b"::");
    let mut segments = [0; 8];
    match gap {
        None => (parse_groups(word, &mut segments)? == 8).then_some(())?,
        Some(at) => {
            let mut tail = [0; 8];
            let before = parse_groups(word.get(..at)?, &mut segments)?;
            let after = parse_groups(word.get(at + 2..)?, &mut tail)?;
            (before + after < 8).then_some(())?;
            let last_segments = segments.iter_mut().skip(8 - after);
            last_segments.zip(tail).for_each(|(segment, group)| *segment = group);
        }
    }
    Some(Ipv6Addr::from(segments))
}

/// Parses groups separated by colons into `segments` and returns their number. An empty word has no groups.
fn parse_groups(word: &[u8], segments: &mut [u16; 8]) -> Option<usize> {
    if word.is_empty() {
        return Some(0);
    }
    let mut count = 0;
    for group in split(word, b':') {
        *segments.get_mut(count)? = hexadecimal(group)?;
        count += 1;
    }
    Some(count)
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

    fn parse(word: &str) -> Option<SocketAddr> {
        let (address, zone) = super::parse(word_of(word).to_bytes())?;
        assert_eq!(zone, b"", "{word}");
        Some(address)
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
            let (parsed, zone) = super::parse(word_of(word).to_bytes()).unwrap();
            assert_eq!(parsed, address.parse().unwrap());
            assert!(word.contains(&format!("%{}]", String::from_utf8_lossy(zone))));
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

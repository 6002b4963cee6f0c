//! The address of the receiver, as dsyslog's --to accepts it.

use super::framing::Framing;
use super::socket_addr;
use crate::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use crate::text::{find_byte, split_once};
use core::net::SocketAddr;

/// An address and the word that it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The word of the command line: the path of [`Transport::Unix`], and the receiver's name in error messages.
    pub word: CliWord,
    pub transport: Transport,
    /// The name of the IPv6 zone; empty without one.
    pub zone: &'static [u8],
    /// Whether this is not the default.
    pub is_given: bool,
}

/// The protocol below syslog, with the address of the receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// A Unix socket, datagram or stream (unix(7)).
    Unix,
    /// One message per datagram: RFC 5426.
    Udp(SocketAddr),
    /// A stream of frames: RFC 6587.
    Tcp(SocketAddr),
}

/// The size of `sun_path` in unix(7), which includes a NUL.
const SUN_PATH_SIZE: usize = 108;

/// `udp:IP`, `tcp:IP:PORT`, or a path.
impl OptionValue for Address {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        const EXPECTED: Expected =
            "an address (udp:10.0.0.1, tcp:[fe80::1%eth0]:601) or a path with a slash";
        self.word = value;
        self.is_given = true;
        let mut parse = |rest| {
            let (to, zone) = socket_addr::parse(rest).ok_or(EXPECTED)?;
            self.zone = zone;
            Ok(to)
        };
        self.transport = match value.to_bytes() {
            [b'u', b'd', b'p', b':', rest @ ..] => Transport::Udp(parse(rest)?),
            [b't', b'c', b'p', b':', rest @ ..] => Transport::Tcp(parse(rest)?),
            path if path.len() >= SUN_PATH_SIZE => return Err("a path of at most 107 bytes"),
            path => match split_once(path, b'/') {
                // `tls://10.0.0.1` is not a path.
                (folder, Some(_)) if find_byte(folder, b':').is_none() => Transport::Unix,
                _ => return Err(EXPECTED),
            },
        };
        Ok(())
    }
}

impl Address {
    /// Returns how this transport separates messages. `octet_count` selects octet counting for TCP.
    #[must_use]
    pub const fn framing(&self, octet_count: bool) -> Framing {
        match self.transport {
            Transport::Unix => Framing::Trailer(0),
            Transport::Udp(_) => Framing::Datagram,
            Transport::Tcp(_) if octet_count => Framing::OctetCounting,
            Transport::Tcp(_) => Framing::Trailer(b'\n'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    #[test]
    fn addresses_are_ports_or_paths() {
        let transport = |word: &str| {
            let mut address =
                Address { word: c"", transport: Transport::Unix, zone: b"", is_given: false };
            let word = word_of(word);
            Arg::new(word).to(&mut address).map(|()| {
                assert_eq!(address.word, word);
                address.transport
            })
        };
        let port = "[fd00::1]:601";
        assert_eq!(transport(&format!("udp:{port}")), Ok(Transport::Udp(port.parse().unwrap())));
        assert_eq!(transport(&format!("tcp:{port}")), Ok(Transport::Tcp(port.parse().unwrap())));
        let path = "/".repeat(107);
        for good in ["/dev/log", "./log", "log/", "./tls:", &path] {
            assert_eq!(transport(good), Ok(Transport::Unix), "{good}");
        }
        for bad in [
            "",
            "log",
            "udp:",
            "tcp:/dev/log",
            "tcp://10.0.0.1",
            "10.0.0.1:514",
            "tls:10.0.0.1",
            "tls://10.0.0.1",
            &(path + "/"),
        ] {
            assert!(transport(bad).is_err(), "{bad}");
        }
    }
}

//! The address of the receiver, as dsyslog's --to accepts it.

use super::framing::Framing;
use super::socket_addr;
use crate::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use core::net::SocketAddr;

/// An address and the word that it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The word of the command line: the path of [`Transport::Unix`], and the receiver's name in error messages.
    pub word: CliWord,
    pub transport: Transport,
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

/// `udp:IP:PORT`, `tcp:IP:PORT`, or a path.
impl OptionValue for Address {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        const EXPECTED: Expected = "an address (/dev/log, udp:10.0.0.1:514, tcp:[fd00::1]:601)";
        self.word = value;
        self.transport = match value.to_bytes() {
            [] => return Err(EXPECTED),
            [b'u', b'd', b'p', b':', rest @ ..] => {
                Transport::Udp(socket_addr::parse(rest).ok_or(EXPECTED)?)
            }
            [b't', b'c', b'p', b':', rest @ ..] => {
                Transport::Tcp(socket_addr::parse(rest).ok_or(EXPECTED)?)
            }
            path if path.len() < SUN_PATH_SIZE => Transport::Unix,
            _ => return Err("a path of at most 107 bytes"),
        };
        Ok(())
    }
}

impl Address {
    /// Returns how this transport separates messages.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        match self.transport {
            Transport::Unix => Framing::NulTrailer,
            Transport::Udp(_) => Framing::Datagram,
            Transport::Tcp(_) => Framing::OctetCounting,
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
            let mut address = Address { word: c"", transport: Transport::Unix };
            let word = word_of(word);
            Arg::new(word).to(&mut address).map(|()| {
                assert_eq!(address.word, word);
                address.transport
            })
        };
        let port = "[fd00::1]:601";
        assert_eq!(transport(&format!("udp:{port}")), Ok(Transport::Udp(port.parse().unwrap())));
        assert_eq!(transport(&format!("tcp:{port}")), Ok(Transport::Tcp(port.parse().unwrap())));
        assert_eq!(transport(&"p".repeat(107)), Ok(Transport::Unix));
        for bad in ["", "udp:", "tcp:/dev/log", &"p".repeat(108)] {
            assert!(transport(bad).is_err(), "{bad}");
        }
    }
}

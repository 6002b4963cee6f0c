//! The address of the receiver, as dsyslog's --to accepts it.

use super::framing::Framing;
use super::socket_addr::SocketAddr;
use crate::cli::option_value::{Arg, CliWord, Expected, OptionValue};
use crate::text::{find_byte, split_once, strip_prefix};

/// An address and the word that it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The word of the command line: the path of [`Transport::Unix`], and the receiver's name in error messages.
    pub word: CliWord,
    pub transport: Transport,
    /// The address of the receiver, unless it is a path.
    pub to: SocketAddr,
    /// Whether this is not the default.
    pub is_given: bool,
}

/// The protocol below syslog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// A Unix socket, datagram or stream (unix(7)).
    Unix,
    /// One message per datagram: RFC 5426.
    Udp,
    /// A stream of frames: RFC 6587.
    Tcp,
}

/// The size of `sun_path` in unix(7), which includes a NUL.
const SUN_PATH_SIZE: usize = 108;

/// `udp:IP`, `tcp:IP:PORT`, or a path.
impl OptionValue for Address {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        self.word = value;
        self.is_given = true;
        let word = value.to_bytes();
        let to = strip_prefix(word, b"udp:").or_else(|| strip_prefix(word, b"tcp:"));
        if let Some(to) = to {
            self.transport = if word.starts_with(b"u") { Transport::Udp } else { Transport::Tcp };
            return self.to.set(to).ok_or(Expected::Address);
        }
        self.transport = Transport::Unix;
        if word.len() >= SUN_PATH_SIZE {
            return Err(Expected::SocketPath);
        }
        // The slash comes before any colon: `tls://10.0.0.1` is not a path.
        find_byte(split_once(word, b':').0, b'/').map(|_| ()).ok_or(Expected::Address)
    }
}

impl Address {
    /// Returns how this transport separates messages. `octet_count` selects octet counting for TCP.
    #[must_use]
    pub const fn framing(&self, octet_count: bool) -> Framing {
        let is_tcp = matches!(self.transport, Transport::Tcp);
        let trailer: &[u8] = match self.transport {
            Transport::Unix => b"\0",
            Transport::Tcp if !octet_count => b"\n",
            Transport::Udp | Transport::Tcp => b"",
        };
        Framing { octet_count: octet_count && is_tcp, trailer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    #[test]
    fn addresses_are_ports_or_paths() {
        let transport = |word: &str| {
            let to = SocketAddr::NONE;
            let mut address =
                Address { word: c"", transport: Transport::Unix, to, is_given: false };
            let word = word_of(word);
            Arg::new(word).to(&mut address).map(|()| {
                assert_eq!(address.word, word);
                (address.transport, u16::from_be_bytes(address.to.port))
            })
        };
        assert_eq!(transport("udp:[fd00::1]:601"), Ok((Transport::Udp, 601)));
        assert_eq!(transport("tcp:10.0.0.1"), Ok((Transport::Tcp, 514)));
        let path = "/".repeat(107);
        for good in ["/dev/log", "./log", "log/", "./tls:", &path] {
            assert_eq!(transport(good), Ok((Transport::Unix, 0)), "{good}");
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

    #[test]
    fn only_tcp_counts_octets() {
        for (transport, plain, counted) in [
            (Transport::Unix, (false, &b"\0"[..]), (false, &b"\0"[..])),
            (Transport::Udp, (false, b""), (false, b"")),
            (Transport::Tcp, (false, b"\n"), (true, b"")),
        ] {
            let to = SocketAddr::NONE;
            let address = Address { word: c"", transport, to, is_given: true };
            let framing = |octet_count| {
                let Framing { octet_count, trailer } = address.framing(octet_count);
                (octet_count, trailer)
            };
            assert_eq!((framing(false), framing(true)), (plain, counted), "{transport:?}");
        }
    }
}

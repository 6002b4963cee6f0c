//! The way to the receiver: connected, broken, or too slow; and the sending of what waits.

#[cfg(test)]
mod tests;

use core::ffi::c_int;
use core::net::SocketAddr;
use pure::cli::getopt::{Arg, CliWord, OptionValue};
use pure::cli::value::Expected;
use pure::syslog::queue::{Framing, Queue};
use pure::syslog::socket_addr;
use pure::time::{Duration, Instant};
use pure::unix::Errno;
use sys::socket::{MAX_MESSAGES, SocketType};
#[cfg(not(test))]
use sys::{clock, file, socket::Socket};
#[cfg(test)]
use tests::{Socket, clock, file};

/// Where messages are sent, and how the command line says it.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    pub word: CliWord,
    pub transport: Transport,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// To a Unix socket, of messages or a stream.
    Path,
    Udp(SocketAddr),
    /// With octet counting (RFC 6587, 3.4.1).
    Tcp(SocketAddr),
}

/// `udp:ADDR:PORT`, `tcp:ADDR:PORT`, or a path.
impl OptionValue for Address {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        const WANTED: Expected = "an address (/dev/log, udp:10.0.0.1:514, tcp:[fd00::1]:601)";
        self.word = value;
        self.transport = match value.to_bytes() {
            [] => return Err(WANTED),
            [b'u', b'd', b'p', b':', rest @ ..] => {
                Transport::Udp(socket_addr::parse(rest).ok_or(WANTED)?)
            }
            [b't', b'c', b'p', b':', rest @ ..] => {
                Transport::Tcp(socket_addr::parse(rest).ok_or(WANTED)?)
            }
            // As long as the address of a Unix socket may be (unix(7)).
            path if path.len() < 108 => Transport::Path,
            _ => return Err("a path of at most 107 bytes"),
        };
        Ok(())
    }
}

/// How long to wait before the first attempt to connect again; it doubles up to the last.
const MIN_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(30);

/// How long a connection may take to come about, and how long a receiver may not read before lines are
/// dropped for it.
const STALL_LIMIT: Duration = Duration::from_secs(5);

impl Address {
    #[must_use]
    pub const fn framing(&self) -> Framing {
        match self.transport {
            Transport::Path => Framing::Nul,
            Transport::Udp(_) => Framing::Packet,
            Transport::Tcp(_) => Framing::Count,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody is there; the next attempt is at `at`.
    Down,
    /// A stream that is not connected yet, and may take until `at`.
    Connecting,
    Up,
}

pub struct Connection<'a> {
    address: &'a Address,
    state: State,
    /// The connection, unless down.
    socket: Option<Socket>,
    flow: SocketType,
    at: Instant,
    /// How long to wait after the next attempt that fails.
    pause: Duration,
    /// Since when the receiver does not read.
    blocked_since: Option<Instant>,
    /// How much of the oldest message has gone down a stream.
    front_sent: usize,
    /// sendmmsg(2) is there.
    sends_many: bool,
    /// Lines that the other side has refused after they had left.
    pub refused: u64,
    /// Why nobody is there.
    pub last_error: Option<Errno>,
}

/// What a link waits for.
pub struct Wait {
    pub room: Option<c_int>,
    pub at: Option<Instant>,
    /// It will not be long, so that it is worth keeping the service waiting instead of dropping lines.
    pub soon: bool,
}

impl<'a> Connection<'a> {
    #[must_use]
    pub const fn new(address: &'a Address, now: Instant) -> Self {
        Self {
            address,
            state: State::Down,
            socket: None,
            flow: SocketType::Datagram,
            at: now,
            pause: MIN_RETRY,
            blocked_since: None,
            front_sent: 0,
            sends_many: true,
            refused: 0,
            last_error: None,
        }
    }

    /// Where it leads, as the command line has it.
    #[must_use]
    pub const fn receiver(&self) -> &'static [u8] {
        self.address.word.to_bytes()
    }

    /// Nobody is there.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.state == State::Down
    }

    /// What has to happen before more can be sent.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Wait {
        let room = self.socket.as_ref().map(Socket::fd);
        let (at, soon) = match self.state {
            State::Down => (Some(self.at), false),
            State::Connecting => (Some(self.at), self.pause == MIN_RETRY),
            State::Up => {
                let end = self.blocked_since.map(|since| since.add(STALL_LIMIT));
                let end = end.filter(|end| *end > now);
                (end, end.is_some())
            }
        };
        Wait { room, at, soon }
    }

    /// Connects if it is time to, and sends what waits as far as it goes, before it the word of lines that
    /// were dropped, for which `tell` is called with their number.
    pub fn flush(&mut self, queue: &mut Queue, tell: &mut dyn FnMut(&mut Queue, u64)) {
        let now = clock::now();
        let is_udp = self.is_udp();
        let mut again = true;
        loop {
            queue.front_partially_sent = self.front_sent > 0;
            while let Some(lost) = queue.unreported_loss() {
                tell(queue, lost);
            }
            match (self.state, &self.socket) {
                (State::Connecting, Some(socket)) => {
                    if !file::is_writable(socket.fd()) && self.at > now {
                        return;
                    }
                    let error = socket.error();
                    if error.is_some() || self.at <= now {
                        self.fail(error.unwrap_or(Errno::TIMEDOUT), now);
                        return;
                    }
                    self.state = State::Up;
                }
                (State::Up, Some(_)) if queue.is_empty() => return,
                (State::Up, Some(_)) => match self.send(queue) {
                    Ok(()) => {
                        self.blocked_since = None;
                        // That nobody takes packets is told later, if at all.
                        if !is_udp || self.at.add(MIN_RETRY) < now {
                            self.last_error = None;
                            self.pause = MIN_RETRY;
                        }
                    }
                    Err(Errno::AGAIN | Errno::NOBUFS) => {
                        self.blocked_since = self.blocked_since.or(Some(now));
                        return;
                    }
                    Err(Errno::NOSYS) if self.sends_many => self.sends_many = false,
                    Err(error) => {
                        // A packet that had left before was refused, by its port or by a firewall.
                        let late =
                            is_udp && matches!(error, Errno::CONNREFUSED | Errno::HOSTUNREACH);
                        self.refused += u64::from(late);
                        self.blocked_since = None;
                        // The first attempt to make a broken connection again is at once.
                        if !late {
                            self.pause = if again { Duration::ZERO } else { MIN_RETRY };
                        }
                        self.fail(error, now);
                        again = false;
                    }
                },
                _ if self.at > now || queue.is_empty() => return,
                _ => {
                    if let Err(error) = self.connect(now) {
                        self.fail(error, now);
                    }
                }
            }
        }
    }

    /// Down until the pause is over; the next pause is longer.
    fn fail(&mut self, error: Errno, now: Instant) {
        self.last_error = Some(error);
        self.state = State::Down;
        self.socket = None;
        self.at = now.add(self.pause);
        self.pause = self.pause.double().max(MIN_RETRY).min(MAX_RETRY);
    }

    fn connect(&mut self, now: Instant) -> Result<(), Errno> {
        let Address { word: path, transport } = *self.address;
        self.front_sent = 0;
        self.flow = if matches!(transport, Transport::Tcp(_)) {
            SocketType::Stream
        } else {
            SocketType::Datagram
        };
        let socket = match transport {
            Transport::Path => match Socket::unix(path, SocketType::Datagram) {
                Err(Errno::PROTOTYPE) => {
                    self.flow = SocketType::Stream;
                    Socket::unix(path, SocketType::Stream)
                }
                other => other,
            },
            Transport::Udp(to) | Transport::Tcp(to) => Socket::inet(to, self.flow),
        };
        self.socket = Some(socket?);
        self.state = State::Up;
        self.at = now;
        if matches!(transport, Transport::Tcp(_)) {
            self.state = State::Connecting;
            self.at = now.add(STALL_LIMIT);
        }
        Ok(())
    }

    /// Sends some of what waits, and takes from the queue what has gone.
    fn send(&mut self, queue: &mut Queue) -> Result<(), Errno> {
        let Some(socket) = &self.socket else {
            return Ok(());
        };
        if self.flow == SocketType::Datagram {
            let mut packets = queue.messages(false);
            if !self.sends_many {
                file::write(socket.fd(), packets.next().unwrap_or(&[]))?;
                drop(packets);
                queue.sent(1);
                return Ok(());
            }
            let count = socket.sendmmsg(packets)?;
            queue.sent(count);
            // It has stopped at a packet that would have had room, for one before was refused; the kernel says so to
            // nobody.
            let is_early = count < MAX_MESSAGES && !queue.is_empty();
            if self.is_udp() && is_early && file::is_writable(socket.fd()) {
                return Err(Errno::CONNREFUSED);
            }
            return Ok(());
        }
        if let Some(error) = socket.error() {
            return Err(error);
        }
        let mut rest = self.front_sent + socket.writev(queue.messages(true), self.front_sent)?;
        let mut whole = 0;
        for message in queue.messages(true) {
            if rest < message.len() {
                break;
            }
            rest -= message.len();
            whole += 1;
        }
        queue.sent(whole);
        self.front_sent = rest;
        Ok(())
    }

    const fn is_udp(&self) -> bool {
        matches!(self.address.transport, Transport::Udp(_))
    }
}

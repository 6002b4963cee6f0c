//! The way to the receiver: connected, broken, or too slow; and the sending of what waits.

#[cfg(test)]
mod tests;

use super::inet;
use super::queue::{Framing, Queue};
use crate::pure::opts::{Field, Given, Word};
use crate::pure::time::{Duration, Instant};
use crate::pure::unix::Errno;
use crate::pure::value::Wanted;
use crate::sys::socket::{Flow, MOST};
#[cfg(not(test))]
use crate::sys::{clock, file, socket::Socket};
use core::ffi::c_int;
use core::net::SocketAddr;
#[cfg(test)]
use tests::{Socket, clock, file};

/// Where messages are sent, and how the command line says it.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    pub word: Word,
    pub way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// To a Unix socket, of messages or a stream.
    Path,
    Udp(SocketAddr),
    /// With octet counting (RFC 6587, 3.4.1).
    Tcp(SocketAddr),
}

/// `udp:ADDR:PORT`, `tcp:ADDR:PORT`, or a path.
impl Field for Address {
    fn set(&mut self, Given { word, .. }: Given) -> Result<(), Wanted> {
        const WANTED: Wanted = "an address (/dev/log, udp:10.0.0.1:514, tcp:[fd00::1]:601)";
        self.word = word;
        self.way = match word.to_bytes() {
            [] => return Err(WANTED),
            [b'u', b'd', b'p', b':', rest @ ..] => Way::Udp(inet::parse(rest).ok_or(WANTED)?),
            [b't', b'c', b'p', b':', rest @ ..] => Way::Tcp(inet::parse(rest).ok_or(WANTED)?),
            // As long as the address of a Unix socket may be (unix(7)).
            path if path.len() < 108 => Way::Path,
            _ => return Err("a path of at most 107 bytes"),
        };
        Ok(())
    }
}

/// How long to wait before the first attempt to connect again; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::seconds(1);
const LAST_PAUSE: Duration = Duration::seconds(30);

/// How long a connection may take to come about, and how long a receiver may not read before lines are
/// dropped for it.
const PATIENCE: Duration = Duration::seconds(5);

impl Address {
    #[must_use]
    pub const fn framing(&self) -> Framing {
        match self.way {
            Way::Path => Framing::Nul,
            Way::Udp(_) => Framing::Packet,
            Way::Tcp(_) => Framing::Count,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody is there; the next attempt is at `at`.
    Down,
    /// A stream that is not connected yet, and may take until `at`.
    Coming,
    Up,
}

pub struct Link<'a> {
    address: &'a Address,
    state: State,
    /// The connection, unless down.
    socket: Option<Socket>,
    flow: Flow,
    at: Instant,
    /// How long to wait after the next attempt that fails.
    pause: Duration,
    /// Since when the receiver does not read.
    slow_since: Option<Instant>,
    /// How much of the oldest message has gone down a stream.
    begun: usize,
    /// sendmmsg(2) is there.
    sends_many: bool,
    /// Lines that the other side has refused after they had left.
    pub refused: u64,
    /// Why nobody is there.
    pub trouble: Option<Errno>,
}

/// What a link waits for.
pub struct Wait {
    pub room: Option<c_int>,
    pub at: Option<Instant>,
    /// It will not be long, so that it is worth keeping the service waiting instead of dropping lines.
    pub soon: bool,
}

impl<'a> Link<'a> {
    #[must_use]
    pub const fn new(address: &'a Address, now: Instant) -> Self {
        Self {
            address,
            state: State::Down,
            socket: None,
            flow: Flow::Messages,
            at: now,
            pause: FIRST_PAUSE,
            slow_since: None,
            begun: 0,
            sends_many: true,
            refused: 0,
            trouble: None,
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
        let room = self.socket.as_ref().map(Socket::number);
        let (at, soon) = match self.state {
            State::Down => (Some(self.at), false),
            State::Coming => (Some(self.at), self.pause == FIRST_PAUSE),
            State::Up => {
                let end = self.slow_since.map(|since| since.plus(PATIENCE));
                let end = end.filter(|end| *end > now);
                (end, end.is_some())
            }
        };
        Wait { room, at, soon }
    }

    /// Connects if it is time to, and sends what waits as far as it goes, before it the word of lines that
    /// were dropped, for which `tell` is called with their number.
    pub fn go(&mut self, queue: &mut Queue, tell: &mut dyn FnMut(&mut Queue, u64)) {
        let now = clock::now();
        let is_udp = self.is_udp();
        let mut again = true;
        loop {
            queue.held = self.begun > 0;
            while let Some(lost) = queue.to_tell() {
                tell(queue, lost);
            }
            match (self.state, &self.socket) {
                (State::Coming, Some(socket)) => {
                    if !file::has_room(socket.number()) && self.at > now {
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
                        self.slow_since = None;
                        // That nobody takes packets is told later, if at all.
                        if !is_udp || self.at.plus(FIRST_PAUSE) < now {
                            self.trouble = None;
                            self.pause = FIRST_PAUSE;
                        }
                    }
                    Err(Errno::AGAIN | Errno::NOBUFS) => {
                        self.slow_since = self.slow_since.or(Some(now));
                        return;
                    }
                    Err(Errno::NOSYS) if self.sends_many => self.sends_many = false,
                    Err(error) => {
                        // A packet that had left before was refused, by its port or by a firewall.
                        let late =
                            is_udp && matches!(error, Errno::CONNREFUSED | Errno::HOSTUNREACH);
                        self.refused += u64::from(late);
                        self.slow_since = None;
                        // The first attempt to make a broken connection again is at once.
                        if !late {
                            self.pause = if again { Duration::ZERO } else { FIRST_PAUSE };
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
        self.trouble = Some(error);
        self.state = State::Down;
        self.socket = None;
        self.at = now.plus(self.pause);
        self.pause = self.pause.doubled().max(FIRST_PAUSE).min(LAST_PAUSE);
    }

    fn connect(&mut self, now: Instant) -> Result<(), Errno> {
        let Address { word: path, way } = *self.address;
        self.begun = 0;
        self.flow = if matches!(way, Way::Tcp(_)) { Flow::Stream } else { Flow::Messages };
        let socket = match way {
            Way::Path => match Socket::unix(path, Flow::Messages) {
                Err(Errno::PROTOTYPE) => {
                    self.flow = Flow::Stream;
                    Socket::unix(path, Flow::Stream)
                }
                other => other,
            },
            Way::Udp(to) | Way::Tcp(to) => Socket::inet(to, self.flow),
        };
        self.socket = Some(socket?);
        self.state = State::Up;
        self.at = now;
        if matches!(way, Way::Tcp(_)) {
            self.state = State::Coming;
            self.at = now.plus(PATIENCE);
        }
        Ok(())
    }

    /// Sends some of what waits, and takes from the queue what has gone.
    fn send(&mut self, queue: &mut Queue) -> Result<(), Errno> {
        let Some(socket) = &self.socket else {
            return Ok(());
        };
        if self.flow == Flow::Messages {
            let mut packets = queue.messages(false);
            if !self.sends_many {
                file::write(socket.number(), packets.next().unwrap_or(&[]))?;
                drop(packets);
                queue.sent(1);
                return Ok(());
            }
            let count = socket.send_packets(packets)?;
            queue.sent(count);
            // It has stopped at a packet that would have had room, for one before was refused; the kernel says so to
            // nobody.
            let is_early = count < MOST && !queue.is_empty();
            if self.is_udp() && is_early && file::has_room(socket.number()) {
                return Err(Errno::CONNREFUSED);
            }
            return Ok(());
        }
        if let Some(error) = socket.error() {
            return Err(error);
        }
        let mut rest = self.begun + socket.send_pieces(queue.messages(true), self.begun)?;
        let mut whole = 0;
        for message in queue.messages(true) {
            if rest < message.len() {
                break;
            }
            rest -= message.len();
            whole += 1;
        }
        queue.sent(whole);
        self.begun = rest;
        Ok(())
    }

    const fn is_udp(&self) -> bool {
        matches!(self.address.way, Way::Udp(_))
    }
}

//! The way to the receiver: connected, broken, or too slow; and the sending of what waits.

use super::queue::{Framed, Queue};
use crate::pure::opts::Word;
use crate::pure::time::{Duration, Instant};
use crate::pure::unix::Errno;
use crate::sys::socket::{Flow, Socket};
use crate::sys::{clock, file};
use core::ffi::c_int;
use core::net::SocketAddr;

/// Where messages are sent.
#[derive(Clone, Copy, Debug)]
pub enum Address {
    /// A Unix socket, of messages or a stream.
    Path(Word),
    Udp(SocketAddr),
    /// With octet counting (RFC 6587, 3.4.1).
    Tcp(SocketAddr),
}

/// How long to wait before the first attempt to connect again; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::seconds(1);
const LAST_PAUSE: Duration = Duration::seconds(30);

/// How long a connection may take to come about, and how long a receiver may not read before lines are
/// dropped for it.
const PATIENCE: Duration = Duration::seconds(5);

/// How a message is told from the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// A NUL after it in a stream, as the C libraries do it on /dev/log; left off where it is a packet.
    Nul,
    /// Nothing: it is a packet.
    Packet,
    /// Its length before it.
    Count,
}

impl Address {
    #[must_use]
    pub const fn framing(&self) -> Framing {
        match self {
            Self::Path(_) => Framing::Nul,
            Self::Udp(_) => Framing::Packet,
            Self::Tcp(_) => Framing::Count,
        }
    }
}

enum State {
    /// Nobody is there; the next attempt is not sooner than that, and the one after so much later.
    Down {
        retry_at: Instant,
        pause: Duration,
    },
    /// A stream that is not connected yet.
    Coming {
        socket: Socket,
        until: Instant,
        pause: Duration,
    },
    Up {
        socket: Socket,
        flow: Flow,
    },
}

pub struct Link {
    address: Address,
    state: State,
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

impl Link {
    #[must_use]
    pub const fn new(address: Address, now: Instant) -> Self {
        let state = State::Down { retry_at: now, pause: FIRST_PAUSE };
        Self {
            address,
            state,
            slow_since: None,
            begun: 0,
            sends_many: true,
            refused: 0,
            trouble: None,
        }
    }

    /// Nobody is there.
    #[must_use]
    pub const fn is_down(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }

    /// What has to happen before more can be sent.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Wait {
        match &self.state {
            State::Down { retry_at, .. } => Wait { room: None, at: Some(*retry_at), soon: false },
            State::Coming { socket, until, pause } => {
                Wait { room: Some(socket.number()), at: Some(*until), soon: *pause == FIRST_PAUSE }
            }
            State::Up { socket, .. } => {
                let end =
                    self.slow_since.map(|since| since.plus(PATIENCE)).filter(|end| *end > now);
                Wait { room: Some(socket.number()), at: end, soon: end.is_some() }
            }
        }
    }

    /// Connects if it is time to, and sends what waits as far as it goes, before it the word of lines that
    /// were dropped, which `note` makes.
    pub fn go(&mut self, queue: &mut Queue, note: &mut dyn FnMut(u64) -> Framed) {
        let now = clock::now();
        let mut again = true;
        let nul = usize::from(self.address.framing() == Framing::Nul);
        loop {
            queue.held = self.begun > 0;
            queue.tell_lost(note);
            match &self.state {
                State::Down { retry_at, .. } if *retry_at > now => return,
                State::Down { pause, .. } => self.state = self.attempt(now, *pause),
                State::Coming { socket, until, pause } => {
                    if !file::has_room(socket.number()) && *until > now {
                        return;
                    }
                    let error = socket.error();
                    if error.is_some() || *until <= now {
                        self.trouble = error.or(Some(Errno::TIMEDOUT));
                        self.state = down(now, *pause);
                        return;
                    }
                    self.arrive();
                }
                State::Up { .. } if queue.is_empty() => return,
                State::Up { socket, flow } => {
                    match send(socket, *flow, nul, &mut self.begun, self.sends_many, queue) {
                        Ok(count) => {
                            queue.sent(count);
                            self.trouble = None;
                            self.slow_since = None;
                        }
                        Err(Errno::AGAIN | Errno::NOBUFS) => {
                            self.slow_since = self.slow_since.or(Some(now));
                            return;
                        }
                        Err(Errno::NOSYS) if self.sends_many => self.sends_many = false,
                        Err(error) => {
                            // A packet that had left before was refused.
                            let late = matches!(self.address, Address::Udp(_))
                                && error == Errno::CONNREFUSED;
                            self.refused += u64::from(late);
                            self.trouble = Some(error);
                            self.slow_since = None;
                            // The first attempt to make a broken connection again is at once.
                            let at_once = Duration::ZERO;
                            self.state =
                                down(now, if again && !late { at_once } else { FIRST_PAUSE });
                            again = false;
                        }
                    }
                }
            }
        }
    }

    fn attempt(&mut self, now: Instant, pause: Duration) -> State {
        self.begun = 0;
        let up = |flow| move |socket| State::Up { socket, flow };
        let state = match self.address {
            Address::Path(path) => match Socket::unix(path, Flow::Messages) {
                Err(Errno::PROTOTYPE) => Socket::unix(path, Flow::Stream).map(up(Flow::Stream)),
                socket => socket.map(up(Flow::Messages)),
            },
            Address::Udp(to) => Socket::inet(to, Flow::Messages).map(up(Flow::Messages)),
            Address::Tcp(to) => Socket::inet(to, Flow::Stream).map(|socket| {
                let until = now.plus(PATIENCE);
                State::Coming { socket, until, pause }
            }),
        };
        state.unwrap_or_else(|error| {
            self.trouble = Some(error);
            down(now, pause)
        })
    }

    /// A stream is connected.
    fn arrive(&mut self) {
        let placeholder = State::Down { retry_at: clock::now(), pause: FIRST_PAUSE };
        self.state = match core::mem::replace(&mut self.state, placeholder) {
            State::Coming { socket, .. } => State::Up { socket, flow: Flow::Stream },
            other => other,
        };
    }
}

/// Sends some of what waits; says how many messages have gone wholly. `begun` bytes of the first went
/// before, and are brought up to date.
fn send(
    socket: &Socket,
    flow: Flow,
    nul: usize,
    begun: &mut usize,
    many: bool,
    queue: &Queue,
) -> Result<usize, Errno> {
    if flow == Flow::Messages {
        let packets =
            queue.messages().map(|message| message.get(..message.len() - nul).unwrap_or(message));
        if many {
            return socket.send_packets(packets);
        }
        return packets.take(1).try_fold(0, |sent, packet| socket.send(packet).map(|_| sent + 1));
    }
    if socket.is_closed() {
        return Err(Errno::PIPE);
    }
    // The word of lines dropped must come right behind the message that has begun.
    let most = if queue.has_to_tell() { 1 } else { usize::MAX };
    let mut skip = *begun;
    let pieces = queue.messages().take(most).map(|message| {
        let piece = message.get(skip..).unwrap_or(message);
        skip = 0;
        piece
    });
    let mut rest = *begun + socket.send_pieces(pieces)?;
    let mut whole = 0;
    for message in queue.messages() {
        if rest < message.len() {
            break;
        }
        rest -= message.len();
        whole += 1;
    }
    *begun = rest;
    Ok(whole)
}

/// Down until the pause is over; the next pause is longer.
fn down(now: Instant, pause: Duration) -> State {
    State::Down {
        retry_at: now.plus(pause),
        pause: pause.doubled().max(FIRST_PAUSE).min(LAST_PAUSE),
    }
}

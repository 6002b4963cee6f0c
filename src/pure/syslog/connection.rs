//! The state machine of the connection to the receiver: it decides when to connect, to send and to wait. dsyslog's
//! connection makes the calls.
//!
//! The caller starts a pass and makes the call that [`ConnectionState::next_step`] names. It passes the result to
//! [`ConnectionState::on_result`], and repeats both until the step is [`Step::Wait`]. A pass happens at one point in time. It starts whenever
//! there are new messages, when the socket becomes writable, and at the time of [`Wait::until`].
//!
//! A receiver may be absent, slow, or restarting. An attempt to connect that fails is repeated after 1 s, then after
//! twice the time, up to 30 s. After an error on a connection that worked, the first attempt is immediate.

#[cfg(test)]
mod tests;

use super::address::Transport;
use crate::time::{Duration, Instant};
use crate::unix::Errno;

/// The minimum and the maximum interval between two attempts to connect. Chosen: a receiver that restarts takes about a
/// second, and an absent one costs two calls each half minute.
const MIN_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(30);

/// Time limit for a TCP handshake, and for a blocked receiver: afterwards lines are dropped, so that the service need not
/// wait. Chosen: longer than the restart of a receiver.
const STALL_LIMIT: Duration = Duration::from_secs(5);

/// The minimum and the maximum pause after an error of a full buffer. Chosen: the queue of a network interface empties in
/// milliseconds; a lack of memory lasts longer.
const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// The phase of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// There is no connection.
    Down,
    /// The TCP handshake has not finished.
    Connecting,
    /// Messages can be sent.
    Up,
}

/// The next call to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Open a socket and connect it. A TCP connection may still be in progress.
    Connect,
    /// Check whether the connection is established: the socket is writable and has no error (connect(2)). `EAGAIN`: not yet.
    CheckConnect,
    /// Send at least one message from the queue, or a part of one.
    Send,
    /// The pass is over.
    Wait,
}

/// What became of the oldest message in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It was sent, or stays in the queue to be sent later.
    OrLater,
    /// It can never be sent: drop it.
    TooLarge,
}

/// The wait between two passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    /// The latest time of the next pass. Never: only when the socket becomes writable.
    pub until: Instant,
    /// The receiver may accept data soon. If the queue is full, dsyslog then stops reading instead of dropping lines.
    pub soon: bool,
}

/// The state of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionState {
    transport: Transport,
    phase: Phase,
    /// Without a connection, the time of the next attempt. During the handshake, the time at which it fails. Otherwise the
    /// time of the next attempt to send, which is in the future after an error that the kernel does not report the end of.
    until: Instant,
    /// The start of the connection.
    up_since: Instant,
    /// A receiver that does not read is waited for until then. [`Instant::START`] if it reads.
    blocked_until: Instant,
    /// The wait after the next failure.
    retry_interval: Duration,
    /// The pause after the next error of a full buffer.
    pause: Duration,
    /// The time of this pass.
    now: Instant,
    /// The socket was not writable in this pass.
    must_wait: bool,
    /// A broken connection was replaced in this pass. If the new one breaks too, the next attempt is not immediate.
    reconnected: bool,
    /// Whether a datagram was refused if the next one can be sent.
    may_be_refused: bool,
    /// Datagrams that the receiver refused after they were sent.
    pub refused: u64,
    /// The last error. `None` once a connection is known to work.
    pub last_error: Option<Errno>,
}

impl ConnectionState {
    #[must_use]
    pub const fn new(transport: Transport, now: Instant) -> Self {
        Self {
            transport,
            phase: Phase::Down,
            until: now,
            up_since: now,
            blocked_until: Instant::START,
            retry_interval: MIN_RETRY,
            pause: MIN_PAUSE,
            now,
            must_wait: false,
            reconnected: false,
            may_be_refused: false,
            refused: 0,
            last_error: None,
        }
    }

    #[must_use]
    pub const fn is_down(&self) -> bool {
        matches!(self.phase, Phase::Down)
    }

    /// Returns whether the next attempt to send has a time, so that a writable socket means nothing.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.phase == Phase::Up && self.until > self.now
    }

    /// Starts a pass at the time `now`.
    pub const fn start_pass(&mut self, now: Instant) {
        self.now = now;
        self.must_wait = false;
        self.reconnected = false;
    }

    /// Returns the next call to make in this pass. Without a message to send there is no reason to connect.
    #[must_use]
    pub fn next_step(&self, queue_is_empty: bool) -> Step {
        match self.phase {
            _ if self.must_wait => Step::Wait,
            Phase::Connecting => Step::CheckConnect,
            _ if queue_is_empty || self.until > self.now => Step::Wait,
            Phase::Down => Step::Connect,
            Phase::Up => Step::Send,
        }
    }

    /// Handles the result of the call of [`Self::next_step`].
    pub fn on_result(&mut self, result: Result<(), Errno>) -> Sent {
        match (self.phase, result) {
            (Phase::Up, _) => return self.on_send(result),
            (Phase::Connecting, Ok(()) | Err(Errno::AGAIN)) if self.until <= self.now => {
                self.fail(Errno::TIMEDOUT);
            }
            (Phase::Connecting, Err(Errno::AGAIN)) => self.must_wait = true,
            (_, Err(error)) => self.fail(error),
            (Phase::Down, Ok(())) if matches!(self.transport, Transport::Tcp) => {
                self.phase = Phase::Connecting;
                self.until = self.now.add(STALL_LIMIT);
            }
            (_, Ok(())) => {
                self.phase = Phase::Up;
                self.up_since = self.now;
                self.until = self.now;
                self.blocked_until = Instant::START;
            }
        }
        Sent::OrLater
    }

    fn on_send(&mut self, result: Result<(), Errno>) -> Sent {
        match result {
            Ok(()) => {
                self.blocked_until = Instant::START;
                self.pause = MIN_PAUSE;
                self.refused += u64::from(core::mem::take(&mut self.may_be_refused));
                // The ICMP message that refuses a datagram arrives later, if at all.
                if !self.is_udp() || self.up_since.add(MIN_RETRY) < self.now {
                    self.last_error = None;
                    self.retry_interval = MIN_RETRY;
                }
            }
            Err(error @ (Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM)) => {
                if self.blocked_until == Instant::START {
                    self.blocked_until = self.now.add(STALL_LIMIT);
                }
                // The queue of the network interface is full, or there is no memory (send(2)). The socket is writable all
                // the time.
                if error != Errno::AGAIN {
                    self.until = self.now.add(double(&mut self.pause, MAX_PAUSE));
                }
                self.must_wait = true;
            }
            Err(error) => return self.on_broken(error),
        }
        Sent::OrLater
    }

    fn on_broken(&mut self, error: Errno) -> Sent {
        let is_first = !core::mem::replace(&mut self.reconnected, true);
        if self.is_udp() && matches!(error, Errno::CONNREFUSED | Errno::HOSTUNREACH) {
            // An ICMP message: the receiver's host, or a firewall, has refused a datagram that was sent earlier.
            self.refused += 1;
            self.fail(error);
            return Sent::OrLater;
        }
        self.retry_interval = MIN_RETRY;
        if is_first {
            self.last_error = Some(error);
            self.phase = Phase::Down;
            self.until = self.now;
            // It may be such an ICMP message, too: a router could not forward an earlier datagram, which was larger than
            // its link allows. Then the next attempt succeeds, because the kernel now knows the limit of the path.
            self.may_be_refused |= self.is_udp() && error == Errno::MSGSIZE;
            return Sent::OrLater;
        }
        self.fail(error);
        if error == Errno::MSGSIZE {
            // A new socket reports it, too: it is about this message.
            self.may_be_refused = false;
            Sent::TooLarge
        } else {
            Sent::OrLater
        }
    }

    fn fail(&mut self, error: Errno) {
        self.last_error = Some(error);
        let interval = double(&mut self.retry_interval, MAX_RETRY);
        self.phase = Phase::Down;
        self.until = self.now.add(interval);
    }

    const fn is_udp(&self) -> bool {
        matches!(self.transport, Transport::Udp)
    }

    /// Returns the wait after a pass. `now` is the present.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Wait {
        let mut until = self.until;
        let soon = match self.phase {
            Phase::Down => false,
            // Only the first attempt is worth waiting for.
            Phase::Connecting => self.retry_interval == MIN_RETRY,
            Phase::Up => {
                if until <= self.now {
                    until = Instant::NEVER;
                }
                let is_blocked = self.blocked_until > now;
                if is_blocked {
                    until = until.min(self.blocked_until);
                }
                is_blocked
            }
        };
        Wait { until, soon }
    }
}

/// Doubles an interval up to `max`. Returns the one before.
fn double(interval: &mut Duration, max: Duration) -> Duration {
    let doubled = interval.double().min(max);
    core::mem::replace(interval, doubled)
}

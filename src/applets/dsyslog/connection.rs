//! The connection to the receiver: the socket and the calls on it. The sender flushes its queue through it.
//!
//! [`ConnectionState`] decides which call is next. This file makes the calls and passes their results back.

#[cfg(test)]
mod tests;

use core::ffi::c_int;
use pure::syslog::address::{Address, Transport};
use pure::syslog::connection::{ConnectionState, Sent, Step};
use pure::syslog::queue::Queue;
use pure::time::{Duration, Instant};
use pure::unix::Errno;
use sys::socket::{MAX_MESSAGES, SocketType};
#[cfg(not(test))]
use sys::{clock, fd, socket::Socket};
#[cfg(test)]
use tests::{Socket, clock, fd};

/// A connection and its socket.
pub struct Connection<'a> {
    address: &'a Address,
    pub state: ConnectionState,
    /// `None` while the connection is down.
    socket: Option<Socket>,
}

impl<'a> Connection<'a> {
    /// Returns a connection that is down. The first flush connects it.
    #[must_use]
    pub fn new(address: &'a Address) -> Self {
        let state = ConnectionState::new(address.transport, Instant::from_clock(Duration::ZERO));
        Self { address, state, socket: None }
    }

    /// Returns the name of the receiver for error messages: the word of the command line.
    #[must_use]
    pub const fn receiver(&self) -> &'static [u8] {
        self.address.word.to_bytes()
    }

    /// Returns the descriptor that becomes writable when more can be sent; `None` while the connection is down or
    /// pauses.
    #[must_use]
    pub fn fd(&self) -> Option<c_int> {
        self.socket.as_ref().filter(|_| !self.state.is_paused()).map(Socket::fd)
    }

    /// Counts a datagram that was refused after it was sent. Otherwise the next call on the socket reports the error: call
    /// this after the last one.
    pub fn check_refused(&mut self) {
        let error = self.socket.as_ref().and_then(Socket::error);
        if let (Transport::Udp, Some(error)) = (self.address.transport, error) {
            self.state.on_result(Err(error));
        }
    }

    /// Connects if an attempt is due, and sends messages until the queue is empty or the receiver blocks. Calls
    /// `report_loss` with the number of lost lines; it must push a loss notice to the queue.
    pub fn flush(&mut self, queue: &mut Queue, report_loss: &mut dyn FnMut(&mut Queue, u64)) {
        self.state.start_pass(clock::now());
        loop {
            while let Some(lines) = queue.unreported_loss() {
                report_loss(queue, lines);
            }
            let result = match self.state.next_step(queue.is_empty()) {
                Step::Wait => return,
                Step::Connect => connect(self.address).map(|socket| self.socket = Some(socket)),
                Step::CheckConnect => self.check(),
                Step::Send => self.send(queue),
            };
            if self.state.on_result(result) == Sent::TooLarge {
                queue.discard_line();
            }
            if self.state.is_down() {
                self.socket = None;
                queue.resend_front();
            }
        }
    }

    /// Returns `Ok` if a TCP connection is established, and `EAGAIN` if not yet.
    fn check(&self) -> Result<(), Errno> {
        let Some(socket) = &self.socket else {
            return Err(Errno::PIPE);
        };
        let is_writable = fd::is_writable(socket.fd());
        match socket.error() {
            Some(error) => Err(error),
            None if is_writable => Ok(()),
            None => Err(Errno::AGAIN),
        }
    }

    /// Sends messages with one call, and removes from the queue those that were sent.
    fn send(&self, queue: &mut Queue) -> Result<(), Errno> {
        let Some(socket) = &self.socket else {
            return Err(Errno::PIPE);
        };
        let is_stream = socket.socket_type == SocketType::Stream;
        // After the receiver has closed the connection, one more write would succeed, and its messages would be lost.
        if is_stream && let Some(error) = socket.error() {
            return Err(error);
        }
        let sent = socket.send(queue.messages(is_stream), queue.front_sent())?;
        if is_stream {
            queue.sent_bytes(sent);
            return Ok(());
        }
        queue.sent(sent);
        // sendmmsg(2) returns the count if a later message fails, and drops its error. If the socket is writable, the
        // error was ECONNREFUSED for an earlier datagram.
        let is_udp = matches!(self.address.transport, Transport::Udp);
        if is_udp && sent < MAX_MESSAGES && !queue.is_empty() && fd::is_writable(socket.fd()) {
            return Err(Errno::CONNREFUSED);
        }
        Ok(())
    }
}

/// Opens a socket to the receiver.
fn connect(address: &Address) -> Result<Socket, Errno> {
    match address.transport {
        Transport::Unix => Socket::unix(address.word),
        Transport::Udp => Socket::inet(&address.to, SocketType::Datagram),
        Transport::Tcp => Socket::inet(&address.to, SocketType::Stream),
    }
}

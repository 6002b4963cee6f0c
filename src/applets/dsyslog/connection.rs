//! The connection to the receiver: the socket and the calls on it. The sender flushes its queue through it.
//!
//! [`ConnectionState`] decides which call is next. This file makes the calls and passes their results back.

#[cfg(test)]
mod tests;

use core::ffi::c_int;
use pure::syslog::address::{Address, Transport};
use pure::syslog::connection::{ConnectionState, Sent, Step};
use pure::syslog::queue::Queue;
use pure::unix::Errno;
use sys::socket::{MAX_MESSAGES, SocketType};
#[cfg(not(test))]
use sys::{clock, fd, file, socket::Socket};
#[cfg(test)]
use tests::{Socket, clock, fd, file};

/// A connection and its socket.
pub struct Connection<'a> {
    address: &'a Address,
    pub state: ConnectionState,
    /// `None` while the connection is down.
    socket: Option<(Socket, SocketType)>,
}

impl<'a> Connection<'a> {
    /// Returns a connection that is down. The first flush connects it.
    #[must_use]
    pub fn new(address: &'a Address) -> Self {
        let state = ConnectionState::new(address.transport, clock::now());
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
        self.socket.as_ref().filter(|_| !self.state.is_paused()).map(|(socket, _)| socket.fd())
    }

    /// Counts a datagram that was refused after it was sent. Otherwise the next call on the socket reports the error: call
    /// this after the last one.
    pub fn check_refused(&mut self) {
        let error = self.socket.as_ref().and_then(|(socket, _)| socket.error());
        if let (Transport::Udp, Some(error)) = (self.address.transport, error) {
            self.state.on_send(Err(error));
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
            match self.state.next_step(queue.is_empty()) {
                Step::Wait => return,
                Step::Connect => {
                    let socket = connect(self.address);
                    self.state.on_connect(socket.as_ref().map(|_| ()).map_err(|error| *error));
                    self.socket = socket.ok();
                }
                Step::CheckConnect => {
                    let is_writable = self.fd().is_some_and(fd::is_writable);
                    let error = self.socket.as_ref().and_then(|(socket, _)| socket.error());
                    self.state.on_connect_check(is_writable, error);
                }
                Step::Send => {
                    let result = self.send(queue);
                    if self.state.on_send(result) == Sent::TooLarge {
                        queue.discard_line();
                    }
                }
            }
            if self.state.is_down() {
                self.socket = None;
                queue.resend_front();
            }
        }
    }

    /// Sends messages with one call, and removes from the queue those that were sent.
    fn send(&self, queue: &mut Queue) -> Result<(), Errno> {
        let Some((socket, socket_type)) = &self.socket else {
            return Err(Errno::PIPE);
        };
        let is_stream = *socket_type == SocketType::Stream;
        // After the receiver has closed the connection, one more write would succeed, and its messages would be lost.
        if is_stream && let Some(error) = socket.error() {
            return Err(error);
        }
        let mut max = MAX_MESSAGES;
        let result = socket.send(queue.messages(is_stream), *socket_type, queue.front_sent());
        let sent = match result {
            // A seccomp filter or an emulator lacks the call. Send one datagram, and expect no more.
            Err(Errno::NOSYS) => {
                max = 1;
                let first = queue.messages(false).next().unwrap_or(&[]);
                file::write(socket.fd(), first).map(|_| 1)
            }
            result => result,
        }?;
        if is_stream {
            queue.sent_bytes(sent);
            return Ok(());
        }
        queue.sent(sent);
        // sendmmsg(2) returns the count if a later message fails, and drops its error. If the socket is writable, the
        // error was ECONNREFUSED for an earlier datagram.
        let is_udp = matches!(self.address.transport, Transport::Udp);
        if is_udp && sent < max && !queue.is_empty() && fd::is_writable(socket.fd()) {
            return Err(Errno::CONNREFUSED);
        }
        Ok(())
    }
}

/// Opens a socket to the receiver. A Unix socket may be of either type.
fn connect(address: &Address) -> Result<(Socket, SocketType), Errno> {
    let connect = |socket_type| {
        let socket = match address.transport {
            Transport::Unix => Socket::unix(address.word, socket_type),
            Transport::Udp | Transport::Tcp => Socket::inet(&address.to, socket_type),
        };
        socket.map(|socket| (socket, socket_type))
    };
    match address.transport {
        Transport::Tcp => connect(SocketType::Stream),
        Transport::Udp => connect(SocketType::Datagram),
        Transport::Unix => match connect(SocketType::Datagram) {
            Err(Errno::PROTOTYPE) => connect(SocketType::Stream),
            result => result,
        },
    }
}

//! Syslog receivers inside the test: a socket each, and the messages that arrive there.

use super::{Running, limit, tools};
use nix::sys::stat::fstat;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// The timeout of one receive call.
const LOOK: Duration = Duration::from_millis(20);

/// A message in the format of RFC 3164.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The facility times eight plus the severity.
    pub priority: u32,
    /// `YYYY-mm-ddTHH:MM:SSZ` if it came over the network; empty if it came to a local socket.
    pub timestamp: String,
    /// The host, if it came over the network.
    pub host: String,
    /// The tag: the text before the colon.
    pub name: String,
    pub text: Vec<u8>,
}

impl Message {
    #[track_caller]
    pub fn parse(bytes: &[u8]) -> Message {
        Message::parts(bytes)
            .unwrap_or_else(|| panic!("not a syslog message: {:?}", String::from_utf8_lossy(bytes)))
    }

    fn parts(bytes: &[u8]) -> Option<Message> {
        let rest = bytes.strip_prefix(b"<")?;
        let end = rest.iter().position(|&byte| byte == b'>')?;
        let priority = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        let mut rest = &rest[end + 1..];
        let is_remote = rest.get(..20).is_some_and(is_timestamp);
        let mut word = || {
            let end = rest.iter().position(|&byte| byte == b' ')?;
            let word = String::from_utf8(rest[..end].to_vec()).ok()?;
            rest = &rest[end + 1..];
            Some(word)
        };
        let (timestamp, host) =
            if is_remote { (word()?, word()?) } else { (String::new(), String::new()) };
        let end = rest.windows(2).position(|two| two == b": ")?;
        let name = String::from_utf8(rest[..end].to_vec()).ok()?;
        Some(Message { priority, timestamp, host, name, text: rest[end + 2..].to_vec() })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

/// Returns whether the bytes have the form `YYYY-mm-ddTHH:MM:SSZ`.
fn is_timestamp(bytes: &[u8]) -> bool {
    let form = b"0000-00-00T00:00:00Z";
    bytes.iter().zip(form).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    })
}

/// A source of messages.
pub trait Receiver {
    /// Returns the next message if it arrives within 20 ms.
    fn try_receive(&mut self) -> Option<Vec<u8>>;

    /// Waits for the next message and returns its bytes.
    #[track_caller]
    fn bytes(&mut self) -> Vec<u8> {
        let started_at = Instant::now();
        loop {
            let late = started_at.elapsed() > limit();
            if let Some(bytes) = self.try_receive() {
                return bytes;
            }
            assert!(!late, "waited {:?} for a message", limit());
        }
    }

    #[track_caller]
    fn next(&mut self) -> Message {
        Message::parse(&self.bytes())
    }

    /// Waits for the next message and returns its text.
    #[track_caller]
    fn text(&mut self) -> String {
        self.next().text()
    }

    #[track_caller]
    fn texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.text()).collect()
    }

    /// Returns all messages that arrive until the sender has exited.
    #[track_caller]
    fn all(&mut self, sender: &Running) -> Vec<Message> {
        let started_at = Instant::now();
        let mut all = Vec::new();
        loop {
            // In this order: messages sent before the exit have arrived by the next look.
            let ended = !sender.is_running();
            match self.try_receive() {
                Some(bytes) => all.push(Message::parse(&bytes)),
                None if ended => return all,
                None => assert!(
                    started_at.elapsed() < limit(),
                    "waited {:?} for the exit of the sender",
                    limit()
                ),
            }
        }
    }

    /// Returns the messages that were sent and not yet received.
    fn pending(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.try_receive()).map(|bytes| Message::parse(&bytes)).collect()
    }
}

/// Waits, when it is dropped, until no process has the socket open. Must be dropped after the socket.
///
/// Between fork(2) and exec(2), a program that another test starts has a copy of every descriptor of this
/// process; O_CLOEXEC takes effect only at the exec. Until then a closed socket keeps its address and keeps
/// receiving messages that the test never reads.
struct Release {
    inode: String,
}

impl Release {
    fn of(socket: impl AsFd) -> Release {
        Release { inode: fstat(socket).expect("fstat of a socket").st_ino.to_string() }
    }

    /// Whether the kernel lists the socket: proc_pid_net(5).
    fn is_open(&self) -> bool {
        let tables = [("unix", 6), ("udp", 9), ("udp6", 9), ("tcp", 9), ("tcp6", 9)];
        tables.into_iter().any(|(table, column)| {
            // A kernel without IPv6 has no tables for it.
            let text = std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
            text.lines().any(|line| line.split_whitespace().nth(column) == Some(&*self.inode))
        })
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        let started_at = Instant::now();
        while self.is_open() && !std::thread::panicking() {
            assert!(started_at.elapsed() < limit(), "the socket {} stays open", self.inode);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Closes a socket and waits until its address is free and its peer has noticed.
pub fn close(socket: impl AsFd) {
    let _release = Release::of(&socket);
    drop(socket);
}

/// A datagram socket with a name in the file system.
///
/// Fields are dropped in the order of their declaration: the socket first.
pub struct Datagrams {
    socket: UnixDatagram,
    _release: Release,
}

impl Datagrams {
    pub fn new(path: impl AsRef<Path>) -> Datagrams {
        let socket = UnixDatagram::bind(path).expect("a socket");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        Datagrams { _release: Release::of(&socket), socket }
    }
}

impl Receiver for Datagrams {
    fn try_receive(&mut self) -> Option<Vec<u8>> {
        let mut room = vec![0; 1 << 16];
        datagram(self.socket.recv(&mut room), room)
    }
}

/// A port for datagrams.
pub struct Udp {
    socket: UdpSocket,
    _release: Release,
}

impl Udp {
    /// Binds a port of an address such as `127.0.0.1` or `::1`, or any free port for 0. Skips the test if the
    /// machine lacks the address.
    pub fn new(address: &str, port: u16) -> Option<Udp> {
        let socket = local(UdpSocket::bind((address, port)), address)?;
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        Some(Udp { _release: Release::of(&socket), socket })
    }

    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("an address").port()
    }
}

impl Receiver for Udp {
    fn try_receive(&mut self) -> Option<Vec<u8>> {
        let mut room = vec![0; 1 << 16];
        datagram(self.socket.recv(&mut room), room)
    }
}

/// Returns the bound socket. Skips the test if the machine lacks the address; every other error is a failure.
fn local<T>(bound: std::io::Result<T>, address: &str) -> Option<T> {
    match bound {
        Ok(socket) => Some(socket),
        Err(fault) => match fault.raw_os_error().map(nix::Error::from_raw) {
            // A kernel without IPv6 returns EAFNOSUPPORT.
            Some(nix::Error::EADDRNOTAVAIL | nix::Error::EAFNOSUPPORT) => {
                tools::skip(&format!("needs the address {address}"));
                None
            }
            _ => panic!("cannot bind {address}: {fault}"),
        },
    }
}

fn datagram(received: std::io::Result<usize>, mut room: Vec<u8>) -> Option<Vec<u8>> {
    match received {
        Ok(length) => {
            room.truncate(length);
            Some(room)
        }
        Err(fault) if is_quiet(fault.kind()) => None,
        Err(fault) => panic!("cannot receive: {fault}"),
    }
}

fn is_quiet(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// How the end of a message in a stream is found.
#[derive(Clone, Copy)]
pub enum Framing {
    /// By the length before it (RFC 6587, octet counting): see `Stream::counted`.
    Counted,
    /// By a zero byte or a newline after it.
    Ended,
}

enum Listener {
    Local(UnixListener),
    Tcp(TcpListener),
}

/// A listening stream socket that serves one sender at a time.
pub struct Stream {
    listener: Listener,
    framing: Framing,
    sender: Option<(UnixStream, Release)>,
    unread: Vec<u8>,
    /// The number of connections accepted so far.
    pub connections: usize,
}

impl Stream {
    pub fn local(path: impl AsRef<Path>) -> Stream {
        let listener = UnixListener::bind(path).expect("a socket");
        listener.set_nonblocking(true).expect("a nonblocking socket");
        Stream::new(Listener::Local(listener), Framing::Ended)
    }

    /// Listens at this port, or at any free one for 0. Skips the test if the machine lacks the address.
    pub fn tcp(address: &str, port: u16) -> Option<Stream> {
        let listener = local(TcpListener::bind((address, port)), address)?;
        listener.set_nonblocking(true).expect("a nonblocking socket");
        Some(Stream::new(Listener::Tcp(listener), Framing::Ended))
    }

    /// Expects the length before each message.
    pub fn counted(self) -> Stream {
        Stream { framing: Framing::Counted, ..self }
    }

    fn new(listener: Listener, framing: Framing) -> Stream {
        Stream { listener, framing, sender: None, unread: Vec::new(), connections: 0 }
    }

    pub fn port(&self) -> u16 {
        match &self.listener {
            Listener::Tcp(listener) => listener.local_addr().expect("an address").port(),
            Listener::Local(_) => panic!("a path has no port"),
        }
    }

    /// Closes the connection; the sender may connect again.
    pub fn disconnect(&mut self) {
        self.sender = None;
        self.unread.clear();
    }

    /// Whether a sender is connected now or within 20 ms.
    pub fn is_connected(&mut self) -> bool {
        if self.sender.is_none() {
            self.sender = self.accept();
            match self.sender {
                Some(_) => self.connections += 1,
                None => std::thread::sleep(LOOK),
            }
        }
        self.sender.is_some()
    }

    fn accept(&self) -> Option<(UnixStream, Release)> {
        let socket: OwnedFd = match &self.listener {
            Listener::Local(listener) => listener.accept().ok()?.0.into(),
            Listener::Tcp(listener) => listener.accept().ok()?.0.into(),
        };
        // For reads and timeouts the kind of a stream socket does not matter.
        let sender = UnixStream::from(socket);
        sender.set_nonblocking(false).and_then(|()| sender.set_read_timeout(Some(LOOK))).ok()?;
        let release = Release::of(&sender);
        Some((sender, release))
    }

    /// Removes the first complete message from the unread bytes.
    fn take(&mut self) -> Option<Vec<u8>> {
        let (from, to, next) = match self.framing {
            Framing::Ended => {
                let end = self.unread.iter().position(|byte| matches!(byte, 0 | b'\n'))?;
                (0, end, end + 1)
            }
            Framing::Counted => {
                let blank = self.unread.iter().position(|&byte| byte == b' ')?;
                let length = std::str::from_utf8(&self.unread[..blank]).ok();
                let length: usize =
                    length.and_then(|word| word.parse().ok()).unwrap_or_else(|| {
                        panic!("no length before {:?}", String::from_utf8_lossy(&self.unread))
                    });
                (blank + 1, blank + 1 + length, blank + 1 + length)
            }
        };
        let message = self.unread.get(from..to)?.to_vec();
        self.unread.drain(..next);
        Some(message)
    }
}

impl Receiver for Stream {
    fn try_receive(&mut self) -> Option<Vec<u8>> {
        if let Some(message) = self.take() {
            return Some(message);
        }
        if !self.is_connected() {
            return None;
        }
        let mut room = vec![0; 1 << 16];
        match self.sender.as_mut()?.0.read(&mut room) {
            Ok(0) => self.disconnect(),
            Ok(length) => self.unread.extend_from_slice(&room[..length]),
            Err(fault) if is_quiet(fault.kind()) => {}
            Err(_) => self.disconnect(),
        }
        self.take()
    }
}

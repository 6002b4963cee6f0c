//! Syslog daemons that are the test itself: one socket each, and what came out of it.

use super::{Running, limit};
use nix::sys::stat::fstat;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a look for something new lasts.
const LOOK: Duration = Duration::from_millis(20);

/// A message as RFC 3164 has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Eight times the facility, and the priority.
    pub number: u32,
    /// `Mmm dd HH:MM:SS`.
    pub stamp: String,
    /// What stands before the colon.
    pub name: String,
    pub text: Vec<u8>,
}

impl Message {
    #[track_caller]
    pub fn parse(bytes: &[u8]) -> Message {
        Message::parts(bytes).unwrap_or_else(|| {
            panic!("not a message of syslog: {:?}", String::from_utf8_lossy(bytes))
        })
    }

    fn parts(bytes: &[u8]) -> Option<Message> {
        let rest = bytes.strip_prefix(b"<")?;
        let end = rest.iter().position(|&byte| byte == b'>')?;
        let number = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        let (stamp, rest) = rest[end + 1..].split_at_checked(16)?;
        let stamp = std::str::from_utf8(stamp).ok()?.strip_suffix(' ')?.to_string();
        let end = rest.windows(2).position(|two| two == b": ")?;
        let name = String::from_utf8(rest[..end].to_vec()).ok()?;
        Some(Message { number, stamp, name, text: rest[end + 2..].to_vec() })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

/// Something a receiver gets messages from.
pub trait Receiver {
    /// The next message, if it comes within a moment.
    fn look(&mut self) -> Option<Vec<u8>>;

    /// The next message as it came.
    #[track_caller]
    fn bytes(&mut self) -> Vec<u8> {
        let begun = Instant::now();
        loop {
            let late = begun.elapsed() > limit();
            if let Some(bytes) = self.look() {
                return bytes;
            }
            assert!(!late, "waited {:?} for a message", limit());
        }
    }

    #[track_caller]
    fn next(&mut self) -> Message {
        Message::parse(&self.bytes())
    }

    /// The text of the next message.
    #[track_caller]
    fn text(&mut self) -> String {
        self.next().text()
    }

    #[track_caller]
    fn texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.text()).collect()
    }

    /// All that comes until the sender has ended.
    #[track_caller]
    fn all(&mut self, sender: &Running) -> Vec<Message> {
        let begun = Instant::now();
        let mut all = Vec::new();
        loop {
            // Looked at first: what it has sent before its end is here by then.
            let ended = !sender.is_running();
            match self.look() {
                Some(bytes) => all.push(Message::parse(&bytes)),
                None if ended => return all,
                None => assert!(begun.elapsed() < limit(), "the sender does not end"),
            }
        }
    }

    /// What has been sent and not yet been received.
    fn left(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.look()).map(|bytes| Message::parse(&bytes)).collect()
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
        let begun = Instant::now();
        while self.is_open() && !std::thread::panicking() {
            assert!(begun.elapsed() < limit(), "the socket {} stays open", self.inode);
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
    fn look(&mut self) -> Option<Vec<u8>> {
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
    /// `address` as in `127.0.0.1` or `::1`; nothing where there is no such address.
    pub fn new(address: &str) -> Option<Udp> {
        Udp::at(address, 0)
    }

    /// The same with a port that was chosen before.
    pub fn at(address: &str, port: u16) -> Option<Udp> {
        let socket = UdpSocket::bind((address, port)).ok()?;
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        Some(Udp { _release: Release::of(&socket), socket })
    }

    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("an address").port()
    }
}

impl Receiver for Udp {
    fn look(&mut self) -> Option<Vec<u8>> {
        let mut room = vec![0; 1 << 16];
        datagram(self.socket.recv(&mut room), room)
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

/// Where a message ends in a stream.
#[derive(Clone, Copy)]
pub enum Framing {
    /// Its length stands before it (RFC 6587).
    Counted,
    /// A zero byte or a newline stands behind it.
    Ended,
}

enum Listener {
    Local(UnixListener),
    Tcp(TcpListener),
}

/// A stream socket; one sender at a time.
pub struct Stream {
    listener: Listener,
    framing: Framing,
    sender: Option<(Box<dyn Read>, Release)>,
    unread: Vec<u8>,
    /// How many senders have come.
    pub came: usize,
}

impl Stream {
    pub fn local(path: impl AsRef<Path>) -> Stream {
        let listener = UnixListener::bind(path).expect("a socket");
        listener.set_nonblocking(true).expect("a socket that does not wait");
        Stream::new(Listener::Local(listener), Framing::Ended)
    }

    /// Nothing where there is no such address. Port 0 is any that is free.
    pub fn tcp(address: &str, port: u16) -> Option<Stream> {
        let listener = TcpListener::bind((address, port)).ok()?;
        listener.set_nonblocking(true).expect("a socket that does not wait");
        Some(Stream::new(Listener::Tcp(listener), Framing::Counted))
    }

    fn new(listener: Listener, framing: Framing) -> Stream {
        Stream { listener, framing, sender: None, unread: Vec::new(), came: 0 }
    }

    pub fn port(&self) -> u16 {
        match &self.listener {
            Listener::Tcp(listener) => listener.local_addr().expect("an address").port(),
            Listener::Local(_) => panic!("a path has no port"),
        }
    }

    /// Turns the sender away; it may come again.
    pub fn hang_up(&mut self) {
        self.sender = None;
        self.unread.clear();
    }

    /// If a sender is connected, now or after a moment.
    pub fn is_connected(&mut self) -> bool {
        if self.sender.is_none() {
            self.sender = self.accept();
            match self.sender {
                Some(_) => self.came += 1,
                None => std::thread::sleep(LOOK),
            }
        }
        self.sender.is_some()
    }

    fn accept(&self) -> Option<(Box<dyn Read>, Release)> {
        match &self.listener {
            Listener::Local(listener) => {
                let (sender, _) = listener.accept().ok()?;
                sender
                    .set_nonblocking(false)
                    .and_then(|()| sender.set_read_timeout(Some(LOOK)))
                    .ok()?;
                let release = Release::of(&sender);
                Some((Box::new(sender), release))
            }
            Listener::Tcp(listener) => {
                let (sender, _) = listener.accept().ok()?;
                sender
                    .set_nonblocking(false)
                    .and_then(|()| sender.set_read_timeout(Some(LOOK)))
                    .ok()?;
                let release = Release::of(&sender);
                Some((Box::new(sender), release))
            }
        }
    }

    /// The first whole message of what was read.
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
    fn look(&mut self) -> Option<Vec<u8>> {
        if let Some(message) = self.take() {
            return Some(message);
        }
        if !self.is_connected() {
            return None;
        }
        let mut room = vec![0; 1 << 16];
        match self.sender.as_mut()?.0.read(&mut room) {
            Ok(0) => self.hang_up(),
            Ok(length) => self.unread.extend_from_slice(&room[..length]),
            Err(fault) if is_quiet(fault.kind()) => {}
            Err(_) => self.hang_up(),
        }
        self.take()
    }
}

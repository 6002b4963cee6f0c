//! Exploration of the connection to a receiver that is absent, slow, or restarting.
//!
//! This file replaces the kernel: `connection.rs` calls the functions here, and each call chooses its result. The tests
//! try all sequences of results with a few faults.

use super::{Address, Connection, Duration, Errno, Instant, Queue, Transport};
use crate::testing::Choices;
use core::cell::RefCell;
use pure::syslog::socket_addr::SocketAddr;
use sys::socket::SocketType;

const MAX_RETRY: Duration = Duration::from_secs(30);

/// The scripted kernel and the receiver behind it.
#[derive(Default)]
struct Kernel {
    is_stream: bool,
    is_tcp: bool,
    is_udp: bool,
    octet_count: bool,
    /// Complete messages that arrived at the receiver, and the start of one.
    received: Vec<String>,
    partial: Vec<u8>,
    /// The last datagram went to a UDP port that may still refuse it.
    may_refuse: bool,
    /// sendmmsg(2) has sent fewer UDP datagrams than it was given. True: because an earlier one was refused, so the socket
    /// is still writable.
    sent_too_few: Option<bool>,
    /// A datagram that is too large for this kernel.
    too_large: Option<String>,
    /// A router has dropped a datagram.
    was_dropped: bool,
    is_connected: bool,
    seconds: u64,
    /// Calls since the last flush.
    calls: usize,
    choices: Choices,
}

thread_local! {
    static KERNEL: RefCell<Kernel> = RefCell::default();
}

impl Kernel {
    fn choose(&mut self, alternatives: usize) -> usize {
        self.calls += 1;
        assert!(self.calls < 40, "the flush does not end");
        self.choices.choose(alternatives)
    }

    /// Receives bytes of a stream, and splits them into messages.
    fn receive(&mut self, bytes: &[u8]) {
        self.partial.extend(bytes);
        while let Some(at) = self.partial.iter().position(|byte| *byte == self.separator()) {
            let (from, end) = match self.octet_count {
                false => (0, at),
                true => {
                    let size = std::str::from_utf8(&self.partial[..at]).unwrap();
                    (at + 1, at + 1 + size.parse::<usize>().unwrap())
                }
            };
            let Some(text) = self.partial.get(from..end) else { return };
            self.received.push(String::from_utf8(text.to_vec()).unwrap());
            self.partial.drain(..end + usize::from(!self.octet_count));
        }
    }

    /// Returns the byte after a message, or after the length before it.
    fn separator(&self) -> u8 {
        match self.octet_count {
            true => b' ',
            false if self.is_tcp => b'\n',
            false => 0,
        }
    }

    fn connect(&mut self) -> Result<Socket, Errno> {
        (self.partial, self.may_refuse, self.is_connected) = (Vec::new(), false, !self.is_tcp);
        if self.choose(2) > 0 {
            return Err(Errno::CONNREFUSED);
        }
        let socket_type = if self.is_stream { SocketType::Stream } else { SocketType::Datagram };
        Ok(Socket { socket_type })
    }
}

impl Kernel {
    /// Reports that an earlier datagram was lost; another error if there is none.
    fn fail_earlier(&mut self, error: Errno) -> Errno {
        if core::mem::take(&mut self.may_refuse) {
            self.received.pop();
            error
        } else {
            Errno::PIPE
        }
    }

    /// Reports that a router has dropped an earlier datagram, or that this one is too large.
    fn fail_too_large(&mut self, text: String) -> Errno {
        // Not both in one run: the sender cannot distinguish them if one follows the other.
        if !self.may_refuse && !self.was_dropped {
            self.too_large = Some(text);
            return Errno::MSGSIZE;
        }
        self.was_dropped = true;
        self.fail_earlier(Errno::MSGSIZE)
    }
}

fn choose(alternatives: usize) -> usize {
    KERNEL.with_borrow_mut(|kernel| kernel.choose(alternatives))
}

pub mod clock {
    use super::{Duration, Instant, KERNEL};

    pub fn now() -> Instant {
        let seconds = KERNEL.with_borrow(|kernel| kernel.seconds);
        Instant::from_clock(Duration::from_secs(seconds))
    }
}

pub mod fd {
    use super::{KERNEL, choose};

    pub fn is_writable(_: i32) -> bool {
        if let Some(refused) = KERNEL.with_borrow_mut(|kernel| kernel.sent_too_few.take()) {
            return refused;
        }
        let is_writable = choose(2) == 0;
        KERNEL.with_borrow_mut(|kernel| kernel.is_connected |= is_writable);
        is_writable
    }
}

pub struct Socket {
    pub socket_type: SocketType,
}

impl Socket {
    pub fn unix(_: &core::ffi::CStr) -> Result<Self, Errno> {
        KERNEL.with_borrow_mut(Kernel::connect)
    }

    pub fn inet(_: &SocketAddr, socket_type: SocketType) -> Result<Self, Errno> {
        KERNEL.with_borrow_mut(|kernel| {
            assert_eq!(kernel.is_stream, socket_type == SocketType::Stream);
            kernel.connect()
        })
    }

    pub const fn fd(&self) -> i32 {
        3
    }

    pub fn error(&self) -> Option<Errno> {
        let failed = choose(2) > 0;
        failed.then(|| KERNEL.with_borrow_mut(|kernel| kernel.fail_earlier(Errno::CONNREFUSED)))
    }

    pub fn send<'a>(
        &self,
        messages: impl Iterator<Item = &'a [u8]>,
        skip: usize,
    ) -> Result<usize, Errno> {
        match self.socket_type {
            SocketType::Stream => self.writev(messages, skip),
            SocketType::Datagram => self.sendmmsg(messages),
        }
    }

    fn sendmmsg<'a>(&self, datagrams: impl Iterator<Item = &'a [u8]>) -> Result<usize, Errno> {
        let mut texts = datagrams.map(|datagram| String::from_utf8(datagram.to_vec()).unwrap());
        let first = texts.next().unwrap();
        let rest: Vec<String> = texts.collect();
        if KERNEL.with_borrow(|kernel| kernel.too_large.as_ref() == Some(&first)) {
            return Err(Errno::MSGSIZE);
        }
        let is_udp = KERNEL.with_borrow(|kernel| kernel.is_udp);
        let result = choose(if is_udp && !rest.is_empty() { 7 } else { 6 });
        KERNEL.with_borrow_mut(|kernel| {
            match result {
                0 if kernel.too_large.as_ref().is_none_or(|text| !rest.contains(text)) => {
                    kernel.received.extend([vec![first], rest.clone()].concat());
                    kernel.may_refuse = is_udp;
                    return Ok(1 + rest.len());
                }
                0 | 1 => {
                    kernel.received.push(first);
                    kernel.may_refuse = is_udp;
                }
                2 => return Err(Errno::AGAIN),
                3 => return Err(kernel.fail_earlier(Errno::CONNREFUSED)),
                4 => return Err(kernel.fail_too_large(first)),
                5 => return Err(Errno::NOBUFS),
                // The first datagram is sent, then refused before the second.
                _ => kernel.may_refuse = false,
            }
            kernel.sent_too_few = (is_udp && !rest.is_empty()).then_some(result == 6);
            Ok(1)
        })
    }

    fn writev<'a>(
        &self,
        pieces: impl Iterator<Item = &'a [u8]>,
        skip: usize,
    ) -> Result<usize, Errno> {
        let all: Vec<u8> = pieces.flatten().copied().collect();
        let rest = &all[skip..];
        let size = match choose(6) {
            0 => rest.len(),
            1 => 1,
            2 => rest.len() - 1,
            3 => return Err(Errno::AGAIN),
            4 => return Err(Errno::NOBUFS),
            _ => return Err(Errno::PIPE),
        };
        KERNEL.with_borrow_mut(|kernel| {
            assert!(kernel.is_connected, "sent before the connection is established");
            kernel.receive(&rest[..size]);
        });
        Ok(size)
    }
}

fn flush(connection: &mut Connection, queue: &mut Queue) {
    KERNEL.with_borrow_mut(|kernel| kernel.calls = 0);
    connection.flush(queue, &mut |_, _| panic!("no loss is reported"));
}

/// Checks the state between two flushes.
fn check(connection: &Connection, queue: &Queue) {
    let (now, state) = (clock::now(), &connection.state);
    let wait = state.wait(now);
    assert!(wait.until < Instant::NEVER || !wait.soon, "the wait has no end");
    assert!((state.is_down() || state.is_paused()) == connection.fd().is_none());
    assert!(!state.is_paused() || wait.until < Instant::NEVER);
    if state.is_down() {
        assert!(state.last_error.is_some(), "the reason is unknown");
        let interval = now.until(wait.until);
        let is_due = interval == Duration::ZERO && !queue.is_empty();
        assert!(!is_due && interval <= MAX_RETRY, "{interval:?}");
    }
}

/// Runs one scenario: three lines arrive, with time between them, then all calls succeed.
fn run(address: &Address, queue: &mut Queue) {
    let lines = ["one", "two", "three"];
    let mut connection = Connection::new(address);
    queue.total_lost = 0;
    let step = |connection: &mut Connection, queue: &mut Queue| {
        flush(connection, queue);
        check(connection, queue);
    };
    for text in lines {
        queue.push(text.as_bytes(), true);
        step(&mut connection, queue);
        let seconds = [0, 1, 6][choose(3)];
        KERNEL.with_borrow_mut(|kernel| kernel.seconds += seconds);
        step(&mut connection, queue);
    }
    KERNEL.with_borrow_mut(|kernel| kernel.choices.faults = 0);
    while !queue.is_empty() {
        if connection.fd().is_none() {
            KERNEL.with_borrow_mut(|kernel| kernel.seconds += 1);
        }
        step(&mut connection, queue);
        assert!(KERNEL.with_borrow(|kernel| kernel.seconds) < 100, "a message is never sent");
    }
    KERNEL.with_borrow_mut(|kernel| kernel.choices.faults = 1);
    connection.check_refused();
    KERNEL.with_borrow(|kernel| {
        let mut rest = lines.iter();
        let Kernel { received, choices, .. } = kernel;
        assert!(received.iter().all(|text| rest.any(|line| line == text)), "{received:?}");
        let refused = connection.state.refused;
        let all = received.len() as u64 + refused + queue.total_lost;
        assert_eq!(all, 3, "{received:?} {choices:?}");
        assert!(refused == 0 || matches!(address.transport, Transport::Udp));
        assert!(queue.total_lost == 0 || kernel.too_large.is_some());
    });
}

#[test]
fn each_line_is_sent_once_or_counted_as_refused() {
    let faults = if std::env::var_os("DMON_LONG").is_some() { 6 } else { 4 };
    let mut scenarios = 0;
    for (transport, is_stream, octet_count) in [
        (Transport::Unix, false, false),
        (Transport::Unix, true, false),
        (Transport::Udp, false, false),
        (Transport::Tcp, true, false),
        (Transport::Tcp, true, true),
    ] {
        let address = Address { word: c"address", transport, to: SocketAddr::NONE, is_given: true };
        let mut queue = Queue::new(Box::leak(Box::new([0; _])), address.framing(octet_count));
        let mut next = Some(Vec::new());
        while let Some(start) = next {
            let is_tcp = matches!(transport, Transport::Tcp);
            let is_udp = matches!(transport, Transport::Udp);
            let choices = Choices::new(start, faults);
            KERNEL.set(Kernel {
                is_stream,
                is_tcp,
                is_udp,
                octet_count,
                choices,
                ..Kernel::default()
            });
            run(&address, &mut queue);
            scenarios += 1;
            next = KERNEL.take().choices.next();
        }
    }
    println!("{scenarios} scenarios of a connection");
}

/// The receiver refuses each connection; or it breaks each one, and dsyslog reconnects immediately, but only once.
#[test]
fn an_absent_receiver_is_tried_at_growing_intervals() {
    for (results, calls) in [(&[(1, 2)][..], 8), (&[(0, 2), (3, 6)], 4 * 120)] {
        let address = Address {
            word: c"address",
            transport: Transport::Unix,
            to: SocketAddr::NONE,
            is_given: true,
        };
        let mut queue = Queue::new(Box::leak(Box::new([0; _])), address.framing(false));
        KERNEL
            .set(Kernel { choices: Choices::new(results.repeat(1000), 2000), ..Kernel::default() });
        let mut connection = Connection::new(&address);
        queue.push(b"one", true);
        for _ in 0..120 {
            flush(&mut connection, &mut queue);
            assert!(connection.state.is_down());
            KERNEL.with_borrow_mut(|kernel| kernel.seconds += 1);
        }
        // In 120 s: after 1, 2, 4, 8, 16 and 30 s, then each 30 s. Or twice a second, with two calls each.
        assert_eq!(KERNEL.take().choices.taken(), calls);
    }
}

//! The link to a receiver that may do anything: it is not there, comes late, takes some, none, or goes away.
//! All courses with a few such faults are tried. Test code; the module calls this file instead of the kernel.

use super::{Address, Connection, Errno, MAX_RETRY, Queue, Transport};
use crate::testing::Ways;
use crate::testing::word_of;
use core::cell::RefCell;
use core::net::SocketAddr;
use pure::cli::getopt::Arg;
use pure::time::{Duration, Instant};
use sys::socket::SocketType;

/// What the receiver is, what it has got, and how things go on.
#[derive(Default)]
struct Course {
    is_stream: bool,
    is_tcp: bool,
    is_udp: bool,
    /// Whole messages, and the beginning of one.
    got: Vec<String>,
    begun: Vec<u8>,
    /// The last packet has gone to a port, which may refuse it yet.
    may_refuse: bool,
    /// Why a call has sent fewer packets to a port than it could: there is room, so that one was refused; there is none.
    early: Option<bool>,
    is_connected: bool,
    seconds: u64,
    /// Calls since the last step.
    calls: usize,
    ways: Ways,
}

thread_local! {
    static COURSE: RefCell<Course> = RefCell::default();
}

impl Course {
    fn choose(&mut self, ways: usize) -> usize {
        self.calls += 1;
        assert!(self.calls < 40, "it never rests");
        self.ways.choose(ways)
    }

    /// Bytes of a stream, of which whole messages are taken.
    fn receive(&mut self, bytes: &[u8]) {
        self.begun.extend(bytes);
        while let Some(at) = self.begun.iter().position(|byte| *byte == self.mark()) {
            let (from, end) = match self.is_tcp {
                false => (0, at),
                true => {
                    let size = std::str::from_utf8(&self.begun[..at]).unwrap();
                    (at + 1, at + 1 + size.parse::<usize>().unwrap())
                }
            };
            let Some(text) = self.begun.get(from..end) else { return };
            self.got.push(String::from_utf8(text.to_vec()).unwrap());
            self.begun.drain(..end + usize::from(!self.is_tcp));
        }
    }

    /// Ends a message, or the length before it.
    fn mark(&self) -> u8 {
        if self.is_tcp { b' ' } else { 0 }
    }

    fn connect(&mut self) -> Result<Socket, Errno> {
        (self.begun, self.may_refuse, self.is_connected) = (Vec::new(), false, !self.is_tcp);
        if self.choose(2) > 0 { Err(Errno::CONNREFUSED) } else { Ok(Socket) }
    }
}

fn choose(ways: usize) -> usize {
    COURSE.with_borrow_mut(|course| course.choose(ways))
}

pub mod clock {
    use super::{COURSE, Duration, Instant};

    pub fn now() -> Instant {
        let seconds = COURSE.with_borrow(|course| course.seconds);
        Instant::from_clock(Duration::from_secs(seconds))
    }
}

pub mod file {
    use super::{COURSE, Errno, choose};

    pub fn is_writable(_: i32) -> bool {
        if let Some(has_room) = COURSE.with_borrow_mut(|course| course.early.take()) {
            return has_room;
        }
        let has_room = choose(2) == 0;
        COURSE.with_borrow_mut(|course| course.is_connected |= has_room);
        has_room
    }

    /// A packet.
    pub fn write(_: i32, packet: &[u8]) -> Result<usize, Errno> {
        let transport = choose(3);
        COURSE.with_borrow_mut(|course| match transport {
            0 => {
                course.got.push(String::from_utf8(packet.to_vec()).unwrap());
                course.may_refuse = course.is_udp;
                Ok(packet.len())
            }
            1 => Err(Errno::AGAIN),
            _ => {
                // The one before.
                if core::mem::take(&mut course.may_refuse) {
                    course.got.pop();
                    return Err(Errno::CONNREFUSED);
                }
                Err(Errno::PIPE)
            }
        })
    }
}

pub struct Socket;

impl Socket {
    pub fn unix(_: &core::ffi::CStr, flow: SocketType) -> Result<Self, Errno> {
        COURSE.with_borrow_mut(|course| {
            let is_other = course.is_stream != (flow == SocketType::Stream);
            if is_other { Err(Errno::PROTOTYPE) } else { course.connect() }
        })
    }

    pub fn inet(_: SocketAddr, _: SocketType) -> Result<Self, Errno> {
        COURSE.with_borrow_mut(Course::connect)
    }

    pub const fn fd(&self) -> i32 {
        3
    }

    pub fn error(&self) -> Option<Errno> {
        (choose(2) > 0).then_some(Errno::PIPE)
    }

    pub fn sendmmsg<'a>(&self, packets: impl Iterator<Item = &'a [u8]>) -> Result<usize, Errno> {
        let mut packets = packets.map(|packet| String::from_utf8(packet.to_vec()).unwrap());
        let first = packets.next().unwrap();
        let rest: Vec<String> = packets.collect();
        let is_udp = COURSE.with_borrow(|course| course.is_udp);
        let transport = choose(if is_udp && !rest.is_empty() { 6 } else { 5 });
        COURSE.with_borrow_mut(|course| {
            // A port that has refused a packet tells with the next, and not if some go before that in the same call.
            let may_refuse = core::mem::replace(&mut course.may_refuse, is_udp && transport < 2);
            match transport {
                0 => {
                    course.got.extend([vec![first], rest.clone()].concat());
                    return Ok(1 + rest.len());
                }
                1 => course.got.push(first),
                2 => {
                    course.may_refuse = may_refuse;
                    return Err(Errno::AGAIN);
                }
                3 => {
                    course.may_refuse = may_refuse;
                    return Err(Errno::NOSYS);
                }
                4 if may_refuse => {
                    course.got.pop();
                    return Err(Errno::CONNREFUSED);
                }
                4 => return Err(Errno::PIPE),
                _ => {}
            }
            course.early = (is_udp && !rest.is_empty()).then_some(transport > 1);
            Ok(1)
        })
    }

    pub fn writev<'a>(
        &self,
        pieces: impl Iterator<Item = &'a [u8]>,
        skip: usize,
    ) -> Result<usize, Errno> {
        let all: Vec<u8> = pieces.flatten().copied().collect();
        let rest = &all[skip..];
        let most = match choose(5) {
            0 => rest.len(),
            1 => 1,
            2 => rest.len() - 1,
            3 => return Err(Errno::AGAIN),
            _ => return Err(Errno::PIPE),
        };
        COURSE.with_borrow_mut(|course| {
            assert!(course.is_connected, "sent before it is known that somebody is there");
            course.receive(&rest[..most]);
        });
        Ok(most)
    }
}

/// One course: three lines come, with time between them, then all goes well.
fn run(address: &Address, queue: &mut Queue) {
    let wanted = ["one", "two", "three"];
    let mut connection = Connection::new(address, clock::now());
    let go = |connection: &mut Connection, queue: &mut Queue| {
        COURSE.with_borrow_mut(|course| course.calls = 0);
        connection.flush(queue, &mut |_, _| panic!("nothing is dropped"));
        let (now, wait) = (clock::now(), connection.wait(clock::now()));
        assert!(wait.at.is_some() || !wait.soon, "it waits for ever");
        assert!(connection.is_down() == wait.room.is_none());
        assert!(!connection.is_down() || connection.last_error.is_some(), "nobody can say why");
        if let (true, Some(at)) = (connection.is_down(), wait.at) {
            let pause = now.until(at);
            assert!(pause > Duration::ZERO && pause <= MAX_RETRY, "{pause:?}");
        }
    };
    for text in wanted {
        queue.push(text.as_bytes(), true);
        go(&mut connection, queue);
        let seconds = [0, 1, 6][choose(3)];
        COURSE.with_borrow_mut(|course| course.seconds += seconds);
        go(&mut connection, queue);
    }
    COURSE.with_borrow_mut(|course| course.ways.faults = 0);
    while !queue.is_empty() {
        if connection.is_down() {
            COURSE.with_borrow_mut(|course| course.seconds += 1);
        }
        go(&mut connection, queue);
        assert!(COURSE.with_borrow(|course| course.seconds) < 100, "it is never sent");
    }
    COURSE.with_borrow(|course| {
        let mut rest = wanted.iter();
        assert!(course.got.iter().all(|text| rest.any(|line| line == text)), "{:?}", course.got);
        assert_eq!(course.got.len() as u64 + connection.refused, 3, "{:?}", course.got);
        assert!(connection.refused == 0 || matches!(address.transport, Transport::Udp(_)));
    });
}

#[test]
fn each_line_is_sent_once_or_counted_whatever_the_receiver_does() {
    let most = if std::env::var_os("DMON_LONG").is_some() { 6 } else { 4 };
    let mut courses = 0;
    let to = "10.0.0.1:514".parse().unwrap();
    for (transport, is_stream) in [
        (Transport::Path, false),
        (Transport::Path, true),
        (Transport::Udp(to), false),
        (Transport::Tcp(to), true),
    ] {
        let address = Address { word: c"address", transport };
        let mut queue = Queue::new(vec![0; 1 << 15].leak(), address.framing());
        let mut ways = Some(Vec::new());
        while let Some(taken) = ways {
            let is_tcp = matches!(transport, Transport::Tcp(_));
            let is_udp = matches!(transport, Transport::Udp(_));
            let course = Ways::new(taken, most);
            COURSE.set(Course { is_stream, is_tcp, is_udp, ways: course, ..Course::default() });
            run(&address, &mut queue);
            courses += 1;
            ways = COURSE.take().ways.next();
        }
    }
    println!("{courses} courses of a connection");
}

/// Refused when it connects; or each time that it sends, whereupon it connects once more at once.
#[test]
fn who_never_listens_is_not_sought_all_the_time() {
    for (ways, most) in [(&[(1, 2)][..], 8), (&[(0, 2), (4, 5)], 4 * 120)] {
        let address = Address { word: c"address", transport: Transport::Path };
        let mut queue = Queue::new(vec![0; 1 << 15].leak(), address.framing());
        COURSE.set(Course { ways: Ways::new(ways.repeat(1000), 2000), ..Course::default() });
        let mut connection = Connection::new(&address, clock::now());
        queue.push(b"one", true);
        for _ in 0..120 {
            COURSE.with_borrow_mut(|course| course.calls = 0);
            connection.flush(&mut queue, &mut |_, _| panic!("nothing is dropped"));
            assert!(connection.is_down());
            COURSE.with_borrow_mut(|course| course.seconds += 1);
        }
        // After 1, 2, 4, 8, 16 seconds, then each 30; or twice a second, two calls each.
        assert_eq!(COURSE.take().ways.taken(), most);
    }
}

#[test]
fn addresses_are_ports_or_paths() {
    let transport = |word: &str| {
        let mut address = Address { word: c"", transport: Transport::Path };
        let word = word_of(word);
        Arg::new(word).to(&mut address).map(|()| {
            assert_eq!(address.word, word);
            address.transport
        })
    };
    let port = "[fd00::1]:601";
    assert_eq!(transport(&format!("udp:{port}")), Ok(Transport::Udp(port.parse().unwrap())));
    assert_eq!(transport(&format!("tcp:{port}")), Ok(Transport::Tcp(port.parse().unwrap())));
    assert_eq!(transport(&"p".repeat(107)), Ok(Transport::Path));
    for bad in ["", "udp:", "tcp:/dev/log", &"p".repeat(108)] {
        assert!(transport(bad).is_err(), "{bad}");
    }
}

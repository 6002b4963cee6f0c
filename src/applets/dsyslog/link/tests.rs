//! The link to a receiver that may do anything: it is not there, comes late, takes some, none, or goes away.
//! All courses with a few such faults are tried. Test code; the module calls this file instead of the kernel.

use super::{Address, Errno, LAST_PAUSE, Link, Queue, Way};
use crate::pure::opts::Given;
use crate::pure::opts::tests::word_of;
use crate::pure::tests::Ways;
use crate::pure::time::{Duration, Instant};
use crate::sys::socket::Flow;
use core::cell::RefCell;
use core::net::SocketAddr;

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
        Instant::after_zero(Duration::seconds(seconds))
    }
}

pub mod file {
    use super::{COURSE, Errno, choose};

    pub fn has_room(_: i32) -> bool {
        if let Some(has_room) = COURSE.with_borrow_mut(|course| course.early.take()) {
            return has_room;
        }
        let has_room = choose(2) == 0;
        COURSE.with_borrow_mut(|course| course.is_connected |= has_room);
        has_room
    }

    /// A packet.
    pub fn write(_: i32, packet: &[u8]) -> Result<usize, Errno> {
        let way = choose(3);
        COURSE.with_borrow_mut(|course| match way {
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
    pub fn unix(_: &core::ffi::CStr, flow: Flow) -> Result<Self, Errno> {
        COURSE.with_borrow_mut(|course| {
            let is_other = course.is_stream != (flow == Flow::Stream);
            if is_other { Err(Errno::PROTOTYPE) } else { course.connect() }
        })
    }

    pub fn inet(_: SocketAddr, _: Flow) -> Result<Self, Errno> {
        COURSE.with_borrow_mut(Course::connect)
    }

    pub const fn number(&self) -> i32 {
        3
    }

    pub fn error(&self) -> Option<Errno> {
        (choose(2) > 0).then_some(Errno::PIPE)
    }

    pub fn send_packets<'a>(
        &self,
        packets: impl Iterator<Item = &'a [u8]>,
    ) -> Result<usize, Errno> {
        let mut packets = packets.map(|packet| String::from_utf8(packet.to_vec()).unwrap());
        let first = packets.next().unwrap();
        let rest: Vec<String> = packets.collect();
        let is_udp = COURSE.with_borrow(|course| course.is_udp);
        let way = choose(if is_udp && !rest.is_empty() { 6 } else { 5 });
        COURSE.with_borrow_mut(|course| {
            // A port that has refused a packet tells with the next, and not if some go before that in the same call.
            let may_refuse = core::mem::replace(&mut course.may_refuse, is_udp && way < 2);
            match way {
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
            course.early = (is_udp && !rest.is_empty()).then_some(way > 1);
            Ok(1)
        })
    }

    pub fn send_pieces<'a>(
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
    let mut link = Link::new(address, clock::now());
    let go = |link: &mut Link, queue: &mut Queue| {
        COURSE.with_borrow_mut(|course| course.calls = 0);
        link.go(queue, &mut |_, _| panic!("nothing is dropped"));
        let (now, wait) = (clock::now(), link.wait(clock::now()));
        assert!(wait.at.is_some() || !wait.soon, "it waits for ever");
        assert!(link.is_down() == wait.room.is_none());
        assert!(!link.is_down() || link.trouble.is_some(), "nobody can say why");
        if let (true, Some(at)) = (link.is_down(), wait.at) {
            let pause = now.until(at);
            assert!(pause > Duration::ZERO && pause <= LAST_PAUSE, "{pause:?}");
        }
    };
    for text in wanted {
        queue.push(text.as_bytes(), true);
        go(&mut link, queue);
        let seconds = [0, 1, 6][choose(3)];
        COURSE.with_borrow_mut(|course| course.seconds += seconds);
        go(&mut link, queue);
    }
    COURSE.with_borrow_mut(|course| course.ways.faults = 0);
    while !queue.is_empty() {
        if link.is_down() {
            COURSE.with_borrow_mut(|course| course.seconds += 1);
        }
        go(&mut link, queue);
        assert!(COURSE.with_borrow(|course| course.seconds) < 100, "it is never sent");
    }
    COURSE.with_borrow(|course| {
        let mut rest = wanted.iter();
        assert!(course.got.iter().all(|text| rest.any(|line| line == text)), "{:?}", course.got);
        assert_eq!(course.got.len() as u64 + link.refused, 3, "{:?}", course.got);
        assert!(link.refused == 0 || matches!(address.way, Way::Udp(_)));
    });
}

#[test]
fn each_line_is_sent_once_or_counted_whatever_the_receiver_does() {
    let most = if std::env::var_os("DMON_LONG").is_some() { 6 } else { 4 };
    let mut courses = 0;
    let to = "10.0.0.1:514".parse().unwrap();
    for (way, is_stream) in
        [(Way::Path, false), (Way::Path, true), (Way::Udp(to), false), (Way::Tcp(to), true)]
    {
        let address = Address { word: c"address", way };
        let mut queue = Queue::new(vec![0; 1 << 15].leak(), address.framing());
        let mut ways = Some(Vec::new());
        while let Some(taken) = ways {
            let is_tcp = matches!(way, Way::Tcp(_));
            let is_udp = matches!(way, Way::Udp(_));
            let course = Ways::new(taken, most);
            COURSE.set(Course { is_stream, is_tcp, is_udp, ways: course, ..Course::default() });
            run(&address, &mut queue);
            courses += 1;
            ways = COURSE.take().ways.next();
        }
    }
    println!("{courses} courses of a link");
}

/// Refused when it connects; or each time that it sends, whereupon it connects once more at once.
#[test]
fn who_never_listens_is_not_sought_all_the_time() {
    for (ways, most) in [(&[(1, 2)][..], 8), (&[(0, 2), (4, 5)], 4 * 120)] {
        let address = Address { word: c"address", way: Way::Path };
        let mut queue = Queue::new(vec![0; 1 << 15].leak(), address.framing());
        COURSE.set(Course { ways: Ways::new(ways.repeat(1000), 2000), ..Course::default() });
        let mut link = Link::new(&address, clock::now());
        queue.push(b"one", true);
        for _ in 0..120 {
            COURSE.with_borrow_mut(|course| course.calls = 0);
            link.go(&mut queue, &mut |_, _| panic!("nothing is dropped"));
            assert!(link.is_down());
            COURSE.with_borrow_mut(|course| course.seconds += 1);
        }
        // After 1, 2, 4, 8, 16 seconds, then each 30; or twice a second, two calls each.
        assert_eq!(COURSE.take().ways.taken(), most);
    }
}

#[test]
fn addresses_are_ports_or_paths() {
    let way = |word: &str| {
        let mut address = Address { word: c"", way: Way::Path };
        let word = word_of(word);
        Given::word(word).to(&mut address).map(|()| {
            assert_eq!(address.word, word);
            address.way
        })
    };
    let port = "[fd00::1]:601";
    assert_eq!(way(&format!("udp:{port}")), Ok(Way::Udp(port.parse().unwrap())));
    assert_eq!(way(&format!("tcp:{port}")), Ok(Way::Tcp(port.parse().unwrap())));
    assert_eq!(way(&"p".repeat(107)), Ok(Way::Path));
    for bad in ["", "udp:", "tcp:/dev/log", &"p".repeat(108)] {
        assert!(way(bad).is_err(), "{bad}");
    }
}

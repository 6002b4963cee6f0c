//! dsyslog: each line of standard input a message to syslog, here or far away.

mod inet;
mod link;
mod packet;
mod priority;
mod queue;

use crate::applets::pump::{self, Needs, Sink};
use crate::applets::{Call, say};
use crate::pure::fault::{Exit, Fault};
use crate::pure::lines;
use crate::pure::opts::{About, Asked, Opt, Word, flag, value};
use crate::pure::text::{Message, Put, put_number};
use crate::pure::time::{Duration, Instant, sooner};
use crate::pure::unix::Signal;
use crate::pure::value as values;
use crate::pure::value::Wanted;
use crate::sys::file::{self, File, Mode};
use crate::sys::memory::Block;
use crate::sys::{clock, system};
use core::ffi::c_int;
use heapless::Vec;
use link::{Address, Framing, Link};
use packet::{Format, Origin, Packer};
use priority::Priority;
use queue::{Framed, Queue, ROOM};

const ABOUT: About = About {
    name: "dsyslog",
    usage: "[options] name",
    purpose: "Send each line of standard input to syslog, as from the program NAME.",
};

struct Config {
    priority: Priority,
    address: Address,
    receiver: &'static [u8],
    input: c_int,
    skip_empty: bool,
    console: bool,
    rfc5424: bool,
    prefixed: bool,
}

const OPTIONS: &[Opt<Config>] = &[
    value(b'p', "priority", "PRIORITY", "How urgent, or facility.priority; warning.", |c, w| {
        c.priority.set(w.to_bytes())
    }),
    value(b'f', "facility", "FACILITY", "What kind of program; daemon.", |c, w| {
        c.priority.set_facility(w.to_bytes())
    }),
    value(0, "to", "ADDRESS", "/dev/log, another path, udp:IP:PORT, tcp:IP:PORT.", |c, w| {
        c.receiver = w.to_bytes();
        address(w).map(|address| c.address = address)
    }),
    flag(0, "rfc5424", "Send in the newer format.", |c, on| c.rfc5424 = on),
    flag(0, "prio-prefix", "<3>TEXT sets the priority of that line.", |c, on| c.prefixed = on),
    flag(b'c', "console", "Write to the console when there is no syslog.", |c, on| c.console = on),
    flag(b'e', "skip-empty", "Drop empty lines.", |c, on| c.skip_empty = on),
    value(b'i', "input-fd", "FD", "Read this descriptor instead of 0.", |c, w| {
        values::descriptor(w.to_bytes()).map(|fd| c.input = fd)
    }),
];

/// `udp:ADDR:PORT`, `tcp:ADDR:PORT`, or a path.
fn address(word: Word) -> Result<Address, Wanted> {
    const WANTED: Wanted = "an address (/dev/log, udp:10.0.0.1:514, tcp:[fd00::1]:601)";
    match word.to_bytes() {
        [] => Err(WANTED),
        [b'u', b'd', b'p', b':', rest @ ..] => inet::parse(rest).map(Address::Udp).ok_or(WANTED),
        [b't', b'c', b'p', b':', rest @ ..] => inet::parse(rest).map(Address::Tcp).ok_or(WANTED),
        // As long as the address of a Unix socket may be (unix(7)).
        path if path.len() < 108 => Ok(Address::Path(word)),
        _ => Err("a path of at most 107 bytes"),
    }
}

static MEMORY: Block<ROOM> = Block::new();

/// The applet.
///
/// # Errors
/// A wrong name, an input that cannot be read. That there is no syslog is none.
pub fn run(call: &Call) -> Result<Exit, Fault> {
    file::open_standard();
    let mut config = Config {
        priority: Priority { facility: 3, severity: 4 },
        address: Address::Path(c"/dev/log"),
        receiver: b"/dev/log",
        input: file::STDIN,
        skip_empty: false,
        console: false,
        rfc5424: false,
        prefixed: false,
    };
    let used = match call.options(OPTIONS, &mut config)? {
        Asked::Work(used) => used,
        other => return call.answer(&other, &ABOUT, OPTIONS),
    };
    let name = match (call.args.word(used + 1), call.args.word(used + 2)) {
        (Some(name), None) => name.to_bytes(),
        (None, _) => return Err(Fault::failed("no name given (try --help)")),
        (_, Some(more)) => {
            return Err(Fault::failed("one name only, what is '").word(more.to_bytes()).then("'?"));
        }
    };
    if !packet::is_name(name, config.rfc5424) {
        let fault = Fault::failed("'").word(name);
        return Err(fault.then("' is no name for syslog: 1 to 48 printing characters"));
    }
    let memory = pump::claim(&MEMORY)?;
    let Config { priority, rfc5424, prefixed, skip_empty, .. } = config;
    let format = Format { priority, name, rfc5424, prefixed, skip_empty };
    let mut sender = Sender {
        packer: Packer::new(format),
        queue: Queue::new(memory),
        link: Link::new(config.address, clock::now()),
        framing: config.address.framing(),
        host: if rfc5424 { system::host_name() } else { Vec::new() },
        console: config.console,
        receiver: config.receiver,
        said: false,
        ending: None,
    };
    pump::pump(config.input, &mut sender)
}

/// The sink.
struct Sender {
    packer: Packer,
    queue: Queue,
    link: Link,
    framing: Framing,
    host: Vec<u8, 64>,
    console: bool,
    /// Where it goes, for messages; said once an outage.
    receiver: &'static [u8],
    said: bool,
    /// The input is over; until when it is tried to send the rest.
    ending: Option<Instant>,
}

/// How long it is tried to send the rest after the end of the input. The supervisor waits as long.
const ENDING: Duration = Duration::seconds(5);

/// The longest message with what frames it.
const LONGEST: usize = size_of::<Framed>();

fn frame(framing: Framing, message: &[u8]) -> Framed {
    let mut framed = Framed::new();
    if framing == Framing::Count {
        put_number(&mut framed, message.len() as u64);
        framed.put(b" ");
    }
    framed.put(message);
    if framing == Framing::Nul {
        framed.put(&[0]);
    }
    framed
}

impl Sender {
    /// Connects and sends. Lines that were dropped meanwhile are told before those that were not.
    fn go(&mut self) {
        let Self { packer, queue, link, framing, host, .. } = self;
        link.go(queue, &mut |lost| {
            let mut text = Message::<32>::new();
            put_number(&mut text, lost);
            text.put(b" lines lost");
            let origin = Origin { moment: clock::real(), host };
            frame(*framing, packer.message(text.bytes(), origin).bytes())
        });
        match link.trouble {
            None => self.said = false,
            Some(error) if link.is_down() && !self.said => {
                self.said = true;
                say(ABOUT.name, &Fault::refused("cannot send to ", self.receiver, error));
            }
            Some(_) => {}
        }
        let Self { link, .. } = self;
        if self.console && link.is_down() {
            self.write_to_console();
        }
    }

    /// Writes what waits to the console, if that takes it.
    fn write_to_console(&mut self) {
        let Ok(console) = File::open(c"/dev/console", Mode::Console) else {
            return;
        };
        let mut sent = 0;
        for message in self.queue.messages() {
            let text =
                message.iter().position(|byte| *byte == b'>').and_then(|at| message.get(at + 1..));
            let mut line = Framed::new();
            line.put(text.unwrap_or(message).strip_suffix(b"\0").unwrap_or(message));
            line.put(b"\r\n");
            if file::write(console.number(), line.bytes()).is_err() {
                break;
            }
            sent += 1;
        }
        self.queue.sent(sent);
    }
}

impl Sink for Sender {
    fn take(&mut self, batch: &[u8]) -> usize {
        let moment = clock::real();
        let mut taken = 0;
        while let Some(rest) = batch.get(taken..).filter(|rest| !rest.is_empty()) {
            if !self.queue.has_room(LONGEST) {
                self.go();
                if !self.queue.has_room(LONGEST) && self.link.wait(clock::now()).soon {
                    break;
                }
            }
            let Self { packer, queue, framing, host, .. } = self;
            let origin = Origin { moment, host };
            taken += packer.take(rest, origin, &mut |message, last| {
                queue.push(frame(*framing, message).bytes(), last)
            });
        }
        taken
    }

    fn rest(&mut self) {
        self.go();
    }

    fn needs(&self) -> Needs {
        if self.queue.is_empty() {
            return Needs::default();
        }
        let now = clock::now();
        let wait = self.link.wait(now);
        let full = !self.queue.has_room(LONGEST);
        Needs {
            stuck: wait.soon && full || self.ending.is_some(),
            room: wait.room,
            at: sooner(wait.at, self.ending),
            broken: self.ending.is_some_and(|end| end <= now),
        }
    }

    fn go_on(&mut self) {
        self.go();
    }

    fn hear(&mut self, _: Signal) {}

    fn end(&mut self) {
        let Self { packer, queue, framing, host, .. } = self;
        let origin = Origin { moment: clock::real(), host };
        packer.finish(origin, &mut |message, last| {
            queue.push(frame(*framing, message).bytes(), last)
        });
        self.ending = Some(clock::now().plus(ENDING));
        self.go();
    }

    fn close(&mut self, rest: &[u8]) -> Exit {
        self.queue.lose_all();
        let lost = self.queue.all_lost + self.link.refused + lines::count(rest);
        if lost == 0 {
            return Exit::FINE;
        }
        say(
            ABOUT.name,
            &Fault::failed("lines lost: ").number(i64::try_from(lost).unwrap_or(i64::MAX)),
        );
        Exit::LOST
    }
}

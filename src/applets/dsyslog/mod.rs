//! dsyslog: each line of standard input a message to syslog, here or far away.

pub mod header;
mod inet;
mod link;
pub mod packet;
pub mod priority;
mod queue;

use crate::applets::options::{About, Call};
use crate::applets::pump::{self, Buffers, Needs, Sink};
use crate::applets::tell::{self, failed, refused};
use crate::pure::fault::Exit;
use crate::pure::lines;
use crate::pure::opts::{Opt, opt};
use crate::pure::text::{Message, Put, find, put_number};
use crate::pure::time::{Duration, Instant, sooner};
use crate::pure::unix::Signal;
use crate::sys::file::{self, File, Mode};
use crate::sys::{clock, system};
use core::ffi::{CStr, c_int};
use header::{Format, Origin};
use heapless::Vec;
use link::{Address, Link, Way};
use packet::Packer;
use priority::{Facility, Priority};
use queue::Queue;

const ABOUT: About = About {
    usage: "Usage: dsyslog [options] name
Send each line of standard input to syslog, as from the program NAME.\n\n",
    variables: &["DSLOG_OPTIONS", "DSYSLOG_OPTIONS"],
    has_file: false,
};

pub struct Config {
    format: Format,
    to: Address,
    input: c_int,
    console: bool,
}

pub const OPTIONS: &[Opt<Config>] = &[
    opt("-p, --priority PRIORITY\tHow urgent, or facility.priority; warning.", |c, v| {
        v.to(&mut c.format.priority)
    }),
    opt("-f, --facility FACILITY\tWhat kind of program; daemon.", |c, v| {
        v.to(&mut c.format.priority.facility)
    }),
    opt("    --to ADDRESS\t/dev/log, another path, udp:IP:PORT, tcp:IP:PORT.", |c, v| {
        v.to(&mut c.to)
    }),
    opt("    --rfc5424\tSend in the newer format.", |c, v| v.to(&mut c.format.rfc5424)),
    opt("    --prio-prefix\t<3>TEXT sets the priority of that line.", |c, v| {
        v.to(&mut c.format.prefixed)
    }),
    opt("-c, --console\tWrite to the console when there is no syslog.", |c, v| {
        v.to(&mut c.console)
    }),
    opt("-e, --skip-empty\tDrop empty lines.", |c, v| v.to(&mut c.format.skip_empty)),
    opt("-i, --input-fd FD\tRead this descriptor instead of 0.", |c, v| v.to(&mut c.input)),
];

/// The applet.
///
/// # Errors
/// A wrong name, an input that cannot be read. That there is no syslog is none.
pub fn run(call: &Call) -> Result<Exit, Exit> {
    file::open_standard();
    let mut config = Config {
        format: Format {
            priority: Priority { facility: Facility(3), severity: 4 },
            name: b"",
            rfc5424: false,
            prefixed: false,
            skip_empty: false,
        },
        to: Address { word: c"/dev/log", way: Way::Path },
        input: file::STDIN,
        console: false,
    };
    let at = call.options(&ABOUT, OPTIONS, &mut config)?;
    let Some(name) = call.operand(at)?.map(CStr::to_bytes) else {
        return Err(ABOUT.missing("no name given. "));
    };
    config.format.name = name;
    if !header::is_name(name, config.format.rfc5424) {
        let then = "' is no name for syslog: 1 to 48 printing characters";
        return Err(failed("'", name, then));
    }
    let Buffers { batch, out, .. } = pump::buffers()?;
    let mut sender = Sender {
        packer: Packer::new(&config.format),
        queue: Queue::new(out, config.to.framing()),
        link: Link::new(&config.to, clock::now()),
        host: if config.format.rfc5424 { system::host_name() } else { Vec::new() },
        console: config.console,
        said: false,
        ending: None,
    };
    pump::pump(config.input, batch, &mut sender)
}

/// The sink.
// In this order: what is large comes last, so that the way to what is small is short.
#[repr(C)]
struct Sender<'a> {
    console: bool,
    /// That nobody is there was said; once an outage.
    said: bool,
    /// The input is over; until when it is tried to send the rest.
    ending: Option<Instant>,
    link: Link<'a>,
    host: Vec<u8, 64>,
    packer: Packer<'a>,
    queue: Queue,
}

/// How long it is tried to send the rest after the end of the input. The supervisor waits as long.
const ENDING: Duration = Duration::seconds(5);

impl Sender<'_> {
    /// Connects and sends. Lines that were dropped meanwhile are told before those that were not.
    fn go(&mut self) {
        let Self { packer, queue, link, host, .. } = self;
        link.go(queue, &mut |queue, lost| {
            let mut text = Message::<32>::new();
            put_number(&mut text, lost);
            text.put(b" lines lost");
            let origin = Origin { moment: clock::real(), host };
            packer.whole(text.bytes(), origin, &mut |message, _| queue.tell(message));
        });
        match self.link.trouble {
            None => self.said = false,
            Some(error) if self.link.is_down() && !self.said => {
                self.said = true;
                let _ = refused("cannot send to ", self.link.receiver(), error);
            }
            Some(_) => {}
        }
        if self.console && self.link.is_down() {
            self.write_to_console();
        }
    }

    /// Writes what waits to the console, if that takes it.
    fn write_to_console(&mut self) {
        let Ok(console) = File::open(c"/dev/console", Mode::Console) else {
            return;
        };
        let mut sent = 0;
        for message in self.queue.messages(false) {
            let text = find(message, b'>').and_then(|at| message.get(at + 1..));
            let mut line = Message::<{ Queue::LONGEST }>::new();
            line.put(text.unwrap_or(message));
            line.put(b"\r\n");
            if file::write(console.number(), line.bytes()).is_err() {
                break;
            }
            sent += 1;
        }
        self.queue.sent(sent);
    }
}

impl Sink for Sender<'_> {
    fn take(&mut self, batch: &[u8]) -> usize {
        let moment = clock::real();
        let mut taken = 0;
        while let Some(rest) = batch.get(taken..).filter(|rest| !rest.is_empty()) {
            if !self.queue.has_room(Queue::LONGEST) {
                self.go();
                if !self.queue.has_room(Queue::LONGEST) && self.link.wait(clock::now()).soon {
                    break;
                }
            }
            let Self { packer, queue, host, .. } = self;
            let origin = Origin { moment, host };
            taken += packer.take(rest, origin, &mut |message, last| queue.push(message, last));
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
        let full = !self.queue.has_room(Queue::LONGEST);
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
        let Self { packer, queue, host, .. } = self;
        let origin = Origin { moment: clock::real(), host };
        packer.finish(origin, &mut |message, last| queue.push(message, last));
        self.ending = Some(clock::now().plus(ENDING));
        self.go();
    }

    fn close(&mut self, rest: &[u8]) -> Exit {
        self.queue.lose_all();
        let lost = self.queue.all_lost + self.link.refused + lines::count(rest);
        if lost == 0 {
            return Exit::FINE;
        }
        tell::count("lines lost: ", lost);
        Exit::LOST
    }
}

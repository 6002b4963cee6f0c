//! dsyslog: each line of standard input a message to syslog, here or far away.

mod connection;

use crate::applets::diag::{self, error, os_error};
use crate::applets::option_sources::{AppletInfo, Invocation};
use crate::applets::pump::{self, Buffers, Interest, Sink};
use connection::{Address, Connection, Transport};
use core::ffi::{CStr, c_int};
use heapless::Vec;
use pure::cli::getopt::{Opt, opt};
use pure::exit::Exit;
use pure::log::lines;
use pure::syslog::header::{self, MessageFormat, Origin};
use pure::syslog::message::MessageBuilder;
use pure::syslog::priority::{Facility, Priority};
use pure::syslog::queue::Queue;
use pure::text::{Message, Put, find_byte, put_number};
use pure::time::{Duration, Instant, earliest};
use pure::unix::Signal;
use sys::file::{self, File, Mode};
use sys::{clock, sysinfo};

const INFO: AppletInfo = AppletInfo {
    usage: "Usage: dsyslog [options] name
Send each line of standard input to syslog, as from the program NAME.\n\n",
    variables: &["DSLOG_OPTIONS", "DSYSLOG_OPTIONS"],
    has_file: false,
};

pub struct Config {
    format: MessageFormat,
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
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    file::open_standard();
    let mut config = Config {
        format: MessageFormat {
            priority: Priority { facility: Facility(3), severity: 4 },
            name: b"",
            rfc5424: false,
            prefixed: false,
            skip_empty: false,
        },
        to: Address { word: c"/dev/log", transport: Transport::Path },
        input: file::STDIN,
        console: false,
    };
    let at = invocation.options(&INFO, OPTIONS, &mut config)?;
    let Some(name) = invocation.operand(at)?.map(CStr::to_bytes) else {
        return Err(INFO.missing("no name given. "));
    };
    config.format.name = name;
    if !header::is_name(name, config.format.rfc5424) {
        let then = "' is no name for syslog: 1 to 48 printing characters";
        return Err(error("'", name, then));
    }
    let Buffers { batch, out, .. } = pump::buffers()?;
    let mut sender = Sender {
        builder: MessageBuilder::new(&config.format),
        queue: Queue::new(out, config.to.framing()),
        connection: Connection::new(&config.to, clock::now()),
        host: if config.format.rfc5424 { host_name() } else { Vec::new() },
        console: config.console,
        reported: false,
        ending: None,
    };
    pump::pump(config.input, batch, &mut sender)
}

/// Returns the host name as a header may contain it.
fn host_name() -> Vec<u8, 64> {
    let mut name = sysinfo::host_name();
    header::replace_unprintable(&mut name);
    name
}

/// The sink.
// In this order: what is large comes last, so that the way to what is small is short.
#[repr(C)]
struct Sender<'a> {
    console: bool,
    /// That nobody is there was said; once an outage.
    reported: bool,
    /// The input is over; until when it is tried to send the rest.
    ending: Option<Instant>,
    connection: Connection<'a>,
    host: Vec<u8, 64>,
    builder: MessageBuilder<'a>,
    queue: Queue,
}

/// How long it is tried to send the rest after the end of the input. The supervisor waits as long.
const FINAL_SEND_TIMEOUT: Duration = Duration::from_secs(5);

impl Sender<'_> {
    /// Connects and sends. Lines that were dropped meanwhile are told before those that were not.
    fn flush(&mut self) {
        let Self { builder, queue, connection, host, .. } = self;
        connection.flush(queue, &mut |queue, lost| {
            let mut text = Message::<32>::new();
            put_number(&mut text, lost);
            text.put(b" lines lost");
            let origin = Origin { moment: clock::real(), host };
            builder.whole(text.bytes(), origin, &mut |message, _| queue.push_loss_notice(message));
        });
        match self.connection.last_error {
            None => self.reported = false,
            Some(error) if self.connection.is_down() && !self.reported => {
                self.reported = true;
                let _ = os_error("cannot send to ", self.connection.receiver(), error);
            }
            Some(_) => {}
        }
        if self.console && self.connection.is_down() {
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
            let text = find_byte(message, b'>').and_then(|at| message.get(at + 1..));
            let mut line = Message::<{ Queue::MAX_FRAME }>::new();
            line.put(text.unwrap_or(message));
            line.put(b"\r\n");
            if file::write(console.fd(), line.bytes()).is_err() {
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
            if !self.queue.has_room(Queue::MAX_FRAME) {
                self.flush();
                if !self.queue.has_room(Queue::MAX_FRAME) && self.connection.wait(clock::now()).soon
                {
                    break;
                }
            }
            let Self { builder, queue, host, .. } = self;
            let origin = Origin { moment, host };
            taken += builder.take(rest, origin, &mut |message, last| queue.push(message, last));
        }
        taken
    }

    fn batch_done(&mut self) {
        self.flush();
    }

    fn interest(&self) -> Interest {
        if self.queue.is_empty() {
            return Interest::default();
        }
        let now = clock::now();
        let wait = self.connection.wait(now);
        let full = !self.queue.has_room(Queue::MAX_FRAME);
        Interest {
            blocked: wait.soon && full || self.ending.is_some(),
            room: wait.room,
            at: earliest(wait.at, self.ending),
            broken: self.ending.is_some_and(|end| end <= now),
        }
    }

    fn retry(&mut self) {
        self.flush();
    }

    fn on_signal(&mut self, _: Signal) {}

    fn end(&mut self) {
        let Self { builder, queue, host, .. } = self;
        let origin = Origin { moment: clock::real(), host };
        builder.finish(origin, &mut |message, last| queue.push(message, last));
        self.ending = Some(clock::now().add(FINAL_SEND_TIMEOUT));
        self.flush();
    }

    fn close(&mut self, rest: &[u8]) -> Exit {
        self.queue.lose_all();
        let lost = self.queue.all_lost + self.connection.refused + lines::count(rest);
        if lost == 0 {
            return Exit::SUCCESS;
        }
        diag::count("lines lost: ", lost);
        Exit::DATA_LOST
    }
}

//! dsyslog: the applet that sends each line of standard input to syslog. `crate::applets` calls `run`.

mod connection;

use crate::applets::diag::{self, error, os_error};
use crate::applets::option_sources::{AppletInfo, Invocation, Parsed};
use crate::applets::pump::{self, Buffers, Interest, Sink};
use connection::Connection;
use core::ffi::{CStr, c_int};
use heapless::Vec;
use pure::cli::option_table::{Opt, opt};
use pure::exit::Exit;
use pure::log::lines;
use pure::syslog::address::{Address, Transport};
use pure::syslog::header::{self, MessageFormat, Origin};
use pure::syslog::message::MessageBuilder;
use pure::syslog::priority::{Facility, Priority};
use pure::syslog::queue::Queue;
use pure::text::{Put, TextBuf, Writer, find_byte};
use pure::time::{Duration, Instant, earliest};
use pure::unix::Signal;
use sys::file::{self, File, Mode};
use sys::{clock, sysinfo};
use ufmt::uwrite;

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
    let Parsed::Options { operands_at } = invocation.options(&INFO, OPTIONS, &mut config)? else {
        return Ok(Exit::SUCCESS);
    };
    let Some(name) = invocation.operand(operands_at)?.map(CStr::to_bytes) else {
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
        connection: Connection::new(&config.to),
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

/// Sends the messages of the input's lines.
// Field order: see src/lib.rs.
#[repr(C)]
struct Sender<'a> {
    /// Write messages to the console while there is no receiver.
    console: bool,
    /// The error of this outage was reported.
    reported: bool,
    /// After the end of the input: the time at which unsent messages are lost.
    ending: Option<Instant>,
    connection: Connection<'a>,
    host: Vec<u8, 64>,
    builder: MessageBuilder<'a>,
    queue: Queue,
}

/// How long to send the rest of the queue after the end of the input. dmon waits equally long for its logger.
const FINAL_SEND_TIMEOUT: Duration = Duration::from_secs(5);

impl Sender<'_> {
    /// Sends messages from the queue. If there is no receiver, reports that, and writes them to the console if wanted.
    fn flush(&mut self) {
        let Self { builder, queue, connection, host, .. } = self;
        connection.flush(queue, &mut |queue, lines| {
            let mut text = TextBuf::<32>::new();
            let Ok(()) = uwrite!(Writer(&mut text), "{} lines lost", lines);
            let origin = Origin { moment: clock::real(), host };
            builder.notice(text.bytes(), origin, &mut |message, _| queue.push_loss_notice(message));
        });
        let state = &self.connection.state;
        match state.last_error {
            None => self.reported = false,
            Some(error) if state.is_down() && !self.reported => {
                self.reported = true;
                let _ = os_error("cannot send to ", self.connection.receiver(), error);
            }
            Some(_) => {}
        }
        if self.console && self.connection.state.is_down() {
            self.write_to_console();
        }
    }

    /// Writes messages from the queue to the console, without their PRI, until it blocks.
    fn write_to_console(&mut self) {
        let Ok(console) = File::open(c"/dev/console", Mode::Console) else {
            return;
        };
        let mut count = 0;
        for message in self.queue.messages(false) {
            let text = find_byte(message, b'>').and_then(|at| message.get(at + 1..));
            let mut line = TextBuf::<{ Queue::MAX_FRAME }>::new();
            line.put(text.unwrap_or(message));
            line.put(b"\r\n");
            if file::write(console.fd(), line.bytes()).is_err() {
                break;
            }
            count += 1;
        }
        self.queue.sent(count);
    }

    fn is_full(&self) -> bool {
        !self.queue.has_room(Queue::MAX_FRAME)
    }
}

impl Sink for Sender<'_> {
    fn take(&mut self, batch: &[u8]) -> usize {
        let moment = clock::real();
        let mut taken = 0;
        while let Some(rest) = batch.get(taken..).filter(|rest| !rest.is_empty()) {
            if self.is_full() {
                self.flush();
                if self.is_full() && self.connection.state.wait(clock::now()).soon {
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
        let wait = self.connection.state.wait(now);
        Interest {
            blocked: wait.soon && self.is_full() || self.ending.is_some(),
            room: self.connection.fd(),
            at: earliest(wait.until, self.ending),
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
        let lost = self.queue.all_lost + self.connection.state.refused + lines::count(rest);
        if lost == 0 {
            return Exit::SUCCESS;
        }
        diag::count("lines lost: ", lost);
        Exit::DATA_LOST
    }
}

//! dsyslog: sends each line of standard input to syslog. The table of applets calls it.

mod connection;

use crate::applets::diag::{error, os_error};
use crate::applets::logger::{self, Buffers, LoggerConfig};
use crate::applets::option_sources::{AppletInfo, Invocation};
use crate::applets::pump::{self, Interest, Lines, Request, Sink, SinkState};
use connection::Connection;
use core::ffi::CStr;
use heapless::Vec;
use pure::cli::option_table::{Opt, opt};
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::log::report_once::ReportOnce;
use pure::log::{lines, loss};
use pure::packed;
use pure::syslog::address::{Address, Transport};
use pure::syslog::header::{self, MessageFormat, Origin};
use pure::syslog::message::MessageBuilder;
use pure::syslog::priority::{Facility, Priority};
use pure::syslog::queue::Queue;
use pure::text::{Put, TextBuf, find_byte};
use pure::time::{Duration, Instant, earliest};
use sys::file::{self, File, Mode};
use sys::{clock, sysinfo};

const INFO: AppletInfo = AppletInfo {
    usage: "Usage: dsyslog [options] name
Send each line of standard input to syslog, as from the program NAME.\n\n",
    variables: &["DSLOG_OPTIONS", "DSYSLOG_OPTIONS"],
    has_file: false,
};

/// The values of all options.
pub struct Config {
    logger: LoggerConfig,
    format: MessageFormat,
    to: Address,
    console: bool,
}

impl AsMut<LoggerConfig> for Config {
    fn as_mut(&mut self) -> &mut LoggerConfig {
        &mut self.logger
    }
}

/// The rows of all options, in the order of the help.
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
    logger::skip_empty(),
    logger::input_fd(),
];

/// Runs dsyslog.
///
/// # Errors
/// [`Exit::FAILED`] for wrong options or a wrong name, and if the input cannot be read. A missing receiver is not an
/// error.
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    let config = Config {
        logger: LoggerConfig::DEFAULT,
        format: MessageFormat {
            // daemon.warning
            priority: Priority { facility: Facility(3), severity: 4 },
            name: b"",
            rfc5424: false,
            prefixed: false,
            skip_empty: false,
        },
        to: Address { word: c"/dev/log", transport: Transport::Unix },
        console: false,
    };
    logger::run(invocation, &INFO, packed!(Config, OPTIONS), config, start)
}

/// Sends the input as the program `name`.
fn start(
    config: &mut Config,
    name: Option<CliWord>,
    buffers: &'static mut Buffers,
) -> Result<Exit, Exit> {
    let Some(name) = name.map(CStr::to_bytes) else {
        return Err(INFO.missing("no name given. "));
    };
    config.format.name = name;
    config.format.skip_empty = config.logger.skip_empty;
    if !header::is_name(name, config.format.rfc5424) {
        let then = "' is no name for syslog: 1 to 48 printing characters";
        return Err(error("'", name, then));
    }
    let Buffers { batch, out, .. } = buffers;
    let mut sender = Sender {
        builder: MessageBuilder::new(&config.format),
        queue: Queue::new(out, config.to.framing()),
        connection: Connection::new(&config.to),
        host: Vec::new(),
        console: config.console,
        report: ReportOnce::default(),
        deadline: None,
    };
    if config.format.rfc5424 {
        sysinfo::put_host_name(&mut sender.host);
        header::replace_unprintable(&mut sender.host);
    }
    pump::pump(config.logger.input, Lines::InPieces, batch, &mut sender)
}

/// Sends the messages of the input's lines.
// Field order: see src/lib.rs.
#[repr(C)]
struct Sender<'a> {
    /// Write messages to the console while there is no receiver.
    console: bool,
    /// Reports an unreachable receiver.
    report: ReportOnce,
    /// The time at which unsent messages are lost; `None` before the end of the input.
    deadline: Option<Instant>,
    connection: Connection<'a>,
    host: Vec<u8, 64>,
    builder: MessageBuilder<'a>,
    queue: Queue,
}

/// Time to send the rest of the queue after the end of the input. dmon waits equally long for its logger.
const FINAL_SEND_TIMEOUT: Duration = Duration::from_secs(5);

impl Sender<'_> {
    /// Sends messages from the queue. If there is no receiver, reports that, and writes them to the console if the option
    /// is set.
    fn flush(&mut self) {
        let Self { builder, queue, connection, host, .. } = self;
        connection.flush(queue, &mut |queue, lines| {
            let mut text = TextBuf::<32>::new();
            loss::put_notice(&mut text, lines, None);
            let origin = Origin { moment: clock::real(), host };
            builder.notice(text.bytes(), origin, &mut |message, _| queue.push_loss_notice(message));
        });
        let state = &self.connection.state;
        match state.last_error {
            None => self.report.succeeded(),
            Some(error) if state.is_down() && self.report.is_first() => {
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
        !self.queue.has_space(Queue::MAX_FRAME)
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
            taken += builder.feed(rest, origin, &mut |message, last| queue.push(message, last));
        }
        taken
    }

    fn batch_done(&mut self) {
        self.flush();
    }

    fn interest(&self) -> Interest {
        if self.queue.is_empty() {
            return Interest { state: SinkState::Ready, writable: None, at: None };
        }
        let now = clock::now();
        let wait = self.connection.state.wait(now);
        let state = match self.deadline {
            Some(at) if at <= now => SinkState::Broken,
            Some(_) => SinkState::Blocked,
            None if wait.soon && self.is_full() => SinkState::Blocked,
            None => SinkState::Ready,
        };
        let at = earliest(wait.until, self.deadline);
        Interest { state, writable: self.connection.fd(), at }
    }

    fn retry(&mut self) {
        self.flush();
    }

    /// dsyslog has no file to reopen or to rotate.
    fn handle(&mut self, _: Request) {}

    fn end(&mut self) {
        let Self { builder, queue, host, .. } = self;
        let origin = Origin { moment: clock::real(), host };
        builder.finish(origin, &mut |message, last| queue.push(message, last));
        self.deadline = Some(clock::now().add(FINAL_SEND_TIMEOUT));
        self.flush();
    }

    fn close(&mut self, rest: &[u8]) -> Exit {
        self.queue.lose_all();
        let lost = self.queue.total_lost + self.connection.state.refused + lines::count(rest);
        if lost == 0 {
            return Exit::SUCCESS;
        }
        logger::report_lost_lines(lost);
        Exit::DATA_LOST
    }
}

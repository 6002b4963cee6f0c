//! dsyslog: sends each line of standard input to syslog. The table of applets calls it.

mod connection;

use crate::applets::diag::{error, os_error};
use crate::applets::logger::{self, Buffers, LoggerConfig};
use crate::applets::option_sources::{AppletInfo, Invocation};
use crate::applets::pump;
use crate::applets::sink::{Interest, Lines, Request, Sink, SinkState};
use connection::Connection;
use core::ffi::CStr;
use core::mem::ManuallyDrop;
use pure::cli::option_table::{Opt, opt};
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::log::lines;
use pure::log::report_once::ReportOnce;
use pure::packed;
use pure::syslog::address::{Address, Transport};
use pure::syslog::header::{Header, Host, Id, Layout, MAX_NAME, MessageFormat};
use pure::syslog::message::{MAX_SIZE, MaxSize, MessageBuilder};
use pure::syslog::priority::{Facility, Priority};
use pure::syslog::queue::Queue;
use pure::syslog::socket_addr::SocketAddr;
use pure::text::{copy, first, spare, split_once};
use pure::time::{Duration, Instant};
use sys::file::{self, EXECUTE, File, Mode};
use sys::{clock, poll, process, sysinfo};

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
    rfc5424: bool,
    octet_count: bool,
    size: MaxSize,
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
    opt("    --to ADDRESS\tSend to a PATH, udp:IP[:PORT] or tcp:IP[:PORT].", |c, v| {
        v.to(&mut c.to)
    }),
    opt("    --rfc5424\tSend in the newer format.", |c, v| v.to(&mut c.rfc5424)),
    opt("    --octet-count\tSend the length before each message (TCP).", |c, v| {
        v.to(&mut c.octet_count)
    }),
    opt("    --hostname HOST\tName this host in messages to the network.", |c, v| {
        v.to(&mut c.format.host)
    }),
    opt("    --id[=PID]\tAdd a PID (default: of dsyslog) to the name.", |c, v| {
        v.to(&mut c.format.id)
    }),
    opt("    --size SIZE\tLimit messages to SIZE bytes; 1023.", |c, v| v.to(&mut c.size)),
    opt("    --prio-prefix\tRead <3> or <30> before a line as its priority.", |c, v| {
        v.to(&mut c.format.prefixed)
    }),
    opt("-c, --console\tWrite to the console when there is no syslog.", |c, v| {
        v.to(&mut c.console)
    }),
    logger::skip_empty(),
    logger::input_fd(),
    logger::rate(),
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
            priority: Priority { facility: Facility(24), severity: 4 },
            layout: Layout::Local,
            name: b"",
            id: Id::NONE,
            host: Host::default(),
            prefixed: false,
            skip_empty: false,
        },
        to: Address {
            word: c"/dev/log",
            transport: Transport::Unix,
            to: SocketAddr { family: 0, port: [0; 2], ip: [0; 20], zone_number: 0, zone: b"" },
            is_given: false,
        },
        rfc5424: false,
        octet_count: false,
        size: MaxSize(0),
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
    if !(1..=MAX_NAME).contains(&name.len()) {
        return Err(error("'", name, "' is not a name for syslog: 1 to 48 bytes"));
    }
    if config.rfc5424 && !config.to.is_given {
        return Err(error("option --rfc5424 needs --to", b"", ""));
    }
    let layout = match config.to.transport {
        _ if config.rfc5424 => Layout::Rfc5424,
        Transport::Udp | Transport::Tcp => Layout::Network,
        Transport::Unix if file::access(c"/sbin/logd", EXECUTE).is_ok() => Layout::Logd,
        Transport::Unix => Layout::Local,
    };
    config.format.layout = layout;
    config.format.skip_empty = config.logger.skip_empty;
    config.format.name = name;
    if config.format.id == Id::OWN {
        config.format.id = Id(process::getpid());
    }
    if !name.iter().all(u8::is_ascii_graphic) {
        let _ = error("'", name, "' is not printable: sent with _ instead");
    }
    let Buffers { batch, out, .. } = buffers;
    let Some((queue, rest)) = out.split_first_chunk_mut() else {
        return Err(Exit::FAILED);
    };
    let (message, line) = rest.split_at_mut(MAX_SIZE);
    let message = message.get_mut(..layout.max_size(config.size.0)).unwrap_or(&mut []);
    let mut queue = Queue::new(queue, config.to.framing(config.octet_count));
    let mut sender = Sender {
        console: config.console,
        report: ReportOnce::default(),
        deadline: Instant::NEVER,
        connection: ManuallyDrop::new(Connection::new(&config.to)),
        reads_host: layout.has_host() && config.format.host.0.is_empty(),
        builder: MessageBuilder::new(&mut config.format, message),
        line,
        queue: &mut queue,
    };
    pump::pump(Lines::InPieces, &mut config.logger, batch, &mut sender)
}

/// Sends the messages of the input's lines.
// Field order: see src/lib.rs.
#[repr(C)]
struct Sender<'a> {
    /// Write messages to the console while there is no receiver.
    console: bool,
    /// Reports an unreachable receiver.
    report: ReportOnce,
    /// The time at which unsent messages are lost; never before the end of the input.
    deadline: Instant,
    /// The exit closes its socket.
    connection: ManuallyDrop<Connection<'a>>,
    /// The host name in messages is the kernel's.
    reads_host: bool,
    builder: MessageBuilder<'a>,
    /// Memory for one line to the console.
    line: &'static mut [u8],
    queue: &'a mut Queue,
}

/// Time to send the rest of the queue after the end of the input. dmon waits equally long for its logger.
const FINAL_SEND_TIMEOUT: Duration = Duration::from_secs(5);

impl Sender<'_> {
    /// Sends messages from the queue. If there is no receiver, reports that, and writes them to the console if the option
    /// is set.
    fn flush(&mut self) {
        let Self { builder, queue, connection, reads_host, .. } = self;
        connection.flush(queue, &mut |queue, lines| {
            update(builder, *reads_host);
            let mut notice = Header::new();
            builder.put_notice(&mut notice, lines);
            queue.push_loss_notice(notice.bytes());
        });
        self.report_outage();
        if self.console && self.connection.state.is_down() {
            self.write_to_console();
        }
    }

    fn report_outage(&mut self) {
        let state = &self.connection.state;
        match state.last_error {
            None => self.report.succeeded(),
            Some(error) if state.is_down() && self.report.is_first() => {
                let _ = os_error("cannot send to ", self.connection.receiver(), error);
            }
            Some(_) => {}
        }
    }

    /// Writes messages from the queue to the console, without their PRI, until it blocks.
    fn write_to_console(&mut self) {
        let Ok(console) = File::open(c"/dev/console", Mode::Console) else {
            return;
        };
        let Self { queue, line, .. } = self;
        let mut count = 0;
        for message in queue.messages(false) {
            let (_, text) = split_once(message, b'>');
            let size = copy(text.unwrap_or(message), line);
            let size = size + copy(b"\r\n", spare(line, size));
            if file::write(console.fd(), first(line, size)).is_err() {
                break;
            }
            count += 1;
        }
        queue.sent(count);
    }

    fn is_full(&self) -> bool {
        !self.queue.has_space(self.builder.max_size())
    }
}

/// Sets the time of the next messages, and once a second the host name, which may change late at boot.
fn update(builder: &mut MessageBuilder, reads_host: bool) {
    if builder.set_time(clock::real()) && reads_host {
        sysinfo::read_host_name(&mut builder.format.host.0);
    }
}

impl Sink for Sender<'_> {
    fn take(&mut self, batch: &[u8]) -> usize {
        update(&mut self.builder, self.reads_host);
        let mut taken = 0;
        while let Some(rest) = batch.get(taken..).filter(|rest| !rest.is_empty()) {
            if self.is_full() {
                self.flush();
                if self.is_full() && self.connection.state.wait(clock::now()).soon {
                    break;
                }
            }
            taken += self.builder.feed(rest, self.queue);
        }
        taken
    }

    fn batch_done(&mut self) {
        self.flush();
    }

    fn interest(&mut self) -> Interest {
        if self.queue.is_empty() {
            return Interest { state: SinkState::Ready, writable: poll::NONE, at: Instant::NEVER };
        }
        let now = clock::now();
        let wait = self.connection.state.wait(now);
        let has_ended = self.deadline < Instant::NEVER;
        let state = if self.deadline <= now {
            SinkState::Broken
        } else if has_ended || wait.soon && self.is_full() {
            SinkState::Blocked
        } else {
            SinkState::Ready
        };
        let writable = self.connection.fd().unwrap_or(poll::NONE);
        Interest { state, writable, at: wait.until.min(self.deadline) }
    }

    fn retry(&mut self) {
        self.flush();
    }

    /// dsyslog has no file to reopen or to rotate.
    fn handle(&mut self, _: Request) {}

    fn end(&mut self) {
        self.builder.finish(self.queue);
        self.deadline = clock::after(FINAL_SEND_TIMEOUT);
        self.flush();
    }

    fn close(&mut self, rest: &[u8]) -> Exit {
        self.connection.check_refused();
        self.report_outage();
        self.queue.lose_all();
        let lost = self.queue.total_lost + self.connection.state.refused + lines::count(rest);
        if lost == 0 {
            return Exit::SUCCESS;
        }
        logger::report_lost_lines(lost);
        Exit::DATA_LOST
    }
}

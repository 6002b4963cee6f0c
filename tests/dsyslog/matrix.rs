//! Every receiver with every transport and format: each field of a message arrives in its place.
//!
//! `MATRIX` is the expected result of each combination. The table in the manual must agree with it.

use super::WARNING;
use crate::rig::log_server::{LogServer, ZONE, ZONE_OFFSET};
use crate::rig::logd::Logd;
use crate::rig::mount_namespace::MountNamespace;
use crate::rig::syslog_record::{Record, busybox_records, now, s6_records};
use crate::rig::syslogd::{busybox, devices, openwrt_devices, with_dsyslog};
use crate::rig::{Rig, Running, feed, pace, tools};
use nix::sys::signal::Signal;
use std::cell::RefCell;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The expected result of a combination.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// Each field arrives in its place, and no message is lost.
    Right,
    /// The receiver takes the header for text, or the text for a header.
    Misread,
    /// The receiver stores nothing.
    Nothing,
    /// The receiver does not listen there.
    NoListener,
}

use Expected::{Misread, NoListener, Nothing, Right};

/// The transports, in the order of the columns of `MATRIX`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Transport {
    Datagram,
    Stream,
    Udp,
    Tcp,
    /// TCP with `--octet-count`.
    Counted,
}

const TRANSPORTS: [Transport; 5] =
    [Transport::Datagram, Transport::Stream, Transport::Udp, Transport::Tcp, Transport::Counted];

/// The options of the two formats.
const FORMATS: [&str; 2] = ["", "--rfc5424"];

/// A receiver by its name in the manual, and for each transport the results in the format of RFC 3164 and of RFC 5424.
type Row = (&'static str, [[Expected; 2]; 5]);

/// Receivers expect the format of RFC 3164 at a local socket. They store a message in that of RFC 5424 as one of the
/// program `1`, which is its version. So dsyslog sends it only to a path that `--to` names.
const BUSYBOX: Row = (
    "busybox syslogd",
    [[Right, Misread], [NoListener; 2], [NoListener; 2], [NoListener; 2], [NoListener; 2]],
);
/// rsyslogd detects the format and the framing, except at the datagram socket.
const RSYSLOGD: Row =
    ("rsyslogd", [[Right, Misread], [Right; 2], [Right; 2], [Right; 2], [Right; 2]]);
/// It takes an octet count for a program name, and joins all messages up to a newline, which never comes.
const SYSLOG_NG: Row = (
    "syslog-ng, network()",
    [[Right, Misread], [Right, Misread], [Right, Misread], [Right, Misread], [Misread; 2]],
);
/// It detects the format. It closes a TCP connection that does not begin with an octet count.
const SYSLOG_NG_DRIVER: Row = (
    "syslog-ng, syslog()",
    [[NoListener; 2], [NoListener; 2], [Right; 2], [Nothing; 2], [Right; 2]],
);
const LOGD: Row = (
    "OpenWrt logd",
    [[Right, Misread], [NoListener; 2], [NoListener; 2], [NoListener; 2], [NoListener; 2]],
);

const S6: Row = (
    "s6-socklog, ucspilogd",
    [[Right, Misread], [Right, Misread], [NoListener; 2], [NoListener; 2], [NoListener; 2]],
);

const MATRIX: [Row; 6] = [BUSYBOX, RSYSLOGD, SYSLOG_NG, SYSLOG_NG_DRIVER, LOGD, S6];

/// A combination to try.
struct Cell {
    expected: Expected,
    transport: Transport,
    format: &'static str,
    /// The name of its program, which no other cell of the test has.
    name: String,
    options: String,
}

/// The host that the sender names over the network.
const HOST: &str = "kitchen";
const PID: &str = "4711";

/// Returns the combinations of a row. `to` is the value of `--to` for a transport.
fn cells(row: Row, to: impl Fn(Transport) -> String) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (transport, results) in TRANSPORTS.into_iter().zip(row.1) {
        for (format, expected) in FORMATS.into_iter().zip(results) {
            if expected == NoListener {
                continue;
            }
            let receiver = row.0.replace(|c: char| !c.is_ascii_alphabetic(), "");
            let name = format!("{receiver}-{transport:?}{format}");
            let mut options = format!("--prio-prefix --id={PID} {format} --to {}", to(transport));
            if !matches!(transport, Transport::Datagram | Transport::Stream) {
                options += &format!(" --hostname {HOST}");
            }
            if transport == Transport::Counted {
                options += " --octet-count";
            }
            cells.push(Cell { expected, transport, format, name, options });
        }
    }
    cells
}

/// A receiver that stores messages.
trait Store {
    /// Stops the receiver, if it runs, and starts it.
    fn restart(&self);
    fn records(&self) -> Vec<Record>;
    /// The host of local messages.
    fn local_host(&self) -> String {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
        name.trim_end().split('.').next().unwrap_or_default().to_string()
    }
    /// Whether it stores messages of this facility, with its number.
    fn stores_facility(&self, _: u32) -> bool {
        true
    }
    /// Returns the part of a text that it stores.
    fn stored<'a>(&self, text: &'a str) -> &'a str {
        text
    }
}

impl Store for LogServer<'_> {
    fn restart(&self) {
        self.stop(Signal::SIGTERM);
        self.start();
    }
    fn records(&self) -> Vec<Record> {
        self.records()
    }
}

/// Returns the input of a part, and the messages that it causes: priority and text.
fn part(part: &str, store: &dyn Store) -> (String, Vec<(u32, String)>) {
    let mut lines = Vec::new();
    for facility in (0..24).filter(|&facility| store.stores_facility(facility)) {
        let (number, text) = (facility * 8 + facility % 8, format!("{part} facility {facility}"));
        // A prefix below 8 sets the severity alone.
        let priority = if number < 8 { WARNING / 8 * 8 + number } else { number };
        lines.push((format!("<{number}>{text}"), priority, text));
    }
    let mut add =
        |line: &str, text: &str| lines.push((line.to_string(), WARNING, text.to_string()));
    add("\x1b[1m\r\0\x7f|", "#033[1m#015#000#177|");
    // In 30 kB, each kind of UTF-8 character meets each place where a message may be cut.
    let long = "ä€🐢x".repeat(3000);
    let end = format!("{part} end");
    let texts =
        ["ä€🐢, a\ttab", "  blanks  ", "", "one: two[3]: <4>1 - - [five] \"six\" \\7", &long, &end];
    texts.into_iter().for_each(|text| add(text, text));
    let input = lines.iter().map(|(line, ..)| format!("{line}\n")).collect();
    (input, lines.into_iter().map(|(_, priority, text)| (priority, text)).collect())
}

/// Sends two parts from one dsyslog per cell, restarts the receiver between them, and checks what it has stored.
///
/// `prefix` is the command that runs dsyslog in the receiver's mount namespace.
fn assert_matrix(rig: &Rig, prefix: &str, cells: &[Cell], store: &dyn Store) {
    store.restart();
    let start = |cell: &Cell| {
        let Cell { options, name, .. } = cell;
        rig.start_fed(format!("{prefix} env TZ=BEHIND5 dsyslog {options} {name}"))
    };
    let mut senders: Vec<_> = cells.iter().map(start).collect();
    for name in ["first", "second"] {
        if name == "second" {
            store.restart();
        }
        let (input, wanted) = part(name, store);
        let (seen, from) = (store.records().len(), now());
        let end = format!("{name} end");
        let wait = |cell: &Cell| {
            rig.wait_for(format!("the {name} part of {}", cell.name), || {
                // A look at all messages takes some time: leave the processor to the receiver.
                pace(Duration::from_millis(10));
                store.records().iter().any(|r| r.program == cell.name && r.text == end)
            });
        };
        let is_udp = |cell: &Cell| cell.transport == Transport::Udp && cell.expected == Right;
        for (cell, (_, pipe)) in cells.iter().zip(&mut senders) {
            // One line is enough to see a wrong result.
            let marker = format!("{name} of {}\n", cell.name);
            feed(pipe, if cell.expected == Right { &input } else { &marker });
            // A receiver's buffer takes the messages of one sender, but perhaps not those of two.
            if is_udp(cell) {
                wait(cell);
            }
        }
        cells.iter().filter(|cell| cell.expected == Right && !is_udp(cell)).for_each(wait);
        let records = &store.records()[seen..];
        for cell in cells.iter().filter(|cell| cell.expected == Right) {
            let mine = records.iter().filter(|record| record.program == cell.name);
            let mine: Vec<&Record> = mine.collect();
            assert_right(cell, &mine, &wanted, store, from..=now());
        }
    }
    for (cell, (dsyslog, pipe)) in cells.iter().zip(senders) {
        drop(pipe);
        let done = dsyslog.wait();
        if cell.expected == Right {
            done.exits(0).reports_nothing();
        }
    }
    let is_stored = |cell: &Cell| has_text(&store.records(), &format!("second of {}", cell.name));
    rig.wait_for("the misread messages", || {
        cells.iter().all(|cell| cell.expected != Misread || is_stored(cell))
    });
    for cell in cells.iter().filter(|cell| cell.expected != Right) {
        let records = store.records();
        assert!(records.iter().all(|record| record.program != cell.name), "{}", cell.name);
        assert!(cell.expected == Misread || !is_stored(cell), "{}", cell.name);
    }
}

/// Whether a receiver has stored this text anywhere.
fn has_text(records: &[Record], text: &str) -> bool {
    records.iter().any(|record| format!("{record:?}").contains(text))
}

/// Asserts that the fields of these messages are right.
#[track_caller]
fn assert_right(
    cell: &Cell,
    got: &[&Record],
    wanted: &[(u32, String)],
    store: &dyn Store,
    times: std::ops::RangeInclusive<i64>,
) {
    let is_local = matches!(cell.transport, Transport::Datagram | Transport::Stream);
    let host = if is_local { store.local_host() } else { HOST.to_string() };
    let limit = if cell.format.is_empty() { super::LIMIT } else { super::RFC5424_LIMIT };
    for record in got {
        assert!(record.text.len() < limit, "{}: {record:?}", cell.name);
        assert_eq!((&*record.host, &*record.pid), (&*host, PID), "{}: {record:?}", cell.name);
        assert!(times.contains(&record.time), "{}: {times:?}: {record:?}", cell.name);
    }
    // The long line is in several messages; the other lines are in one each.
    let mut got = got.iter().map(|record| (record.priority, record.text.clone()));
    for (priority, text) in wanted {
        let text = store.stored(text);
        let mut found = got.next().unwrap_or_else(|| panic!("{}: no {text:?}", cell.name));
        while found.1.len() < text.len() {
            let next = got.next().unwrap_or_else(|| panic!("{}: a part of {found:?}", cell.name));
            assert_eq!(next.0, *priority, "{}", cell.name);
            found.1 += &next.1;
        }
        assert_eq!(found, (*priority, text.to_string()), "{}", cell.name);
    }
    assert_eq!(got.next(), None, "{}", cell.name);
}

#[test]
fn busybox_syslogd_gets_each_field_right() {
    struct Syslogd<'a> {
        rig: &'a Rig,
        namespace: &'a MountNamespace<'a>,
        daemon: RefCell<Option<Running<'a>>>,
    }
    impl Store for Syslogd<'_> {
        fn restart(&self) {
            if let Some(daemon) = self.daemon.take() {
                daemon.signal(Signal::SIGTERM);
                daemon.wait();
            }
            self.daemon.replace(Some(busybox(self.rig, self.namespace, "messages", ZONE)));
        }
        fn records(&self) -> Vec<Record> {
            busybox_records(&self.rig.read("messages"), ZONE_OFFSET)
        }
    }
    let Some(rig) = with_dsyslog() else { return };
    let Some(namespace) = devices(&rig) else { return };
    if !tools::has(&["busybox"]) {
        return;
    }
    let syslogd = Syslogd { rig: &rig, namespace: &namespace, daemon: RefCell::default() };
    let cells = cells(BUSYBOX, |_| "/dev/log".to_string());
    assert_matrix(&rig, &namespace.to_string(), &cells, &syslogd);
}

/// The address of a log server for a transport; `port` is its port for UDP and TCP.
fn address(server: &LogServer, port: u16) -> impl Fn(Transport) -> String {
    let (dgram, stream) = (server.path("dgram"), server.path("stream"));
    move |transport| match transport {
        Transport::Datagram => dgram.display().to_string(),
        Transport::Stream => stream.display().to_string(),
        Transport::Udp => format!("udp:127.0.0.1:{port}"),
        Transport::Tcp | Transport::Counted => format!("tcp:127.0.0.1:{port}"),
    }
}

#[test]
fn rsyslogd_gets_each_field_right() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(server) = LogServer::rsyslogd(&rig) else { return };
    let cells = cells(RSYSLOGD, address(&server, server.port));
    assert_matrix(&rig, "", &cells, &server);
}

#[test]
fn syslog_ng_gets_each_field_right() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(server) = LogServer::syslog_ng(&rig) else { return };
    let mut cells_of_all = cells(SYSLOG_NG, address(&server, server.port));
    cells_of_all.extend(cells(SYSLOG_NG_DRIVER, address(&server, server.driver_port)));
    assert_matrix(&rig, "", &cells_of_all, &server);
}

#[test]
fn openwrts_logd_gets_each_field_right() {
    struct Socket {
        path: std::path::PathBuf,
        logd: RefCell<Option<Logd>>,
        earlier: RefCell<Vec<Record>>,
    }
    impl Store for Socket {
        fn restart(&self) {
            if let Some(mut logd) = self.logd.take() {
                self.earlier.borrow_mut().extend(logd.records());
            }
            let _ = std::fs::remove_file(&self.path);
            self.logd.replace(Some(Logd::new(&self.path)));
        }
        fn records(&self) -> Vec<Record> {
            let mut all = self.earlier.borrow().clone();
            all.extend(self.logd.borrow_mut().as_mut().map(Logd::records).unwrap_or_default());
            all
        }
        fn local_host(&self) -> String {
            String::new()
        }
        fn stores_facility(&self, facility: u32) -> bool {
            facility != 23
        }
        fn stored<'a>(&self, text: &'a str) -> &'a str {
            text.trim_end()
        }
    }
    let Some(rig) = with_dsyslog() else { return };
    let Some(namespace) = openwrt_devices(&rig) else { return };
    let path = namespace.path("/dev/log");
    let socket = Socket { path, logd: RefCell::default(), earlier: RefCell::default() };
    let cells = cells(LOGD, |_| "/dev/log".to_string());
    assert_matrix(&rig, &namespace.to_string(), &cells, &socket);
}

/// s6-socklog reads datagrams, ucspilogd streams.
#[test]
fn the_receivers_of_s6_get_each_field_right() {
    struct Receivers<'a> {
        rig: &'a Rig,
        calls: [String; 2],
        running: RefCell<Vec<Running<'a>>>,
        restarts: RefCell<usize>,
    }
    impl Store for Receivers<'_> {
        fn restart(&self) {
            // SIGQUIT also stops the processes that s6-ipcserverd has started.
            for (receiver, stop) in
                self.running.take().into_iter().zip([Signal::SIGTERM, Signal::SIGQUIT])
            {
                receiver.signal(stop);
                receiver.wait();
            }
            for socket in ["dgram", "stream"] {
                let _ = std::fs::remove_file(self.rig.path(socket));
            }
            *self.restarts.borrow_mut() += 1;
            let number = self.restarts.borrow().to_string();
            let start = |call: &String| self.rig.start(call.replace("NUMBER", &number));
            self.running.replace(self.calls.iter().map(start).collect());
            self.rig.wait_file("dgram");
            // A stream socket has its path before it listens.
            self.rig
                .wait_for("the stream", || UnixStream::connect(self.rig.path("stream")).is_ok());
        }
        fn records(&self) -> Vec<Record> {
            let names = self.rig.names_in("log").into_iter();
            names.flat_map(|name| s6_records(&self.rig.read(&format!("log/{name}")))).collect()
        }
        fn local_host(&self) -> String {
            String::new()
        }
        fn stores_facility(&self, facility: u32) -> bool {
            !(12..16).contains(&facility)
        }
    }
    let Some(rig) = with_dsyslog() else { return };
    let programs = ["s6-socklog", "s6-ipcserver-socketbinder", "s6-ipcserverd", "ucspilogd"];
    let [Some(socklog), Some(binder), Some(server), Some(logger)] = programs.map(tools::peer)
    else {
        return;
    };
    let calls = [
        // Long lines are written in pieces, so each process has a file of its own.
        format!("{socklog} -x {} >log/NUMBER.0", rig.path("dgram").display()),
        format!("{binder} -- stream {server} sh -c 'exec {logger} >log/NUMBER.$$'"),
    ];
    rig.shell("mkdir log").exits(0);
    let receivers =
        Receivers { rig: &rig, calls, running: RefCell::default(), restarts: RefCell::default() };
    let to = |transport| match transport {
        Transport::Datagram => "./dgram".to_string(),
        _ => "./stream".to_string(),
    };
    assert_matrix(&rig, "", &cells(S6, to), &receivers);
}

/// Returns the options that a receiver requires over these transports, as the manual names them.
fn required(row: Row, transports: &[Transport]) -> String {
    // The format first: dsyslog frames by newlines in either.
    let mut ways = transports.iter().flat_map(|transport| {
        let results = row.1[TRANSPORTS.iter().position(|other| other == transport).expect("one")];
        let count = if *transport == Transport::Counted { " --octet-count" } else { "" };
        FORMATS
            .into_iter()
            .zip(results)
            .map(move |(format, result)| (format!("{format}{count}"), result))
    });
    match ways.find(|(_, result)| *result == Right) {
        None => "no".to_string(),
        Some((options, _)) if options.is_empty() => "yes".to_string(),
        Some((options, _)) => options.trim().to_string(),
    }
}

#[test]
fn the_manual_agrees_with_the_matrix() {
    use Transport::{Counted, Datagram, Stream, Tcp, Udp};
    let manual = include_str!("../../src/applets/dsyslog/dsyslog.8.in");
    let section = manual.split("\n.Sh COMPATIBILITY\n").nth(1).expect("a section");
    let section = section.split("\n.Sh ").next().expect("its text");
    let plain = |line: &str| line.replace(".It ", "").replace("Fl -", "--").replace(" Ta ", "|");
    let rows: Vec<String> =
        section.lines().filter(|line| line.contains(" Ta ")).map(plain).collect();
    for row in MATRIX {
        let columns: [&[Transport]; 3] = [&[Datagram, Stream], &[Udp], &[Tcp, Counted]];
        let columns = columns.map(|transports| required(row, transports));
        let wanted = format!("{}|{}", row.0, columns.join("|"));
        assert!(rows.contains(&wanted), "the manual lacks {wanted:?}: {rows:#?}");
    }
}

//! rsyslogd and syslog-ng, each with its own configuration, sockets and ports.
//!
//! Each listens at the datagram socket `dgram` and the stream socket `stream` in a folder of its own, and at a UDP and
//! TCP port of 127.0.0.1. All options that matter for the fields of a message have their defaults, except those that
//! dsyslog(8) names.

use super::syslog_record::{Record, complete_lines};
use super::syslogd::free_port;
use super::{Rig, Running, peers};
use nix::sys::signal::Signal;
use std::cell::RefCell;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// The time zone of the daemons. It differs from UTC and from the zone of every sender.
pub const ZONE: &str = "AHEAD-5:30";
/// Its difference from UTC in seconds.
pub const ZONE_OFFSET: i64 = 19_800;

pub struct LogServer<'a> {
    rig: &'a Rig,
    pub name: &'static str,
    /// The characters that end the name of a program in the format of RFC 3164.
    pub ends_name: &'static str,
    /// The characters that it removes from the start of a name in a message without a timestamp.
    pub starts_name: &'static str,
    call: String,
    /// A port for UDP and TCP.
    pub port: u16,
    /// The UDP and TCP port of syslog-ng's driver `syslog()`; of rsyslogd the same as `port`.
    pub driver_port: u16,
    daemon: RefCell<Option<Running<'a>>>,
}

/// `AddtlFrameDelimiter`: on a local stream, each message ends with NUL.
/// `escapeControlCharacterTab`: by default a TAB is stored as `#011`.
const RSYSLOGD: &str = r#"
global(workDirectory="FOLDER" parser.escapeControlCharacterTab="off")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imtcp")
module(load="imptcp")
input(type="imuxsock" Socket="FOLDER/dgram" RateLimit.Interval="0")
input(type="imptcp" path="FOLDER/stream" AddtlFrameDelimiter="0")
input(type="imudp" address="127.0.0.1" port="PORT")
input(type="imtcp" address="127.0.0.1" port="PORT")
template(name="fields" type="string" string="%timereported:::date-unixtimestamp%\t%hostname%\t%app-name%\t%procid%\t%pri%\t%protocol-version%\t%msg%\n")
action(type="omfile" file="FOLDER/got" template="fields")
"#;

/// `keep-hostname`: by default the name of a remote host is its address.
const SYSLOG_NG: &str = r#"
@version: VERSION
options { keep-hostname(yes); use-dns(no); dns-cache(no); };
source s {
    unix-dgram("FOLDER/dgram");
    unix-stream("FOLDER/stream");
    network(transport("udp") ip("127.0.0.1") port(PORT));
    network(transport("tcp") ip("127.0.0.1") port(PORT));
    syslog(transport("udp") ip("127.0.0.1") port(DRIVER));
    syslog(transport("tcp") ip("127.0.0.1") port(DRIVER));
};
destination d { file("FOLDER/got" template("$S_UNIXTIME\t$HOST\t$PROGRAM\t$PID\t$PRI\t1\t$MSG\n")); };
log { source(s); destination(d); };
"#;

impl<'a> LogServer<'a> {
    /// Writes the configuration of rsyslogd, or skips the test.
    pub fn rsyslogd(rig: &'a Rig) -> Option<LogServer<'a>> {
        let call = peers::call("usr/sbin/rsyslogd")?;
        let modules = peers::libraries("usr/lib").join("rsyslog");
        let options = format!("-M {} -n -f FOLDER/conf -i FOLDER/pid", modules.display());
        Some(LogServer::new(rig, ["rsyslogd", ":[/", ""], &format!("{call} {options}"), RSYSLOGD))
    }

    /// Writes the configuration of syslog-ng, or skips the test.
    pub fn syslog_ng(rig: &'a Rig) -> Option<LogServer<'a>> {
        let call = peers::call("usr/sbin/syslog-ng")?;
        let modules = peers::subfolder("usr/lib/syslog-ng", |name| {
            name.starts_with(|c: char| c.is_ascii_digit())
        });
        let version = modules.file_name().expect("a version").to_string_lossy();
        let options = format!(
            "--module-path={} -F --no-caps -f FOLDER/conf -R FOLDER/persist -c FOLDER/control -p FOLDER/pid",
            modules.display()
        );
        let config = SYSLOG_NG.replace("VERSION", &version);
        Some(LogServer::new(rig, ["syslog-ng", ":[", "*."], &format!("{call} {options}"), &config))
    }

    fn new(
        rig: &'a Rig,
        [name, ends_name, starts_name]: [&'static str; 3],
        call: &str,
        config: &str,
    ) -> LogServer<'a> {
        let folder = rig.path(name);
        std::fs::create_dir(&folder).expect("a folder");
        let port = free_port();
        let driver_port = if config.contains("DRIVER") { free_port() } else { port };
        let fill = |text: &str| {
            text.replace("FOLDER", &folder.display().to_string())
                .replace("PORT", &port.to_string())
                .replace("DRIVER", &driver_port.to_string())
        };
        rig.write(&format!("{name}/conf"), fill(config.trim_start()));
        let call = format!("env TZ={ZONE} {}", fill(call));
        LogServer {
            rig,
            name,
            ends_name,
            starts_name,
            call,
            port,
            driver_port,
            daemon: RefCell::default(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.rig.path(self.name).join(name)
    }

    /// Starts it and waits until it listens.
    pub fn start(&self) {
        for socket in ["dgram", "stream"] {
            let _ = std::fs::remove_file(self.path(socket));
        }
        let daemon = self.rig.start(&self.call);
        self.rig.wait_for(format!("{} to listen", self.name), || {
            assert!(daemon.is_running(), "cannot start {}: {}", self.name, daemon.err());
            // A stream socket has its path before it listens.
            self.path("dgram").exists()
                && UnixStream::connect(self.path("stream")).is_ok()
                && [self.port, self.driver_port]
                    .iter()
                    .all(|&port| TcpStream::connect(("127.0.0.1", port)).is_ok())
        });
        self.daemon.replace(Some(daemon));
    }

    /// Sends this signal to it and waits until it has exited.
    pub fn stop(&self, which: Signal) {
        if let Some(daemon) = self.daemon.take() {
            daemon.signal(which);
            daemon.wait();
        }
    }

    /// Returns all messages that it has stored.
    pub fn records(&self) -> Vec<Record> {
        let text = self.rig.read(&format!("{}/got", self.name));
        let record =
            |line| Record::of_fields(line).unwrap_or_else(|| panic!("{}: {line:?}", self.name));
        complete_lines(&text).map(record).collect()
    }
}

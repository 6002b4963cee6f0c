//! Real syslog daemons, each with its files, sockets and ports in a place of the test's own.

use super::space::Space;
use super::{Rig, Running, peers, receiver, tools};
use std::io::Write;
use std::net::UdpSocket;

/// A folder for a test of dsyslog; nothing, with a word to the user, where the tested program has no dsyslog.
pub fn with_dsyslog() -> Option<Rig> {
    let rig = Rig::new();
    if !rig.run("dsyslog --help").err.contains("not there yet") {
        return Some(rig);
    }
    let test = std::thread::current();
    let name = test.name().unwrap_or("a test");
    let words = format!("skipped: {name}: this program is built without dsyslog\n");
    let _ = std::io::stderr().write_all(words.as_bytes());
    None
}

/// `/dev` with the few devices programs need and no `log`, seen by this test only; `/run` empty.
pub fn devices(rig: &Rig) -> Option<Space<'_>> {
    let script = "
mkdir dev
mount -t tmpfs none dev
for name in null zero full urandom; do
    : >dev/$name
    mount --bind /dev/$name dev/$name
done
mount --move dev /dev
mount -t tmpfs none /run";
    Space::new(rig, script)
}

/// Starts the syslogd of busybox, which writes to `file`; waits until it listens.
pub fn busybox<'a>(rig: &'a Rig, space: &Space, file: &str) -> Running<'a> {
    let path = rig.path(file);
    let before = rig.lines(file);
    let syslogd = rig.start(format!("{space} busybox syslogd -n -O {}", path.display()));
    // Its first line says that it has started; only then does it read its socket.
    rig.wait_lines(file, before + 1);
    syslogd
}

/// A rsyslogd that listens at the socket `log` of the folder, and at a port for datagrams and streams.
///
/// It writes each message as `NUMBER|NAME| TEXT` into the file `got`.
pub struct Rsyslogd<'a> {
    rig: &'a Rig,
    call: String,
    pub port: u16,
}

const CONFIG: &str = r#"
global(workDirectory="FOLDER" parser.escapeControlCharactersOnReceive="off" maxMessageSize="64k")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imtcp")
input(type="imuxsock" Socket="FOLDER/log" UseSysTimeStamp="off" UseSpecialParser="off" RateLimit.Interval="0")
input(type="imudp" address="127.0.0.1" port="PORT")
input(type="imtcp" address="127.0.0.1" port="PORT")
template(name="plain" type="string" string="%pri%|%app-name%|%msg:::sp-if-no-1st-sp%%msg%\n")
action(type="omfile" file="FOLDER/got" template="plain")
"#;

impl Rsyslogd<'_> {
    /// Nothing, with a word to the user, where there is no rsyslogd.
    pub fn new(rig: &Rig) -> Option<Rsyslogd<'_>> {
        let call = peers::call("usr/sbin/rsyslogd")?;
        let modules = peers::libraries().join("rsyslog").display().to_string();
        let port = free_port();
        let folder = rig.path("").display().to_string();
        let config = CONFIG
            .replace("FOLDER", folder.trim_end_matches('/'))
            .replace("PORT", &port.to_string());
        rig.write("rsyslog.conf", config);
        let call = format!("{call} -M {modules} -n -f {0}rsyslog.conf -i {0}rsyslog.pid", folder);
        Some(Rsyslogd { rig, call, port })
    }

    /// Waits until it listens.
    pub fn start(&self) -> Running<'_> {
        let _ = std::fs::remove_file(self.rig.path("log"));
        let daemon = self.rig.start(&self.call);
        self.rig.wait_for(format!("rsyslogd to listen: {}", daemon.err()), || {
            self.rig.has("log") && std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
        daemon
    }

    /// Waits until these have come: `NUMBER|NAME| TEXT` each.
    pub fn wait_for(&self, wanted: &[String]) {
        let got = || self.rig.read("got").lines().map(str::to_string).collect::<Vec<_>>();
        self.rig.wait_for(format!("{wanted:?} in the file `got`"), || got() == wanted);
    }
}

/// An address where nobody answers, nor refuses.
pub const NOBODY: &str = "tcp:10.9.9.2:514";

/// The words that lead into a network of one's own in which there is `NOBODY`; nothing, with a word
/// to the user, where that cannot be.
pub fn nowhere() -> Option<String> {
    let busybox = peers::busybox()?;
    if !tools::can_mount() {
        return None;
    }
    // What goes out by the loop comes in again, and is for somebody else.
    let script = format!(
        "ip() {{ {busybox} ip \"$@\"; }}; ip link set lo up && ip addr add 10.9.9.1/32 dev lo && \
        ip route add 10.9.9.2 dev lo && exec \"$@\""
    );
    Some(format!("{} -n sh -c '{script}' sh", tools::unshare_mounts()))
}

/// A port of 127.0.0.1 that nobody uses now.
pub fn free_port() -> u16 {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
    let port = socket.local_addr().expect("an address").port();
    receiver::close(socket);
    port
}

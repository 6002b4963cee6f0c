//! Real receivers: names, hosts, restarts, and logger(1) beside dsyslog.

use super::{assert_lines, lines};
use crate::rig::log_server::{LogServer, ZONE};
use crate::rig::logd::Logd;
use crate::rig::syslog_record::Record;
use crate::rig::syslogd::{busybox, devices, openwrt_devices, with_dsyslog};
use crate::rig::{Rig, feed, quoted, tools};
use nix::sys::signal::Signal;

/// Starts rsyslogd and syslog-ng. A missing one is reported as skipped.
fn log_servers(rig: &Rig) -> Vec<LogServer<'_>> {
    let servers = [LogServer::rsyslogd(rig), LogServer::syslog_ng(rig)];
    let servers: Vec<LogServer> = servers.into_iter().flatten().collect();
    servers.iter().for_each(LogServer::start);
    servers
}

#[test]
fn busybox_syslogd_may_start_late_and_be_killed() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(namespace) = devices(&rig) else { return };
    if !tools::has(&["busybox"]) {
        return;
    }
    let (dsyslog, mut input) = rig.start_fed(format!("{namespace} dsyslog fan"));
    let mut last = 0;
    let mut more = |count: usize| {
        feed(&mut input, lines(last + 1, last + count));
        last += count;
        last
    };
    let got = || rig.read("messages").lines().filter(|line| line.contains("fan: line ")).count();
    more(20);
    rig.wait_state(dsyslog.pid(), 'S');
    for stop in [Signal::SIGKILL, Signal::SIGTERM] {
        let syslogd = busybox(&rig, &namespace, "messages", ZONE);
        let wanted = more(20);
        rig.wait_for("all lines", || got() == wanted);
        syslogd.signal(stop);
        syslogd.wait();
        more(20);
        rig.wait_state(dsyslog.pid(), 'S');
    }
    let _syslogd = busybox(&rig, &namespace, "messages", ZONE);
    rig.wait_for("all lines", || got() == 100);
    drop(input);
    dsyslog.wait().exits(0);
    let log = rig.read("messages");
    let texts: Vec<String> = log
        .lines()
        .filter_map(|line| line.split_once("fan: "))
        .map(|(_, text)| text.to_string())
        .collect();
    assert_lines(&texts, 1);
}

#[test]
fn log_servers_may_start_late_and_be_killed() {
    let Some(rig) = with_dsyslog() else { return };
    for server in log_servers(&rig) {
        server.stop(Signal::SIGTERM);
        let [datagrams, stream] = ["dgram", "stream"].map(|name| server.path(name));
        let addresses = [
            datagrams.display().to_string(),
            stream.display().to_string(),
            format!("tcp:127.0.0.1:{}", server.port),
        ];
        let names = ["datagrams", "stream", "tcp"];
        let start = |(name, to)| rig.start_fed(format!("dsyslog --to {to} {name}"));
        let mut senders: Vec<_> = names.iter().zip(addresses).map(start).collect();
        let mut more = |from: usize| {
            for (dsyslog, input) in &mut senders {
                feed(input, lines(from, from + 9));
                rig.wait_state(dsyslog.pid(), 'S');
            }
        };
        let texts = |name: &str| {
            let records = server.records().into_iter().filter(|record| record.program == name);
            records.map(|record| record.text).collect::<Vec<_>>()
        };
        let wait_for = |count: usize| {
            rig.wait_for(format!("{count} lines each"), || {
                names.iter().all(|name| texts(name).len() == count)
            });
        };
        more(1);
        server.start();
        wait_for(10);
        more(11);
        wait_for(20);
        server.stop(Signal::SIGKILL);
        more(21);
        server.start();
        more(31);
        wait_for(40);
        for (dsyslog, input) in senders {
            drop(input);
            dsyslog.wait().exits(0);
        }
        names.iter().for_each(|name| assert_lines(&texts(name), 1));
    }
}

/// In the format of RFC 3164, a receiver ends a name at some characters, and removes others from its start. RFC 5424
/// delimits names.
#[test]
fn a_name_may_contain_every_printing_character() {
    let Some(rig) = with_dsyslog() else { return };
    let printing: Vec<char> = ('!'..='~').collect();
    for server in log_servers(&rig) {
        let path = server.path("dgram").display().to_string();
        let port = server.driver_port;
        let mut script = String::new();
        for character in &printing {
            let name = quoted(&format!("{character}a{character}b"));
            script += &format!("echo text | dsyslog --to {path} -- {name}\n");
        }
        let halves = printing.chunks(47).map(|half| half.iter().collect::<String>());
        let halves: Vec<String> = halves.collect();
        for name in halves.iter().map(|name| quoted(name)) {
            script +=
                &format!("echo text | dsyslog --rfc5424 --to udp:127.0.0.1:{port} -- {name}\n");
        }
        rig.shell(script).exits(0).reports_nothing();
        let count = printing.len() + halves.len();
        rig.wait_for("all messages", || server.records().len() == count);
        let records = server.records();
        for name in halves {
            let found = records.iter().find(|record| record.program == name);
            assert_eq!(found.map(|record| &*record.text), Some("text"), "{name}");
        }
        for character in &printing {
            let name = format!("{character}a{character}b");
            let wanted = match character {
                c if server.ends_name.contains(*c) => "",
                c if server.starts_name.contains(*c) => &name[1..],
                _ => &name,
            };
            let is_right = |record: &Record| {
                record.program.trim_end_matches('-') == wanted && record.text.ends_with("text")
            };
            assert!(records.iter().any(is_right), "{name}: {records:#?}");
        }
    }
}

/// logd removes 16 bytes from a message whose 16th byte is a blank.
#[test]
fn openwrts_logd_gets_every_byte() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(namespace) = openwrt_devices(&rig) else { return };
    let mut logd = Logd::new(namespace.path("/dev/log"));
    let texts = ["a b c d e f g h i j", " a b c d e f g h i j"];
    rig.write("in", texts.join("\n"));
    for length in 1..=24 {
        let name = "n".repeat(length);
        for id in ["", "--id=7"] {
            let before = logd.records().len();
            rig.run(format!("{namespace} dsyslog {id} {name} <in")).exits(0).reports_nothing();
            let records = logd.records();
            let found: Vec<_> = records[before..]
                .iter()
                .map(|Record { program, pid, text, .. }| (&**program, &**pid, &**text))
                .collect();
            let pid = id.trim_start_matches("--id=");
            assert_eq!(found, texts.map(|text| (&*name, pid, text)));
        }
    }
}

#[test]
fn a_new_host_name_is_noticed() {
    let Some(rig) = with_dsyslog() else { return };
    if !tools::can_mount() || !tools::has(&["busybox", "nsenter"]) {
        return;
    }
    let unshare = format!("{} -u", tools::unshare_mounts());
    let user = match nix::unistd::geteuid().is_root() {
        true => "",
        false => "-U --preserve-credentials",
    };
    for server in log_servers(&rig) {
        let old = format!("--to udp:127.0.0.1:{}", server.port);
        let new = format!("--rfc5424 --octet-count --to tcp:127.0.0.1:{}", server.driver_port);
        for (name, options) in [("old", old), ("new", new)] {
            let line = format!("busybox hostname kitchen; exec dsyslog {options} {name}");
            let (dsyslog, mut input) = rig.start_fed(format!("{unshare} sh -c '{line}'"));
            let has = |host: &str| {
                server.records().iter().any(|record| record.program == name && record.host == host)
            };
            feed(&mut input, "one\n");
            rig.wait_for("the first host", || has("kitchen"));
            let nsenter = format!("nsenter -t {} {user} -u", dsyslog.pid());
            rig.run(format!("{nsenter} busybox hostname garage")).exits(0);
            let input = std::cell::RefCell::new(input);
            rig.wait_for("the second host", || {
                feed(&mut input.borrow_mut(), "more\n");
                has("garage")
            });
            drop(input);
            dsyslog.wait().exits(0).reports_nothing();
            let hosts = server.records().into_iter().map(|record| record.host);
            let unknown = hosts.filter(|host| host != "kitchen" && host != "garage");
            assert_eq!(unknown.collect::<Vec<_>>(), Vec::<String>::new());
        }
    }
}

/// logger(1) of util-linux.
#[test]
fn loggers_messages_have_the_same_fields() {
    let Some(rig) = with_dsyslog() else { return };
    if !tools::has(&["logger"]) {
        return;
    }
    for server in log_servers(&rig) {
        let path = server.path("dgram").display().to_string();
        let (port, driver) = (server.port, server.driver_port);
        let ways = [
            (format!("-u {path}"), format!("--to {path}")),
            (format!("--rfc3164 -n 127.0.0.1 -d -P {port}"), format!("--to udp:127.0.0.1:{port}")),
            (format!("--rfc3164 -n 127.0.0.1 -T -P {port}"), format!("--to tcp:127.0.0.1:{port}")),
            (
                format!("--rfc5424 -n 127.0.0.1 -d -P {driver}"),
                format!("--rfc5424 --to udp:127.0.0.1:{driver}"),
            ),
            (
                format!("--rfc5424 --octet-count -n 127.0.0.1 -T -P {driver}"),
                format!("--rfc5424 --octet-count --to tcp:127.0.0.1:{driver}"),
            ),
        ];
        let mut count = 0;
        for (logger, dsyslog) in ways {
            for (id, priority) in [("", "user.notice"), ("--id=4711", "local3.err")] {
                let text = "ä one: two";
                rig.shell(format!(
                    "TZ={ZONE} logger {logger} {id} -p {priority} -t fan '{text}'
                     echo '{text}' | dsyslog {dsyslog} {id} -p {priority} fan"
                ))
                .exits(0)
                .reports_nothing();
                count += 2;
                rig.wait_for("both messages", || server.records().len() == count);
                let records = server.records();
                let [of_logger, of_dsyslog] = &records[count - 2..] else { unreachable!() };
                assert!((0..20).contains(&(of_dsyslog.time - of_logger.time)), "{records:#?}");
                let host = of_dsyslog.host.split('.').next().unwrap_or_default().to_string();
                assert_eq!(of_logger.host.split('.').next(), Some(&*host), "{dsyslog}");
                let fields =
                    |record: &Record| Record { time: 0, host: host.clone(), ..record.clone() };
                assert_eq!(fields(of_dsyslog), fields(of_logger), "{dsyslog}");
            }
        }
    }
}

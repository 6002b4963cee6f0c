//! Real receivers: the syslogd of busybox, and rsyslogd.

use super::{WARNING, assert_lines, lines};
use crate::rig::syslogd::{Rsyslogd, busybox, devices, with_dsyslog};
use crate::rig::{feed, tools};
use nix::sys::signal::Signal;

#[test]
fn busybox_syslogd_accepts_the_messages() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(namespace) = devices(&rig) else { return };
    if !tools::has(&["busybox"]) {
        return;
    }
    let _syslogd = busybox(&rig, &namespace, "messages");
    rig.shell(format!("printf 'one\\ntwo\\n' | {namespace} dsyslog -p user.err fan"))
        .exits(0)
        .reports_nothing();
    rig.wait_lines("messages", 3);
    let log = rig.read("messages");
    let lines: Vec<&str> = log.lines().skip(1).collect();
    assert!(lines[0].ends_with("user.err fan: one"), "{log}");
    assert!(lines[1].ends_with("user.err fan: two"), "{log}");
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
        let syslogd = busybox(&rig, &namespace, "messages");
        let wanted = more(20);
        rig.wait_for("all lines", || got() == wanted);
        syslogd.signal(stop);
        syslogd.wait();
        more(20);
        rig.wait_state(dsyslog.pid(), 'S');
    }
    let _syslogd = busybox(&rig, &namespace, "messages");
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
fn rsyslogd_accepts_every_transport_and_format() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(rsyslogd) = Rsyslogd::new(&rig) else { return };
    let _daemon = rsyslogd.start();
    let port = rsyslogd.port;
    let destinations =
        ["./log".to_string(), format!("udp:127.0.0.1:{port}"), format!("tcp:127.0.0.1:{port}")];
    let mut wanted = Vec::new();
    for to in destinations {
        for format in ["", "--rfc5424"] {
            let text = format!("{to} {format} ä\ttab");
            rig.write("in", format!("{text}\n"));
            rig.run(format!("dsyslog -p local3.info {format} --to {to} fan <in"))
                .exits(0)
                .reports_nothing();
            wanted.push(format!("{}|fan| {text}", 19 * 8 + 6));
            rsyslogd.wait_for(&wanted);
        }
    }
}

#[test]
fn rsyslogd_may_be_killed_and_restarted() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(rsyslogd) = Rsyslogd::new(&rig) else { return };
    let mut wanted = Vec::new();
    for to in ["./log".to_string(), format!("tcp:127.0.0.1:{}", rsyslogd.port)] {
        let daemon = rsyslogd.start();
        let (dsyslog, mut input) = rig.start_fed(format!("dsyslog --to {to} fan"));
        let mut more = |from: usize| {
            feed(&mut input, lines(from, from + 9));
            wanted.extend((from..from + 10).map(|at| format!("{WARNING}|fan| line {at}")));
            wanted.clone()
        };
        rsyslogd.wait_for(&more(1));
        daemon.kill();
        rig.wait_state(dsyslog.pid(), 'S');
        more(11);
        rig.wait_state(dsyslog.pid(), 'S');
        let daemon = rsyslogd.start();
        rsyslogd.wait_for(&more(21));
        drop(input);
        dsyslog.wait().exits(0);
        daemon.kill();
    }
}

#[test]
fn rsyslogd_gets_a_long_line_whole() {
    let Some(rig) = with_dsyslog() else { return };
    let Some(rsyslogd) = Rsyslogd::new(&rig) else { return };
    let _daemon = rsyslogd.start();
    let line = "ä€🐢x".repeat(1000);
    rig.write("in", format!("{line}\nend\n"));
    rig.run(format!("dsyslog --to tcp:127.0.0.1:{} fan <in", rsyslogd.port)).exits(0);
    rig.wait_for("the end", || rig.read("got").ends_with(" end\n"));
    let got = rig.read("got");
    let texts = got.lines().filter_map(|line| line.split_once("|fan| "));
    assert_eq!(texts.map(|(_, text)| text).collect::<String>(), line + "end");
}

//! What tests of dsyslog need: mount namespaces with a `/dev` of their own, busybox's syslogd, free ports.

use super::mount_namespace::MountNamespace;
use super::{Rig, Running, peers, tools};
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes a rig, or skips the test if the tested program has no dsyslog.
pub fn with_dsyslog() -> Option<Rig> {
    let rig = Rig::new();
    if !rig.run("dsyslog --help").err.contains("not there yet") {
        return Some(rig);
    }
    tools::skip("this program is built without dsyslog");
    None
}

/// Makes a mount namespace with an empty `/run` and a `/dev` that has a few devices and no `log`.
pub fn devices(rig: &Rig) -> Option<MountNamespace<'_>> {
    MountNamespace::new(rig, DEVICES)
}

/// Makes such a mount namespace with the file by which dsyslog recognises OpenWrt's logd.
pub fn openwrt_devices(rig: &Rig) -> Option<MountNamespace<'_>> {
    MountNamespace::new(
        rig,
        &format!("{DEVICES}\nmount -t tmpfs none /sbin\n: >/sbin/logd\nchmod 755 /sbin/logd"),
    )
}

const DEVICES: &str = "
mkdir dev
mount -t tmpfs none dev
for name in null zero full urandom; do
    : >dev/$name
    mount --bind /dev/$name dev/$name
done
mount --rbind dev /dev
mount -t tmpfs none /run";

/// Starts busybox's syslogd in a time zone and waits until it listens. It writes to `file`.
pub fn busybox<'a>(
    rig: &'a Rig,
    namespace: &MountNamespace,
    file: &str,
    zone: &str,
) -> Running<'a> {
    let path = rig.path(file);
    let before = rig.lines(file);
    let line = format!("{namespace} env TZ={zone} busybox syslogd -n -O {}", path.display());
    let syslogd = rig.start(line);
    // It logs its start after it has made its socket.
    rig.wait_lines(file, before + 1);
    syslogd
}

/// An address that neither answers nor refuses: see `in_black_hole_network`.
pub const BLACK_HOLE: &str = "tcp:10.9.9.2:514";

/// Returns the command that runs another one in a network namespace with the address `BLACK_HOLE`, or skips the test.
pub fn in_black_hole_network() -> Option<String> {
    // The loopback interface gets these packets back, and drops them: the address is not its own.
    in_network("ip addr add 10.9.9.1/32 dev lo && ip route add 10.9.9.2 dev lo")
}

/// Returns the command that runs another one in a network namespace whose loopback interface, number 1, has the address
/// fe80::1, or skips the test.
pub fn in_link_local_network() -> Option<String> {
    if !std::path::Path::new("/proc/net/if_inet6").exists() {
        tools::skip("needs IPv6");
        return None;
    }
    in_network("ip addr add fe80::1/64 dev lo")
}

/// Returns the command that runs another one in a network namespace that these commands have set up.
fn in_network(setup: &str) -> Option<String> {
    let busybox = peers::busybox()?;
    if !tools::can_mount() {
        return None;
    }
    let script =
        format!("ip() {{ {busybox} ip \"$@\"; }}; ip link set lo up && {setup} && exec \"$@\"");
    Some(format!("{} -n sh -c '{script}' sh", tools::unshare_mounts()))
}

/// Returns a port of 127.0.0.1 that is free for UDP and TCP.
///
/// It is below the ports that the kernel assigns. So no socket of another test gets it before its user binds it,
/// and a TCP connection to it cannot get the same source port and thus connect to itself. No socket is bound to
/// try it: a fork in the thread of another test would keep such a socket open until its exec.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let range = range.unwrap_or_default();
    let assigned = range.split_whitespace().next().and_then(|word| word.parse().ok());
    let end = assigned.filter(|&port| port > FIRST_PORT + 1000).unwrap_or(32768);
    let used = used_ports();
    for _ in FIRST_PORT..end {
        // The PID separates test runs that happen at the same time.
        let at =
            (std::process::id() * 100 + TAKEN.fetch_add(1, Ordering::Relaxed)) % (end - FIRST_PORT);
        let port = u16::try_from(FIRST_PORT + at).expect("a port number");
        if !used.contains(&port) {
            return port;
        }
    }
    panic!("no free port from {FIRST_PORT} to {end}");
}

const FIRST_PORT: u32 = 10_000;

/// Returns the local ports of all sockets, from the second column of /proc/net/tcp and the like.
fn used_ports() -> Vec<u16> {
    let tables = ["tcp", "tcp6", "udp", "udp6"];
    let texts = tables
        .map(|table| std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default());
    let port = |line: &str| {
        let (_, port) = line.split_whitespace().nth(1)?.split_once(':')?;
        u16::from_str_radix(port, 16).ok()
    };
    texts.iter().flat_map(|text| text.lines().filter_map(port)).collect()
}

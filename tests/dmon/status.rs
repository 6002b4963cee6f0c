//! Status lines (`-I`): their content, and that no error of their file stops dmon.

use crate::rig::disk::{Disk, PAGE};
use crate::rig::load::Load;
use crate::rig::{Rig, limit, proc, signal, tools, words_as_letters};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};

/// Replaces each PID by a letter, in order of appearance.
fn letter_pids(text: &str) -> Vec<String> {
    words_as_letters(text, 2)
}

#[test]
fn status_lines_contain_the_wait_status_of_waitpid() {
    let rig = Rig::new();
    rig.run("dmon -n -m 1 -d 0 -I st sh -c 'exit 3' -- dlog f").exits(3);
    assert_eq!(
        letter_pids(&rig.read("st")),
        [
            "log start A",
            "cmd start B",
            "cmd exit B 768",
            "cmd start C",
            "cmd exit C 768",
            "log exit A 0",
        ]
    );
    rig.run("dmon -n -1 -I st true").exits(0);
    let text = rig.read("st");
    assert!(text.starts_with("log start ") && text.ends_with(" 0\n"), "appended: {text}");
    assert_eq!(rig.path("st").metadata().unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_status_line_reports_the_stop_of_a_run() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -I st sleep 1000");
    rig.child(dmon.pid(), "sleep 1000");
    rig.wait_lines("st", 1);
    dmon.signal(Signal::SIGTERM);
    dmon.wait().exits(143);
    assert_eq!(letter_pids(&rig.read("st")), ["cmd start A", "cmd stop A", "cmd exit A 15"]);
}

#[test]
fn status_lines_report_timeout_and_sigkill() {
    let rig = Rig::new();
    let line = "trap \"\" TERM; echo >ready; while :; do sleep 0.05; done";
    rig.run(format!("dmon -n -m 0 -t 0.5 -k 0.2 -I st sh -c '{line}'")).exits(124);
    assert_eq!(
        letter_pids(&rig.read("st")),
        ["cmd start A", "cmd timeout A", "cmd kill A", "cmd exit A 9"]
    );
}

#[test]
fn status_lines_report_forwarded_signals() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -s -S -I st sleep 1000 -- sleep 2000");
    rig.child(dmon.pid(), "sleep 1000");
    rig.wait_lines("st", 2);
    let text = rig.read("st");
    let pid = |line: usize| text.lines().nth(line).unwrap().rsplit(' ').next().unwrap().to_string();
    let (log, cmd) = (pid(0), pid(1));
    dmon.signal(Signal::SIGUSR1);
    let number = tools::signal_number(Signal::SIGUSR1);
    rig.wait_for("both lines", || {
        let text = rig.read("st");
        text.contains(&format!("cmd signal {cmd} {number}\n"))
            && text.contains(&format!("log signal {log} {number}\n"))
    });
}

#[test]
fn status_lines_report_pause_and_resume() {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 9.0) else {
        return;
    };
    let dmon = rig.start(format!("{load} dmon -n -L 4 -I st sleep 1000"));
    rig.wait_lines("st", 2);
    load.set(1.0);
    rig.wait_lines("st", 3);
    assert_eq!(letter_pids(&rig.read("st")), ["cmd start A", "cmd pause A", "cmd resume A"]);
    dmon.kill();
}

#[test]
fn a_fifo_keeps_the_status_lines_until_they_are_read() {
    let rig = Rig::new();
    rig.shell("mkfifo st").exits(0);
    let dmon = rig.start("dmon -n -d 0 -I st sh -c 'echo >>ran; sleep 0.05'");
    rig.wait_lines("ran", 2);
    // The first reader closes the FIFO in the middle of a line, and a second one continues.
    let open = || {
        OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(rig.path("st"))
            .unwrap()
    };
    let mut first = vec![0; 15];
    open().read_exact(&mut first).expect("read the first bytes");
    let before = rig.lines("ran");
    rig.wait_lines("ran", before + 2);
    let mut rest = vec![0; 4096];
    let count = open().read(&mut rest).expect("read the rest");
    let text = String::from_utf8([first, rest[..count].to_vec()].concat()).unwrap();
    assert!(text.starts_with("cmd start "), "{text}");
    for line in text.lines().take(text.lines().count() - 1) {
        assert!(line.starts_with("cmd start ") || line.ends_with(" 0"), "{line:?} in {text}");
    }
    dmon.kill();
}

#[test]
fn a_full_fifo_loses_only_whole_status_lines() {
    let rig = Rig::new();
    rig.shell("mkfifo st").exits(0);
    let mut both = OpenOptions::new();
    both.read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let mut fifo = both.open(rig.path("st")).expect("open both ends");
    while fifo.write(&[b'.'; 4096]).is_ok() {}
    let dmon = rig.start("dmon -n -d 0 -I st sh -c 'echo >>ran; sleep 0.02'");
    rig.wait_lines("ran", 5);
    let mut junk = vec![0; 1 << 20];
    while fifo.read(&mut junk).is_ok() {}
    let before = rig.lines("ran");
    rig.wait_lines("ran", before + 3);
    let count = fifo.read(&mut junk).expect("read new lines");
    let text = String::from_utf8_lossy(&junk[..count]).into_owned();
    assert!(text.lines().all(|line| line.starts_with("cmd ")), "{text}");
    assert!(text.ends_with('\n'), "{text}");
    dmon.kill();
}

#[test]
fn a_datagram_socket_for_status_lines_may_be_replaced() {
    let rig = Rig::new();
    let listen = |name| {
        let receiver = UnixDatagram::bind(rig.path(name)).expect("bind");
        receiver.set_read_timeout(Some(limit())).expect("set the timeout");
        receiver
    };
    let receiver = listen("st");
    let dmon = rig.start("dmon -n -d 0 -I st sh -c 'echo >>ran; sleep 0.05'");
    let mut buffer = [0; 100];
    let count = receiver.recv(&mut buffer).expect("receive a line");
    assert!(buffer[..count].starts_with(b"cmd start ") && buffer[..count].ends_with(b"\n"));
    drop(receiver);
    rig.shell("rm st").exits(0);
    let before = rig.lines("ran");
    rig.wait_lines("ran", before + 2);
    assert!(!rig.has("st"), "dmon created a file in place of the socket");
    let receiver = listen("st.new");
    rig.shell("mv st.new st").exits(0);
    let count = receiver.recv(&mut buffer).expect("receive another line");
    assert!(buffer[..count].starts_with(b"cmd "));
    assert!(dmon.is_running());
    dmon.kill();
}

#[test]
fn a_stream_socket_receives_status_lines() {
    let rig = Rig::new();
    let receiver = UnixListener::bind(rig.path("st")).expect("bind");
    receiver.set_nonblocking(true).expect("make the listener non-blocking");
    let dmon = rig.start("dmon -n -m 0 -I st true");
    let (mut stream, _) = rig.wait_for_some("dmon to connect", || receiver.accept().ok());
    let blocking = stream.set_nonblocking(false);
    blocking.and_then(|()| stream.set_read_timeout(Some(limit()))).expect("set the timeout");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("read all lines");
    dmon.wait().exits(0);
    assert_eq!(letter_pids(&text), ["cmd start A", "cmd exit A 0"]);
}

#[test]
fn a_status_file_that_cannot_be_opened_is_an_error() {
    let rig = Rig::new();
    rig.shell("mkdir d").exits(0);
    for path in ["d", "none/st", "''"] {
        rig.run(format!("dmon -n -I {path} touch ran"))
            .exits(125)
            .reports("dmon", &["cannot open"]);
    }
    // A socket without a receiver.
    drop(UnixDatagram::bind(rig.path("dead")).expect("bind"));
    rig.run("dmon -n -I dead touch ran").exits(125).reports("dmon", &["cannot open dead"]);
    assert!(!rig.has("ran"));
}

#[test]
fn a_full_disk_loses_status_lines_and_marks_a_torn_one() {
    let rig = Rig::new();
    let Some(disk) = Disk::new(&rig) else {
        return;
    };
    let dmon = rig.start(format!("{disk} dmon -n -d 0 -I disk/st sh -c 'echo >>ran; sleep 0.01'"));
    rig.wait_for("a few lines", || disk.read("st").lines().count() > 3);
    disk.fill();
    // The last page of the file still takes a few lines.
    let size = || disk.read("st").len();
    rig.wait_for("the file to stop growing", || {
        let (before, ran) = (size(), rig.lines("ran"));
        rig.wait_lines("ran", ran + 3);
        before == size()
    });
    assert_eq!(size() % PAGE, 0);
    disk.free();
    let before = size();
    rig.wait_for("new lines", || size() > before);
    dmon.signal(Signal::SIGTERM);
    dmon.wait();
    let log = disk.read("st");
    assert!(log.lines().filter(|line| line.ends_with('?')).count() <= 1, "{log}");
    for line in log.lines().filter(|line| !line.ends_with('?')) {
        let fields: Vec<&str> = line.split(' ').collect();
        assert!(fields[0] == "cmd" && ["start", "exit", "stop"].contains(&fields[1]), "{line:?}");
        assert!(fields[2].parse::<i32>().is_ok(), "{line:?}");
    }
}

#[test]
fn an_fsize_limit_loses_status_lines_without_harm() {
    let rig = Rig::new();
    // Messages go to a file with the same limit.
    let full = "head -c 2048 /dev/zero | tee st >err; ulimit -f 1";
    rig.run(format!(
        "{full}; exec dmon -n -v -d 0 -m 5 -I st sh -c 'echo >&3; exit 3' 2>>err 3>>ran"
    ))
    .exits(3);
    assert_eq!(rig.bytes("ran").len(), 6);
    assert_eq!((rig.bytes("st").len(), rig.bytes("err").len()), (2048, 2048));
}

#[test]
fn commands_do_not_inherit_the_status_file() {
    let rig = Rig::new();
    let dmon = rig.start("dmon -n -I st sleep 1000 -- sleep 2000");
    let cmd = rig.child(dmon.pid(), "sleep 1000");
    let log = rig.child(dmon.pid(), "sleep 2000");
    for pid in [cmd, log] {
        let open = proc::descriptors(pid);
        assert!(!open.values().any(|path| path.ends_with("st")), "{open:?}");
    }
    signal(dmon.pid(), Signal::SIGTERM);
    dmon.wait();
}

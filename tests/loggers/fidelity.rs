//! Large input, long lines, arbitrary bytes in pieces of any length: nothing is changed.

use crate::rig::pipes::{pipe, set_nonblocking};
use crate::rig::random::Random;
use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::syslogd::with_dsyslog;
use crate::rig::{Rig, assert_same, feed, numbers, proc, scaled};
use std::fs;
use std::io::Read;
use std::process::ChildStdin;

/// The lines of a text, each with its newline; an unterminated last line gets one.
fn split_lines(text: &[u8]) -> Vec<Vec<u8>> {
    let whole = |line: &[u8]| match line.ends_with(b"\n") {
        true => line.to_vec(),
        false => [line, b"\n"].concat(),
    };
    text.split_inclusive(|&byte| byte == b'\n').map(whole).collect()
}

/// The log without its timestamps, which must have the form `YYYY-mm-dd/HH:MM:SS `.
#[track_caller]
fn strip_timestamps(log: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(log.len());
    for line in log.split_inclusive(|&byte| byte == b'\n') {
        let (timestamp, rest) = line.split_at_checked(20).expect("a timestamp");
        let is_valid =
            b"0000-00-00/00:00:00 ".iter().zip(timestamp).all(|(form, byte)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte == form,
            });
        assert!(is_valid, "no timestamp: {:?}", String::from_utf8_lossy(timestamp));
        text.extend_from_slice(rest);
    }
    text
}

/// Feeds `text` in pieces of random length, and sometimes waits until the program has read them all.
fn feed_in_pieces(rig: &Rig, pid: i32, mut input: ChildStdin, text: &[u8], random: &mut Random) {
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(random.length().clamp(1, rest.len()));
        feed(&mut input, piece);
        if random.below(20) == 0 {
            rig.wait_state(pid, 'S');
        }
        rest = more;
    }
}

/// Computes the expected log from the input.
type Transform = fn(&[u8]) -> Vec<u8>;

/// Options of dlog that change lines, and the same change computed by the test.
const MODES: [(&str, Transform); 4] = [
    ("", |text| split_lines(text).concat()),
    ("-p fan:", |text| {
        split_lines(text).iter().flat_map(|line| [&b"fan: "[..], line].concat()).collect()
    }),
    ("-e", |text| split_lines(text).into_iter().filter(|line| line != b"\n").flatten().collect()),
    ("-e -p x", |text| {
        let kept = split_lines(text).into_iter().filter(|line| line != b"\n");
        kept.flat_map(|line| [&b"x "[..], &line].concat()).collect()
    }),
];

#[test]
fn dlog_stores_random_lines_in_random_pieces() {
    let rig = Rig::new();
    let mut random = Random::new();
    for round in 0..scaled(2, 200) {
        let text = random.lines(1_500_000);
        for (options, transform) in MODES {
            for timestamp in ["", "-t"] {
                rig.shell("rm -f f").exits(0);
                let (dlog, input) = rig.start_fed(format!("dlog -b {timestamp} {options} f"));
                feed_in_pieces(&rig, dlog.pid(), input, &text, &mut random);
                dlog.wait().exits(0).reports_nothing();
                let log = rig.bytes("f");
                let log = if timestamp.is_empty() { log } else { strip_timestamps(&log) };
                assert_same(
                    &log,
                    &transform(&text),
                    format!("round {round}, {timestamp} {options}"),
                );
            }
        }
    }
}

#[test]
fn dlog_completes_partial_writes() {
    let rig = Rig::new();
    let mut random = Random::new();
    for round in 0..scaled(2, 100) {
        let text = random.lines(300_000);
        rig.write("in", &text);
        for (options, transform) in MODES {
            // A non-blocking pipe and reads of random length make write(2) return early.
            let (mut reader, writer) = pipe();
            set_nonblocking(&writer);
            let dlog = rig.start_to(format!("dlog {options} <in"), writer);
            let mut log = Vec::new();
            loop {
                let mut buffer = vec![0; random.length() + 1];
                match reader.read(&mut buffer).expect("a read") {
                    0 => break,
                    count => log.extend_from_slice(&buffer[..count]),
                }
            }
            dlog.wait().exits(0).reports_nothing();
            assert_same(&log, &transform(&text), format!("round {round}, {options}"));
        }
    }
}

#[test]
fn dlog_copies_many_lines() {
    let rig = Rig::new();
    let text = Random::new().short_lines(scaled(500_000, 10_000_000));
    rig.write("in", &text);
    rig.run("dlog -b f <in").exits(0).reports_nothing();
    assert_same(&rig.bytes("f"), &text, "the log");
    rig.run("dlog -b -t g <in").exits(0).reports_nothing();
    assert_same(&strip_timestamps(&rig.bytes("g")), &text, "the log with timestamps");
    rig.run("dlog f <in").exits(0).reports_nothing();
    assert_eq!(rig.bytes("f").len(), 2 * text.len());
}

/// The peak resident set size of a process in KiB.
fn peak_memory(pid: i32) -> usize {
    let text = proc::status(pid, "VmHWM");
    text.trim_end_matches(" kB").parse().unwrap_or_else(|_| panic!("no size: {text:?}"))
}

/// Feeds a line of 100 MiB, for which the program must not use more memory than for the first MiB.
#[track_caller]
fn assert_constant_memory(rig: &Rig, pid: i32, input: &mut ChildStdin) {
    let piece = vec![b'x'; 1 << 20];
    let mut before = 0;
    for at in 0..100 {
        feed(input, &piece);
        if at == 0 {
            rig.wait_state(pid, 'S');
            before = peak_memory(pid);
        }
    }
    feed(input, "\nend\n");
    let after = peak_memory(pid);
    assert!(after <= before + 64, "{before} KiB grew to {after}");
}

#[test]
fn a_line_of_100_mib_takes_dlog_no_memory() {
    let rig = Rig::new();
    for options in ["-b", "-b -t -p x -e"] {
        let (dlog, mut input) = rig.start_fed(format!("dlog {options} | tail -c 6 >end"));
        // The child of the shell that runs the pipeline.
        let pid = rig.child(dlog.pid(), "dlog");
        assert_constant_memory(&rig, pid, &mut input);
        drop(input);
        dlog.wait().exits(0).reports_nothing();
        assert!(rig.read("end").ends_with("end\n"));
    }
}

#[test]
fn a_line_of_100_mib_takes_drlog_no_memory() {
    let rig = Rig::new();
    fs::create_dir(rig.path("d")).expect("mkdir");
    let (drlog, mut input) = rig.start_fed("drlog -b d");
    assert_constant_memory(&rig, drlog.pid(), &mut input);
    drop(input);
    drlog.wait().exits(0).reports_nothing();
    assert!(rig.read("d/current").ends_with("end\n"));
}

#[test]
fn a_line_of_100_mib_takes_dsyslog_no_memory() {
    let Some(rig) = with_dsyslog() else { return };
    // The receiver does not read, so that dsyslog fills its queue and counts lost lines.
    let _receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to ./socket fan");
    assert_constant_memory(&rig, dsyslog.pid(), &mut input);
    drop(input);
    dsyslog.wait().exits(1);
}

/// The text of a line in a message: without its newline, control characters escaped.
fn escape_line(line: &[u8]) -> Vec<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let before = std::iter::once(&0).chain(line);
    before.zip(line).flat_map(|(&before, &byte)| escape_byte(before, byte)).collect()
}

fn escape_byte(before: u8, byte: u8) -> Vec<u8> {
    match byte {
        b'\n' => Vec::new(),
        // The second byte of a control character from U+0080 to U+009F.
        0x80..=0x9f if before == 0xc2 => format!("#{byte:03o}").into_bytes(),
        b'\t' | b' '..=b'~' | 0x80.. => vec![byte],
        _ => format!("#{byte:03o}").into_bytes(),
    }
}

/// Compares messages with the expected lines while they arrive.
struct Follower<'a> {
    receiver: Datagrams,
    expected: &'a [Vec<u8>],
    /// Index of the current line.
    line: usize,
    /// Bytes received of the current line.
    at: usize,
    /// Bytes received in total.
    received: usize,
}

impl Follower<'_> {
    #[track_caller]
    fn receive(&mut self) {
        let text = self.receiver.next().text;
        let line = &self.expected[self.line];
        assert!(
            line[self.at..].starts_with(&text),
            "line {} of {} bytes, from {} on: {:?}",
            self.line,
            line.len(),
            self.at,
            String::from_utf8_lossy(&text)
        );
        self.at += text.len();
        self.received += text.len();
        if self.at == line.len() {
            self.line += 1;
            self.at = 0;
        }
    }
}

#[test]
fn dsyslog_sends_random_lines_in_random_pieces() {
    let Some(rig) = with_dsyslog() else { return };
    let mut random = Random::new();
    for _ in 0..scaled(2, 100) {
        let text = random.lines(400_000);
        let expected: Vec<_> = split_lines(&text).iter().map(|line| escape_line(line)).collect();
        let _ = fs::remove_file(rig.path("socket"));
        let receiver = Datagrams::new(rig.path("socket"));
        let mut follower = Follower { receiver, expected: &expected, line: 0, at: 0, received: 0 };
        let (dsyslog, mut input) = rig.start_fed("dsyslog --to ./socket fan");
        let mut fed = 0;
        let mut rest = &text[..];
        while !rest.is_empty() {
            // Less than the capacity of the queue, so that nothing is lost.
            let (piece, more) = rest.split_at(random.length().clamp(1, 1000).min(rest.len()));
            feed(&mut input, piece);
            fed += escape_line(piece).len();
            // dsyslog may still hold an incomplete message.
            while fed > follower.received + 2048 {
                follower.receive();
            }
            rest = more;
        }
        drop(input);
        while follower.line < expected.len() {
            follower.receive();
        }
        dsyslog.wait().exits(0).reports_nothing();
        assert_eq!(follower.receiver.pending(), []);
    }
}

#[test]
fn dsyslog_sends_many_lines_to_a_fast_receiver() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to ./socket fan");
    let count = scaled(50_000, 2_000_000);
    for from in (1..=count).step_by(100) {
        let lines: String = (from..from + 100).map(|number| format!("{number}\n")).collect();
        feed(&mut input, lines);
        for number in from..from + 100 {
            assert_eq!(receiver.text(), number.to_string());
        }
    }
    drop(input);
    dsyslog.wait().exits(0).reports_nothing();
}

#[test]
fn drlog_stores_random_lines_in_files_of_random_size() {
    let rig = Rig::new();
    let mut random = Random::new();
    for round in 0..scaled(8, 500) {
        let text = random.lines(300_000);
        let size = random.pick(&[3000, 1000, 20_000, 65_536, 100_000, 10_000_000]);
        let count = random.pick(&[0, 0, 1, 5]);
        let timestamp = random.pick(&["", "-t"]);
        rig.shell("rm -rf d; mkdir d").exits(0);
        let command = format!("drlog -b {timestamp} -s {size} -m {count} d");
        println!("round {round}: {command}");
        let (drlog, input) = rig.start_fed(command);
        feed_in_pieces(&rig, drlog.pid(), input, &text, &mut random);
        drlog.wait().exits(0).reports_nothing();
        let files = rig.rotated("d");
        // Only a line that alone is larger than a file is split.
        let is_whole = |file: &Vec<u8>| file.is_empty() || file.ends_with(b"\n");
        let is_valid = |file: &Vec<u8>| is_whole(file) || file.len() >= 2 * size;
        assert!(files.iter().all(is_valid), "a file ends within a line");
        let mut log = files.concat();
        if !timestamp.is_empty() {
            if count > 0 {
                // The oldest file may begin with the end of a line that was split.
                let end = log.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                log.drain(..end);
            }
            log = strip_timestamps(&log);
        }
        let expected = split_lines(&text).concat();
        if count == 0 {
            assert_same(&log, &expected, "the log");
        } else {
            assert!(files.len() <= count + 1, "{} files", files.len());
            assert_same(
                &log,
                &expected[expected.len().saturating_sub(log.len())..],
                "the end of the log",
            );
        }
        for file in &files[..files.len() - 1] {
            let last = file.split_inclusive(|&byte| byte == b'\n').next_back();
            let last = last.map_or(0, <[u8]>::len);
            assert!(
                file.len() + 200_000 > size && file.len() - last <= size,
                "{} bytes",
                file.len()
            );
        }
    }
}

#[test]
fn drlog_keeps_many_lines_in_few_files() {
    let rig = Rig::new();
    fs::create_dir(rig.path("d")).expect("the folder");
    let text = numbers(scaled(500_000, 10_000_000));
    rig.write("in", &text);
    rig.run("drlog -b d <in").exits(0).reports_nothing();
    let files = rig.rotated("d");
    assert!(files.len() == 11, "{} files", files.len());
    assert!(text.as_bytes().ends_with(&files.concat()));
}

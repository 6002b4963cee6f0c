//! Much input, long lines, any bytes, in pieces of any length: nothing is changed.

use crate::rig::pipes::{never_wait, pipe};
use crate::rig::random::Random;
use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::syslogd::with_dsyslog;
use crate::rig::{Rig, assert_same, numbers, proc, times};
use std::fs;
use std::io::{Read, Write};
use std::process::ChildStdin;

/// What is one line each, with its newline; the last gets one.
fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let whole = |line: &[u8]| match line.ends_with(b"\n") {
        true => line.to_vec(),
        false => [line, b"\n"].concat(),
    };
    text.split_inclusive(|&byte| byte == b'\n').map(whole).collect()
}

/// The log without its stamps, all of which must be of the form `YYYY-mm-dd/HH:MM:SS `.
#[track_caller]
fn unstamped(log: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(log.len());
    for line in log.split_inclusive(|&byte| byte == b'\n') {
        let (stamp, rest) = line.split_at_checked(20).expect("room for a stamp");
        let good = b"0000-00-00/00:00:00 ".iter().zip(stamp).all(|(form, byte)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        });
        assert!(good, "no stamp: {:?}", String::from_utf8_lossy(stamp));
        text.extend_from_slice(rest);
    }
    text
}

/// Feeds it in pieces of any length; now and then it comes so far that it waits for the next.
fn feed_in_pieces(rig: &Rig, pid: i32, mut input: ChildStdin, text: &[u8], random: &mut Random) {
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(random.length().clamp(1, rest.len()));
        input.write_all(piece).expect("the input is taken");
        if random.below(20) == 0 {
            rig.wait_state(pid, 'S');
        }
        rest = more;
    }
}

/// What a log is, of what was fed.
type Rule = fn(&[u8]) -> Vec<u8>;

/// How dlog changes lines, by its options and by the same rule in this test.
const WAYS: [(&str, Rule); 4] = [
    ("", |text| lines(text).concat()),
    ("-p fan:", |text| {
        lines(text).iter().flat_map(|line| [&b"fan: "[..], line].concat()).collect()
    }),
    ("-e", |text| lines(text).into_iter().filter(|line| line != b"\n").flatten().collect()),
    ("-e -p x", |text| {
        let kept = lines(text).into_iter().filter(|line| line != b"\n");
        kept.flat_map(|line| [&b"x "[..], &line].concat()).collect()
    }),
];

#[test]
fn dlog_stores_any_lines_in_any_pieces() {
    let rig = Rig::new();
    let mut random = Random::new();
    for round in 0..times(2, 200) {
        let text = random.lines(1_500_000);
        for (options, rule) in WAYS {
            for stamp in ["", "-t"] {
                rig.shell("rm -f f").exits(0);
                let (dlog, input) = rig.start_fed(format!("dlog -b {stamp} {options} f"));
                feed_in_pieces(&rig, dlog.pid(), input, &text, &mut random);
                dlog.wait().exits(0).says_nothing();
                let log = rig.bytes("f");
                let log = if stamp.is_empty() { log } else { unstamped(&log) };
                assert_same(&log, &rule(&text), format!("round {round}, {stamp} {options}"));
            }
        }
    }
}

#[test]
fn dlog_finishes_writes_of_any_length() {
    let rig = Rig::new();
    let mut random = Random::new();
    for round in 0..times(2, 100) {
        let text = random.lines(300_000);
        rig.write("in", &text);
        for (options, rule) in WAYS {
            // The other end neither waits nor reads regularly.
            let (mut reader, writer) = pipe();
            never_wait(&writer);
            let dlog = rig.start_to(format!("dlog {options} <in"), writer);
            let mut log = Vec::new();
            loop {
                let mut room = vec![0; random.length() + 1];
                match reader.read(&mut room).expect("a read") {
                    0 => break,
                    count => log.extend_from_slice(&room[..count]),
                }
            }
            dlog.wait().exits(0).says_nothing();
            assert_same(&log, &rule(&text), format!("round {round}, {options}"));
        }
    }
}

#[test]
fn dlog_copies_a_great_many_lines() {
    let rig = Rig::new();
    let text = Random::new().short_lines(times(500_000, 10_000_000));
    rig.write("in", &text);
    rig.run("dlog -b f <in").exits(0).says_nothing();
    assert_same(&rig.bytes("f"), &text, "the log");
    rig.run("dlog -b -t g <in").exits(0).says_nothing();
    assert_same(&unstamped(&rig.bytes("g")), &text, "the stamped log");
    rig.run("dlog f <in").exits(0).says_nothing();
    assert_eq!(rig.bytes("f").len(), 2 * text.len());
}

/// The most memory a process has had, in KiB.
fn memory(pid: i32) -> usize {
    let text = proc::status(pid, "VmHWM");
    text.trim_end_matches(" kB").parse().unwrap_or_else(|_| panic!("no size: {text:?}"))
}

/// Feeds it a line of 100 MB, for which it must take no more memory than for a MB.
#[track_caller]
fn stays_small(rig: &Rig, pid: i32, input: &mut ChildStdin) {
    let piece = vec![b'x'; 1 << 20];
    let mut before = 0;
    for at in 0..100 {
        input.write_all(&piece).expect("the input is taken");
        if at == 0 {
            rig.wait_state(pid, 'S');
            before = memory(pid);
        }
    }
    input.write_all(b"\nend\n").expect("the input is taken");
    let after = memory(pid);
    assert!(after <= before + 64, "{before} KiB have become {after}");
}

#[test]
fn a_line_of_100_megabytes_takes_dlog_no_memory() {
    let rig = Rig::new();
    for options in ["-b", "-b -t -p x -e"] {
        let (dlog, mut input) = rig.start_fed(format!("dlog {options} | tail -c 6 >end"));
        // The shell has become neither of the two.
        let pid = rig.child(dlog.pid(), "dlog");
        stays_small(&rig, pid, &mut input);
        drop(input);
        dlog.wait().exits(0).says_nothing();
        assert!(rig.read("end").ends_with("end\n"));
    }
}

#[test]
fn a_line_of_100_megabytes_takes_drlog_no_memory() {
    let rig = Rig::new();
    fs::create_dir(rig.path("d")).expect("the folder");
    let (drlog, mut input) = rig.start_fed("drlog -b d");
    stays_small(&rig, drlog.pid(), &mut input);
    drop(input);
    drlog.wait().exits(0).says_nothing();
    assert_eq!(rig.read("d/current"), "end\n");
}

#[test]
fn a_line_of_100_megabytes_takes_dsyslog_no_memory() {
    let Some(rig) = with_dsyslog() else { return };
    // Nobody reads, so it keeps and counts what it can.
    let _receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    stays_small(&rig, dsyslog.pid(), &mut input);
    drop(input);
    dsyslog.wait().exits(1);
}

/// As a message has it: no newline, control bytes escaped.
fn escaped(line: &[u8]) -> Vec<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let before = std::iter::once(&0).chain(line);
    before.zip(line).flat_map(|(&before, &byte)| escape(before, byte)).collect()
}

fn escape(before: u8, byte: u8) -> Vec<u8> {
    match byte {
        b'\n' => Vec::new(),
        // The second byte of a control character.
        0x80..=0x9f if before == 0xc2 => format!("#{byte:03o}").into_bytes(),
        b'\t' | b' '..=b'~' | 0x80.. => vec![byte],
        _ => format!("#{byte:03o}").into_bytes(),
    }
}

/// Compares what comes with what was fed, in step with it.
struct Follower<'a> {
    receiver: Datagrams,
    /// The texts of the lines, one after the other.
    wanted: &'a [Vec<u8>],
    line: usize,
    /// How much of this line has come.
    at: usize,
    /// How much of all.
    came: usize,
}

impl Follower<'_> {
    #[track_caller]
    fn receive(&mut self) {
        let text = self.receiver.next().text;
        let line = &self.wanted[self.line];
        assert!(
            line[self.at..].starts_with(&text),
            "line {} of {} bytes, from {} on: {:?}",
            self.line,
            line.len(),
            self.at,
            String::from_utf8_lossy(&text)
        );
        self.at += text.len();
        self.came += text.len();
        if self.at == line.len() {
            self.line += 1;
            self.at = 0;
        }
    }
}

#[test]
fn dsyslog_sends_any_lines_in_any_pieces() {
    let Some(rig) = with_dsyslog() else { return };
    let mut random = Random::new();
    for _ in 0..times(2, 100) {
        let text = random.lines(400_000);
        let wanted: Vec<_> = lines(&text).iter().map(|line| escaped(line)).collect();
        let _ = fs::remove_file(rig.path("socket"));
        let receiver = Datagrams::new(rig.path("socket"));
        let mut follower = Follower { receiver, wanted: &wanted, line: 0, at: 0, came: 0 };
        let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
        let mut fed = 0;
        let mut rest = &text[..];
        while !rest.is_empty() {
            // Never more than its queue holds: that it is lost then is another test.
            let (piece, more) = rest.split_at(random.length().clamp(1, 1000).min(rest.len()));
            input.write_all(piece).expect("the input is taken");
            fed += escaped(piece).len();
            // It may hold back what is not yet a whole message.
            while fed > follower.came + 2048 {
                follower.receive();
            }
            rest = more;
        }
        drop(input);
        while follower.line < wanted.len() {
            follower.receive();
        }
        dsyslog.wait().exits(0).says_nothing();
        assert_eq!(follower.receiver.left(), []);
    }
}

#[test]
fn dsyslog_sends_a_great_many_lines_to_who_keeps_up() {
    let Some(rig) = with_dsyslog() else { return };
    let mut receiver = Datagrams::new(rig.path("socket"));
    let (dsyslog, mut input) = rig.start_fed("dsyslog --to socket fan");
    let count = times(50_000, 2_000_000);
    for from in (1..=count).step_by(100) {
        let lines: String = (from..from + 100).map(|number| format!("{number}\n")).collect();
        input.write_all(lines.as_bytes()).expect("the input is taken");
        for number in from..from + 100 {
            assert_eq!(receiver.text(), number.to_string());
        }
    }
    drop(input);
    dsyslog.wait().exits(0).says_nothing();
}

#[test]
fn drlog_stores_any_lines_in_any_pieces_over_files_of_any_size() {
    let rig = Rig::new();
    let mut random = Random::new();
    for round in 0..times(8, 500) {
        let text = random.lines(300_000);
        let size = random.pick(&[1, 1000, 20_000, 65_536, 100_000, 10_000_000]);
        // Not too many files at once.
        let size = if size == 1 { 3000 } else { size };
        let count = random.pick(&[0, 0, 1, 5]);
        let stamp = random.pick(&["", "-t"]);
        rig.shell("rm -rf d; mkdir d").exits(0);
        let words = format!("drlog -b {stamp} -s {size} -m {count} d");
        println!("round {round}: {words}");
        let (drlog, input) = rig.start_fed(words);
        feed_in_pieces(&rig, drlog.pid(), input, &text, &mut random);
        drlog.wait().exits(0).says_nothing();
        let files = rig.rotated("d");
        let whole = |file: &Vec<u8>| file.is_empty() || file.ends_with(b"\n");
        assert!(files.iter().all(whole), "a file ends within a line");
        let log = files.concat();
        let log = if stamp.is_empty() { log } else { unstamped(&log) };
        let wanted = lines(&text).concat();
        if count == 0 {
            assert_same(&log, &wanted, "the log");
        } else {
            assert!(files.len() <= count + 1, "{} files", files.len());
            assert_same(
                &log,
                &wanted[wanted.len().saturating_sub(log.len())..],
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
fn drlog_keeps_a_great_many_lines_in_a_few_files() {
    let rig = Rig::new();
    fs::create_dir(rig.path("d")).expect("the folder");
    let text = numbers(times(500_000, 10_000_000));
    rig.write("in", &text);
    rig.run("drlog -b d <in").exits(0).says_nothing();
    let files = rig.rotated("d");
    assert!(files.len() == 11, "{} files", files.len());
    assert!(text.as_bytes().ends_with(&files.concat()));
}

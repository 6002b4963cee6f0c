//! The log command dlog, alone.

use crate::rig::{Rig, assert_same, fill, numbers, proc, tools};
use nix::sys::signal::Signal;
use std::io::Write;

/// That a line begins with `YYYY-mm-dd/HH:MM:SS ` of about now; gives the rest.
#[track_caller]
fn unstamped<'a>(rig: &Rig, line: &'a str) -> &'a str {
    let (stamp, rest) = line.split_at_checked(20).unwrap_or_else(|| panic!("no stamp: {line:?}"));
    let form: String = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00/00:00:00 ", "of {line:?}");
    // Another program must read the same seconds out of it.
    let date = stamp.trim_end().replace('/', " ");
    let done = rig.shell(format!("echo $(($(date -u +%s) - $(date -u -d '{date}' +%s)))")).exits(0);
    let age: i64 = done.out.trim().parse().unwrap_or(-1);
    assert!((0..60).contains(&age), "{stamp:?} is {age} seconds ago");
    rest
}

#[test]
fn lines_are_added_to_the_end_of_the_file() {
    let rig = Rig::new();
    rig.write("f", "old\n");
    rig.shell("printf 'one\\ntwo\\n' | dlog f").exits(0).says_nothing();
    rig.shell("echo three | dlog -- f").exits(0).says_nothing();
    assert_eq!(rig.read("f"), "old\none\ntwo\nthree\n");
}

#[test]
fn without_a_file_lines_go_to_standard_output() {
    let rig = Rig::new();
    let done = rig.shell("seq 1 1000 | dlog").exits(0).says_nothing();
    assert_eq!(done.out, numbers(1000));
}

#[test]
fn an_empty_input_makes_an_empty_file() {
    let rig = Rig::new();
    rig.run("dlog f").exits(0).says_nothing();
    assert!(rig.has("f"));
    assert_eq!(rig.read("f"), "");
}

#[test]
fn the_file_is_made_as_the_umask_says() {
    let rig = Rig::new();
    for (umask, mode) in [("022", "644"), ("077", "600"), ("0", "666")] {
        let done = rig.shell(format!("rm -f f; umask {umask}; dlog f; stat -c %a f")).exits(0);
        assert_eq!(done.out, format!("{mode}\n"));
    }
}

#[test]
fn a_stamp_is_put_before_each_line_in_universal_time() {
    let rig = Rig::new();
    rig.shell("printf 'one\\n\\nthree\\n' | env TZ=Asia/Tokyo dlog -t f").exits(0);
    rig.shell("echo four | dlog --timestamp f; echo four | dlog -t f");
    let text = rig.read("f");
    let texts: Vec<&str> = text.lines().map(|line| unstamped(&rig, line)).collect();
    assert_eq!(texts[..3], ["one", "", "three"]);
    assert_eq!(texts.last(), Some(&"four"));
}

#[test]
fn a_text_is_put_before_each_line_and_behind_the_stamp() {
    let rig = Rig::new();
    rig.shell("printf 'one\\ntwo\\n' | dlog -p 'fan 1:' f").exits(0);
    assert_eq!(rig.read("f"), "fan 1: one\nfan 1: two\n");
    rig.shell("echo three | dlog -t -p fan g").exits(0);
    assert_eq!(unstamped(&rig, &rig.read("g")), "fan three\n");
}

#[test]
fn empty_lines_are_dropped_if_asked() {
    let rig = Rig::new();
    rig.shell("printf '\\none\\n\\n\\n two\\n \\n\\n' | dlog -e f").exits(0);
    assert_eq!(rig.read("f"), "one\n two\n \n");
    rig.shell("printf '\\none\\n\\n' | dlog -e -p x g").exits(0);
    assert_eq!(rig.read("g"), "x one\n");
    rig.shell("printf '\\none\\n\\n' | dlog h").exits(0);
    assert_eq!(rig.read("h"), "\none\n\n");
}

#[test]
fn another_descriptor_can_be_the_input() {
    let rig = Rig::new();
    rig.write("in", numbers(5000));
    rig.shell("echo not this | dlog -i 5 f 5<in").exits(0).says_nothing();
    assert_eq!(rig.read("f"), numbers(5000));
    rig.run("dlog -i 77 g").exits(125).says("dlog", &["Bad file descriptor"]);
    rig.run("dlog -i -1 g").exits(125).says("dlog", &["-1"]);
    rig.run("dlog -i x g").exits(125).says("dlog", &["x"]);
}

#[test]
fn each_batch_is_on_disk_before_the_next_unless_told_otherwise() {
    if !tools::has(&["strace"]) {
        return;
    }
    let rig = Rig::new();
    let trace = "strace -f -e trace=read,write,writev,fdatasync,fsync -o";
    rig.shell(format!("printf 'one\\ntwo\\n' | {trace} synced dlog f")).exits(0);
    let calls = rig.read("synced");
    let stored = calls.find("one").and_then(|_| calls.rfind("two")).expect("a write");
    assert!(calls[stored..].contains("sync("), "no sync after the write:\n{calls}");
    for option in ["-b", "--buffered"] {
        rig.shell(format!("printf 'one\\ntwo\\n' | {trace} unsynced dlog -b f")).exits(0);
        assert!(!rig.read("unsynced").contains("sync("), "{option}:\n{}", rig.read("unsynced"));
    }
    assert_eq!(rig.read("f"), "one\ntwo\n".repeat(3));
}

#[test]
fn a_last_line_without_a_newline_is_kept_and_gets_one() {
    let rig = Rig::new();
    rig.shell("printf 'one\\ntwo' | dlog f").exits(0);
    assert_eq!(rig.read("f"), "one\ntwo\n");
    rig.shell("printf two | dlog -t -p x g").exits(0);
    assert_eq!(unstamped(&rig, &rig.read("g")), "x two\n");
    let done = rig.shell("printf two | dlog").exits(0);
    assert_eq!(done.out, "two\n");
}

#[test]
fn half_a_line_waits_for_its_other_half() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog -p x f");
    input.write_all(b"one\nhal").expect("input");
    rig.wait_lines("f", 1);
    rig.wait_state(dlog.pid(), 'S');
    input.write_all(b"f\n").expect("input");
    rig.wait_lines("f", 2);
    assert_eq!(rig.read("f"), "x one\nx half\n");
}

#[test]
fn bytes_that_are_no_text_pass_unchanged() {
    let rig = Rig::new();
    fill(&rig.path("in"), 3_000_000, 5);
    let mut wanted = rig.bytes("in");
    if wanted.last() != Some(&b'\n') {
        wanted.push(b'\n');
    }
    for options in ["", "-b"] {
        rig.shell(format!("rm -f f; cat in | dlog {options} f")).exits(0);
        assert_same(&rig.bytes("f"), &wanted, "the copy");
    }
    rig.shell("printf 'a\\0b\\0\\n\\0' | dlog g").exits(0);
    assert_eq!(rig.bytes("g"), b"a\0b\0\n\0\n");
}

#[test]
fn a_line_of_a_mebibyte_passes_whole_with_one_stamp() {
    let rig = Rig::new();
    let line: Vec<u8> = (0..1 << 20).map(|at: u32| b'a' + (at % 26) as u8).collect();
    let text = [&b"before\n"[..], &line[..], &b"\nafter\n"[..]].concat();
    rig.write("in", &text);
    rig.shell("cat in | dlog f").exits(0).says_nothing();
    assert_same(&rig.bytes("f"), &text, "the copy");
    rig.shell("cat in | dlog -t -p x g").exits(0).says_nothing();
    let stored = rig.read("g");
    let lines: Vec<&str> = stored.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_same(
        unstamped(&rig, lines[1]).as_bytes(),
        &[b"x ", &line[..]].concat(),
        "the long line",
    );
}

#[test]
fn hup_opens_the_file_again_by_its_name() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog f");
    input.write_all(b"one\n").expect("input");
    rig.wait_lines("f", 1);
    rig.shell("mv f f.old").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_file("f");
    input.write_all(b"two\n").expect("input");
    drop(input);
    dlog.wait().exits(0).says_nothing();
    assert_eq!(rig.read("f.old"), "one\n");
    assert_eq!(rig.read("f"), "two\n");
}

#[test]
fn hup_within_a_line_splits_no_line() {
    let rig = Rig::new();
    let (dlog, mut input) = rig.start_fed("dlog -p x f");
    input.write_all(b"one\nhal").expect("input");
    rig.wait_lines("f", 1);
    rig.shell("mv f f.old").exits(0);
    dlog.signal(Signal::SIGHUP);
    rig.wait_for("HUP to be taken", || proc::signals(dlog.pid(), "ShdPnd") == 0);
    input.write_all(b"f\n").expect("input");
    rig.wait_file("f");
    input.write_all(b"two\n").expect("input");
    drop(input);
    dlog.wait().exits(0).says_nothing();
    let both = rig.read("f.old") + &rig.read("f");
    assert_eq!(both, "x one\nx half\nx two\n");
    for file in ["f", "f.old"] {
        assert!(
            rig.read(file).starts_with("x ") && rig.read(file).ends_with('\n'),
            "{file}: {:?}",
            rig.read(file)
        );
    }
}

#[test]
fn term_stores_what_is_in_the_pipe_and_ends() {
    let rig = Rig::new();
    for asked in [Signal::SIGTERM, Signal::SIGINT] {
        rig.shell("rm -f f");
        let (dlog, mut input) = rig.start_fed("dlog f");
        input.write_all(b"0\n").expect("input");
        rig.wait_lines("f", 1);
        // While it is stopped, both the lines and the signal come.
        dlog.signal(Signal::SIGSTOP);
        rig.wait_state(dlog.pid(), 'T');
        input.write_all(numbers(10_000).as_bytes()).expect("input");
        input.write_all(b"the rest").expect("input");
        dlog.signal(asked);
        dlog.signal(Signal::SIGCONT);
        // The pipe stays open: it is the signal that ends dlog.
        dlog.wait().exits(0).says_nothing();
        drop(input);
        assert_same(
            &rig.bytes("f"),
            format!("0\n{}the rest\n", numbers(10_000)).as_bytes(),
            "the log",
        );
    }
}

#[test]
fn term_ends_it_while_it_waits() {
    let rig = Rig::new();
    let (dlog, _input) = rig.start_fed("dlog f");
    rig.wait_file("f");
    rig.wait_state(dlog.pid(), 'S');
    dlog.signal(Signal::SIGTERM);
    dlog.wait().exits(0).says_nothing();
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_at_once() {
    let rig = Rig::new();
    // Nothing is ever fed to it.
    let (dlog, _input) = rig.start_fed("dlog no/such/f");
    dlog.wait().exits(125).says("dlog", &["cannot open no/such/f: No such file or directory"]);
    let (dlog, _input) = rig.start_fed("dlog bin");
    dlog.wait().exits(125).says("dlog", &["cannot open bin: Is a directory"]);
    if tools::has(&["setpriv"]) && tools::is_root() {
        rig.copy_applets();
        let (dlog, _input) =
            rig.start_fed("setpriv --reuid=41001 --regid=41001 --clear-groups dlog f");
        dlog.wait().exits(125).says("dlog", &["cannot open f: Permission denied"]);
    }
}

#[test]
fn too_many_words_are_refused() {
    let rig = Rig::new();
    rig.run("dlog f g").exits(125).says("dlog", &["g"]);
    assert!(!rig.has("f"));
}

#[test]
fn a_closed_input_is_not_taken_from_the_log_file() {
    let rig = Rig::new();
    rig.write("f", "old\n");
    rig.run("dlog f <&-");
    rig.run("dlog f <&- >&- 2>&-");
    assert_eq!(rig.read("f"), "old\n");
}

#[test]
fn help_goes_to_standard_output() {
    let rig = Rig::new();
    for line in ["dlog -h", "dlog --help"] {
        let done = rig.run(line).exits(0).says_nothing();
        for letter in ["-t", "-p", "-e", "-i", "-b"] {
            assert!(done.out.contains(letter), "no {letter} in the help: {done}");
        }
    }
}

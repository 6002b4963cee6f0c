//! The store on a file that may do anything: each write is taken wholly, in part or not, a piece may stay where
//! it is, time goes on or does not. All courses with a few such faults are tried. Test code; the module calls
//! this file instead of the kernel.

use super::{Blocked, Errno, Kind, Line, LogFile, OnFull};
use crate::testing::Ways;
use pure::cli::option_value::{Arg, OptionValue};
use pure::exit::Exit;
use pure::text::{Put, put_number};
use pure::time::{Duration, Instant};
use std::cell::RefCell;

/// What has been written, and how things go on.
#[derive(Default)]
struct Course {
    content: Vec<u8>,
    is_file: bool,
    seconds: u64,
    ways: Ways,
    reported: bool,
    /// The line in a gap is being written; no room is made for that.
    in_gap: bool,
    /// The disk is full, and nobody has asked for room yet.
    full: bool,
    /// Whoever reads has room for more.
    has_room: bool,
    /// A write was not taken, or not wholly, or there was no room; a piece could not be taken back.
    fails: bool,
    stays: bool,
    /// Something was written and not put on the disk; the disk has refused that.
    unsynced: bool,
    refused: bool,
    /// The disk has ever refused it.
    lost: bool,
    /// The second in which writing has failed; no matter at the end.
    failed: Option<u64>,
}

thread_local! {
    static COURSE: RefCell<Course> = RefCell::default();
}

fn choose(ways: usize) -> usize {
    COURSE.with_borrow_mut(|course| course.ways.choose(ways))
}

pub mod clock {
    use super::{COURSE, Duration, Instant};

    pub fn now() -> Instant {
        let seconds = COURSE.with_borrow(|course| course.seconds);
        Instant::from_clock(Duration::from_secs(seconds))
    }
}

pub mod file {
    use super::{COURSE, Errno, Kind, choose};

    pub fn write(_: i32, bytes: &[u8]) -> Result<usize, Errno> {
        COURSE.with_borrow_mut(|course| {
            assert!(!course.full, "no room is made");
            assert!(course.is_file || course.has_room, "it may have to wait for the reader");
            course.has_room = false;
        });
        let way = choose(5);
        COURSE.with_borrow_mut(|course| course.fails |= way > 0);
        let n = match way {
            0 => bytes.len(),
            1 => {
                COURSE.with_borrow_mut(|course| course.full = !course.in_gap);
                return Err(Errno::NOSPC);
            }
            2 => bytes.len().div_ceil(2),
            3 => 1,
            _ => return Err(Errno::INTR),
        };
        COURSE.with_borrow_mut(|course| {
            course.content.extend(&bytes[..n]);
            course.unsynced = true;
            course.in_gap &= !bytes[..n].ends_with(b"]\n");
        });
        Ok(n)
    }

    pub fn undo_append(_: i32, bytes: u64) -> Result<(), Errno> {
        assert!(bytes > 0, "nothing is there to be taken back");
        COURSE.with_borrow_mut(|course| {
            if !course.is_file || course.ways.choose(2) > 0 {
                course.stays = true;
                return Err(Errno::INVAL);
            }
            let length = course.content.len().checked_sub(bytes as usize).unwrap();
            course.content.truncate(length);
            Ok(())
        })
    }

    pub fn is_writable(_: i32) -> bool {
        let has_room = choose(2) == 0;
        COURSE.with_borrow_mut(|course| {
            course.has_room = has_room;
            course.fails |= !has_room;
        });
        has_room
    }

    pub fn kind(_: i32) -> Kind {
        let is_file = COURSE.with_borrow(|course| course.is_file);
        if is_file { Kind::Regular } else { Kind::Other }
    }

    pub fn is_fifo(_: i32) -> bool {
        false
    }

    pub fn sync(_: i32) -> Result<(), Errno> {
        let way = choose(3);
        COURSE.with_borrow_mut(|course| {
            assert!(course.unsynced, "there is nothing to be put on the disk");
            course.unsynced = false;
            course.refused = way == 2;
            course.lost |= way == 2;
        });
        match way {
            0 => Ok(()),
            1 => Err(Errno::INVAL),
            _ => Err(Errno::NXIO),
        }
    }
}

pub fn os_error(_: &str, _: &[u8], error: Errno) -> Exit {
    assert_ne!(error, Errno::INVAL, "what has no disk behind it needs no sync");
    COURSE.with_borrow_mut(|course| course.reported = true);
    Exit::FAILED
}

/// `[LINES BYTES]`.
fn loss_notice(lines: u64, bytes: u64) -> Line {
    COURSE.with_borrow_mut(|course| {
        course.in_gap = true;
        let now = course.seconds;
        let is_soon = course.failed.replace(now).is_some_and(|failed| failed == now);
        assert!(!is_soon, "tried again in the same second");
    });
    let mut line = Line::new();
    line.put(b"[");
    put_number(&mut line, lines);
    line.put(b" ");
    put_number(&mut line, bytes);
    line.put(b"]\n");
    line
}

/// Asked when the disk is full: some is found, or none.
fn make_room() -> bool {
    COURSE.with_borrow_mut(|course| {
        assert!(core::mem::take(&mut course.full), "room is made for nothing");
        course.ways.choose(2) > 0
    })
}

const TEXT: &[u8] = b"a\nbcd\ne\nfgh\nij\n";

/// In these pieces it comes.
const PIECES: [usize; 5] = [3, 2, 4, 1, 5];

/// The file's lines against the text's: each stands there, or in its place one that counts it. Says how many
/// are not accounted for at the end; `None` if it is not so. `torn`: a piece stands before that could not be
/// taken back.
fn missing(file: &[&[u8]], text: &[&[u8]], torn: bool) -> Option<usize> {
    let Some((line, rest)) = file.split_first() else {
        return Some(text.len());
    };
    if let Some((count, bytes)) = counted(line) {
        let (gone, text) = text.split_at_checked(count)?;
        return if gone.concat().len() == bytes { missing(rest, text, false) } else { None };
    }
    // Only what was torn may lack its end, at the end of the file.
    let piece = line.strip_suffix(b"\n").unwrap_or(line);
    let next = text.first()?;
    if line == next
        && !torn
        && let Some(count) = missing(rest, &text[1..], false)
    {
        return Some(count);
    }
    let stays = COURSE.with_borrow(|course| course.stays);
    let tears = stays && (next.starts_with(piece) && !torn || piece.starts_with(b"["));
    if tears { missing(rest, text, true) } else { None }
}

/// The numbers of `[LINES BYTES]`.
fn counted(line: &[u8]) -> Option<(usize, usize)> {
    let line = std::str::from_utf8(line).unwrap();
    let (lines, bytes) = line.strip_prefix('[')?.strip_suffix("]\n")?.split_once(' ')?;
    Some((lines.parse().unwrap(), bytes.parse().unwrap()))
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// One course: all of the text, in its pieces; then the end.
fn run(on_full: OnFull) {
    let mut log_file = LogFile::new(b"file", on_full, true, 3);
    let mut from = 0;
    let mut dropped = false;
    let mut rest = TEXT;
    for piece in PIECES {
        rest = &TEXT[from..from + piece];
        from += piece;
        COURSE.with_borrow_mut(|course| course.seconds += course.ways.choose(2) as u64);
        let mut tries = 0;
        while !rest.is_empty() {
            COURSE.with_borrow_mut(|course| course.in_gap = false);
            let done = log_file.write(rest, &mut loss_notice, &mut make_room);
            assert!(!COURSE.with_borrow(|course| course.full), "no room is made");
            rest = &rest[done..];
            assert!(rest.is_empty() == log_file.blocked.is_none(), "blocked, or all is dealt with");
            match log_file.blocked.take() {
                Some(Blocked::Until(_)) => COURSE.with_borrow_mut(|course| course.seconds += 1),
                Some(Blocked::Broken) => unreachable!(),
                Some(Blocked::BufferFull) | None => {}
            }
            dropped |= log_file.is_dropping();
            COURSE.with_borrow_mut(|course| {
                let now = log_file.is_dropping().then_some(course.seconds);
                course.failed = course.failed.or(now).filter(|_| log_file.is_dropping());
            });
            tries += 1;
            assert!(tries < 20, "is blocked for ever");
            // Told to end, and no more patience.
            if !rest.is_empty() && from == TEXT.len() && choose(2) > 0 {
                break;
            }
        }
        if rest.is_empty() {
            assert_eq!(log_file.at_line_start(), TEXT[..from].ends_with(b"\n"));
        }
        let failed = COURSE.with_borrow(|course| course.failed);
        let retry_at = failed
            .filter(|_| log_file.at_line_start())
            .map(|failed| Instant::from_clock(Duration::from_secs(failed + 1)));
        assert_eq!(log_file.retry_at(), retry_at);
    }
    let given_up = !rest.is_empty();
    // Perhaps the last line has not come to its end.
    let cut = usize::from(rest.len() > 1 && choose(2) > 0);
    rest = &rest[..rest.len() - cut];
    dropped |= given_up;
    let was_out = log_file.is_dropping() || given_up;
    assert!(log_file.at_line_start() || given_up);
    let had_said = COURSE.with_borrow_mut(|course| {
        course.failed = None;
        core::mem::take(&mut course.reported)
    });
    log_file.sync();
    COURSE.with_borrow_mut(|course| {
        assert!(!course.unsynced, "not all is on the disk");
        let refused = course.refused;
        assert!(
            course.reported || had_said || !refused,
            "nobody has reported that it is not on the disk"
        );
        course.reported |= had_said;
    });
    COURSE.with_borrow_mut(|course| course.fails = false);
    let (pending, unread) = rest.split_at(rest.len() / 2);
    log_file.give_up([pending, unread], &mut loss_notice);
    let (content, reported, fails) =
        COURSE.with_borrow(|course| (course.content.clone(), course.reported, course.fails));
    let shown = String::from_utf8_lossy(&content);
    match missing(&lines(&content), &lines(&TEXT[..TEXT.len() - cut]), false) {
        Some(0) => {}
        // The disk was full to the end.
        Some(_) => assert!(was_out && log_file.is_dropping() && fails, "lines are gone: {shown}"),
        None => panic!("not the text: {shown}"),
    }
    let lost = COURSE.with_borrow(|course| course.lost);
    assert_eq!(log_file.lost_data(), dropped || lost, "{shown}");
    assert!(dropped || content == TEXT, "{shown}");
    assert!(reported || given_up || content == TEXT, "nobody has reported why: {shown}");
    assert!(
        on_full == OnFull::Drop || given_up || content == TEXT,
        "kept and not written: {shown}"
    );
}

#[test]
fn what_to_do_on_a_full_disk_has_two_names() {
    let mut on_full = OnFull::Drop;
    let mut set = |word| on_full.parse(Arg::new(word)).map(|()| on_full);
    assert_eq!(set(c"block"), Ok(OnFull::Block));
    assert_eq!(set(c"drop"), Ok(OnFull::Drop));
    assert!(set(c"").is_err() && set(c"blocks").is_err());
}

#[test]
fn each_line_is_in_the_file_or_counted_where_it_is_missing() {
    let most = if std::env::var_os("DMON_LONG").is_some() { 6 } else { 4 };
    let mut courses = 0;
    for (on_full, is_file) in
        [(OnFull::Drop, true), (OnFull::Block, true), (OnFull::Drop, false), (OnFull::Block, false)]
    {
        let mut ways = Some(Vec::new());
        while let Some(taken) = ways {
            let course = Ways::new(taken, most);
            COURSE.set(Course { is_file, ways: course, ..Course::default() });
            run(on_full);
            courses += 1;
            ways = COURSE.take().ways.next();
        }
    }
    println!("{courses} courses of a file");
}

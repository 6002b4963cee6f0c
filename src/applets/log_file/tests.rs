//! Tests of [`LogFile`] on a simulated file. The module calls this file instead of the kernel.
//!
//! Each write succeeds, succeeds in part, or fails; a piece can be removed or not; time passes or not. The tests try all
//! courses with a few such faults.

use super::{Blocked, Errno, Kind, Line, LogFile, OnFull, Output};
use crate::testing::Choices;
use pure::exit::Exit;
use pure::log::loss::Loss;
use pure::text::Writer;
use pure::time::{Duration, Instant};
use std::cell::RefCell;
use ufmt::uwrite;

/// The simulated file and the faults to come.
#[derive(Default)]
struct Course {
    content: Vec<u8>,
    is_file: bool,
    seconds: u64,
    ways: Choices,
    reported: bool,
    /// The loss notice is being written. No space is freed for it.
    in_notice: bool,
    /// The disk is full, and `free_space` was not called yet.
    full: bool,
    /// The reader has space.
    writable: bool,
    /// A write failed or was cut, or there was no space.
    fails: bool,
    /// A piece could not be removed.
    stays: bool,
    /// Something was written and not synced.
    unsynced: bool,
    /// The last sync failed.
    sync_failed: bool,
    /// Any sync failed.
    lost: bool,
    /// The second of the last failed write. Ignored at the end.
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
    use super::{COURSE, Errno, choose};

    pub fn write(_: i32, bytes: &[u8]) -> Result<usize, Errno> {
        COURSE.with_borrow_mut(|course| {
            assert!(!course.full, "free_space was not called");
            assert!(course.is_file || course.writable, "the write may wait for the reader");
            course.writable = false;
        });
        let way = choose(5);
        COURSE.with_borrow_mut(|course| course.fails |= way > 0);
        let n = match way {
            0 => bytes.len(),
            1 => {
                COURSE.with_borrow_mut(|course| course.full = !course.in_notice);
                return Err(Errno::NOSPC);
            }
            2 => bytes.len().div_ceil(2),
            3 => 1,
            _ => return Err(Errno::INTR),
        };
        COURSE.with_borrow_mut(|course| {
            course.content.extend(&bytes[..n]);
            course.unsynced = true;
            course.in_notice &= !bytes[..n].ends_with(b"]\n");
        });
        Ok(n)
    }

    pub fn undo_append(_: i32, bytes: u64) -> Result<(), Errno> {
        assert!(bytes > 0, "there is nothing to remove");
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

    pub fn sync(_: i32) -> Result<(), Errno> {
        let way = choose(3);
        COURSE.with_borrow_mut(|course| {
            assert!(course.unsynced, "there is nothing to sync");
            course.unsynced = false;
            course.sync_failed = way == 2;
            course.lost |= way == 2;
        });
        match way {
            0 => Ok(()),
            1 => Err(Errno::INVAL),
            _ => Err(Errno::NXIO),
        }
    }
}

pub mod fd {
    use super::{COURSE, choose};

    pub fn is_writable(_: i32) -> bool {
        let writable = choose(2) == 0;
        COURSE.with_borrow_mut(|course| {
            course.writable = writable;
            course.fails |= !writable;
        });
        writable
    }
}

pub mod stat {
    use super::{COURSE, Kind};

    pub fn kind(_: i32) -> Kind {
        let is_file = COURSE.with_borrow(|course| course.is_file);
        if is_file { Kind::Regular } else { Kind::Other }
    }

    pub fn is_fifo(_: i32) -> bool {
        false
    }
}

pub fn os_error(_: &str, _: &[u8], error: Errno) -> Exit {
    assert_ne!(error, Errno::INVAL, "a file without a disk needs no sync");
    COURSE.with_borrow_mut(|course| course.reported = true);
    Exit::FAILED
}

/// `[LINES BYTES]`.
fn loss_notice(Loss { lines, bytes }: Loss) -> Line {
    COURSE.with_borrow_mut(|course| {
        course.in_notice = true;
        let now = course.seconds;
        let is_soon = course.failed.replace(now).is_some_and(|failed| failed == now);
        assert!(!is_soon, "two attempts in the same second");
    });
    let mut line = Line::new();
    let Ok(()) = uwrite!(Writer(&mut line), "[{} {}]\n", lines, bytes);
    line
}

/// Called when the disk is full. Frees some space, or none.
fn free_space() -> bool {
    COURSE.with_borrow_mut(|course| {
        assert!(core::mem::take(&mut course.full), "free_space was called without need");
        course.ways.choose(2) > 0
    })
}

const TEXT: &[u8] = b"a\nbcd\ne\nfgh\nij\n";

/// The lengths of the pieces in which `TEXT` arrives.
const PIECES: [usize; 5] = [3, 2, 4, 1, 5];

/// Compares the lines of the file with those of the text: the file must contain each line, or a loss notice in its
/// place. Returns how many lines at the end are missing and not counted; `None` if the file contains anything else.
/// `torn`: the line before is a piece that could not be removed.
fn missing(file: &[&[u8]], text: &[&[u8]], torn: bool) -> Option<usize> {
    let Some((line, rest)) = file.split_first() else {
        return Some(text.len());
    };
    if let Some((count, bytes)) = counted(line) {
        let (gone, text) = text.split_at_checked(count)?;
        return if gone.concat().len() == bytes { missing(rest, text, false) } else { None };
    }
    // Only a torn line at the end of the file may lack its newline.
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

/// Parses `[LINES BYTES]`.
fn counted(line: &[u8]) -> Option<(usize, usize)> {
    let line = std::str::from_utf8(line).unwrap();
    let (lines, bytes) = line.strip_prefix('[')?.strip_suffix("]\n")?.split_once(' ')?;
    Some((lines.parse().unwrap(), bytes.parse().unwrap()))
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Runs one course: the text in its pieces, then the end of the input.
fn run(on_full: OnFull) {
    let mut log_file = LogFile::new(b"file", on_full, true, Output::Stdout);
    let mut from = 0;
    let mut dropped = false;
    let mut rest = TEXT;
    for piece in PIECES {
        rest = &TEXT[from..from + piece];
        from += piece;
        COURSE.with_borrow_mut(|course| course.seconds += course.ways.choose(2) as u64);
        let mut tries = 0;
        while !rest.is_empty() {
            COURSE.with_borrow_mut(|course| course.in_notice = false);
            let done = log_file.write(rest, &mut loss_notice, &mut free_space);
            assert!(!COURSE.with_borrow(|course| course.full), "free_space was not called");
            rest = &rest[done..];
            assert!(rest.is_empty() == log_file.blocked.is_none(), "blocked, or all is done");
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
            assert!(tries < 20, "blocked forever");
            // The deadline after SIGTERM has passed.
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
    // The input may end within the last line.
    let cut = usize::from(rest.len() > 1 && choose(2) > 0);
    rest = &rest[..rest.len() - cut];
    dropped |= given_up;
    let was_dropping = log_file.is_dropping() || given_up;
    assert!(log_file.at_line_start() || given_up);
    let was_reported = COURSE.with_borrow_mut(|course| {
        course.failed = None;
        core::mem::take(&mut course.reported)
    });
    log_file.sync();
    COURSE.with_borrow_mut(|course| {
        assert!(!course.unsynced, "not all is synced");
        let sync_failed = course.sync_failed;
        assert!(course.reported || was_reported || !sync_failed, "a failed sync is not reported");
        course.reported |= was_reported;
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
        Some(_) => assert!(was_dropping && log_file.is_dropping() && fails, "lines lack: {shown}"),
        None => panic!("not the text: {shown}"),
    }
    let lost = COURSE.with_borrow(|course| course.lost);
    assert_eq!(log_file.lost_data(), dropped || lost, "{shown}");
    assert!(dropped || content == TEXT, "{shown}");
    assert!(reported || given_up || content == TEXT, "the reason is not reported: {shown}");
    assert!(on_full == OnFull::Drop || given_up || content == TEXT, "kept, not written: {shown}");
}

#[test]
fn each_line_is_in_the_file_or_counted_in_its_place() {
    let max_faults = if std::env::var_os("DMON_LONG").is_some() { 6 } else { 4 };
    let mut courses = 0;
    for (on_full, is_file) in
        [(OnFull::Drop, true), (OnFull::Block, true), (OnFull::Drop, false), (OnFull::Block, false)]
    {
        let mut ways = Some(Vec::new());
        while let Some(taken) = ways {
            let course = Choices::new(taken, max_faults);
            COURSE.set(Course { is_file, ways: course, ..Course::default() });
            run(on_full);
            courses += 1;
            ways = COURSE.take().ways.next();
        }
    }
    println!("{courses} courses of a file");
}

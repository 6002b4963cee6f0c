//! Tests of [`LogFile`] on a simulated file. The module calls this file instead of the kernel.
//!
//! Each write succeeds, succeeds in part, or fails; time passes or not. The tests try all scenarios with a few such
//! faults.

use super::{Blocked, Errno, File, Kind, Line, LogFile, Mode, OnFull, Recovery};
use crate::testing::Choices;
use pure::exit::Exit;
use pure::log::loss::Loss;
use pure::text::Writer;
use pure::time::{Duration, Instant};
use std::cell::RefCell;
use ufmt::uwrite;

/// The simulated file and the faults to come.
#[derive(Default)]
struct Scenario {
    content: Vec<u8>,
    is_file: bool,
    seconds: u64,
    choices: Choices,
    reported: bool,
    /// The loss notice is being written. No space is freed for it.
    in_notice: bool,
    /// The disk is full, and `recover` was not called yet.
    full: bool,
    /// The reader has space.
    writable: bool,
    /// The reader has no space. There was no attempt to write since then.
    is_full: bool,
    /// The second in which the reader had no space for the first time since the last write; `None` if it had.
    full_since: Option<u64>,
    /// A write failed or was cut, or there was no space.
    fails: bool,
    /// Something was written and not synced.
    unsynced: bool,
    /// The last sync failed.
    sync_failed: bool,
    /// Any sync failed.
    any_sync_failed: bool,
    /// The second of the last failed write; `None` at the end of a scenario.
    failed_at: Option<u64>,
}

thread_local! {
    static SCENARIO: RefCell<Scenario> = RefCell::default();
}

fn choose(alternatives: usize) -> usize {
    SCENARIO.with_borrow_mut(|scenario| scenario.choices.choose(alternatives))
}

pub mod clock {
    use super::{Duration, Instant, SCENARIO};

    pub fn now() -> Instant {
        let seconds = SCENARIO.with_borrow(|scenario| scenario.seconds);
        Instant::from_clock(Duration::from_secs(seconds))
    }
}

pub mod file {
    use super::{Errno, SCENARIO, choose};

    pub fn write(_: i32, bytes: &[u8]) -> Result<usize, Errno> {
        SCENARIO.with_borrow_mut(|scenario| {
            assert!(!scenario.full, "recover was not called");
            assert!(scenario.is_file || scenario.writable, "the write may wait for the reader");
            scenario.writable = false;
        });
        let result = choose(5);
        SCENARIO.with_borrow_mut(|scenario| scenario.fails |= result > 0);
        let n = match result {
            0 => bytes.len(),
            1 => {
                SCENARIO.with_borrow_mut(|scenario| scenario.full = !scenario.in_notice);
                return Err(Errno::NOSPC);
            }
            2 => bytes.len().div_ceil(2),
            3 => 1,
            _ => return Err(Errno::INTR),
        };
        SCENARIO.with_borrow_mut(|scenario| {
            scenario.content.extend(&bytes[..n]);
            scenario.unsynced = true;
            scenario.full_since = None;
            scenario.in_notice &= !bytes[..n].ends_with(b"]\n");
        });
        Ok(n)
    }

    pub fn sync(_: i32) -> Result<(), Errno> {
        let result = choose(3);
        SCENARIO.with_borrow_mut(|scenario| {
            assert!(scenario.unsynced, "there is nothing to sync");
            scenario.unsynced = false;
            scenario.sync_failed = result == 2;
            scenario.any_sync_failed |= result == 2;
        });
        match result {
            0 => Ok(()),
            1 => Err(Errno::INVAL),
            _ => Err(Errno::NXIO),
        }
    }
}

pub mod fd {
    use super::{SCENARIO, choose};

    pub fn is_writable(_: i32) -> bool {
        let writable = choose(2) == 0;
        SCENARIO.with_borrow_mut(|scenario| {
            scenario.writable = writable;
            scenario.fails |= !writable;
            scenario.is_full = !writable;
            if !writable {
                scenario.full_since.get_or_insert(scenario.seconds);
            }
        });
        writable
    }
}

pub mod stat {
    use super::{Kind, SCENARIO};

    pub fn kind(_: i32) -> Kind {
        let is_file = SCENARIO.with_borrow(|scenario| scenario.is_file);
        if is_file { Kind::Regular } else { Kind::Other }
    }

    pub fn is_fifo(_: i32) -> bool {
        false
    }
}

pub fn error_text(what: &str, word: &[u8], _: &str) -> Exit {
    os_error(what, word, Errno::AGAIN)
}

pub fn os_error(_: &str, _: &[u8], error: Errno) -> Exit {
    assert_ne!(error, Errno::INVAL, "EINVAL of a file without a disk is no error");
    SCENARIO.with_borrow_mut(|scenario| scenario.reported = true);
    Exit::FAILED
}

/// Appends `[LINES BYTES]`.
fn loss_notice(line: &mut Line, Loss { lines, bytes }: Loss) {
    SCENARIO.with_borrow_mut(|scenario| {
        scenario.in_notice = true;
        let now = scenario.seconds;
        let is_soon = scenario.failed_at.replace(now).is_some_and(|second| second == now);
        assert!(!is_soon, "two attempts in the same second");
    });
    let Ok(()) = uwrite!(Writer(line), "[{} {}]\n", lines, bytes);
}

/// Called with the error of a failed write. Frees some space on a full disk, or none.
fn recover(_: Errno) -> Recovery {
    SCENARIO.with_borrow_mut(|scenario| {
        let is_freed = core::mem::take(&mut scenario.full) && scenario.choices.choose(2) > 0;
        if is_freed { Recovery::Retry } else { Recovery::Fail }
    })
}

const TEXT: &[u8] = b"a\nbcd\ne\nfgh\nij\n";

/// The lengths of the pieces in which `TEXT` arrives.
const PIECES: [usize; 5] = [3, 2, 4, 1, 5];

/// Compares the lines of the file with the text: the file must contain each byte, or a loss notice in its place. Returns
/// how many lines at the end are missing and not counted; `None` if the file contains anything else. `torn`: the line
/// before is a piece, so that a loss notice must follow.
fn missing(file: &[&[u8]], text: &[u8], torn: bool) -> Option<usize> {
    let Some((line, rest)) = file.split_first() else {
        return Some(lines(text).len());
    };
    if let Some((count, bytes)) = counted(line) {
        let (lost, text) = text.split_at_checked(bytes)?;
        return if lines(lost).len() == count { missing(rest, text, false) } else { None };
    }
    if let (false, Some(text)) = (torn, text.strip_prefix(*line))
        && let Some(count) = missing(rest, text, false)
    {
        return Some(count);
    }
    // Only a torn line at the end of the file may lack its newline.
    let piece = line.strip_suffix(b"\n").unwrap_or(line);
    if piece.starts_with(b"[") {
        return missing(rest, text, true);
    }
    if torn { None } else { missing(rest, text.strip_prefix(piece)?, true) }
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

/// Writes `rest` with as many calls as it takes. Returns the unwritten bytes: none, unless the deadline after SIGTERM
/// passes during the last piece. Sets `dropped` during an outage.
fn write<'a>(
    log_file: &mut LogFile,
    mut rest: &'a [u8],
    is_last: bool,
    dropped: &mut bool,
) -> &'a [u8] {
    for calls in 1.. {
        if rest.is_empty() {
            break;
        }
        assert!(calls < 20, "blocked forever");
        SCENARIO.with_borrow_mut(|scenario| scenario.in_notice = false);
        let was_dropping = log_file.is_dropping();
        let done = log_file.write(rest, &mut loss_notice, &mut recover);
        assert!(!SCENARIO.with_borrow(|scenario| scenario.full), "recover was not called");
        rest = &rest[done..];
        assert!(rest.is_empty() == log_file.blocked.is_none(), "blocked, or all is done");
        match log_file.blocked.take() {
            Some(Blocked::Until(_)) => SCENARIO.with_borrow_mut(|scenario| scenario.seconds += 1),
            Some(Blocked::Broken) => unreachable!(),
            Some(Blocked::BufferFull(Instant::NEVER)) | None => {}
            Some(Blocked::BufferFull(until)) => {
                SCENARIO.with_borrow_mut(|scenario| {
                    let limit = scenario.full_since.map_or(0, |second| second + 1);
                    assert_eq!(until, Instant::from_clock(Duration::from_secs(limit)));
                    assert!(scenario.seconds < limit, "the time has passed");
                    scenario.seconds += scenario.choices.choose(2) as u64;
                });
            }
        }
        *dropped |= log_file.is_dropping();
        if log_file.is_dropping() && !was_dropping {
            SCENARIO.with_borrow(|scenario| {
                let is_soon = scenario.full_since.is_some_and(|second| second == scenario.seconds);
                assert!(!scenario.is_full || !is_soon, "the reader has less than a second");
            });
        }
        SCENARIO.with_borrow_mut(|scenario| {
            let now = log_file.is_dropping().then_some(scenario.seconds);
            scenario.failed_at = scenario.failed_at.or(now).filter(|_| log_file.is_dropping());
        });
        if !rest.is_empty() && is_last && choose(2) > 0 {
            break;
        }
    }
    rest
}

/// Runs one scenario: the text in its pieces, then the end of the input.
fn run(on_full: OnFull, is_stdout: bool) {
    // Its descriptor is not used.
    let file = File::open(c"/dev/null", Mode::Read).unwrap();
    let mut log_file = LogFile::new(b"file", on_full, true, file);
    log_file.is_stdout = is_stdout;
    let mut from = 0;
    let mut dropped = false;
    let mut rest = TEXT;
    for piece in PIECES {
        rest = &TEXT[from..from + piece];
        from += piece;
        SCENARIO.with_borrow_mut(|scenario| scenario.seconds += scenario.choices.choose(2) as u64);
        rest = write(&mut log_file, rest, from == TEXT.len(), &mut dropped);
        if rest.is_empty() {
            let ends_line = TEXT[..from].ends_with(b"\n");
            assert_eq!(log_file.at_line_start(), ends_line || log_file.is_dropping());
        }
        let failed_at = SCENARIO.with_borrow(|scenario| scenario.failed_at);
        let retry_at = failed_at
            .map_or(Instant::NEVER, |second| Instant::from_clock(Duration::from_secs(second + 1)));
        assert_eq!(log_file.retry_at(), retry_at);
    }
    let given_up = !rest.is_empty();
    // The input may end within the last line.
    let cut = usize::from(rest.len() > 1 && choose(2) > 0);
    rest = &rest[..rest.len() - cut];
    dropped |= given_up;
    let was_dropping = log_file.is_dropping() || given_up;
    assert!(log_file.at_line_start() || given_up);
    let was_reported = SCENARIO.with_borrow_mut(|scenario| {
        scenario.failed_at = None;
        core::mem::take(&mut scenario.reported)
    });
    log_file.sync();
    SCENARIO.with_borrow_mut(|scenario| {
        assert!(!scenario.unsynced, "not all is synced");
        let sync_failed = scenario.sync_failed;
        assert!(scenario.reported || was_reported || !sync_failed, "a failed sync is not reported");
        scenario.reported |= was_reported;
    });
    SCENARIO.with_borrow_mut(|scenario| scenario.fails = false);
    let (pending, unread) = rest.split_at(rest.len() / 2);
    log_file.give_up(pending);
    log_file.give_up(unread);
    log_file.write_loss_notice(&mut loss_notice);
    let (content, reported, fails) = SCENARIO
        .with_borrow(|scenario| (scenario.content.clone(), scenario.reported, scenario.fails));
    let shown = String::from_utf8_lossy(&content);
    match missing(&lines(&content), &TEXT[..TEXT.len() - cut], false) {
        Some(0) => {}
        // The disk was full to the end.
        Some(_) => {
            assert!(was_dropping && log_file.is_dropping() && fails, "lines are missing: {shown}")
        }
        None => panic!("not the text: {shown}"),
    }
    let any_sync_failed = SCENARIO.with_borrow(|scenario| scenario.any_sync_failed);
    assert_eq!(log_file.lost_data(), dropped || any_sync_failed, "{shown}");
    assert!(dropped || content == TEXT, "{shown}");
    assert!(reported || given_up || content == TEXT, "the reason is not reported: {shown}");
    assert!(on_full == OnFull::Drop || given_up || content == TEXT, "kept, not written: {shown}");
}

#[test]
fn each_line_is_in_the_file_or_counted_in_its_place() {
    let max_faults = if std::env::var_os("DMON_LONG").is_some() { 6 } else { 4 };
    let mut scenarios = 0;
    for (on_full, is_file, is_stdout) in [
        (OnFull::Drop, true, true),
        (OnFull::Block, true, true),
        (OnFull::Drop, false, true),
        (OnFull::Block, false, true),
        (OnFull::Drop, false, false),
    ] {
        let mut next = Some(Vec::new());
        while let Some(start) = next {
            let choices = Choices::new(start, max_faults);
            SCENARIO.set(Scenario { is_file, choices, ..Scenario::default() });
            run(on_full, is_stdout);
            scenarios += 1;
            next = SCENARIO.take().choices.next();
        }
    }
    println!("{scenarios} scenarios of a file");
}

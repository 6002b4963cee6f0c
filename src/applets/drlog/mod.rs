//! drlog: standard input to a directory of log files: `current`, and a few old ones.

mod files;
mod rotate;

use crate::applets::dress::Style;
use crate::applets::logger::{Logger, Target};
use crate::applets::options::{About, Call};
use crate::applets::pump::{self, Buffers};
use crate::applets::store::{Gap, OnFull, Store};
use crate::applets::tell::refused;
use crate::pure::fault::Exit;
use crate::pure::opts::{Opt, Word, opt};
use crate::pure::text::{head, tail};
use crate::pure::time::{Duration, Instant};
use crate::pure::unix::{Errno, Signal};
use crate::pure::value::{Count, LongTime, Size};
use crate::sys::clock;
use crate::sys::file::{self, File};
use core::ffi::c_int;
use files::{Files, Refused, open};
use rotate::{Limits, Name};

const ABOUT: About = About {
    usage: "Usage: drlog [options] directory
Append standard input to DIRECTORY/current; rotate it by size and age.\n\n",
    variables: &["DRLOG_OPTIONS"],
    has_file: false,
};

pub struct Config {
    style: Style,
    input: c_int,
    buffered: bool,
    limits: Limits,
}

pub const OPTIONS: &[Opt<Config>] = &[
    opt("-s, --max-size SIZE\tRotate when current has grown to this; 150k.", |c, v| {
        v.to(&mut c.limits.size)
    }),
    opt("-T, --max-time TIME\tRotate when it has been used so long; 5d.", |c, v| {
        v.to(&mut c.limits.time)
    }),
    opt("-m, --max-files COUNT\tKeep so many old logs; 10, 0 is no limit.", |c, v| {
        v.to(&mut c.limits.files)
    }),
    opt("-t, --timestamp\tPut the time before each line (UTC).", |c, v| c.style.turn(v)),
    opt("-e, --skip-empty\tDrop empty lines.", |c, v| v.to(&mut c.style.skip_empty)),
    opt("-i, --input-fd FD\tRead this descriptor instead of 0.", |c, v| v.to(&mut c.input)),
    opt("-b, --buffered\tDo not wait until lines are on the disk.", |c, v| v.to(&mut c.buffered)),
];

/// The applet.
///
/// # Errors
/// The directory cannot be used, the input cannot be read.
pub fn run(call: &Call) -> Result<Exit, Exit> {
    file::open_standard();
    let mut config = Config {
        style: Style::default(),
        input: file::STDIN,
        buffered: false,
        limits: Limits {
            size: Size(150 << 10),
            time: LongTime(Duration::seconds(5 * 86_400)),
            files: Count(10),
        },
    };
    let at = call.options(&ABOUT, OPTIONS, &mut config)?;
    let Some(path) = call.operand(at)? else {
        return Err(ABOUT.missing("no directory given. "));
    };
    let mut logs = Logs::open(path, config.limits, !config.buffered)
        .map_err(|(what, error)| refused(what, path.to_bytes(), error))?;
    let Buffers { front, batch, out } = pump::buffers()?;
    pump::pump(config.input, batch, &mut Logger::new(&mut logs, config.style, None, front, out))
}

/// How long after a rotation that failed the next is tried.
const RETRY: Duration = Duration::seconds(1);

/// How many old logs are removed after a rotation: each costs a look through the directory, which must not keep
/// the service waiting where there are many.
const MOST_REMOVED: u32 = 64;

/// The directory and the file that is written.
struct Logs {
    path: Word,
    files: Files,
    current: File,
    store: Store,
    /// Bytes in `current`.
    size: u64,
    /// The second when it was begun.
    begun: i64,
    limits: Limits,
    retry_at: Option<Instant>,
    /// Said once a streak of failures.
    said: bool,
}

impl Logs {
    fn open(path: Word, limits: Limits, syncs: bool) -> Result<Self, Refused> {
        let (files, current) = open(path)?;
        let store = Store::new(path.to_bytes(), OnFull::Drop, syncs, current.number());
        let size = file::size(current.number());
        let begun = files.noted(clock::real().0);
        Ok(Self { path, files, current, store, size, begun, limits, retry_at: None, said: false })
    }

    /// Whether it is time to rotate, and not too soon after a failure.
    fn is_due(&self, now: i64) -> bool {
        self.limits.is_due(self.size, self.begun, now)
            && self.retry_at.is_none_or(|at| at <= clock::now())
    }

    /// Makes `current` an old log and begins a new one. When that fails, `current` is used on.
    fn rotate(&mut self, now: i64) {
        self.retry_at = None;
        let result = self.try_rotate(now);
        if let Err((what, error)) = result {
            if !self.said {
                let _ = refused(what, self.path.to_bytes(), error);
            }
            self.retry_at = Some(clock::now().plus(RETRY));
        }
        self.said = result.is_err();
    }

    fn try_rotate(&mut self, now: i64) -> Result<(), Refused> {
        let found = self.files.look().map_err(|error| ("cannot read ", error))?;
        match self.files.rename_current(Name::after(found.newest, now)) {
            // The directory is gone, or somebody has moved the file away.
            Err(Errno::NOENT) => return self.reopen(),
            other => other.map_err(|error| ("cannot rename current in ", error))?,
        }
        let current = self.files.current();
        let current = current.map_err(|error| ("cannot make current in ", error))?;
        self.turn_to(current, 0, now);
        self.files.note(now);
        let most = match self.limits.files.0 {
            0 => u32::MAX,
            most => most,
        };
        let surplus = (found.count + 1).saturating_sub(most).min(MOST_REMOVED);
        let mut oldest = found.oldest;
        for more in (0..surplus).rev() {
            let Some(name) = oldest else { break };
            self.files.remove(name).map_err(|error| ("cannot remove an old log in ", error))?;
            oldest =
                if more > 0 { self.files.look().ok().and_then(|found| found.oldest) } else { None };
        }
        Ok(())
    }

    fn turn_to(&mut self, current: File, size: u64, begun: i64) {
        self.store.turn_to(&current);
        self.size = size;
        self.begun = begun;
        self.current = current;
    }

    /// Directory and file again, by their names.
    fn reopen(&mut self) -> Result<(), Refused> {
        let (files, current) = open(self.path)?;
        self.files = files;
        let begun = self.files.noted(clock::real().0);
        let size = file::size(current.number());
        self.turn_to(current, size, begun);
        Ok(())
    }
}

impl Target for Logs {
    fn store(&self) -> &Store {
        &self.store
    }

    fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    fn write(&mut self, bytes: &[u8], gap: Gap) -> usize {
        let mut done = 0;
        let (now, _) = clock::real();
        // A clock that was set back counts from here.
        self.begun = self.begun.min(now);
        loop {
            if self.store.at_border() && self.is_due(now) {
                self.rotate(now);
            }
            let rest = tail(bytes, done);
            let share = if self.retry_at.is_some() {
                rest.len()
            } else {
                self.limits.share(self.size, rest)
            };
            let Self { store, files, .. } = self;
            let share = head(rest, share);
            let was_out = store.is_out();
            let written = store.write(share, gap, &mut || files.remove_oldest());
            self.size += written as u64;
            done += written;
            // What was dropped, taken back or put into the gap is not in `written`.
            if was_out || self.store.is_out() {
                self.size = file::size(self.current.number());
            }
            if done >= bytes.len() || written < share.len() {
                return done;
            }
        }
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::ALRM if self.size > 0 => self.rotate(clock::real().0),
            Signal::HUP => {
                if let Err((what, error)) = self.reopen() {
                    let _ = refused(what, self.path.to_bytes(), error);
                }
            }
            _ => {}
        }
    }
}

//! A command as unruly as tests/storm.rs wants it, and a bystander that must not be struck. What they see and do
//! they write down, in the folder they run in.
//!
//!     stormy run STEPS…           the command of dmon: each run does the next of these, round and round
//!     stormy left RUN STEPS       what a run leaves behind
//!     stormy bystand NAME         writes all signals it gets into the file NAME
//!
//! STEPS are words with commas between them: `say=N` and `err=N` write so many lines; `sleep=MS`; `deaf` hears no
//! TERM from now on; `polite=N` writes so many lines at TERM, and ends with 0; `fork=MS`, `double=MS`, `away=MS`
//! and `hermit=MS` leave somebody for so long: a child, an orphan, an orphan in another session, one of those that is
//! deaf; `close` gives up standard output; `stop` stops itself; `die` kills itself; `exit=N`. Behind the last it ends
//! with 0.
//!
//! `ledger` tells what happened, a line each: `TIME begin PID RUN BIRTH`, `TIME two PID` (another copy lives),
//! `TIME deaf PID`, `TIME got PID SIGNAL SENDER`, `TIME stop PID`, `TIME exit PID STATUS`, `TIME die PID`. `said.PID` tells how many
//! lines this process has written in whole to standard output and standard error.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::SignalFd;
use nix::time::{ClockId, clock_gettime};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio, exit, id};
use std::time::{Duration, Instant};

/// Which signals `got` tells of; others do what they do by default.
const HEARD: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGCONT,
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", turns @ ..] => run(turns),
        ["left", run, steps] => Stormy::new(run.parse().expect("a number")).all(steps),
        ["bystand", name] => bystand(name),
        _ => panic!("stormy run STEPS… | left RUN STEPS | bystand NAME"),
    }
}

fn run(turns: &[&str]) {
    let lock = OpenOptions::new().create(true).append(true).open("lock").expect("the lock");
    let Ok(lock) = Flock::lock(lock, FlockArg::LockExclusiveNonblock) else {
        tell(&format!("two {}", id()));
        exit(99);
    };
    let number = read("ledger").lines().filter(|line| line.contains(" begin ")).count();
    let mut stormy = Stormy::new(number);
    let stat = read("/proc/self/stat");
    // The 22nd of proc(5); the name, which may hold blanks, is the second.
    let birth = stat.rsplit(')').next().and_then(|rest| rest.split(' ').nth(20)).unwrap_or("0");
    tell(&format!("begin {} {number} {birth}", id()));
    stormy.lock = Some(lock);
    stormy.all(turns[number % turns.len()]);
    stormy.end(0);
}

fn bystand(name: &str) {
    let all = SigSet::all();
    all.thread_block().expect("a mask");
    let signals = SignalFd::new(&all).expect("a signalfd");
    let open = || OpenOptions::new().create(true).append(true).open(name).expect("the file");
    drop(open());
    while let Ok(Some(got)) = signals.read_signal() {
        let _ = writeln!(open(), "signal {} from {}", got.ssi_signo, got.ssi_pid);
    }
}

fn read(name: &str) -> String {
    std::fs::read_to_string(name).unwrap_or_default()
}

fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock").into()
}

/// Writes a line of the ledger, at once.
fn tell(words: &str) {
    let mut ledger = OpenOptions::new().create(true).append(true).open("ledger").expect("ledger");
    ledger.write_all(format!("{} {words}\n", now().as_millis()).as_bytes()).expect("a line");
}

struct Stormy {
    run: usize,
    /// Held by us, and as their standard input by all that we leave.
    lock: Option<Flock<File>>,
    signals: SignalFd,
    heard: SigSet,
    /// Lines to write at TERM.
    polite: Option<usize>,
    is_closed: bool,
    said: File,
    counts: [usize; 2],
}

impl Stormy {
    fn new(run: usize) -> Stormy {
        let heard: SigSet = HEARD.into_iter().collect();
        heard.thread_block().expect("a mask");
        let signals = SignalFd::new(&heard).expect("a signalfd");
        let said = File::create(format!("said.{}", id())).expect("a file for the count");
        Stormy {
            run,
            lock: None,
            signals,
            heard,
            polite: None,
            is_closed: false,
            said,
            counts: [0; 2],
        }
    }

    fn all(&mut self, steps: &str) {
        for step in steps.split(',') {
            let (word, number) = step.split_once('=').unwrap_or((step, "0"));
            self.step(word, number.parse().expect("a number"));
        }
    }

    fn step(&mut self, word: &str, number: usize) {
        match word {
            "say" => self.say(number, 0),
            "err" => self.say(number, 1),
            "sleep" => self.sleep(number),
            "deaf" => {
                self.hear_term();
                tell(&format!("deaf {}", id()));
            }
            "polite" => {
                self.polite = Some(number);
                self.hear_term();
            }
            "fork" => self.leave(&format!("say=2,sleep={number},say=1")),
            "double" => self.leave(&format!("fork={number}")),
            "away" => self.leave(&format!("session,fork={number}")),
            "hermit" => self.leave(&format!("session,hidden={number}")),
            "hidden" => self.leave(&format!("deaf,say=1,sleep={number}")),
            "session" => drop(nix::unistd::setsid().expect("a session")),
            "close" => {
                let null = File::options().write(true).open("/dev/null").expect("/dev/null");
                nix::unistd::dup2_stdout(&null).expect("another output");
                self.is_closed = true;
            }
            "stop" => {
                tell(&format!("stop {}", id()));
                raise(Signal::SIGSTOP).expect("a stop");
                // What came meanwhile.
                self.sleep(1);
            }
            "die" => {
                tell(&format!("die {}", id()));
                raise(Signal::SIGKILL).expect("an end");
            }
            "exit" => self.end(number as i32),
            _ => panic!("no such step: {word}"),
        }
    }

    fn end(&self, status: i32) -> ! {
        tell(&format!("exit {} {status}", id()));
        exit(status)
    }

    fn hear_term(&mut self) {
        self.heard.add(Signal::SIGTERM);
        self.heard.thread_block().expect("a mask");
        self.signals.set_mask(&self.heard).expect("another mask");
    }

    /// Somebody who outlives us, perhaps, and is dmon's to take in then.
    #[expect(clippy::zombie_processes, reason = "we leave it on purpose")]
    fn leave(&self, steps: &str) {
        let input = match &self.lock {
            Some(lock) => Stdio::from(lock.try_clone().expect("the same lock")),
            None => Stdio::inherit(),
        };
        let mut left = Command::new(std::env::current_exe().expect("our path"));
        let first = if self.is_closed { "close," } else { "" };
        left.args(["left", &self.run.to_string(), &format!("{first}{steps}")]).stdin(input);
        let _ = left.spawn().expect("another process");
    }

    fn sleep(&mut self, milliseconds: usize) {
        let end = Instant::now() + Duration::from_millis(milliseconds as u64);
        while let Some(rest) = end.checked_duration_since(Instant::now()).filter(|r| !r.is_zero()) {
            // No sooner than the end.
            let rest = rest + Duration::from_millis(1);
            let rest = PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX);
            let mut wanted = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            if poll(&mut wanted, rest).is_ok_and(|ready| ready > 0) {
                self.hear();
            }
        }
    }

    /// Takes one signal.
    fn hear(&mut self) {
        let Ok(Some(got)) = self.signals.read_signal() else { return };
        tell(&format!("got {} {} {}", id(), got.ssi_signo, got.ssi_pid));
        if got.ssi_signo == Signal::SIGTERM as u32
            && let Some(lines) = self.polite.take()
        {
            self.say(lines, 0);
            self.end(0);
        }
    }

    /// Writes lines, each at once and with its number: `<RUN.PID.CHANNEL.NUMBER:LENGTH:…>`.
    fn say(&mut self, lines: usize, channel: usize) {
        let (out, err) = (std::io::stdout(), std::io::stderr());
        for _ in 0..lines {
            if channel == 0 && self.is_closed {
                return;
            }
            let to = if channel == 0 { out.as_fd() } else { err.as_fd() };
            self.wait_room(to);
            let number = self.counts[channel];
            // Mostly short, now and then long, never more than goes into a pipe in one piece.
            let length = if number % 61 == 60 { 800 } else { (number * 7 + self.run) % 90 };
            let filler = char::from(b'a' + (number % 26) as u8).to_string().repeat(length);
            let line = format!("<{}.{}.{channel}.{number}:{length}:{filler}>\n", self.run, id());
            loop {
                match nix::unistd::write(to, line.as_bytes()) {
                    Ok(count) => break assert_eq!(count, line.len(), "half a line"),
                    Err(Errno::EINTR) => {}
                    // Nobody can ever read it.
                    Err(_) => self.end(98),
                }
            }
            self.counts[channel] += 1;
            let text = format!("{:>9} {:>9}\n", self.counts[0], self.counts[1]);
            self.said.write_all_at(text.as_bytes(), 0).expect("room for the count");
        }
    }

    /// Waits until a line can be written, and hears signals meanwhile.
    fn wait_room(&mut self, to: BorrowedFd) {
        loop {
            let mut wanted = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(to, PollFlags::POLLOUT),
            ];
            let _ = poll(&mut wanted, PollTimeout::NONE);
            let [signal, room] = wanted.map(|one| one.any().unwrap_or(false));
            if signal {
                self.hear();
            }
            if room {
                return;
            }
        }
    }
}

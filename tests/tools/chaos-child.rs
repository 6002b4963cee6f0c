//! The supervised command of tests/storm.rs and tests/soak.rs. It does what its arguments say, and records what it does
//! and receives in its working directory.
//!
//!     chaos-child run STEPS…       the command: run N carries out the Nth STEPS, modulo their number
//!     chaos-child child RUN STEPS  a process that a run leaves behind
//!     chaos-child watch FILE       appends each signal that it receives to FILE
//!
//! STEPS is a comma-separated list. It ends with an implicit `exit=0`.
//!
//! * `out=N`, `err=N`: writes N lines to standard output or standard error.
//! * `sleep=MS`: handles signals for this time.
//! * `ignore-term`: records SIGTERM from now on, but does not exit.
//! * `on-term=N`: on SIGTERM, writes N lines and exits with 0.
//! * `child=MS`, `orphan=MS`, `daemon=MS`, `stubborn=MS`: starts a process that runs for this time: a child, an orphan,
//!   an orphan in a new session, an orphan in a new session that ignores SIGTERM.
//! * `ready`: writes a newline to descriptor 9.
//! * `close`: redirects standard output to /dev/null.
//! * `suspend`: sends itself SIGSTOP. `kill`: sends itself SIGKILL. `exit=STATUS`: exits.
//!
//! The file `journal` contains one line for each event, which starts with the time in milliseconds:
//!
//! * `start PID RUN START_TIME`, `exit PID STATUS`, `kill PID`, `suspend PID`, `ignore-term PID`: as above.
//! * `receive PID SIGNAL SENDER`: a signal was received.
//! * `duplicate PID`: this run started while the previous run or one of its leftover processes still existed.
//!
//! The file `lines.PID` contains the number of lines that this process has written to standard output and to standard
//! error.

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

/// Signals that are recorded. The others keep their default action.
const RECORDED: [Signal; 6] = [
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
        ["run", runs @ ..] => run(runs),
        ["child", run, steps] => ChaosChild::new(run.parse().expect("a number")).execute(steps),
        ["watch", name] => watch(name),
        _ => panic!("usage: chaos-child run STEPS… | child RUN STEPS | watch FILE"),
    }
}

fn run(runs: &[&str]) {
    // The lock is taken while another copy or a leftover process of an earlier run exists.
    let lock = OpenOptions::new().create(true).append(true).open("lock").expect("the lock");
    let Ok(lock) = Flock::lock(lock, FlockArg::LockExclusiveNonblock) else {
        note(&format!("duplicate {}", id()));
        exit(99);
    };
    let number = read("journal").lines().filter(|line| line.contains(" start ")).count();
    let mut child = ChaosChild::new(number);
    let stat = read("/proc/self/stat");
    // Field 22 of proc_pid_stat(5). Field 2, the name in parentheses, may contain spaces.
    let start_time = stat.rsplit(')').next().and_then(|rest| rest.split(' ').nth(20));
    note(&format!("start {} {number} {}", id(), start_time.unwrap_or("0")));
    child.lock = Some(lock);
    child.execute(runs[number % runs.len()]);
    child.exit(0);
}

fn watch(name: &str) {
    let all = SigSet::all();
    all.thread_block().expect("a mask");
    let signals = SignalFd::new(&all).expect("a signalfd");
    let open = || OpenOptions::new().create(true).append(true).open(name).expect("the file");
    drop(open());
    while let Ok(Some(info)) = signals.read_signal() {
        let _ = writeln!(open(), "signal {} from {}", info.ssi_signo, info.ssi_pid);
    }
}

fn read(name: &str) -> String {
    std::fs::read_to_string(name).unwrap_or_default()
}

fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock").into()
}

/// Appends a line to the journal, in a single write.
fn note(event: &str) {
    let open = OpenOptions::new().create(true).append(true).open("journal");
    let line = format!("{} {event}\n", now().as_millis());
    open.expect("the journal").write_all(line.as_bytes()).expect("a line");
}

struct ChaosChild {
    run: usize,
    /// Leftover processes inherit it as their standard input.
    lock: Option<Flock<File>>,
    signals: SignalFd,
    recorded: SigSet,
    /// Number of lines to write on SIGTERM before the exit; `None`: SIGTERM does not cause an exit.
    lines_on_term: Option<usize>,
    is_closed: bool,
    counts_file: File,
    /// Lines written to standard output and standard error.
    counts: [usize; 2],
}

impl ChaosChild {
    fn new(run: usize) -> ChaosChild {
        let recorded: SigSet = RECORDED.into_iter().collect();
        recorded.thread_block().expect("a mask");
        let signals = SignalFd::new(&recorded).expect("a signalfd");
        let counts_file = File::create(format!("lines.{}", id())).expect("a file for the counts");
        ChaosChild {
            run,
            lock: None,
            signals,
            recorded,
            lines_on_term: None,
            is_closed: false,
            counts_file,
            counts: [0; 2],
        }
    }

    fn execute(&mut self, steps: &str) {
        for step in steps.split(',') {
            let (word, number) = step.split_once('=').unwrap_or((step, "0"));
            self.step(word, number.parse().expect("a number"));
        }
    }

    fn step(&mut self, word: &str, number: usize) {
        match word {
            "out" => self.write_lines(number, 0),
            "err" => self.write_lines(number, 1),
            "sleep" => self.sleep(number),
            "ignore-term" => {
                self.record_term();
                note(&format!("ignore-term {}", id()));
            }
            "on-term" => {
                self.lines_on_term = Some(number);
                self.record_term();
            }
            "child" => self.spawn(&format!("out=2,sleep={number},out=1")),
            "orphan" => self.spawn(&format!("child={number}")),
            "daemon" => self.spawn(&format!("session,child={number}")),
            "stubborn" => self.spawn(&format!("session,stubborn-child={number}")),
            "stubborn-child" => self.spawn(&format!("ignore-term,out=1,sleep={number}")),
            "session" => drop(nix::unistd::setsid().expect("a session")),
            "ready" => {
                let pipe = File::options().write(true).open("/proc/self/fd/9");
                pipe.expect("descriptor 9").write_all(b"\n").expect("a newline");
            }
            "close" => {
                let null = File::options().write(true).open("/dev/null").expect("/dev/null");
                nix::unistd::dup2_stdout(&null).expect("another output");
                self.is_closed = true;
            }
            "suspend" => {
                note(&format!("suspend {}", id()));
                raise(Signal::SIGSTOP).expect("SIGSTOP");
                // Handle the signals that arrived meanwhile.
                self.sleep(1);
            }
            "kill" => {
                note(&format!("kill {}", id()));
                raise(Signal::SIGKILL).expect("SIGKILL");
            }
            "exit" => self.exit(number as i32),
            _ => panic!("unknown step: {word}"),
        }
    }

    fn exit(&self, status: i32) -> ! {
        note(&format!("exit {} {status}", id()));
        exit(status)
    }

    fn record_term(&mut self) {
        self.recorded.add(Signal::SIGTERM);
        self.recorded.thread_block().expect("a mask");
        self.signals.set_mask(&self.recorded).expect("another mask");
    }

    /// Starts a process that may outlive this one; then dmon adopts it.
    #[expect(clippy::zombie_processes, reason = "left behind on purpose")]
    fn spawn(&self, steps: &str) {
        let input = match &self.lock {
            Some(lock) => Stdio::from(lock.try_clone().expect("the same lock")),
            None => Stdio::inherit(),
        };
        let mut child = Command::new(std::env::current_exe().expect("the path of this program"));
        let first = if self.is_closed { "close," } else { "" };
        child.args(["child", &self.run.to_string(), &format!("{first}{steps}")]).stdin(input);
        let _ = child.spawn().expect("another process");
    }

    fn sleep(&mut self, milliseconds: usize) {
        let end = Instant::now() + Duration::from_millis(milliseconds as u64);
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|l| !l.is_zero()) {
            // PollTimeout rounds down to milliseconds.
            let left = left + Duration::from_millis(1);
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut polled = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            if poll(&mut polled, timeout).is_ok_and(|ready| ready > 0) {
                self.handle_signal();
            }
        }
    }

    /// Records a pending signal, and exits on SIGTERM after `on-term`.
    fn handle_signal(&mut self) {
        let Ok(Some(info)) = self.signals.read_signal() else { return };
        note(&format!("receive {} {} {}", id(), info.ssi_signo, info.ssi_pid));
        if info.ssi_signo == Signal::SIGTERM as u32
            && let Some(lines) = self.lines_on_term.take()
        {
            self.write_lines(lines, 0);
            self.exit(0);
        }
    }

    /// Writes numbered lines, one per write: `<RUN.PID.CHANNEL.NUMBER:LENGTH:FILLER>`.
    fn write_lines(&mut self, lines: usize, channel: usize) {
        let (out, err) = (std::io::stdout(), std::io::stderr());
        for _ in 0..lines {
            if channel == 0 && self.is_closed {
                return;
            }
            let to = if channel == 0 { out.as_fd() } else { err.as_fd() };
            self.wait_writable(to);
            let number = self.counts[channel];
            // Mostly short, sometimes long, but always below PIPE_BUF, so that each write is atomic.
            let length = if number % 61 == 60 { 800 } else { (number * 7 + self.run) % 90 };
            let filler = char::from(b'a' + (number % 26) as u8).to_string().repeat(length);
            let line = format!("<{}.{}.{channel}.{number}:{length}:{filler}>\n", self.run, id());
            loop {
                match nix::unistd::write(to, line.as_bytes()) {
                    Ok(count) => break assert_eq!(count, line.len(), "half a line"),
                    Err(Errno::EINTR) => {}
                    // EPIPE: the line has no reader.
                    Err(_) => self.exit(98),
                }
            }
            self.counts[channel] += 1;
            let text = format!("{:>9} {:>9}\n", self.counts[0], self.counts[1]);
            self.counts_file.write_all_at(text.as_bytes(), 0).expect("space for the counts");
        }
    }

    /// Waits until a line can be written, and handles signals meanwhile.
    fn wait_writable(&mut self, to: BorrowedFd) {
        loop {
            let mut polled = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(to, PollFlags::POLLOUT),
            ];
            let _ = poll(&mut polled, PollTimeout::NONE);
            let [has_signal, is_writable] = polled.map(|one| one.any().unwrap_or(false));
            if has_signal {
                self.handle_signal();
            }
            if is_writable {
                return;
            }
        }
    }
}

//! Start of programs, with their output in files of the test's folder.

use super::pipes::set_nonblocking;
use super::processes::MARK;
use super::wait::poll;
use super::{Done, Rig, limit, signal};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll as poll_pipe};
use nix::sys::signal::Signal;
use std::cell::RefCell;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Instant;

impl Rig {
    /// Starts one program. The shell executes it in its own process, so the PID is the program's.
    pub fn start(&self, line: impl Display) -> Running<'_> {
        self.spawn(format!("exec {line}"), |_| ())
    }

    /// Starts one program with a pipe as its standard input.
    pub fn start_fed(&self, line: impl Display) -> (Running<'_>, ChildStdin) {
        let running = self.spawn(format!("exec {line}"), |command| {
            command.stdin(Stdio::piped());
        });
        let input = running.child.borrow_mut().stdin.take().expect("a pipe to it");
        (running, input)
    }

    /// Starts one program with this standard output.
    pub fn start_to(&self, line: impl Display, output: impl Into<Stdio>) -> Running<'_> {
        self.spawn(format!("exec {line}"), |command| {
            command.stdout(output);
        })
    }

    /// Runs one program until it exits.
    #[track_caller]
    pub fn run(&self, line: impl Display) -> Done {
        self.start(line).wait()
    }

    /// Runs any shell command, such as a pipeline or a loop, until it exits.
    #[track_caller]
    pub fn shell(&self, line: impl Display) -> Done {
        self.spawn(line.to_string(), |_| ()).wait()
    }

    fn spawn(&self, line: String, change: impl FnOnce(&mut Command)) -> Running<'_> {
        self.started.set(self.started.get() + 1);
        let number = self.started.get();
        let mut command = self.command(&line, number);
        change(&mut command);
        let started_at = Instant::now();
        let child = command.spawn().expect("/bin/sh");
        Running { rig: self, line, number, started_at, child: RefCell::new(child) }
    }

    fn command(&self, line: &str, number: usize) -> Command {
        let output = |kind| {
            let path = self.path(&format!("{number}.{kind}"));
            // Several processes may share the file: append, as `2>>` does.
            OpenOptions::new().create(true).append(true).open(path).expect("a file for the output")
        };
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(self.path("bin/peers"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path.push(":/usr/sbin:/sbin");
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(line)
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("LC_ALL", "C")
            .env(MARK, self.folder.path())
            .stdin(Stdio::null())
            .stdout(output("out"))
            .stderr(output("err"));
        for applet in ["DMON", "DLOG", "DRLOG", "DSYSLOG", "DSLOG"] {
            command.env_remove(format!("{applet}_OPTIONS"));
        }
        command.env_remove("DMON_LIST_MULTICALL_APPLETS");
        command
    }
}

/// A started program. Dropping it kills the program.
pub struct Running<'a> {
    rig: &'a Rig,
    line: String,
    /// The number of the command line, by which its output files are named.
    number: usize,
    started_at: Instant,
    child: RefCell<Child>,
}

impl Running<'_> {
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.borrow().id()).expect("a pid")
    }

    pub fn signal(&self, which: Signal) {
        signal(self.pid(), which);
    }

    /// Returns its standard error so far.
    pub fn err(&self) -> String {
        self.rig.read(&format!("{}.err", self.number))
    }

    pub fn is_running(&self) -> bool {
        self.try_wait().is_none()
    }

    fn try_wait(&self) -> Option<ExitStatus> {
        self.child.borrow_mut().try_wait().expect("waitpid")
    }

    /// Waits until it exits.
    #[track_caller]
    pub fn wait(self) -> Done {
        let status =
            self.rig.wait_for_some(format!("the exit of `{}`", self.line), || self.try_wait());
        Done {
            line: self.line.clone(),
            status,
            took: self.started_at.elapsed(),
            out: self.rig.read(&format!("{}.out", self.number)),
            err: self.err(),
        }
    }

    /// Sends SIGKILL and waits until it has exited.
    #[track_caller]
    pub fn kill(self) {
        self.signal(Signal::SIGKILL);
        self.wait();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.get_mut().kill();
        // A process in an uninterruptible sleep may survive SIGKILL: the wait has a limit.
        poll(|| self.child.get_mut().try_wait().transpose());
    }
}

/// Writes to the standard input of a program. Panics if the program stops reading for longer than the time limit.
#[track_caller]
pub fn feed(input: &mut ChildStdin, text: impl AsRef<[u8]>) {
    let flags = fcntl(&*input, FcntlArg::F_GETFL).map(OFlag::from_bits_retain).expect("a pipe");
    set_nonblocking(&*input);
    let mut rest = text.as_ref();
    while !rest.is_empty() {
        match input.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => wait_writable(input),
            Err(fault) => panic!("the program does not read its input: {fault}"),
        }
    }
    fcntl(&*input, FcntlArg::F_SETFL(flags)).expect("a pipe");
}

/// Waits until a pipe has space.
#[track_caller]
fn wait_writable(input: &ChildStdin) {
    let mut pipe = [PollFd::new(input.as_fd(), PollFlags::POLLOUT)];
    let timeout = PollTimeout::try_from(limit()).unwrap_or(PollTimeout::MAX);
    let ready = poll_pipe(&mut pipe, timeout).expect("poll(2)");
    assert!(ready > 0, "waited {:?} for the program to read its input", limit());
}

/// Quotes a text as one word for the shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

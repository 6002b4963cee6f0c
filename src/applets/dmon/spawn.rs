//! From fork to exec: what a child does to itself before it becomes the command.
//!
//! It runs on the parent's memory ([`process::spawn`]), so it touches nothing of it but the places where it puts
//! together a path and leaves word of a failure. Any failure ends the start, and the parent is told at which stage.

use super::credentials::Credentials;
use crate::applets::diag::eprint;
use core::ffi::c_int;
use pure::diag::put_reason;
use pure::exit::Exit;
use pure::supervise::machine::Role;
use pure::supervise::rlimits::{self, Rlimits};
use pure::text::TextBuf;
use pure::unix::{Errno, Pid, Signal};
use sys::args::Argv;
use sys::file::{self, File, STDERR, STDIN, STDOUT};
use sys::process::{self, PathBuf};
use sys::signal::{self, SignalSet};
use sys::{credentials, terminal};

/// All that makes a child what it is.
pub struct SpawnSpec<'a> {
    pub role: Role,
    pub command: Argv,
    pub credentials: Option<&'a Credentials>,
    /// Our end of the log pipe: the command's output, the logger's input.
    pub pipe: Option<c_int>,
    pub stderr_too: bool,
    /// Our own number.
    pub supervisor_pid: c_int,
    /// The mask we were started with.
    pub mask: SignalSet,
    pub limits: Option<&'a Rlimits>,
    /// The terminal becomes the child's.
    pub foreground: bool,
    /// Sent by the kernel when we die, so that no command outlives its supervisor and meets its own
    /// second copy. The logger has none: it ends by the end of its input and loses nothing.
    pub parent_death_signal: Option<Signal>,
}

/// What was being done when it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Fork,
    Group,
    Redirect,
    Groups,
    Gid,
    Uid,
    Death,
    SignalSet,
    Execute,
    /// A limit; those behind it are this and its number.
    Limit,
}

/// What could not be done, for each stage in turn.
const STAGES: [&str; 10] = [
    "still trying to start ",
    "cannot make a process group for ",
    "cannot redirect the output of ",
    "cannot set the groups of ",
    "cannot set the group of ",
    "cannot set the user of ",
    "cannot set the parent-death signal of ",
    "cannot set the signal mask of ",
    "cannot execute ",
    "cannot set limit ",
];

/// Why there is no child: the number of the stage, and the error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    stage: u8,
    error: Errno,
}

impl Failure {
    const fn new(stage: Stage, error: Errno) -> Self {
        Self { stage: stage as u8, error }
    }

    /// No process or no pipe could be made.
    const fn fork_failed(error: Errno) -> Self {
        Self::new(Stage::Fork, error)
    }

    /// That may pass. But our own limit on files will not change by itself, if this is the `first` start.
    #[must_use]
    pub fn is_transient(self, first: bool) -> bool {
        self.stage == Stage::Fork as u8 && !(first && self.error == Errno::MFILE)
    }

    /// The exit code for it.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self.error {
            _ if self.stage != Stage::Execute as u8 => Exit::FAILED,
            Errno::NOENT => Exit::NOT_FOUND,
            _ => Exit::CANNOT_EXECUTE,
        }
    }

    /// Says what has failed.
    pub fn report(self, plan: &SpawnSpec) {
        let stage = usize::from(self.stage);
        let limit = stage.checked_sub(Stage::Limit as usize);
        let limit = limit.and_then(rlimits::name);
        let what = STAGES.get(stage.min(Stage::Limit as usize)).copied().unwrap_or("cannot start ");
        let (limit, of): (_, &[u8]) = limit.map_or((&b""[..], b""), |limit| (limit, b" for "));
        let mut reason = TextBuf::<64>::new();
        put_reason(&mut reason, self.error);
        let name = plan.command.name().to_bytes();
        let name = if name.is_empty() { b"''" } else { name };
        eprint(&[what.as_bytes(), limit, of, name, b": ", reason.bytes()]);
    }
}

/// Starts the child and waits until it has executed its command, or has failed to.
///
/// A failure is known at once, because the child runs on our memory. Under emulators and checkers, which
/// give it a copy, it comes over a pipe that a successful exec closes. Which of the two it is shows at
/// the first start: from then on `shares_memory` saves the pipe.
///
/// # Errors
/// What the child or the fork failed at.
pub fn start(
    plan: &SpawnSpec,
    path_buf: &mut PathBuf,
    shares_memory: &mut bool,
) -> Result<Pid, Failure> {
    let pipe = (!*shares_memory).then(file::pipe).transpose().map_err(Failure::fork_failed)?;
    let mut failure = None;
    let pid = process::spawn(&mut || {
        *shares_memory = true;
        let Failure { stage, error } = exec_command(plan, path_buf);
        failure = Some(Failure { stage, error });
        if let Some((_, answer)) = &pipe {
            let [a, b, c, d] = error.0.to_le_bytes();
            // Nothing is left to do if even this fails; the exit status says the rest.
            let _ = file::write(answer.fd(), &[stage, a, b, c, d]);
        }
        c_int::from(Exit::CANNOT_EXECUTE.0)
    });
    let pid = pid.map_err(Failure::fork_failed)?;
    if let (Some((report, answer)), false) = (pipe, *shares_memory) {
        drop(answer);
        failure = read_failure(&report);
    }
    failure.map_or(Ok(pid), Err)
}

/// Waits for what a child with its own memory has to say: nothing, once it has executed.
fn read_failure(report: &File) -> Option<Failure> {
    let mut message = [0; 5];
    loop {
        match file::read(report.fd(), &mut message) {
            Ok(n) if n == message.len() => {
                let [stage, errno @ ..] = message;
                return Some(Failure { stage, error: Errno(i32::from_le_bytes(errno)) });
            }
            Err(Errno::INTR) => {}
            _ => return None,
        }
    }
}

/// Comes back only when something failed.
fn exec_command(plan: &SpawnSpec, path_buf: &mut PathBuf) -> Failure {
    match prepare(plan) {
        Ok(()) => Failure::new(Stage::Execute, process::execvp(&plan.command, path_buf)),
        Err(failure) => failure,
    }
}

fn prepare(plan: &SpawnSpec) -> Result<(), Failure> {
    let at = |stage| move |error| Failure::new(stage, error);
    // A group and not a session: a stopped command that loses its supervisor then gets HUP and CONT
    // from the kernel (setpgid(2), orphaned process groups).
    process::setpgid_self().map_err(at(Stage::Group))?;
    if plan.foreground {
        // Without it the command would be stopped once it reads.
        let _ = process::getpgrp().map(terminal::set_foreground);
    }
    if let Some(pipe) = plan.pipe {
        let onto = if plan.role == Role::Cmd { STDOUT } else { STDIN };
        file::dup_onto(pipe, onto).map_err(at(Stage::Redirect))?;
    }
    if plan.stderr_too {
        file::dup_onto(STDOUT, STDERR).map_err(at(Stage::Redirect))?;
    }
    for (number, limit) in plan.limits.iter().flat_map(|limits| limits.all.iter().enumerate()) {
        if let Some(limit) = limit {
            process::set_rlimit(number, limit.soft, limit.hard)
                .map_err(|error| Failure { stage: Stage::Limit as u8 + number as u8, error })?;
        }
    }
    if let Some(credentials) = plan.credentials {
        credentials::set_groups(&credentials.groups).map_err(at(Stage::Groups))?;
        credentials::set_gid(credentials.gid).map_err(at(Stage::Gid))?;
        if let Some(uid) = credentials.uid {
            credentials::set_uid(uid).map_err(at(Stage::Uid))?;
            // The kernel takes root's away with the user, but not those of a dmon that is not root.
            let _ = process::drop_capabilities();
        }
    }
    if let Some(signal) = plan.parent_death_signal {
        // After the change of user, which would cancel it.
        process::set_parent_death_signal(signal).map_err(at(Stage::Death))?;
        if process::getppid() != plan.supervisor_pid {
            // Our parent died before it could be asked to tell us.
            process::exit(Exit::FAILED.0);
        }
    }
    signal::set_mask(&plan.mask).map_err(at(Stage::SignalSet))
}

//! Starts a child: from vfork to exec.
//!
//! The supervisor starts the command and the logger with it.
//!
//! vfork(2) suspends dmon until the child has executed its command or failed, and the child runs in dmon's memory. So
//! the child leaves its failure there, and a start needs neither a pipe nor a copy of the memory. The exception is an
//! emulator whose vfork is a fork that does not wait (qemu-user 10). Under it the child reports through a pipe, which a
//! successful exec closes. The first start uses both ways and shows which kind of vfork this is. (Under
//! such an emulator, a `--ready` with the number of this pipe hides the failure: the run ends with 126.)
//!
//! Each combination was measured: lower quartiles of 1000 interleaved starts and 180 restarts, as multiples of a vfork
//! and an exec in C (`scripts/bench/floor/supervise.c`), on two busy cores. At most 1.3 is acceptable for a start.
//!
//! | transport of the failure | exec of dmon to exec of its command | restart | calls of a restart |
//! | --- | ---: | ---: | ---: |
//! | both, as below | 1.26 to 1.29 | 1.12 | 10 |
//! | vfork, memory only | 1.23 | 1.02 | 10 |
//! | vfork, pipe only | 1.33 to 1.36 | 1.11 | 11, then close, read, close |
//! | fork and pipe | 1.60 to 1.61 | 1.40 | 11, then close, read, close |
//!
//! * Memory only: under qemu-user, a failed start would count as a run that ends at once, without a message.
//! * Pipe only: too slow. A dmon without free descriptors could not restart its command, and one whose close(2) fails
//!   would wait for ever (`tests/dmon/faults.rs`).
//! * fork: too slow. It copies the page tables, and then each page that parent or child writes.

use super::config::Config;
use super::credentials::Credentials;
use super::finish::{FinishCommand, Status};
use super::log_pipe::LogPipe;
use super::mark;
use super::ready::ReadyPipe;
use super::start_failure::{Stage, StartFailure};
use crate::applets::path_search::{PathBuf, execvp};
use crate::applets::standard_fds;
use core::ffi::{CStr, c_int};
use pure::exit::Exit;
use pure::supervise::machine::{Role, RunEnd};
use pure::supervise::rlimits::Rlimits;
use pure::unix::{Errno, Pid, Signal};
use sys::args::Argv;
use sys::environment::Variables;
use sys::fd::{self, STDERR, STDIN, STDOUT};
use sys::file::{self, File};
use sys::signal::{self, SignalSet};
use sys::vfork::vfork;
use sys::{credentials, process, terminal};

/// The commands to run, and their users.
// Field order: see src/lib.rs.
#[repr(C)]
pub struct Job {
    pub command: Argv,
    pub log_command: Option<Argv>,
    pub credentials: Option<Credentials>,
    pub log_credentials: Option<Credentials>,
    pub finish: Option<FinishCommand>,
}

impl Job {
    /// Returns the command of a child. Without a log command, no logger is started, and the same holds for `--finish`.
    fn command_of(&self, role: Role) -> &Argv {
        match (role, &self.log_command, &self.finish) {
            (Role::Log, Some(command), _) => command,
            (Role::Finish, _, Some(finish)) => &finish.argv,
            _ => &self.command,
        }
    }
}

/// Everything that a child needs to start.
struct SpawnSpec<'a> {
    settings: &'a Settings<'a>,
    role: Role,
    run_end: RunEnd,
    /// The log pipe: the command's standard output or the logger's standard input.
    pipe: &'a LogPipe,
    /// The terminal: the command becomes its foreground job. The logger never does, and may write to it.
    terminal: Option<c_int>,
    /// The command gets its write end.
    ready: &'a ReadyPipe,
}

/// What all starts have in common.
struct Settings<'a> {
    config: &'a Config,
    job: &'a Job,
    /// An additional variable of the command.
    mark: Option<&'static CStr>,
    supervisor_pid: c_int,
}

/// Starts children.
pub struct Spawner<'a> {
    settings: Settings<'a>,
    /// How the last run ended, for the finish command.
    pub run_end: RunEnd,
    pub ready: ReadyPipe,
    /// A child has run in dmon's memory, so vfork(2) works as the kernel promises.
    shares_memory: bool,
    /// The buffer in which a child builds the path of its command.
    path_buf: &'static mut PathBuf,
}

impl<'a> Spawner<'a> {
    /// Returns the spawner for all children.
    pub fn new(config: &'a Config, job: &'a Job, path_buf: &'static mut PathBuf) -> Self {
        let supervisor_pid = process::getpid();
        let mark = mark::own(supervisor_pid);
        let settings = Settings { config, job, mark, supervisor_pid };
        let ready = ReadyPipe::NONE;
        Self { settings, run_end: RunEnd::NONE, ready, shares_memory: false, path_buf }
    }

    /// Returns the command of a child.
    pub fn command(&self, role: Role) -> &Argv {
        self.settings.job.command_of(role)
    }

    /// Starts the child and waits until it has executed its command or failed.
    ///
    /// # Errors
    /// The stage that failed, with its errno. The stage is `FORK` if there is no child.
    pub fn start(
        &mut self,
        role: Role,
        pipe: &LogPipe,
        terminal: Option<c_int>,
    ) -> Result<Pid, StartFailure> {
        let Self { settings, run_end, ready, path_buf, shares_memory } = self;
        if role == Role::Cmd && settings.config.ready_fd > 0 {
            ready.open();
        }
        let spec = SpawnSpec { settings, role, run_end: *run_end, pipe, terminal, ready };
        let cannot_fork = |error| StartFailure::new(Stage::FORK, error);
        let pipe = (!*shares_memory).then(fd::pipe).transpose().map_err(cannot_fork)?;
        let mut failure = None;
        let pid = vfork(&mut || {
            // Under an emulator these assignments change only the child's copy.
            *shares_memory = true;
            let reason = exec_command(&spec, path_buf);
            failure = Some(reason);
            if let Some((_, writer)) = &pipe {
                // If this fails, too, the parent sees a run that ends with the exit status below.
                let _ = file::write(writer.fd(), &reason.to_bytes());
            }
            c_int::from(Exit::CANNOT_EXECUTE.0)
        });
        if let Some((reader, writer)) = pipe {
            drop(writer);
            if !*shares_memory {
                failure = read_failure(&reader);
            }
        }
        failure.map_or(pid.map_err(cannot_fork), Err)
    }
}

/// Waits for the child's failure; `None` once it has executed its command.
fn read_failure(reader: &File) -> Option<StartFailure> {
    let mut bytes = [0; 4];
    loop {
        match file::read(reader.fd(), &mut bytes) {
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => return StartFailure::from_bytes(bytes),
        }
    }
}

/// Executes the command; returns only if that fails.
fn exec_command(spec: &SpawnSpec, path_buf: &mut PathBuf) -> StartFailure {
    let Settings { job, mark, .. } = *spec.settings;
    let (credentials, mark) = match spec.role {
        Role::Cmd => (job.credentials.as_ref(), mark),
        Role::Log => (job.log_credentials.as_ref(), None),
        Role::Finish => (None, None),
    };
    let mut stage = Stage::PREPARE;
    let error = match prepare(spec, credentials, &mut stage) {
        Ok(()) => {
            stage = Stage::EXEC;
            let mut status = Status::new();
            let variables = match (spec.role, &job.finish) {
                (Role::Finish, Some(finish)) => finish.environment(spec.run_end, &mut status),
                _ => Variables::new(credentials.and_then(|one| one.environment.as_ref()), mark),
            };
            execvp(job.command_of(spec.role), path_buf, variables)
        }
        Err(error) => error,
    };
    StartFailure::new(stage, error)
}

/// Applies `spec` to the child, except its command. `stage` is the one that fails.
#[inline(never)]
fn prepare(
    spec: &SpawnSpec,
    credentials: Option<&Credentials>,
    stage: &mut Stage,
) -> Result<(), Errno> {
    let settings = spec.settings;
    // A process group, not a session: if dmon dies, a suspended command is in an orphaned process group, and the
    // kernel sends it SIGHUP and SIGCONT (setpgid(2)).
    process::setpgid_self()?;
    match (spec.role, spec.terminal) {
        (_, None) => {}
        // Otherwise the command would receive SIGTTIN when it reads from the terminal.
        (Role::Cmd, Some(terminal)) => {
            let _ = process::getpgrp().map(|own| terminal::set_foreground(terminal, own));
        }
        // Otherwise SIGTTOU would stop the child when it writes to a terminal with `stty tostop`.
        (Role::Log | Role::Finish, Some(_)) => signal::ignore(Signal::TTOU),
    }
    *stage = Stage::REDIRECT;
    let (end, standard) = match spec.role {
        Role::Cmd | Role::Finish => (spec.pipe.writer, STDOUT),
        Role::Log => (spec.pipe.reader, STDIN),
    };
    end.map_or(Ok(()), |end| fd::dup_onto(end, standard))?;
    if spec.role != Role::Log && settings.config.stderr_to_stdout {
        fd::dup_onto(STDOUT, STDERR)?;
    }
    match spec.role {
        Role::Cmd => {
            let fd = settings.config.ready_fd;
            if fd > 0 {
                *stage = Stage::READY;
                fd::dup_onto(spec.ready.writer, fd)?;
            }
            set_rlimits(&settings.config.rlimits, stage)?;
        }
        Role::Finish => {
            fd::close(STDIN);
            standard_fds::open();
        }
        Role::Log => {}
    }
    *stage = Stage::USER;
    if let Some(credentials) = credentials {
        if !credentials.are_current {
            credentials::set_groups(&credentials.groups)?;
            credentials::set_gid(credentials.gid)?;
            credentials.uid.map_or(Ok(()), credentials::set_uid)?;
        }
        if credentials.uid.is_some() {
            // setuid(2) drops root's capabilities, but not those of a dmon that is not root.
            let _ = process::drop_capabilities();
        }
    }
    *stage = Stage::PREPARE;
    if spec.role == Role::Cmd {
        // The kernel sends this signal when dmon dies, so that a command does not outlive its supervisor and run beside
        // a second instance of itself. The logger needs none: it stops at the end of its input and loses nothing.
        // A change of user cancels this setting (prctl(2)), so it comes last.
        process::set_parent_death_signal(settings.config.stop_signal)?;
        // 0: dmon is outside of the child's PID namespace (`unshare -p dmon`).
        let parent = process::getppid();
        if parent != settings.supervisor_pid && parent != 0 {
            // dmon died before the call, so the kernel will not send the signal.
            process::exit(Exit::FAILED.0);
        }
    }
    // Not the mask that dmon was started with: a blocked SIGTERM would make the command unstoppable.
    signal::set_mask(&SignalSet::EMPTY)
}

fn set_rlimits(limits: &Rlimits, stage: &mut Stage) -> Result<(), Errno> {
    for (number, limit) in (0_u8..).zip(&limits.all) {
        *stage = Stage::rlimit(number);
        if let Some(limit) = limit {
            process::set_rlimit(number.into(), limit.soft, limit.hard)?;
        }
    }
    Ok(())
}

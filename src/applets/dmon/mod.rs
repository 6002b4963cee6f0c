//! dmon: runs a command and a logger for its output, and restarts both.
//!
//! This file reads the command line and prepares everything. Then the [`supervisor`] performs the actions that the
//! machine (`pure::supervise::machine`) chooses.

mod child_event;
pub mod config;
mod credentials;
mod daemon;
mod dry_run;
mod finish;
mod leftovers;
mod liveness;
mod load_sampler;
mod log_pipe;
mod mark;
mod pidfile;
mod predecessor;
mod process_list;
mod ready;
mod run_signals;
mod running;
mod sentinel;
mod signals;
mod spawn;
mod start_failure;
mod status;
mod supervisor;
mod terminal;
mod user_variables;
mod verbose;

use crate::applets::diag::{error, os_error};
use crate::applets::{Invocation, memory, path_search, print, standard_fds};
use config::{Config, INFO, OPTIONS};
use core::mem::ManuallyDrop;
use leftovers::Leftovers;
use log_pipe::LogPipe;
use pidfile::PidFile;
use pure::exit::Exit;
use pure::packed;
use pure::pid_set::PidSet;
use pure::supervise::rlimits;
use pure::unix::Signal;
use spawn::{Job, Spawner};
use status::StatusWriter;
use supervisor::Supervisor;
use sys::args::{Args, Argv};
use sys::{environment, process, signal};
use terminal::Terminal;

/// Runs dmon. Returns its exit status.
///
/// # Errors
/// The exit status of a failure, after it was reported.
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    standard_fds::open();
    let mut config = Config::default();
    let operands_at = invocation.options(&INFO, packed!(Config, OPTIONS), &mut config)?;
    run_with(&mut config, invocation, operands_at)
}

/// Runs dmon with these options.
#[inline(never)]
fn run_with(
    config: &mut Config,
    invocation: &Invocation,
    operands_at: usize,
) -> Result<Exit, Exit> {
    config.env_edits.install();
    // That of another dmon whose command this dmon is.
    environment::remove(mark::NAME.as_bytes());
    if config.rlimits.help {
        return print_rlimit_names();
    }
    if let Some(path) = config.directory {
        let cannot = |error| os_error("cannot change to ", path.to_bytes(), error);
        process::change_directory(path).map_err(cannot)?;
    }
    if config.request.is_given {
        return running::send(config, invocation.args.word(operands_at));
    }
    let (command, log_command) = split_commands(&invocation.args, operands_at);
    let command = command.ok_or_else(|| INFO.missing("no command to run. "))?;
    let mut job =
        Job { command, credentials: None, log_command, log_credentials: None, finish: None };
    config.validate(job.log_command.is_some()).map_err(|wrong| error(wrong, b"", ""))?;
    let edited = &config.env_edits.edited;
    credentials::resolve(&config.cmd_user, edited, &mut job.credentials)?;
    credentials::resolve(&config.log_user, edited, &mut job.log_credentials)?;
    job.finish = config.finish.map(finish::prepare).transpose()?;
    config.policy.finish = job.finish.is_some();
    load_sampler::check(&config.policy.thresholds)?;
    let path_buf = path_search::claim_path_buf().ok_or(Exit::FAILED)?;
    if config.check {
        return dry_run::check(config, &job, path_buf);
    }
    launch(config, &job, path_buf)
}

/// Opens the files, becomes a daemon and runs the commands.
#[inline(never)]
fn launch(
    config: &mut Config,
    job: &Job,
    path_buf: &'static mut path_search::PathBuf,
) -> Result<Exit, Exit> {
    // The exit closes the file.
    let status = ManuallyDrop::new(config.status_path.map(StatusWriter::open).transpose()?);
    let mut signalled = memory::claim().map(PidSet::new).ok_or(Exit::FAILED)?;
    // This may block. Signals are not caught yet, so SIGTERM still terminates dmon.
    let pid_file =
        config.pid_file.map(|path| PidFile::lock(path, config, job, &mut signalled)).transpose()?;
    let mut terminal = if config.no_daemon { Terminal::find() } else { None };
    if config.no_daemon && pid_file.is_some() && terminal.is_none() {
        // The next dmon recognises the processes of this one by the session. A process group leader cannot begin one.
        let _ = process::setsid();
    }
    config.policy.terminal = terminal.is_some();
    config.policy.daemon = !config.no_daemon;
    let mut launch_pipe = None;
    let start = || {
        let masks = signals::catch(config.policy.terminal, &config.policy.on_signal)?;
        config.policy.ends_with_terminal = config.policy.terminal && !masks.ignores_hangup;
        if config.policy.daemon {
            launch_pipe = Some(daemon::detach(&masks)?);
        }
        let pipe = LogPipe::create(config.policy.logged)?;
        pid_file.as_ref().map_or(Ok(()), PidFile::write)?;
        let spawner = Spawner::new(config, job, path_buf);
        // From here on dmon adopts orphans, if it can.
        let leftovers = Leftovers::new(config.stop_signal, signalled);
        Ok(Supervisor::new(config, pipe, status, terminal.as_mut(), masks, spawner, leftovers)
            .run(&config.policy, &mut launch_pipe))
    };
    let result = start();
    drop(pid_file);
    let result = result.map(|(exit, interrupted)| {
        if interrupted {
            signal::reraise(Signal::INT);
        }
        exit
    });
    if let Some(launch_pipe) = launch_pipe {
        launch_pipe.report(match result {
            Ok(Exit::SUCCESS) => error("stopped during the start", b"", ""),
            Ok(exit) | Err(exit) => exit,
        });
    }
    result
}

fn print_rlimit_names() -> Result<Exit, Exit> {
    for name in (0..).map_while(rlimits::name) {
        print(name)?;
        print(b"\n")?;
    }
    Ok(Exit::SUCCESS)
}

/// Splits the operands, from index `from` on, into the command and, after a `--`, the log command.
fn split_commands(args: &Args, from: usize) -> (Option<Argv>, Option<Argv>) {
    let separator = args.from(from).position(|word| word.to_bytes() == b"--").map(|at| at + from);
    let log_command = separator.and_then(|at| args.command(at + 1, args.count()));
    (args.command(from, separator.unwrap_or(args.count())), log_command)
}

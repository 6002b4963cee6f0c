//! dmon: runs a command and a logger for its output, and restarts both.
//!
//! This file reads the command line and prepares everything. Then the [`supervisor`] performs the actions that the
//! machine (`pure::supervise::machine`) chooses.

pub mod config;
mod credentials;
mod daemon;
mod leftovers;
mod load_sampler;
mod log_pipe;
mod pidfile;
mod process_list;
mod signals;
mod spawn;
mod start_failure;
mod status;
mod supervisor;
mod terminal;
mod verbose;

use crate::applets::diag::{error, os_error};
use crate::applets::option_sources::Parsed;
use crate::applets::{Invocation, path_search, print};
use config::{Config, INFO, OPTIONS};
use log_pipe::LogPipe;
use pidfile::PidFile;
use pure::exit::Exit;
use pure::supervise::rlimits;
use pure::time::Duration;
use pure::unix::Signal;
use spawn::Job;
use status::Status;
use supervisor::Supervisor;
use sys::args::{Args, Argv};
use sys::{file, process, signal};
use terminal::Terminal;

/// Runs dmon. Returns its exit status.
///
/// # Errors
/// The exit status of a failure, after it was reported.
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    file::open_standard();
    let mut config = Config::default();
    let Parsed::Options { operands_at } = invocation.options(&INFO, OPTIONS, &mut config)? else {
        return Ok(Exit::SUCCESS);
    };
    config.env_edits.install();
    if config.limits.help {
        for name in (0..).map_while(rlimits::name) {
            print(name)?;
            print(b"\n")?;
        }
        return Ok(Exit::SUCCESS);
    }
    if let Some(path) = config.directory {
        let cannot = |error| os_error("cannot change to ", path.to_bytes(), error);
        process::change_directory(path).map_err(cannot)?;
    }
    let (command, log_command) = split(&invocation.args, operands_at)?;
    config.validate(log_command.is_some()).map_err(|wrong| error(wrong, b"", ""))?;
    let mut job = Job { command, credentials: None, log_command, log_credentials: None };
    credentials::resolve(&config.cmd_user, &mut job.credentials)?;
    credentials::resolve(&config.log_user, &mut job.log_credentials)?;
    let status = config.status.map(Status::open).transpose()?;
    load_sampler::check(&config.policy.thresholds)?;
    let path_buf = path_search::claim_path_buf().ok_or(Exit::FAILED)?;
    let timeout = config.policy.kill_after.unwrap_or(Duration::from_secs(10));
    // This may block; signals are not caught yet, so SIGTERM still terminates dmon.
    let pid_file = config.pid_file.map(|path| PidFile::lock(path, timeout)).transpose()?;
    let masks = signals::catch()?;
    let mut launcher = if config.foreground { None } else { Some(daemon::detach(&masks)?) };
    let terminal = if config.foreground { Terminal::find() } else { None };
    config.policy.terminal = terminal.is_some();
    let result = job.log_command.map(|_| LogPipe::create()).transpose().and_then(|pipe| {
        pid_file.as_ref().map_or(Ok(()), PidFile::write)?;
        Ok(Supervisor::new(&config, &job, pipe, status, terminal, path_buf, masks)
            .run(&config.policy, &mut launcher))
    });
    drop(pid_file);
    let result = result.map(|(exit, interrupted)| {
        if interrupted {
            signal::reraise(Signal::INT);
        }
        exit
    });
    if let Some(launcher) = launcher {
        launcher.report(match result {
            Ok(Exit::SUCCESS) => error("told to stop before the command ran", b"", ""),
            Ok(exit) | Err(exit) => exit,
        });
    }
    result
}

/// Splits the words from index `from` on into the command and, after a `--`, the log command.
fn split(args: &Args, from: usize) -> Result<(Argv, Option<Argv>), Exit> {
    let separator = args.from(from).position(|word| word.to_bytes() == b"--").map(|at| at + from);
    let log_command = separator.and_then(|at| args.command(at + 1, args.count()));
    let command = args.command(from, separator.unwrap_or(args.count()));
    let missing = || INFO.missing("no command to run. ");
    command.map(|command| (command, log_command)).ok_or_else(missing)
}

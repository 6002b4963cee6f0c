//! dmon: a command is run, watched and run again, with its log.
//!
//! This file reads the command line and sets everything up. Then the [`keeper`] acts on what the
//! [`machine`] decides.

pub mod config;
mod credentials;
mod daemon;
mod leftovers;
mod load_sampler;
mod pidfile;
mod process_list;
mod signals;
mod spawn;
mod status;
mod supervisor;
mod terminal;

use crate::applets::diag::{error, os_error};
use crate::applets::option_sources::Parsed;
use crate::applets::{Invocation, print};
use config::{Config, INFO, OPTIONS};
use pidfile::PidFile;
use pure::exit::Exit;
use pure::supervise::rlimits;
use pure::time::Duration;
use pure::unix::Signal;
use status::Status;
use supervisor::{Job, Supervisor};
use sys::args::{Args, Argv};
use sys::{file, process, signal};
use terminal::Terminal;

/// The applet.
///
/// # Errors
/// Whatever keeps it from starting.
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
    // Nobody else has asked for it.
    let path_buf = process::path_buf().ok_or(Exit::FAILED)?;
    let timeout = config.policy.kill_after.unwrap_or(Duration::from_secs(10));
    // That may take its time: who is told to stop meanwhile dies of it.
    let pid_file = config.pid_file.map(|path| PidFile::lock(path, timeout)).transpose()?;
    let masks = signals::catch()?;
    let mut parent = if config.foreground { None } else { Some(daemon::detach(&masks)?) };
    let terminal = if config.foreground { Terminal::find() } else { None };
    config.policy.terminal = terminal.is_some();
    let end = supervisor::make_pipe(&job).and_then(|pipe| {
        pid_file.as_ref().map_or(Ok(()), PidFile::write)?;
        Ok(Supervisor::new(&config, &job, pipe, status, terminal, path_buf, masks)
            .run(&config.policy, &mut parent))
    });
    drop(pid_file);
    let end = end.map(|(exit, interrupted)| {
        if interrupted {
            signal::reraise(Signal::INT);
        }
        exit
    });
    if let Some(parent) = parent {
        parent.report(match end {
            Ok(Exit::SUCCESS) => error("told to stop before the command ran", b"", ""),
            Ok(exit) | Err(exit) => exit,
        });
    }
    end
}

/// The command from word `from` on and, behind a `--`, the log command.
fn split(args: &Args, from: usize) -> Result<(Argv, Option<Argv>), Exit> {
    let bar = args.from(from).position(|word| word.to_bytes() == b"--").map(|at| at + from);
    let log = bar.and_then(|bar| args.command(bar + 1, args.count()));
    let command = args.command(from, bar.unwrap_or(args.count()));
    let missing = || INFO.missing("no command to run. ");
    command.map(|command| (command, log)).ok_or_else(missing)
}

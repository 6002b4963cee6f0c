//! dmon: a command is run, watched and run again, with its log.
//!
//! This file reads the command line and sets everything up. Then the [`keeper`] acts on what the
//! [`machine`] decides.

mod child;
pub mod config;
mod daemon;
mod identity;
mod keeper;
mod limits;
pub mod load;
pub mod machine;
mod pidfile;
mod remains;
mod signals;
mod status;
mod terminal;
mod watch;

use crate::applets::tell::{failed, refused};
use crate::applets::{Call, print};
use crate::pure::fault::Exit;
use crate::pure::time::Duration;
use crate::pure::unix::Signal;
use crate::sys::args::{Args, Argv};
use crate::sys::{file, process, signal};
use config::{ABOUT, Config, OPTIONS};
use keeper::{Job, Keeper};
use pidfile::PidFile;
use status::Status;
use terminal::Terminal;

/// The applet.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn run(call: &Call) -> Result<Exit, Exit> {
    file::open_standard();
    let mut config = Config::default();
    let at = call.options(&ABOUT, OPTIONS, &mut config)?;
    config.environ.put_in_force();
    if config.limits.help {
        for name in (0..).map_while(limits::name) {
            print(name)?;
            print(b"\n")?;
        }
        return Ok(Exit::FINE);
    }
    if let Some(path) = config.directory {
        let cannot = |error| refused("cannot change to ", path.to_bytes(), error);
        process::change_directory(path).map_err(cannot)?;
    }
    let (command, log_command) = split(&call.args, at)?;
    config.settle(log_command.is_some()).map_err(|wrong| failed(wrong, b"", ""))?;
    let mut job = Job { command, identity: None, log_command, log_identity: None };
    identity::look_up(&config.cmd_owner, &mut job.identity)?;
    identity::look_up(&config.log_owner, &mut job.log_identity)?;
    let status = config.status.map(Status::open).transpose()?;
    watch::check(&config.policy.watch)?;
    // Nobody else has asked for it.
    let room = process::path_room().ok_or(Exit::FAILED)?;
    let patience = config.policy.kill_after.unwrap_or(Duration::seconds(10));
    // That may take its time: who is told to stop meanwhile dies of it.
    let pid_file = config.pid_file.map(|path| PidFile::claim(path, patience)).transpose()?;
    let masks = signals::catch()?;
    let mut parent = if config.foreground { None } else { Some(daemon::detach(&masks)?) };
    let terminal = if config.foreground { Terminal::find() } else { None };
    config.policy.terminal = terminal.is_some();
    let end = keeper::make_pipe(&job).and_then(|pipe| {
        pid_file.as_ref().map_or(Ok(()), PidFile::write)?;
        Ok(Keeper::new(&config, &job, pipe, status, terminal, room, masks)
            .keep(&config.policy, &mut parent))
    });
    drop(pid_file);
    let end = end.map(|(exit, interrupted)| {
        if interrupted {
            signal::die_of(Signal::INT);
        }
        exit
    });
    if let Some(parent) = parent {
        parent.release(match end {
            Ok(Exit::FINE) => failed("told to stop before the command ran", b"", ""),
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
    let missing = || ABOUT.missing("no command to run. ");
    command.map(|command| (command, log)).ok_or_else(missing)
}

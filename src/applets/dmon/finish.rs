//! The command of `--finish`: its words, and its environment with the end of the run that it follows.
//!
//! `mod.rs` prepares it before anything starts; `spawn.rs` executes it.

use crate::applets::diag::error;
use crate::applets::env_edits::{TOO_MANY_VARIABLES, edit_copy};
use crate::applets::option_sources;
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::supervise::machine::{RunEnd, Why};
use pure::text::{Put, Text, put_number};
use sys::args::Argv;
use sys::environment::{Environment, Variables};

/// The variables that tell the command about the run.
const VARIABLES: [CliWord; 2] = [c"DMON_STATUS", c"DMON_WHY"];

/// The first variable with its NUL.
pub type Status = Text;

/// The finish command.
pub struct FinishCommand {
    pub argv: Argv,
    environment: Environment,
}

/// Splits the value of the option into the words of the command, and copies dmon's environment.
///
/// # Errors
/// [`Exit::FAILED`] after a message.
pub fn prepare(line: CliWord) -> Result<FinishCommand, Exit> {
    let argv = option_sources::command_of("option --finish", line)?;
    let mut environment = None;
    for name in VARIABLES {
        // Of two variables with the same name, some programs take the second.
        edit_copy(&mut environment, name)
            .map_err(|_| error("option --finish", b"", TOO_MANY_VARIABLES))?;
    }
    Ok(FinishCommand { argv, environment: environment.ok_or(Exit::FAILED)? })
}

impl FinishCommand {
    /// Returns the environment of the command after this end of a run. `status` receives a variable.
    pub fn environment<'a>(&'a self, end: RunEnd, status: &'a mut Status) -> Variables<'a> {
        status.put(b"DMON_STATUS=");
        put_number(status, end.status.into());
        status.put(b"\0");
        let why = match end.why {
            Why::Exit => c"DMON_WHY=exit",
            Why::Signal => c"DMON_WHY=signal",
            Why::Timeout => c"DMON_WHY=timeout",
            Why::Stop => c"DMON_WHY=stop",
        };
        Variables::with_two(&self.environment, [sys::c_str(status.bytes()).unwrap_or(why), why])
    }
}

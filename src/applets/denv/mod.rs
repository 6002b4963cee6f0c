//! denv and envdir: they execute a command in a new environment.
//!
//! `applets::run` calls [`run`] for denv and [`run_envdir`] for envdir, the program of daemontools that reads one
//! directory of variables.

mod env_builder;

use super::diag::os_error;
use super::env_edits::{TOO_MANY, edit};
use super::option_sources::{AppletInfo, Invocation};
use super::path_search;
use env_builder::EnvBuilder;
use pure::cli::option_table::{Opt, Packed, opt};
use pure::cli::option_value::{Expected, REPORTED};
use pure::exit::Exit;
use pure::packed;
use sys::environment::{Full, Variables};

const DENV: AppletInfo = AppletInfo {
    usage: "Usage: denv [options] command [args]
Run a command with a new environment, which is empty but for what the options put
into it, in their order.\n\n",
    variables: &[],
    has_file: false,
};

const ENVDIR: AppletInfo = AppletInfo {
    usage: "Usage: envdir directory command [args]
Run a command with the variables that the files of DIRECTORY name and hold.\n\n",
    variables: &[],
    has_file: false,
};

/// Each option changes the environment when it is parsed, so their order matters.
pub const OPTIONS: &[Opt<EnvBuilder>] = &[
    opt("-I, --inherit-env\tTake over all variables of denv's own environment.", |env, v| {
        if v.on { reported(env.inherit_all()) } else { Ok(()) }
    }),
    opt("-i, --inherit NAME\tTake over one of them.", |env, v| {
        env.environment.inherit(Some(v.value.to_bytes())).map_err(|Full| TOO_MANY)
    }),
    opt("-E, --environ NAME[=VALUE]\tSet a variable, or remove it.", |env, v| {
        edit(&mut env.environment, v.value)
    }),
    opt("-d, --envdir DIR\tA file a variable; an empty one removes it.", |env, v| {
        reported(env.read_directory(v.value))
    }),
    opt("-f, --file FILE\tLines of NAME=VALUE; NAME= removes it.", |env, v| {
        reported(env.read_file(v.value))
    }),
];

/// envdir has only `--help` and `--version`.
const NO_OPTIONS: Packed<EnvBuilder> = Packed { rows: &[0], effects: &[] };

/// Returns the result of an option that has printed its own message.
fn reported(result: Result<(), Exit>) -> Result<(), Expected> {
    result.map_err(|_| REPORTED)
}

/// Returns the exit status for the end of denv before it runs the command.
fn status(exit: Exit) -> Exit {
    if exit == Exit::SUCCESS { exit } else { FAILED }
}

/// The exit status of every failure before the command runs, as in envdir of daemontools.
const FAILED: Exit = Exit(111);

/// Runs denv.
///
/// # Errors
/// Status 111 after a message, if the command cannot be executed.
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    denv(invocation).map_err(status)
}

/// Runs envdir.
///
/// # Errors
/// The same as for [`run`].
pub fn run_envdir(invocation: &Invocation) -> Result<Exit, Exit> {
    envdir(invocation).map_err(status)
}

fn denv(invocation: &Invocation) -> Result<Exit, Exit> {
    let mut env = EnvBuilder::new()?;
    let operands_at = invocation.options(&DENV, packed!(EnvBuilder, OPTIONS), &mut env)?;
    Err(execute(invocation, &DENV, &env, operands_at))
}

fn envdir(invocation: &Invocation) -> Result<Exit, Exit> {
    let mut env = EnvBuilder::new()?;
    let operands_at = invocation.options(&ENVDIR, NO_OPTIONS, &mut env)?;
    env.inherit_all()?;
    let directory = invocation.args.word(operands_at);
    env.read_directory(directory.ok_or_else(|| ENVDIR.missing("no directory given. "))?)?;
    Err(execute(invocation, &ENVDIR, &env, operands_at + 1))
}

/// Executes the command at this index of the command line. Returns only if that fails.
fn execute(invocation: &Invocation, info: &AppletInfo, env: &EnvBuilder, at: usize) -> Exit {
    env.environment.install();
    let Some(command) = invocation.args.command(at, invocation.args.count()) else {
        return info.missing("no command to run. ");
    };
    let Some(path_buf) = path_search::claim_path_buf() else {
        return FAILED;
    };
    let error = path_search::execvp(&command, path_buf, Variables::new(None, None));
    os_error("cannot execute ", command.name().to_bytes(), error)
}

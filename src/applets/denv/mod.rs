//! denv and envdir: they execute a command in a new environment.
//!
//! `applets::run` calls [`run`] for denv and [`run_envdir`] for envdir, the program of daemontools that reads one
//! directory of variables.

mod env_builder;

use super::env_edits::edit;
use super::option_sources::{AppletInfo, Invocation, no_options};
use super::path_search;
use env_builder::EnvBuilder;
use pure::cli::option_table::{END, ENVIRON, Opt, Packed, opt, opt_shared};
use pure::cli::option_value::Expected;
use pure::exit::Exit;
use pure::packed;
use sys::environment::{Full, Variables};

const DENV: AppletInfo = AppletInfo {
    usage: "Usage: denv [options] command [args]
Run a command in a new environment, to which the options add in their order.\n\n",
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
        env.environment.inherit(v.value.to_bytes()).map_err(|Full| Expected::FewerVariables)
    }),
    opt_shared(ENVIRON, |env, v| edit(&mut env.environment, v.value, false)),
    opt("-d, --envdir DIR\tA file a variable; an empty one removes it.", |env, v| {
        reported(env.read_directory(v.value))
    }),
    opt("-f, --file FILE\tLines of NAME=VALUE; NAME= removes it.", |env, v| {
        reported(env.read_file(v.value))
    }),
];

/// Returns the result of an option that has printed its own message.
fn reported(result: Result<(), Exit>) -> Result<(), Expected> {
    result.map_err(|_| Expected::Reported)
}

/// The exit status of every failure before the command runs, as in envdir of daemontools.
const FAILED: Exit = Exit(111);

/// Runs denv.
///
/// # Errors
/// Status 111 after a message, if the command cannot be executed.
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    execute(invocation, &DENV, packed!(EnvBuilder, OPTIONS))
}

/// Runs envdir.
///
/// # Errors
/// The same as for [`run`].
pub fn run_envdir(invocation: &Invocation) -> Result<Exit, Exit> {
    execute(invocation, &ENVDIR, no_options())
}

/// Executes the command in its environment. Returns only if that fails, or after the help.
#[inline(never)]
fn execute(
    invocation: &Invocation,
    info: &'static AppletInfo,
    options: Packed<EnvBuilder>,
) -> Result<Exit, Exit> {
    build_and_execute(invocation, info, options)
        .map_err(|exit| if exit == Exit::SUCCESS { exit } else { FAILED })
}

/// As [`execute`], with the exit status of other applets for an error.
fn build_and_execute(
    invocation: &Invocation,
    info: &'static AppletInfo,
    options: Packed<EnvBuilder>,
) -> Result<Exit, Exit> {
    let is_envdir = options.rows == END;
    let mut env = EnvBuilder::new()?;
    let at = invocation.options(info, options, &mut env)?;
    let directory = invocation.args.word(at).filter(|_| is_envdir);
    let at = at + usize::from(is_envdir);
    let Some(command) = invocation.args.command(at, invocation.args.count()) else {
        return Err(info.missing("no command to run. "));
    };
    if let Some(directory) = directory {
        env.inherit_all()?;
        env.read_directory(directory)?;
    } else {
        // denv searches the PATH of the new environment, as env(1) does; envdir that of its caller, as daemontools does.
        env.environment.install();
    }
    path_search::execute(&command, Variables::new(Some(&env.environment), None));
    Err(FAILED)
}

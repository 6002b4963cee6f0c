//! The applets: programs that share one executable.
//!
//! `lib.rs` calls [`run`], which selects the applet by the last part of the path in argument 0. Each applet reads its
//! options, connects the decisions of `pure` with the system calls of `sys`, and returns an exit status.

mod denv;
mod diag;
mod dlog;
pub mod dmon;
mod dpty;
mod drlog;
pub mod dsyslog;
mod env_edits;
mod line_logger;
mod line_options;
mod log_file;
mod logger;
mod memory;
mod option_sources;
mod path_search;
mod pump;
mod sink;
mod standard_fds;
mod wait;
mod whole_file;

use diag::{error, os_error};
pub use option_sources::Invocation;
use pure::exit::Exit;
use pure::text::{Split, split};
use sys::args::Args;
use sys::{environment, fd, file};

/// The end of the message about an unknown name: all names of the executable. Some applets have two.
const KNOWN_APPLETS: &str = "; there are dmon dlog dsyslog dslog drlog denv envdir dpty";

/// All names of the executable, separated by blanks.
pub const APPLETS: &str = KNOWN_APPLETS.split_at("; there are ".len()).1;

/// Runs an applet.
type Run = fn(&Invocation) -> Result<Exit, Exit>;

/// The function of each of [`APPLETS`].
const RUN: [Run; 8] = [
    dmon::run,
    dlog::run,
    dsyslog::run,
    dsyslog::run,
    drlog::run,
    denv::run,
    denv::run_envdir,
    dpty::run,
];

/// Iterates over [`APPLETS`].
const fn names() -> Split<'static> {
    split(APPLETS.as_bytes(), b' ')
}

/// Runs the applet whose name is the last part of argument 0. Returns its exit status.
#[must_use]
pub fn run(args: Args) -> Exit {
    let path = args.word(0).map_or(&b""[..], |word| word.to_bytes());
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let at = names().position(|applet| applet == name);
    diag::set_name(at.unwrap_or(0));
    let result = match at.and_then(|at| RUN.get(at)) {
        _ if is_list_requested() => print_names(),
        Some(run) => run(&Invocation { args }),
        None => Err(error("no applet is called ", name, KNOWN_APPLETS)),
    };
    result.unwrap_or_else(|reported| reported)
}

/// Returns whether DMON_LIST_MULTICALL_APPLETS requests the list of names, which `scripts/build` reads. Set-user-ID
/// programs ignore it.
fn is_list_requested() -> bool {
    environment::variable(b"DMON_LIST_MULTICALL_APPLETS")
        .is_some_and(|value| !matches!(value.to_bytes(), b"" | b"0"))
        && environment::is_trusted()
}

fn print_names() -> Result<Exit, Exit> {
    for name in names() {
        print(name)?;
        print(b"\n")?;
    }
    Ok(Exit::SUCCESS)
}

/// Writes to standard output.
///
/// # Errors
/// [`Exit::FAILED`] after a message, if the write fails.
fn print(text: &[u8]) -> Result<(), Exit> {
    let cannot_write = |error| os_error("cannot write to standard output", b"", error);
    file::write(fd::STDOUT, text).map(drop).map_err(cannot_write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn each_name_has_an_applet() {
        assert!(APPLETS.starts_with("dmon "));
        assert_eq!(names().count(), RUN.len());
    }

    #[test]
    fn the_option_tables_follow_the_rules() {
        check_rows(denv::OPTIONS);
        check_rows(dlog::OPTIONS);
        check_rows(drlog::OPTIONS);
        check_rows(dsyslog::OPTIONS);
    }
}

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
use sys::args::Args;
use sys::{environment, fd, file};

/// A name of the executable with the applet that it runs.
pub struct Applet {
    pub name: &'static str,
    run: fn(&Invocation) -> Result<Exit, Exit>,
}

/// All names of the executable. Some applets have two.
pub const APPLETS: &[Applet] = &[
    Applet { name: "dmon", run: dmon::run },
    Applet { name: "dlog", run: dlog::run },
    Applet { name: "dsyslog", run: dsyslog::run },
    Applet { name: "dslog", run: dsyslog::run },
    Applet { name: "drlog", run: drlog::run },
    Applet { name: "denv", run: denv::run },
    Applet { name: "envdir", run: denv::run_envdir },
    Applet { name: "dpty", run: dpty::run },
];

/// Runs the applet whose name is the last part of argument 0. Returns its exit status.
#[must_use]
pub fn run(args: Args) -> Exit {
    let path = args.word(0).map_or(&b""[..], |word| word.to_bytes());
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let at = APPLETS.iter().position(|applet| applet.name.as_bytes() == name);
    diag::set_name(at.unwrap_or(0));
    let result = match at.and_then(|at| APPLETS.get(at)) {
        _ if is_list_requested() => print_names(),
        Some(applet) => (applet.run)(&Invocation { args }),
        None => Err(unknown_applet(name)),
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
    for applet in APPLETS {
        print(applet.name.as_bytes())?;
        print(b"\n")?;
    }
    Ok(Exit::SUCCESS)
}

fn unknown_applet(name: &[u8]) -> Exit {
    error("no applet is called ", name, KNOWN_APPLETS)
}

/// The end of the message about an unknown name: the names in [`APPLETS`].
const KNOWN_APPLETS: &str = "; there are dmon dlog dsyslog dslog drlog denv envdir dpty";

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
    fn the_message_names_all_applets() {
        let names: Vec<&str> = APPLETS.iter().map(|applet| applet.name).collect();
        let text = format!("; there are {}", names.join(" "));
        assert_eq!(KNOWN_APPLETS, text);
    }

    #[test]
    fn the_option_tables_follow_the_rules() {
        check_rows(denv::OPTIONS);
        check_rows(dlog::OPTIONS);
        check_rows(drlog::OPTIONS);
        check_rows(dsyslog::OPTIONS);
    }
}

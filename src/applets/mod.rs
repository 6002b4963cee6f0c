//! The applets: one executable, called by several names.

mod denv;
mod diag;
mod dlog;
pub mod dmon;
mod drlog;
pub mod dsyslog;
mod env_edits;
mod line_logger;
pub mod line_prefix;
mod log_file;
mod option_sources;
mod pump;
mod wait;

use diag::{error, os_error};
pub use option_sources::Invocation;
use pure::exit::Exit;
use sys::args::Args;
use sys::environment;
use sys::file;

/// One name the executable answers to.
pub struct Applet {
    pub name: &'static str,
    run: fn(&Invocation) -> Result<Exit, Exit>,
}

/// The table: who is called by which name.
pub const APPLETS: &[Applet] = &[
    Applet { name: "dmon", run: dmon::run },
    Applet { name: "dlog", run: dlog::run },
    Applet { name: "dsyslog", run: dsyslog::run },
    Applet { name: "dslog", run: dsyslog::run },
    Applet { name: "drlog", run: drlog::run },
    Applet { name: "denv", run: denv::run },
    Applet { name: "envdir", run: denv::run },
];

/// For who calls us by another name.
const NAMES: &str = "; there are dmon dlog dsyslog dslog drlog denv envdir";

/// Writes to standard output.
///
/// # Errors
/// It cannot be written.
fn print(text: &[u8]) -> Result<(), Exit> {
    let refused = |error| os_error("cannot write to standard output", b"", error);
    file::write(file::STDOUT, text).map(drop).map_err(refused)
}

/// Runs the applet that the program was called by.
#[must_use]
pub fn run(args: Args) -> Exit {
    let called = args.word(0).map_or(&b""[..], |word| word.to_bytes());
    let name = called.rsplit(|b| *b == b'/').next().unwrap_or(called);
    let at = APPLETS.iter().position(|applet| applet.name.as_bytes() == name);
    diag::set_name(at.unwrap_or(0));
    let end = match at.and_then(|at| APPLETS.get(at)) {
        _ if lists_wanted() => list(),
        Some(applet) => (applet.run)(&Invocation { args }),
        None => Err(error("no applet is called ", name, NAMES)),
    };
    end.unwrap_or_else(|exit| exit)
}

/// Whether only the names are asked for, as the makers of links do; by who has our rights.
fn lists_wanted() -> bool {
    environment::variable(b"DMON_LIST_MULTICALL_APPLETS")
        .is_some_and(|value| !matches!(value.to_bytes(), b"" | b"0"))
        && environment::is_trusted()
}

fn list() -> Result<Exit, Exit> {
    for applet in APPLETS {
        print(applet.name.as_bytes())?;
        print(b"\n")?;
    }
    Ok(Exit::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn the_message_names_all_applets() {
        let names: Vec<&str> = APPLETS.iter().map(|applet| applet.name).collect();
        assert_eq!(NAMES, format!("; there are {}", names.join(" ")));
    }

    #[test]
    fn the_rows_of_all_options_are_sound() {
        check_rows(dlog::OPTIONS);
        check_rows(drlog::OPTIONS);
        check_rows(dsyslog::OPTIONS);
    }
}

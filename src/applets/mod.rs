//! The applets: one executable, called by several names.

mod dlog;
pub mod dmon;
mod dress;
mod drlog;
#[cfg(feature = "dsyslog")]
mod dsyslog;
mod logger;
mod pump;
mod store;

use crate::pure::fault::{Exit, Fault};
use crate::pure::opts::{self, About, Asked, Opt};
use crate::sys::args::{self, Args};
use crate::sys::file;
#[cfg(feature = "dsyslog")]
use dsyslog::run as syslog;
#[cfg(not(feature = "dsyslog"))]
use not_yet as syslog;

/// One name the executable answers to.
pub struct Applet {
    pub name: &'static str,
    run: fn(&Call) -> Result<Exit, Fault>,
}

/// The table: who is called by which name.
pub const APPLETS: &[Applet] = &[
    Applet { name: "dmon", run: dmon::run },
    Applet { name: "dlog", run: dlog::run },
    Applet { name: "dsyslog", run: syslog },
    Applet { name: "dslog", run: syslog },
    Applet { name: "drlog", run: drlog::run },
    Applet { name: "denv", run: not_yet },
    Applet { name: "envdir", run: not_yet },
];

/// For who calls us by another name.
const NAMES: &str = "; there are dmon dlog dsyslog dslog drlog denv envdir";

fn not_yet(_: &Call) -> Result<Exit, Fault> {
    Err(Fault::failed("this applet is not there yet"))
}

/// How we were called.
pub struct Call {
    pub args: Args,
}

impl Call {
    /// Reads the options of the command line into `config`.
    ///
    /// # Errors
    /// As [`opts::parse`].
    pub fn options<C: 'static>(
        &self,
        rows: &'static [Opt<C>],
        config: &mut C,
    ) -> Result<Asked, Fault> {
        opts::parse(rows, config, self.args.from(1))
    }

    /// Shows what was asked for instead of the work: help or version.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn answer<C>(&self, asked: &Asked, about: &About, rows: &[Opt<C>]) -> Result<Exit, Fault> {
        let mut result = Ok(());
        let mut show = |text: &[u8]| {
            if result.is_ok() {
                result = print(text);
            }
        };
        match asked {
            Asked::Help => opts::help(about, rows, &mut show),
            Asked::Version => show(concat!("dmon ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
            Asked::Work(_) => {}
        }
        result.map(|()| Exit::FINE)
    }
}

fn print(text: &[u8]) -> Result<(), Fault> {
    let refused = |error| Fault::failed("cannot write to standard output: ").error(error);
    file::write(file::STDOUT, text).map(drop).map_err(refused)
}

/// Tells a fault on standard error. A message that nobody takes is no reason to do anything else.
fn say(applet: &str, fault: &Fault) {
    let _ = file::write(file::STDERR, fault.line(applet).bytes());
}

/// Runs the applet that the program was called by; tells its faults.
pub fn run(args: Args) -> Exit {
    let called = args.word(0).map_or(&b""[..], |word| word.to_bytes());
    let name = called.rsplit(|b| *b == b'/').next().unwrap_or(called);
    let applet = APPLETS.iter().find(|applet| applet.name.as_bytes() == name);
    let end = match applet {
        _ if lists_wanted() => list().map(|()| Exit::FINE),
        Some(applet) => (applet.run)(&Call { args }),
        None => Err(Fault::failed("no applet is called ").word(name).then(NAMES)),
    };
    end.unwrap_or_else(|fault| {
        say(applet.map_or("dmon", |applet| applet.name), &fault);
        fault.exit
    })
}

/// Whether only the names are asked for, as the makers of links do.
fn lists_wanted() -> bool {
    args::variable(c"DMON_LIST_MULTICALL_APPLETS")
        .is_some_and(|value| !matches!(value.to_bytes(), b"" | b"0"))
}

fn list() -> Result<(), Fault> {
    for applet in APPLETS {
        print(applet.name.as_bytes())?;
        print(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_all_applets() {
        let names: Vec<&str> = APPLETS.iter().map(|applet| applet.name).collect();
        assert_eq!(NAMES, format!("; there are {}", names.join(" ")));
    }
}

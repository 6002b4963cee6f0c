//! The applets: one executable, called by several names.

mod dlog;
pub mod dmon;
pub mod dress;
mod drlog;
pub mod dsyslog;
mod logger;
mod pump;
mod store;
mod tell;

use crate::pure::fault::Exit;
use crate::pure::opts::{self, Asked, Opt, Rows, Table, Word, Wrong};
use crate::sys::args::{self, Args};
use crate::sys::file;
use tell::{failed, refused};

/// One name the executable answers to.
pub struct Applet {
    pub name: &'static str,
    run: fn(&Call) -> Result<Exit, Exit>,
}

/// The table: who is called by which name.
pub const APPLETS: &[Applet] = &[
    Applet { name: "dmon", run: dmon::run },
    Applet { name: "dlog", run: dlog::run },
    Applet { name: "dsyslog", run: dsyslog::run },
    Applet { name: "dslog", run: dsyslog::run },
    Applet { name: "drlog", run: drlog::run },
    Applet { name: "denv", run: not_yet },
    Applet { name: "envdir", run: not_yet },
];

/// For who calls us by another name.
const NAMES: &str = "; there are dmon dlog dsyslog dslog drlog denv envdir";

fn not_yet(_: &Call) -> Result<Exit, Exit> {
    Err(failed("this applet is not there yet", b"", ""))
}

/// How we were called.
pub struct Call {
    pub args: Args,
}

impl Call {
    /// Reads the options of the command line into `config`; says at which word the operands begin.
    ///
    /// # Errors
    /// Options that are wrong. And the good end after help or version, if those are asked for.
    pub fn options<C: 'static>(
        &self,
        usage: &'static str,
        options: &'static [Opt<C>],
        config: &mut C,
    ) -> Result<usize, Exit> {
        self.read_options(usage, &mut Table { options, config })
    }

    fn read_options(&self, usage: &'static str, rows: &mut dyn Rows) -> Result<usize, Exit> {
        file::open_standard();
        match opts::parse(rows, &mut self.args.from(1)) {
            Ok(Asked::Work(used)) => return Ok(used + 1),
            Ok(Asked::Help) => {
                print(usage.as_bytes())?;
                opts::help(rows, &mut print)?;
            }
            Ok(Asked::Version) => {
                print(concat!("dmon ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())?
            }
            Err(Wrong { what, option, then, value: None }) => {
                return Err(failed(what, option, then));
            }
            Err(Wrong { option, value: Some((value, wanted)), .. }) => {
                return Err(tell::not(option, value.to_bytes(), wanted));
            }
        }
        Err(Exit::FINE)
    }

    /// The one operand, which is word `at` and may be missing.
    ///
    /// # Errors
    /// There is another behind it.
    pub fn operand(&self, at: usize) -> Result<Option<Word>, Exit> {
        match self.args.word(at + 1) {
            Some(more) => Err(failed("surplus word ", more.to_bytes(), " (try --help)")),
            None => Ok(self.args.word(at)),
        }
    }
}

fn print(text: &[u8]) -> Result<(), Exit> {
    let refused = |error| refused("cannot write to standard output", b"", error);
    file::write(file::STDOUT, text).map(drop).map_err(refused)
}

/// Runs the applet that the program was called by.
pub fn run(args: Args) -> Exit {
    let called = args.word(0).map_or(&b""[..], |word| word.to_bytes());
    let name = called.rsplit(|b| *b == b'/').next().unwrap_or(called);
    let at = APPLETS.iter().position(|applet| applet.name.as_bytes() == name);
    tell::speak_as(at.unwrap_or(0));
    let end = match at.and_then(|at| APPLETS.get(at)) {
        _ if lists_wanted() => list(),
        Some(applet) => (applet.run)(&Call { args }),
        None => Err(failed("no applet is called ", name, NAMES)),
    };
    end.unwrap_or_else(|exit| exit)
}

/// Whether only the names are asked for, as the makers of links do.
fn lists_wanted() -> bool {
    args::variable(b"DMON_LIST_MULTICALL_APPLETS")
        .is_some_and(|value| !matches!(value.to_bytes(), b"" | b"0"))
}

fn list() -> Result<Exit, Exit> {
    for applet in APPLETS {
        print(applet.name.as_bytes())?;
        print(b"\n")?;
    }
    Ok(Exit::FINE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::opts::tests::check_rows;

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

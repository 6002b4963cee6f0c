//! Becoming a daemon: the parent stays until both commands run, and ends with what the child tells.

use super::config::ABOUT;
use super::keeper::{self, Masks};
use crate::applets::say;
use crate::pure::fault::{Exit, Fault, Line};
use crate::pure::unix::{Errno, Pid};
use crate::sys::file::{self, File, Mode};
use crate::sys::process;

/// The daemon's line to its parent: messages, then a NUL and the exit code.
pub struct Parent(File);

/// Forks; gives the line to the parent in the child. The parent does not come back: it ends with
/// what the child says.
///
/// # Errors
/// The fork fails.
pub fn detach(masks: &Masks) -> Result<Parent, Fault> {
    let refused = |error| Fault::failed("cannot fork: ").error(error);
    let (answer, parent) = file::pipe().map_err(refused)?;
    if let Some(child) = process::fork().map_err(refused)? {
        drop(parent);
        keeper::let_go(masks);
        wait_for(&answer, child);
    }
    let parent = Parent(parent);
    if let Err(fault) = leave_terminal() {
        parent.release(Err(fault));
        process::exit(fault.exit.0);
    }
    Ok(parent)
}

/// A session of our own, with nothing open that belongs to the old one.
fn leave_terminal() -> Result<(), Fault> {
    process::lead_session()
        .map_err(|error| Fault::failed("cannot begin a session: ").error(error))?;
    let null = c"/dev/null";
    let refused = |error| Fault::refused("cannot open ", null.to_bytes(), error);
    let file = File::open(null, Mode::ReadWrite).map_err(refused)?;
    for standard in [file::STDIN, file::STDOUT, file::STDERR] {
        file::duplicate(file.number(), standard).map_err(refused)?;
    }
    Ok(())
}

/// The parent's last act: shows what the child says, up to a NUL, and ends with the byte after it.
fn wait_for(answer: &File, child: Pid) -> ! {
    let mut room = [0; size_of::<Line>()];
    let mut said_all = false;
    loop {
        let mut said = match file::read(answer.number(), &mut room) {
            Ok(n) if n > 0 => room.get(..n).unwrap_or(&[]),
            Err(Errno::INTR) => continue,
            _ => {
                let fault = Fault::failed("killed before the command ran");
                say(ABOUT.name, &fault);
                process::exit(fault.exit.0)
            }
        };
        if !said_all {
            let end = said.iter().position(|byte| *byte == 0);
            let (message, rest) =
                said.split_at_checked(end.unwrap_or(said.len())).unwrap_or((said, &[]));
            let _ = file::write(file::STDERR, message);
            said_all = end.is_some();
            said = rest.get(1..).unwrap_or(&[]);
        }
        if let Some(code) = said.first() {
            if *code != Exit::FINE.0 {
                // Nothing of a failed start is left when we end.
                process::await_end(child);
            }
            process::exit(*code);
        }
    }
}

impl Parent {
    /// The parent shows this and goes on waiting.
    pub fn say(&self, fault: &Fault) {
        let _ = file::write(self.0.number(), fault.line(ABOUT.name).bytes());
    }

    /// The parent ends as we do: well once all runs; not well if we end before that.
    pub fn release(self, end: Result<Exit, Fault>) {
        let exit = end.unwrap_or_else(|fault| {
            self.say(&fault);
            fault.exit
        });
        let _ = file::write(self.0.number(), &[0, exit.0]);
    }
}

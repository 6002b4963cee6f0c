//! Becoming a daemon: the parent stays until both commands run, and ends as the child tells it to.

use super::signals::{self, Masks};
use crate::applets::tell::{self, failed, refused};
use crate::pure::fault::Exit;
use crate::pure::unix::{Errno, Pid};
use crate::sys::file::{self, File, Mode};
use crate::sys::process;

/// What a daemon has of the world it came from, until all runs: the line on which it tells its parent how
/// to end, and the standard error for its messages.
pub struct Parent {
    line: File,
    _ear: File,
}

/// Forks; gives the line to the parent in the child. The parent does not come back: it ends with
/// what the child says.
///
/// # Errors
/// The fork fails.
pub fn detach(masks: &Masks) -> Result<Parent, Exit> {
    let cannot = |error| refused("cannot fork", b"", error);
    let ear = file::another(file::STDERR).map_err(cannot)?;
    let (answer, line) = file::pipe().map_err(cannot)?;
    if let Some(child) = process::fork().map_err(cannot)? {
        drop(line);
        signals::let_go(masks);
        wait_for(&answer, child);
    }
    tell::speak_to(ear.number());
    let parent = Parent { line, _ear: ear };
    if let Err(exit) = leave_terminal() {
        parent.release(exit);
        process::exit(exit.0);
    }
    Ok(parent)
}

/// A session of our own, with nothing open that belongs to the old one.
fn leave_terminal() -> Result<(), Exit> {
    process::lead_session().map_err(|error| refused("cannot begin a session", b"", error))?;
    let null = c"/dev/null";
    let cannot = |error| refused("cannot open ", null.to_bytes(), error);
    let file = File::open(null, Mode::ReadWrite).map_err(cannot)?;
    for standard in [file::STDIN, file::STDOUT, file::STDERR] {
        file::duplicate(file.number(), standard).map_err(cannot)?;
    }
    Ok(())
}

/// The parent's last act: ends with the code that the child sends.
fn wait_for(answer: &File, child: Pid) -> ! {
    let mut code = [0];
    loop {
        match file::read(answer.number(), &mut code) {
            Err(Errno::INTR) => continue,
            Ok(1) => {}
            _ => process::exit(failed("killed before the command ran", b"", "").0),
        }
        let [code] = code;
        if code != Exit::FINE.0 {
            // Nothing of a failed start is left when we end.
            process::await_end(child);
        }
        process::exit(code);
    }
}

impl Parent {
    /// The parent ends like this. Who started us hears no more.
    pub fn release(self, exit: Exit) {
        tell::speak_to(file::STDERR);
        let _ = file::write(self.line.number(), &[exit.0]);
    }
}

//! Becoming a daemon: the parent stays until both commands run, and ends as the child tells it to.

use super::signals::{self, Masks};
use crate::applets::diag::{self, error, os_error};
use pure::exit::Exit;
use pure::unix::{Errno, Pid};
use sys::file::{self, File, Mode};
use sys::process;

/// What a daemon has of the world it came from, until all runs: the line on which it tells its parent how
/// to end, and the standard error for its messages.
pub struct LaunchPipe {
    status_pipe: File,
    _stderr: File,
}

/// Forks; gives the line to the parent in the child. The parent does not come back: it ends with
/// what the child says.
///
/// # Errors
/// The fork fails.
pub fn detach(masks: &Masks) -> Result<LaunchPipe, Exit> {
    let cannot = |error| os_error("cannot fork", b"", error);
    let stderr = file::dup_cloexec(file::STDERR).map_err(cannot)?;
    let (answer, status_pipe) = file::pipe().map_err(cannot)?;
    if let Some(child) = process::fork().map_err(cannot)? {
        drop(status_pipe);
        signals::restore(masks);
        exit_with_child(&answer, child);
    }
    diag::set_output(stderr.fd());
    let parent = LaunchPipe { status_pipe, _stderr: stderr };
    if let Err(exit) = leave_terminal() {
        parent.report(exit);
        process::exit(exit.0);
    }
    Ok(parent)
}

/// A session of our own, with nothing open that belongs to the old one.
fn leave_terminal() -> Result<(), Exit> {
    process::setsid().map_err(|error| os_error("cannot begin a session", b"", error))?;
    let null = c"/dev/null";
    let cannot = |error| os_error("cannot open ", null.to_bytes(), error);
    let file = File::open(null, Mode::ReadWrite).map_err(cannot)?;
    for standard in [file::STDIN, file::STDOUT, file::STDERR] {
        file::dup_onto(file.fd(), standard).map_err(cannot)?;
    }
    Ok(())
}

/// The parent's last act: ends with the code that the child sends.
fn exit_with_child(answer: &File, child: Pid) -> ! {
    let mut code = [0];
    loop {
        match file::read(answer.fd(), &mut code) {
            Err(Errno::INTR) => continue,
            Ok(1) => {}
            _ => process::exit(error("killed before the command ran", b"", "").0),
        }
        let [code] = code;
        if code != Exit::SUCCESS.0 {
            // Nothing of a failed start is left when we end.
            process::wait_for(child);
        }
        process::exit(code);
    }
}

impl LaunchPipe {
    /// The parent ends like this. Role started us hears no more.
    pub fn report(self, exit: Exit) {
        diag::set_output(file::STDERR);
        let _ = file::write(self.status_pipe.fd(), &[exit.0]);
    }
}

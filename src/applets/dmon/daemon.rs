//! Becomes a daemon: a child of the launched process detaches from the session.
//!
//! `mod.rs` calls it. The parent waits until both commands have started and exits with the status that the child sends.

use super::signals::{self, SignalMasks};
use crate::applets::diag::{self, error, os_error};
use pure::exit::Exit;
use pure::unix::{Errno, Pid};
use sys::file::{self, File, Mode};
use sys::process;

/// The daemon's link to its parent, until the start is complete: a pipe for the parent's exit status, and the original
/// standard error, on which messages still appear.
pub struct LaunchPipe {
    status_pipe: File,
    _stderr: File,
}

/// Forks, and returns in the child. The parent exits in here.
///
/// # Errors
/// The exit status, after the error was reported.
pub fn detach(masks: &SignalMasks) -> Result<LaunchPipe, Exit> {
    let cannot = |error| os_error("cannot fork", b"", error);
    let stderr = file::dup_cloexec(file::STDERR).map_err(cannot)?;
    let (reader, status_pipe) = file::pipe().map_err(cannot)?;
    if let Some(child) = process::fork().map_err(cannot)? {
        drop(status_pipe);
        signals::restore(masks);
        exit_with_child(&reader, child);
    }
    diag::set_output(stderr.fd());
    let launcher = LaunchPipe { status_pipe, _stderr: stderr };
    if let Err(exit) = leave_session() {
        launcher.report(exit);
        process::exit(exit.0);
    }
    Ok(launcher)
}

/// Starts a new session, and replaces the standard files, which belong to the old one, by /dev/null.
fn leave_session() -> Result<(), Exit> {
    process::setsid().map_err(|error| os_error("cannot begin a session", b"", error))?;
    let null = c"/dev/null";
    let cannot = |error| os_error("cannot open ", null.to_bytes(), error);
    let file = File::open(null, Mode::ReadWrite).map_err(cannot)?;
    for fd in [file::STDIN, file::STDOUT, file::STDERR] {
        file::dup_onto(file.fd(), fd).map_err(cannot)?;
    }
    Ok(())
}

/// Exits with the status that the child sends.
fn exit_with_child(reader: &File, child: Pid) -> ! {
    let mut code = [0];
    loop {
        match file::read(reader.fd(), &mut code) {
            Err(Errno::INTR) => continue,
            Ok(1) => {}
            Ok(_) | Err(_) => process::exit(error("killed before the command ran", b"", "").0),
        }
        let [code] = code;
        if code != Exit::SUCCESS.0 {
            // After a failed start, nothing of dmon is left when the parent exits.
            process::wait_for(child);
        }
        process::exit(code);
    }
}

impl LaunchPipe {
    /// Makes the parent exit with this status. From here on nothing is printed to the launcher's standard error.
    pub fn report(self, exit: Exit) {
        diag::set_output(file::STDERR);
        let _ = file::write(self.status_pipe.fd(), &[exit.0]);
    }
}

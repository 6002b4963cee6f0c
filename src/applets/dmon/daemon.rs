//! Becomes a daemon: a child of the launched process detaches from the session.
//!
//! `mod.rs` calls it. The parent waits until both commands have started and exits with the status that the child sends.

use super::signals::{self, SignalMasks};
use crate::applets::diag::{self, error, os_error};
use core::ffi::c_int;
use pure::exit::Exit;
use pure::unix::{Errno, Pid};
use sys::file::{self, File, Mode};
use sys::{fd, process};

/// The daemon's link to its parent until the start is complete.
pub struct LaunchPipe {
    /// Receives the parent's exit status.
    status_pipe: c_int,
    /// The original standard error, on which messages still appear. Kept open until then.
    stderr: c_int,
}

/// Forks. Returns only in the child; the parent exits with the status that the child sends.
///
/// # Errors
/// The exit status, after the error was reported.
pub fn detach(masks: &SignalMasks) -> Result<LaunchPipe, Exit> {
    let cannot = |error| os_error("cannot fork", b"", error);
    // What is open after an error is closed by the exit.
    let stderr = fd::dup_cloexec(fd::STDERR).map_err(cannot)?.into_fd();
    let (reader, status_pipe) = fd::pipe().map_err(cannot)?;
    let (reader, status_pipe) = (reader.into_fd(), status_pipe.into_fd());
    if let Some(child) = process::fork().map_err(cannot)? {
        fd::close(status_pipe);
        signals::restore(masks);
        exit_with_child(reader, child);
    }
    fd::close(reader);
    diag::set_output(stderr);
    let launch_pipe = LaunchPipe { status_pipe, stderr };
    if let Err(exit) = leave_session() {
        launch_pipe.report(exit);
        process::exit(exit.0);
    }
    Ok(launch_pipe)
}

/// Starts a new session and redirects the standard descriptors, which may be a terminal of the old one, to /dev/null.
/// Where that is missing, as in some chroots and initramfs, to the read end of a pipe without writers: a read finds the
/// end of the file, and a write fails with EBADF, without SIGPIPE.
fn leave_session() -> Result<(), Exit> {
    process::setsid().map_err(|error| os_error("cannot begin a session", b"", error))?;
    let null = c"/dev/null";
    let cannot = |error| os_error("cannot open ", null.to_bytes(), error);
    let no_writers = |_| fd::pipe().map(|(reader, _)| reader);
    let file = File::open(null, Mode::ReadWrite).or_else(no_writers).map_err(cannot)?;
    for standard in [fd::STDIN, fd::STDOUT, fd::STDERR] {
        fd::dup_onto(file.fd(), standard).map_err(cannot)?;
    }
    Ok(())
}

/// Exits with the status that the child sends.
fn exit_with_child(reader: c_int, child: Pid) -> ! {
    let mut status = [0];
    loop {
        match file::read(reader, &mut status) {
            Err(Errno::INTR) => continue,
            Ok(1) => {}
            Ok(_) | Err(_) => process::exit(error("killed before the command ran", b"", "").0),
        }
        let [status] = status;
        if status != Exit::SUCCESS.0 {
            // After a failed start, no process of dmon may be alive when the parent exits.
            process::wait_for(child);
        }
        process::exit(status);
    }
}

impl LaunchPipe {
    /// Makes the parent exit with this status, and closes the original standard error.
    pub fn report(self, exit: Exit) {
        diag::set_output(fd::STDERR);
        let _ = file::write(self.status_pipe, &[exit.0]);
        fd::close(self.status_pipe);
        fd::close(self.stderr);
    }
}

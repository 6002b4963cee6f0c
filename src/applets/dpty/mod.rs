//! dpty: runs a command with a pseudo-terminal as its standard output. The table of applets calls it.
//!
//! This process becomes the command. Before that it forks a copier, which passes the bytes of the terminal on. The
//! copier is an orphan: a command that waits for all its children does not wait for it, and dmon adopts it.

use super::diag::os_error;
use super::option_sources::{AppletInfo, Invocation, no_options};
use super::{path_search, standard_fds, wait};
use core::ffi::{CStr, c_int};
use core::mem::ManuallyDrop;
use pure::exit::Exit;
use pure::log::report_once::ReportOnce;
use pure::text::{first, skip};
use pure::unix::Errno;
use sys::environment::Variables;
use sys::file::{self, File, Mode};
use sys::signal::SignalSet;
use sys::{fd, poll, process, pty, signal, stat};

const INFO: AppletInfo = AppletInfo {
    usage: "Usage: dpty command [args]
Run a command whose standard output is a pseudo-terminal.\n\n",
    variables: &[],
    has_file: false,
};

/// Runs dpty. Returns only if the command cannot be executed, or after the help.
///
/// # Errors
/// [`Exit::FAILED`] for wrong options or without a terminal, [`Exit::NOT_FOUND`], [`Exit::CANNOT_EXECUTE`].
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    let at = invocation.options(&INFO, no_options(), &mut ())?;
    let Some(command) = invocation.args.command(at, invocation.args.count()) else {
        return Err(INFO.missing("no command to run. "));
    };
    standard_fds::open();
    redirect()?;
    match path_search::execute(&command, Variables::new(None, None)) {
        Errno::NOENT => Err(Exit::NOT_FOUND),
        _ => Err(Exit::CANNOT_EXECUTE),
    }
}

/// Makes a pseudo-terminal the standard output, and the standard error if it is the same file.
fn redirect() -> Result<(), Exit> {
    let mut path = c"/dev/ptmx";
    let opened = open(&mut path);
    let (master, terminal) =
        opened.map_err(|error| os_error("cannot open ", path.to_bytes(), error))?;
    // A signal to the process group must not end the copier before it has blocked all of them.
    let mask = signal::block_all();
    start_copier(master)?;
    if stat::is_same(fd::STDOUT, fd::STDERR) {
        let _ = fd::dup_onto(terminal, fd::STDERR);
    }
    let _ = fd::dup_onto(terminal, fd::STDOUT);
    let _ = signal::set_mask(&mask);
    Ok(())
}

/// Opens a pseudo-terminal: both of its ends. `path` becomes the one that cannot be opened.
fn open(path: &mut &'static CStr) -> Result<(c_int, c_int), Errno> {
    let master = ManuallyDrop::new(File::open(path, Mode::ReadWrite)?);
    *path = c"/dev/pts";
    Ok((master.fd(), pty::open_terminal(&master)?.into_fd()))
}

/// Starts the copier, through a process between it and this one that exits at once.
///
/// # Errors
/// [`Exit::FAILED`] after a message, if a process cannot be forked. [`Exit::SUCCESS`] in the other processes: they must
/// exit.
fn start_copier(master: c_int) -> Result<(), Exit> {
    let fork = || process::fork().map_err(|error| os_error("cannot fork", b"", error));
    if let Some(child) = fork()? {
        return if process::wait_for(child).success() { Ok(()) } else { Err(Exit::FAILED) };
    }
    if fork()?.is_none() {
        copy(master);
    }
    Err(Exit::SUCCESS)
}

/// Copies from the terminal to standard output until no process has the terminal open. All signals are blocked.
fn copy(master: c_int) {
    // The process group of the command may receive SIGSTOP and SIGKILL, which cannot be blocked.
    let _ = process::setsid();
    if fd::dup_onto(master, fd::STDIN).is_err() {
        return;
    }
    // The copier must not keep files open that the command closes, nor its directory.
    fd::close_from(fd::STDERR + 1);
    let _ = process::change_directory(c"/");
    let mut buffer = [0; 4096];
    let mut report = ReportOnce::default();
    while let Ok(size @ 1..) = file::read(fd::STDIN, &mut buffer) {
        let mut bytes = first(&buffer, size);
        while !bytes.is_empty() {
            match file::write(fd::STDOUT, bytes) {
                Ok(written) => {
                    bytes = skip(bytes, written);
                    report.succeeded();
                }
                Err(Errno::AGAIN) => {
                    let _ = wait::wait(&SignalSet::ALL, poll::NONE, fd::STDOUT, None);
                }
                // Then the next write of the command fails, too.
                Err(Errno::PIPE) => return,
                Err(error) => {
                    if report.is_first() {
                        os_error("cannot write to standard output", b"", error);
                    }
                    break;
                }
            }
        }
    }
}

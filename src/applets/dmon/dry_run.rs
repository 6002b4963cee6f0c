//! `--check`: looks whether the commands and files of a valid command line can be used, and changes nothing.
//!
//! `mod.rs` calls it in place of a start. A directory in which a file would be created must be writable.

use super::config::Config;
use super::spawn::Job;
use crate::applets::diag::os_error;
use crate::applets::path_search::{self, PathBuf};
use core::ffi::CStr;
use pure::exit::Exit;
use pure::text::Put;
use pure::unix::Errno;
use sys::file::{self, EXECUTE, File, Mode, WRITE};

/// Checks the commands and the files that dmon writes.
///
/// # Errors
/// [`Exit::FAILED`] after a message for each that cannot be used.
pub fn check(config: &Config, job: &Job, path_buf: &mut PathBuf) -> Result<Exit, Exit> {
    let mut result = Ok(Exit::SUCCESS);
    for command in [Some(job.command), job.log_command].into_iter().flatten() {
        if let Err(error) = path_search::search(command.name(), path_buf, &mut can_execute) {
            result = Err(os_error("cannot execute ", command.name().to_bytes(), error));
        }
    }
    for path in [config.pid_file, config.status_path].into_iter().flatten() {
        if let Err(error) = can_write(path, path_buf) {
            result = Err(os_error("cannot open ", path.to_bytes(), error));
        }
    }
    result
}

fn can_execute(path: &CStr) -> Result<(), Errno> {
    file::access(path, EXECUTE)?;
    is_no_directory(path, Errno::ACCES)
}

/// Checks that a file can be written or created.
fn can_write(path: &CStr, path_buf: &mut PathBuf) -> Result<(), Errno> {
    match file::access(path, WRITE) {
        Err(Errno::NOENT) => {}
        other => return other.and_then(|()| is_no_directory(path, Errno::ISDIR)),
    }
    let bytes = path.to_bytes();
    let end = bytes.iter().rposition(|byte| *byte == b'/');
    path_buf.clear();
    path_buf.put(end.and_then(|end| bytes.get(..=end)).unwrap_or(b"."));
    path_buf.put(b"\0");
    file::access(sys::c_str(path_buf.bytes()).ok_or(Errno::NAMETOOLONG)?, WRITE | EXECUTE)
}

fn is_no_directory(path: &CStr, error: Errno) -> Result<(), Errno> {
    if File::open(path, Mode::Directory).is_ok() { Err(error) } else { Ok(()) }
}

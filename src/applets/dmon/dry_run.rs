//! `--check`: looks whether the commands and files of a valid command line can be used, and changes nothing.
//!
//! `mod.rs` calls it in place of a start. A directory in which a file would be created must be writable.

use super::config::Config;
use super::spawn::Job;
use crate::applets::diag::os_error;
use crate::applets::path_search::{self, PathBuf};
use core::ffi::{CStr, c_int};
use pure::exit::Exit;
use pure::text::{Put, first};
use pure::unix::Errno;
use sys::file::{self, EXECUTE, File, Mode, WRITE};

/// Checks the commands and the files that dmon writes.
///
/// # Errors
/// [`Exit::FAILED`] after a message for each that cannot be used.
#[inline(never)]
pub fn check(config: &Config, job: &Job, path_buf: &mut PathBuf) -> Result<Exit, Exit> {
    let mut all = true;
    let finish = job.finish.as_ref().map(|finish| finish.argv);
    for command in [Some(job.command), job.log_command, finish].into_iter().flatten() {
        all &= check_command(command.name(), path_buf);
    }
    for path in [config.pid_file, config.status_path].into_iter().flatten() {
        all &= check_file(path, path_buf);
    }
    if all { Ok(Exit::SUCCESS) } else { Err(Exit::FAILED) }
}

#[inline(never)]
fn check_command(name: &CStr, path_buf: &mut PathBuf) -> bool {
    let found = path_search::search(name, path_buf, &mut |path| usable(path, EXECUTE));
    found.map_err(|error| os_error("cannot execute ", name.to_bytes(), error)).is_ok()
}

/// Checks that a file can be written or created.
#[inline(never)]
fn check_file(path: &CStr, path_buf: &mut PathBuf) -> bool {
    let mut result = usable(path, WRITE);
    if result == Err(Errno::NOENT) {
        let bytes = path.to_bytes();
        let end = bytes.iter().rposition(|byte| *byte == b'/');
        path_buf.clear();
        path_buf.put(end.map_or(b".", |end| first(bytes, end + 1)));
        path_buf.put(b"\0");
        result = sys::c_str(path_buf.bytes()).map_or(result, |folder| file::access(folder, WRITE));
    }
    result.map_err(|error| os_error("cannot open ", path.to_bytes(), error)).is_ok()
}

/// Checks that the file exists with this permission, and is no directory.
fn usable(path: &CStr, permission: c_int) -> Result<(), Errno> {
    file::access(path, permission)?;
    if File::open(path, Mode::Directory).is_ok() { Err(Errno::ACCES) } else { Ok(()) }
}

//! The search of $PATH for a command: execvp(3).
//!
//! dmon's children and denv execute their commands with it.

use core::ffi::CStr;
use pure::text::{Put, TextBuf, find_byte};
use pure::unix::Errno;
use sys::args::Argv;
use sys::static_cell::StaticCell;
use sys::{environment, process};

/// A buffer for the path of a file: a directory of $PATH, at most PATH_MAX bytes, and a name.
pub type PathBuf = TextBuf<{ 4096 + 256 }>;

/// Static, because the stack would need two more pages for it.
static PATH_BUF: StaticCell<PathBuf> = StaticCell::new(PathBuf::new());

/// Directories to search if $PATH is not set.
const DEFAULT_PATH: &CStr = c"/usr/local/bin:/bin:/usr/bin";

/// Returns the buffer; `None` if it was claimed before.
pub fn claim_path_buf() -> Option<&'static mut PathBuf> {
    PATH_BUF.take()
}

/// Executes the command, which replaces this process. A name without a slash is searched for in $PATH. Returns the
/// error if no file could be executed: `EACCES` if any file may not be executed, else `ENOENT`; any other error ends
/// the search.
#[must_use]
pub fn execvp(command: &Argv, path_buf: &mut PathBuf) -> Errno {
    let name = command.name();
    if find_byte(name.to_bytes(), b'/').is_some() {
        return process::execve(name, command);
    }
    let mut result = Errno::NOENT;
    let path = environment::variable(b"PATH").unwrap_or(DEFAULT_PATH).to_bytes();
    for dir in path.split(|byte| *byte == b':').filter(|_| !name.is_empty()) {
        path_buf.clear();
        path_buf.put(dir);
        path_buf.put(if dir.is_empty() { b"" } else { b"/" });
        path_buf.put(name.to_bytes_with_nul());
        // A path that is too long was cut and does not end in NUL; no such file can exist.
        match sys::c_str(path_buf.bytes()).map(|file| process::execve(file, command)) {
            None | Some(Errno::NOENT | Errno::NOTDIR) => {}
            Some(Errno::ACCES) => result = Errno::ACCES,
            Some(other) => return other,
        }
    }
    result
}

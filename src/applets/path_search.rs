//! The search of $PATH for a command: execvp(3).
//!
//! dmon's children, denv and dpty execute their commands with it.

use super::diag::os_error;
use core::ffi::CStr;
use pure::text::{Put, TextBuf, find_byte, split};
use pure::unix::Errno;
use sys::args::Argv;
use sys::environment::{self, Variables};
use sys::process;
use sys::static_cell::StaticCell;

/// A buffer for the path of a command: a directory of $PATH (PATH_MAX is 4096), and a name (NAME_MAX is 255).
pub type PathBuf = TextBuf<{ 4096 + 256 }>;

/// Static, because on the stack it would need two more pages.
static PATH_BUF: StaticCell<PathBuf, 2> = StaticCell::new([PathBuf::new()]);

/// Directories to search if $PATH is not set: those of musl's execvp.
const DEFAULT_PATH: &CStr = c"/usr/local/bin:/bin:/usr/bin";

/// Returns the buffer; `None` if it was claimed before.
pub fn claim_path_buf() -> Option<&'static mut PathBuf> {
    PATH_BUF.take()
}

/// Executes the command of a process that ends otherwise: as [`execvp`], and prints the error.
#[inline(never)]
pub fn execute(command: &Argv, variables: Variables<'_>) -> Errno {
    let error = match claim_path_buf() {
        Some(path_buf) => execvp(command, path_buf, variables),
        None => Errno::NOMEM,
    };
    os_error("cannot execute ", command.name().to_bytes(), error);
    error
}

/// Executes the command with these variables, which replaces this process. Returns the error of [`search`].
#[must_use]
pub fn execvp(command: &Argv, path_buf: &mut PathBuf, variables: Variables<'_>) -> Errno {
    let mut execute = |file: &CStr| Err(process::execve(file, command, variables));
    search(command.name(), path_buf, &mut execute).err().unwrap_or(Errno::NOENT)
}

/// Passes the paths that `name` may mean to `visit`, until one succeeds. A name without a slash is searched for in
/// $PATH.
///
/// # Errors
/// If no file can be used: `EACCES` if permission was denied for any, else `ENOENT`. Any other error ends the search.
pub fn search(
    name: &CStr,
    path_buf: &mut PathBuf,
    visit: &mut dyn FnMut(&CStr) -> Result<(), Errno>,
) -> Result<(), Errno> {
    if find_byte(name.to_bytes(), b'/').is_some() {
        return visit(name);
    }
    let mut result = Errno::NOENT;
    let path = environment::variable(b"PATH").unwrap_or(DEFAULT_PATH).to_bytes();
    for dir in split(path, b':').filter(|_| !name.is_empty()) {
        path_buf.clear();
        path_buf.put(dir);
        path_buf.put(if dir.is_empty() { b"" } else { b"/" });
        path_buf.put(name.to_bytes_with_nul());
        // A path that was cut because it is too long does not end in NUL. No such file can exist.
        match sys::c_str(path_buf.bytes()).map(&mut *visit) {
            None | Some(Err(Errno::NOENT | Errno::NOTDIR)) => {}
            Some(Err(Errno::ACCES)) => result = Errno::ACCES,
            Some(other) => return other,
        }
    }
    Err(result)
}

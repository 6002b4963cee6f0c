//! Whole files, read into a buffer. `option_sources` and denv call it.

use super::diag::{error, os_error};
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::text::spare;
use sys::file::{self, File, Mode};

/// Reads the file `path` and returns its size, which is less than that of the buffer.
///
/// # Errors
/// [`Exit::FAILED`] after a message, if the file cannot be read, or is `too_long`: the end of the message says so.
pub fn read(path: CliWord, buffer: &mut [u8], too_long: &str) -> Result<usize, Exit> {
    let cannot_read = |error| os_error("cannot read ", path.to_bytes(), error);
    let file = File::open(path, Mode::Read).map_err(cannot_read)?;
    read_open(&file, path.to_bytes(), buffer, too_long)
}

/// Reads an open file as [`read`] does.
///
/// # Errors
/// The same as for [`read`].
#[inline(never)]
pub fn read_open(
    file: &File,
    name: &[u8],
    buffer: &mut [u8],
    too_long: &str,
) -> Result<usize, Exit> {
    let mut size = 0;
    loop {
        match file::read(file.fd(), spare(buffer, size)) {
            Ok(0) if size < buffer.len() => return Ok(size),
            Ok(0) => return Err(error("", name, too_long)),
            Ok(n) => size += n,
            Err(error) => return Err(os_error("cannot read ", name, error)),
        }
    }
}

//! Whole files, read into a buffer. `option_sources` and denv call it.

use super::diag::os_error;
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::text::spare;
use pure::unix::Errno;
use sys::file::{self, File, Mode};

/// The mark that some editors put at the beginning of a UTF-8 text.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Reads the text file `path` and returns its size, which is less than the size of the buffer. Blanks replace a byte
/// order mark.
///
/// # Errors
/// [`Exit::FAILED`] after a message, if the file cannot be read or is too large.
pub fn read(path: CliWord, buffer: &mut [u8]) -> Result<usize, Exit> {
    let size = match fill(File::open(path, Mode::Read), buffer) {
        Ok(size) if size == buffer.len() => Err(Errno::FBIG),
        size => size,
    };
    let size = size.map_err(|error| os_error("cannot read ", path.to_bytes(), error))?;
    if let Some(start) = buffer.first_chunk_mut()
        && *start == BYTE_ORDER_MARK
    {
        *start = *b"   ";
    }
    Ok(size)
}

/// Reads from a file that was just opened until its end, or until the buffer is full, and returns the number of bytes.
///
/// # Errors
/// That of the open; `EISDIR`, `EIO`, `EAGAIN` (read(2)).
#[inline(never)]
pub fn fill(file: Result<File, Errno>, buffer: &mut [u8]) -> Result<usize, Errno> {
    let file = file?;
    let mut size = 0;
    loop {
        match file::read(file.fd(), spare(buffer, size))? {
            0 => return Ok(size),
            n => size += n,
        }
    }
}

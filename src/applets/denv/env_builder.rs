//! The environment that denv and envdir build.
//!
//! The options of denv call it in their order. The environment only points to its variables, so those from files stay in
//! one static buffer.

use crate::applets::diag::{eprint, error, os_error};
use crate::applets::env_edits::edit;
use crate::applets::whole_file;
use core::ffi::CStr;
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::text::{Put, TextBuf, copy, cstr_tail, find_byte, first, skip, spare, split_once};
use sys::dir::Directory;
use sys::environment::{Environment, Full};
use sys::file::Mode;
use sys::stat;
use sys::static_cell::StaticCell;

/// The size of all variables from files together, in bytes. Chosen: an environment rarely exceeds a few KiB.
const BUFFER_SIZE: usize = 64 << 10;

const TOO_LONG: &str = ": more than 65536 bytes of variables";

static BUFFER: StaticCell<[u8; BUFFER_SIZE]> = StaticCell::new([0; BUFFER_SIZE]);

/// A new environment, which is empty at first.
pub struct EnvBuilder {
    pub environment: Environment,
    /// The unused part of the buffer.
    buffer: &'static mut [u8],
}

impl EnvBuilder {
    /// Claims the static environment and buffer.
    ///
    /// # Errors
    /// [`Exit::FAILED`] without a message, if they are in use. An applet builds only one environment.
    pub fn new() -> Result<Self, Exit> {
        match (Environment::claim(), BUFFER.take()) {
            (Some(environment), Some(buffer)) => Ok(Self { environment, buffer }),
            _ => Err(Exit::FAILED),
        }
    }

    /// Adds all variables of this process's environment.
    ///
    /// # Errors
    /// [`Exit::FAILED`] after a message, if there are too many.
    pub fn inherit_all(&mut self) -> Result<(), Exit> {
        self.environment.inherit(None).map_err(|Full| error("more than 1000 variables", b"", ""))
    }

    /// Adds a variable for each file in the directory, as envdir(8) of daemontools does. Skips hidden files and names
    /// with `=`.
    ///
    /// # Errors
    /// [`Exit::FAILED`] after a message, if the directory or a file cannot be read or does not fit.
    pub fn read_directory(&mut self, path: CliWord) -> Result<(), Exit> {
        let cannot_read = |error| os_error("cannot read ", path.to_bytes(), error);
        let directory = Directory::open(path).map_err(cannot_read)?;
        let mut result = Ok(());
        let read = directory.for_each_file(&mut |name| {
            if result.is_ok()
                && !name.to_bytes().starts_with(b".")
                && find_byte(name.to_bytes(), b'=').is_none()
            {
                result = self.read_variable(&directory, path, name);
            }
        });
        read.map_err(cannot_read)?;
        result
    }

    /// Adds the variable `name`. Its value is the first line of the file without blanks at the end, where NUL bytes
    /// become newlines. An empty file removes the variable.
    fn read_variable(
        &mut self,
        directory: &Directory,
        path: CliWord,
        name: &CStr,
    ) -> Result<(), Exit> {
        let mut shown = TextBuf::<400>::new();
        [path.to_bytes(), b"/", name.to_bytes()].iter().for_each(|part| shown.put(part));
        let file = directory.open_file(name, Mode::ReadNonblock);
        let file = file.map_err(|error| os_error("cannot read ", shown.bytes(), error))?;
        if stat::is_fifo(file.fd()) || stat::is_directory(file.fd()) {
            // The directory lists only files, but `name` may be a symbolic link, or the file system reports no types.
            return Ok(());
        }
        let mut value_start = copy(name.to_bytes(), self.buffer);
        value_start += copy(b"=", spare(self.buffer, value_start));
        let space = spare(self.buffer, value_start);
        let size = whole_file::read_open(&file, shown.bytes(), space, TOO_LONG)?;
        if size == 0 {
            self.environment.remove(name.to_bytes());
            return Ok(());
        }
        let text = first(skip(self.buffer, value_start), size);
        let line = first(text, find_byte(text, b'\n').unwrap_or(text.len()));
        let is_blank = |byte: &&u8| matches!(**byte, b' ' | b'\t');
        let size = value_start + line.len() - line.iter().rev().take_while(is_blank).count();
        for byte in self.buffer.iter_mut().take(size).filter(|byte| **byte == 0) {
            *byte = b'\n';
        }
        let Some(variable) = self.split_off(size + 1) else {
            return Ok(());
        };
        let too_many =
            |Full| error("", shown.bytes(), ": one variable too many, 1000 are the most");
        self.environment.set(variable).map_err(too_many)
    }

    /// Applies each line of a file: `NAME=VALUE` sets, `NAME=` and `NAME` remove a variable.
    ///
    /// # Errors
    /// [`Exit::FAILED`] after a message, if the file cannot be read, does not fit or contains another line.
    pub fn read_file(&mut self, path: CliWord) -> Result<(), Exit> {
        let mut remaining = whole_file::read(path, self.buffer, TOO_LONG)?;
        while remaining > 0 {
            let text = first(self.buffer, remaining);
            let size = find_byte(text, b'\n').unwrap_or(remaining) + 1;
            remaining = remaining.saturating_sub(size);
            if find_byte(first(text, size - 1), 0).is_some() {
                return Err(error("", path.to_bytes(), ": a NUL byte"));
            }
            if let Some(line) = self.split_off(size) {
                self.edit_line(line, path)?;
            }
        }
        Ok(())
    }

    /// Applies one line. Skips blanks at its start, empty lines and comments.
    fn edit_line(&mut self, line: CliWord, path: CliWord) -> Result<(), Exit> {
        let blanks = line.to_bytes().iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line = cstr_tail(line, blanks).unwrap_or(line);
        let result = match (line.to_bytes(), split_once(line.to_bytes(), b'=')) {
            ([] | [b'#', ..], _) => Ok(()),
            (_, (name @ [_, ..], Some([]))) => {
                self.environment.remove(name);
                Ok(())
            }
            _ => edit(&mut self.environment, line),
        };
        result.map_err(|expected| {
            let (path, line) = (path.to_bytes(), line.to_bytes());
            eprint(&[path, b": '", line, b"' is not ", expected.as_bytes()]);
            Exit::FAILED
        })
    }

    /// Splits the first `size` bytes off the buffer and replaces the last of them by a NUL.
    fn split_off(&mut self, size: usize) -> Option<&'static CStr> {
        let buffer = core::mem::take(&mut self.buffer);
        let (text, rest) = buffer.split_at_mut_checked(size)?;
        self.buffer = rest;
        *text.last_mut()? = 0;
        sys::c_str(text)
    }
}

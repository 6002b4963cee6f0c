//! The environment that denv and envdir build.
//!
//! The options of denv call it in their order. The environment only points to its variables, so those from files stay in
//! one static buffer.

use crate::applets::diag::{self, eprint, os_error};
use crate::applets::env_edits::{TOO_MANY_VARIABLES, edit};
use crate::applets::{memory, whole_file};
use core::ffi::CStr;
use pure::cli::option_value::{CliWord, Expected};
use pure::cli::variable_line;
use pure::exit::Exit;
use pure::text::{Put, Text, Writer, copy, find_byte, first, spare, split_once, trim_end};
use pure::unix::Errno;
use sys::dir::Directory;
use sys::environment::{Environment, Full};
use sys::file::Mode;
use ufmt::uwrite;

/// The size of all variables from files together, in bytes. Chosen: execve(2) accepts one variable of this size
/// (`MAX_ARG_STRLEN`).
const BUFFER_SIZE: usize = 128 << 10;

/// A new environment, which is empty at first.
pub struct EnvBuilder {
    pub environment: Environment,
    /// The unused part of the buffer.
    buffer: &'static mut [u8],
}

impl EnvBuilder {
    /// Claims the static environment and memory.
    ///
    /// # Errors
    /// [`Exit::FAILED`] without a message, if they are in use. An applet builds only one environment.
    pub fn new() -> Result<Self, Exit> {
        match (Environment::claim(), memory::claim()) {
            (Some(environment), Some(memory)) => {
                Ok(Self { environment, buffer: memory.get_mut(..BUFFER_SIZE).unwrap_or_default() })
            }
            _ => Err(Exit::FAILED),
        }
    }

    /// Adds all variables of this process's environment.
    ///
    /// # Errors
    /// [`Exit::FAILED`] after a message, if there are too many.
    pub fn inherit_all(&mut self) -> Result<(), Exit> {
        self.environment
            .inherit_all()
            .map_err(|Full| diag::error("cannot inherit all", b"", TOO_MANY_VARIABLES))
    }

    /// Adds a variable for each file in the directory, as envdir(8) of daemontools does. Skips hidden files and names
    /// with `=`.
    ///
    /// # Errors
    /// [`Exit::FAILED`] after a message, if the directory or a file cannot be read or does not fit.
    pub fn read_directory(&mut self, path: CliWord) -> Result<(), Exit> {
        let mut result = Ok(());
        let read = Directory::open(path).and_then(|directory| {
            directory.for_each(&mut |name, is_file| {
                if is_file
                    && result.is_ok()
                    && let Err(error) = self.read_variable(&directory, name)
                {
                    let mut shown = Text::new();
                    shown.put(path.to_bytes());
                    shown.put(b"/");
                    shown.put(name.to_bytes());
                    result = Err(match error {
                        Errno::TOO_BIG => diag::error("", shown.bytes(), TOO_MANY_VARIABLES),
                        error => os_error("cannot read ", shown.bytes(), error),
                    });
                }
            })
        });
        read.map_err(|error| os_error("cannot read ", path.to_bytes(), error))?;
        result
    }

    /// Adds the variable `name`. Its value is the first line of the file without blanks at the end, where NUL bytes
    /// become newlines. An empty file removes the variable.
    fn read_variable(&mut self, directory: &Directory, name: &CStr) -> Result<(), Errno> {
        let bytes = name.to_bytes();
        if bytes.starts_with(b".") || find_byte(bytes, b'=').is_some() {
            return Ok(());
        }
        let mut start = copy(bytes, self.buffer);
        start += copy(b"=", spare(self.buffer, start));
        let space = spare(self.buffer, start);
        let file = directory.open_file(name, Mode::ReadNonblock, 0);
        let size = match whole_file::fill(file, space) {
            // The directory lists only files, but `name` may be a symbolic link, or the file system reports no types.
            Err(Errno::ISDIR) => return Ok(()),
            size => size?,
        };
        let (line, rest) = split_once(first(space, size), b'\n');
        // Of a file that does not fit, the first line may.
        if rest.is_none() && size == space.len() {
            return Err(Errno::FBIG);
        }
        if size == 0 {
            self.environment.remove(bytes);
            return Ok(());
        }
        let size = start + trim_end(line, b" \t").len();
        let variable = self.split_off(size, size).ok_or(Errno::FBIG)?;
        self.environment.set(variable).map_err(|Full| Errno::TOO_BIG)
    }

    /// Applies each line of a file.
    ///
    /// # Errors
    /// [`Exit::FAILED`] after a message, if the file cannot be read, does not fit or contains another line.
    pub fn read_file(&mut self, path: CliWord) -> Result<(), Exit> {
        let mut remaining = whole_file::read(path, self.buffer)?;
        let mut number = 0_u32;
        while remaining > 0 {
            let line = split_once(first(self.buffer, remaining), b'\n').0;
            let (end, size) = (trim_end(line, b" \t\r").len(), line.len());
            let has_nul = find_byte(line, 0).is_some();
            remaining = remaining.saturating_sub(size + 1);
            number += 1;
            let Some(line) = self.split_off(end, size) else {
                return Ok(());
            };
            let variable = variable_line::assignment(line);
            let result = if has_nul {
                Err(Expected::NoNul)
            } else if let Ok(variable) = variable
                && variable.is_empty()
            {
                continue;
            } else {
                variable.and_then(|variable| edit(&mut self.environment, variable, true))
            };
            result.map_err(|expected| {
                let mut place = Text::new();
                let Ok(()) = uwrite!(Writer(&mut place), ": line {}: '", number);
                let (path, line) = (path.to_bytes(), line.to_bytes());
                eprint(&[path, place.bytes(), line, b"' is not ", expected.text()]);
                Exit::FAILED
            })?;
        }
        Ok(())
    }

    /// Splits the first `size` bytes and the byte behind them off the buffer. Returns the first `end` bytes, where newlines
    /// replace NUL bytes.
    fn split_off(&mut self, end: usize, size: usize) -> Option<&'static CStr> {
        let buffer = core::mem::take(&mut self.buffer);
        let (text, rest) = buffer.split_at_mut_checked(size + 1)?;
        self.buffer = rest;
        text.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'\n');
        *text.get_mut(end)? = 0;
        sys::c_str(first(text, end + 1))
    }
}

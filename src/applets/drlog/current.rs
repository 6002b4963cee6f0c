//! drlog's open log file together with its directory. `mod.rs` writes to it and rotates it.
//!
//! The open file is `current` of the open directory. The only exception is a rotation that renamed `current` and could
//! not create the next one; [`FileName`] records it.

use super::log_dir::LogDir;
use crate::applets::diag::os_error;
use crate::applets::log_file::{LogFile, LossNotice, Output};
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::log::archive::ArchiveName;
use pure::log::on_full::OnFull;
use pure::unix::Errno;
use sys::file::File;
use sys::{clock, stat};

/// A failed operation on the directory.
#[derive(Clone, Copy)]
pub struct DirError {
    /// The text before the name of the directory in the message.
    what: &'static str,
    errno: Errno,
}

impl DirError {
    pub const fn new(what: &'static str, errno: Errno) -> Self {
        Self { what, errno }
    }

    /// Prints the error of the directory `path`. Returns [`Exit::FAILED`].
    pub fn report(self, path: CliWord) -> Exit {
        os_error(self.what, path.to_bytes(), self.errno)
    }
}

/// The name of the open file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FileName {
    Current,
    /// A rotation renamed the file, then failed to create a new `current`.
    Archive,
}

/// The open file `current` and its directory.
pub struct Current {
    dir: LogDir,
    log_file: LogFile,
    file_name: FileName,
}

/// The result of a rotation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// A new, empty `current` is open.
    Done,
    /// The directory contains no `current`: another program has moved the file or the directory.
    Missing,
}

impl Current {
    /// Opens the directory `path` and `current` in it.
    ///
    /// # Errors
    /// The error of open(2), if either cannot be opened.
    pub fn open(path: CliWord, on_full: OnFull, syncs: bool) -> Result<Self, DirError> {
        let (dir, file) = open(path)?;
        let output = Output::Named(file);
        let log_file = LogFile::new(path.to_bytes(), on_full, syncs, output);
        Ok(Self { dir, log_file, file_name: FileName::Current })
    }

    /// Opens directory and file again by their names.
    ///
    /// # Errors
    /// The error of open(2), if either cannot be opened. Then the old file stays open.
    pub fn reopen(&mut self, path: CliWord) -> Result<(), DirError> {
        let (dir, file) = open(path)?;
        self.dir = dir;
        self.log_file.switch_to(Output::Named(file));
        self.file_name = FileName::Current;
        Ok(())
    }

    /// Renames `current` to an archive and opens a new `current`.
    ///
    /// # Errors
    /// The error of rename(2) or open(2). In both cases the old file stays open.
    pub fn rotate(&mut self, archive: ArchiveName) -> Result<Rotated, DirError> {
        let renamed = match self.file_name {
            FileName::Current => self.dir.archive_current(archive),
            FileName::Archive => Err(Errno::NOENT),
        };
        match renamed {
            Ok(()) => self.file_name = FileName::Archive,
            Err(Errno::NOENT) => return Ok(Rotated::Missing),
            Err(errno) => return Err(DirError::new("cannot rename current in ", errno)),
        }
        let file = self
            .dir
            .open_current()
            .map_err(|errno| DirError::new("cannot make current in ", errno))?;
        self.log_file.switch_to(Output::Named(file));
        self.file_name = FileName::Current;
        Ok(Rotated::Done)
    }

    /// Writes or drops `bytes`, as [`LogFile::write`] does. Removes old archives if the disk is full.
    pub fn write(&mut self, bytes: &[u8], loss_notice: LossNotice) -> usize {
        let Self { dir, log_file, .. } = self;
        log_file.write(bytes, loss_notice, &mut || dir.remove_oldest())
    }

    pub const fn dir(&self) -> &LogDir {
        &self.dir
    }

    pub const fn log_file(&self) -> &LogFile {
        &self.log_file
    }

    pub const fn log_file_mut(&mut self) -> &mut LogFile {
        &mut self.log_file
    }

    /// Returns the size of the open file in bytes.
    pub fn size(&self) -> u64 {
        stat::size(self.log_file.fd())
    }

    /// Returns the second in which `current` was created.
    pub fn created_at(&self) -> i64 {
        self.dir.read_timestamp(clock::real().0)
    }
}

fn open(path: CliWord) -> Result<(LogDir, File), DirError> {
    let dir = LogDir::open(path).map_err(|errno| DirError::new("cannot open ", errno))?;
    let file =
        dir.open_current().map_err(|errno| DirError::new("cannot open current in ", errno))?;
    Ok((dir, file))
}

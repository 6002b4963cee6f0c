//! Directories: their names, and files relative to an open directory.

use super::file::{self, File, Mode};
use super::kernel::syscall;
use super::{Result, call, check_long, stat};
use core::ffi::{CStr, c_int};
use pure::text::{find_byte, first, skip};

/// An open directory.
pub struct Directory(File);

impl Directory {
    /// Opens the directory `path`.
    ///
    /// # Errors
    /// `ENOENT`; `EACCES`; `ENOTDIR` if `path` is not a directory (open(2)).
    pub fn open(path: &CStr) -> Result<Self> {
        File::open(path, Mode::Directory).map(Self)
    }

    /// Opens the file `name` of this directory. A new file gets the mode `permissions` less umask.
    ///
    /// # Errors
    /// `ENOENT`; `EACCES`; `EEXIST` for [`Mode::CreateNew`]; `ELOOP` for a link that is not followed (openat(2)).
    pub fn open_file(&self, name: &CStr, mode: Mode, permissions: u32) -> Result<File> {
        File::open_at(self.0.fd(), name, mode, permissions)
    }

    /// Returns whether `path` names this directory.
    #[must_use]
    pub fn is_at(&self, path: &CStr) -> bool {
        stat::references(self.0.fd(), libc::AT_FDCWD, path) > 0
    }

    /// Returns whether `name` in this directory names the open file `fd`.
    #[must_use]
    pub fn contains(&self, name: &CStr, fd: c_int) -> bool {
        stat::references(fd, self.0.fd(), name) > 0
    }

    /// Renames the file `from` to `to`, which it replaces.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `EPERM`, `EROFS`, `ENOSPC` (renameat(2)).
    pub fn rename(&self, from: &CStr, to: &CStr) -> Result<()> {
        let (call, dir) = (libc::SYS_renameat, self.0.fd());
        // SAFETY: both names end in NUL.
        check_long(unsafe { syscall!(call, dir, from.as_ptr(), dir, to.as_ptr()) }).map(drop)
    }

    /// Removes the name of a file.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `EPERM`, `EROFS` (unlinkat(2)).
    pub fn remove(&self, name: &CStr) -> Result<()> {
        file::remove_at(self.0.fd(), name)
    }

    /// Passes all names to `visit`, unsorted, each with whether it names a regular file or a symbolic link: true also if
    /// the file system does not report types.
    ///
    /// # Errors
    /// `ENOENT` if the directory was removed; `EIO` (getdents64(2)).
    pub fn for_each(&self, visit: &mut dyn FnMut(&CStr, bool)) -> Result<()> {
        /// The types of files.
        const FILES: u32 = 1 << libc::DT_REG | 1 << libc::DT_LNK | 1 << libc::DT_UNKNOWN;
        /// The offsets of the entry's length, type and name in `struct linux_dirent64` (getdents64(2)).
        const LENGTH: usize = 16;
        const TYPE: usize = 18;
        const NAME: usize = 19;
        let mut buffer = [0_u8; 1024];
        // SAFETY: the arguments are numbers.
        unsafe { call!(libc::SYS_lseek, self.0.fd(), 0, libc::SEEK_SET) }?;
        loop {
            let (file, size) = (self.0.fd(), buffer.len());
            // SAFETY: pointer and length are those of an array.
            let n = unsafe { syscall!(libc::SYS_getdents64, file, buffer.as_mut_ptr(), size) };
            let mut entries = match check_long(n)? {
                0 => return Ok(()),
                n => usize::try_from(n).ok().and_then(|n| buffer.get(..n)).unwrap_or(&[]),
            };
            while let Some([low, high, entry_type]) = entries.get(LENGTH..=TYPE) {
                let length = usize::from(u16::from_ne_bytes([*low, *high]));
                let name = skip(entries, NAME);
                // The NUL is followed by padding.
                let name = super::c_str(first(name, find_byte(name, 0).unwrap_or(0) + 1));
                if let Some(name) = name {
                    visit(name, FILES >> (entry_type & 31) & 1 == 1);
                }
                entries = skip(entries, length.max(NAME));
            }
        }
    }
}

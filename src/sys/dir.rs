//! A directory that stays open: its names, and files by name within it.

use super::file::{File, Mode};
use super::{Result, check, check_long, errno};
use core::ffi::CStr;
use pure::text::{find_byte, first, skip};
use pure::unix::Errno;

pub struct Directory(File);

impl Directory {
    /// Opens the directory `path`.
    ///
    /// # Errors
    /// As open(2); `ENOTDIR` for what is none.
    pub fn open(path: &CStr) -> Result<Self> {
        File::open(path, Mode::Directory).map(Self)
    }

    /// Opens the file `name` in it; a new file gets the permissions 0640 less umask.
    ///
    /// # Errors
    /// As openat(2).
    pub fn open_file(&self, name: &CStr, mode: Mode) -> Result<File> {
        File::open_at(self.0.fd(), name, mode, 0o640)
    }

    /// Gives the file `from` the name `to`, which no other may have.
    ///
    /// # Errors
    /// As renameat2(2).
    pub fn rename(&self, from: &CStr, to: &CStr) -> Result<()> {
        let (dir, call) = (self.0.fd(), libc::SYS_renameat2);
        let (from, to, flags) = (from.as_ptr(), to.as_ptr(), libc::RENAME_NOREPLACE);
        // SAFETY: both names end in NUL.
        match check_long(unsafe { libc::syscall(call, dir, from, dir, to, flags) }) {
            // The call is there since Linux 3.15, and some file systems do not know the flag.
            Err(Errno::NOSYS | Errno::INVAL) => {
                // SAFETY: as above.
                check(unsafe { libc::renameat(dir, from, dir, to) }).map(drop)
            }
            other => other.map(drop),
        }
    }

    /// Removes the name of a file.
    ///
    /// # Errors
    /// As unlinkat(2).
    pub fn remove(&self, name: &CStr) -> Result<()> {
        // SAFETY: the name ends in NUL.
        check(unsafe { libc::unlinkat(self.0.fd(), name.as_ptr(), 0) }).map(drop)
    }

    /// Passes the names in it to `take`, in no order; not those of directories and devices, where the file
    /// system tells them apart without being asked for each. A symbolic link may lead to anything.
    ///
    /// # Errors
    /// As lseek(2) and getdents64(2).
    pub fn for_each_file(&self, take: &mut dyn FnMut(&CStr)) -> Result<()> {
        self.for_each(&[libc::DT_REG, libc::DT_LNK, libc::DT_UNKNOWN], take)
    }

    /// The same for directories.
    ///
    /// # Errors
    /// As lseek(2) and getdents64(2).
    pub fn for_each_directory(&self, take: &mut dyn FnMut(&CStr)) -> Result<()> {
        self.for_each(&[libc::DT_DIR, libc::DT_UNKNOWN], take)
    }

    fn for_each(&self, kinds: &[u8], take: &mut dyn FnMut(&CStr)) -> Result<()> {
        /// Where the length of an entry, its type and its name stand in `struct linux_dirent64`.
        const LENGTH: usize = 16;
        const KIND: usize = 18;
        const NAME: usize = 19;
        let mut room = [0_u8; 1024];
        // SAFETY: numbers.
        if unsafe { libc::lseek(self.0.fd(), 0, libc::SEEK_SET) } != 0 {
            return Err(errno());
        }
        loop {
            let (file, size) = (self.0.fd(), room.len());
            // SAFETY: pointer and length are those of an array.
            let n = unsafe { libc::syscall(libc::SYS_getdents64, file, room.as_mut_ptr(), size) };
            let mut entries = match check_long(n)? {
                0 => return Ok(()),
                n => usize::try_from(n).ok().and_then(|n| room.get(..n)).unwrap_or(&[]),
            };
            while let Some([low, high, kind]) = entries.get(LENGTH..=KIND) {
                let length = usize::from(u16::from_ne_bytes([*low, *high]));
                let name = skip(entries, NAME);
                // What comes behind its NUL may be anything.
                let name = super::c_str(first(name, find_byte(name, 0).unwrap_or(0) + 1));
                name.filter(|_| kinds.contains(kind)).into_iter().for_each(&mut *take);
                entries = skip(entries, length.max(NAME));
            }
        }
    }
}

//! A small disk (a tmpfs) mounted on the test's folder `disk`, visible only to this test.

use super::Rig;
use super::mount_namespace::MountNamespace;
use std::fmt::{Display, Formatter, Result};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// The block size of the disk: it allocates whole pages.
pub const PAGE: usize = 4096;

/// A prefix of command lines: `format!("{disk} dlog disk/f")`.
pub struct Disk<'a> {
    namespace: MountNamespace<'a>,
}

impl Disk<'_> {
    /// Mounts a disk of 64 KiB, or skips the test.
    pub fn new(rig: &Rig) -> Option<Disk<'_>> {
        Disk::sized(rig, "64k")
    }

    /// Mounts a disk of this size, as tmpfs(5) takes it, or skips the test.
    pub fn sized<'a>(rig: &'a Rig, size: &str) -> Option<Disk<'a>> {
        Disk::prepared(rig, size, ":")
    }

    /// As `sized`, then runs a shell command in the folder that contains the disk.
    pub fn prepared<'a>(rig: &'a Rig, size: &str, command: &str) -> Option<Disk<'a>> {
        let mount = format!("mkdir disk\nmount -t tmpfs -o size={size},mode=777 none disk");
        let namespace = MountNamespace::new(rig, &format!("{mount}\n{command}"))?;
        Some(Disk { namespace })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.namespace.path("disk").join(name)
    }

    /// Returns the text of a file; empty if the file does not exist.
    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Takes all free pages. A file can still be extended within its last page.
    pub fn fill(&self) {
        let mut options = OpenOptions::new();
        let mut filler =
            options.create(true).append(true).open(self.path("filler")).expect("a filler");
        let mut size = 16 * PAGE;
        while size > 0 {
            if filler.write(&vec![b'.'; size]).is_err() {
                size /= 2;
            }
        }
    }

    /// Frees the pages that `fill` took.
    pub fn free(&self) {
        fs::remove_file(self.path("filler")).expect("the filler is removed");
    }

    /// Remounts it read-only. No file on it may be open for writing.
    pub fn make_read_only(&self, rig: &Rig) {
        rig.run(format!("{} mount -o remount,ro disk", self.namespace)).exits(0);
    }
}

impl Display for Disk<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        self.namespace.fmt(to)
    }
}

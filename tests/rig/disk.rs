//! A disk of 64 KiB, or of another size, mounted on the folder `disk` of a test, seen by nobody else.

use super::space::Space;
use super::{Rig, tools};
use std::fmt::{Display, Formatter, Result};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// A disk gives room by the page: this much, or nothing.
pub const PAGE: usize = 4096;

/// Written as a prefix of a line: `format!("{disk} dlog disk/f")`.
pub struct Disk<'a> {
    space: Space<'a>,
}

impl Disk<'_> {
    /// Nothing, with a word to the user, where such a thing cannot be made.
    pub fn new(rig: &Rig) -> Option<Disk<'_>> {
        Disk::sized(rig, "64k")
    }

    pub fn sized<'a>(rig: &'a Rig, size: &str) -> Option<Disk<'a>> {
        let mount = format!("mkdir disk\nmount -t tmpfs -o size={size},mode=777 none disk");
        Some(Disk { space: Space::new(rig, &mount)? })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.space.path("disk").join(name)
    }

    /// The text of a file; none if there is no such file.
    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Takes all the room that is left. What a file has of its last page stays its own.
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

    /// Gives the room back.
    pub fn empty(&self) {
        fs::remove_file(self.path("filler")).expect("the filler goes");
    }

    /// Mounts it again so that nothing can be written. No file may be open for writing.
    pub fn make_read_only(&self, rig: &Rig) {
        rig.run(format!("{} mount -o remount,ro disk", self.space)).exits(0);
    }
}

impl Display for Disk<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        self.space.fmt(to)
    }
}

/// The words that let an ordinary user run the tested program in a test's folder; nothing, with a
/// word to the user, where that cannot be.
pub fn as_nobody(rig: &Rig) -> Option<&'static str> {
    if !nix::unistd::geteuid().is_root() {
        return Some("env");
    }
    if !tools::has(&["setpriv"]) {
        return None;
    }
    rig.copy_applets();
    Some("setpriv --reuid=41001 --regid=41001 --clear-groups")
}

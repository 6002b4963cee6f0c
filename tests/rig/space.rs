//! A view of the files that only a test has: a mount namespace of its own, which lives as long as the test.

use super::{Rig, Running, tools};
use std::fmt::{Display, Formatter, Result};
use std::path::PathBuf;

/// Written as a prefix of a line: `format!("{space} dlog f")`.
pub struct Space<'a> {
    keeper: Running<'a>,
    folder: PathBuf,
}

impl Space<'_> {
    /// A space in which these lines of shell were run; nothing, with a word to the user, where such
    /// a thing cannot be made.
    pub fn new<'a>(rig: &'a Rig, script: &str) -> Option<Space<'a>> {
        if !tools::can_mount() || !tools::has(&["nsenter"]) {
            return None;
        }
        rig.write("space.sh", format!("set -e\n{script}\n: >space\nexec sleep 100000\n"));
        let keeper = rig.start(format!("{} sh space.sh", tools::unshare_mounts()));
        rig.wait_for(format!("a space to be made\n{}", keeper.err()), || {
            assert!(keeper.is_running(), "cannot make a space: {}", keeper.err());
            rig.has("space")
        });
        Some(Space { keeper, folder: rig.path("") })
    }

    /// Where a file of the space is for those outside. The path is absolute, or begins in the folder of the test.
    pub fn path(&self, name: &str) -> PathBuf {
        let inside = self.folder.join(name);
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.pid()));
        root.join(inside.strip_prefix("/").expect("an absolute path"))
    }
}

impl Display for Space<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let users = match nix::unistd::geteuid().is_root() {
            true => "",
            false => "-U --preserve-credentials ",
        };
        write!(to, "nsenter -t {} {users}-m -w", self.keeper.pid())
    }
}

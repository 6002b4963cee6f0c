//! A mount namespace that only one test sees and that exists until the test ends.

use super::{Rig, Running, tools};
use std::fmt::{Display, Formatter, Result};
use std::path::PathBuf;

/// A prefix of command lines: `format!("{namespace} dlog f")`.
pub struct MountNamespace<'a> {
    /// The process that keeps the namespace alive.
    keeper: Running<'a>,
    folder: PathBuf,
}

impl MountNamespace<'_> {
    /// Makes a namespace and runs this shell script in it, or skips the test.
    pub fn new<'a>(rig: &'a Rig, script: &str) -> Option<MountNamespace<'a>> {
        if !tools::can_mount() || !tools::has(&["nsenter"]) {
            return None;
        }
        rig.write("namespace.sh", format!("set -e\n{script}\n: >namespace\nexec sleep 100000\n"));
        let keeper = rig.start(format!("{} sh namespace.sh", tools::unshare_mounts()));
        rig.wait_for("the mount namespace", || {
            assert!(keeper.is_running(), "cannot make a mount namespace: {}", keeper.err());
            rig.has("namespace")
        });
        Some(MountNamespace { keeper, folder: rig.path("") })
    }

    /// Returns the path outside of a file in the namespace. A relative `name` is in the test's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        let inside = self.folder.join(name);
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.pid()));
        root.join(inside.strip_prefix("/").expect("an absolute path"))
    }
}

impl Display for MountNamespace<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let users = match nix::unistd::geteuid().is_root() {
            true => "",
            false => "-U --preserve-credentials ",
        };
        write!(to, "nsenter -t {} {users}-m -w", self.keeper.pid())
    }
}

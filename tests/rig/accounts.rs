//! Users and groups of one test: its own `/etc/passwd` and `/etc/group`, mounted over the real ones.

use super::{Rig, tools};
use std::fmt::{Display, Formatter, Result};

pub const ALICE: u32 = 41001;
pub const BOB: u32 = 41002;
pub const ALICES: u32 = 42001;
pub const BOBS: u32 = 42002;
pub const MEDIA: u32 = 42003;
pub const AUDIO: u32 = 42004;

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
alice:x:41001:42001:Alice,,,:/nowhere:/bin/sh
bob:x:41002:42002::/nowhere:/bin/false
";

const GROUP: &str = "\
root:x:0:
alices:x:42001:
bobs:x:42002:
media:x:42003:bob,alice
audio:x:42004:alice
nobodies:x:42005:alicea,malice
";

/// A prefix of command lines: `format!("{accounts} dmon -n -u alice sleep 1000")`.
pub struct Accounts;

impl Accounts {
    /// Writes the files, or skips the test.
    pub fn new(rig: &Rig) -> Option<Accounts> {
        if !tools::is_root() || !tools::can_mount() {
            return None;
        }
        rig.write("passwd", PASSWD);
        rig.write("group", GROUP);
        Some(Accounts)
    }
}

impl Display for Accounts {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let mounts = "mount --bind passwd /etc/passwd && mount --bind group /etc/group";
        write!(to, "{} sh -c '{mounts} && exec \"$@\"' sh", tools::unshare_mounts())
    }
}

/// Returns the command that runs another one as an ordinary user, or skips the test.
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

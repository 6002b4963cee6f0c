//! A system that OpenRC has booted, as far as its services see it.

use super::mount_namespace::MountNamespace;
use super::{Rig, tools};

/// Makes a mount namespace with OpenRC's programs in place and its state in /run, or skips the test.
pub fn system(rig: &Rig) -> Option<MountNamespace<'_>> {
    if !tools::is_native("start-stop-daemon would find the emulator") {
        return None;
    }
    let openrc = tools::unpacked("sbin/openrc-run")?;
    let peers = openrc.strip_suffix("/sbin/openrc-run").expect("the path of openrc-run");
    let mounts = format!(
        "mount -t overlay overlay -o lowerdir={peers}/lib:/usr/lib /usr/lib
         mount -t overlay overlay -o lowerdir={peers}/sbin:/usr/sbin /usr/sbin
         mount -t tmpfs none /run
         cd /run && mkdir openrc && cd openrc && touch softlevel
         mkdir starting started stopping stopped inactive wasinactive failed hotplugged daemons options \
             exclusive scheduled init.d tmp
         cd {}",
        rig.path("").display()
    );
    MountNamespace::new(rig, &mounts)
}

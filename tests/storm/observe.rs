//! Observes dmon between two actions.

use super::checks::Instance;
use super::journal;
use super::runner::{Dmon, Runner};
use crate::rig::{pace, proc};
use std::time::Duration;

/// How often the test samples dmon.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(20);

impl Runner<'_> {
    /// Samples descriptors and memory until this time; then verifies zombies and pauses.
    pub fn observe_until(&self, dmon: &Dmon, instance: &mut Instance, until: Duration) {
        while let Some(left) = until.checked_sub(dmon.started.elapsed()) {
            pace(left.min(SAMPLE_INTERVAL));
            if !dmon.is_alive() {
                return;
            }
            if self.rig.read("journal").contains(" start ") {
                instance.descriptors.push(proc::descriptors(dmon.pid).len());
                instance.data.push(proc::status(dmon.pid, "VmData"));
            }
        }
        let zombies: Vec<_> =
            proc::children(dmon.pid).into_iter().filter(|c| c.is_zombie()).collect();
        self.rig.wait_for(format!("dmon to reap {zombies:?}"), || {
            let remains =
                |pid| proc::process(pid).is_some_and(|p| p.is_zombie() && p.parent == dmon.pid);
            !dmon.is_alive() || !zombies.iter().any(|zombie| remains(zombie.pid))
        });
        self.verify_pause(dmon);
    }

    /// After a `pause` status line the command is suspended, after `resume` it is not.
    fn verify_pause(&self, dmon: &Dmon) {
        let status = self.rig.read(&dmon.status);
        let Some((cmd, is_paused)) = journal::paused(&status, &self.rig.read("journal")) else {
            return;
        };
        self.rig.wait_for(format!("{cmd} to be paused: {is_paused}"), || match proc::state(cmd) {
            None | Some('Z' | 'X') => true,
            state => (state == Some('T')) == is_paused || self.rig.read(&dmon.status) != status,
        });
    }
}

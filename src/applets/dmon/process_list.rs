//! The processes that dmon looks for: its children, members of a process group, and a single one.
//!
//! `leftovers.rs`, `terminal.rs` and `predecessor.rs` call these functions.

use pure::process_stat::ProcessStat;
use pure::unix::{Errno, Pid};
use sys::{Result, process, procfs, signal};

/// Reports whether /proc is mounted and belongs to dmon's own PID namespace.
#[must_use]
pub fn is_proc_own() -> bool {
    procfs::self_pid() == Pid::new(process::getpid())
}

/// Passes the PID of each child of this process to `take`: from the kernel's list of children, or on kernels without
/// it by a search of all processes.
///
/// # Errors
/// `ENOENT` if /proc is not mounted or belongs to another PID namespace; the errno of open(2), read(2) and
/// getdents64(2).
pub fn for_each_child(take: &mut dyn FnMut(Pid)) -> Result<()> {
    if !is_proc_own() {
        return Err(Errno::NOENT);
    }
    let own = Pid::new(process::getpid());
    procfs::for_each_listed_child(take).or_else(|_| {
        procfs::for_each_process(&mut |pid, stat| {
            if stat.parent == own {
                take(pid);
            }
        })
    })
}

/// Reports whether a process of this group is alive. For kill(2), a zombie that its parent never reaps is a member, too.
/// Without a complete /proc they cannot be distinguished, and zombies count as alive.
#[must_use]
pub fn group_is_alive(group: Pid) -> bool {
    if signal::killpg(group, None) == Err(Errno::SRCH) {
        return false;
    }
    let is_alive = |stat: ProcessStat| stat.group == Some(group) && !stat.is_dead;
    if procfs::stat(group).is_some_and(is_alive) || !is_proc_own() {
        return true;
    }
    let only_zombies = || {
        // Process 1 belongs to another user for most: if it is visible, no process is hidden (hidepid).
        let (mut is_complete, mut any_dead, mut any_alive) = (false, false, false);
        let listed = procfs::for_each_process(&mut |pid, stat| {
            is_complete |= pid.number() == 1;
            any_dead |= stat.group == Some(group) && stat.is_dead;
            any_alive |= is_alive(stat);
        });
        listed.is_ok() & is_complete & any_dead & !any_alive
    };
    // A search may miss a new process if its parent exits meanwhile.
    !(only_zombies() && only_zombies())
}

/// The state of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has exited.
    Dead,
    /// It waits for an event, so it did not receive SIGKILL.
    Asleep,
    /// It runs, or its state is not visible.
    Running,
}

/// Returns the state of a process.
#[must_use]
pub fn state(pid: Pid) -> State {
    match procfs::stat(pid) {
        Some(stat) if stat.is_dead => State::Dead,
        Some(stat) if stat.is_asleep => State::Asleep,
        // Where processes are hidden (hidepid), kill(2) shows that it exists.
        None if signal::kill(pid, None) == Err(Errno::SRCH) => State::Dead,
        Some(_) | None => State::Running,
    }
}

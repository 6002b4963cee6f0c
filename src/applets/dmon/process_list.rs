//! The processes that dmon looks for: its children, and members of a session whose leader is dead.
//!
//! `leftovers.rs` and `pidfile.rs` call these functions.

use pure::unix::{Errno, Pid};
use sys::{Result, process, procfs};

/// Passes the PID of each child of this process to `take`: from the kernel's list of children, or on kernels without
/// it by a search of all processes.
///
/// # Errors
/// `ENOENT` if /proc is not mounted or belongs to another PID namespace; the errno of open(2), read(2) and
/// getdents64(2).
pub fn for_each_child(take: &mut dyn FnMut(Pid)) -> Result<()> {
    let own = Pid::new(process::getpid());
    if procfs::self_pid() != own {
        return Err(Errno::NOENT);
    }
    procfs::for_each_listed_child(take).or_else(|_| {
        procfs::for_each_process(&mut |pid, stat| {
            if stat.parent == own {
                take(pid);
            }
        })
    })
}

/// Reports whether `leader` is dead and a process of its session is alive; false without /proc.
///
/// While the session has members, the kernel gives its number to no new process.
#[must_use]
pub fn session_outlives(leader: Pid) -> bool {
    let (mut member_alive, mut leader_alive) = (false, false);
    let _ = procfs::for_each_process(&mut |pid, stat| {
        let alive = stat.session == Some(leader) && !stat.is_dead;
        member_alive |= alive;
        leader_alive |= alive & (pid == leader);
    });
    member_alive & !leader_alive
}

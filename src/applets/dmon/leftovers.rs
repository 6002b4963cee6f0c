//! Finds and stops the leftover processes of a run.
//!
//! The supervisor calls it for each [`Sweep`] of the machine.
//!
//! dmon is a subreaper: orphans among its descendants become its children. So every leftover process is our own child,
//! and its PID cannot be reused before we reap it. We signal a whole process group only if one of our children leads
//! it. A process that joined a foreign group is signalled on its own.

use super::process_list;
use heapless::Vec;
use pure::supervise::machine::{Role, Sweep, SweepMode};
use pure::unix::{Errno, Pid, Signal};
use sys::process::{self, Reaped};
use sys::signal;

/// Number of targets that are remembered as signalled. Further targets receive the stop signal once the others have
/// exited, or SIGKILL.
const MAX_SIGNALLED: usize = 32;

/// The state of all sweeps.
pub struct Leftovers {
    /// Orphans among dmon's descendants become its children.
    adopts_orphans: bool,
    /// The targets that received the stop signal, for the command and the logger: process groups by their leader, other
    /// processes by their PID. Each receives it once, because to many programs a second one means "exit at once".
    signalled: [Vec<Pid, MAX_SIGNALLED>; 2],
    stop_signal: Signal,
}

impl Leftovers {
    /// Becomes a subreaper, unless dmon already has children. A shell with jobs may have executed dmon, and its
    /// children could not be distinguished from ours.
    #[must_use]
    pub fn new(stop_signal: Signal) -> Self {
        let childless = loop {
            match process::reap() {
                Reaped::Died(..) | Reaped::Stopped(_) => {}
                Reaped::NotYet => break false,
                Reaped::NoChildren => break true,
            }
        };
        // Process 1 adopts orphans on every kernel.
        let adopts = || process::become_subreaper().is_ok() || process::getpid() == 1;
        Self {
            adopts_orphans: childless && adopts(),
            signalled: [Vec::new(), Vec::new()],
            stop_signal,
        }
    }

    /// Performs `sweep`; returns whether it found any process. `log_group` is the process group of a logger that is
    /// still running. `no_children`: the last waitpid(2) reported that there are none.
    pub fn sweep(&mut self, sweep: Sweep, log_group: Option<Pid>, no_children: bool) -> bool {
        let found = match self.adopts_orphans {
            true if no_children => false,
            true => self.sweep_children(sweep, log_group),
            false => self.sweep_group(sweep),
        };
        if !found {
            self.signalled(sweep.role).clear();
        }
        found
    }

    fn sweep_children(&mut self, sweep: Sweep, log_group: Option<Pid>) -> bool {
        let mut found = false;
        let listed = process_list::for_each_child(&mut |child| {
            let Some(group) = process::getpgid(child) else {
                return;
            };
            let belongs = match sweep.role {
                // All children except the logger, which may have joined another process group.
                Role::Cmd => Some(group) != log_group && Some(child) != log_group,
                Role::Log => sweep.all_children || group == sweep.group,
            };
            if belongs {
                found = true;
                let whole_group = group == sweep.group || group == child;
                self.signal_target(sweep, if whole_group { group } else { child }, whole_group);
            }
        });
        match listed {
            Ok(()) => found,
            // Too many open files in the system, or no memory: the next sweep looks again.
            Err(Errno::NFILE | Errno::NOMEM) => true,
            // /proc is missing or belongs to another PID namespace.
            Err(_) => self.sweep_group(sweep),
        }
    }

    /// Fallback if children cannot be listed, or if dmon does not adopt orphans (before Linux 3.4): signals the process
    /// group. Its number could be reused between the last exit and this call; such a kernel offers nothing better.
    fn sweep_group(&mut self, sweep: Sweep) -> bool {
        let found = process_list::group_is_alive(sweep.group);
        if found {
            self.signal_target(sweep, sweep.group, true);
        }
        found
    }

    /// Sends the signals of `sweep` to a process group or to one process.
    fn signal_target(&mut self, sweep: Sweep, target: Pid, whole_group: bool) {
        let send = |signal| match whole_group {
            true => signal::killpg(target, Some(signal)),
            false => signal::kill(target, Some(signal)),
        };
        let signalled_in_run = sweep.signalled && target == sweep.group;
        match sweep.mode {
            SweepMode::Check => {}
            SweepMode::Kill => drop(send(Signal::KILL)),
            SweepMode::Stop if signalled_in_run => {}
            SweepMode::Stop if self.signalled(sweep.role).contains(&target) => {}
            SweepMode::Stop if self.signalled(sweep.role).push(target).is_err() => {}
            SweepMode::Stop => {
                let _ = send(self.stop_signal);
                let _ = send(Signal::CONT);
            }
        }
    }

    const fn signalled(&mut self, role: Role) -> &mut Vec<Pid, MAX_SIGNALLED> {
        let [cmd, log] = &mut self.signalled;
        match role {
            Role::Cmd => cmd,
            Role::Log => log,
        }
    }
}

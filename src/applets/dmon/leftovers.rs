//! Finds and stops the leftover processes of a run.
//!
//! The supervisor calls it for each [`Sweep`] of the machine.
//!
//! dmon is a subreaper: orphans among its descendants become its children. So every leftover process is our own child,
//! and its PID cannot be reused before we reap it. We signal a whole process group only if one of our children leads
//! it. A process that joined a foreign group is signalled on its own.

use super::process_list;
use pure::pid_set::PidSet;
use pure::supervise::machine::{Role, Sweep, SweepMode};
use pure::unix::{Errno, Pid, Signal};
use sys::process::{self, Reaped};
use sys::{Result, signal};

/// The state of all sweeps.
pub struct Leftovers<'a> {
    /// The targets that received the stop signal: process groups by their leader, other processes by their PID. Each
    /// receives it once, because to many programs a second one means "exit at once". A number stays in use while the
    /// group has members, also if its leader is dead.
    signalled: PidSet<'a>,
    /// Orphans among dmon's descendants become its children.
    adopts_orphans: bool,
    /// The process group of a logger's run that received the stop signal. Such a run may end while the command's leftover
    /// processes are in `signalled`.
    log_signalled: Option<Pid>,
    stop_signal: Signal,
}

impl<'a> Leftovers<'a> {
    /// Becomes a subreaper, unless dmon already has children. A shell with jobs may have executed dmon, and its
    /// children could not be distinguished from ours.
    #[must_use]
    pub fn new(stop_signal: Signal, signalled: PidSet<'a>) -> Self {
        let childless = loop {
            match process::reap() {
                Reaped::Died(..) | Reaped::Stopped(..) => {}
                Reaped::NotYet => break false,
                Reaped::NoChildren => break true,
            }
        };
        // Process 1 adopts orphans on every kernel.
        let adopts = || process::become_subreaper().is_ok() || process::getpid() == 1;
        let adopts_orphans = childless && adopts();
        Self { signalled, adopts_orphans, log_signalled: None, stop_signal }
    }

    /// Performs `sweep`. `log_group` is the process group of a logger that is still running. `no_children`: the last
    /// waitpid(2) reported that there are none.
    pub fn sweep(&mut self, sweep: Sweep, log_group: Option<Pid>, no_children: bool) -> Found {
        let mut found = match self.adopts_orphans {
            true if no_children => Found::default(),
            true => self.sweep_children(sweep, log_group),
            false => self.sweep_group(sweep),
        };
        match sweep.mode {
            SweepMode::Check => found.denied = None,
            SweepMode::Resume => found = Found::default(),
            SweepMode::Stop | SweepMode::Kill => {}
        }
        // Before the drain, a sweep for the logger's processes sees only one group.
        if !found.any && (sweep.role == Role::Cmd || sweep.all_children) {
            self.signalled.clear();
        }
        found
    }

    fn sweep_children(&mut self, sweep: Sweep, log_group: Option<Pid>) -> Found {
        let mut found = Found::default();
        let listed = process_list::for_each_child(&mut |child| {
            let Some(group) = process::getpgid(child) else {
                return;
            };
            let belongs = match sweep.role {
                // All children except the logger, which may have joined another process group.
                Role::Cmd if sweep.mode != SweepMode::Resume => {
                    Some(group) != log_group && Some(child) != log_group
                }
                _ => sweep.all_children || group == sweep.group,
            };
            if belongs {
                let whole_group =
                    group == sweep.group || group == child || self.signalled.contains(group);
                self.signal_target(sweep, if whole_group { group } else { child }, whole_group);
                found.add(child, signal::kill(child, None));
            }
        });
        match listed {
            Ok(()) => {}
            // Too many open files in the system, or no memory: the next sweep looks again.
            Err(Errno::NFILE | Errno::NOMEM) => found.any = true,
            // /proc is missing or belongs to another PID namespace.
            Err(_) => return self.sweep_group(sweep),
        }
        found
    }

    /// Fallback if children cannot be listed, or if dmon does not adopt orphans (before Linux 3.4): signals the process
    /// group. Its number could be reused between the last exit and this call; such a kernel offers nothing better.
    fn sweep_group(&mut self, sweep: Sweep) -> Found {
        let mut found = Found::default();
        if process_list::group_is_alive(sweep.group) {
            self.signal_target(sweep, sweep.group, true);
            found.add(sweep.group, signal::killpg(sweep.group, None));
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
            SweepMode::Resume => drop(send(Signal::CONT)),
            SweepMode::Kill => drop(send(Signal::KILL)),
            SweepMode::Stop if signalled_in_run || !self.is_first(sweep, target) => {}
            SweepMode::Stop => {
                let _ = send(self.stop_signal);
                let _ = send(Signal::CONT);
            }
        }
    }

    /// Reports whether `target` was not signalled before, and remembers it.
    fn is_first(&mut self, sweep: Sweep, target: Pid) -> bool {
        match sweep.role {
            Role::Log if target == sweep.group => {
                self.log_signalled.replace(target) != Some(target)
            }
            _ => self.signalled.insert(target),
        }
    }

    /// Forgets a child that was reaped: its PID may be reused, unless its process group has other members.
    pub fn forget(&mut self, reaped: Pid) {
        if self.signalled.contains(reaped) && signal::killpg(reaped, None) == Err(Errno::SRCH) {
            self.signalled.remove(reaped);
        }
    }
}

/// The processes that a sweep has found.
#[derive(Default)]
pub struct Found {
    pub any: bool,
    /// One of them that dmon has no permission to signal.
    pub denied: Option<Pid>,
}

impl Found {
    /// Adds a process; `permitted` is the answer to signal 0.
    fn add(&mut self, process: Pid, permitted: Result<()>) {
        self.any = true;
        if permitted == Err(Errno::PERM) {
            self.denied = Some(process);
        }
    }
}

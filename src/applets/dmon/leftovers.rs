//! What a run leaves behind: children of a dead command, now adopted by us, found and ended.
//!
//! The kernel gives us every orphan below us (`process::adopt_orphans`), so what is left is among our
//! own children and cannot be taken for a stranger's process: its number is not free until we reap it.
//! A group is met as a whole only if a child of ours leads it; what has joined a group of somebody else
//! is met alone.

use super::process_list;
use heapless::Vec;
use pure::supervise::machine::{Role, Sweep, SweepMode};
use pure::unix::{Errno, Pid, Signal};
use sys::{process, signal};

/// SweepMode many are remembered as told to stop. More than that are told once others have gone, or killed.
const MAX_SIGNALLED: usize = 32;

pub struct Leftovers {
    /// The kernel makes us the parent of orphans.
    adopting: bool,
    /// What the command and the logger have left and has had the stop signal, once: groups by their
    /// leader, others by their own number. To many programs a second one means "at once".
    told: [Vec<Pid, MAX_SIGNALLED>; 2],
    stop: Signal,
}

impl Leftovers {
    /// Decides whether we take in orphans: not when we were started with children already, as by
    /// `exec` from a shell with jobs, because theirs could not be told from ours.
    #[must_use]
    pub fn new(stop: Signal) -> Self {
        let alone = loop {
            match process::reap() {
                process::Reaped::Died(..) | process::Reaped::Stopped(_) => {}
                process::Reaped::NotYet => break false,
                process::Reaped::NoChildren => break true,
            }
        };
        let adopting = alone && process::become_subreaper().is_ok();
        Self { adopting, told: [Vec::new(), Vec::new()], stop }
    }

    /// Does what `sweep` says; says whether anything is left. `log` leads the logger's group while it
    /// runs. `childless`: `waitpid` has just said that there is nobody at all.
    pub fn sweep(&mut self, sweep: Sweep, log: Option<Pid>, no_children: bool) -> bool {
        let left = match self.adopting {
            true if no_children => false,
            true => self.sweep_children(sweep, log),
            false => self.sweep_group(sweep),
        };
        if !left {
            self.told(sweep.role).clear();
        }
        left
    }

    fn sweep_children(&mut self, sweep: Sweep, log: Option<Pid>) -> bool {
        let mut left = false;
        let listed = process_list::for_each_child(&mut |child| {
            // No group: it is gone already.
            let Some(group) = process::getpgid(child) else {
                return;
            };
            let is_sought = match sweep.role {
                Role::Cmd => Some(group) != log && Some(child) != log,
                Role::Log => sweep.all || group == sweep.group,
            };
            if is_sought {
                left = true;
                let whole = group == sweep.group || group == child;
                self.signal_target(sweep, if whole { group } else { child }, whole);
            }
        });
        match listed {
            Ok(()) => left,
            // Too many open files, perhaps: we do not know, so we look again.
            Err(Errno::NFILE | Errno::NOMEM) => true,
            // It is not there, or not for us, and will not be.
            Err(_) => self.sweep_group(sweep),
        }
    }

    /// Without a list of children, or without being their parent: whoever is in the group. Between the
    /// death of its last member and our look its number might be given to a stranger; nothing better
    /// can be had from a kernel without /proc or before Linux 3.4.
    fn sweep_group(&mut self, sweep: Sweep) -> bool {
        let left = signal::killpg(sweep.group, None) != Err(Errno::SRCH);
        if left {
            self.signal_target(sweep, sweep.group, true);
        }
        left
    }

    fn signal_target(&mut self, sweep: Sweep, target: Pid, whole: bool) {
        let send = |signal| match whole {
            true => signal::killpg(target, Some(signal)),
            false => signal::kill(target, Some(signal)),
        };
        let told = sweep.signalled && target == sweep.group;
        match sweep.how {
            SweepMode::Check => {}
            SweepMode::Kill => drop(send(Signal::KILL)),
            SweepMode::Stop if told || self.told(sweep.role).contains(&target) => {}
            SweepMode::Stop if self.told(sweep.role).push(target).is_err() => {}
            SweepMode::Stop => {
                let _ = send(self.stop);
                let _ = send(Signal::CONT);
            }
        }
    }

    const fn told(&mut self, role: Role) -> &mut Vec<Pid, MAX_SIGNALLED> {
        let [cmd, log] = &mut self.told;
        match role {
            Role::Cmd => cmd,
            Role::Log => log,
        }
    }
}

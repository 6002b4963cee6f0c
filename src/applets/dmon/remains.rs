//! What a run leaves behind: children of a dead command, now adopted by us, found and ended.
//!
//! The kernel gives us every orphan below us (`process::adopt_orphans`), so what is left is among our
//! own children and cannot be taken for a stranger's process: its number is not free until we reap it.

use super::machine::Who;
use crate::pure::unix::{Pid, Signal};
use crate::sys::{process, signal};
use heapless::Vec;

/// How many groups are remembered as told. When there are more, some are told twice.
const MOST_TOLD: usize = 16;

pub struct Remains {
    /// The kernel makes us the parent of orphans.
    adopting: bool,
    /// Groups that have had the stop signal since the last run.
    told: Vec<Pid, MOST_TOLD>,
    stop: Signal,
}

impl Remains {
    /// Decides whether we take in orphans: not when we were started with children already, as by
    /// `exec` from a shell with jobs, because theirs could not be told from ours.
    #[must_use]
    pub fn new(stop: Signal) -> Self {
        let alone = loop {
            match process::reap() {
                process::Reaped::Died(..) => {}
                process::Reaped::NotYet => break false,
                process::Reaped::NoChildren => break true,
            }
        };
        Self { adopting: alone && process::adopt_orphans().is_ok(), told: Vec::new(), stop }
    }

    /// Sends the stop signal, or KILL, to what the run of `group` has left; says whether there was
    /// anything. `log` leads the other child's group, which is left alone. `told`: the group has had
    /// its stop signal. `childless`: `waitpid` has just said that there is nobody at all.
    pub fn sweep(
        &mut self,
        who: Who,
        group: Pid,
        log: Option<Pid>,
        told: bool,
        kill: bool,
        childless: bool,
    ) -> bool {
        if told {
            self.remember(group);
        }
        let left = match self.adopting {
            true => !childless && self.sweep_children(who, group, log, kill),
            false => self.sweep_group(group, kill),
        };
        if !left {
            self.told.clear();
        }
        left
    }

    fn sweep_children(&mut self, who: Who, group: Pid, log: Option<Pid>, kill: bool) -> bool {
        let ours = process::group(None);
        let mut left = false;
        let listed = process::for_each_child(&mut |child| {
            let theirs = process::group(Some(child));
            let is_logs = theirs.is_some() && theirs == log;
            let is_sought = match who {
                Who::Cmd => !is_logs,
                Who::Log => theirs == Some(group),
            };
            if is_sought {
                left = true;
                match theirs {
                    Some(theirs) if Some(theirs) != ours => self.end_group(theirs, kill),
                    // It has joined our own group; so it must be met alone.
                    _ => {
                        let _ =
                            signal::send(child, Some(if kill { Signal::KILL } else { self.stop }));
                    }
                }
            }
        });
        left || (listed.is_err() && self.sweep_group(group, kill))
    }

    /// Without a list of children, or without being their parent: whoever is in the group.
    fn sweep_group(&mut self, group: Pid, kill: bool) -> bool {
        let left = signal::send_group(group, None).is_ok();
        if left {
            self.end_group(group, kill);
        }
        left
    }

    fn end_group(&mut self, group: Pid, kill: bool) {
        if kill {
            let _ = signal::send_group(group, Some(Signal::KILL));
        } else if !self.told.contains(&group) {
            self.remember(group);
            stop_group(group, self.stop);
        }
    }

    fn remember(&mut self, group: Pid) {
        if !self.told.contains(&group) {
            let _ = self.told.push(group);
        }
    }
}

/// Stop signal, and CONT for those that are paused. A group that is gone needs neither.
pub fn stop_group(group: Pid, stop: Signal) {
    let _ = signal::send_group(group, Some(stop));
    let _ = signal::send_group(group, Some(Signal::CONT));
}

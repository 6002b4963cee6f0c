//! Injects signals, loads and full disks, and waits for forwarded signals to arrive.

use super::journal;
use super::plan::{Action, Logger, Plan, Target};
use super::runner::{Dmon, Runner};
use crate::rig::disk::Disk;
use crate::rig::{command_line, pace, proc, signal};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// If the command exits within this time after a signal to dmon, its exit may have preceded the signal. This is more
/// than any delay on a busy machine.
const SIGNAL_DELAY: Duration = Duration::from_secs(2);

impl Runner<'_> {
    /// Carries out an action. Signals to processes that do not exist are omitted.
    pub fn inject(&self, dmon: &Dmon, action: Action) {
        match action {
            Action::Signal(target, which) => {
                let Some(pid) = self.find(dmon, target) else { return };
                let status_before = self.rig.read(&dmon.status);
                self.send(target, pid, which);
                if target == Target::Dmon {
                    self.wait_forwarded(dmon, which, &status_before);
                }
            }
            Action::Suspend(target, time) => {
                let Some(pid) = self.find(dmon, target) else { return };
                self.send(target, pid, Signal::SIGSTOP);
                pace(time);
                if self.find(dmon, target) == Some(pid) {
                    self.send(target, pid, Signal::SIGCONT);
                }
            }
            Action::SetLoad(load) => {
                self.note(&format!("load {load}"));
                self.load.iter().for_each(|file| file.set(load));
            }
            Action::FillDisk => {
                self.note("full");
                self.disk.iter().for_each(Disk::fill);
                self.disk_is_full.set(true);
            }
            Action::EmptyDisk => {
                if self.disk_is_full.take() {
                    self.disk.iter().for_each(Disk::free);
                }
                self.note("empty");
            }
        }
    }

    /// Notes a signal in the journal and sends it.
    fn send(&self, target: Target, pid: i32, which: Signal) {
        self.note(&format!("send {target:?} {pid} {}", which as i32));
        signal(pid, which);
    }

    /// The PID of a target, if it runs.
    fn find(&self, dmon: &Dmon, target: Target) -> Option<i32> {
        let command = match (target, self.plan.logger) {
            (Target::Dmon, _) => return Some(dmon.pid),
            (Target::Cmd, _) => format!("{} run", self.plan.chaos_child),
            (Target::Log, Logger::None) => return None,
            (Target::Log, Logger::Dlog) => "dlog ".into(),
            (Target::Log, Logger::Drlog) => "drlog ".into(),
            (Target::Log, Logger::Dsyslog) => "dsyslog ".into(),
            (Target::Log, Logger::Cat) => "cat".into(),
        };
        let is_target = |child: &proc::Process| {
            !child.is_zombie() && command_line(child.pid).starts_with(&command)
        };
        proc::children(dmon.pid).into_iter().find(is_target).map(|child| child.pid)
    }

    /// If dmon should forward this signal, waits until the command has received it.
    ///
    /// The signal may not arrive if the command exits at the same time.
    fn wait_forwarded(&self, dmon: &Dmon, which: Signal, status_before: &str) {
        let has_effect = self.plan.on_signal
            && [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGALRM].contains(&which);
        let is_expected = self.plan.status_lines
            && self.plan.forward_cmd
            && Plan::is_forwarded(which)
            && !has_effect;
        let target = journal::forward_target(status_before, which).filter(|_| is_expected);
        let Some(cmd) = target else { return };
        let (number, sent) = (which as i32, Instant::now());
        self.rig.wait_for(format!("{cmd} to receive signal {number}"), || {
            let status = self.rig.read(&dmon.status);
            let new = status.get(status_before.len()..).unwrap_or_default();
            if new.contains(&format!("cmd signal {cmd} {number}\n")) {
                let cannot_receive = matches!(proc::state(cmd), None | Some('Z' | 'X' | 'T'));
                let received = format!(" receive {cmd} {number} {}\n", dmon.pid);
                return cannot_receive || self.rig.read("journal").contains(&received);
            }
            let has = |event| new.contains(&format!("cmd {event} {cmd}"));
            let is_ending = ["exit", "stop", "timeout", "kill"].into_iter().any(has);
            let is_over = is_ending || !dmon.is_alive();
            let is_late = sent.elapsed() >= SIGNAL_DELAY;
            assert!(!(is_over && is_late), "{cmd} never received signal {number}");
            is_over
        });
    }
}

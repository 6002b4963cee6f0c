//! The processes that a killed dmon left behind: the next dmon with its PID file stops them before it starts the command
//! again.
//!
//! `pidfile.rs` calls it with the PID in the file. A dmon with a PID file leads a session, if it can. While the session
//! has members, the kernel gives its number to no new process. But the file may be older than the last boot, and
//! another program may have used the PID since. So only a process that also carries the mark of the killed dmon is
//! signalled. The killed dmon's logger carries none: it exits when it has read all.

use super::config::Config;
use super::mark::{self, Mark};
use super::process_list::{self, State};
use super::spawn::Job;
use crate::applets::diag;
use pure::pid_set::PidSet;
use pure::process_stat::ProcessStat;
use pure::supervise::kill_mode::KillMode;
use pure::supervise::policy::DEFAULT_KILL_AFTER;
use pure::time::Duration;
use pure::unix::{Pid, Signal};
use sys::{clock, poll, process, procfs, signal};

/// Time for a process that received SIGKILL to exit. Chosen: a hundred times what it takes on an idle machine.
const MAX_EXIT_TIME: Duration = Duration::from_millis(100);

/// Time for the processes to exit before dmon signals and reports them. Chosen: most services stop within it.
const GRACE: Duration = Duration::from_millis(250);

/// Polling interval while a process exits.
pub const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Polling interval after that. Each look reads all of /proc.
const LONG_POLL_INTERVAL: Duration = Duration::from_millis(50);

const STOPPING: &str = "stopping a process of the killed dmon: ";
const WAITING: &str = "waiting for a process in the session of the killed dmon: ";

/// What to do with each process of the session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Find all.
    Find,
    /// Find all, send the stop signal to new marked ones, and report the new ones.
    Stop,
    /// Find marked ones.
    FindMarked,
    /// Find marked ones and send SIGKILL.
    Kill,
}

/// Waits while `pid` is exiting, for a short time. Returns whether it is dead.
fn wait_for_exit(pid: Pid) -> bool {
    let deadline = clock::after(MAX_EXIT_TIME);
    loop {
        match process_list::state(pid) {
            State::Dead => return true,
            State::Running if clock::now() < deadline => poll::sleep(POLL_INTERVAL),
            State::Asleep | State::Running => return false,
        }
    }
}

/// A killed dmon whose processes may still run.
pub struct Predecessor<'a> {
    pid: Pid,
    mark: Mark,
    stop_signal: Signal,
    /// The command starts with dmon's own users.
    keeps_user: bool,
    /// The processes that received the stop signal. It is empty before and after.
    signalled: &'a mut PidSet<'static>,
}

impl<'a> Predecessor<'a> {
    /// Describes the dmon `pid`, whose options were the same.
    #[must_use]
    pub fn new(pid: Pid, config: &Config, job: &Job, signalled: &'a mut PidSet<'static>) -> Self {
        let keeps_user = job.credentials.as_ref().is_none_or(|ids| ids.uid.is_none());
        // Nothing has the mark of a dmon with PID 0.
        let leaves_alone = config.policy.kill_mode == KillMode::Process;
        let mark = mark::of(if leaves_alone { 0 } else { pid.number() });
        Self { pid, mark, stop_signal: config.stop_signal, keeps_user, signalled }
    }

    /// Stops the marked processes and waits until they are gone. Waits for other processes of the session for at most
    /// `kill_after`. Does nothing if the PID is in use again.
    pub fn stop(&mut self, kill_after: Option<Duration>) {
        if !process_list::is_proc_own() || !wait_for_exit(self.pid) {
            return;
        }
        let limit = kill_after.unwrap_or(DEFAULT_KILL_AFTER);
        let is_gone =
            self.is_gone_within(GRACE, Step::Find) || self.is_gone_within(limit, Step::Stop);
        let step = if kill_after.is_some() { Step::Kill } else { Step::FindMarked };
        while !is_gone && self.search(step) {
            poll::sleep(LONG_POLL_INTERVAL);
        }
        // The numbers of the dead may be in use again.
        self.signalled.clear();
    }

    /// Repeats `step` until it finds no process, at most for `limit`. Returns whether it found none.
    fn is_gone_within(&mut self, limit: Duration, step: Step) -> bool {
        let deadline = clock::after(limit);
        loop {
            let found = self.search(step);
            if !found || clock::now() >= deadline {
                return !found;
            }
            poll::sleep(if step == Step::Find { POLL_INTERVAL } else { LONG_POLL_INTERVAL });
        }
    }

    /// Performs `step` for each living process of the session, except dmon itself. Returns whether it found any.
    fn search(&mut self, step: Step) -> bool {
        let own = process::getpid();
        let mut found = false;
        let _ = procfs::for_each_process(&mut |pid, stat| {
            if stat.session == Some(self.pid) && !stat.is_dead && pid.number() != own {
                found |= self.perform(step, pid, stat);
            }
        });
        found
    }

    /// Performs `step` for one process. Returns whether it counts as found.
    fn perform(&mut self, step: Step, pid: Pid, stat: ProcessStat) -> bool {
        let is_new = step == Step::Stop && self.signalled.insert(pid);
        if !is_new && matches!(step, Step::Find | Step::Stop) {
            return true;
        }
        let is_marked = procfs::has_variable(pid, self.mark.bytes());
        let is_top = is_new && self.is_top(stat);
        // One that is not marked may be a child of one that is.
        let is_marked_child = |parent| procfs::has_variable(parent, self.mark.bytes());
        if is_top || is_new && !is_marked && stat.parent.is_some_and(is_marked_child) {
            let message = if is_marked { STOPPING } else { WAITING };
            diag::count(message, pid.number().cast_unsigned().into());
        }
        let send = |signal| {
            let _ = signal::kill(pid, Some(signal));
        };
        if is_marked && is_new {
            if !is_top || !self.is_command(pid, stat) {
                send(self.stop_signal);
            }
            send(Signal::CONT);
        } else if is_marked && step == Step::Kill {
            send(Signal::KILL);
        }
        is_new || is_marked
    }

    /// Reports whether the parent of a process is outside of the session. The descendants of such a process are not
    /// reported.
    fn is_top(&self, stat: ProcessStat) -> bool {
        let parent = stat.parent.and_then(procfs::stat);
        parent.is_none_or(|parent| parent.session != Some(self.pid))
    }

    /// Reports whether a marked process at the top is the command, to which the kernel has sent the stop signal. To many
    /// programs a second one means "exit at once". The command leads its process group. A command that has changed
    /// its user received no signal (prctl(2), `PR_SET_PDEATHSIG`). With `-u` it has no right to change it.
    fn is_command(&self, pid: Pid, stat: ProcessStat) -> bool {
        let own = Pid::new(process::getpid());
        stat.group == Some(pid)
            && (!self.keeps_user || own.is_some_and(|own| procfs::have_same_users(pid, own)))
    }
}

//! The terminal that dmon was started in: which process group is its foreground job.
//!
//! The supervisor calls it. The log command never is. If standard input and output are both the terminal, the running
//! command is the foreground job. Otherwise dmon's own process group is, which contains the rest of a pipeline, and the
//! terminal is lent to a command that needs it.

use super::process_list;
use crate::applets::wait::wait;
use core::ffi::c_int;
use pure::supervise::machine::Role;
use pure::time::Duration;
use pure::unix::{Pid, Signal};
use sys::fd::{STDIN, STDOUT};
use sys::signal::SignalSet;
use sys::terminal::{self, Modes};
use sys::{poll, process, signal};

/// The controlling terminal.
pub struct Terminal {
    fd: c_int,
    /// `None` if it is outside of dmon's PID namespace (`unshare -pf dmon`), until the first command asks.
    own_group: Option<Pid>,
    /// The command is the foreground job from its start. Otherwise it has to ask.
    is_interactive: bool,
    /// The modes at the moment when the terminal was lent. None unless it is lent: those of the background are the modes
    /// of the shell's line editor.
    modes: Modes,
    /// The command's modes while it is paused or suspended.
    cmd_modes: Modes,
}

impl Terminal {
    /// Returns dmon's controlling terminal.
    #[must_use]
    pub fn find() -> Option<Self> {
        let fd = terminal::open()?;
        terminal::foreground(fd).ok()?;
        let is_terminal = |fd| terminal::foreground(fd).is_ok();
        let own_group = process::getpgrp();
        let is_interactive = own_group.is_some() && is_terminal(STDIN) && is_terminal(STDOUT);
        let (modes, cmd_modes) = (Modes::none(), Modes::none());
        Some(Self { fd, own_group, is_interactive, modes, cmd_modes })
    }

    /// Returns the terminal's descriptor for the start of a child. The command gets it only if it is to make itself the
    /// foreground job.
    pub fn for_start_of(&mut self, role: Role) -> Option<c_int> {
        if role == Role::Cmd {
            if !self.is_interactive || !self.is_foreground() {
                return None;
            }
            self.modes.save(self.fd);
        }
        Some(self.fd)
    }

    /// Makes the command the foreground job, if dmon is. Returns whether it is now.
    pub fn lend(&mut self, group: Pid) -> bool {
        if !self.is_foreground() {
            return terminal::foreground(self.fd) == Ok(Some(group));
        }
        if self.own_group.is_none() {
            // dmon could not take the terminal back for a group that it cannot name.
            let _ = process::setpgid_self();
            self.own_group = process::getpgrp();
        }
        self.modes.save(self.fd);
        self.cmd_modes.restore(self.fd);
        terminal::set_foreground(self.fd, group).is_ok()
    }

    /// Makes a command that continues the foreground job, unless it has to ask.
    pub fn lend_again(&mut self, group: Pid) {
        if self.is_interactive {
            self.lend(group);
        }
    }

    /// Makes dmon the foreground job if the command is, which continues later. Returns whether dmon is now.
    pub fn take_back(&mut self, group: Option<Pid>) -> bool {
        if group.is_some() && terminal::foreground(self.fd) == Ok(group) {
            self.cmd_modes.save(self.fd);
            self.take();
        }
        self.is_foreground()
    }

    /// Makes dmon the foreground job after a run, if the command was. If it had lent the terminal to a job that no
    /// longer exists, dmon also becomes the foreground job. Returns whether the command was.
    pub fn end_run(&mut self, group: Pid) -> bool {
        self.cmd_modes.forget();
        if !self.modes.are_saved() {
            return false;
        }
        let foreground = terminal::foreground(self.fd).ok().flatten();
        let is_gone = |group| !process_list::group_is_alive(group);
        if foreground == Some(group) || foreground.is_some_and(is_gone) {
            self.take();
        }
        foreground == Some(group)
    }

    /// Makes dmon the foreground job, also after a start that failed.
    pub fn take(&mut self) {
        self.modes.restore(self.fd);
        let _ = self.own_group.map(|group| terminal::set_foreground(self.fd, group));
    }

    /// Suspends dmon, or its process group by this signal. Returns when a shell resumes the job, in the foreground or in
    /// the background.
    pub fn suspend(&mut self, cmd: Option<Pid>, group_signal: Option<Signal>) {
        self.take_back(cmd);
        signal::stop(group_signal);
        // In an orphaned process group such a signal has no effect and the command would retry at once: wait up to a
        // second, or until SIGCONT, so that this does not spin.
        if !self.is_foreground() {
            signal::wait_one_second();
        }
        if let Some(group) = cmd {
            self.lend_again(group);
        }
    }

    /// Resumes the rest of dmon's process group, if a process was stopped because it used the terminal when the command was
    /// the foreground job. dmon exits now, so it would not learn of that signal. `mask` lets it arrive.
    pub fn resume_group(mask: &SignalSet) {
        let _ = wait(mask, poll::NONE, poll::NONE, Some(Duration::ZERO));
        if signal::take(Signal::TTIN) || signal::take(Signal::TTOU) {
            let _ = signal::killpg_self(Signal::CONT);
        }
    }

    /// Reports whether dmon's own process group is the foreground job.
    pub fn is_foreground(&self) -> bool {
        let has_it = terminal::foreground(self.fd) == Ok(self.own_group);
        has_it && (self.own_group.is_some() || terminal::may_read(self.fd))
    }
}

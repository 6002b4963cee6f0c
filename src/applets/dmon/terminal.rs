//! The terminal that dmon was started in: the running command is its foreground job.
//!
//! The supervisor calls it. Ctrl-C and Ctrl-Z reach the command and never the logger. Between runs and during a pause
//! dmon's own process group is the foreground job, so that Ctrl-C stops dmon.

use super::process_list;
use pure::unix::{Pid, Signal};
use sys::terminal::{self, Modes};
use sys::{process, signal};

/// The terminal on standard input.
pub struct Terminal {
    own_group: Pid,
    /// The modes when dmon last entered the foreground. None if it has not, or has left it: those of the background are
    /// the modes of the shell's line editor.
    modes: Modes,
    /// A run has the terminal: the command, or a job of a shell that is the command.
    lent: bool,
    /// The command's modes while it is paused or suspended.
    cmd_modes: Modes,
}

impl Terminal {
    /// Returns dmon's controlling terminal if it is on standard input.
    #[must_use]
    pub fn find() -> Option<Self> {
        terminal::foreground()?;
        let own_group = process::getpgrp()?;
        let (modes, cmd_modes) = (Modes::none(), Modes::none());
        let mut terminal = Self { own_group, modes, lent: false, cmd_modes };
        terminal.enter_foreground();
        Some(terminal)
    }

    /// Reports whether dmon's own process group is the foreground job.
    fn is_foreground(&self) -> bool {
        terminal::foreground() == Some(self.own_group)
    }

    /// Reports whether dmon's own process group is the foreground job; saves the modes if it became that without
    /// SIGCONT. Some shells send none on `fg` to a job that was running in the background.
    fn enter_foreground(&mut self) -> bool {
        let is_foreground = self.is_foreground();
        if is_foreground && !self.modes.are_saved() {
            self.modes.save();
        }
        is_foreground
    }

    /// Reports whether the next run starts as the foreground job.
    pub fn lend_to_next(&mut self) -> bool {
        let is_foreground = self.enter_foreground();
        self.lent |= is_foreground;
        is_foreground
    }

    /// Makes the running command the foreground job again, if dmon's process group is.
    pub fn give_to(&mut self, group: Pid) {
        if self.enter_foreground() {
            self.cmd_modes.restore();
            self.cmd_modes.forget();
            let _ = terminal::set_foreground(group);
            self.lent = true;
        }
    }

    /// Saves the modes after SIGCONT, with which a shell resumes the job in the foreground or in the background.
    pub fn on_resumed(&mut self) {
        if self.is_foreground() {
            self.modes.save();
        } else if !self.lent {
            self.modes.forget();
        }
    }

    /// Makes dmon the foreground job if the command is. `in_run`: the command continues later. Otherwise its run has
    /// ended, and dmon also becomes the foreground job if that job no longer exists: the run may have contained a shell
    /// that started the job and died. Returns whether the command was the foreground job.
    pub fn take_from(&mut self, group: Pid, in_run: bool) -> bool {
        let foreground = terminal::foreground();
        let was_foreground = foreground == Some(group);
        let is_gone = |group| !process_list::group_is_alive(group);
        if was_foreground || !in_run && foreground.is_some_and(is_gone) {
            if in_run {
                self.cmd_modes.save();
            }
            self.modes.restore();
            self.take();
        }
        if !in_run {
            self.cmd_modes.forget();
        }
        was_foreground
    }

    /// Makes dmon the foreground job, also after a start that failed.
    pub fn take(&mut self) {
        let _ = terminal::set_foreground(self.own_group);
        self.lent = false;
    }

    /// Suspends dmon and its process group after Ctrl-Z has suspended the command. Returns when a shell resumes the
    /// job, in the foreground or in the background. In an orphaned process group nothing stops (setpgid(2)).
    pub fn suspend_self(&mut self, group: Pid) {
        // If dmon is the foreground job already, a shell made it so without SIGCONT, and the command was stopped
        // because it was still in the background.
        if !self.is_foreground() {
            self.take_from(group, true);
            let _ = signal::killpg_self(Signal::TSTP);
            self.on_resumed();
            // In an orphaned process group SIGTSTP has no effect and the command would retry at once: wait up to a
            // second, or until SIGCONT, so that this does not spin.
            if !self.is_foreground() {
                signal::wait_one_second();
            }
        }
        self.give_to(group);
    }
}

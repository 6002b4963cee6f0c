//! The terminal that dmon was started in, lent to the command while it runs: Ctrl-C and Ctrl-Z are for the
//! command and never for the logger. dmon takes it back between runs and in a pause, so that there Ctrl-C is
//! for dmon.

use pure::unix::{Errno, Pid, Signal};
use sys::terminal::{self, Modes};
use sys::{process, signal};

pub struct Terminal {
    own_group: Pid,
    /// As it was when we came, and as the command had it when it was taken back in the middle of a run.
    modes: Modes,
    cmd_modes: Modes,
}

impl Terminal {
    /// The terminal on standard input, if there is one to control.
    #[must_use]
    pub fn find() -> Option<Self> {
        terminal::foreground()?;
        let own_group = process::getpgrp()?;
        let mut terminal = Self { own_group, modes: Modes::none(), cmd_modes: Modes::none() };
        terminal.modes.save().then_some(terminal)
    }

    /// It is ours now: we are not in the background, and nobody has it from us.
    #[must_use]
    pub fn is_foreground(&self) -> bool {
        terminal::foreground() == Some(self.own_group)
    }

    /// Lends it to a command again that was in the middle of its run, if we have it.
    pub fn give_to(&mut self, group: Pid) {
        if self.is_foreground() {
            self.cmd_modes.restore();
            self.cmd_modes.forget();
            let _ = terminal::set_foreground(group);
        }
    }

    /// Takes it back, if that command has it: in the middle of its run, or at its end; then also if nobody has it any
    /// more, as when a shell has died before those that it had lent it to. Says whether the command had it.
    pub fn take_from(&mut self, group: Pid, in_run: bool) -> bool {
        let holder = terminal::foreground();
        let had_it = holder == Some(group);
        let is_gone = |holder| signal::killpg(holder, None) == Err(Errno::SRCH);
        if had_it || !in_run && holder.is_some_and(is_gone) {
            if in_run {
                self.cmd_modes.save();
            } else {
                self.cmd_modes.forget();
            }
            self.modes.restore();
            let _ = terminal::set_foreground(self.own_group);
        }
        had_it
    }

    /// Takes it back from a command that did not come about.
    pub fn take(&self) {
        let _ = terminal::set_foreground(self.own_group);
    }

    /// Ctrl-Z has stopped the command: so it stops us and who was started with us, until somebody lets the
    /// job go on, with the terminal or in the background. Where nobody could, nothing stops.
    pub fn suspend_self(&mut self, group: Pid) {
        // If we have the terminal, a job of the background was brought to the foreground without a word, and
        // the command was stopped because it has not got the terminal yet.
        if !self.is_foreground() {
            self.take_from(group, true);
            let _ = signal::killpg_self(Signal::TSTP);
            // In the background nobody may have been able to stop us, and the command will try again at once. Role has
            // let us go on has sent CONT, which ends this.
            if !self.is_foreground() {
                signal::wait_one_second();
            }
        }
        self.give_to(group);
    }
}

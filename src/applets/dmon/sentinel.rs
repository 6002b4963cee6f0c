//! The sentinel: a process that reports which signals the terminal sends to the command's process group.
//!
//! The supervisor calls it, if dmon has a terminal. SIGINT of Ctrl-C reaches only the foreground process group, thus the
//! command and not dmon. The sentinel is in that group. It waits for one signal and exits with its number, so that
//! SIGCHLD wakes dmon.
//!
//! It is a copy of dmon that executes nothing: a start costs one fork. It blocks all signals, so that it is neither
//! terminated without a report nor stopped by the terminal, which would wake dmon. SIGKILL ends it if dmon dies.

use pure::unix::{Pid, Signal, WaitStatus};
use sys::process::{self, Reaped};
use sys::{fd, signal};

/// The signals that the sentinel waits for: those of a terminal, and SIGTERM, with which dmon ends it. The one with the
/// lowest number is reported, so SIGTERM does not hide another one.
const WAITED_FOR: [Signal; 4] = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];

/// More than dmon's own descriptors have: each has the lowest number that was free.
const OWN_FDS: i32 = 32;

/// The sentinel of the current run.
#[derive(Default)]
pub struct Sentinel {
    /// `None` if it was never started or has been reaped.
    pid: Option<Pid>,
}

impl Sentinel {
    /// Starts a sentinel in this process group. If that fails, Ctrl-C only has its effect on the command.
    pub fn start(&mut self, group: Pid) {
        let supervisor = process::getpid();
        match process::fork() {
            Ok(Some(pid)) => {
                self.pid = Some(pid);
                // The command may have left its group, which then does not exist.
                if process::setpgid_child(pid, group).is_err() {
                    self.end();
                }
            }
            Ok(None) => report_signal(supervisor),
            Err(_) => {}
        }
    }

    /// Returns the signal that ended the sentinel, if it was this process.
    pub fn on_death(&mut self, pid: Pid, status: WaitStatus) -> Option<Option<Signal>> {
        self.pid.take_if(|own| *own == pid).map(|_| Signal::new(status.code().into()))
    }

    /// Ends the sentinel and reaps it. Returns the signal that it had received before.
    pub fn end(&mut self) -> Option<Signal> {
        let pid = self.pid.take()?;
        let _ = signal::kill(pid, Some(Signal::TERM));
        let _ = signal::kill(pid, Some(Signal::CONT));
        loop {
            match process::wait_or_stopped(pid) {
                Reaped::Died(_, status) => return Signal::new(status.code().into()),
                Reaped::Stopped(..) => drop(signal::kill(pid, Some(Signal::KILL))),
                Reaped::NotYet | Reaped::NoChildren => return None,
            }
        }
    }
}

/// Waits for a signal and exits with its number. `supervisor`: the PID of dmon.
fn report_signal(supervisor: i32) -> ! {
    // dmon's pid file, its pipe and its standard descriptors must not outlive it, not even for a moment.
    fd::close_below(OWN_FDS);
    let is_bound = process::set_parent_death_signal(Signal::KILL).is_ok();
    // If dmon died before that call, the kernel sends nothing.
    if is_bound && process::getppid() == supervisor {
        let number = signal::wait_for(&WAITED_FOR);
        process::exit(u8::try_from(number).unwrap_or(0));
    }
    process::exit(0)
}

//! Sends signals to runs, and reports once for each run that dmon has no permission.
//!
//! The supervisor calls it. kill(2) fails with `EPERM` if the command has changed its user, or dmon has no CAP_KILL.

use crate::applets::diag;
use pure::supervise::machine::Role;
use pure::text::{Text, Writer};
use pure::unix::{Errno, Pid, Signal};
use sys::{Result, process, signal};
use ufmt::uwrite;

/// The runs that dmon has no permission to signal.
#[derive(Default)]
pub struct RunSignals {
    /// The last one of the command, of the logger, by the PID that led it.
    denied: [Option<Pid>; 2],
}

impl RunSignals {
    /// Signals the process group that `run` led at its start, and `run` itself if it has joined another group. Returns
    /// whether it was signalled.
    pub fn send(&mut self, role: Role, run: Pid, signal: Signal) -> bool {
        let _ = signal::killpg(run, Some(signal));
        let has_left = process::getpgid(run) != Some(run);
        // kill(2) succeeds if it may signal any member of the group, so check the leader, too.
        self.check(role, run, signal::kill(run, has_left.then_some(signal)))
    }

    /// Checks the `result` of a signal to `run`. Returns whether it was sent.
    pub fn check(&mut self, role: Role, run: Pid, result: Result<()>) -> bool {
        if result == Err(Errno::PERM) {
            self.report_denied(role, run, run);
        }
        result.is_ok()
    }

    /// Reports that `process`, which belongs to `run`, cannot be signalled.
    pub fn report_denied(&mut self, role: Role, run: Pid, process: Pid) {
        let [cmd, log] = &mut self.denied;
        let denied = if role == Role::Cmd { cmd } else { log };
        if denied.replace(run) != Some(run) {
            let mut number = Text::new();
            let Ok(()) = uwrite!(Writer(&mut number), "{}", process.number().cast_unsigned());
            diag::os_error("cannot signal ", number.bytes(), Errno::PERM);
        }
    }

    /// Warns that a process of `run` is still alive after SIGKILL, unless that was reported as denied.
    pub fn warn_unkillable(&self, run: Pid) {
        if !self.denied.contains(&Some(run)) {
            let number = run.number().cast_unsigned().into();
            diag::count("still alive after KILL: process or group ", number);
        }
    }
}

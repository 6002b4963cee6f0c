//! Fault injection by strace(1) into a program that already runs: a call fails, or a child waits before it.

use super::{Rig, Running, tools};

/// Whether strace can inject faults here.
pub fn can_inject() -> bool {
    tools::has(&["strace"]) && tools::is_native("strace sees the calls of the emulator")
}

/// The delay that holds a child, in microseconds: one hour, longer than any wait of a test.
const DELAY: &str = "3600000000";

impl Rig {
    /// Attaches strace to a process. The trace is written to the file `trace`, which is truncated first.
    pub fn attach_strace(&self, pid: i32, options: &str) -> Running<'_> {
        let strace = self.start(format!("strace -p {pid} -o trace {options}"));
        self.wait_for("strace to be attached", || strace.err().contains("attached"));
        strace
    }

    /// Holds each child that this process forks from now on, before its first call of this name. The
    /// process itself must not make the call, or it is held too.
    pub fn hold_children(&self, parent: i32, call: &'static str) -> Hold<'_> {
        let delay = format!("-f -e trace={call} -e inject={call}:delay_enter={DELAY}:when=1");
        Hold { rig: self, call, strace: self.attach_strace(parent, &delay) }
    }
}

pub struct Hold<'a> {
    rig: &'a Rig,
    call: &'static str,
    strace: Running<'a>,
}

impl Hold<'_> {
    /// Waits until a child is held, and returns its PID.
    pub fn child(&self) -> i32 {
        // strace prints the beginning of a call before it delays the call.
        let entry = format!(" {}(", self.call);
        self.rig.wait_for_some(format!("a child before {}", self.call), || {
            let trace = self.rig.read("trace");
            let (pid, _) = trace.lines().find_map(|line| line.split_once(&entry))?;
            pid.trim().parse().ok()
        })
    }

    /// Resumes the held child. The kernel detaches all processes of a tracer that was killed (ptrace(2)).
    pub fn release(self) {
        self.strace.kill();
    }
}

//! The system calls of a program, recorded by strace(1).

use super::{Rig, tools};
use std::fmt::{Display, Formatter, Result};

/// A prefix of command lines: `format!("{trace} dlog f")`. Each run replaces the trace of the previous one.
pub struct Trace<'a> {
    rig: &'a Rig,
    options: String,
}

impl Trace<'_> {
    /// Records these calls, named as in strace's `-e trace=`, or skips the test.
    pub fn new<'a>(rig: &'a Rig, calls: &str) -> Option<Trace<'a>> {
        let options = format!("-e trace={calls}");
        tools::has(&["strace"]).then_some(Trace { rig, options })
    }

    /// Adds options of strace, such as an injected error.
    pub fn with(mut self, options: &str) -> Self {
        self.options += &format!(" {options}");
        self
    }

    /// Returns the whole trace.
    pub fn text(&self) -> String {
        self.rig.read("trace")
    }

    /// Returns the calls that start with `start`, without their times and PIDs.
    pub fn calls(&self, start: &str) -> Vec<String> {
        self.timed_calls(start).into_iter().map(|(_, call)| call).collect()
    }

    /// Returns the times of the calls that start with `start`, in seconds since 1970.
    pub fn times(&self, start: &str) -> Vec<f64> {
        self.timed_calls(start).into_iter().map(|(time, _)| time).collect()
    }

    pub fn timed_calls(&self, start: &str) -> Vec<(f64, String)> {
        let parse = |line: &str| {
            // With `-f`, the PID precedes the time.
            let (before, arguments) = line.split_once('(')?;
            let (before, call) = before.rsplit_once(' ')?;
            let time = before.trim_end().rsplit(' ').next()?.parse().ok()?;
            let call = format!("{call}({arguments}");
            call.starts_with(start).then_some((time, call))
        };
        self.text().lines().filter_map(parse).collect()
    }
}

impl Display for Trace<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        write!(to, "strace -ttt -o trace {}", self.options)
    }
}

//! Pipes that are full, or that take only a little at a time.

use super::{Rig, Running};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::cell::RefCell;
use std::fmt::Display;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::process::{ChildStdin, Stdio};
use std::time::Instant;

impl Rig {
    /// Starts one program whose standard output is this.
    pub fn start_to(&self, line: impl Display, output: impl Into<Stdio>) -> Running<'_> {
        let line = format!("exec {line}");
        let (mut command, number) = self.command(&line);
        let begun = Instant::now();
        let child = command.stdout(output).spawn().expect("/bin/sh");
        Running { rig: self, line, number, begun, child: RefCell::new(child) }
    }
}

/// A pipe: its end to read from, and the other.
pub fn pipe() -> (File, File) {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("a pipe");
    (File::from(reader), File::from(writer))
}

/// Lets whoever holds this end have an error where it would have to wait.
pub fn never_wait(end: impl AsFd) {
    fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("a pipe that does not wait");
}

/// Feeds it the same line again and again until the pipe is full; gives how many bytes were taken.
pub fn cram(mut input: &ChildStdin) -> usize {
    never_wait(input);
    let line = format!("{:>999}\n", "x");
    let mut taken = 0;
    loop {
        match input.write(line.as_bytes()) {
            Ok(count) => taken += count,
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => return taken,
            Err(fault) => panic!("the pipe: {fault}"),
        }
    }
}

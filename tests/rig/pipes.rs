//! Pipes that are full, or that take only a little at a time.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::process::ChildStdin;

/// Makes a pipe: its read end and its write end.
pub fn pipe() -> (File, File) {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("a pipe");
    (File::from(reader), File::from(writer))
}

/// Sets O_NONBLOCK, for every process that shares this end.
pub fn set_nonblocking(end: impl AsFd) {
    fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("a pipe that does not block");
}

/// Writes the same line again and again until the pipe is full; returns the number of bytes written.
pub fn fill_pipe(mut input: &ChildStdin) -> usize {
    set_nonblocking(input);
    let line = format!("{:>999}\n", "x");
    let mut taken = 0;
    loop {
        match input.write(line.as_bytes()) {
            Ok(count) => taken += count,
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => return taken,
            Err(fault) => panic!("cannot write to the pipe: {fault}"),
        }
    }
}

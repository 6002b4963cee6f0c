//! A pseudo-terminal with a single program and no shell. The test types and reads at its master.

use super::{Rig, Running};
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitStatus;

/// Makes a terminal whose output blocks because its master is not read; returns both ends.
pub fn blocked_terminal() -> (File, PtyMaster) {
    let (master, path) = open();
    let mut options = File::options();
    options.write(true).custom_flags(OFlag::O_NOCTTY.bits());
    (options.open(path).expect("the terminal"), master)
}

/// Makes a terminal; returns its master and its path.
fn open() -> (PtyMaster, String) {
    // Close-on-exec: other tests may start programs at this moment.
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).expect("a terminal");
    grantpt(&master).expect("a terminal that is ours");
    unlockpt(&master).expect("a terminal that can be opened");
    let path = ptsname_r(&master).expect("the name of the terminal");
    (master, path)
}

pub struct Pty<'a> {
    rig: &'a Rig,
    program: Running<'a>,
    master: RefCell<PtyMaster>,
    /// The output that no wait has consumed yet.
    shown: RefCell<Vec<u8>>,
}

impl<'a> Pty<'a> {
    /// Starts a program in a new terminal. `setsid -c` before it makes it a session leader with this controlling
    /// terminal.
    pub fn new(rig: &'a Rig, line: &str) -> Pty<'a> {
        let (master, path) = open();
        let program = rig.start(format!("{line} <{path} >{path} 2>&1"));
        Pty { rig, program, master: RefCell::new(master), shown: RefCell::default() }
    }

    pub fn pid(&self) -> i32 {
        self.program.pid()
    }

    pub fn type_in(&self, keys: &str) {
        self.master.borrow_mut().write_all(keys.as_bytes()).expect("the terminal takes the input");
    }

    /// Types a line.
    pub fn enter(&self, line: &str) {
        self.type_in(&format!("{line}\n"));
    }

    /// Waits until this is shown, after the output that earlier waits have consumed.
    pub fn wait_output(&self, text: &str) {
        self.rig.wait_for(format!("{text:?} in the terminal"), || {
            let mut shown = self.shown.borrow_mut();
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = self.master.borrow_mut().read(&mut buffer) {
                shown.extend_from_slice(&buffer[..count]);
            }
            let at = shown.windows(text.len()).position(|window| window == text.as_bytes());
            at.map(|at| shown.drain(..at + text.len())).is_some()
        });
    }

    /// Waits until the program exits.
    pub fn wait(self) -> ExitStatus {
        self.program.wait().status
    }
}

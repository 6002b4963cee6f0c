//! A terminal with an interactive shell, at which the test types. script(1) makes the terminal and records the
//! output.

use super::{Rig, Running, proc, signal, tools};
use nix::sys::signal::Signal;
use std::cell::RefCell;
use std::io::Write;
use std::process::ChildStdin;

/// Control characters of the keys.
pub const CTRL_C: &str = "\x03";
pub const CTRL_BACKSLASH: &str = "\x1c";
pub const CTRL_D: &str = "\x04";
pub const CTRL_Q: &str = "\x11";
pub const CTRL_S: &str = "\x13";
pub const CTRL_Z: &str = "\x1a";

pub struct Screen<'a> {
    rig: &'a Rig,
    script: Running<'a>,
    keys: RefCell<ChildStdin>,
    /// The length of the output that earlier waits have consumed.
    seen: RefCell<usize>,
}

impl<'a> Screen<'a> {
    /// Starts this interactive shell in a terminal, or skips the test.
    pub fn new(rig: &'a Rig, shell: &str) -> Option<Screen<'a>> {
        let program = shell.split(' ').next().unwrap_or(shell);
        if !tools::has(&["script", program]) {
            return None;
        }
        let line = format!("env ENV= TERM=dumb script -qfc 'exec {shell}' screen");
        let (script, keys) = rig.start_fed(line);
        let screen = Screen { rig, script, keys: RefCell::new(keys), seen: RefCell::new(0) };
        // A prompt that differs from all output and from the echo of this line.
        screen.enter("PS1=ready'> '");
        screen.wait_output("ready> ");
        Some(screen)
    }

    pub fn type_in(&self, keys: &str) {
        self.keys.borrow_mut().write_all(keys.as_bytes()).expect("script reads the input");
    }

    /// Types a line.
    pub fn enter(&self, line: &str) {
        self.type_in(&format!("{line}\n"));
    }

    /// Waits until this is shown, after the output that earlier waits have consumed.
    pub fn wait_output(&self, text: &str) {
        let from = *self.seen.borrow();
        let end = self.rig.wait_for_some(format!("{text:?} on the screen"), || {
            let shown = self.rig.has("screen").then(|| self.rig.bytes("screen"))?;
            let found =
                shown.get(from..)?.windows(text.len()).position(|w| w == text.as_bytes())?;
            Some(from + found + text.len())
        });
        *self.seen.borrow_mut() = end;
    }

    /// Runs a shell command whose whole output is `answer`, and waits for it and the next prompt. The echo of the
    /// command does not count.
    pub fn prints(&self, line: &str, answer: &str) {
        self.enter(&format!("{line}; echo said''-so"));
        self.wait_output(answer);
        self.wait_output("said-so");
        self.wait_output("ready> ");
    }

    /// Types a line, and waits for its echo by the terminal and for the copy that cat prints.
    pub fn enter_to_cat(&self, line: &str) {
        self.enter(line);
        self.wait_output(&format!("{line}\r\n{line}\r\n"));
    }

    /// Types Ctrl-Z, and waits for the prompt.
    pub fn suspend(&self) {
        self.type_in(CTRL_Z);
        self.wait_output("ready> ");
    }

    /// Types Ctrl-C, waits for the prompt, and asserts that SIGINT has killed the foreground job.
    pub fn interrupt(&self) {
        self.type_in(CTRL_C);
        self.wait_output("ready> ");
        self.status_is(130);
    }

    /// Asserts the exit status of the last foreground job.
    pub fn status_is(&self, status: i32) {
        self.prints("echo status-$?", &format!("status-{status}\r\n"));
    }

    /// Closes the terminal: its master has no other owner than script(1).
    pub fn close(&self) {
        signal(self.script.pid(), Signal::SIGKILL);
    }

    /// Returns the PID of the shell.
    pub fn shell(&self) -> i32 {
        let child = || proc::children(self.script.pid()).first().map(|child| child.pid);
        self.rig.wait_for_some("the shell in the terminal", child)
    }

    /// Returns the path of the terminal.
    pub fn path(&self) -> String {
        let file = proc::descriptors(self.shell()).remove(&0).expect("its standard input");
        file.display().to_string()
    }

    /// Waits for a job of the shell whose command line begins with these words.
    pub fn job(&self, words: &str) -> i32 {
        self.rig.child(self.shell(), words)
    }
}

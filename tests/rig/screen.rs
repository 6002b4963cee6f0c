//! A terminal with a shell in it, at which the test types. The terminal is made by script(1), which also
//! writes down what is shown.

use super::{Rig, Running, proc, tools};
use std::cell::RefCell;
use std::io::Write;
use std::process::ChildStdin;

/// Keys.
pub const CTRL_C: &str = "\x03";
pub const CTRL_D: &str = "\x04";
pub const CTRL_Z: &str = "\x1a";

pub struct Screen<'a> {
    rig: &'a Rig,
    script: Running<'a>,
    keys: RefCell<ChildStdin>,
    /// How much of what is shown was looked at.
    seen: RefCell<usize>,
}

impl<'a> Screen<'a> {
    /// A terminal with that interactive shell; nothing, with a word to the user, where it is missing.
    pub fn new(rig: &'a Rig, shell: &str) -> Option<Screen<'a>> {
        let program = shell.split(' ').next().unwrap_or(shell);
        if !tools::has(&["script", program]) {
            return None;
        }
        let line = format!("env ENV= TERM=dumb script -qfc 'exec {shell}' screen");
        let (script, keys) = rig.start_fed(line);
        let screen = Screen { rig, script, keys: RefCell::new(keys), seen: RefCell::new(0) };
        // A prompt that no output is like, nor the echo of this line.
        screen.enter("PS1=ready'> '");
        screen.shows("ready> ");
        Some(screen)
    }

    pub fn type_in(&self, keys: &str) {
        self.keys.borrow_mut().write_all(keys.as_bytes()).expect("somebody at the terminal");
    }

    /// Types a line.
    pub fn enter(&self, line: &str) {
        self.type_in(&format!("{line}\n"));
    }

    /// Waits until this is shown, behind all that was waited for before.
    pub fn shows(&self, text: &str) {
        let from = *self.seen.borrow();
        let end = self.rig.wait_some(format!("{text:?} on the screen"), || {
            let shown = self.rig.has("screen").then(|| self.rig.bytes("screen"))?;
            let found =
                shown.get(from..)?.windows(text.len()).position(|w| w == text.as_bytes())?;
            Some(from + found + text.len())
        });
        *self.seen.borrow_mut() = end;
    }

    /// Runs a line of shell that shows nothing else, and waits for what it shows: the echo of the line does
    /// not count.
    pub fn says(&self, line: &str, answer: &str) {
        self.enter(&format!("{line}; echo said''-so"));
        self.shows(answer);
        self.shows("said-so");
        self.shows("ready> ");
    }

    /// That the last program in the foreground ended with this status.
    pub fn status_is(&self, status: i32) {
        self.says("echo status-$?", &format!("status-{status}\r\n"));
    }

    /// The shell in the terminal.
    pub fn shell(&self) -> i32 {
        let child = || proc::children(self.script.pid()).first().map(|child| child.pid);
        self.rig.wait_some("the shell in the terminal", child)
    }

    /// The path of the terminal.
    pub fn path(&self) -> String {
        let file = proc::descriptors(self.shell()).remove(&0).expect("its standard input");
        file.display().to_string()
    }

    /// Waits for a job of the shell whose command line begins with these words.
    pub fn job(&self, words: &str) -> i32 {
        self.rig.child(self.shell(), words)
    }
}

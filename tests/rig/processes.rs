//! The processes that a test has started, found by the mark in their environment.

use super::proc::{self, Process};
use super::wait::poll;
use super::{Rig, limit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt::Write;
use std::fs;

/// The variable that marks all processes of a test.
pub(super) const MARK: &str = "DMON_TEST";

impl Rig {
    /// Returns all processes of this test except zombies.
    pub fn processes(&self) -> Vec<Process> {
        let mark = format!("{MARK}={}", self.folder.path().display());
        let mine = |process: &Process| {
            !process.is_zombie()
                && !process.is_kernel_thread()
                && proc::has_variable(process.pid, &mark)
        };
        proc::all().into_iter().filter(mine).collect()
    }

    /// Returns the processes of this test whose command line begins with these words, except zombies.
    pub fn processes_called(&self, words: &str) -> Vec<Process> {
        self.processes()
            .into_iter()
            .filter(|process| command_line(process.pid).starts_with(words))
            .collect()
    }

    /// Asserts that no process of this test is alive, without a wait.
    #[track_caller]
    pub fn assert_no_processes(&self) {
        let alive = self.processes();
        assert!(alive.is_empty(), "still alive: {alive:#?}\n{}", self.describe());
    }

    /// Describes the processes and files of the test for the message of a failure.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for process in self.processes() {
            let words = proc::cmdline(process.pid);
            let Process { pid, parent, group, state, .. } = process;
            let _ =
                writeln!(text, "process {pid} (parent {parent}, group {group}) {state} {words}");
        }
        let mut files: Vec<_> =
            fs::read_dir(self.folder.path()).into_iter().flatten().flatten().collect();
        files.sort_by_key(|file| file.file_name());
        for file in files.iter().filter(|file| file.path().is_file()) {
            let name = file.file_name().to_string_lossy().into_owned();
            let bytes = self.bytes(&name);
            let head = String::from_utf8_lossy(&bytes[..bytes.len().min(600)]).into_owned();
            let _ = writeln!(text, "file {name}, {} bytes: {head:?}", bytes.len());
        }
        text
    }

    /// Kills all processes of this test, also those that they start meanwhile.
    pub(super) fn kill_all(&self) {
        let all_gone = poll(|| {
            let left = self.processes();
            for process in &left {
                signal(process.pid, Signal::SIGKILL);
            }
            left.is_empty().then_some(())
        });
        if all_gone.is_none() {
            eprintln!("not gone {:?} after SIGKILL: {:#?}", limit(), self.processes());
        }
    }
}

/// Sends a signal. A process that does not exist any more is no error: tests check the effect.
pub fn signal(pid: i32, which: Signal) {
    let _ = kill(Pid::from_raw(pid), which);
}

/// Returns the command line of a process as it was typed, `dlog f`, without the words of an emulator.
///
/// Between fork and exec a child still has its parent's command line.
pub fn command_line(pid: i32) -> String {
    let words = proc::cmdline(pid);
    // With an emulator: its words, the path of the applet, its arguments.
    match words.split_once("/bin/of/") {
        Some((_, typed)) => typed.to_string(),
        None => words,
    }
}

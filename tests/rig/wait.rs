//! Waits for facts: each polls until the fact is true and panics after a time limit.

use super::proc::{self, Process};
use super::{Rig, command_line, scaled};
use std::fmt::{Debug, Display};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Returns the time limit of every wait: 45 s, or 30 min with the full counts.
///
/// It is far longer than any fact needs, so a busy machine fails no test. It is also longer than the 30 s after
/// which dsyslog retries at the latest.
pub fn limit() -> Duration {
    Duration::from_secs(scaled(45, 1800) as u64)
}

/// The polling interval.
const LOOK: Duration = Duration::from_millis(5);

/// Polls until there is an answer; returns `None` after the time limit.
pub(super) fn poll<T>(mut answer: impl FnMut() -> Option<T>) -> Option<T> {
    let started_at = Instant::now();
    loop {
        // Poll once after the limit, too: the machine may have stopped us for long.
        let late = started_at.elapsed() > limit();
        let answer = answer();
        if answer.is_some() || late {
            return answer;
        }
        sleep(LOOK);
    }
}

/// Asserts that a value does not change within a period.
///
/// An event that must not happen can only be waited out. If another fact proves that it cannot happen any more,
/// wait for this fact instead.
#[track_caller]
pub fn assert_stays<T: PartialEq + Debug>(period: Duration, see: impl Fn() -> T) {
    let before = see();
    sleep(period);
    assert_eq!(see(), before, "it changed within {period:?}");
}

/// Returns by how much a count grows within a period, for the assertion that something happens rarely.
pub fn growth(period: Duration, count: impl Fn() -> u64) -> u64 {
    let before = count();
    sleep(period);
    count() - before
}

/// Delays the next action of the test, such as a signal at a random time. It is no wait for an effect.
pub fn pace(time: Duration) {
    sleep(time);
}

impl Rig {
    /// Waits until the condition is true.
    #[track_caller]
    pub fn wait_for(&self, what: impl Display, so: impl Fn() -> bool) {
        self.wait_for_some(what, || so().then_some(()));
    }

    /// Waits until there is an answer, and returns it.
    #[track_caller]
    pub fn wait_for_some<T>(&self, what: impl Display, answer: impl Fn() -> Option<T>) -> T {
        poll(answer)
            .unwrap_or_else(|| panic!("waited {:?} for: {what}\n{}", limit(), self.describe()))
    }

    /// Waits until a file exists.
    #[track_caller]
    pub fn wait_file(&self, name: &str) {
        self.wait_for(format!("the file {name}"), || self.has(name));
    }

    /// Waits until a file has at least this many lines.
    #[track_caller]
    pub fn wait_lines(&self, name: &str, count: usize) {
        self.wait_for(format!("{count} lines in {name}"), || self.lines(name) >= count);
    }

    /// Waits for a child of this process whose command line begins with these words.
    #[track_caller]
    pub fn child(&self, parent: i32, words: &str) -> i32 {
        self.next_child(parent, 0, words)
    }

    /// Waits for such a child with another PID than `before`.
    #[track_caller]
    pub fn next_child(&self, parent: i32, before: i32, words: &str) -> i32 {
        self.wait_for_some(format!("a child of {parent} called `{words}`"), || {
            let mine =
                |child: &Process| child.pid != before && command_line(child.pid).starts_with(words);
            proc::children(parent).into_iter().find(mine).map(|child| child.pid)
        })
    }

    /// Waits until a process is in this state of proc(5); until all its threads are, if the state is `T` (stopped). The
    /// parent learns of a stop from the last thread, and an emulator has two.
    #[track_caller]
    pub fn wait_state(&self, pid: i32, state: char) {
        self.wait_for(format!("process {pid} to be in state {state}"), || {
            let is_stopped = || proc::states_of_threads(pid).iter().all(|thread| *thread == state);
            proc::state(pid) == Some(state) && (state != 'T' || is_stopped())
        });
    }

    /// Waits until a process has exited and was reaped.
    #[track_caller]
    pub fn wait_gone(&self, pid: i32) {
        self.wait_for(format!("process {pid} to be gone"), || proc::state(pid).is_none());
    }

    /// Waits until a process has exited; it may still be a zombie.
    #[track_caller]
    pub fn wait_dead(&self, pid: i32) {
        self.wait_for(format!("process {pid} to be dead"), || {
            matches!(proc::state(pid), None | Some('Z' | 'X'))
        });
    }

    /// Waits until all processes of this test have exited.
    #[track_caller]
    pub fn wait_no_processes(&self) {
        // Twice: one look at /proc misses a child whose PID is below its parent's, after the numbers wrapped.
        self.wait_for("the exit of all processes", || {
            self.processes().is_empty() && {
                sleep(LOOK);
                self.processes().is_empty()
            }
        });
    }

    /// Waits until two observations 100 ms apart are equal, and returns the value.
    #[track_caller]
    pub fn wait_stable<T: PartialEq>(&self, what: &str, see: impl Fn() -> T) -> T {
        self.wait_for_some(what, || {
            let seen = see();
            sleep(Duration::from_millis(100));
            (seen == see()).then_some(seen)
        })
    }

    /// Waits until a process has woken up this many times after this call.
    #[track_caller]
    pub fn wait_wakeups(&self, pid: i32, count: u64) {
        let before = proc::switches(pid);
        self.wait_for(format!("{count} wake-ups of {pid}"), || {
            proc::switches(pid) >= before + count
        });
    }

    /// Asserts that an idle process does not wake up for 1.5 s. The shortest pause of the programs is a second.
    #[track_caller]
    pub fn assert_sleeps(&self, pid: i32) {
        let switches = || proc::switches(pid);
        self.wait_for("a sleep", || {
            let before = switches();
            sleep(Duration::from_millis(100));
            // A sync to a busy disk may take longer, in the state D.
            proc::state(pid) == Some('S') && switches() == before
        });
        assert_stays(Duration::from_millis(1500), switches);
    }
}

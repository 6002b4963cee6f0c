//! Checks that the command runs again, or that dmon exits, within the time that the manual allows.
//!
//! The exploration calls [`LivenessCheck::verify`] in every state.

use super::MAX_STEPS;
use super::model::{Input, Model, StopBehaviour};
use crate::supervise::delay::Delay;
use crate::supervise::kill_mode::KillMode;
use crate::supervise::machine::{Action, MAX_SWEEP_INTERVAL, MIN_START_INTERVAL};
use crate::supervise::policy::Policy;
use crate::time::{Duration, Instant};
use crate::unix::Signal;
use std::collections::HashMap;

/// Checks from any state that the goal is reached in time if all processes behave in the given way from now on. The
/// goal is a running command, or dmon's exit if `stop_requested`.
pub struct LivenessCheck {
    behaviour: StopBehaviour,
    pub stop_requested: bool,
    /// Maximum time in milliseconds.
    limit: u64,
    /// For each state, the time in milliseconds and the number of waits to the goal.
    known: HashMap<u64, (u64, u32)>,
}

/// Maximum number of waits to the goal, with a margin. Sweeps for leftovers that do not exit need most of them.
const MAX_WAITS: u32 = 60;

impl LivenessCheck {
    /// Returns the checks for a policy, with the times that the manual allows.
    pub fn all(policy: &Policy) -> Vec<Self> {
        // If a leftover process is not dmon's child, only a sweep notices its exit. Both children may have such
        // processes.
        let sweeps = (2 + u64::from(policy.finish)) * milliseconds(MAX_SWEEP_INTERVAL);
        let kill = milliseconds(policy.kill_after.unwrap_or(Duration::ZERO));
        // The finish command and the processes that it leaves behind.
        let finish = if policy.finish { 2 * kill } else { 0 };
        let drain = milliseconds(policy.drain);
        // The logger may be started a second time if it exited with unread bytes.
        let drain_restart =
            milliseconds(MIN_START_INTERVAL) + milliseconds(policy.drain.max(MIN_START_INTERVAL));
        let longest = |delay: &Delay| milliseconds(delay.time) + milliseconds(delay.jitter);
        let delays = policy.delays.iter().chain([&policy.interval]).map(longest);
        let pause = delays.fold(milliseconds(MIN_START_INTERVAL), u64::max);
        let check = |behaviour, stop_requested, limit| {
            let limit = limit + sweeps;
            Self { behaviour, stop_requested, limit, known: HashMap::new() }
        };
        // With `--kill-mode mixed` only SIGKILL stops the workers of a command that was stopped.
        let workers = if policy.kill_mode == KillMode::Mixed { kill } else { 0 };
        let mut checks = vec![
            check(
                StopBehaviour::EndOfInput,
                true,
                workers + drain + milliseconds(MIN_START_INTERVAL),
            ),
            check(StopBehaviour::StopSignal, true, workers + drain + drain_restart),
            // Leftover processes have their own grace period, from the end of the run on.
            check(
                StopBehaviour::KillOnly,
                true,
                2 * kill + finish + drain + drain_restart + 2 * kill,
            ),
        ];
        // Without SIGKILL such leftovers may never exit, and the next run waits for them.
        if policy.kill_after.is_some() || policy.kill_mode != KillMode::Mixed {
            checks.push(check(StopBehaviour::StopSignal, false, workers + pause));
        }
        if policy.kill_after.is_some() {
            checks.push(check(StopBehaviour::KillOnly, false, 2 * kill + finish + pause));
        }
        checks
    }

    /// Follows the run from this state until the goal, and stores the times of the states on the way.
    pub fn verify(&mut self, key: u64, model: &Model, mut deadline: Option<Instant>) {
        if self.known.contains_key(&key) {
            return;
        }
        let mut model = model.clone();
        let mut path = Vec::new();
        let mut waits = 0;
        let (mut time_left, mut waits_left) = loop {
            let key = model.key();
            if let Some(known) = self.known.get(&key) {
                break *known;
            }
            path.push((key, model.now));
            if !self.stop_requested && (model.is_running_normally() || model.is_stopping()) {
                break (0, 0);
            }
            // With `-k 0` only a further SIGTERM leads to SIGKILL.
            let requests_kill = self.stop_requested && !model.has_kill() && waits % 2 == 1;
            let input = match model.expected_input(self.behaviour, deadline) {
                _ if self.stop_requested && !model.is_stopping() => Input::Signal(Signal::TERM),
                Some(Input::Deadline) if requests_kill => Input::Signal(Signal::TERM),
                None if self.stop_requested && !model.has_kill() => Input::Signal(Signal::TERM),
                Some(input) => input,
                None => {
                    panic!("never ends: {:?} {} {model:?}", self.behaviour, self.stop_requested)
                }
            };
            model.apply(input, deadline);
            waits += 1;
            assert!(waits < MAX_WAITS, "{:?} {} {model:?}", self.behaviour, self.stop_requested);
            let mut steps = 0;
            let exited = loop {
                steps += 1;
                assert!(steps < MAX_STEPS, "does not settle: {model:?}");
                match model.machine.next_action(model.now) {
                    Action::Exit(_) => break true,
                    Action::Wait(at) => {
                        model.check_wait(at);
                        deadline = at;
                        break false;
                    }
                    action => model = model.outcomes(action).swap_remove(0),
                }
            };
            if exited {
                break (0, 0);
            }
        };
        let mut end = model.now;
        for (key, now) in path.into_iter().rev() {
            time_left += milliseconds(now.until(end));
            waits_left += 1;
            end = now;
            assert!(
                time_left <= self.limit && waits_left < MAX_WAITS,
                "{time_left} of {} ms, {waits_left} waits: {:?} {} {model:?}",
                self.limit,
                self.behaviour,
                self.stop_requested,
            );
            self.known.insert(key, (time_left, waits_left));
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    let (seconds, nanoseconds) = time.as_timespec();
    seconds * 1000 + u64::from(nanoseconds) / 1_000_000
}

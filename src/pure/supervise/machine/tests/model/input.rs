//! What may happen to dmon, and the reaction of the model.
//!
//! The exploration tries every input in every state.

use super::{CLOCK_JUMP, Child, Hangup, Model, ORPHAN, StopCause, pid};
use crate::exit::Exit;
use crate::supervise::kill_mode::KillMode;
use crate::supervise::machine::{Event, MIN_START_INTERVAL, Policy, Role, RunEnd, Why};
use crate::supervise::on_signal::SignalAction;
use crate::time::{Duration, Instant};
use crate::unix::{Signal, WaitStatus};

/// Something that may happen while dmon waits.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// The deadline of the wait passes.
    Deadline,
    /// The wait ends long after its deadline: dmon was stopped, or the computer slept.
    ClockJump,
    Exits {
        role: Role,
        status: WaitStatus,
        has_leftovers: bool,
    },
    /// A child exits, and SIGTERM arrives during the same wait.
    ExitsWithSigterm(Role),
    /// Both children exit during the same wait.
    BothExit,
    /// A child is stopped by this signal.
    Suspends(Role, Signal),
    /// Ctrl-C reaches the command's process group.
    CtrlC,
    /// Ctrl-C or Ctrl-\ reaches dmon's process group.
    Key(Signal),
    /// The terminal is closed: dmon receives SIGHUP, the command dies of it, or nothing happens.
    TerminalCloses(Option<Role>),
    /// The last leftover process exits. `reaped`: it was dmon's child, so SIGCHLD reports it.
    LeftoversGone {
        role: Role,
        reaped: bool,
    },
    /// One of several adopted processes exits.
    OrphanExits,
    /// dmon receives a signal.
    Signal(Signal),
    /// The command reports that it is ready.
    Ready,
}

/// When processes exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopBehaviour {
    /// At the stop signal, the logger at the end of its input.
    EndOfInput,
    /// Only at the stop signal.
    StopSignal,
    /// Only at SIGKILL, and each leaves a process that behaves in the same way.
    KillOnly,
}

impl Model<'_> {
    /// Returns everything that may happen now, while dmon waits until `deadline`.
    pub fn inputs(&self, deadline: Option<Instant>) -> Vec<Input> {
        let Policy { terminal, forward_cmd, forward_log, .. } = self.policy;
        let mut inputs = vec![Input::Signal(Signal::TERM), Input::ClockJump];
        inputs.extend(deadline.map(|_| Input::Deadline));
        if *terminal {
            let signals = [Signal::INT, Signal::TSTP, Signal::TTIN, Signal::WINCH];
            inputs.extend(signals.map(Input::Signal));
            inputs.push(Input::Key(Signal::QUIT));
            if self.hangup == Hangup::Open {
                inputs.extend([None, Some(Role::Log)].map(Input::TerminalCloses));
                let may_die = self.cmd.alive && !self.cmd.is_finish;
                inputs.extend(may_die.then_some(Input::TerminalCloses(Some(Role::Cmd))));
            }
        }
        inputs.extend(self.sentinel.then_some(Input::CtrlC));
        if self.policy.on_signal.get(Signal::ALRM).is_some() {
            let signals = [Signal::ALRM, Signal::QUIT, Signal::USR2, Signal::PWR];
            inputs.extend(signals.map(Input::Signal));
        }
        if *forward_cmd || *forward_log {
            inputs.extend([Input::Signal(Signal::USR1), Input::Signal(Signal::CONT)]);
        }
        for (role, child) in [(Role::Cmd, self.cmd), (Role::Log, self.log)] {
            if child.alive {
                let status = WaitStatus::SUCCESS;
                inputs.push(Input::Exits { role, status, has_leftovers: false });
                if role == Role::Cmd {
                    inputs.push(Input::Exits { role, status, has_leftovers: true });
                }
                let status = WaitStatus::exited(3);
                inputs.push(Input::Exits { role, status, has_leftovers: true });
                inputs.push(Input::ExitsWithSigterm(role));
                inputs.extend([Signal::TSTP, Signal::TTOU].map(|by| Input::Suspends(role, by)));
            } else if child.has_leftovers {
                inputs.extend([true, false].map(|reaped| Input::LeftoversGone { role, reaped }));
                inputs.push(Input::OrphanExits);
            }
        }
        let may_report =
            self.cmd.alive && !self.cmd.is_finish && self.policy.ready > Duration::ZERO;
        inputs.extend(may_report.then_some(Input::Ready));
        if self.cmd.alive {
            let (role, status) = (Role::Cmd, WaitStatus(Signal::INT.number()));
            inputs.push(Input::Exits { role, status, has_leftovers: false });
            inputs.extend(self.log.alive.then_some(Input::BothExit));
        }
        inputs
    }

    /// Lets `input` happen, and reports it to the machine.
    pub fn apply(&mut self, input: Input, deadline: Option<Instant>) {
        match input {
            Input::Deadline => {
                let time = deadline.map_or(Duration::ZERO, |deadline| self.now.until(deadline));
                self.advance(time);
            }
            Input::ClockJump => self.advance(CLOCK_JUMP),
            Input::Exits { role, status, has_leftovers } => {
                self.child_exits(role, status, has_leftovers)
            }
            Input::ExitsWithSigterm(role) => {
                self.signal_dmon(Signal::TERM);
                self.child_exits(role, WaitStatus::exited(4), true);
            }
            Input::BothExit => {
                self.child_exits(Role::Cmd, WaitStatus::exited(5), true);
                self.child_exits(Role::Log, WaitStatus::exited(5), true);
            }
            Input::Suspends(role, signal) => {
                let child = *self.child(role);
                if self.policy.terminal && role == Role::Cmd && self.job_control_group().is_some() {
                    (self.cmd_stop, self.cmd_refused) = (Some(signal.number()), false);
                }
                self.handle(Event::Suspended(pid(child.pid), signal));
            }
            Input::CtrlC => {
                self.typed_at = Some(self.now);
                self.sentinel = false;
                self.sentinel_due = Some(self.now.add(Duration::from_secs(1)));
                self.handle(Event::SentinelExited(Some(Signal::INT)));
            }
            Input::TerminalCloses(None) => self.hangup = Hangup::Silent,
            Input::TerminalCloses(Some(role)) => {
                self.hangup = Hangup::Closing(self.now);
                match role {
                    Role::Cmd => self.child_exits(role, WaitStatus(1 << 8), false),
                    Role::Log | Role::Finish => self.signal_dmon(Signal::HUP),
                }
            }
            Input::Key(signal) => {
                let is_first = !self.was_typed() && self.stop_cause.is_none();
                if let (true, Some(_)) = (is_first, self.job_control_group()) {
                    self.typed_at = Some(self.now);
                    self.to_pass_on = Some(signal.number());
                } else {
                    self.request_stop(signal);
                }
                self.handle(Event::Key(signal));
            }
            Input::LeftoversGone { role, reaped } => {
                self.child(role).has_leftovers = false;
                self.child(role).sweep_due = reaped;
                if reaped {
                    self.orphan_exits();
                }
            }
            Input::OrphanExits => self.orphan_exits(),
            Input::Signal(signal) => self.signal_dmon(signal),
            Input::Ready => {
                if self.cmd.stopped_at.is_none() {
                    (self.unready, self.ready_by) = (false, None);
                }
                self.handle(Event::Ready);
            }
        }
    }

    fn orphan_exits(&mut self) {
        for child in [&mut self.cmd, &mut self.log] {
            child.sweep_due |= !child.alive && child.has_leftovers;
        }
        self.handle(Event::Exited(pid(ORPHAN), WaitStatus(9)));
    }

    fn request_stop(&mut self, signal: Signal) {
        let now = self.now;
        self.report_daemon_at = None;
        self.stop_requests = 2.min(self.stop_requests + 1);
        self.stop_cause = self.stop_cause.or(Some(StopCause::Requested));
        self.interrupted |= signal == Signal::INT && self.policy.terminal;
        self.log.grace_skipped |= self.drain_until.is_some_and(|end| end <= now);
        self.drain_until = self.drain_until.map(|end| end.min(now));
        let is_second = self.stop_requests > 1;
        self.cmd.grace_skipped |= self.cmd.alive && self.cmd.is_finish && is_second;
        // SIGKILL is sent again, because the first may have failed (EPERM).
        self.cmd.kill_sent &= !(self.cmd.alive && self.stop_requests > 1);
        self.log.kill_sent &= !(self.log.alive && self.log.grace_skipped);
    }

    fn signal_dmon(&mut self, signal: Signal) {
        let now = self.now;
        if signal == Signal::TERM || signal == Signal::INT {
            self.request_stop(signal);
        } else if signal == Signal::WINCH {
            self.to_pass_on = self.job_control_group().map(|_| signal.number());
        } else if signal == Signal::TSTP || signal == Signal::TTIN {
            self.own_stop = Some(signal.number());
        } else {
            let action = self.policy.on_signal.get(signal);
            self.act_on_signal(action);
            let to_cmd = match action {
                None => self.policy.forward_cmd,
                Some(action) => matches!(action, SignalAction::Send(_)),
            };
            let sent = if action.is_some() { Signal::HUP } else { signal };
            let to_log = self.policy.forward_log && signal != Signal::PWR;
            let forward = [to_cmd, to_log];
            for (role, forward) in [Role::Cmd, Role::Log].into_iter().zip(forward) {
                let stopping = role == Role::Cmd && self.stop_cause.is_some()
                    || role == Role::Log && self.drain_until.is_some_and(|end| end <= now);
                let child = self.child(role);
                let resumes = signal == Signal::CONT && child.paused;
                if forward && child.alive && child.stopped_at.is_none() && !resumes && !stopping {
                    let is_cmd = role == Role::Cmd;
                    child.pending_signal = Some(if is_cmd { sent } else { signal }.number());
                }
            }
        }
        self.handle(Event::Signal(signal));
    }

    /// Does what `--on-signal` says.
    fn act_on_signal(&mut self, action: Option<SignalAction>) {
        match action {
            None | Some(SignalAction::Send(_)) => {}
            Some(SignalAction::Pause) => self.paused_by_signal = true,
            Some(SignalAction::Resume) => self.paused_by_signal = false,
            Some(SignalAction::Restart) => {
                self.paused_by_signal = false;
                if self.stop_cause.is_some() {
                    return;
                }
                self.failures = 0;
                self.restarting = self.cmd.alive && !self.cmd.is_finish;
                if let (false, Some(last)) = (self.restarting, self.cmd.last_start) {
                    self.next_start = self.next_start.min(last.add(MIN_START_INTERVAL));
                }
            }
        }
    }

    fn child_exits(&mut self, role: Role, status: WaitStatus, has_leftovers: bool) {
        let now = self.now;
        let child = *self.child(role);
        let started = child.last_start.unwrap_or(now);
        if child.is_finish {
            self.cmd.is_finish = false;
            self.cmd.stopped_at = None;
        } else if role == Role::Cmd {
            let why = match (self.timed_out, child.stopped_at) {
                (true, _) => Why::Timeout,
                (false, Some(_)) => Why::Stop,
                (false, None) if status.0 & 0x7f == 0 => Why::Exit,
                (false, None) => Why::Signal,
            };
            self.finish_due = self.policy.finish.then_some(RunEnd { status: status.code(), why });
            self.end_run(started, status);
            self.sentinel = false;
        } else if let (Some(_), None) = (self.log_check_end, self.stop_cause) {
            // Nobody was told yet that the start has succeeded.
            let is_failed = self.machine.next_log_check.is_some();
            self.stop_cause = is_failed.then_some(StopCause::StartFailed(Exit::FAILED));
            self.log_check_end = None;
        }
        let (mode, is_cmd) = (self.policy.kill_mode, role == Role::Cmd);
        let is_mixed = is_cmd && mode == KillMode::Mixed && !child.is_finish;
        let stopped_at = child.stopped_at.filter(|_| is_mixed);
        let spare_until = if is_cmd { self.report_daemon_at } else { self.drain_until };
        let grace_from = stopped_at.or(Some(spare_until.unwrap_or(now).max(now)));
        // Processes that are left alone are no leftovers.
        let has_leftovers = has_leftovers && !self.is_alone(role);
        let child = self.child(role);
        *child = Child {
            alive: false,
            has_leftovers,
            grace_from,
            pending_signal: None,
            paused: false,
            warn_at: None,
            ..*child
        };
        let number = child.pid;
        self.handle(Event::Exited(pid(number), status));
    }

    /// Returns what happens next if all processes behave in this way; `None` if nothing ever happens.
    pub fn expected_input(
        &self,
        behaviour: StopBehaviour,
        deadline: Option<Instant>,
    ) -> Option<Input> {
        let closed = self.drain_until.is_some() && behaviour == StopBehaviour::EndOfInput;
        let only_kill = behaviour == StopBehaviour::KillOnly;
        for (role, child) in [(Role::Cmd, self.cmd), (Role::Log, self.log)] {
            let input_ended = role == Role::Log && closed;
            let stopped = !only_kill && child.stopped_at.is_some();
            if child.alive && (child.kill_sent || stopped || input_ended) {
                let status = WaitStatus(Signal::KILL.number());
                return Some(Input::Exits { role, status, has_leftovers: only_kill });
            }
            let stopped = !only_kill && child.leftovers_stopped;
            if child.has_leftovers && (child.leftovers_killed || stopped || input_ended) {
                return Some(Input::LeftoversGone { role, reaped: true });
            }
        }
        deadline.map(|_| Input::Deadline)
    }
}

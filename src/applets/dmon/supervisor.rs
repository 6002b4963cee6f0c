//! The supervisor's loop: asks the machine for an action, performs it, reports events to the machine.
//!
//! `mod.rs` runs it. All effects of a running dmon go through this file; it makes no decisions.

mod job_control;
mod stop;

use super::child_event::ChildEvent;
use super::config::Config;
use super::daemon::LaunchPipe;
use super::leftovers::Leftovers;
use super::liveness::Liveness;
use super::load_sampler;
use super::log_pipe::LogPipe;
use super::run_signals::RunSignals;
use super::sentinel::Sentinel;
use super::signals::{self, SignalMasks};
use super::spawn::Spawner;
use super::start_failure::StartFailure;
use super::status::StatusWriter;
use super::terminal::Terminal;
use super::verbose::{Values, VerboseLog};
use crate::applets::diag;
use crate::applets::wait;
use core::mem::{self, ManuallyDrop};
use pure::exit::Exit;
use pure::supervise::load::METRIC_COUNT;
use pure::supervise::machine::{Action, Event, Machine, Role, Sweep};
use pure::supervise::policy::Policy;
use pure::time::Instant;
use pure::unix::{Pid, Signal, WaitStatus};
use sys::process::Reaped;
use sys::signal::SignalSet;
use sys::{clock, poll, process, procfs, random, signal, terminal};

/// The message of [`Action::ReportDaemon`].
const DAEMONIZED: &[u8] = b"stopping background processes of the exited command: \
    use its foreground option or setsid -w";

/// Everything that the loop needs to perform actions.
// Field order: see src/lib.rs.
#[repr(C)]
pub struct Supervisor<'a> {
    signals: RunSignals,
    /// The signal mask for ppoll(2), in which caught signals are not blocked.
    mask: SignalSet,
    stop_signal: Signal,
    /// The logger's process group, from its start until its last leftover process has exited.
    log_group: Option<Pid>,
    terminal: Option<&'a mut Terminal>,
    sentinel: Sentinel,
    /// For each metric, whether it is above its threshold.
    above: [bool; METRIC_COUNT],
    /// The command was the foreground job and died of SIGINT; the rest of dmon's process group never received it.
    cmd_died_of_sigint: bool,
    pipe: LogPipe,
    spawner: Spawner<'a>,
    /// The last waitpid(2) reported that there are no children at all.
    no_children: bool,
    /// Why the last start of each [`Role`] failed; `None` if it succeeded.
    last_failures: [Option<StartFailure>; 3],
    /// The last exits of the logger and the finish command that were reported as errors.
    last_log_exit: Option<WaitStatus>,
    last_finish_exit: WaitStatus,
    status: ManuallyDrop<Option<StatusWriter>>,
    liveness: Liveness,
    leftovers: Leftovers<'a>,
    verbose: VerboseLog,
}

impl<'a> Supervisor<'a> {
    /// Prepares everything but the children.
    pub fn new(
        config: &'a Config,
        pipe: LogPipe,
        status: ManuallyDrop<Option<StatusWriter>>,
        terminal: Option<&'a mut Terminal>,
        masks: SignalMasks,
        spawner: Spawner<'a>,
        leftovers: Leftovers<'a>,
    ) -> Self {
        Self {
            pipe,
            mask: masks.waiting,
            stop_signal: config.stop_signal,
            status,
            verbose: VerboseLog {
                on_stderr: config.verbose,
                in_log: config.log_events,
                run_started_at: Instant::NEVER,
                load: Values::new(),
            },
            terminal,
            sentinel: Sentinel::default(),
            liveness: Liveness::new(config.alive_file),
            above: [false; METRIC_COUNT],
            cmd_died_of_sigint: false,
            leftovers,
            signals: RunSignals::default(),
            no_children: false,
            log_group: None,
            spawner,
            last_failures: Default::default(),
            last_log_exit: None,
            last_finish_exit: WaitStatus::SUCCESS,
        }
    }

    /// Runs both children until everything has stopped. Returns the exit status, and whether Ctrl-C was the reason.
    /// `launch_pipe` receives 0 once both children have started.
    #[inline(never)]
    pub fn run(&mut self, policy: &Policy, launch_pipe: &mut Option<LaunchPipe>) -> (Exit, bool) {
        // Updated only after waits, starts and suspensions: no other action takes time.
        let mut now = clock::now();
        let mut machine = Machine::new(policy, now);
        if policy.has_jitter() {
            machine.handle(now, Event::Random(random::number()));
        }
        loop {
            let action = machine.next_action(now);
            if launch_pipe.is_some()
                && machine.is_launched()
                && let Some(launch_pipe) = launch_pipe.take()
            {
                launch_pipe.report(Exit::SUCCESS);
                diag::set_log_pipe(self.pipe.writer);
            }
            // The result of the action, for the machine.
            let event = match action {
                Action::Exit(exit) => {
                    if self.terminal.is_some() {
                        Terminal::resume_group(&self.mask);
                    }
                    if self.cmd_died_of_sigint {
                        let _ = signal::killpg_self(Signal::INT);
                    }
                    return (exit, machine.was_interrupted());
                }
                Action::Wait(deadline) => {
                    let limit = deadline.map(|deadline| now.until(deadline));
                    let ready = self.spawner.ready.input();
                    let _ = wait::wait(&self.mask, ready, poll::NONE, limit);
                    now = clock::now();
                    self.collect_events(&mut machine, now);
                    continue;
                }
                Action::Start(role) => {
                    if role == Role::Cmd {
                        self.verbose.run_started_at = now;
                    }
                    self.spawner.run_end = machine.run_end();
                    let event = self.start(role, !machine.is_started());
                    now = clock::now();
                    match event {
                        Event::Started(_, pid) if signal::take_stop_of_child() => {
                            machine.handle(now, event);
                            Event::Suspended(pid, Signal::TSTP)
                        }
                        other => other,
                    }
                }
                // A child that has exited meanwhile is a zombie, so its PID is still its own.
                Action::Stop { role, group, timed_out, alone } => {
                    if timed_out && machine.is_unready() {
                        diag::eprint(&[b"not ready in time"]);
                    }
                    self.stop(role, group, timed_out, alone);
                    continue;
                }
                Action::Signal { role, run, signal, alone } => {
                    self.signal(role, run, signal, alone);
                    continue;
                }
                Action::Suspend { cmd, signal } => {
                    self.suspend(cmd, signal);
                    now = clock::now();
                    machine.handle(now, Event::Resumed);
                    self.collect_events(&mut machine, now);
                    continue;
                }
                Action::Lend { group } => Event::Lent(self.lend(group)),
                Action::TakeBack { cmd } => Event::TakenBack(self.take_back(cmd)),
                Action::PassOn { group, signal } => {
                    self.signals.send(Role::Cmd, group, signal);
                    continue;
                }
                Action::CheckTerminal => Event::TerminalChecked { gone: terminal::is_gone() },
                Action::StartSentinel { group } => {
                    self.sentinel.start(group);
                    continue;
                }
                Action::Sweep(sweep) => self.sweep(sweep),
                Action::ClosePipe => {
                    diag::set_log_pipe(None);
                    self.pipe.close_writer();
                    continue;
                }
                Action::CheckLog(pid) if procfs::waits_for_input(pid) => Event::LogReads,
                Action::CheckLog(_) => continue,
                Action::CountUnread => Event::Unread { bytes: self.pipe.count_unread() },
                Action::SampleLoad { paused } => {
                    if let Some(group) = paused {
                        self.signals.send(Role::Cmd, group, Signal::STOP);
                    }
                    let shown = &mut self.verbose.load;
                    let high = load_sampler::sample(&policy.thresholds, &mut self.above, shown);
                    Event::LoadSample { high }
                }
                Action::CheckAlive => Event::AliveChecked { changed: self.liveness.look() },
                Action::ReportUnread { bytes } => {
                    diag::count("the log command has left bytes unread: ", bytes as u64);
                    continue;
                }
                Action::ReportDaemon => {
                    diag::eprint(&[DAEMONIZED]);
                    continue;
                }
                Action::WarnUnkillable(pid) => {
                    self.signals.warn_unkillable(pid);
                    continue;
                }
            };
            machine.handle(now, event);
        }
    }

    /// Reports to the machine which signals arrived and which children exited or were stopped.
    #[inline(never)]
    fn collect_events(&mut self, machine: &mut Machine<'_>, now: Instant) {
        signals::report(machine, self.terminal.as_deref(), now);
        loop {
            let reaped = process::reap();
            // What a command has written before it exited comes before its exit.
            if let Some(pid) = self.spawner.ready.take() {
                self.report(Role::Cmd, ChildEvent::Ready, pid);
                machine.handle(now, Event::Ready);
            }
            match reaped {
                Reaped::Died(pid, status) => {
                    self.leftovers.forget(pid);
                    if let Some(signal) = self.sentinel.on_death(pid, status) {
                        machine.handle(now, Event::SentinelExited(signal));
                        continue;
                    }
                    if let Some(role) = machine.role_of(pid) {
                        // The same reason is reported once.
                        let is_error = match role {
                            Role::Cmd => machine.is_unready(),
                            Role::Log => {
                                machine.is_log_exit_error()
                                    && self.last_log_exit.replace(status) != Some(status)
                            }
                            Role::Finish => {
                                mem::replace(&mut self.last_finish_exit, status) != status
                                    && status != WaitStatus::SUCCESS
                            }
                        };
                        self.report_as(is_error, role, ChildEvent::Exited(status), pid);
                        if role == Role::Cmd {
                            self.spawner.ready.run = None;
                            // It may have received the signal that ended the command, but not exited yet.
                            if let Some(signal) = self.sentinel.end() {
                                machine.handle(now, Event::SentinelExited(Some(signal)));
                            }
                        }
                        if let (Role::Cmd, Some(terminal)) = (role, &mut self.terminal) {
                            let was_foreground = terminal.end_run(pid);
                            self.cmd_died_of_sigint |=
                                was_foreground && status.killed_by(Signal::INT);
                        }
                    }
                    machine.handle(now, Event::Exited(pid, status));
                }
                Reaped::Stopped(pid, signal) => {
                    machine.handle(now, Event::Suspended(pid, signal));
                }
                Reaped::NotYet => break self.no_children = false,
                Reaped::NoChildren => break self.no_children = true,
            }
        }
    }

    fn report(&mut self, role: Role, event: ChildEvent, pid: Pid) {
        self.report_as(false, role, event, pid);
    }

    /// Reports an event. An error is printed without any option, too.
    fn report_as(&mut self, is_error: bool, role: Role, event: ChildEvent, pid: Pid) {
        if let Some(status) = &mut *self.status {
            status.write_event(role, event, pid);
        }
        self.verbose.print(role, event, pid, is_error);
    }

    /// Stores why a start failed; `None` if it succeeded. Returns whether this is another reason than the last one.
    fn set_failure(&mut self, role: Role, failure: Option<StartFailure>) -> bool {
        let last = self.last_failures.get_mut(role as usize);
        last.is_some_and(|last| mem::replace(last, failure) != failure)
    }

    fn sweep(&mut self, sweep: Sweep) -> Event {
        let log_group = self.log_group.filter(|_| sweep.role == Role::Cmd);
        let found = self.leftovers.sweep(sweep, log_group, self.no_children);
        if let Some(process) = found.denied {
            self.signals.report_denied(sweep.role, sweep.group, process);
        }
        match (sweep.role, &mut self.terminal) {
            _ if found.any => {}
            (Role::Log | Role::Finish, _) => self.log_group = None,
            (Role::Cmd, Some(terminal)) => {
                terminal.end_run(sweep.group);
            }
            (Role::Cmd, None) => {}
        }
        Event::SweepDone { role: sweep.role, found: found.any }
    }

    /// Starts a child. `first` is true until both children have started once.
    #[inline(never)]
    fn start(&mut self, role: Role, first: bool) -> Event {
        let terminal = self.terminal.as_mut().and_then(|terminal| terminal.for_start_of(role));
        if role == Role::Cmd {
            self.liveness.look();
        }
        let failure = match self.spawner.start(role, &self.pipe, terminal) {
            Ok(pid) => {
                if role == Role::Log {
                    self.log_group = Some(pid);
                    // Without a logger that has started, nothing would read the message that it cannot start.
                    if self.verbose.in_log {
                        diag::set_log_pipe(self.pipe.writer);
                    }
                }
                if role == Role::Cmd {
                    self.spawner.ready.run = Some(pid);
                }
                self.set_failure(role, None);
                self.report(role, ChildEvent::Started, pid);
                return Event::Started(role, pid);
            }
            Err(failure) => failure,
        };
        if let (Role::Cmd, Some(_), Some(terminal)) = (role, terminal, &mut self.terminal) {
            terminal.take();
        }
        // Starts are retried without limit, but a repeated failure is reported once.
        if self.set_failure(role, Some(failure)) {
            failure.report(self.spawner.command(role));
        }
        if failure.is_transient(first) {
            Event::StartDeferred(role)
        } else {
            Event::StartFailed(role, failure.exit())
        }
    }
}

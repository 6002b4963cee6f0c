//! The loop: asks the machine for an order, carries it out, tells the machine what happened.
//!
//! All that dmon does to the world goes through here; nothing is decided here.

use super::config::Config;
use super::credentials::Credentials;
use super::daemon::LaunchPipe;
use super::leftovers::Leftovers;
use super::load_sampler;
use super::signals::{CAUGHT, Masks};
use super::spawn::{self, Failure, SpawnSpec};
use super::status::{Status, VerboseLog};
use super::terminal::Terminal;
use crate::applets::diag::{self, os_error};
use crate::applets::wait;
use pure::exit::Exit;
use pure::supervise::machine::{Action, Event, Machine, Role, Sweep};
use pure::supervise::policy::Policy;
use pure::text::split_once;
use pure::time::Instant;
use pure::unix::{Pid, Signal};
use sys::args::Argv;
use sys::file::{self, File};
use sys::process::{PathBuf, Reaped};
use sys::signal::SignalSet;
use sys::{clock, process, signal};

/// What is to be run, and as whom.
pub struct Job {
    pub command: Argv,
    pub credentials: Option<Credentials>,
    pub log_command: Option<Argv>,
    pub log_credentials: Option<Credentials>,
}

/// The log pipe: our end for sample, which the logger shares; our end for writing, given up for the
/// drain.
type Pipe = (File, Option<File>);

// In this order: what is large comes last, so that the way to what is small is short.
#[repr(C)]
pub struct Supervisor<'a> {
    cmd: SpawnSpec<'a>,
    log: Option<SpawnSpec<'a>>,
    /// Held so that either side can come and go.
    pipe: Option<Pipe>,
    /// The mask to wait with.
    mask: SignalSet,
    stop: Signal,
    status: Option<Status>,
    verbose: VerboseLog,
    terminal: Option<Terminal>,
    /// The command had the terminal and died of Ctrl-C, which we and those beside us have not heard.
    cmd_died_of_sigint: bool,
    /// The last `waitpid` found no children at all.
    no_children: bool,
    /// The group of the logger, from its start until nothing of it is left.
    log_group: Option<Pid>,
    /// Children run on our memory until they execute, as was seen.
    shares_memory: bool,
    /// Where a child puts together the path of its command.
    path_buf: &'static mut PathBuf,
    /// Why the last start of the command, of the logger, has failed.
    last_failures: [Option<Failure>; 2],
    leftovers: Leftovers,
}

/// Makes the log pipe, if there is a log command.
///
/// # Errors
/// The kernel refuses it.
pub fn make_pipe(job: &Job) -> Result<Option<Pipe>, Exit> {
    if job.log_command.is_none() {
        return Ok(None);
    }
    match file::pipe() {
        Ok((reader, writer)) => Ok(Some((reader, Some(writer)))),
        Err(error) => Err(os_error("cannot make a pipe", b"", error)),
    }
}

impl<'a> Supervisor<'a> {
    /// Takes in orphans; everything else was prepared.
    pub fn new(
        config: &'a Config,
        job: &'a Job,
        pipe: Option<Pipe>,
        status: Option<Status>,
        terminal: Option<Terminal>,
        path_buf: &'static mut PathBuf,
        (inherited, mask): Masks,
    ) -> Self {
        let supervisor_pid = process::getpid();
        let ends =
            pipe.as_ref().and_then(|(reader, writer)| Some((reader.fd(), writer.as_ref()?.fd())));
        let cmd = SpawnSpec {
            role: Role::Cmd,
            supervisor_pid,
            command: job.command,
            credentials: job.credentials.as_ref(),
            pipe: ends.map(|(_, writer)| writer),
            stderr_too: config.stderr_too,
            mask: inherited,
            limits: Some(&config.limits),
            foreground: false,
            parent_death_signal: Some(config.stop_signal),
        };
        let log = job.log_command.map(|command| SpawnSpec {
            role: Role::Log,
            command,
            credentials: job.log_credentials.as_ref(),
            pipe: ends.map(|(reader, _)| reader),
            stderr_too: false,
            limits: None,
            parent_death_signal: None,
            ..cmd
        });
        Self {
            cmd,
            log,
            pipe,
            mask,
            stop: config.stop_signal,
            status,
            verbose: VerboseLog { on: config.verbose, began: Instant::NEVER, load: None },
            terminal,
            cmd_died_of_sigint: false,
            leftovers: Leftovers::new(config.stop_signal),
            no_children: false,
            log_group: None,
            shares_memory: false,
            path_buf,
            last_failures: [None; 2],
        }
    }

    /// Runs the job until there is a reason to end. `parent` is released once all runs.
    #[inline(never)]
    pub fn run(&mut self, policy: &Policy, parent: &mut Option<LaunchPipe>) -> (Exit, bool) {
        // Time goes on in waits and starts; all else is done in a moment.
        let mut now = clock::now();
        let mut machine = Machine::new(policy, now);
        loop {
            match machine.next_action(now) {
                Action::Exit(exit) => {
                    if self.cmd_died_of_sigint {
                        let _ = signal::killpg_self(Signal::INT);
                    }
                    return (exit, machine.was_interrupted());
                }
                Action::Wait(deadline) => {
                    let limit = deadline.map(|deadline| now.until(deadline));
                    let _ = wait::wait(&self.mask, None, None, limit);
                    now = clock::now();
                    self.collect_events(&mut machine, now);
                }
                Action::Start(role) => {
                    let event = self.start(role, !machine.is_started());
                    now = clock::now();
                    machine.handle(now, event);
                }
                // That a child has died meanwhile will be heard next.
                Action::Stop(role, group, late) => {
                    let what = if late { "timeout|, stopping" } else { "stop|ping" };
                    self.report(role, what, group, None);
                    signal_run(group, self.stop);
                    signal_run(group, Signal::CONT);
                }
                Action::SignalGroup(role, group, signal) => {
                    let what = match signal {
                        Signal::STOP => "pause|d",
                        Signal::CONT => "resume|d",
                        _ => "kill|ed",
                    };
                    self.report(role, what, group, None);
                    if let (Signal::CONT, Some(terminal)) = (signal, &mut self.terminal) {
                        terminal.give_to(group);
                    }
                    signal_run(group, signal);
                    if let (Signal::STOP, Some(terminal)) = (signal, &mut self.terminal) {
                        terminal.take_from(group, true);
                    }
                }
                Action::SignalChild(role, pid, signal) => {
                    let number = signal.number();
                    self.report(role, "signal|led with ", pid, Some(number));
                    let _ = signal::kill(pid, Some(signal));
                }
                Action::Suspend(group) => {
                    if let Some(terminal) = &mut self.terminal {
                        terminal.suspend_self(group);
                    }
                    signal_run(group, Signal::CONT);
                    now = clock::now();
                    machine.handle(now, Event::Resumed);
                    self.collect_events(&mut machine, now);
                }
                Action::Sweep(sweep) => machine.handle(now, self.sweep(sweep)),
                Action::ClosePipe => {
                    self.pipe.iter_mut().for_each(|(_, writer)| *writer = None);
                }
                Action::CountUnread => {
                    let pipe = self.pipe.as_ref();
                    let bytes = pipe.map_or(0, |(reader, _)| file::bytes_readable(reader.fd()));
                    machine.handle(now, Event::Unread(bytes));
                }
                Action::SampleLoad => {
                    let sample = load_sampler::read(&policy.thresholds);
                    [self.verbose.load, ..] = sample.values;
                    machine.handle(now, Event::LoadSample(sample));
                }
                Action::ReportUnread(bytes) => {
                    diag::count("the log command has left bytes unread: ", bytes as u64);
                }
                Action::WarnUnkillable(pid) => {
                    let number = pid.number().unsigned_abs().into();
                    diag::count("still alive after KILL: process or group ", number);
                }
            }
            if machine.is_started()
                && let Some(parent) = parent.take()
            {
                parent.report(Exit::SUCCESS);
            }
        }
    }

    /// After a wait: which signals came, which children died.
    #[inline(never)]
    fn collect_events(&mut self, machine: &mut Machine<'_>, now: Instant) {
        for signal in &CAUGHT {
            let signal = *signal;
            if signal::take(signal) && signal != Signal::CHLD {
                machine.handle(now, Event::Signal(signal));
                // Perhaps the job was brought to the foreground.
                if let (Signal::CONT, Some(terminal), Some(group)) =
                    (signal, &mut self.terminal, machine.running())
                {
                    terminal.give_to(group);
                }
            }
        }
        loop {
            match process::reap() {
                Reaped::Died(pid, status) => {
                    if let Some(role) = machine.role_of(pid) {
                        let what = if status.0 & 0x7f == 0 {
                            "exit|ed with "
                        } else {
                            "exit|ed by signal "
                        };
                        self.report(role, what, pid, Some(status.0));
                        if let Some(terminal) = &mut self.terminal {
                            let had_it = terminal.take_from(pid, false);
                            self.cmd_died_of_sigint |= had_it && status.killed_by(Signal::INT);
                        }
                    }
                    machine.handle(now, Event::Exited(pid, status));
                }
                Reaped::Stopped(pid) => machine.handle(now, Event::Suspended(pid)),
                Reaped::NotYet => break self.no_children = false,
                Reaped::NoChildren => break self.no_children = true,
            }
        }
    }

    /// `what` is a word for status lines and, behind a bar, what makes it one for people.
    fn report(&mut self, role: Role, what: &str, pid: Pid, number: Option<i32>) {
        let (word, more) = split_once(what.as_bytes(), b'|');
        if let Some(status) = &mut self.status {
            status.write_event(role, word, pid, number);
        }
        if self.verbose.on {
            self.verbose.print(role, word, more.unwrap_or(b""), pid, number);
        }
    }

    fn sweep(&mut self, sweep: Sweep) -> Event {
        let log = self.log_group.filter(|_| sweep.role == Role::Cmd);
        let left = self.leftovers.sweep(sweep, log, self.no_children);
        match (sweep.role, &mut self.terminal) {
            _ if left => {}
            (Role::Log, _) => self.log_group = None,
            (Role::Cmd, Some(terminal)) => drop(terminal.take_from(sweep.group, false)),
            (Role::Cmd, None) => {}
        }
        Event::SweepDone(sweep.role, left)
    }

    #[inline(never)]
    fn start(&mut self, role: Role, first: bool) -> Event {
        if role == Role::Cmd && self.verbose.on {
            self.verbose.began = clock::now();
        }
        let [for_cmd, for_log] = &mut self.last_failures;
        let (plan, last) = match (role, &mut self.log) {
            (Role::Log, Some(log)) => (log, for_log),
            _ => (&mut self.cmd, for_cmd),
        };
        plan.foreground =
            role == Role::Cmd && self.terminal.as_ref().is_some_and(Terminal::is_foreground);
        let failure = match spawn::start(plan, self.path_buf, &mut self.shares_memory) {
            Ok(pid) => {
                if role == Role::Log {
                    self.log_group = Some(pid);
                }
                *last = None;
                self.report(role, "start|ed", pid, None);
                return Event::Started(role, pid);
            }
            Err(failure) => failure,
        };
        if let (true, Some(terminal)) = (plan.foreground, &self.terminal) {
            terminal.take();
        }
        // What cannot be started is tried for ever; each reason is told once.
        if last.replace(failure) != Some(failure) {
            failure.report(plan);
        }
        if failure.is_transient(first) {
            Event::StartDeferred(role)
        } else {
            Event::StartFailed(role, failure.exit())
        }
    }
}

/// To the group that this child of ours has led from its start, and to the child itself if it has joined another.
fn signal_run(leader: Pid, signal: Signal) {
    let _ = signal::killpg(leader, Some(signal));
    if process::getpgid(leader) != Some(leader) {
        let _ = signal::kill(leader, Some(signal));
    }
}

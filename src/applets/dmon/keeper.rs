//! The loop: asks the machine for an order, carries it out, tells the machine what happened.
//!
//! All that dmon does to the world goes through here; nothing is decided here.

use super::child::{self, Failure, Plan};
use super::config::Config;
use super::daemon::Parent;
use super::identity::Identity;
use super::machine::{Fact, Machine, Order, Policy, Sweep, Who};
use super::remains::Remains;
use super::signals::{CAUGHT, Masks};
use super::status::{Status, Voice};
use super::terminal::Terminal;
use super::watch;
use crate::applets::tell::{self, refused};
use crate::pure::fault::Exit;
use crate::pure::text::halves;
use crate::pure::time::Instant;
use crate::pure::unix::{Pid, Signal};
use crate::sys::args::Argv;
use crate::sys::file::{self, File};
use crate::sys::process::{PathRoom, Reaped};
use crate::sys::signal::Mask;
use crate::sys::{clock, process, signal, wait};

/// What is to be run, and as whom.
pub struct Job {
    pub command: Argv,
    pub identity: Option<Identity>,
    pub log_command: Option<Argv>,
    pub log_identity: Option<Identity>,
}

/// The log pipe: our end for reading, which the logger shares; our end for writing, given up for the
/// drain.
type Pipe = (File, Option<File>);

// In this order: what is large comes last, so that the way to what is small is short.
#[repr(C)]
pub struct Keeper<'a> {
    cmd: Plan<'a>,
    log: Option<Plan<'a>>,
    /// Held so that either side can come and go.
    pipe: Option<Pipe>,
    /// The mask to wait with.
    mask: Mask,
    stop: Signal,
    status: Option<Status>,
    voice: Voice,
    terminal: Option<Terminal>,
    /// The command had the terminal and died of Ctrl-C, which we and those beside us have not heard.
    struck: bool,
    /// The last `waitpid` found no children at all.
    childless: bool,
    /// The group of the logger, from its start until nothing of it is left.
    log_group: Option<Pid>,
    /// Children run on our memory until they execute, as was seen.
    shares_memory: bool,
    /// Where a child puts together the path of its command.
    room: &'static mut PathRoom,
    /// Why the last start of the command, of the logger, has failed.
    complaints: [Option<Failure>; 2],
    remains: Remains,
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
        Err(error) => Err(refused("cannot make a pipe", b"", error)),
    }
}

impl<'a> Keeper<'a> {
    /// Takes in orphans; everything else was prepared.
    pub fn new(
        config: &'a Config,
        job: &'a Job,
        pipe: Option<Pipe>,
        status: Option<Status>,
        terminal: Option<Terminal>,
        room: &'static mut PathRoom,
        (inherited, mask): Masks,
    ) -> Self {
        let us = process::me();
        let ends = pipe
            .as_ref()
            .and_then(|(reader, writer)| Some((reader.number(), writer.as_ref()?.number())));
        let cmd = Plan {
            who: Who::Cmd,
            us,
            command: job.command,
            identity: job.identity.as_ref(),
            pipe: ends.map(|(_, writer)| writer),
            stderr_too: config.stderr_too,
            mask: inherited,
            limits: Some(&config.limits),
            in_terminal: false,
            at_our_death: Some(config.stop_signal),
        };
        let log = job.log_command.map(|command| Plan {
            who: Who::Log,
            command,
            identity: job.log_identity.as_ref(),
            pipe: ends.map(|(reader, _)| reader),
            stderr_too: false,
            limits: None,
            at_our_death: None,
            ..cmd
        });
        Self {
            cmd,
            log,
            pipe,
            mask,
            stop: config.stop_signal,
            status,
            voice: Voice { on: config.verbose, began: Instant::NEVER, load: None },
            terminal,
            struck: false,
            remains: Remains::new(config.stop_signal),
            childless: false,
            log_group: None,
            shares_memory: false,
            room,
            complaints: [None; 2],
        }
    }

    /// Runs the job until there is a reason to end. `parent` is released once all runs.
    #[inline(never)]
    pub fn keep(&mut self, policy: &Policy, parent: &mut Option<Parent>) -> (Exit, bool) {
        // Time goes on in waits and starts; all else is done in a moment.
        let mut now = clock::now();
        let mut machine = Machine::new(policy, now);
        loop {
            match machine.next(now) {
                Order::Quit(exit) => {
                    if self.struck {
                        let _ = signal::send_own_group(Signal::INT);
                    }
                    return (exit, machine.was_interrupted());
                }
                Order::Wait(deadline) => {
                    let limit = deadline.map(|deadline| now.until(deadline));
                    let _ = wait::wait(&self.mask, None, None, limit);
                    now = clock::now();
                    self.look_around(&mut machine, now);
                }
                Order::Start(who) => {
                    let fact = self.start(who, !machine.has_begun());
                    now = clock::now();
                    machine.hear(now, fact);
                }
                // That a child has died meanwhile will be heard next.
                Order::Stop(who, group, late) => {
                    let what = if late { "timeout|, stopping" } else { "stop|ping" };
                    self.tell(who, what, group, None);
                    send_run(group, self.stop);
                    send_run(group, Signal::CONT);
                }
                Order::SendGroup(who, group, signal) => {
                    let what = match signal {
                        Signal::STOP => "pause|d",
                        Signal::CONT => "resume|d",
                        _ => "kill|ed",
                    };
                    self.tell(who, what, group, None);
                    if let (Signal::CONT, Some(terminal)) = (signal, &mut self.terminal) {
                        terminal.lend(group);
                    }
                    send_run(group, signal);
                    if let (Signal::STOP, Some(terminal)) = (signal, &mut self.terminal) {
                        terminal.take_back(group, true);
                    }
                }
                Order::Send(who, pid, signal) => {
                    let number = signal.number();
                    self.tell(who, "signal|led with ", pid, Some(number));
                    let _ = signal::send(pid, Some(signal));
                }
                Order::Halt(group) => {
                    if let Some(terminal) = &mut self.terminal {
                        terminal.stop_too(group);
                    }
                    send_run(group, Signal::CONT);
                    now = clock::now();
                    machine.hear(now, Fact::Resumed);
                    self.look_around(&mut machine, now);
                }
                Order::Sweep(sweep) => machine.hear(now, self.sweep(sweep)),
                Order::ClosePipe => {
                    self.pipe.iter_mut().for_each(|(_, writer)| *writer = None);
                }
                Order::Peek => {
                    let pipe = self.pipe.as_ref();
                    let bytes = pipe.map_or(0, |(reader, _)| file::waiting(reader.number()));
                    machine.hear(now, Fact::Unread(bytes));
                }
                Order::ReadLoad => {
                    let reading = watch::read(&policy.watch);
                    [self.voice.load, ..] = reading.values;
                    machine.hear(now, Fact::Load(reading));
                }
                Order::Lament(bytes) => {
                    tell::count("the log command has left bytes unread: ", bytes as u64);
                }
                Order::Warn(pid) => {
                    let number = pid.number().unsigned_abs().into();
                    tell::count("still alive after KILL: process or group ", number);
                }
            }
            if machine.has_begun()
                && let Some(parent) = parent.take()
            {
                parent.release(Exit::FINE);
            }
        }
    }

    /// After a wait: which signals came, which children died.
    #[inline(never)]
    fn look_around(&mut self, machine: &mut Machine<'_>, now: Instant) {
        for signal in &CAUGHT {
            let signal = *signal;
            if signal::take(signal) && signal != Signal::CHLD {
                machine.hear(now, Fact::Asked(signal));
                // Perhaps the job was brought to the foreground.
                if let (Signal::CONT, Some(terminal), Some(group)) =
                    (signal, &mut self.terminal, machine.running())
                {
                    terminal.lend(group);
                }
            }
        }
        loop {
            match process::reap() {
                Reaped::Died(pid, status) => {
                    if let Some(who) = machine.whose(pid) {
                        let what = if status.0 & 0x7f == 0 {
                            "exit|ed with "
                        } else {
                            "exit|ed by signal "
                        };
                        self.tell(who, what, pid, Some(status.0));
                        if let Some(terminal) = &mut self.terminal {
                            let had_it = terminal.take_back(pid, false);
                            self.struck |= had_it && status.is_of(Signal::INT);
                        }
                    }
                    machine.hear(now, Fact::Ended(pid, status));
                }
                Reaped::Stopped(pid) => machine.hear(now, Fact::Stopped(pid)),
                Reaped::NotYet => break self.childless = false,
                Reaped::NoChildren => break self.childless = true,
            }
        }
    }

    /// `what` is a word for status lines and, behind a bar, what makes it one for people.
    fn tell(&mut self, who: Who, what: &str, pid: Pid, number: Option<i32>) {
        let (word, more) = halves(what.as_bytes(), b'|');
        if let Some(status) = &mut self.status {
            status.tell(who, word, pid, number);
        }
        if self.voice.on {
            self.voice.tell(who, word, more.unwrap_or(b""), pid, number);
        }
    }

    fn sweep(&mut self, sweep: Sweep) -> Fact {
        let log = self.log_group.filter(|_| sweep.who == Who::Cmd);
        let left = self.remains.sweep(sweep, log, self.childless);
        match (sweep.who, &mut self.terminal) {
            _ if left => {}
            (Who::Log, _) => self.log_group = None,
            (Who::Cmd, Some(terminal)) => drop(terminal.take_back(sweep.group, false)),
            (Who::Cmd, None) => {}
        }
        Fact::Swept(sweep.who, left)
    }

    #[inline(never)]
    fn start(&mut self, who: Who, first: bool) -> Fact {
        if who == Who::Cmd && self.voice.on {
            self.voice.began = clock::now();
        }
        let [for_cmd, for_log] = &mut self.complaints;
        let (plan, last) = match (who, &mut self.log) {
            (Who::Log, Some(log)) => (log, for_log),
            _ => (&mut self.cmd, for_cmd),
        };
        plan.in_terminal = who == Who::Cmd && self.terminal.as_ref().is_some_and(Terminal::is_here);
        let failure = match child::start(plan, self.room, &mut self.shares_memory) {
            Ok(pid) => {
                if who == Who::Log {
                    self.log_group = Some(pid);
                }
                *last = None;
                self.tell(who, "start|ed", pid, None);
                return Fact::Started(who, pid);
            }
            Err(failure) => failure,
        };
        if let (true, Some(terminal)) = (plan.in_terminal, &self.terminal) {
            terminal.reclaim();
        }
        // What cannot be started is tried for ever; each reason is told once.
        if last.replace(failure) != Some(failure) {
            failure.tell(plan);
        }
        if failure.may_pass(first) {
            Fact::Refused(who)
        } else {
            Fact::Unstarted(who, failure.exit())
        }
    }
}

/// To the group that this child of ours has led from its start, and to the child itself if it has joined another.
fn send_run(leader: Pid, signal: Signal) {
    let _ = signal::send_group(leader, Some(signal));
    if process::group(leader) != Some(leader) {
        let _ = signal::send(leader, Some(signal));
    }
}

//! The loop: asks the machine for an order, carries it out, tells the machine what happened.
//!
//! All that dmon does to the world goes through here; nothing is decided here.

use super::child::{self, Failure, Plan};
use super::config::Config;
use super::daemon::Parent;
use super::identity::Identity;
use super::load::{self, Reading};
use super::machine::{Fact, Machine, Order, Policy, Who};
use super::remains::{self, Remains};
use crate::pure::fault::{Exit, Fault};
use crate::pure::unix::{Pid, Signal};
use crate::pure::value::Load;
use crate::sys::args::Argv;
use crate::sys::file::{self, File};
use crate::sys::process::Reaped;
use crate::sys::signal::Mask;
use crate::sys::{clock, process, signal, system, wait};

/// What is caught. PIPE only to be harmless: a message to a closed pipe is lost, not dmon.
const CAUGHT: [Signal; 10] = [
    Signal::CHLD,
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::ALRM,
    Signal::USR1,
    Signal::USR2,
    Signal::CONT,
    Signal::PIPE,
];

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

pub struct Keeper<'a> {
    cmd: Plan<'a>,
    log: Option<Plan<'a>>,
    /// Held so that either side can come and go.
    pipe: Option<Pipe>,
    /// The mask to wait with.
    mask: Mask,
    stop: Signal,
    remains: Remains,
    /// The last `waitpid` found no children at all.
    childless: bool,
    /// The group of the logger, from its start to its end.
    log_group: Option<Pid>,
    /// What was last said about a failed start.
    complaint: Option<Fault>,
}

/// Makes the log pipe and catches the signals: all that a keeper needs and may not get. Gives the pipe,
/// the mask for commands and the mask to wait with.
///
/// # Errors
/// The kernel refuses a pipe.
pub fn prepare(job: &Job) -> Result<(Option<Pipe>, Mask, Mask), Fault> {
    let refused = |error| Fault::failed("cannot make a pipe: ").error(error);
    let pipe = job.log_command.map(|_| file::pipe()).transpose().map_err(refused)?;
    let refused = |error| Fault::failed("cannot catch signals: ").error(error);
    let (inherited, waiting) = signal::catch_all(&CAUGHT).map_err(refused)?;
    Ok((pipe.map(|(reader, writer)| (reader, Some(writer))), inherited, waiting))
}

impl<'a> Keeper<'a> {
    /// Takes in orphans; everything else was prepared.
    pub fn new(
        config: &Config,
        job: &'a Job,
        (pipe, inherited, mask): (Option<Pipe>, Mask, Mask),
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
            at_our_death: Some(config.stop_signal),
        };
        let log = job.log_command.map(|command| Plan {
            who: Who::Log,
            command,
            identity: job.log_identity.as_ref(),
            pipe: ends.map(|(reader, _)| reader),
            stderr_too: false,
            at_our_death: None,
            ..cmd
        });
        Self {
            cmd,
            log,
            pipe,
            mask,
            stop: config.stop_signal,
            remains: Remains::new(config.stop_signal),
            childless: false,
            log_group: None,
            complaint: None,
        }
    }

    /// Runs the job until there is a reason to end. `parent` is released once all runs.
    pub fn keep(&mut self, policy: Policy, parent: &mut Option<Parent>) -> Exit {
        let per_cpu = policy.load.is_some_and(|limits| limits.per_cpu());
        let mut machine = Machine::new(policy, clock::now());
        loop {
            match machine.next(clock::now()) {
                Order::Quit(exit) => return exit,
                Order::Wait(deadline) => {
                    let _ = wait::wait(&self.mask, None, None, deadline);
                    self.look_around(&mut machine);
                }
                Order::Start(who) => {
                    let fact = self.start(who, parent.as_ref());
                    machine.hear(clock::now(), fact);
                    if machine.has_begun()
                        && let Some(parent) = parent.take()
                    {
                        parent.release(Ok(Exit::FINE));
                    }
                }
                Order::ReadLoad => machine.hear(clock::now(), Fact::Load(read_load(per_cpu))),
                order => {
                    if let Some(fact) = self.act(order) {
                        machine.hear(clock::now(), fact);
                    }
                }
            }
        }
    }

    /// After a wait: which signals came, which children died.
    fn look_around(&mut self, machine: &mut Machine) {
        let now = clock::now();
        for signal in CAUGHT {
            if signal::take(signal) && signal != Signal::CHLD {
                machine.hear(now, Fact::Asked(signal));
            }
        }
        loop {
            match process::reap() {
                Reaped::Died(pid, status) => machine.hear(now, Fact::Ended(pid, status)),
                Reaped::NotYet => break self.childless = false,
                Reaped::NoChildren => break self.childless = true,
            }
        }
    }

    fn start(&mut self, who: Who, parent: Option<&Parent>) -> Fact {
        let plan = match (who, &self.log) {
            (Who::Log, Some(log)) => log,
            _ => &self.cmd,
        };
        let (fact, complaint) = match child::start(plan) {
            Ok(pid) => (Fact::Started(who, pid), None),
            Err(Failure::Refused(error)) => {
                let name = plan.command.name().to_bytes();
                (Fact::Refused(who), Some(Fault::refused("trying to start ", name, error)))
            }
            Err(Failure::Unready(fault)) => (Fact::Unstarted(who, fault.exit), Some(fault)),
        };
        if let (Fact::Started(_, pid), Who::Log) = (fact, who) {
            self.log_group = Some(pid);
        }
        // A command that cannot be started is tried for ever; it is complained about once.
        if let Some(fault) = complaint.filter(|_| complaint != self.complaint) {
            match parent {
                Some(parent) => parent.say(&fault),
                None => say(&fault),
            }
        }
        if complaint.is_some() {
            self.complaint = complaint;
        }
        fact
    }

    /// Orders that are done at once.
    fn act(&mut self, order: Order) -> Option<Fact> {
        match order {
            Order::Stop(group) => remains::stop_group(group, self.stop),
            // That it has died meanwhile will be heard next.
            Order::SendGroup(group, signal) => drop(signal::send_group(group, Some(signal))),
            Order::Send(pid, signal) => drop(signal::send(pid, Some(signal))),
            Order::Sweep { who, group, told, kill } => {
                let log = self.log_group.filter(|_| who == Who::Cmd);
                let left = self.remains.sweep(who, group, log, told, kill, self.childless);
                return Some(Fact::Swept(who, left));
            }
            Order::ClosePipe => self.pipe.iter_mut().for_each(|(_, writer)| *writer = None),
            Order::Peek => {
                let bytes =
                    self.pipe.as_ref().map_or(0, |(reader, _)| file::waiting(reader.number()));
                return Some(Fact::Unread(bytes > 0));
            }
            Order::Warn(pid) => {
                say(&Fault::failed("still alive after KILL: process ").number(pid.number().into()));
            }
            Order::Start(_) | Order::ReadLoad | Order::Wait(_) | Order::Quit(_) => {}
        }
        None
    }
}

fn say(fault: &Fault) {
    let _ = file::write(file::STDERR, fault.line("dmon").bytes());
}

/// The load now: /proc/loadavg, else what sysinfo(2) says in 1/65536.
fn read_load(per_cpu: bool) -> Reading {
    let mut room = [0; 64];
    let text = file::head(c"/proc/loadavg", &mut room).ok();
    let load =
        text.and_then(load::parse).unwrap_or_else(|| Load((system::load() * Load::ONE) >> 16));
    let processors = if per_cpu { count_processors() } else { 1 };
    Reading { load, processors }
}

/// How many processors are online; without /sys, how many we may use.
fn count_processors() -> u64 {
    let mut room = [0; 64];
    let text = file::head(c"/sys/devices/system/cpu/online", &mut room).ok();
    text.and_then(load::count_listed).unwrap_or_else(system::processors)
}

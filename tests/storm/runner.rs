//! Runs a storm: starts dmon, carries out the plan, waits for the exit, and collects the observations.

use super::checks::{self, Instance, Observations};
use super::journal;
use super::log_lines::line_counts;
use super::plan::{Action, Logger, Plan, Target};
use crate::rig::disk::Disk;
use crate::rig::load::Load;
use crate::rig::receiver::{Datagrams, Receiver, Stream};
use crate::rig::{Rig, Running, command_line, pace, proc, signal};
use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};
use std::cell::{Cell, RefCell};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A command that handles SIGTERM exits within this time. One that does not runs longer.
const TERM_LIMIT: Duration = Duration::from_secs(5);

/// Runs one storm and verifies the promises.
pub fn run(plan: &Plan) {
    let rig = Rig::new();
    rig.write("journal", "");
    rig.shell("mkdir folder").exits(0);
    let stream = plan.has_stream().then(|| Stream::tcp("127.0.0.1", 0).expect("a port"));
    let port = stream.as_ref().map_or(0, Stream::port);
    let receiver: Box<dyn Receiver + Send> = match stream {
        Some(stream) => Box::new(stream.counted()),
        None => Box::new(Datagrams::new(rig.path("socket"))),
    };
    let runner = Runner {
        rig: &rig,
        plan,
        // More than the commands write, so that it is full only between FillDisk and EmptyDisk.
        disk: plan.disk.then(|| Disk::sized(&rig, "16m").expect("a disk")),
        disk_is_full: Cell::new(false),
        port,
        load: plan.load.then(|| Load::new(&rig, plan.initial_load).expect("a load")),
        messages: RefCell::new(Vec::new()),
        instances: RefCell::new(Vec::new()),
    };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let receiver = scope.spawn(|| receive(receiver, plan.header_blanks(), &done));
        // On a panic the receiver must stop as well, or the scope would wait for it forever.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runner.run_all()));
        done.store(true, Ordering::Relaxed);
        *runner.messages.borrow_mut() = receiver.join().expect("the receiver");
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let failures = checks::failures(plan, &runner.observations());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Receives syslog messages until `done`, and returns their texts as lines. A text follows so many blanks.
fn receive(mut receiver: Box<dyn Receiver + Send>, blanks: usize, done: &AtomicBool) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        // Read before the socket: all messages that were sent before `done` are then received.
        let is_last = done.load(Ordering::Relaxed);
        // At the end, each connection of a stream that waits to be accepted needs a look of its own.
        for _ in 0..if is_last { 20 } else { 1 } {
            while let Some(message) = receiver.try_receive() {
                let text = message.splitn(blanks + 1, |byte| *byte == b' ').last();
                all.extend_from_slice(text.unwrap_or_default());
                all.push(b'\n');
            }
        }
        if is_last {
            return all;
        }
    }
}

pub struct Runner<'a> {
    pub rig: &'a Rig,
    pub plan: &'a Plan,
    pub disk: Option<Disk<'a>>,
    pub disk_is_full: Cell<bool>,
    /// The TCP port of the syslog receiver.
    port: u16,
    pub load: Option<Load>,
    messages: RefCell<Vec<u8>>,
    instances: RefCell<Vec<Instance>>,
}

/// A dmon instance.
pub struct Dmon<'a> {
    pub pid: i32,
    pub started: Instant,
    /// The name of the file with its status lines.
    pub status: String,
    /// `None` for a daemon, which is not our child.
    running: Option<Running<'a>>,
}

impl Dmon<'_> {
    pub fn is_alive(&self) -> bool {
        match &self.running {
            Some(running) => running.is_running(),
            None => !matches!(proc::state(self.pid), None | Some('Z' | 'X')),
        }
    }
}

impl<'a> Runner<'a> {
    /// Appends a line to the journal.
    pub fn note(&self, event: &str) {
        let now: Duration = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock").into();
        let path = self.rig.path("journal");
        let mut journal = OpenOptions::new().append(true).open(path).expect("the journal");
        journal.write_all(format!("{} {event}\n", now.as_millis()).as_bytes()).expect("a line");
    }

    fn run_all(&self) {
        let chaos_child = &self.plan.chaos_child;
        // Processes that must not receive any signal: one in our session, one in another.
        let unrelated = [
            ("same-session", self.rig.start(format!("{chaos_child} watch same-session"))),
            ("own-session", self.rig.start(format!("setsid {chaos_child} watch own-session"))),
        ];
        unrelated.iter().for_each(|(name, _)| self.rig.wait_file(name));
        let unrelated_pids = unrelated.each_ref().map(|(_, process)| process.pid());
        for number in 1..=self.plan.instances {
            let dmon = self.start(number);
            let mut instance = Instance { pid: dmon.pid, ..Instance::default() };
            self.execute(&dmon, &mut instance, number);
            self.finish(dmon, &mut instance, number, &unrelated_pids);
            self.instances.borrow_mut().push(instance);
        }
        for (name, process) in &unrelated {
            let received = self.rig.read(name);
            assert!(received.is_empty(), "the unrelated process {name} received {received}");
            let state = proc::state(process.pid());
            assert!(matches!(state, Some('S' | 'R' | 'D')), "unrelated process {name}: {state:?}");
        }
    }

    /// Starts the dmon instance with this number.
    fn start(&self, number: usize) -> Dmon<'a> {
        let mut line = self.plan.command_line(number).replace("PORT", &self.port.to_string());
        if let Some(load) = &self.load {
            line = format!("{load} {line}");
        }
        if let Some(disk) = &self.disk {
            line = format!("{disk} {line}");
        }
        let (started, status) = (Instant::now(), format!("status.{number}"));
        let running = self.rig.start(line);
        if self.plan.foreground {
            let dmon = Dmon { pid: running.pid(), started, status, running: Some(running) };
            // Before that it is a shell, or signals would terminate it.
            let is_ready =
                || command_line(dmon.pid).starts_with("dmon ") && catches_alarm(dmon.pid);
            self.rig.wait_for("dmon to catch signals", || !dmon.is_alive() || is_ready());
            return dmon;
        }
        running.wait().exits(0);
        // dmon removes the file just before it exits; then its PID is unknown.
        let pid = self.rig.read("pid").trim().parse().unwrap_or(0);
        Dmon { pid, started, status, running: None }
    }

    /// Carries out the planned actions while dmon runs. A second instance is only stopped.
    fn execute(&self, dmon: &Dmon, instance: &mut Instance, number: usize) {
        let stop = [(Duration::from_millis(700), Action::Signal(Target::Dmon, Signal::SIGTERM))];
        let (actions, shutdown_actions) = match number {
            1 => (&self.plan.actions[..], &self.plan.shutdown_actions[..]),
            _ => (&stop[..], &[][..]),
        };
        for (at, action) in actions {
            self.observe_until(dmon, instance, *at);
            if !dmon.is_alive() {
                return;
            }
            self.inject(dmon, *action);
        }
        instance.was_killed = actions.last().is_some_and(|(_, action)| action.kills_dmon());
        for (at, action) in shutdown_actions {
            while dmon.started.elapsed() < *at && dmon.is_alive() {
                pace(Duration::from_millis(5));
            }
            if dmon.is_alive() {
                self.inject(dmon, *action);
            }
        }
    }

    /// Waits until dmon has exited, and verifies that nothing is left.
    fn finish(&self, dmon: Dmon, instance: &mut Instance, number: usize, unrelated: &[i32]) {
        self.rig.wait_for("dmon to exit", || {
            !dmon.is_alive() && (dmon.pid > 0 || self.rig.processes_called("dmon ").is_empty())
        });
        let leftovers = || -> Vec<_> {
            let mut alive = self.rig.processes();
            alive.retain(|process| !unrelated.contains(&process.pid) && !is_fixture(process.pid));
            alive
        };
        if !instance.was_killed {
            let left = leftovers();
            assert!(left.is_empty(), "leftover processes: {left:?}");
            assert!(!self.rig.has("pid"), "the pid file still exists");
        } else if number == self.plan.instances {
            self.finish_killed(&leftovers);
        }
        if let Some(running) = dmon.running {
            let done = running.wait();
            instance.exit_status = Some(done.code());
            instance.out = done.out;
            instance.err = done.err;
        }
        instance.status = self.rig.read(&dmon.status);
    }

    /// After SIGKILL of dmon: the kernel sends SIGTERM to the command (PR_SET_PDEATHSIG), which exits. The test kills
    /// the others. Then the log command reads the end of its input and exits.
    fn finish_killed(&self, leftovers: &dyn Fn() -> Vec<proc::Process>) {
        let killed = Instant::now();
        let ignoring_term = journal::ignoring_term(&self.rig.read("journal"));
        let command = format!("{} run", self.plan.chaos_child);
        self.rig.wait_for("the command of a killed dmon to exit", || {
            leftovers().iter().all(|process| {
                !command_line(process.pid).starts_with(&command)
                    || process.state == 'T'
                    || ignoring_term.contains(&process.pid)
            })
        });
        assert!(killed.elapsed() < TERM_LIMIT, "the command of a killed dmon still runs");
        let is_chaos_child =
            |process: &proc::Process| command_line(process.pid).starts_with(&self.plan.chaos_child);
        for process in leftovers().into_iter().filter(is_chaos_child) {
            signal(process.pid, Signal::SIGKILL);
        }
        self.rig.wait_for("all leftover processes to exit", || leftovers().is_empty());
    }

    fn observations(&self) -> Observations {
        let instances = self.instances.take();
        let log = match self.plan.logger {
            Logger::None => instances.iter().flat_map(|instance| instance.out.bytes()).collect(),
            Logger::Drlog => self.rig.rotated("folder").concat(),
            Logger::Dsyslog => self.messages.borrow().clone(),
            Logger::Dlog | Logger::Cat => match &self.disk {
                Some(disk) => disk.read("log").into_bytes(),
                None => self.rig.bytes("log"),
            },
        };
        let (journal, line_counts) = (self.rig.read("journal"), line_counts(self.rig));
        Observations { journal, instances, line_counts, log }
    }
}

/// Whether this process belongs to the test's disk.
fn is_fixture(pid: i32) -> bool {
    command_line(pid).starts_with("sleep 100000")
}

/// Whether this process catches SIGALRM, as dmon does.
fn catches_alarm(pid: i32) -> bool {
    let caught = proc::status(pid, "SigCgt");
    u64::from_str_radix(&caught, 16).is_ok_and(|set| set >> (Signal::SIGALRM as i32 - 1) & 1 == 1)
}

impl Drop for Runner<'_> {
    /// After a failure, prints everything that helps to find its cause.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let tail = |name: &str| {
            let text = self.rig.read(name);
            let skipped = text.lines().count().saturating_sub(200);
            text.lines().skip(skipped).map(|line| format!("  {line}\n")).collect::<String>()
        };
        println!("{}journal:\n{}", self.plan, tail("journal"));
        for number in 1..=self.plan.instances {
            println!("status lines of instance {number}:\n{}", tail(&format!("status.{number}")));
        }
        for process in self.rig.processes() {
            println!("process {process:?} {}", command_line(process.pid));
        }
        for number in 1..=9 {
            let name = format!("{number}.err");
            let err = self.rig.read(&name);
            if !err.is_empty() {
                println!("{name}: {:?}", err.chars().take(500).collect::<String>());
            }
        }
    }
}

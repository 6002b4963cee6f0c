//! The storm itself: dmon is started, struck and ended as planned, and looked at meanwhile.

use super::plan::{Act, Logger, Plan, Target};
use super::verdict::{self, Life, Said, Seen};
use crate::rig::disk::Disk;
use crate::rig::load::Load;
use crate::rig::receiver::{Datagrams, Receiver};
use crate::rig::{Rig, Running, called, proc, signal};
use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};
use std::cell::{Cell, RefCell};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often dmon is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What comes sooner than this after a signal may have come before it to dmon, however busy the machine is.
const AT_ONCE: Duration = Duration::from_secs(2);

/// What a signal ends is over by then, and what ends by itself is not.
const SOON: Duration = Duration::from_secs(5);

/// One storm, from its beginning to the verdict.
pub fn play(plan: &Plan) {
    let rig = Rig::new();
    rig.write("ledger", "");
    rig.shell("mkdir folder").exits(0);
    let scene = Scene {
        rig: &rig,
        plan,
        disk: plan.disk.then(|| Disk::sized(&rig, "1m").expect("a disk")),
        is_full: Cell::new(false),
        load: plan.load.then(|| Load::new(&rig, plan.first_load).expect("a load")),
        messages: RefCell::new(Vec::new()),
        lives: RefCell::new(Vec::new()),
    };
    let socket = Datagrams::new(rig.path("socket"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let receiver = scope.spawn(|| receive(socket, &done));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scene.act_all()));
        done.store(true, Ordering::Relaxed);
        *scene.messages.borrow_mut() = receiver.join().expect("the receiver");
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let complaints = verdict::complaints(plan, &scene.seen());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The texts of all messages that come to the socket, a line each.
fn receive(mut socket: Datagrams, done: &AtomicBool) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        // Looked at first: what was sent before is here by then.
        let last = done.load(Ordering::Relaxed);
        while let Some(message) = socket.look() {
            let text = message.windows(2).position(|two| two == b": ").map_or(0, |at| at + 2);
            all.extend_from_slice(&message[text..]);
            all.push(b'\n');
        }
        if last {
            return all;
        }
    }
}

struct Scene<'a> {
    rig: &'a Rig,
    plan: &'a Plan,
    disk: Option<Disk<'a>>,
    is_full: Cell<bool>,
    load: Option<Load>,
    messages: RefCell<Vec<u8>>,
    lives: RefCell<Vec<Life>>,
}

/// dmon, in one of its lives.
struct Dmon<'a> {
    pid: i32,
    begun: Instant,
    status: String,
    /// If we are its parent.
    running: Option<Running<'a>>,
}

impl Dmon<'_> {
    fn is_alive(&self) -> bool {
        match &self.running {
            Some(running) => running.is_running(),
            None => !matches!(proc::state(self.pid), None | Some('Z' | 'X')),
        }
    }
}

impl<'a> Scene<'a> {
    /// Writes a line into the ledger, where the processes of the storm write as well.
    fn note(&self, words: &str) {
        let now: Duration = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock").into();
        let path = self.rig.path("ledger");
        let mut ledger = OpenOptions::new().append(true).open(path).expect("the ledger");
        ledger.write_all(format!("{} {words}\n", now.as_millis()).as_bytes()).expect("a line");
    }

    fn act_all(&self) {
        let stormy = &self.plan.stormy;
        let bystanders = [
            ("beside", self.rig.start(format!("{stormy} bystand beside"))),
            ("elsewhere", self.rig.start(format!("setsid {stormy} bystand elsewhere"))),
        ];
        bystanders.iter().for_each(|(name, _)| self.rig.wait_file(name));
        let strangers = bystanders.each_ref().map(|(_, bystander)| bystander.pid());
        for number in 1..=self.plan.lives {
            let dmon = self.begin(number);
            let mut life = Life { pid: dmon.pid, ..Life::default() };
            self.befall(&dmon, &mut life, number);
            self.end(dmon, &mut life, number, &strangers);
            self.lives.borrow_mut().push(life);
        }
        for (name, bystander) in &bystanders {
            let got = self.rig.read(name);
            assert!(got.is_empty(), "the bystander {name} has got a {got}");
            let state = proc::state(bystander.pid());
            assert!(matches!(state, Some('S' | 'R' | 'D')), "the bystander {name} is {state:?}");
        }
    }

    /// Types the line.
    fn begin(&self, number: usize) -> Dmon<'a> {
        let mut line = self.plan.line(number);
        if let Some(load) = &self.load {
            line = format!("{load} {line}");
        }
        if let Some(disk) = &self.disk {
            line = format!("{disk} {line}");
        }
        let (begun, status) = (Instant::now(), format!("status.{number}"));
        let running = self.rig.start(line);
        if self.plan.foreground {
            let dmon = Dmon { pid: running.pid(), begun, status, running: Some(running) };
            // Until then it is a shell, or has not said what it does with signals.
            let hears = || called(dmon.pid).starts_with("dmon ") && catches(dmon.pid);
            self.rig.wait_for("dmon to hear", || !dmon.is_alive() || hears());
            return dmon;
        }
        running.wait().exits(0);
        // Its file may be gone already; then nobody knows its number, and it is in its last moments.
        let pid = self.rig.read("pid").trim().parse().unwrap_or(0);
        Dmon { pid, begun, status, running: None }
    }

    /// Whatever is planned for it, as long as it lives.
    fn befall(&self, dmon: &Dmon, life: &mut Life, number: usize) {
        let last_life = [(Duration::from_millis(700), Act::Signal(Target::Dmon, Signal::SIGTERM))];
        let acts = if number == 1 { &self.plan.acts[..] } else { &last_life };
        let hurry = if number == 1 { &self.plan.hurry[..] } else { &[] };
        for (at, act) in acts {
            self.look_on(dmon, life, *at);
            if !dmon.is_alive() {
                return;
            }
            self.act(dmon, *act);
        }
        life.was_killed = acts.last().is_some_and(|(_, act)| act.kills());
        for (at, act) in hurry {
            while dmon.begun.elapsed() < *at && dmon.is_alive() {
                sleep(LOOK / 4);
            }
            if dmon.is_alive() {
                self.act(dmon, *act);
            }
        }
    }

    /// Looks at dmon until that moment.
    fn look_on(&self, dmon: &Dmon, life: &mut Life, until: Duration) {
        while let Some(rest) = until.checked_sub(dmon.begun.elapsed()) {
            sleep(rest.min(LOOK));
            if !dmon.is_alive() {
                return;
            }
            if self.rig.read("ledger").contains(" begin ") {
                life.descriptors.push(proc::descriptors(dmon.pid).len());
                life.data.push(proc::status(dmon.pid, "VmData"));
            }
        }
        let zombies: Vec<_> =
            proc::children(dmon.pid).into_iter().filter(|c| c.is_zombie()).collect();
        self.rig.wait_for(format!("no zombie, of {zombies:?}"), || {
            let is_left =
                |pid| proc::process(pid).is_some_and(|p| p.is_zombie() && p.parent == dmon.pid);
            !dmon.is_alive() || !zombies.iter().any(|zombie| is_left(zombie.pid))
        });
        self.look_at_pause(dmon);
    }

    /// A pause by the load is one, and so is its end.
    fn look_at_pause(&self, dmon: &Dmon) {
        let status = self.rig.read(&dmon.status);
        let Some((cmd, is_paused)) = verdict::paused(&status, &self.rig.read("ledger")) else {
            return;
        };
        self.rig.wait_for(format!("{cmd} to be paused: {is_paused}"), || match proc::state(cmd) {
            None | Some('Z' | 'X') => true,
            state => (state == Some('T')) == is_paused || self.rig.read(&dmon.status) != status,
        });
    }

    /// The process that is meant, if it is there.
    fn find(&self, dmon: &Dmon, target: Target) -> Option<i32> {
        let words = match (target, self.plan.logger) {
            (Target::Dmon, _) => return Some(dmon.pid),
            (Target::Cmd, _) => format!("{} run", self.plan.stormy),
            (Target::Log, Logger::None) => return None,
            (Target::Log, Logger::Dlog) => "dlog ".into(),
            (Target::Log, Logger::Drlog) => "drlog ".into(),
            (Target::Log, Logger::Dsyslog) => "dsyslog ".into(),
            (Target::Log, Logger::Cat) => "cat".into(),
        };
        let is_meant =
            |child: &proc::Process| !child.is_zombie() && called(child.pid).starts_with(&words);
        proc::children(dmon.pid).into_iter().find(is_meant).map(|child| child.pid)
    }

    fn act(&self, dmon: &Dmon, act: Act) {
        match act {
            Act::Signal(target, which) => {
                let Some(pid) = self.find(dmon, target) else { return };
                self.note(&format!("act {target:?} {pid} {}", which as i32));
                let before = self.rig.read(&dmon.status);
                signal(pid, which);
                if target == Target::Dmon {
                    self.hear(dmon, which, &before);
                }
            }
            Act::Freeze(target, time) => {
                let Some(pid) = self.find(dmon, target) else { return };
                self.note(&format!("act {target:?} {pid} {}", Signal::SIGSTOP as i32));
                signal(pid, Signal::SIGSTOP);
                sleep(time);
                if self.find(dmon, target) == Some(pid) {
                    self.note(&format!("act {target:?} {pid} {}", Signal::SIGCONT as i32));
                    signal(pid, Signal::SIGCONT);
                }
            }
            Act::Load(load) => {
                self.note(&format!("load {load}"));
                self.load.iter().for_each(|file| file.set(load));
            }
            Act::Fill => {
                self.note("full");
                self.disk.iter().for_each(Disk::fill);
                self.is_full.set(true);
            }
            Act::Empty => {
                if self.is_full.take() {
                    self.disk.iter().for_each(Disk::empty);
                }
                self.note("empty");
            }
        }
    }

    /// A signal that is passed on reaches the command that was up, unless that ends at the same time.
    fn hear(&self, dmon: &Dmon, which: Signal, before: &str) {
        let is_passed = self.plan.told && self.plan.forward_cmd && Plan::is_forwarded(which);
        let Some(cmd) = verdict::up(before, which).filter(|_| is_passed) else { return };
        let (number, sent) = (which as i32, Instant::now());
        self.rig.wait_for(format!("signal {number} to come to {cmd}"), || {
            let status = self.rig.read(&dmon.status);
            let after = status.get(before.len()..).unwrap_or_default();
            if after.contains(&format!("cmd signal {cmd} {number}\n")) {
                let stopped = matches!(proc::state(cmd), None | Some('Z' | 'X' | 'T'));
                let got = format!(" got {cmd} {number} {}\n", dmon.pid);
                return stopped || self.rig.read("ledger").contains(&got);
            }
            let has = |what| after.contains(&format!("cmd {what} {cmd}"));
            let ends = ["exit", "stop", "timeout", "kill"].into_iter().any(has);
            let is_over = ends || !dmon.is_alive();
            assert!(!is_over || sent.elapsed() < AT_ONCE, "signal {number} never came to {cmd}");
            is_over
        });
    }

    /// Waits for its end; then nothing of it may be left.
    fn end(&self, dmon: Dmon, life: &mut Life, number: usize, strangers: &[i32]) {
        self.rig.wait_for("dmon to end", || {
            !dmon.is_alive() && (dmon.pid > 0 || self.rig.copies("dmon ").is_empty())
        });
        let alive = || -> Vec<_> {
            let mut alive = self.rig.alive();
            alive.retain(|process| !strangers.contains(&process.pid) && !self.is_ours(process.pid));
            alive
        };
        if !life.was_killed {
            let left = alive();
            assert!(left.is_empty(), "left behind: {left:?}");
            assert!(!self.rig.has("pid"), "the pid file is still there");
        } else if number == self.plan.lives {
            // Those who hear the stop signal that the kernel sends end by that.
            let killed = Instant::now();
            let deaf = verdict::deaf(&self.rig.read("ledger"));
            let command = format!("{} run", self.plan.stormy);
            self.rig.wait_for("the command of a killed dmon to end", || {
                alive().iter().all(|process| {
                    !called(process.pid).starts_with(&command)
                        || process.state == 'T'
                        || deaf.contains(&process.pid)
                })
            });
            assert!(killed.elapsed() < SOON, "the command of a killed dmon lives on");
            let wild = |process: &proc::Process| called(process.pid).starts_with(&self.plan.stormy);
            for process in alive().into_iter().filter(wild) {
                signal(process.pid, Signal::SIGKILL);
            }
            // Without writers the log command comes to the end of its input.
            self.rig.wait_for("the end of all", || alive().is_empty());
        }
        if let Some(running) = dmon.running {
            let done = running.wait();
            life.end = Some(done.code());
            life.out = done.out;
            life.err = done.err;
        }
        life.status = self.rig.read(&dmon.status);
    }

    /// Of the stage, not of the play.
    fn is_ours(&self, pid: i32) -> bool {
        called(pid).starts_with("sleep 100000")
    }

    fn seen(&self) -> Seen {
        let log = match self.plan.logger {
            Logger::None => self.lives.borrow().iter().flat_map(|life| life.out.bytes()).collect(),
            Logger::Drlog => self.rig.rotated("folder").concat(),
            Logger::Dsyslog => self.messages.borrow().clone(),
            Logger::Dlog | Logger::Cat => match &self.disk {
                Some(disk) => disk.read("log").into_bytes(),
                None => self.rig.bytes("log"),
            },
        };
        Seen {
            ledger: self.rig.read("ledger"),
            lives: self.lives.take(),
            said: said(self.rig),
            log,
        }
    }
}

impl Drop for Scene<'_> {
    /// Tells the whole story, if it had no good end.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let tail = |name: &str| {
            let text = self.rig.read(name);
            let from = text.lines().count().saturating_sub(200);
            text.lines().skip(from).map(|line| format!("  {line}\n")).collect::<String>()
        };
        println!("{}ledger:\n{}", self.plan, tail("ledger"));
        for number in 1..=self.plan.lives {
            println!("status lines of life {number}:\n{}", tail(&format!("status.{number}")));
        }
        for process in self.rig.alive() {
            println!("process {process:?} {}", called(process.pid));
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

/// What each process that was `stormy` has counted.
pub fn said(rig: &Rig) -> Said {
    let mut said = Vec::new();
    for file in std::fs::read_dir(rig.path("")).expect("the folder").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if let Some(pid) = name.strip_prefix("said.") {
            let text = rig.read(&name);
            let mut counts = text.split_whitespace().map(|word| word.parse().expect("a count"));
            let count = [counts.next().unwrap_or(0), counts.next().unwrap_or(0)];
            said.push((pid.parse().expect("a pid"), count));
        }
    }
    said
}

/// If it catches ALRM, as dmon does.
fn catches(pid: i32) -> bool {
    let caught = proc::status(pid, "SigCgt");
    u64::from_str_radix(&caught, 16).is_ok_and(|set| set >> (Signal::SIGALRM as i32 - 1) & 1 == 1)
}

//! What one storm is made of, all of it from its seed: a line for dmon, what the command does, what befalls whom
//! and when.

use crate::rig::random::Random;
use nix::sys::signal::Signal;
use std::fmt::{Display, Formatter, Result};
use std::time::Duration;

/// What this machine allows.
#[derive(Clone)]
pub struct World {
    /// The path of the program `stormy`.
    pub stormy: String,
    pub adopts: bool,
    pub mounts: bool,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Logger {
    None,
    Dlog,
    Drlog,
    Dsyslog,
    Cat,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Target {
    Dmon,
    Cmd,
    Log,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Act {
    Signal(Target, Signal),
    /// STOP, and CONT so much later.
    Freeze(Target, Duration),
    Load(f64),
    Fill,
    Empty,
}

impl Act {
    pub fn kills(self) -> bool {
        self == Act::Signal(Target::Dmon, Signal::SIGKILL)
    }
}

pub struct Plan {
    pub seed: u64,
    pub stormy: String,
    pub foreground: bool,
    pub once: bool,
    /// How many runs there may be.
    pub most: Option<usize>,
    /// Or within a time.
    pub limited: bool,
    /// The least time between two starts.
    pub spacing: Duration,
    pub late: bool,
    /// Without end if 0.
    pub kill_after: f64,
    pub forward_cmd: bool,
    pub forward_log: bool,
    pub stderr_too: bool,
    pub pid_file: bool,
    /// Status lines are written.
    pub told: bool,
    pub load: bool,
    /// At the beginning; it is read then, and five seconds later.
    pub first_load: f64,
    pub disk: bool,
    pub logger: Logger,
    /// dmon is killed, and run again.
    again: bool,
    pub lives: usize,
    /// In order. The last is the first that ends dmon; what stands behind it in `hurry` comes while it ends.
    pub acts: Vec<(Duration, Act)>,
    pub hurry: Vec<(Duration, Act)>,
    options: String,
    command: String,
    log: &'static str,
}

/// One of them, so often in a hundred.
fn often(random: &mut Random, percent: usize) -> bool {
    random.below(100) < percent
}

fn milliseconds(random: &mut Random, from: usize, to: usize) -> Duration {
    Duration::from_millis((from + random.below(to - from)) as u64)
}

const FORWARDED: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGALRM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGCONT,
];

impl Plan {
    pub fn new(seed: u64, world: &World) -> Plan {
        let mut random = Random::seeded(seed);
        let r = &mut random;
        let disk = world.mounts && often(r, 15);
        let load = world.mounts && often(r, 12);
        let again = !disk && often(r, 8);
        let (logger, log) = match disk {
            true => (Logger::Dlog, r.pick(&["dlog disk/log", "dlog -b disk/log"])),
            false => r.pick(&[
                (Logger::None, ""),
                (Logger::Dlog, "dlog log"),
                (Logger::Dlog, "dlog -b log"),
                (Logger::Dlog, "dlog -t log"),
                (Logger::Dlog, "dlog -b -p P log"),
                (Logger::Drlog, "drlog -b -s 4k -m 0 folder"),
                (Logger::Drlog, "drlog -t -s 30k -m 0 folder"),
                (Logger::Dsyslog, "dsyslog --to socket storm"),
                (Logger::Cat, "sh -c 'exec cat >>log'"),
            ]),
        };
        let mut plan = Plan {
            seed,
            stormy: world.stormy.clone(),
            foreground: !again && often(r, 70),
            once: often(r, 20),
            most: None,
            limited: false,
            spacing: Duration::ZERO,
            late: false,
            kill_after: 10.0,
            forward_cmd: often(r, 50),
            forward_log: !disk && often(r, 40),
            stderr_too: often(r, 40),
            pid_file: false,
            told: again || often(r, 88),
            load,
            first_load: r.pick(&[0.5, 9.0]),
            disk,
            logger,
            again,
            lives: if again { 2 } else { 1 },
            acts: Vec::new(),
            hurry: Vec::new(),
            options: String::new(),
            command: String::new(),
            log,
        };
        plan.pid_file = !plan.foreground || often(r, 50);
        plan.choose_options(r);
        plan.command = format!("{} run", world.stormy);
        for _ in 0..=r.below(4) {
            let turn = plan.turn(r, world);
            plan.command += &format!(" {turn}");
        }
        plan.choose_acts(r);
        plan
    }

    fn choose_options(&mut self, r: &mut Random) {
        let mut options = String::new();
        let mut add = |there: bool, option: &str| {
            if there {
                options += option;
                options += " ";
            }
        };
        add(self.foreground, "-n");
        add(self.once, "-1");
        add(self.forward_cmd, "-s");
        add(self.forward_log, "-S");
        add(self.stderr_too, "-e");
        add(self.pid_file, "-p pid");
        add(self.load, r.pick(&["-L 4", "-L 4 -l 1", "-L 4 -l 3.5"]));
        if often(r, 25) {
            let (most, option) = r.pick(&[
                (Some(1), "-m 0"),
                (Some(4), "-m 3"),
                (Some(31), "-m 30"),
                (None, "-m 9/1"),
            ]);
            self.most = most;
            self.limited = true;
            add(true, option);
        }
        add(!self.once && often(r, 25), r.pick(&["-i 0.05", "-i 0.3"]));
        self.late = often(r, 30);
        add(self.late, r.pick(&["-t 0.1", "-t 0.3", "-t 1"]));
        // What a killed one leaves has so much time before another copy begins.
        let (seconds, option) =
            r.pick(&[(0.1, "-k 0.1"), (0.3, "-k 0.3"), (1.0, "-k 1"), (0.0, "-k 0"), (10.0, "")]);
        self.kill_after = if self.again { 10.0 } else { seconds };
        add(!self.again, option);
        let (spacing, option) = r.pick(&[
            (20, "-d 0.02"),
            (50, "-d 0.05"),
            (20, "-d 0.02,0.1,0.3"),
            (0, "-d 0"),
            (1000, ""),
        ]);
        self.spacing = Duration::from_millis(spacing);
        add(true, option);
        add(!self.disk, r.pick(&["", "-D 0", "-D 0.3", "-D 9"]));
        self.options = options;
    }

    /// What a run does.
    fn turn(&self, r: &mut Random, world: &World) -> String {
        let mut steps = Vec::new();
        // One that a killed dmon leaves must end by itself.
        let is_wild = !self.again;
        match r.below(100) {
            0..15 if is_wild => steps.push("deaf".to_string()),
            15..40 => steps.push(format!("polite={}", r.below(40))),
            _ => {}
        }
        // One that hears TERM too late, because it has stopped itself just then, would stay so.
        let may_stop = is_wild && steps.is_empty();
        for _ in 0..r.below(4) {
            let lines = if self.disk { r.below(40) } else { r.pick(&[1, 5, 20, 200, 1500]) };
            let time = r.pick(&[0, 5, 20, 100, 300]);
            // What a killed dmon leaves must be gone before its successor loses patience.
            let life = if is_wild { 10 * time } else { time };
            steps.push(match r.below(100) {
                0..40 => format!("say={lines}"),
                40..50 => format!("err={}", lines.min(100)),
                50..70 => format!("sleep={time}"),
                70..78 => format!("fork={life}"),
                78..84 if world.adopts => format!("double={life}"),
                84..90 if world.adopts && is_wild => format!("away={life}"),
                90..94 if world.adopts && is_wild => format!("hermit={life}"),
                94..96 => "close".to_string(),
                96..100 if may_stop => "stop".to_string(),
                _ => "say=3".to_string(),
            });
        }
        match r.below(100) {
            // Longer than anything is waited for.
            0..45 => steps.push(if is_wild { "sleep=9000" } else { "sleep=20000" }.to_string()),
            45..75 => steps.push(format!("exit={}", r.pick(&[0, 1, 3, 7]))),
            75..85 => steps.push("die".to_string()),
            _ => steps.push("sleep=10".to_string()),
        }
        steps.join(",")
    }

    fn choose_acts(&mut self, r: &mut Random) {
        // The load is read each five seconds.
        let end = if self.load { milliseconds(r, 5300, 6500) } else { milliseconds(r, 300, 2200) };
        for _ in 0..r.below(14) {
            let act = self.act(r);
            let at = Duration::from_micros(r.below(end.as_micros() as usize) as u64);
            self.acts.push((at, act));
        }
        if self.load {
            for _ in 0..4 {
                let at = milliseconds(r, 0, 6500);
                self.acts.push((at, Act::Load(r.pick(&[0.5, 1.0, 3.0, 9.0]))));
            }
        }
        if self.disk {
            // Full for longer than until the next try, and empty again.
            let from = milliseconds(r, 0, 400);
            let to = from + milliseconds(r, 50, 1500);
            self.acts.extend([(from, Act::Fill), (to, Act::Empty)]);
        }
        self.acts.retain(|(at, act)| *at < end || *act == Act::Empty);
        self.acts.sort_by_key(|(at, _)| *at);
        let last = self.acts.last().map_or(end, |(at, _)| end.max(*at));
        if self.again || (!self.disk && often(r, 5)) {
            self.acts.push((last, Act::Signal(Target::Dmon, Signal::SIGKILL)));
            return;
        }
        let order = [Signal::SIGTERM, Signal::SIGTERM, Signal::SIGINT];
        self.acts.push((last, Act::Signal(Target::Dmon, r.pick(&order))));
        if !self.disk && often(r, 40) {
            let mut at = last;
            for _ in 0..=r.below(3) {
                at += milliseconds(r, 0, 400);
                let act = match often(r, 50) {
                    true => Act::Signal(Target::Dmon, r.pick(&order)),
                    false => self.act(r),
                };
                if act != Act::Signal(Target::Cmd, Signal::SIGSTOP) {
                    self.hurry.push((at, act));
                }
            }
        }
    }

    /// Something that befalls somebody.
    fn act(&self, r: &mut Random) -> Act {
        let with_log = self.logger != Logger::None && !self.disk;
        let target = match r.below(3) {
            0 => Target::Dmon,
            1 if with_log => Target::Log,
            _ => Target::Cmd,
        };
        if often(r, 15) {
            return Act::Freeze(target, milliseconds(r, 10, 300));
        }
        use Signal::{SIGALRM, SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM, SIGUSR1};
        Act::Signal(
            target,
            match target {
                Target::Dmon => r.pick(&FORWARDED),
                Target::Cmd if often(r, 50) => r.pick(&FORWARDED),
                // Nobody would end one that is stopped after its stop signal.
                Target::Cmd if self.kill_after == 0.0 => r.pick(&[SIGTERM, SIGINT, SIGKILL]),
                Target::Cmd => r.pick(&[SIGTERM, SIGINT, SIGKILL, SIGSTOP]),
                Target::Log => {
                    r.pick(&[SIGTERM, SIGTERM, SIGKILL, SIGHUP, SIGALRM, SIGINT, SIGUSR1])
                }
            },
        )
    }

    pub fn is_forwarded(signal: Signal) -> bool {
        FORWARDED.contains(&signal)
    }

    /// The log command puts the time before each line; a text.
    pub fn is_stamped(&self) -> bool {
        self.log.contains(" -t ")
    }

    pub fn is_prefixed(&self) -> bool {
        self.log.contains(" -p ")
    }

    /// What is typed. Each life of dmon has status lines of its own.
    pub fn line(&self, life: usize) -> String {
        let status = if self.told { format!("-I status.{life} ") } else { String::new() };
        let bar = if self.log.is_empty() { "" } else { " -- " };
        format!("dmon {}{status}{}{bar}{}", self.options, self.command, self.log)
    }
}

impl Display for Plan {
    fn fmt(&self, to: &mut Formatter) -> Result {
        writeln!(to, "DMON_SEED={}\n{}", self.seed, self.line(1))?;
        for (at, act) in self.acts.iter().chain(&self.hurry) {
            writeln!(to, "  {:>5} ms  {act:?}", at.as_millis())?;
        }
        Ok(())
    }
}

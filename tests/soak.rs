//! A long life in a short time: thousands of quick deaths, very many lines while either side of the log is ended again
//! and again, very many cycles of pauses, time limits and loads. Nothing may grow. `make soak` shows the sizes before
//! and after in one table.

use crate::rig::load::Load;
use crate::rig::proc::Process;
use crate::rig::random::Random;
use crate::rig::{Rig, proc, signal, times, tools};
use crate::storm::{scene, verdict};
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How large a process is, and how often it has been awake so far.
#[derive(Clone, Copy)]
struct Size {
    descriptors: usize,
    /// Of what is in memory for this process alone, in KiB; and its share of all.
    dirty: usize,
    share: usize,
    zombies: usize,
    switches: usize,
    /// What has happened so far.
    events: usize,
}

impl Size {
    fn of(pid: i32, events: usize) -> Size {
        let rollup =
            std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let field = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        let switches = |kind: &str| proc::status(pid, kind).parse().unwrap_or(0);
        // A start has a pipe open for a moment, so what counts is the least that is seen.
        let looks = (0..20).map(|_| proc::descriptors(pid).len());
        Size {
            descriptors: looks.min().expect("some looks"),
            dirty: field("Private_Dirty:"),
            share: field("Pss:"),
            zombies: proc::children(pid).iter().filter(|child| child.is_zombie()).count(),
            switches: switches("voluntary_ctxt_switches") + switches("nonvoluntary_ctxt_switches"),
            events,
        }
    }
}

/// A line of the table: the sizes at the beginning, in the middle, at the end.
struct Row {
    what: &'static str,
    sizes: [Size; 3],
}

impl Row {
    /// Looks at processes when so much has happened: a little, half, all.
    fn watch<const N: usize>(
        rig: &Rig,
        whom: [(&'static str, i32); N],
        all: usize,
        events: impl Fn() -> usize,
    ) -> Vec<Row> {
        let looks = [all / 5, all / 2, all].map(|count| {
            rig.wait_for(format!("{count} of {all} events"), || events() >= count);
            whom.map(|(_, pid)| Size::of(pid, events()))
        });
        // One that has died just now is none that stays.
        let zombies =
            || whom.iter().any(|(_, pid)| proc::children(*pid).iter().any(Process::is_zombie));
        rig.wait_for("all zombies to be reaped", || !zombies());
        let row = |(at, (what, _))| Row { what, sizes: looks.map(|look: [Size; N]| look[at]) };
        whom.into_iter().enumerate().map(row).collect()
    }

    /// How often it was awake for each thing that happened, between the first two looks and the last two.
    fn wakes(&self) -> [f64; 2] {
        let [first, middle, last] = self.sizes;
        [(first, middle), (middle, last)].map(|(from, to)| {
            (to.switches - from.switches) as f64 / (to.events - from.events).max(1) as f64
        })
    }

    fn show(&self) -> String {
        let [first, _, last] = self.sizes;
        let [early, late] = self.wakes();
        format!(
            "| {} | {} | {} → {} | {} → {} | {} → {} | {} → {} | {early:.2} → {late:.2} |",
            self.what,
            last.events,
            first.descriptors,
            last.descriptors,
            first.dirty,
            last.dirty,
            first.share,
            last.share,
            first.zombies,
            last.zombies,
        )
    }

    /// Nothing has become more. Two pages of the stack may be touched for the first time late; the memory of an
    /// emulator tells nothing.
    fn is_flat(&self, is_native: bool) -> bool {
        let [first, _, last] = self.sizes;
        let [early, late] = self.wakes();
        last.descriptors <= first.descriptors
            && (last.dirty <= first.dirty + 8 || !is_native)
            && late <= 2.0 * early + 5.0
    }
}

#[test]
fn nothing_grows_in_a_long_life() {
    let phases = [quick_deaths, lines, cycles];
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let phases: Vec<_> = phases.into_iter().map(|phase| scope.spawn(phase)).collect();
        phases.into_iter().flat_map(|phase| phase.join().expect("a phase")).collect()
    });
    let mut table =
        "| | events | descriptors | private dirty KiB | PSS KiB | zombies | switches an event |\n\
        | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_string();
    for row in &rows {
        table += &row.show();
        table += "\n";
    }
    println!("\n{table}");
    let is_native = tools::is_native("the memory of an emulator tells nothing");
    assert!(rows.iter().all(|row| row.is_flat(is_native)), "something has grown:\n{table}");
}

/// Both sides die as soon as they live, and leave somebody in another session.
fn quick_deaths() -> Vec<Row> {
    let rig = Rig::new();
    let command = "sh -c 'echo >>runs; (setsid true &); exit 1'";
    let dmon =
        rig.start(format!("dmon -n -d 0.02 -p pid {command} -- sh -c 'read -r line; exit 1'"));
    let whom = [("dmon, quick deaths", dmon.pid())];
    let rows = Row::watch(&rig, whom, times(15, 10_000), || rig.lines("runs"));
    dmon.signal(Signal::SIGTERM);
    dmon.wait();
    rig.assert_empty();
    rows
}

/// The command is killed in the middle of its lines, the log command is told to end, again and again. What was
/// written is stored, all of it and in order.
fn lines() -> Vec<Row> {
    let Some(stormy) = tools::own("stormy") else { return Vec::new() };
    let rig = Rig::new();
    rig.write("ledger", "");
    let command = format!("{} run say=100000", stormy.display());
    let dmon = rig.start(format!("dmon -n -d 0.02 {command} -- dlog -b log"));
    let all = times(100_000, 1_000_000);
    // However quick a run is, some are wanted.
    let said = || {
        let said = scene::said(&rig);
        let lines: usize = said.iter().map(|(_, counts)| counts[0]).sum();
        if said.len() > 5 { lines } else { lines.min(all - 1) }
    };
    let done = AtomicBool::new(false);
    let pid = dmon.pid();
    let rows = std::thread::scope(|scope| {
        scope.spawn(|| strike(pid, &done));
        let whom = [("dmon, lines while both sides end", pid)];
        let rows = Row::watch(&rig, whom, all, said);
        done.store(true, Ordering::Relaxed);
        rows
    });
    dmon.signal(Signal::SIGTERM);
    dmon.wait().says_nothing();
    // A line that was in the pipe by half when dlog was told to end has a newline in it.
    let (records, other) = verdict::records(&rig.read("log").replace('\n', ""));
    let said = scene::said(&rig);
    assert_eq!(other, 0, "bytes that nobody has written");
    assert_eq!(verdict::disorder(&records, &said), None);
    assert_eq!(verdict::missing(&records, &said, &[0]).0, 0, "lines are lost");
    rows
}

/// Kills the command of this dmon and tells its dlog to end, now the one, now the other.
fn strike(dmon: i32, done: &AtomicBool) {
    let mut random = Random::new();
    while !done.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(20 + random.below(200) as u64));
        let (name, which) = match random.below(3) {
            0 => ("dlog", Signal::SIGTERM),
            _ => ("stormy", Signal::SIGKILL),
        };
        let children = proc::children(dmon).into_iter();
        children.filter(|child| child.name == name).for_each(|child| signal(child.pid, which));
    }
}

/// A run that ends well, one that takes too long, and so on, while the load comes and goes.
fn cycles() -> Vec<Row> {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 0.5) else { return Vec::new() };
    rig.shell("mkdir folder").exits(0);
    let command =
        "sh -c 'echo run | tee -a runs; test $(($(wc -l <runs) % 2)) = 0 || exec sleep 1000'";
    let options = "-L 4 -i 0.05 -t 0.1 -d 0.02 -k 5 -I status";
    let dmon =
        rig.start(format!("{load} dmon -n {options} {command} -- drlog -t -s 4k -m 3 folder"));
    let log = rig.child(dmon.pid(), "drlog");
    let begun = Instant::now();
    let runs = || {
        // dmon reads it each five seconds: high once, low twice.
        load.set(if begun.elapsed().as_secs() % 15 / 5 == 1 { 9.0 } else { 0.5 });
        rig.lines("runs")
    };
    let whom = [("dmon, intervals, time limits, loads", dmon.pid()), ("its drlog", log)];
    let rows = Row::watch(&rig, whom, times(60, 3600), runs);
    load.set(0.5);
    dmon.signal(Signal::SIGTERM);
    dmon.wait();
    rig.assert_empty();
    rows
}

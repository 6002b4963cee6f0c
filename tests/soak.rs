//! Many events in a short time: quick exits, log lines, pauses, time limits. The resource use of dmon must not grow.
//!
//! `make soak` runs the full counts and prints the sizes at the start and at the end in a table.

use crate::rig::load::Load;
use crate::rig::proc::Process;
use crate::rig::random::Random;
use crate::rig::{Rig, pace, proc, scaled, signal, tools};
use crate::storm::log_lines::{disorder, line_counts, missing, records};
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The resource use of a process at one time.
#[derive(Clone, Copy)]
struct Sample {
    descriptors: usize,
    /// Private dirty memory in KiB.
    dirty: usize,
    /// Proportional memory (PSS) in KiB.
    pss: usize,
    zombies: usize,
    /// Context switches since its start.
    switches: usize,
    /// Events since its start.
    events: usize,
}

impl Sample {
    fn of(pid: i32, events: usize) -> Sample {
        let rollup =
            std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let field = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        let switches = |kind: &str| proc::status(pid, kind).parse().unwrap_or(0);
        // The start of a child opens a pipe for a moment, which is longer in an emulator: the minimum of several samples
        // does not contain it.
        let descriptors = (0..20).map(|_| {
            pace(Duration::from_millis(10));
            proc::descriptors(pid).len()
        });
        Sample {
            descriptors: descriptors.min().expect("a sample"),
            dirty: field("Private_Dirty:"),
            pss: field("Pss:"),
            zombies: proc::children(pid).iter().filter(|child| child.is_zombie()).count(),
            switches: switches("voluntary_ctxt_switches") + switches("nonvoluntary_ctxt_switches"),
            events,
        }
    }
}

/// A row of the table: a process after 20%, 50% and 100% of the events.
struct Row {
    label: &'static str,
    samples: [Sample; 3],
}

impl Row {
    /// Waits for `total` events, and samples these processes meanwhile.
    fn measure<const N: usize>(
        rig: &Rig,
        processes: [(&'static str, i32); N],
        total: usize,
        events: impl Fn() -> usize,
    ) -> Vec<Row> {
        let samples = [total / 5, total / 2, total].map(|count| {
            rig.wait_for(format!("{count} of {total} events"), || events() >= count);
            processes.map(|(_, pid)| Sample::of(pid, events()))
        });
        // The samples may contain zombies that are about to be reaped.
        let has_zombie = |pid| proc::children(pid).iter().any(Process::is_zombie);
        rig.wait_for("all zombies to be reaped", || {
            !processes.iter().any(|(_, pid)| has_zombie(*pid))
        });
        let row = |(at, (label, _))| Row {
            label,
            samples: samples.map(|sample: [Sample; N]| sample[at]),
        };
        processes.into_iter().enumerate().map(row).collect()
    }

    /// Context switches per event, in the first and in the second half.
    fn switches_per_event(&self) -> [f64; 2] {
        let [first, middle, last] = self.samples;
        [(first, middle), (middle, last)].map(|(from, to)| {
            (to.switches - from.switches) as f64 / (to.events - from.events).max(1) as f64
        })
    }

    fn format(&self) -> String {
        let [first, _, last] = self.samples;
        let [early, late] = self.switches_per_event();
        format!(
            "| {} | {} | {} → {} | {} → {} | {} → {} | {} → {} | {early:.2} → {late:.2} |",
            self.label,
            last.events,
            first.descriptors,
            last.descriptors,
            first.dirty,
            last.dirty,
            first.pss,
            last.pss,
            first.zombies,
            last.zombies,
        )
    }

    /// Whether nothing has grown.
    ///
    /// Two more pages of the stack may be touched for the first time. The memory of an emulator does not count. While a
    /// busy machine delays the exit of an orphan, sweeps cost switches: up to 60 in all, in an emulator five times as many.
    fn is_flat(&self, is_native: bool) -> bool {
        let [first, middle, last] = self.samples;
        let [early, late] = self.switches_per_event();
        let sweeps = if is_native { 60.0 } else { 300.0 };
        last.descriptors <= first.descriptors
            && (last.dirty <= first.dirty + 8 || !is_native)
            && late <= 2.0 * early + 5.0 + sweeps / (last.events - middle.events).max(1) as f64
    }
}

#[test]
fn resource_use_does_not_grow_over_many_events() {
    let phases = [quick_exits, log_lines, time_limits_and_pauses];
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let start = |phase| {
            // A phase that cannot run here reports the name of its thread.
            let name = std::thread::current().name().unwrap_or_default().to_string();
            std::thread::Builder::new().name(name).spawn_scoped(scope, phase).expect("a thread")
        };
        let phases: Vec<_> = phases.into_iter().map(start).collect();
        phases.into_iter().flat_map(|phase| phase.join().expect("a phase")).collect()
    });
    let mut table =
        "| | events | descriptors | private dirty KiB | PSS KiB | zombies | switches per event |\n\
        | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_string();
    for row in &rows {
        table += &row.format();
        table += "\n";
    }
    println!("\n{table}");
    let is_native = tools::is_native("memory is that of the emulator");
    assert!(rows.iter().all(|row| row.is_flat(is_native)), "resource use grew:\n{table}");
}

/// Command and logger exit at once; each run leaves a process in another session.
fn quick_exits() -> Vec<Row> {
    let rig = Rig::new();
    let command = "sh -c 'echo >>runs; (setsid true &); exit 1'";
    let dmon =
        rig.start(format!("dmon -n -d 0.02 -p pid {command} -- sh -c 'read -r line; exit 1'"));
    let processes = [("dmon, quick exits", dmon.pid())];
    let rows = Row::measure(&rig, processes, scaled(15, 10_000), || rig.lines("runs"));
    dmon.signal(Signal::SIGTERM);
    dmon.wait();
    rig.assert_no_processes();
    rows
}

/// The command is killed while it writes lines, and dlog is stopped. No line is lost or reordered.
fn log_lines() -> Vec<Row> {
    let Some(chaos_child) = tools::example("chaos-child") else { return Vec::new() };
    let rig = Rig::new();
    rig.write("journal", "");
    let command = format!("{} run out=100000", chaos_child.display());
    let dmon = rig.start(format!("dmon -n -d 0.02 {command} -- dlog -b log"));
    let total = scaled(100_000, 1_000_000);
    // A fast machine may write all lines in a single run: wait for several runs as well.
    let lines_written = || {
        let counts = line_counts(&rig);
        let lines: usize = counts.iter().map(|(_, counts)| counts[0]).sum();
        if counts.len() > 5 { lines } else { lines.min(total - 1) }
    };
    let done = AtomicBool::new(false);
    let pid = dmon.pid();
    let rows = std::thread::scope(|scope| {
        scope.spawn(|| interrupt_children(pid, &done));
        let processes = [("dmon, log lines while both children are interrupted", pid)];
        let rows = Row::measure(&rig, processes, total, lines_written);
        done.store(true, Ordering::Relaxed);
        rows
    });
    dmon.signal(Signal::SIGTERM);
    dmon.wait().reports_nothing();
    // A dlog that is stopped in the middle of a line adds a newline.
    let (records, other_bytes) = records(&rig.read("log").replace('\n', ""));
    let counts = line_counts(&rig);
    assert_eq!(other_bytes, 0, "bytes that belong to no line");
    assert_eq!(disorder(&records, &counts), None);
    assert_eq!(missing(&records, &counts, &[0]).0, 0, "lost lines");
    rows
}

/// Kills the command or stops dlog, at random times.
fn interrupt_children(dmon: i32, done: &AtomicBool) {
    let mut random = Random::new();
    while !done.load(Ordering::Relaxed) {
        pace(Duration::from_millis(20 + random.below(200) as u64));
        let (name, which) = match random.below(3) {
            0 => ("dlog", Signal::SIGTERM),
            _ => ("chaos-child", Signal::SIGKILL),
        };
        let children = proc::children(dmon).into_iter();
        children.filter(|child| child.name == name).for_each(|child| signal(child.pid, which));
    }
}

/// Alternates successful runs and runs that exceed the time limit, while a high load pauses dmon at times.
fn time_limits_and_pauses() -> Vec<Row> {
    let rig = Rig::new();
    let Some(load) = Load::new(&rig, 0.5) else { return Vec::new() };
    rig.shell("mkdir folder").exits(0);
    let command =
        "sh -c 'echo run | tee -a runs; test $(($(wc -l <runs) % 2)) = 0 || exec sleep 1000'";
    let options = "-L 4 -i 0.05 -t 0.1 -d 0.02 -k 5 -I status";
    let dmon =
        rig.start(format!("{load} dmon -n {options} {command} -- drlog -t -s 4k -m 3 folder"));
    let log = rig.child(dmon.pid(), "drlog");
    let started = Instant::now();
    let runs = || {
        // dmon reads the load every five seconds: one high reading, then two low ones.
        load.set(if started.elapsed().as_secs() % 15 / 5 == 1 { 9.0 } else { 0.5 });
        rig.lines("runs")
    };
    let processes = [("dmon, intervals, time limits and pauses", dmon.pid()), ("its drlog", log)];
    let rows = Row::measure(&rig, processes, scaled(60, 3600), runs);
    load.set(0.5);
    dmon.signal(Signal::SIGTERM);
    dmon.wait();
    rig.assert_no_processes();
    rows
}

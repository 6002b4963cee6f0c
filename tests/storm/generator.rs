//! Generates a plan from a seed.

use super::plan::{Action, FORWARDED, Logger, Plan, Target};
use crate::rig::random::Random;
use nix::sys::signal::Signal;
use std::time::Duration;

/// What this machine permits.
pub struct Environment {
    /// The path of chaos-child.
    pub chaos_child: String,
    /// The kernel has PR_SET_CHILD_SUBREAPER.
    pub has_subreaper: bool,
    pub can_mount: bool,
}

/// True with this probability.
fn chance(random: &mut Random, percent: usize) -> bool {
    random.below(100) < percent
}

fn milliseconds(random: &mut Random, from: usize, to: usize) -> Duration {
    Duration::from_millis((from + random.below(to - from)) as u64)
}

/// The plan of the storm with this seed.
pub fn plan(seed: u64, environment: &Environment) -> Plan {
    let mut random = Random::seeded(seed);
    let r = &mut random;
    let disk = environment.can_mount && chance(r, 15);
    let load = environment.can_mount && chance(r, 12);
    let restarts_dmon = !disk && chance(r, 8);
    let (logger, log_command) = match disk {
        true => {
            let calls = ["dlog disk/log", "dlog -b disk/log", "dlog --time iso -p P disk/log"];
            (Logger::Dlog, r.pick(&calls))
        }
        false => r.pick(&[
            (Logger::None, ""),
            (Logger::Dlog, "dlog log"),
            (Logger::Dlog, "dlog -b log"),
            (Logger::Dlog, "dlog -t log"),
            (Logger::Dlog, "dlog -b -p P log"),
            (Logger::Dlog, "dlog --sync 0.05 --on-full block log"),
            (Logger::Dlog, "dlog --time tai64n --rate 20/0.1 log"),
            (Logger::Dlog, "dlog -b --rate 300/1s log"),
            (Logger::Drlog, "drlog -b -s 4k -m 0 folder"),
            (Logger::Drlog, "drlog -t -s 30k -m 0 folder"),
            (Logger::Drlog, "drlog --time epoch -p P --sync 0.05 --on-full block -m 0 folder"),
            (Logger::Drlog, "drlog --time mono --rate 50/0.2 -T 1 -m 0 folder"),
            (Logger::Dsyslog, "dsyslog --to ./socket storm"),
            (Logger::Dsyslog, "dsyslog --id --size 240 --to ./socket storm"),
            (Logger::Dsyslog, "dsyslog --rfc5424 --id=7 --prio-prefix --to ./socket storm"),
            (Logger::Dsyslog, "dsyslog --octet-count --hostname h --to tcp:127.0.0.1:PORT storm"),
            (Logger::Dsyslog, "dsyslog --rate 50/0.2 -p mail.6 --to ./socket storm"),
            (Logger::Cat, "sh -c 'exec cat >>log'"),
        ]),
    };
    let mut plan = Plan {
        seed,
        chaos_child: environment.chaos_child.clone(),
        foreground: !restarts_dmon && chance(r, 70),
        once: chance(r, 20),
        max_runs: None,
        has_restart_limit: false,
        on_signal: !restarts_dmon && chance(r, 20),
        ready: false,
        success: &[],
        fatal: &[],
        min_start_interval: Duration::ZERO,
        has_time_limit: false,
        grace_period: 10.0,
        forward_cmd: chance(r, 50),
        forward_log: !disk && chance(r, 40),
        log_stderr: chance(r, 40),
        log_events: logger != Logger::None && chance(r, 30),
        pid_file: false,
        status_lines: restarts_dmon || chance(r, 88),
        load,
        initial_load: r.pick(&[0.5, 9.0]),
        disk,
        logger,
        restarts_dmon,
        instances: if restarts_dmon { 2 } else { 1 },
        actions: Vec::new(),
        shutdown_actions: Vec::new(),
        options: String::new(),
        command: String::new(),
        log_command,
    };
    plan.pid_file = !plan.foreground || chance(r, 50);
    // A daemon that is never ready would end after 30 seconds.
    plan.ready = plan.foreground && chance(r, 20);
    choose_options(&mut plan, r);
    plan.command = format!("{} run", environment.chaos_child);
    for _ in 0..=r.below(4) {
        let steps = choose_steps(&plan, r, environment);
        let ready = if plan.ready && chance(r, 70) { "ready," } else { "" };
        plan.command += &format!(" {ready}{steps}");
    }
    choose_actions(&mut plan, r);
    // The copier of dpty may have lines left when a second stop request, or a short grace period, kills it.
    let is_forced = plan.shutdown_actions.iter().any(|(_, action)| action.stops_dmon());
    let is_patient = plan.grace_period >= 10.0 || plan.grace_period == 0.0;
    if plan.foreground && is_patient && !plan.disk && !is_forced && chance(r, 50) {
        plan.command.insert_str(0, "dpty ");
    }
    plan
}

fn choose_options(plan: &mut Plan, r: &mut Random) {
    let mut options = String::new();
    let mut add = |is_set: bool, option: &str| {
        if is_set {
            options += option;
            options += " ";
        }
    };
    add(plan.foreground, "-n");
    add(plan.once, "-1");
    add(plan.forward_cmd, "-s");
    add(plan.forward_log, "-S");
    add(plan.log_stderr, "-e");
    add(plan.pid_file, "-p pid");
    add(plan.load, r.pick(&["-L 4", "-L 4 -l 1", "-L 4 -l 3.5", "--sensor /proc/loadavg:4:2"]));
    if chance(r, 25) {
        let (max_runs, option) =
            r.pick(&[(Some(1), "-m 0"), (Some(4), "-m 3"), (Some(31), "-m 30"), (None, "-m 9/8")]);
        plan.max_runs = max_runs;
        plan.has_restart_limit = true;
        add(true, option);
    }
    let (success, fatal, option) = r.pick(&[
        (&[][..], &[][..], ""),
        (&[][..], &[][..], ""),
        (&[3][..], &[][..], "-x 3"),
        (&[][..], &[7][..], "-X 7"),
        (&[3, 7][..], &[1][..], "-x 3-7 -X 1"),
    ]);
    (plan.success, plan.fatal) = (success, fatal);
    add(true, option);
    add(!plan.once && chance(r, 25), r.pick(&["-i 0.05", "-i 0.3", "-i 0~0.3"]));
    plan.has_time_limit = chance(r, 30);
    // A file that does not exist makes the time of --alive a limit of the run.
    add(plan.has_time_limit, r.pick(&["-t 0.1", "-t 0.3", "-t 1", "--alive 0.4:nosuch"]));
    add(chance(r, 12), r.pick(&["--finish true", "--finish 'sleep 0.1'", "--finish /no/such"]));
    let (seconds, option) =
        r.pick(&[(0.1, "-k 0.1"), (0.3, "-k 0.3"), (1.0, "-k 1"), (0.0, "-k 0"), (10.0, "")]);
    // A second instance waits for the grace period until the leftovers of the first have exited: keep the default.
    plan.grace_period = if plan.restarts_dmon { 10.0 } else { seconds };
    add(!plan.restarts_dmon, option);
    let (interval, option) = r.pick(&[
        (20, "-d 0.02"),
        (50, "-d 0.05"),
        (20, "-d 0.02,0.1,0.3"),
        (50, "-d 0.05~0.3,0.1"),
        (0, "-d 0"),
        (1000, ""),
    ]);
    plan.min_start_interval = Duration::from_millis(interval);
    add(true, option);
    add(plan.log_events, "--log-events");
    add(plan.ready, "-N 9");
    let signals = "--on-signal USR1=pause --on-signal USR2=resume --on-signal ALRM=restart";
    add(plan.on_signal, signals);
    if plan.on_signal {
        plan.max_runs = None;
    }
    add(!plan.disk, r.pick(&["", "-D 0", "-D 0.3", "-D 9"]));
    plan.options = options;
}

/// The steps of one run of the command (see chaos-child.rs).
fn choose_steps(plan: &Plan, r: &mut Random, environment: &Environment) -> String {
    let mut steps = Vec::new();
    // Leftovers of a killed dmon must exit without its help, and soon.
    let may_linger = !plan.restarts_dmon;
    match r.below(100) {
        0..15 if may_linger => steps.push("ignore-term".to_string()),
        15..40 => steps.push(format!("on-term={}", r.below(40))),
        _ => {}
    }
    // A process that suspends itself and handles SIGTERM might stay suspended after a SIGTERM.
    let may_suspend = may_linger && steps.is_empty();
    let has_subreaper = environment.has_subreaper;
    for _ in 0..r.below(4) {
        let lines = if plan.disk { r.below(40) } else { r.pick(&[1, 5, 20, 200, 1500]) };
        let time = r.pick(&[0, 5, 20, 100, 300]);
        // The next dmon instance waits for the leftovers of a killed one, but only for a limited time.
        let lifetime = if may_linger { 10 * time } else { time };
        steps.push(match r.below(100) {
            0..40 => format!("out={lines}"),
            40..50 => format!("err={}", lines.min(100)),
            50..70 => format!("sleep={time}"),
            70..78 => format!("child={lifetime}"),
            78..84 if has_subreaper => format!("orphan={lifetime}"),
            84..90 if has_subreaper && may_linger => format!("daemon={lifetime}"),
            90..94 if has_subreaper && may_linger => format!("stubborn={lifetime}"),
            94..96 => "close".to_string(),
            96..100 if may_suspend => "suspend".to_string(),
            _ => "out=3".to_string(),
        });
    }
    match r.below(100) {
        // Longer than any storm.
        0..45 => steps.push(if may_linger { "sleep=9000" } else { "sleep=20000" }.to_string()),
        45..75 => steps.push(format!("exit={}", r.pick(&[0, 1, 3, 7]))),
        75..85 => steps.push("kill".to_string()),
        _ => steps.push("sleep=10".to_string()),
    }
    steps.join(",")
}

fn choose_actions(plan: &mut Plan, r: &mut Random) {
    // Long enough for a second reading of the load.
    let end = if plan.load { milliseconds(r, 5300, 6500) } else { milliseconds(r, 300, 2200) };
    for _ in 0..r.below(14) {
        let action = choose_action(plan, r);
        let at = Duration::from_micros(r.below(end.as_micros() as usize) as u64);
        plan.actions.push((at, action));
    }
    if plan.load {
        for _ in 0..4 {
            let at = milliseconds(r, 0, 6500);
            plan.actions.push((at, Action::SetLoad(r.pick(&[0.5, 1.0, 3.0, 9.0]))));
        }
    }
    if plan.disk {
        // Up to 1.5 s, so that some outages last until dlog retries after a second.
        let full_at = milliseconds(r, 0, 400);
        let empty_at = full_at + milliseconds(r, 50, 1500);
        plan.actions.extend([(full_at, Action::FillDisk), (empty_at, Action::EmptyDisk)]);
    }
    plan.actions.retain(|(at, action)| *at < end || *action == Action::EmptyDisk);
    plan.actions.sort_by_key(|(at, _)| *at);
    let last = plan.actions.last().map_or(end, |(at, _)| end.max(*at));
    if plan.restarts_dmon || (!plan.disk && chance(r, 5)) {
        plan.actions.push((last, Action::Signal(Target::Dmon, Signal::SIGKILL)));
        return;
    }
    let stop_signals = [Signal::SIGTERM, Signal::SIGTERM, Signal::SIGINT];
    plan.actions.push((last, Action::Signal(Target::Dmon, r.pick(&stop_signals))));
    if !plan.disk && chance(r, 40) {
        let mut at = last;
        for _ in 0..=r.below(3) {
            at += milliseconds(r, 0, 400);
            let action = match chance(r, 50) {
                true => Action::Signal(Target::Dmon, r.pick(&stop_signals)),
                false => choose_action(plan, r),
            };
            if action != Action::Signal(Target::Cmd, Signal::SIGSTOP) {
                plan.shutdown_actions.push((at, action));
            }
        }
    }
}

/// A signal to dmon or one of its children.
fn choose_action(plan: &Plan, r: &mut Random) -> Action {
    let has_log = plan.logger != Logger::None && !plan.disk;
    let target = match r.below(3) {
        0 => Target::Dmon,
        1 if has_log => Target::Log,
        _ => Target::Cmd,
    };
    if chance(r, 15) {
        return Action::Suspend(target, milliseconds(r, 10, 300));
    }
    use Signal::{SIGALRM, SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM, SIGUSR1};
    let signal = match target {
        Target::Dmon => r.pick(&FORWARDED),
        Target::Cmd if chance(r, 50) => r.pick(&FORWARDED),
        // Without SIGSTOP: if a command is suspended after its stop signal, only SIGKILL ends it.
        Target::Cmd if plan.grace_period == 0.0 => r.pick(&[SIGTERM, SIGINT, SIGKILL]),
        Target::Cmd => r.pick(&[SIGTERM, SIGINT, SIGKILL, SIGSTOP]),
        Target::Log => r.pick(&[SIGTERM, SIGTERM, SIGKILL, SIGHUP, SIGALRM, SIGINT, SIGUSR1]),
    };
    Action::Signal(target, signal)
}

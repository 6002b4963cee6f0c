//! Verifies the promises of dmon after a storm. Does no I/O.

use super::journal::{
    CONT, KILL, STOP, StatusLine, TERM, events, exit_status, ignoring_term, sent_signals,
    status_lines, term_signal,
};
use super::log_lines::LineCounts;
use super::plan::{Logger, Plan};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};

/// Observations of one dmon instance.
#[derive(Default)]
pub struct Instance {
    /// 0 if dmon had exited before the test could read its PID.
    pub pid: i32,
    pub was_killed: bool,
    /// `None` if the test is not the parent of dmon; `Some(None)` if a signal killed dmon.
    pub exit_status: Option<Option<i32>>,
    /// The status lines.
    pub status: String,
    pub out: String,
    pub err: String,
    /// Number of open descriptors, sampled regularly.
    pub descriptors: Vec<usize>,
    /// Size of the data segment (`VmData`), sampled regularly.
    pub data: Vec<String>,
}

/// Observations of one storm.
pub struct Observations {
    pub journal: String,
    pub instances: Vec<Instance>,
    pub line_counts: LineCounts,
    pub log: Vec<u8>,
}

pub struct Checker<'a> {
    pub plan: &'a Plan,
    pub seen: &'a Observations,
    pub failures: Vec<String>,
}

/// Describes each broken promise.
pub fn failures(plan: &Plan, seen: &Observations) -> Vec<String> {
    let mut checker = Checker { plan, seen, failures: Vec::new() };
    checker.starts();
    checker.received_signals();
    for instance in &seen.instances {
        checker.sizes(instance);
        if plan.status_lines {
            checker.state_sequence(instance);
            checker.runs(instance);
            checker.exit(instance);
        }
    }
    checker.lines();
    checker.failures
}

impl Checker<'_> {
    pub fn fail(&mut self, what: impl Into<String>) {
        self.failures.push(what.into());
    }

    /// Commands never overlap, never start too early, and each start has a status line.
    fn starts(&mut self) {
        let journal = &self.seen.journal;
        for numbers in events(journal, "duplicate") {
            self.fail(format!("{} started before the previous run was gone", numbers[0]));
        }
        let started: Vec<_> = events(journal, "start").collect();
        if self.plan.instances == 1 {
            for pair in started.windows(2) {
                // In clock ticks of 10 ms, each rounded down.
                let interval = (pair[1][2] - pair[0][2] + 1) as u128 * 10;
                if interval < self.plan.min_start_interval.as_millis() {
                    let (first, second) = (pair[0][0], pair[1][0]);
                    self.fail(format!("{second} started {interval} ms after {first}"));
                }
            }
        }
        if self.plan.status_lines {
            let all =
                self.seen.instances.iter().flat_map(|instance| status_lines(&instance.status));
            let reported = all.filter(|line| line.role == "cmd" && line.event == "start");
            let mut reported: BTreeSet<_> = reported.map(|line| i64::from(line.pid)).collect();
            let unreported = started.iter().filter(|start| !reported.remove(&start[0]));
            let pids: Vec<_> = unreported.map(|start| start[0]).collect();
            // SIGKILL may arrive between the start and its line.
            let killed = self.seen.instances.iter().filter(|instance| instance.was_killed).count();
            if pids.len() > killed {
                self.fail(format!("{pids:?} started without a status line"));
            }
        }
    }

    /// The command receives SIGTERM, SIGCONT and forwarded signals from dmon, and no others.
    fn received_signals(&mut self) {
        let test_pid = i64::from(std::process::id());
        for numbers in events(&self.seen.journal, "receive") {
            let [pid, signal, sender] = numbers[..] else { continue };
            let is_dmon =
                |instance: &Instance| instance.pid == 0 || i64::from(instance.pid) == sender;
            let by_dmon = self.seen.instances.iter().any(is_dmon);
            let signal = signal as i32;
            let is_forwarded =
                self.plan.forward_cmd && Signal::try_from(signal).is_ok_and(Plan::is_forwarded);
            match sender {
                _ if by_dmon && (is_forwarded || signal == TERM || signal == CONT) => {}
                // The kernel: the parent-death signal after dmon was killed, for example.
                0 => {}
                _ if sender == test_pid => {}
                _ => self.fail(format!("{pid} received signal {signal} from {sender}")),
            }
        }
    }

    /// The number of descriptors and the data segment do not grow. A sample may count a descriptor twice or not at all, if
    /// it gets another number meanwhile, so medians are compared.
    fn sizes(&mut self, instance: &Instance) {
        let samples = &instance.descriptors;
        let (early, late) = samples.split_at(samples.len() / 2);
        let median = |samples: &[usize]| {
            let mut sorted = samples.to_vec();
            sorted.sort_unstable();
            sorted[sorted.len() / 2]
        };
        if early.len() > 4
            && let (first, last) = (median(early), median(late))
            && last > first
        {
            self.fail(format!("the number of descriptors grew from {first} to {last}"));
        }
        let data: BTreeSet<_> = instance.data.iter().filter(|data| !data.is_empty()).collect();
        if data.len() > 1 {
            self.fail(format!("the data segment changed its size: {data:?}"));
        }
    }

    /// Each child starts after the exit of the previous one, and all status lines between are about this child. The command
    /// of --finish takes turns with the command.
    fn state_sequence(&mut self, instance: &Instance) {
        for roles in ["cmd finish", "log"] {
            let mut running = None;
            let lines = status_lines(&instance.status).into_iter();
            for StatusLine { role, event, pid, .. } in
                lines.filter(|line| roles.contains(line.role))
            {
                running = match (event, running) {
                    ("start", None) => Some(pid),
                    ("exit", Some(now)) if now == pid => None,
                    (_, Some(now)) if now == pid && event != "start" => running,
                    _ => {
                        return self
                            .fail(format!("{role} {event} {pid} while running {running:?}"));
                    }
                };
            }
            if let (Some(pid), false) = (running, instance.was_killed) {
                self.fail(format!("no exit is reported for {roles} {pid}"));
            }
        }
    }

    /// Each status line has a reason.
    fn runs(&mut self, instance: &Instance) {
        let (plan, journal) = (self.plan, &self.seen.journal);
        let (sent, ignoring) = (sent_signals(journal), ignoring_term(journal));
        let lines = status_lines(&instance.status);
        let stop_signals = self.stop_signals(instance);
        let pids = |event| events(journal, event).map(|n| n[0] as i32).collect::<BTreeSet<_>>();
        let (started, killed_self) = (pids("start"), pids("kill"));
        let exited: BTreeMap<i32, i32> =
            events(journal, "exit").map(|n| (n[0] as i32, n[1] as i32)).collect();
        let (mut starts, mut is_done) = (0, false);
        for (at, line) in lines.iter().enumerate() {
            let StatusLine { role, event, pid, number } = *line;
            let earlier = |event: &str, number: i32| {
                let is_match = |line: &StatusLine| {
                    let same_number = number == 0 || line.number == number;
                    line.pid == pid && line.event == event && same_number
                };
                lines[..at].iter().any(is_match)
            };
            let was_stopped = earlier("stop", 0) || earlier("timeout", 0);
            let failure = match (role, event) {
                ("cmd", "start") => {
                    starts += 1;
                    let too_many = plan.max_runs.is_some_and(|max| starts > max);
                    (too_many || is_done).then_some("exceeds the number of runs")
                }
                ("cmd", "exit") if term_signal(number) == 0 => {
                    let status = exit_status(number);
                    let is_success = status == 0 || plan.success.contains(&status);
                    let is_last = plan.once && is_success || plan.fatal.contains(&status);
                    is_done = is_last && !was_stopped;
                    (exited.get(&pid) != Some(&exit_status(number)))
                        .then_some("is not the real exit status")
                }
                ("cmd", "exit") => {
                    let signal = term_signal(number);
                    let has_reason = sent.contains(&(pid, signal))
                        || earlier("signal", signal)
                        || (signal == TERM && was_stopped)
                        || (signal == KILL && (earlier("kill", 0) || killed_self.contains(&pid)));
                    (!has_reason).then_some("is a signal that was never sent")
                }
                ("cmd", "timeout") => (!plan.has_time_limit).then_some("has no time limit"),
                ("cmd", "pause" | "resume") => {
                    (!plan.load && !plan.on_signal).then_some("has no load threshold")
                }
                ("cmd", "ready") => (!plan.ready).then_some("was not reported"),
                ("cmd", "signal") => (!plan.forward_cmd).then_some("should not be forwarded"),
                ("log", "signal") => (!plan.forward_log).then_some("should not be forwarded"),
                // The test suspended it, perhaps after its stop signal.
                ("cmd", "kill") if plan.has_time_limit && sent.contains(&(pid, STOP)) => None,
                // A command that handles SIGTERM exits within 10 s. Shorter grace periods may expire.
                ("cmd", "kill")
                    if stop_signals < 2 && !ignoring.contains(&pid) && started.contains(&pid) =>
                {
                    (plan.grace_period == 0.0 || plan.grace_period == 10.0)
                        .then_some("is killed although it handles SIGTERM")
                }
                ("cmd", "kill") => (stop_signals < 2 && plan.grace_period == 0.0)
                    .then_some("is killed although the grace period never ends"),
                ("log", "exit")
                    if term_signal(number) == 0 && exit_status(number) != 0 && !plan.disk =>
                {
                    (plan.logger != Logger::Dsyslog).then_some("means that data was lost")
                }
                _ => None,
            };
            if let Some(failure) = failure {
                self.fail(format!("{role} {event} {pid} {number}: {failure}"));
            }
        }
    }

    /// Number of SIGTERM and SIGINT that the test sent to this instance.
    fn stop_signals(&self, instance: &Instance) -> usize {
        let is_stop = |signal| [TERM, Signal::SIGINT as i32].contains(&signal);
        let sent = sent_signals(&self.seen.journal).into_iter();
        sent.filter(|(pid, signal)| *pid == instance.pid && is_stop(*signal)).count()
    }

    /// dmon exits only with a reason, and with the right status.
    fn exit(&mut self, instance: &Instance) {
        let Some(status) = instance.exit_status.filter(|_| !instance.was_killed) else { return };
        let Some(status) = status else { return self.fail("dmon was killed by a signal") };
        let was_stopped = self.stop_signals(instance) > 0;
        let lines = status_lines(&instance.status);
        let last = lines.iter().rfind(|line| (line.role, line.event) == ("cmd", "exit"));
        let timed_out = last.is_some_and(|last| {
            lines.iter().any(|line| line.pid == last.pid && line.event == "timeout")
        });
        let of_last_run = last.map_or(0, |last| exit_status(last.number));
        let is_fatal = self.plan.fatal.contains(&of_last_run) && !timed_out;
        if !was_stopped && !self.plan.has_restart_limit && !self.plan.once && !is_fatal {
            self.fail("dmon exited without a reason");
        }
        let is_success = self.plan.success.contains(&of_last_run) && !timed_out;
        let mut accepted = Vec::new();
        if self.plan.has_restart_limit && timed_out {
            accepted.push(124);
        }
        if was_stopped || accepted.is_empty() {
            // The run may have ended before dmon received the stop signal, or after it.
            accepted.extend((!is_success || was_stopped).then_some(of_last_run));
            accepted.extend(is_success.then_some(0));
        }
        if !accepted.contains(&status) {
            self.fail(format!("dmon exited with {status}, not with one of {accepted:?}"));
        }
    }
}

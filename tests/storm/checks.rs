//! What must be true after a storm, by what was seen and written down. Pure.

use super::plan::{Logger, Plan};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};

/// One life of dmon, from outside.
#[derive(Default)]
pub struct Life {
    /// 0 if it was over before we knew.
    pub pid: i32,
    pub was_killed: bool,
    /// The exit status, if we are its parent and there is one.
    pub end: Option<Option<i32>>,
    /// The status lines.
    pub status: String,
    pub out: String,
    pub err: String,
    /// How many descriptors were open, and how much data there was, from look to look.
    pub descriptors: Vec<usize>,
    pub data: Vec<String>,
}

pub struct Seen {
    pub ledger: String,
    pub lives: Vec<Life>,
    pub said: Said,
    pub log: Vec<u8>,
}

/// A line of words and numbers.
#[derive(Clone, Copy)]
struct Line<'a> {
    who: &'a str,
    what: &'a str,
    pid: i32,
    number: i32,
}

/// The status lines.
fn told(status: &str) -> Vec<Line<'_>> {
    fn line(line: &str) -> Option<Line<'_>> {
        let mut words = line.split(' ');
        let (who, what, pid) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        let number = words.next().map_or(Some(0), |word| word.parse().ok())?;
        Some(Line { who, what, pid, number })
    }
    status.lines().filter_map(line).collect()
}

/// The command that was up when these status lines were all, and not kept from hearing this signal.
pub fn up(status: &str, signal: Signal) -> Option<i32> {
    let mut lines = told(status).into_iter().filter(|line| line.who == "cmd");
    let last = lines.next_back()?;
    let is_up = matches!(last.what, "start" | "pause" | "resume" | "signal");
    let mut states = lines.chain([last]).filter(|line| line.what != "signal");
    let is_paused = states.next_back().is_some_and(|line| line.what == "pause");
    (is_up && !(is_paused && signal == Signal::SIGCONT)).then_some(last.pid)
}

/// The command that the load has paused or let go on, if that was the last thing, and whether it is paused. None if
/// others than dmon have stopped or continued it.
pub fn paused(status: &str, ledger: &str) -> Option<(i32, bool)> {
    let last = told(status).into_iter().rfind(|line| line.who == "cmd")?;
    let by_others = sent(ledger).contains(&(last.pid, CONT))
        || sent(ledger).contains(&(last.pid, STOP))
        || entries(ledger, "stop").any(|line| line[0] == i64::from(last.pid));
    let is_matter = matches!(last.what, "pause" | "resume") && !by_others;
    is_matter.then_some((last.pid, last.what == "pause"))
}

/// The lines of the ledger of this kind: their numbers.
fn entries<'a>(ledger: &'a str, word: &'a str) -> impl Iterator<Item = Vec<i64>> + 'a {
    ledger.lines().filter_map(move |line| {
        let (_, rest) = line.split_once(' ')?;
        let (kind, rest) = rest.split_once(' ')?;
        let numbers = || rest.split(' ').filter_map(|word| word.parse().ok()).collect();
        (kind == word).then(numbers)
    })
}

/// Those that have closed their ears to TERM.
pub fn deaf(ledger: &str) -> BTreeSet<i32> {
    entries(ledger, "deaf").map(|numbers| numbers[0] as i32).collect()
}

/// The signals we have sent: to whom, which.
fn sent(ledger: &str) -> Vec<(i32, i32)> {
    entries(ledger, "act").map(|numbers| (numbers[0] as i32, numbers[1] as i32)).collect()
}

const TERM: i32 = Signal::SIGTERM as i32;
const KILL: i32 = Signal::SIGKILL as i32;
const CONT: i32 = Signal::SIGCONT as i32;
const STOP: i32 = Signal::SIGSTOP as i32;

/// The signal in a number of waitpid, 0 if it has exited.
fn died_of(status: i32) -> i32 {
    status & 0x7f
}

/// As dmon's own exit status.
fn code(status: i32) -> i32 {
    match died_of(status) {
        0 => status >> 8 & 0xff,
        signal => 128 + signal,
    }
}

struct Judge<'a> {
    plan: &'a Plan,
    seen: &'a Seen,
    complaints: Vec<String>,
}

/// All that is wrong.
pub fn complaints(plan: &Plan, seen: &Seen) -> Vec<String> {
    let mut judge = Judge { plan, seen, complaints: Vec::new() };
    judge.copies();
    judge.signals();
    for life in &seen.lives {
        judge.sizes(life);
        if plan.told {
            judge.children(life);
            judge.runs(life);
            judge.exit(life);
        }
    }
    judge.lines();
    judge.complaints
}

impl Judge<'_> {
    fn complain(&mut self, what: impl Into<String>) {
        self.complaints.push(what.into());
    }

    /// Never two copies, none too soon, none that dmon does not know of.
    fn copies(&mut self) {
        let ledger = &self.seen.ledger;
        for two in entries(ledger, "two") {
            self.complain(format!("{} was a second copy", two[0]));
        }
        let begun: Vec<_> = entries(ledger, "begin").collect();
        if self.plan.lives == 1 {
            for two in begun.windows(2) {
                // In hundredths of a second, each cut off.
                let pause = (two[1][2] - two[0][2] + 1) as u128 * 10;
                if pause < self.plan.spacing.as_millis() {
                    self.complain(format!("{} began {pause} ms after {}", two[1][0], two[0][0]));
                }
            }
        }
        if self.plan.told {
            let all = self.seen.lives.iter().flat_map(|life| told(&life.status));
            let mut starts = all.filter(|line| line.who == "cmd" && line.what == "start");
            for begin in &begun {
                if !starts.any(|start| i64::from(start.pid) == begin[0]) {
                    self.complain(format!("{} began and no status line says so", begin[0]));
                    break;
                }
            }
        }
    }

    /// dmon has sent to the command what it must, and else nothing.
    fn signals(&mut self) {
        let us = i64::from(std::process::id());
        for got in entries(&self.seen.ledger, "got") {
            let [pid, signal, sender] = got[..] else { continue };
            let lives = &self.seen.lives;
            let is_dmon = lives.iter().any(|life| life.pid == 0 || i64::from(life.pid) == sender);
            let signal = signal as i32;
            let passed =
                self.plan.forward_cmd && Signal::try_from(signal).is_ok_and(Plan::is_forwarded);
            match sender {
                _ if is_dmon && (passed || signal == TERM || signal == CONT) => {}
                // The kernel; to the orphans of a killed dmon, too.
                0 => {}
                _ if sender == us => {}
                _ => self.complain(format!("{pid} has got signal {signal} from {sender}")),
            }
        }
    }

    /// Nothing has grown.
    fn sizes(&mut self, life: &Life) {
        let looks = &life.descriptors;
        let (early, late) = looks.split_at(looks.len() / 2);
        if let (true, Some(first), Some(last)) =
            (early.len() > 4, early.iter().min(), late.iter().min())
            && last > first
        {
            self.complain(format!("{first} descriptors have become {last}"));
        }
        let data: BTreeSet<_> = life.data.iter().filter(|data| !data.is_empty()).collect();
        if data.len() > 1 {
            self.complain(format!("the data have grown: {data:?}"));
        }
    }

    /// Each child starts when the one before has ended, and nothing is said of it before or after.
    fn children(&mut self, life: &Life) {
        for who in ["cmd", "log"] {
            let mut now = None;
            for Line { what, pid, .. } in
                told(&life.status).into_iter().filter(|line| line.who == who)
            {
                now = match (what, now) {
                    ("start", None) => Some(pid),
                    ("exit", Some(up)) if up == pid => None,
                    (_, Some(up)) if up == pid && what != "start" => now,
                    _ => return self.complain(format!("{who} {what} {pid} while it is {now:?}")),
                };
            }
            if let (Some(pid), false) = (now, life.was_killed) {
                self.complain(format!("no end is told of {who} {pid}"));
            }
        }
    }

    /// How each run of the command went.
    fn runs(&mut self, life: &Life) {
        let (plan, ledger) = (self.plan, &self.seen.ledger);
        let (sent, deaf) = (sent(ledger), deaf(ledger));
        let told = told(&life.status);
        let orders = self.orders(life);
        let pids = |word| entries(ledger, word).map(|line| line[0] as i32).collect::<BTreeSet<_>>();
        let (begun, dead) = (pids("begin"), pids("die"));
        let ended: BTreeMap<i32, i32> =
            entries(ledger, "exit").map(|line| (line[0] as i32, line[1] as i32)).collect();
        let (mut starts, mut is_done) = (0, false);
        for (at, line) in told.iter().enumerate() {
            let Line { who, what, pid, number } = *line;
            let before = |what: &str, number: i32| {
                let mut past = told[..at].iter();
                past.any(|l| l.pid == pid && l.what == what && (number == 0 || l.number == number))
            };
            let was_told = before("stop", 0) || before("timeout", 0);
            let complaint = match (who, what) {
                ("cmd", "start") => {
                    starts += 1;
                    let many = plan.most.is_some_and(|most| starts > most);
                    (many || is_done).then_some("is one run too many")
                }
                ("cmd", "exit") if died_of(number) == 0 => {
                    is_done = plan.once && number == 0 && !before("timeout", 0);
                    (ended.get(&pid) != Some(&code(number))).then_some("has not exited so")
                }
                ("cmd", "exit") => {
                    let signal = died_of(number);
                    let for_it = sent.contains(&(pid, signal))
                        || before("signal", signal)
                        || (signal == TERM && was_told)
                        || (signal == KILL && (before("kill", 0) || dead.contains(&pid)));
                    (!for_it).then_some("has died of a signal that nobody sent")
                }
                ("cmd", "timeout") => (!plan.late).then_some("may take its time"),
                ("cmd", "pause" | "resume") => (!plan.load).then_some("is no matter of the load"),
                ("cmd", "signal") => (!plan.forward_cmd).then_some("is for dmon alone"),
                ("log", "signal") => (!plan.forward_log).then_some("is for dmon alone"),
                // We have stopped it, perhaps after its stop signal.
                ("cmd", "kill") if plan.late && sent.contains(&(pid, STOP)) => None,
                // What is told to end in good time and can hear ends by itself.
                ("cmd", "kill") if orders < 2 && !deaf.contains(&pid) && begun.contains(&pid) => {
                    (plan.kill_after == 0.0 || plan.kill_after == 10.0).then_some("hears TERM")
                }
                ("cmd", "kill") => (orders < 2 && plan.kill_after == 0.0).then_some("is patient"),
                ("log", "exit") if died_of(number) == 0 && code(number) != 0 && !plan.disk => {
                    (plan.logger != Logger::Dsyslog).then_some("has lost something")
                }
                _ => None,
            };
            if let Some(complaint) = complaint {
                self.complain(format!("{who} {what} {pid} {number}: {complaint}"));
            }
        }
    }

    /// How often it was told to end.
    fn orders(&self, life: &Life) -> usize {
        let sent = sent(&self.seen.ledger).into_iter();
        sent.filter(|one| one.0 == life.pid && [TERM, Signal::SIGINT as i32].contains(&one.1))
            .count()
    }

    /// dmon's own end.
    fn exit(&mut self, life: &Life) {
        let Some(end) = life.end.filter(|_| !life.was_killed) else { return };
        let Some(end) = end else { return self.complain("dmon has died of a signal") };
        let ordered = self.orders(life) > 0;
        let told = told(&life.status);
        let last = told.iter().rfind(|line| (line.who, line.what) == ("cmd", "exit"));
        let is_late = last.is_some_and(|last| {
            told.iter().any(|line| line.pid == last.pid && line.what == "timeout")
        });
        let last = last.map_or(0, |last| code(last.number));
        if !ordered && !self.plan.limited && !self.plan.once {
            self.complain("dmon has ended and nobody has told it to");
        }
        let mut may = Vec::new();
        if self.plan.limited && is_late {
            may.push(124);
        }
        if ordered || may.is_empty() {
            may.push(last);
        }
        if !may.contains(&end) {
            self.complain(format!("dmon has exited with {end} and not with one of {may:?}"));
        }
    }

    /// No line is lost, doubled or out of its order.
    fn lines(&mut self) {
        let plan = self.plan;
        let joined = joined(plan, &self.seen.log);
        let (records, garbage) = records(&joined.text);
        let deaths = self.deaths();
        let is_unsure = !plan.told && plan.logger != Logger::None;
        if garbage > 0 && deaths == 0 && !is_unsure {
            self.complain(format!("{garbage} bytes of the log were never written so"));
        }
        let both = plan.stderr_too;
        self.complaints.extend(disorder(&records, &self.seen.said));
        if plan.logger == Logger::None && !plan.foreground {
            return;
        }
        let (lost, bytes) = missing(&records, &self.seen.said, if both { &[0, 1] } else { &[0] });
        let ledger = self.seen.ledger.lines();
        let disk = ledger.rev().find(|line| line.ends_with(" full") || line.ends_with(" empty"));
        if disk.is_some_and(|line| line.ends_with(" full")) {
            // dmon has ended before there was room for the count.
        } else if plan.disk {
            // A line that was lost while its writer was killed was not counted by that.
            let most = lost + self.seen.said.len();
            if deaths == 0 && !is_unsure && !(lost..=most).contains(&joined.lost) {
                self.complain(format!("{} lines are counted, and {lost} are lost", joined.lost));
            }
        } else if !is_unsure && bytes > self.may_be_lost(deaths, joined.lost) {
            self.complain(format!("{lost} lines, {bytes} bytes are lost, {deaths} log deaths"));
        }
        if plan.foreground && !both {
            let err: String = self.seen.lives.iter().map(|life| life.err.as_str()).collect();
            let (records, _) = self::records(&err);
            self.complaints.extend(disorder(&records, &self.seen.said));
            let (lost, _) = missing(&records, &self.seen.said, &[1]);
            if lost > 0 {
                self.complain(format!("{lost} lines are not in standard error"));
            }
        }
    }

    /// How often the log command was killed, with what it had read.
    fn deaths(&self) -> usize {
        let all = self.seen.lives.iter().flat_map(|life| told(&life.status));
        all.filter(|line| (line.who, line.what) == ("log", "exit") && died_of(line.number) != 0)
            .count()
    }

    /// How many bytes: what dead log commands had in their hands, and what dmon or dsyslog speaks of.
    fn may_be_lost(&self, deaths: usize, counted: usize) -> usize {
        const PIPE: usize = 64 << 10;
        let in_hands = match self.plan.logger {
            Logger::None => 0,
            Logger::Dlog | Logger::Drlog => PIPE,
            // And its queue.
            Logger::Dsyslog => PIPE + (32 << 10),
            Logger::Cat => 2 * PIPE,
        };
        let errs = self.seen.lives.iter().map(|life| life.err.as_str());
        let number = |line: &str| {
            let (what, number) = line.rsplit_once(": ")?;
            let number: usize = number.parse().ok()?;
            match what {
                "dmon: the log command has left bytes unread" => Some(number),
                "dsyslog: lines lost" => Some(number * 900),
                _ => None,
            }
        };
        let spoken_of: usize = errs.flat_map(str::lines).filter_map(number).sum();
        // Where a daemon's words go nobody hears them.
        let unheard = if !self.plan.foreground && deaths > 0 { PIPE } else { 0 };
        // What is in the pipe of a killed dmon while its log command is down has no reader any more.
        let is_down = |life: &&Life| {
            let last = told(&life.status).into_iter().rfind(|line| line.who == "log");
            life.was_killed && last.is_none_or(|line| line.what == "exit")
        };
        let unread = self.seen.lives.iter().filter(is_down).count() * PIPE;
        deaths * in_hands + spoken_of + unheard + unread + counted * 900
    }
}

/// How many lines each process has written, to standard output and standard error.
pub type Said = Vec<(i32, [usize; 2])>;

/// What is wrong with the order of these lines, or what is there twice.
pub fn disorder(records: &[Record], said: &Said) -> Option<String> {
    let said: BTreeMap<_, _> = said.iter().copied().collect();
    let (mut last, mut run) = (BTreeMap::new(), 0);
    for record in records {
        let Record { pid, channel, number, .. } = *record;
        let name = format!("line {number} of {pid} in run {}", record.run);
        if record.run < run {
            return Some(format!("{name} stands behind one of run {run}"));
        }
        run = record.run;
        if last.insert((pid, channel), number).is_some_and(|last| last >= number) {
            return Some(format!("{name} is there twice, or behind a later one"));
        }
        // The last of a process that was killed has perhaps not been counted.
        if said.get(&pid).is_none_or(|said| said[channel] < number) {
            return Some(format!("{name} was never written"));
        }
    }
    None
}

/// How many lines, and bytes, were written and are not there.
pub fn missing(records: &[Record], said: &Said, channels: &[usize]) -> (usize, usize) {
    let there: BTreeSet<_> = records.iter().map(|r| (r.pid, r.channel, r.number)).collect();
    let (mut lines, mut bytes) = (0, 0);
    for (pid, counts) in said {
        for channel in channels {
            let numbers = 0..counts[*channel];
            for number in numbers.filter(|number| !there.contains(&(*pid, *channel, *number))) {
                lines += 1;
                // The fewest bytes it can have had: what stands around its filler.
                bytes += 14 + if number % 61 == 60 { 800 } else { 0 };
            }
        }
    }
    (lines, bytes)
}

/// A log without what the log command has put in: stamps, prefixes, the ends of lines that it was told to end in the
/// middle of, and counts.
struct Joined {
    text: String,
    lost: usize,
}

fn joined(plan: &Plan, log: &[u8]) -> Joined {
    let mut joined = Joined { text: String::new(), lost: 0 };
    for line in String::from_utf8_lossy(log).lines() {
        let line = match plan.logger {
            Logger::Dlog | Logger::Drlog if plan.is_stamped() => line.get(20..).unwrap_or_default(),
            _ if plan.is_prefixed() => line.strip_prefix("P ").unwrap_or(line),
            _ => line,
        };
        // `dlog: N lines (B bytes) lost`, `N lines lost`.
        let count = line.strip_prefix("dlog: ").unwrap_or(line).split(' ').next();
        match count.and_then(|count| count.parse::<usize>().ok()) {
            Some(count) if line.ends_with(" lost") => joined.lost += count,
            _ => joined.text += line,
        }
    }
    joined
}

pub struct Record {
    run: i64,
    pid: i32,
    channel: usize,
    number: usize,
}

/// The lines that `stormy` has written, in their order, and how many bytes there are besides.
pub fn records(text: &str) -> (Vec<Record>, usize) {
    let (mut all, mut garbage) = (Vec::new(), 0);
    for piece in text.split_inclusive('>') {
        let from = piece.rfind('<').unwrap_or(piece.len());
        let record = record(&piece[from..]);
        garbage += if record.is_some() { from } else { piece.len() };
        all.extend(record);
    }
    (all, garbage)
}

fn record(piece: &str) -> Option<Record> {
    let (head, rest) = piece.strip_prefix('<')?.split_once(':')?;
    let (length, filler) = rest.strip_suffix('>')?.split_once(':')?;
    let mut head = head.split('.');
    let record = Record {
        run: head.next()?.parse().ok()?,
        pid: head.next()?.parse().ok()?,
        channel: head.next()?.parse().ok().filter(|channel| *channel < 2)?,
        number: head.next()?.parse().ok()?,
    };
    let letter = b'a' + (record.number % 26) as u8;
    let is_whole =
        filler.len() == length.parse().ok()? && filler.bytes().all(|byte| byte == letter);
    is_whole.then_some(record)
}

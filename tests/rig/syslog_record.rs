//! Messages as syslog receivers have stored them. The receivers in this folder make them.

use std::time::SystemTime;

/// A stored message.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Seconds since 1970.
    pub time: i64,
    /// The sender's host; empty if the receiver does not store it.
    pub host: String,
    pub program: String,
    /// The sender's PID; empty if the message has none.
    pub pid: String,
    /// The facility times eight plus the severity.
    pub priority: u32,
    pub text: String,
}

impl Record {
    /// Parses TIME, HOST, PROGRAM, PID, PRIORITY, VERSION and TEXT, with a TAB between them.
    ///
    /// VERSION is 0 if the text begins with the blank behind the colon of the program's name.
    pub fn of_fields(line: &str) -> Option<Record> {
        let mut fields = line.splitn(7, '\t');
        let mut next = || fields.next().map(str::to_string);
        let (time, host, program, pid, priority) = (next()?, next()?, next()?, next()?, next()?);
        let (version, text) = (next()?, next()?);
        Some(Record {
            time: time.parse().ok()?,
            host,
            program,
            pid: if pid == "-" { String::new() } else { pid },
            priority: priority.parse().ok()?,
            text: text.strip_prefix(if version == "0" { " " } else { "" })?.to_string(),
        })
    }

    /// Parses `NAME: TEXT` or `NAME[PID]: TEXT`, or takes everything as the text.
    pub fn of_tag(time: i64, host: &str, priority: u32, message: &str) -> Record {
        // The blank of an empty text may be missing.
        let (tag, text) = message
            .split_once(": ")
            .or_else(|| Some((message.strip_suffix(':')?, "")))
            .unwrap_or(("", message));
        let (program, pid) = match tag.split_once('[') {
            Some((program, rest)) => (program, rest.trim_end_matches(']')),
            None => (tag, ""),
        };
        let [host, program, pid, text] = [host, program, pid, text].map(str::to_string);
        Record { time, host, program, pid, priority, text }
    }
}

/// The customary names of the facilities and severities, in the order of their numbers. 12 to 15 have none.
const FACILITIES: &str = "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp 12 13 14 15 \
                          local0 local1 local2 local3 local4 local5 local6 local7";
const SEVERITIES: &str = "emerg alert crit err warn notice info debug";
const MONTHS: &str = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";

fn position(names: &str, name: &str) -> Option<u32> {
    u32::try_from(names.split_whitespace().position(|word| word == name)?).ok()
}

/// Parses `FACILITY.SEVERITY` or `<NUMBER>`.
fn priority(word: &str) -> Option<u32> {
    let Some((facility, severity)) = word.split_once('.') else {
        return word.strip_prefix('<')?.strip_suffix('>')?.parse().ok();
    };
    Some(position(FACILITIES, facility)? * 8 + position(SEVERITIES, severity)?)
}

/// Parses the complete lines of s6's syslog receivers: `FACILITY.SEVERITY: TAG: TEXT`. They store no time.
pub fn s6_records(log: &str) -> Vec<Record> {
    let record = |line: &str| {
        let (word, message) = line.split_once(": ")?;
        Some(Record::of_tag(now(), "", priority(word)?, message))
    };
    let record = |line| record(line).unwrap_or_else(|| panic!("not a line of s6: {line:?}"));
    complete_lines(log).map(record).collect()
}

/// Parses the complete lines of the log of busybox's syslogd: `Mmm dd HH:MM:SS HOST PRIORITY TAG: TEXT`.
///
/// PRIORITY is `<NUMBER>` if the facility has no name. `zone` is the daemon's time zone in
/// seconds east of UTC.
pub fn busybox_records(log: &str, zone: i64) -> Vec<Record> {
    let record = |line: &str| {
        let time = seconds(line.get(..15)?)? - zone;
        let mut words = line.get(16..)?.splitn(3, ' ');
        let (host, priority) = (words.next()?, priority(words.next()?)?);
        Some(Record::of_tag(time, host, priority, words.next()?))
    };
    let record = |line| record(line).unwrap_or_else(|| panic!("not a line of syslogd: {line:?}"));
    complete_lines(log).map(record).collect()
}

/// Returns the lines of a log that have their newline.
pub fn complete_lines(log: &str) -> impl Iterator<Item = &str> {
    log.rsplit_once('\n').map_or("", |(lines, _)| lines).lines()
}

/// Returns the time `Mmm dd HH:MM:SS` in seconds since 1970, in the year in which it is nearest to now.
fn seconds(timestamp: &str) -> Option<i64> {
    let month = i64::from(position(MONTHS, &timestamp[..3])?);
    let number = |at: usize| timestamp[at..at + 2].trim_start().parse::<i64>().ok();
    let of_day = number(7)? * 3600 + number(10)? * 60 + number(13)?;
    // The year starts in March, so that a leap day is its last: the months before have 153 days each five.
    let (month, next_year) = ((month + 10) % 12, i64::from(month < 2));
    let day = (153 * month + 2) / 5 + number(4)? - 1;
    let in_year = |year: i64| {
        let year = year - next_year;
        (year * 365 + year / 4 - year / 100 + year / 400 + day - 719_468) * 86_400 + of_day
    };
    let this_year = 1970 + now() / 31_556_952;
    (this_year - 1..=this_year + 1).map(in_year).min_by_key(|time| (time - now()).abs())
}

/// Returns the seconds since 1970.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(now.as_secs()).expect("seconds")
}

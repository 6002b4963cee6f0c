//! dmon's options: one row each, what they store, whether they fit together. Pure.

use super::load::Limits;
use super::machine::{MOST_DELAYS, MOST_RECENT, Policy};
use crate::pure::fault::Fault;
use crate::pure::opts::{About, Opt, Word, flag, value};
use crate::pure::time::Duration;
use crate::pure::unix::Signal;
use crate::pure::value::{self, Threshold, Wanted};

pub const ABOUT: About = About {
    name: "dmon",
    usage: "[options] command [args] [-- log-command [args]]",
    purpose: "Run a command, and run it again when it ends.",
};

/// Who a child is to be: the words of `-u` and `-g`.
#[derive(Clone, Copy, Default)]
pub struct Owner {
    pub user: Option<Word>,
    pub group: Option<Word>,
}

pub struct Config {
    pub foreground: bool,
    pub stderr_too: bool,
    pub stop_signal: Signal,
    pub cmd_owner: Owner,
    pub log_owner: Owner,
    pub pid_file: Option<Word>,
    load_high: Option<Threshold>,
    load_low: Option<Threshold>,
    policy: Policy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            foreground: false,
            stderr_too: false,
            stop_signal: Signal::TERM,
            cmd_owner: Owner::default(),
            log_owner: Owner::default(),
            pid_file: None,
            load_high: None,
            load_low: None,
            policy: Policy::default(),
        }
    }
}

/// A time of zero switches the option off.
fn unless_zero(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

fn time(word: Word) -> Result<Duration, Wanted> {
    value::time(word.to_bytes())
}

/// A load of zero switches the option off, as it always did.
fn load(word: Word) -> Result<Option<Threshold>, Wanted> {
    value::threshold(word.to_bytes()).map(|t| Some(t).filter(|t| t.load.0 > 0))
}

pub const OPTIONS: &[Opt<Config>] = &[
    flag(b'n', "no-daemon", "Do not become a daemon.", |c, on| c.foreground = on),
    flag(b'1', "once", "Stop when the command ends with status 0.", |c, on| c.policy.once = on),
    value(
        b'm',
        "max-respawns",
        "N[/TIME]",
        "Restarts in all, or within any TIME; then end.",
        store_respawns,
    ),
    value(b'd', "delay", "TIME,...", "Least time between starts, in turn; 1s.", store_delays),
    value(b'i', "interval", "TIME", "Wait so long after a run that went well.", |c, w| {
        time(w).map(|t| c.policy.interval = t)
    }),
    value(b't', "timeout", "TIME", "End a run after that time, and run again.", |c, w| {
        time(w).map(|t| c.policy.timeout = unless_zero(t))
    }),
    value(b'k', "kill-after", "TIME", "From the stop signal to KILL; 10s, 0 is never.", |c, w| {
        time(w).map(|t| c.policy.kill_after = unless_zero(t))
    }),
    value(0, "stop-signal", "SIG", "Signal that stops the command; TERM.", |c, w| {
        value::signal(w.to_bytes()).map(|s| c.stop_signal = s)
    }),
    value(b'D', "drain", "TIME", "How long the log command may read on; 5s.", |c, w| {
        time(w).map(|t| c.policy.drain = t)
    }),
    value(b'L', "load-high", "N[%]", "Pause the command above this load.", |c, w| {
        load(w).map(|l| c.load_high = l)
    }),
    value(b'l', "load-low", "N[%]", "Resume it at this load; half of -L.", |c, w| {
        load(w).map(|l| c.load_low = l)
    }),
    flag(b'e', "stderr-redir", "Standard error goes where the output goes.", |c, on| {
        c.stderr_too = on;
    }),
    flag(b's', "cmd-sigs", "Forward signals to the command.", |c, on| c.policy.forward_cmd = on),
    flag(b'S', "log-sigs", "Forward signals to the log command.", |c, on| {
        c.policy.forward_log = on;
    }),
    value(b'u', "cmd-user", "USER[:GROUP]", "Run the command as this user.", |c, w| {
        c.cmd_owner.user = Some(w);
        Ok(())
    }),
    value(b'g', "cmd-group", "GROUP", "The command's primary group.", |c, w| {
        c.cmd_owner.group = Some(w);
        Ok(())
    }),
    value(b'U', "log-user", "USER[:GROUP]", "Run the log command as this user.", |c, w| {
        c.log_owner.user = Some(w);
        Ok(())
    }),
    value(b'G', "log-group", "GROUP", "The log command's primary group.", |c, w| {
        c.log_owner.group = Some(w);
        Ok(())
    }),
    value(b'p', "pid-file", "PATH", "Lock this file and write dmon's pid into it.", |c, w| {
        c.pid_file = Some(w);
        Ok(())
    }),
];

/// `COUNT` or `COUNT/TIME`.
fn store_respawns(config: &mut Config, word: Word) -> Result<(), Wanted> {
    const WANTED: Wanted = "a count, or at most 64/TIME (like 5, 5/1m, -1)";
    let mut halves = word.to_bytes().splitn(2, |b| *b == b'/');
    let respawns = value::count(halves.next().unwrap_or(&[])).map_err(|_| WANTED)?;
    let window = halves.next().map(value::time).transpose().map_err(|_| WANTED)?;
    if window.is_some_and(Duration::is_zero) {
        return Err(WANTED);
    }
    let many = respawns.is_some_and(|n| usize::try_from(n).is_ok_and(|n| n > MOST_RECENT));
    if window.is_some() && many {
        return Err(WANTED);
    }
    config.policy.respawns = respawns;
    config.policy.window = window;
    Ok(())
}

/// `TIME[,TIME…]`.
fn store_delays(config: &mut Config, word: Word) -> Result<(), Wanted> {
    const WANTED: Wanted = "a list of at most 16 times (like 1s,5s,1m)";
    let delays = &mut config.policy.delays;
    delays.clear();
    for time in word.to_bytes().split(|b| *b == b',') {
        delays.push(value::time(time).map_err(|_| WANTED)?).map_err(|_| WANTED)?;
    }
    Ok(())
}

impl Config {
    /// The policy these options add up to, with or without a log command.
    ///
    /// # Errors
    /// Options that exclude each other.
    pub fn policy(&self, logged: bool) -> Result<Policy, Fault> {
        let policy = &self.policy;
        if policy.once && !policy.interval.is_zero() {
            return Err(Fault::failed("options -i and -1 cannot be used together"));
        }
        let load = match (self.load_high, self.load_low) {
            (Some(high), Some(low)) => Some(Limits { high, low }),
            (Some(high), None) => Some(Limits::half(high)),
            (None, _) => None,
        };
        if let Some(Limits { high, low }) = load {
            if high.per_cpu != low.per_cpu {
                return Err(Fault::failed(
                    "options -L and -l: both or neither must be a percentage",
                ));
            }
            if low.load >= high.load {
                return Err(Fault::failed("option -l must be lower than option -L"));
            }
        }
        Ok(Policy { logged, load, ..policy.clone() })
    }
}

const _: () =
    assert!(MOST_DELAYS == 16 && MOST_RECENT == 64, "the messages above name these numbers");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::opts::tests::check_rows;

    fn try_option(words: &[&str]) -> Result<Config, String> {
        let mut config = Config::default();
        let words: std::vec::Vec<Word> = words
            .iter()
            .map(|w| -> Word { Box::leak(std::ffi::CString::new(*w).unwrap().into_boxed_c_str()) })
            .collect();
        crate::pure::opts::parse(OPTIONS, &mut config, words.into_iter())
            .and_then(|_| config.policy(true))
            .map_err(|f| String::from_utf8_lossy(f.line("dmon").bytes()).trim().to_string())?;
        Ok(config)
    }

    #[test]
    fn the_rows_are_sound() {
        check_rows(OPTIONS);
    }

    #[test]
    fn lists_and_windows() {
        let config = try_option(&["-m", "5/1m", "-d1,2.5s,1m"]).ok().unwrap();
        assert_eq!(config.policy.respawns, Some(5));
        assert_eq!(config.policy.window, Some(Duration::seconds(60)));
        assert_eq!(config.policy.delays.len(), 3);
        assert_eq!(try_option(&["-m-1"]).ok().unwrap().policy.respawns, None);
        for bad in [
            ["-m", "65/1m"],
            ["-m", "5/"],
            ["-m", "/5"],
            ["-d", ""],
            ["-d", "1,"],
            ["-d", "1,,2"],
            ["-d", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"],
        ] {
            assert!(try_option(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let says = |words: &[&str], text: &str| {
            assert_eq!(try_option(words).err().unwrap(), format!("dmon: {text}"))
        };
        says(&["-1", "-i5"], "options -i and -1 cannot be used together");
        says(&["-L2", "-l2"], "option -l must be lower than option -L");
        says(&["-L2", "-l50%"], "options -L and -l: both or neither must be a percentage");
        assert!(try_option(&["-1", "-i0", "-L0", "-l3"]).is_ok());
    }
}

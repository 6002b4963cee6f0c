//! dmon's options: one row each, what they store, whether they fit together. Pure.

use super::limits::Limits;
use super::load::{self, Pressure};
use super::machine::{MOST_DELAYS, MOST_RECENT, Policy, Respawns};
use crate::applets::environ::Changed;
use crate::applets::options::About;
use crate::pure::opts::{Field, Given, Opt, Word, opt};
use crate::pure::text::halves;
use crate::pure::time::Duration;
use crate::pure::unix::Signal;
use crate::pure::value::{self, Threshold, Wanted};
use heapless::Vec;

pub const ABOUT: About = About {
    usage: "Usage: dmon [options] command [args] [-- log-command [args]]
Run a command, and run it again when it ends.\n\n",
    variables: &["DMON_OPTIONS"],
    has_file: true,
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
    pub verbose: bool,
    pub stop_signal: Signal,
    pub cmd_owner: Owner,
    pub log_owner: Owner,
    pub pid_file: Option<Word>,
    pub status: Option<Word>,
    pub directory: Option<Word>,
    pub environ: Changed,
    pub limits: Limits,
    file: File,
    load_high: Option<Threshold>,
    load_low: Option<Threshold>,
    pressure: Pressure,
    pub policy: Policy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            foreground: false,
            stderr_too: false,
            verbose: false,
            stop_signal: Signal::TERM,
            cmd_owner: Owner::default(),
            log_owner: Owner::default(),
            pid_file: None,
            status: None,
            directory: None,
            environ: Changed::default(),
            limits: Limits::default(),
            file: File,
            load_high: None,
            load_low: None,
            pressure: Pressure::default(),
            policy: Policy::default(),
        }
    }
}

/// In groups, the common ones first.
pub const OPTIONS: &[Opt<Config>] = &[
    opt("-n, --no-daemon\tDo not become a daemon.", |c, v| v.to(&mut c.foreground)),
    opt("-1, --once\tStop when the command ends with status 0.", |c, v| v.to(&mut c.policy.once)),
    opt("-m, --max-respawns N[/TIME]\tRestarts in all, or within any TIME; then end.", |c, v| {
        v.to(&mut c.policy.respawns)
    }),
    opt("-t, --timeout TIME\tEnd a run after that time, and run again.", |c, v| {
        v.to(&mut c.policy.timeout)
    }),
    opt("-L, --load-high N[%]\tPause the command above this load.", |c, v| v.to(&mut c.load_high)),
    opt("-e, --stderr-redir\tStandard error goes where the output goes.", |c, v| {
        v.to(&mut c.stderr_too)
    }),
    opt("-p, --pid-file PATH\tLock this file and write dmon's pid into it.", |c, v| {
        v.to(&mut c.pid_file)
    }),
    opt("-u, --cmd-user USER[:GROUP]\tRun the command as this user.\n", |c, v| {
        v.to(&mut c.cmd_owner.user)
    }),
    opt("-d, --delay TIME,...\tLeast time between starts, in turn; 1s.", |c, v| {
        v.to(&mut c.policy.delays)
    }),
    opt("-i, --interval TIME\tWait so long after a run that went well.", |c, v| {
        v.to(&mut c.policy.interval)
    }),
    opt("-k, --kill-after TIME\tFrom the stop signal to KILL; 10s, 0 is never.", |c, v| {
        v.to(&mut c.policy.kill_after)
    }),
    opt("    --stop-signal SIG\tSignal that stops the command; TERM.", |c, v| {
        v.to(&mut c.stop_signal)
    }),
    opt("-l, --load-low N[%]\tResume it at this load; half of -L.", |c, v| v.to(&mut c.load_low)),
    opt(
        "    --pressure WHAT:HIGH[:LOW]\tThe same by the pressure on cpu, io or memory.",
        |c, v| v.to(&mut c.pressure),
    ),
    opt("-s, --cmd-sigs\tForward signals to the command.", |c, v| v.to(&mut c.policy.forward_cmd)),
    opt("-g, --cmd-group GROUP\tThe command's primary group.", |c, v| v.to(&mut c.cmd_owner.group)),
    opt(
        "-r, --limit NAME=N[:HARD]\tLimit the command's resources; -r help lists them.\n",
        |c, v| v.to(&mut c.limits),
    ),
    opt("-D, --drain TIME\tHow long the log command may read on; 5s.", |c, v| {
        v.to(&mut c.policy.drain)
    }),
    opt("-S, --log-sigs\tForward signals to the log command.", |c, v| {
        v.to(&mut c.policy.forward_log)
    }),
    opt("-U, --log-user USER[:GROUP]\tRun the log command as this user.", |c, v| {
        v.to(&mut c.log_owner.user)
    }),
    opt("-G, --log-group GROUP\tThe log command's primary group.\n", |c, v| {
        v.to(&mut c.log_owner.group)
    }),
    opt("-C, --config FILE\tMore options, from a file; comes first.", |c, v| v.to(&mut c.file)),
    opt("-W, --work-dir DIR\tChange to this directory first.", |c, v| v.to(&mut c.directory)),
    opt("-E, --environ NAME[=VALUE]\tSet or remove a variable.", |c, v| v.to(&mut c.environ)),
    opt("-v, --verbose\tSay what happens, on standard error.", |c, v| v.to(&mut c.verbose)),
    opt("-I, --write-info PATH\tAppend status lines to a file, FIFO or socket.", |c, v| {
        v.to(&mut c.status)
    }),
];

/// The configuration file where it may not stand any more: it is read before all other options.
struct File;

impl Field for File {
    fn set(&mut self, _: Given) -> Result<(), Wanted> {
        Err("the first option's, as it must be")
    }
}

/// `COUNT` or `COUNT/TIME`.
impl Field for Respawns {
    fn set(&mut self, Given { word, .. }: Given) -> Result<(), Wanted> {
        const WANTED: Wanted = "a count, or at most 64/TIME (like 5, 5/1m, -1)";
        let (count, window) = halves(word.to_bytes(), b'/');
        self.most = value::count(count).map_err(|_| WANTED)?;
        self.window = window.map(value::time).transpose().map_err(|_| WANTED)?;
        if self.window.is_some_and(Duration::is_zero) {
            return Err(WANTED);
        }
        let many = self.most.is_some_and(|n| usize::try_from(n).is_ok_and(|n| n > MOST_RECENT));
        if self.window.is_some() && many { Err(WANTED) } else { Ok(()) }
    }
}

/// `TIME[,TIME…]`.
impl Field for Vec<Duration, MOST_DELAYS> {
    fn set(&mut self, Given { word, .. }: Given) -> Result<(), Wanted> {
        const WANTED: Wanted = "a list of at most 16 times (like 1s,5s,1m)";
        self.clear();
        for time in word.to_bytes().split(|b| *b == b',') {
            self.push(value::time(time).map_err(|_| WANTED)?).map_err(|_| WANTED)?;
        }
        Ok(())
    }
}

impl Config {
    /// Completes the policy, with or without a log command.
    ///
    /// # Errors
    /// Options that exclude each other.
    pub fn settle(&mut self, logged: bool) -> Result<(), &'static str> {
        let policy = &mut self.policy;
        policy.logged = logged;
        if policy.once && !policy.interval.is_zero() {
            return Err("options -i and -1 cannot be used together");
        }
        let mut load = None;
        if let Some(high) = self.load_high {
            let low = self.load_low.unwrap_or(high.half());
            if high.per_cpu != low.per_cpu {
                return Err("options -L and -l: both or neither must be a percentage");
            }
            if low.load >= high.load {
                return Err("option -l must be lower than option -L");
            }
            load = Some(load::Limits { high, low });
        }
        let [cpu, io, memory] = self.pressure.0;
        policy.watch = [load, cpu, io, memory];
        Ok(())
    }
}

/// Any bytes as words of the command line, as words for each option that takes one, as files of the system:
/// an answer, never a panic. For the parsers of all that comes from outside.
#[cfg(any(test, fuzzing))]
pub fn check(data: &[u8]) {
    use crate::pure::accounts::{Name, Search, Sought};
    use crate::pure::opts::{Source, Table};

    struct Bytes<'a>(std::vec::Vec<&'a [u8]>);
    impl Source for Bytes<'_> {
        fn next(&mut self) -> Option<Word> {
            let word = std::ffi::CString::new(self.0.pop()?).ok()?;
            Some(std::boxed::Box::leak(word.into_boxed_c_str()))
        }

        fn complain(&mut self, parts: &[&[u8]]) {
            assert!(!parts.is_empty());
        }
    }
    let mut words: std::vec::Vec<&[u8]> = data.split(|byte| *byte == 0).collect();
    let mut config = Config::default();
    let mut table = Table { options: OPTIONS, config: &mut config };
    for letter in b"mdtkLlDurgi" {
        let option = [b'-', *letter];
        let mut words = Bytes(std::vec![words.first().copied().unwrap_or(b""), &option]);
        crate::pure::opts::parse(&mut table, &mut words);
    }
    words.reverse();
    crate::pure::opts::parse(&mut table, &mut Bytes(words));
    let _ = config.settle(true);
    let _ =
        (load::parse(data), load::count_listed(data), value::long_time(data), value::size(data));
    for sought in [Sought::User(Name::Number(7)), Sought::Group(b"log"), Sought::Member(b"log")] {
        let mut search = Search::new(sought);
        data.iter().chain(b"\n").for_each(|byte| search.hear(*byte));
    }
}

const _: () =
    assert!(MOST_DELAYS == 16 && MOST_RECENT == 64, "the messages above name these numbers");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::opts::tests::{check_rows, parse_words};

    fn try_option(words: &[&str]) -> Result<Config, String> {
        let mut config = Config::default();
        parse_words(OPTIONS, &mut config, words)?;
        config.settle(true)?;
        Ok(config)
    }

    #[test]
    fn the_rows_are_sound() {
        check_rows(OPTIONS);
    }

    #[test]
    fn lists_and_windows() {
        let config = try_option(&["-m", "5/1m", "-d1,2.5s,1m"]).ok().unwrap();
        assert_eq!(config.policy.respawns.most, Some(5));
        assert_eq!(config.policy.respawns.window, Some(Duration::seconds(60)));
        assert_eq!(config.policy.delays.len(), 3);
        assert!(try_option(&["-m64/1m"]).is_ok() && try_option(&["-m65"]).is_ok());
        assert_eq!(try_option(&["-m-1"]).ok().unwrap().policy.respawns.most, None);
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
    fn nothing_from_outside_is_too_odd() {
        let mut random = crate::pure::tests::Random(21);
        let alphabet = b"-=-n1mLutr:/,.%0123456789smhdwkelogcpu \n\0\xff";
        for _ in 0..40_000 {
            let data: std::vec::Vec<u8> = (0..random.below(24))
                .map(|_| alphabet[random.below(alphabet.len() as u64)])
                .filter(|byte| *byte != b'E')
                .collect();
            check(&data);
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let says = |words: &[&str], text: &str| {
            assert_eq!(try_option(words).err().unwrap(), text);
        };
        says(&["-1", "-i5"], "options -i and -1 cannot be used together");
        says(&["-L2", "-l2"], "option -l must be lower than option -L");
        says(&["-L2", "-l50%"], "options -L and -l: both or neither must be a percentage");
        says(&["-n", "-Cx"], "option -C: 'x' is not the first option's, as it must be");
        assert!(try_option(&["-1", "-i0", "-L0", "-l3"]).is_ok());
    }
}

//! dmon's options: one row for each, where it is stored, and the cross-checks.
//!
//! `mod.rs` fills a [`Config`] from the command line.

use super::running::Request;
use super::{liveness, ready};
use crate::applets::env_edits::EnvEdits;
use crate::applets::option_sources::{AppletInfo, reject_late_config_file};
use core::ffi::c_int;
use pure::cli::option_table::{ENVIRON, Opt, opt, opt_shared};
use pure::cli::option_value::CliWord;
#[cfg(any(test, fuzzing))]
use pure::cli::value;
use pure::cli::value::{Load, Threshold};
use pure::supervise::load::{self, PauseRange};
use pure::supervise::policy::Policy;
use pure::supervise::rlimits::Rlimits;
use pure::unix::Signal;

/// The usage, variable and configuration file of dmon.
pub const INFO: AppletInfo = AppletInfo {
    usage: "Usage: dmon [options] command [args] [-- log-command [args]]
Run a command, and run it again when it ends.\n\n",
    variables: &["DMON_OPTIONS"],
    has_file: true,
};

/// The user and group of a child, as `-u` and `-g` name them.
#[derive(Clone, Copy, Default)]
pub struct UserSpec {
    pub user: Option<CliWord>,
    pub group: Option<CliWord>,
}

/// The values of all options.
// Field order: see src/lib.rs.
#[repr(C)]
pub struct Config {
    pub no_daemon: bool,
    /// Only check the options, commands and files.
    pub check: bool,
    /// Redirect the command's standard error to its standard output.
    pub stderr_to_stdout: bool,
    pub verbose: bool,
    pub log_events: bool,
    pub stop_signal: Signal,
    pub cmd_user: UserSpec,
    pub log_user: UserSpec,
    pub pid_file: Option<CliWord>,
    pub status_path: Option<CliWord>,
    pub directory: Option<CliWord>,
    pub alive_file: Option<CliWord>,
    /// The descriptor on which the command reports that it is ready.
    pub ready_fd: c_int,
    /// The words of the command that follows each run.
    pub finish: Option<CliWord>,
    pub request: Request,
    pub env_edits: EnvEdits,
    load_high: Threshold,
    load_low: Threshold,
    pub policy: Policy,
    pub rlimits: Rlimits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            no_daemon: false,
            check: false,
            stderr_to_stdout: false,
            verbose: false,
            log_events: false,
            stop_signal: Signal::TERM,
            cmd_user: UserSpec::default(),
            log_user: UserSpec::default(),
            pid_file: None,
            status_path: None,
            directory: None,
            alive_file: None,
            ready_fd: 0,
            finish: None,
            request: Request::NONE,
            env_edits: EnvEdits::default(),
            rlimits: Rlimits::default(),
            load_high: Threshold::default(),
            load_low: Threshold::default(),
            policy: Policy::default(),
        }
    }
}

/// The rows, in three groups. The first contains the most common options.
pub const OPTIONS: &[Opt<Config>] = &[
    opt("-n, --no-daemon\tDo not become a daemon.", |c, v| v.to(&mut c.no_daemon)),
    opt("-1, --once\tStop when the command ends with status 0.", |c, v| v.to(&mut c.policy.once)),
    opt("-m, --max-respawns N[/TIME]\tRestarts in all, or within any TIME; then end.", |c, v| {
        v.to(&mut c.policy.restart_limit)
    }),
    opt("-t, --timeout TIME\tEnd a run after that time, and run again.", |c, v| {
        v.to(&mut c.policy.timeout)
    }),
    opt("-L, --load-high N[%]\tPause the command above this load.", |c, v| v.to(&mut c.load_high)),
    opt("-e, --stderr-redir\tStandard error goes where the output goes.", |c, v| {
        v.to(&mut c.stderr_to_stdout)
    }),
    opt("-p, --pid-file PATH\tLock this file and write dmon's pid into it.", |c, v| {
        v.to(&mut c.pid_file)
    }),
    opt("-u, --cmd-user USER[:GROUP]\tRun the command as this user.\n", |c, v| {
        v.to(&mut c.cmd_user.user)
    }),
    opt("-d, --delay TIME[~TIME],...\tLeast time between starts, in turn; 1s.", |c, v| {
        v.to(&mut c.policy.delays)
    }),
    opt("-i, --interval TIME[~TIME]\tWait so long after a good run, and up to ~TIME.", |c, v| {
        v.to(&mut c.policy.interval)
    }),
    opt("-x, --success LIST\tTreat these results as status 0, like 24,TERM.", |c, v| {
        v.to(&mut c.policy.success)
    }),
    opt("-X, --fatal LIST\tStop after these results, like 64-78.", |c, v| {
        v.to(&mut c.policy.fatal)
    }),
    opt("    --alive TIME:FILE\tEnd a run whose file is unchanged for TIME.", |c, v| {
        liveness::parse(v.value, &mut c.policy.alive, &mut c.alive_file)
    }),
    opt("-N, --ready FD[:TIME]\tThe start waits for a newline on FD; 30s.", |c, v| {
        ready::parse(v.value, &mut c.ready_fd, &mut c.policy.ready)
    }),
    opt("    --finish CMDLINE\tRun this command after each run.", |c, v| v.to(&mut c.finish)),
    opt("-k, --kill-after TIME\tFrom the stop signal to KILL; 10s, 0 is never.", |c, v| {
        v.to(&mut c.policy.kill_after)
    }),
    opt("    --stop-signal SIG\tSignal that stops the command; TERM.", |c, v| {
        v.to(&mut c.stop_signal)
    }),
    opt("    --kill-mode group|mixed|process\tWhat the stop signal reaches; group.", |c, v| {
        v.to(&mut c.policy.kill_mode)
    }),
    opt("-l, --load-low N[%]\tResume it at this load; half of -L.", |c, v| v.to(&mut c.load_low)),
    opt(
        "    --pressure WHAT:HIGH[:LOW]\tThe same by the pressure on cpu, io or memory.",
        |c, v| v.to(&mut c.policy.thresholds),
    ),
    opt("    --sensor FILE:HIGH:LOW\tThe same by the number in a file, as of heat.", |c, v| {
        load::add_sensor(v.value, &mut c.policy.thresholds)
    }),
    opt("    --on-signal SIG=WHAT\tWhat a signal does: restart, pause, resume or SIG.", |c, v| {
        v.to(&mut c.policy.on_signal)
    }),
    opt("-s, --cmd-sigs\tForward signals to the command.", |c, v| v.to(&mut c.policy.forward_cmd)),
    opt("-g, --cmd-group GROUP\tThe command's primary group.", |c, v| v.to(&mut c.cmd_user.group)),
    opt(
        "-r, --limit NAME=N[:HARD]\tLimit the command's resources; -r help lists them.\n",
        |c, v| v.to(&mut c.rlimits),
    ),
    opt("-D, --drain TIME\tHow long the log command may read on; 5s.", |c, v| {
        v.to(&mut c.policy.drain)
    }),
    opt("-S, --log-sigs\tForward signals to the log command.", |c, v| {
        v.to(&mut c.policy.forward_log)
    }),
    opt("    --log-events\tWrite the messages of -v into the log.", |c, v| v.to(&mut c.log_events)),
    opt("-U, --log-user USER[:GROUP]\tRun the log command as this user.", |c, v| {
        v.to(&mut c.log_user.user)
    }),
    opt("-G, --log-group GROUP\tThe log command's primary group.\n", |c, v| {
        v.to(&mut c.log_user.group)
    }),
    opt("-C, --config FILE\tMore options, from a file; comes first.", reject_late_config_file),
    opt("    --signal SIG[:TIME]\tSignal the dmon of -p; wait for its end.", |c, v| {
        v.to(&mut c.request)
    }),
    opt("    --check\tCheck options, commands and files; start nothing.", |c, v| {
        v.to(&mut c.check)
    }),
    opt("-W, --work-dir DIR\tChange to this directory first.", |c, v| v.to(&mut c.directory)),
    opt_shared(ENVIRON, |c, v| v.to(&mut c.env_edits)),
    opt("-v, --verbose\tSay what happens, on standard error.", |c, v| v.to(&mut c.verbose)),
    opt("-I, --write-info PATH\tAppend status lines to a file, FIFO or socket.", |c, v| {
        v.to(&mut c.status_path)
    }),
];

impl Config {
    /// Completes the policy and checks that the options do not exclude each other. `logged`: there is a log command.
    ///
    /// # Errors
    /// The message for the user.
    pub fn validate(&mut self, logged: bool) -> Result<(), &'static str> {
        let policy = &mut self.policy;
        policy.logged = logged;
        if self.log_events && !logged {
            return Err("option --log-events requires a log command");
        }
        policy.validate()?;
        let (high, low) = (self.load_high, self.load_low);
        if high.load > Load(0) {
            let low = if low.load > Load(0) { low } else { high.half() };
            if high.per_cpu != low.per_cpu {
                return Err("options -L and -l: both or neither must be a percentage");
            }
            if low.load >= high.load {
                return Err("option -l must be lower than option -L");
            }
            let ([range, ..], [file, ..]) = (&mut policy.thresholds, load::FILES);
            let per_cpu = low.per_cpu;
            *range = Some(PauseRange { file, high: high.load, low: low.load, per_cpu });
        }
        Ok(())
    }
}

/// Passes arbitrary bytes to every parser of outside data: command lines, option values, system files. None may panic.
/// The unit test below and `tests/fuzz` call it.
#[cfg(any(test, fuzzing))]
pub fn check(data: &[u8]) {
    use pure::accounts::{Gids, Name, Query, Search};
    use pure::cli::getopt::Source;
    use pure::cli::option_table::Table;

    struct Bytes<'a>(std::vec::Vec<&'a [u8]>);
    impl Source for Bytes<'_> {
        fn next(&mut self) -> Option<CliWord> {
            let word = std::ffi::CString::new(self.0.pop()?).ok()?;
            Some(std::boxed::Box::leak(word.into_boxed_c_str()))
        }

        fn error(&mut self, parts: &[&[u8]]) {
            assert!(!parts.is_empty());
        }
    }
    let mut words: std::vec::Vec<&[u8]> = data.split(|byte| *byte == 0).collect();
    let mut config = Config::default();
    let mut table = Table { options: pure::packed!(Config, OPTIONS), config: &mut config };
    for letter in b"mdtkLlDurgixX" {
        let option = [b'-', *letter];
        let mut words = Bytes(std::vec![words.first().copied().unwrap_or(b""), &option]);
        pure::cli::getopt::parse(&mut table, &mut words);
    }
    words.reverse();
    pure::cli::getopt::parse(&mut table, &mut Bytes(words));
    let _ = config.validate(true);
    let _ =
        (load::parse(data), load::count_listed(data), value::long_time(data), value::size(data));
    for query in [Query::User(Name::Number(7)), Query::Group(b"log"), Query::Member(b"log")] {
        let (mut word, mut groups) = (pure::text::TextBuf::<256>::new(), Gids::new());
        let mut search = Search::new(query, &mut word, &mut groups);
        data.iter().chain(b"\n").for_each(|byte| search.feed(*byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_rows, parse_words};
    use pure::time::Duration;

    fn try_option(words: &[&str]) -> Result<Config, String> {
        let mut config = Config::default();
        parse_words(OPTIONS, &mut config, words)?;
        config.validate(true)?;
        Ok(config)
    }

    #[test]
    fn rows_are_well_formed() {
        check_rows(OPTIONS);
    }

    #[test]
    fn parses_lists_and_windows() {
        let config = try_option(&["-m", "5/1m", "-d1,2.5s,1m"]).ok().unwrap();
        assert_eq!(config.policy.restart_limit.max, Some(5));
        assert_eq!(config.policy.restart_limit.window, Some(Duration::from_secs(60)));
        assert_eq!(config.policy.delays.len(), 3);
        assert!(!config.policy.has_jitter());
        for jitter in ["-i0~2m", "-d1s~5s", "-d1,2~3,4", "-i0~2m,"] {
            let config = try_option(&[jitter]);
            assert_eq!(config.is_ok_and(|c| c.policy.has_jitter()), !jitter.ends_with(','));
        }
        assert!(try_option(&["-m64/2m"]).is_ok() && try_option(&["-m65"]).is_ok());
        assert_eq!(try_option(&["-m-1"]).ok().unwrap().policy.restart_limit.max, None);
        for bad in [
            ["-m", "65/1m"],
            ["-m", "5/"],
            ["-m", "/5"],
            ["-d", ""],
            ["-d", "1,"],
            ["-d", "1,,2"],
            ["-d", "1~2~3"],
            ["-d", "1,2~"],
            ["-d", "~2,3"],
            ["-i", "10m~"],
            ["-i", "~2m"],
            ["-d", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"],
        ] {
            assert!(try_option(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn arbitrary_input_never_panics() {
        let mut random = crate::testing::Random(21);
        let alphabet = b"-=-n1mLutr:/,.%~0123456789smhdwkelogcpu \n\0\xff";
        for _ in 0..40_000 {
            let data: std::vec::Vec<u8> = (0..random.below(24))
                .map(|_| alphabet[random.below(alphabet.len() as u64)])
                .collect();
            check(&data);
        }
    }

    #[test]
    fn contradicting_options_are_errors() {
        let fails = |words: &[&str], text: &str| {
            assert_eq!(try_option(words).err().unwrap(), text);
        };
        fails(&["-1", "-i5"], "options -i and -1 cannot be used together");
        fails(&["-1", "-i0~5"], "options -i and -1 cannot be used together");
        let rare = "option -m: option -d allows fewer restarts within that time";
        fails(&["-m5/3s", "-d10s"], rare);
        fails(&["-m5/3s"], rare);
        // The shortest delay counts, without a random time.
        fails(&["-m5/3s", "-d1~9"], rare);
        assert!(try_option(&["-m5/4s", "-d1~9"]).is_ok());
        fails(&["-1", "-m3/9s", "-d1,5"], rare);
        // A success returns to the first delay.
        assert!(try_option(&["-m3/9s", "-d1,5"]).is_ok());
        assert!(try_option(&["-m5/4s"]).is_ok() && try_option(&["-m1/1s", "-d1w"]).is_ok());
        assert!(try_option(&["-m64/1s", "-d0"]).is_ok());
        fails(&["-L2", "-l2"], "option -l must be lower than option -L");
        fails(&["-L2", "-l50%"], "options -L and -l: both or neither must be a percentage");
        fails(&["-n", "-Cx"], "option -C: 'x' is not the first option's, as it must be");
        assert!(try_option(&["-1", "-i0", "-L0", "-l3"]).is_ok());
        let both = "options -x and -X: a status is in both (0 is always a success)";
        fails(&["-x1-5", "-X5,6"], both);
        fails(&["-xTERM", "-X143"], both);
        fails(&["-X0-9"], both);
        assert!(try_option(&["-x0-5", "-X6-255"]).is_ok());
    }
}

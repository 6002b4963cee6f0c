//! The options of dlog and drlog, in one table. dlog has all but the first rows, so that each row is stored once.

use super::logger::{self, LoggerConfig};
use pure::cli::option_table::{END, Opt, Packed, opt, pack_rows};
use pure::cli::value::{Count, LongTime, Size};
use pure::log::line_prefix::PrefixText;
use pure::log::on_full::OnFull;
use pure::log::rotate::RotateLimits;
use pure::log::timestamp::TimestampFormat;
use pure::packed;
use pure::time::Duration;

/// The values of all options.
pub struct LineConfig {
    pub logger: LoggerConfig,
    /// Do not sync the log to the disk.
    pub buffered: bool,
    /// `None`: no timestamp.
    pub timestamp: Option<TimestampFormat>,
    pub prefix: PrefixText,
    /// Minimum time between two syncs; `None`: sync after each batch.
    pub sync_interval: Option<Duration>,
    pub on_full: OnFull,
    /// Only for drlog.
    pub limits: RotateLimits,
}

impl LineConfig {
    pub const DEFAULT: Self = Self {
        logger: LoggerConfig::DEFAULT,
        buffered: false,
        timestamp: None,
        prefix: PrefixText::NONE,
        sync_interval: None,
        on_full: OnFull::Drop,
        limits: RotateLimits {
            size: Size(150 << 10),
            time: LongTime(Duration::from_secs(5 * 86_400)),
            files: Count(10),
        },
    };
}

impl AsMut<LoggerConfig> for LineConfig {
    fn as_mut(&mut self) -> &mut LoggerConfig {
        &mut self.logger
    }
}

/// The rows of drlog, in the order of the help.
pub const OPTIONS: &[Opt<LineConfig>] = &[
    opt("-s, --max-size SIZE\tRotate when current has grown to this; 150k.", |c, v| {
        v.to(&mut c.limits.size)
    }),
    opt("-T, --max-time TIME\tRotate when it has been used so long; 5d.", |c, v| {
        v.to(&mut c.limits.time)
    }),
    opt("-m, --max-files COUNT\tKeep so many old logs; 10, 0 is no limit.", |c, v| {
        v.to(&mut c.limits.files)
    }),
    opt("-t, --timestamp\tPut the time before each line (UTC).", |c, v| {
        c.timestamp = v.on.then_some(TimestampFormat::Utc);
        Ok(())
    }),
    opt("    --time FORMAT\tThe same as utc, iso, tai64n, epoch or mono.", |c, v| {
        v.to(&mut c.timestamp)
    }),
    opt("-p, --prefix TEXT\tPut this text before each line, after the time.", |c, v| {
        v.to(&mut c.prefix)
    }),
    logger::skip_empty(),
    logger::input_fd(),
    opt("-b, --buffered\tDo not wait until lines are on the disk.", |c, v| v.to(&mut c.buffered)),
    opt("    --sync TIME\tPut them on the disk at most that often.", |c, v| {
        v.to(&mut c.sync_interval)
    }),
    opt("    --on-full drop|block\tWhat to do when the disk is full; drop.", |c, v| {
        v.to(&mut c.on_full)
    }),
    logger::rate(),
];

/// The rows that dlog lacks.
const ONLY_DRLOG: &[Opt<LineConfig>] = OPTIONS.split_at(3).0;

/// The rows of drlog as stored.
pub const DRLOG_PACKED: Packed<LineConfig> = packed!(LineConfig, OPTIONS);

/// The rows of dlog as stored: a part of those of drlog.
pub const DLOG_PACKED: Packed<LineConfig> = Packed {
    rows: DRLOG_PACKED.rows.split_at(pack_rows(ONLY_DRLOG, &mut [0; 4000]) - END.len()).1,
    apply: |c, at, v| (DRLOG_PACKED.apply)(c, at + ONLY_DRLOG.len(), v),
};

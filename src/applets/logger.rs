//! The start of the loggers dlog, drlog and dsyslog: shared options and memory. Each calls [`run`].
//!
//! The row of each shared option is a function of the logger's settings. A logger joins such rows with its own rows into
//! one table, in the order of its help.

use super::diag::{self, name};
use super::option_sources::{AppletInfo, Invocation};
use super::pump::Batch;
use super::standard_fds;
use core::ffi::c_int;
use pure::cli::option_table::{
    INPUT_FD, Opt, OptionTable, Packed, RATE, SKIP_EMPTY, Table, opt_shared,
};
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::log::line_prefix::{PREFIX_SIZE, PrefixBuf};
use pure::log::loss::{self, Loss};
use pure::log::rate::RateLimiter;
use pure::text::{Put, Text};
use sys::fd;
use sys::static_cell::StaticCell;

/// The values of the options that all loggers have.
pub struct LoggerConfig {
    /// The descriptor to read.
    pub input: c_int,
    /// Drop lines that contain only a newline.
    pub skip_empty: bool,
    pub rate: RateLimiter,
}

impl LoggerConfig {
    pub const DEFAULT: Self = Self { input: fd::STDIN, skip_empty: false, rate: RateLimiter::NEW };
}

/// The row of `--skip-empty`.
pub const fn skip_empty<C: AsMut<LoggerConfig>>() -> Opt<C> {
    opt_shared(SKIP_EMPTY, |c, v| v.to(&mut c.as_mut().skip_empty))
}

/// The row of `--input-fd`.
pub const fn input_fd<C: AsMut<LoggerConfig>>() -> Opt<C> {
    opt_shared(INPUT_FD, |c, v| v.to(&mut c.as_mut().input))
}

/// The row of `--rate`.
pub const fn rate<C: AsMut<LoggerConfig>>() -> Opt<C> {
    opt_shared(RATE, |c, v| v.to(&mut c.as_mut().rate))
}

/// Memory for the output of a batch: space for a whole batch of one line, and its prefix.
pub type Out = [u8; size_of::<Batch>() + PREFIX_SIZE];

/// The memory of a logger.
pub struct Buffers {
    pub prefix: PrefixBuf,
    pub batch: Batch,
    pub out: Out,
}

static BUFFERS: StaticCell<Buffers, 4> = StaticCell::new([Buffers {
    prefix: PrefixBuf::new(),
    batch: [0; size_of::<Batch>()],
    out: [0; size_of::<Out>()],
}]);

/// Parses the options into `config`, then calls `start` with it, the operand, and the memory of the process.
///
/// # Errors
/// [`Exit::FAILED`] for wrong options or operands, and the errors of `start`.
pub fn run<C: 'static>(
    invocation: &Invocation,
    info: &'static AppletInfo,
    options: Packed<C>,
    mut config: C,
    start: fn(&mut C, Option<CliWord>, &'static mut Buffers) -> Result<Exit, Exit>,
) -> Result<Exit, Exit> {
    let mut table = Table { options, config: &mut config };
    let (operand, buffers) = prepare(invocation, info, &mut table)?;
    start(&mut config, operand, buffers)
}

/// Reads the options into a table, and returns the operand and the memory. One compiled function serves all loggers.
#[inline(never)]
fn prepare(
    invocation: &Invocation,
    info: &AppletInfo,
    table: &mut dyn OptionTable,
) -> Result<(Option<CliWord>, &'static mut Buffers), Exit> {
    standard_fds::open();
    let operand = invocation.operand(invocation.read(info, table)?)?;
    // A process is only one logger.
    BUFFERS.take().map(|buffers| (operand, buffers)).ok_or(Exit::FAILED)
}

/// Appends a line that reports missing lines in the log. `fate` says what happened to them.
pub fn put_loss_notice(line: &mut Text, loss: Loss, fate: &str) {
    line.put(name());
    line.put(b": ");
    loss::put_notice(line, loss, fate);
    line.put(b"\n");
}

/// Reports on standard error how many lines were lost, if the log itself does not contain a loss notice.
pub fn report_lost_lines(lines: u64) {
    diag::count("lines lost: ", lines);
}

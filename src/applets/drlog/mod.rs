//! drlog: appends standard input to a directory of rotated log files. The table of applets calls it.

mod log_dir;
mod target;

#[cfg(test)]
pub use crate::applets::line_options::OPTIONS;
use crate::applets::line_options::{DRLOG_PACKED, LineConfig};
use crate::applets::logger::{self, Buffers};
use crate::applets::option_sources::{AppletInfo, Invocation};
use pure::cli::option_value::CliWord;
use pure::exit::Exit;

const INFO: AppletInfo = AppletInfo {
    usage: "Usage: drlog [options] directory
Append standard input to DIRECTORY/current; rotate it by size and age.\n\n",
    variables: &["DRLOG_OPTIONS"],
    has_file: false,
};

/// Runs drlog.
///
/// # Errors
/// [`Exit::FAILED`] for wrong options, and if the directory cannot be opened or the input cannot be read.
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    logger::run(invocation, &INFO, DRLOG_PACKED, LineConfig::DEFAULT, start)
}

/// Logs to the directory `path`.
fn start(
    config: &mut LineConfig,
    path: Option<CliWord>,
    buffers: &'static mut Buffers,
) -> Result<Exit, Exit> {
    match path {
        Some(path) => target::run(path, config, buffers),
        None => Err(INFO.missing("no directory given. ")),
    }
}

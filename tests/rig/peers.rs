//! Programs of other projects (busybox, multilog, svlogd, s6-log, rsyslogd, sysvinit, OpenRC).
//!
//! They come only from the folder into which `scripts/setup` unpacks Debian's packages, never from `PATH`.
//! Otherwise the result of a test would depend on the installed packages. The busybox of most machines is
//! dynamic, for example: it cannot run in an empty root file system or without a free descriptor.

use super::tools::skip;
use std::path::{Path, PathBuf};

/// Returns the command that runs this program of `usr/bin`, or skips the test.
pub fn peer(program: &str) -> Option<String> {
    call(&format!("usr/bin/{program}"))
}

/// Returns the command that runs this unpacked program with its own libraries, or skips the test.
pub(super) fn call(file: &str) -> Option<String> {
    let path = unpacked(file)?;
    Some(format!("env LD_LIBRARY_PATH={} {path}", libraries().display()))
}

/// Returns the path of the static busybox, or skips the test.
pub fn busybox() -> Option<String> {
    unpacked("bin/busybox")
}

/// Returns the path of an unpacked file, or skips the test.
pub fn unpacked(file: &str) -> Option<String> {
    let path = found(file);
    if path.is_none() {
        skip(&format!("needs {file}, unpacked by scripts/setup"));
    }
    path.map(|path| path.display().to_string())
}

pub(super) fn found(file: &str) -> Option<PathBuf> {
    Some(folder().join(file)).filter(|path| path.is_file())
}

/// The folder of the unpacked libraries: on x86-64 `usr/lib/x86_64-linux-gnu`.
pub(super) fn libraries() -> PathBuf {
    let all = std::fs::read_dir(folder().join("usr/lib")).into_iter().flatten().flatten();
    let mut of_an_architecture =
        all.filter(|entry| entry.file_name().to_string_lossy().contains("-linux-gnu"));
    of_an_architecture.next().map(|entry| entry.path()).unwrap_or_default()
}

fn folder() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")));
    cache.unwrap_or_default().join("dmon/peers")
}

//! Programs of other projects (busybox, multilog, svlogd, s6-log, rsyslogd, syslog-ng, sysvinit, OpenRC).
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
    let folders = [libraries("usr/lib"), libraries("lib"), folder().join("usr/lib/syslog-ng")];
    let folders = folders.map(|folder| folder.display().to_string()).join(":");
    Some(format!("env LD_LIBRARY_PATH={folders} {path}"))
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

/// Returns the folder of the unpacked libraries in `usr/lib` or `lib`: on x86-64 `usr/lib/x86_64-linux-gnu`.
pub(super) fn libraries(parent: &str) -> PathBuf {
    subfolder(parent, |name| name.contains("-linux-gnu"))
}

/// Returns the first subfolder of an unpacked folder with such a name.
pub(super) fn subfolder(parent: &str, is_it: impl Fn(&str) -> bool) -> PathBuf {
    let all = std::fs::read_dir(folder().join(parent)).into_iter().flatten().flatten();
    let mut found = all.filter(|entry| is_it(&entry.file_name().to_string_lossy()));
    found.next().map(|entry| entry.path()).unwrap_or_default()
}

fn folder() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")));
    cache.unwrap_or_default().join("dmon/peers")
}

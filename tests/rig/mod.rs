//! The test fixture `Rig`: a temporary folder and the processes that a test starts in it.
//!
//! Each command line is run by `sh`, so quotes, redirections and `$(cat pid)` work as at a prompt. Every
//! process inherits the variable `DMON_TEST` with the path of the folder. The rig finds a process by this
//! mark, even after its parent, process group or user has changed, and kills all of them at the end.

pub mod accounts;
mod applets;
mod compare;
pub mod disk;
mod done;
mod files;
pub mod load;
pub mod log_server;
pub mod logd;
pub mod machine;
pub mod mount_namespace;
pub mod openrc;
mod peers;
pub mod pipes;
pub mod proc;
mod processes;
pub mod pty;
pub mod random;
pub mod reads;
pub mod receiver;
pub mod screen;
mod start;
pub mod strace;
pub mod syslog_record;
pub mod syslogd;
pub mod tools;
pub mod trace;
mod wait;

pub use applets::applets;
pub use compare::{assert_same, numbers, words_as_letters};
pub use done::Done;
pub use files::write_random_file;
pub use processes::{command_line, signal};
pub use start::{Running, feed, quoted};
pub use wait::{assert_stays, growth, limit, pace};

use nix::sys::signal::{SigHandler, Signal};
use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Once;
use tempfile::TempDir;

/// Returns `long` if `DMON_LONG=1` asks for the full counts, otherwise `short`.
pub fn scaled(short: usize, long: usize) -> usize {
    match std::env::var_os("DMON_LONG") {
        Some(word) if word == "1" => long,
        _ => short,
    }
}

pub struct Rig {
    folder: TempDir,
    /// The number of command lines started so far.
    started: Cell<usize>,
}

impl Rig {
    pub fn new() -> Rig {
        reset_signals();
        let folder =
            tempfile::Builder::new().prefix("dmon-test-").tempdir().expect("a temporary folder");
        // Some tests run programs as other users.
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))
            .expect("a folder that all users may enter");
        let rig = Rig { folder, started: Cell::new(0) };
        rig.place_programs(|file, link| symlink(file, link).expect("a link to a program"));
        rig
    }
}

/// Resets SIGHUP, SIGINT and SIGQUIT of this process, whose programs inherit them, to their default actions.
///
/// nohup(1) ignores SIGHUP. A shell without job control ignores the others for each program that it starts in the
/// background.
fn reset_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for which in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT] {
            // SAFETY: the default action runs no code of this process.
            unsafe { nix::sys::signal::signal(which, SigHandler::SigDfl) }.expect("signal(2)");
        }
    });
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.kill_all();
    }
}

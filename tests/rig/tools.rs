//! Checks of this machine: programs, rights, features of the kernel.
//!
//! A test that needs more than there is prints `skipped: NAME: reason` and returns.

pub use super::peers::{peer, unpacked};

use super::peers;
use nix::sys::signal::Signal;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Reports that the calling test cannot run here; always `false`.
///
/// `println!` would not do: the test harness prints the captured output of failed tests only.
pub fn skip(reason: &str) -> bool {
    let test = std::thread::current();
    let name = test.name().unwrap_or("a test").to_string();
    let _ = std::io::stderr().write_all(format!("skipped: {name}: {reason}\n").as_bytes());
    false
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root() || skip("needs root")
}

/// Whether these programs exist: busybox among the unpacked peers, all others in `PATH`.
pub fn has(programs: &[&str]) -> bool {
    programs.iter().all(|&program| match program {
        "busybox" => peers::busybox().is_some(),
        _ => find(program).is_some() || skip(&format!("needs {program}")),
    })
}

/// Returns the path of a program in tests/tools, which cargo builds as an example, or skips the test. scripts/test sets
/// $DMON_EXAMPLES to a link without blanks, because tests put the path into command lines.
pub fn example(name: &str) -> Option<PathBuf> {
    let tests = std::env::current_exe().expect("the path of the test program");
    // target/debug/deps/main-… → target/debug/examples
    let folder = tests.ancestors().nth(2).expect("the folder of cargo's output").join("examples");
    let path = std::env::var_os("DMON_EXAMPLES").map_or(folder, PathBuf::from).join(name);
    if !path.is_file() {
        skip(&format!("needs the program {name}: cargo build --examples"));
        return None;
    }
    Some(path)
}

/// Returns the path of the library of faketime(1), or skips the test.
pub fn faketime() -> Option<String> {
    let listed = Command::new("dpkg").args(["-L", "libfaketime"]).output();
    let paths = listed.map(|listed| listed.stdout).unwrap_or_default();
    let paths = String::from_utf8_lossy(&paths).into_owned();
    let library = paths.lines().find(|path| path.ends_with("/libfaketime.so.1")).map(String::from);
    library.or_else(|| {
        skip("needs libfaketime");
        None
    })
}

/// Whether the tested program runs without an emulator. The reason names what the emulator lacks.
pub fn is_native(reason: &str) -> bool {
    let words = std::env::var("DMON").unwrap_or_default();
    words.split_whitespace().count() < 2 || skip(&format!("emulated: {reason}"))
}

/// Returns the tested program's number of a signal. MIPS has its own numbers (signal(7)).
pub fn signal_number(signal: Signal) -> i32 {
    static IS_MIPS: OnceLock<bool> = OnceLock::new();
    let is_mips = *IS_MIPS.get_or_init(|| {
        let words = super::applets::tested();
        let elf = words.last().and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        // e_machine of elf(5) is EM_MIPS, 8, in either byte order.
        matches!(elf.get(18..20), Some([8, 0] | [0, 8]))
    });
    match signal {
        Signal::SIGUSR1 if is_mips => 16,
        Signal::SIGXCPU if is_mips => 30,
        Signal::SIGXFSZ if is_mips => 31,
        signal => signal as i32,
    }
}

/// Whether a process can adopt the orphans of its descendants (PR_SET_CHILD_SUBREAPER).
pub fn can_adopt() -> bool {
    nix::sys::prctl::get_child_subreaper().is_ok()
        || skip("needs Linux 3.4, which lets orphans be adopted")
}

/// Whether a test can have a mount namespace.
pub fn can_mount() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    let line = format!("{} mount --bind /dev/null /proc/loadavg", unshare_mounts());
    *CAN.get_or_init(|| succeeds(&line)) || skip("needs a mount namespace")
}

/// Returns the command that runs another one in a new mount namespace.
pub fn unshare_mounts() -> &'static str {
    match nix::unistd::geteuid().is_root() {
        true => "unshare -m",
        false => "unshare -Urm",
    }
}

/// Whether a test can have a PID namespace.
pub fn can_unshare_pids() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    let line = format!("{} true", unshare_pids());
    *CAN.get_or_init(|| succeeds(&line)) || skip("needs a process namespace")
}

/// Returns the command that runs another one in a new PID namespace, which it takes down when it exits.
pub fn unshare_pids() -> &'static str {
    match nix::unistd::geteuid().is_root() {
        true => "unshare -m -p -f --mount-proc --kill-child",
        false => "unshare -Urm -p -f --mount-proc --kill-child",
    }
}

/// Finds a program in `PATH` or in the folders of the system's own programs.
pub fn find(program: &str) -> Option<PathBuf> {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn succeeds(line: &str) -> bool {
    let status =
        Command::new("sh").args(["-c", line]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

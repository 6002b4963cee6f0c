//! What this machine offers. A test that needs more says `skipped: NAME: reason` and ends.

use nix::sys::signal::Signal;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Says that the calling test cannot run here; always `false`.
///
/// Written past the test harness, which would keep the words of a test that passes to itself.
pub fn skip(reason: &str) -> bool {
    let test = std::thread::current();
    let name = test.name().unwrap_or("a test").to_string();
    let _ = std::io::stderr().write_all(format!("skipped: {name}: {reason}\n").as_bytes());
    false
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root() || skip("needs root")
}

/// If these programs are here.
pub fn has(programs: &[&str]) -> bool {
    programs.iter().all(|program| find(program).is_some() || skip(&format!("needs {program}")))
}

/// One of our own programs in tests/tools, which cargo builds beside the tests; nothing, with a word to the user,
/// where it was not built.
pub fn own(name: &str) -> Option<PathBuf> {
    let tests = std::env::current_exe().ok()?;
    let path = tests.parent()?.parent()?.join("examples").join(name);
    if !path.is_file() {
        skip(&format!("needs the program {name}: cargo build --examples"));
        return None;
    }
    Some(path)
}

/// The library of faketime(1), which tells a program another time.
pub fn faketime() -> Option<String> {
    let listed = Command::new("dpkg").args(["-L", "libfaketime"]).output().ok()?;
    let paths = String::from_utf8_lossy(&listed.stdout).into_owned();
    let library = paths.lines().find(|path| path.ends_with("/libfaketime.so.1")).map(String::from);
    library.or_else(|| {
        skip("needs libfaketime");
        None
    })
}

/// If the tested program runs by itself and not in an emulator, which falls short of the kernel as the reason says.
pub fn is_native(reason: &str) -> bool {
    let words = std::env::var("DMON").unwrap_or_default();
    words.split_whitespace().count() < 2 || skip(&format!("emulated: {reason}"))
}

/// The number that a signal has for the tested program: on MIPS some have another than here (signal(7)).
pub fn number(signal: Signal) -> i32 {
    // e_machine of elf(5); EM_MIPS is 8.
    static IS_MIPS: OnceLock<bool> = OnceLock::new();
    let is_mips = *IS_MIPS.get_or_init(|| {
        let words = super::tested();
        let elf = words.last().and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        elf.get(18) == Some(&8)
    });
    match signal {
        Signal::SIGUSR1 if is_mips => 16,
        Signal::SIGXCPU if is_mips => 30,
        Signal::SIGXFSZ if is_mips => 31,
        signal => signal as i32,
    }
}

/// If the kernel gives a process the orphans of its descendants.
pub fn can_adopt() -> bool {
    nix::sys::prctl::get_child_subreaper().is_ok()
        || skip("needs Linux 3.4, which lets orphans be adopted")
}

/// If the kernel can give a file a name only if no other has it.
pub fn can_rename_without_replacing() -> bool {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    let answer = renameat2(AT_FDCWD, "", AT_FDCWD, "", RenameFlags::RENAME_NOREPLACE);
    // The C library may say EINVAL of a call that is not there.
    answer == Err(nix::Error::ENOENT) || skip("needs Linux 3.15, which renames without replacing")
}

/// If we may mount things nobody else sees.
pub fn can_mount() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    let line = format!("{} mount --bind /dev/null /proc/loadavg", unshare_mounts());
    *CAN.get_or_init(|| succeeds(&line)) || skip("needs a mount namespace")
}

/// The line that leads into a mount namespace of one's own.
pub fn unshare_mounts() -> &'static str {
    match nix::unistd::geteuid().is_root() {
        true => "unshare -m",
        false => "unshare -Urm",
    }
}

/// If we may have a process namespace of our own.
pub fn can_be_init() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    let line = format!("{} true", unshare_processes());
    *CAN.get_or_init(|| succeeds(&line)) || skip("needs a process namespace")
}

/// The line that leads into a process namespace of one's own, which ends with it.
pub fn unshare_processes() -> &'static str {
    match nix::unistd::geteuid().is_root() {
        true => "unshare -m -p -f --mount-proc --kill-child",
        false => "unshare -Urm -p -f --mount-proc --kill-child",
    }
}

/// The words that call a program of another family, wherever it is. One of ours, installed, is none.
pub fn peer(program: &str) -> Option<String> {
    let is_ours = |path: &Path| path.canonicalize().is_ok_and(|path| path.ends_with("dmon"));
    if let Some(path) = find(program).filter(|path| !is_ours(path)) {
        return Some(path.display().to_string());
    }
    let path = unpacked(&format!("usr/bin/{program}"))?;
    let libraries = format!("{}/usr/lib/{}-linux-gnu", peers().display(), std::env::consts::ARCH);
    Some(format!("env LD_LIBRARY_PATH={libraries} {path}"))
}

/// A file of the packages that `scripts/setup` has unpacked.
pub fn unpacked(file: &str) -> Option<String> {
    let path = peers().join(file);
    if !path.is_file() {
        skip(&format!("needs {file}, unpacked by scripts/setup"));
        return None;
    }
    Some(path.display().to_string())
}

fn peers() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")));
    cache.unwrap_or_default().join("dmon/peers")
}

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

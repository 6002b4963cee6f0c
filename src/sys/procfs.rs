//! The processes that /proc lists (proc(5)).

use super::dir::Directory;
use super::{Result, file};
use core::ffi::CStr;
use pure::cli::value;
use pure::process_stat::{self, ChildList, ProcessStat, SystemCall, VariableSearch};
use pure::text::{Text, Writer};
use pure::unix::Pid;
use ufmt::uwrite;

/// Returns the PID that /proc/self names; `None` if /proc is not mounted. It differs from getpid(2) if /proc belongs
/// to another PID namespace.
#[must_use]
pub fn self_pid() -> Option<Pid> {
    value::pid(file::read_link(c"/proc/self", &mut [0; 16])?)
}

/// Passes the PID of each child of this process to `visit`.
///
/// # Errors
/// `ENOENT` if the kernel was built without the list (`CONFIG_PROC_CHILDREN`), or /proc is not mounted; `EMFILE`.
pub fn for_each_listed_child(visit: &mut dyn FnMut(Pid)) -> Result<()> {
    let mut list = ChildList::default();
    file::for_each_piece(c"/proc/thread-self/children", &mut |piece| {
        piece.iter().filter_map(|byte| list.feed(*byte)).for_each(&mut *visit);
    })
}

/// Passes each process to `visit`.
///
/// # Errors
/// `ENOENT` if /proc is not mounted; `EMFILE`, `ENFILE`, `EACCES` (open(2)).
pub fn for_each_process(visit: &mut dyn FnMut(Pid, ProcessStat)) -> Result<()> {
    Directory::open(c"/proc")?.for_each(&mut |name, _| {
        if let Some(pid) = value::pid(name.to_bytes())
            && let Some(stat) = stat(pid)
        {
            visit(pid, stat);
        }
    })
}

/// Reads /proc/PID/stat; `None` if there is no such process or it is hidden (hidepid).
#[must_use]
pub fn stat(pid: Pid) -> Option<ProcessStat> {
    // More than 20 fields: a name of 64 bytes and numbers of 20 digits.
    ProcessStat::parse(head(pid, "/stat", &mut [0; 512])?)
}

/// Reports whether a process is in a call that waits for input: for its standard input, or for one of several
/// descriptors. False if the kernel does not show it (/proc/PID/syscall, `CONFIG_HAVE_ARCH_TRACEHOOK`), or if the
/// process runs in an emulator for another machine.
#[must_use]
#[inline(never)]
pub fn waits_for_input(pid: Pid) -> bool {
    let call = head(pid, "/syscall", &mut [0; 128]).and_then(SystemCall::parse);
    call.is_some_and(|SystemCall { number, first_is_zero }| {
        first_is_zero && READS.contains(&number) || POLLS.contains(&number)
    })
}

/// Calls that read from the descriptor which is their first argument.
const READS: [u32; 2] = [libc::SYS_read as u32, libc::SYS_readv as u32];

/// Calls that wait for one of several descriptors. New architectures lack the old calls.
#[cfg(target_arch = "aarch64")]
const POLLS: [u32; 3] =
    [libc::SYS_ppoll as u32, libc::SYS_pselect6 as u32, libc::SYS_epoll_pwait as u32];
#[cfg(not(target_arch = "aarch64"))]
const POLLS: [u32; 6] = [
    libc::SYS_ppoll as u32,
    libc::SYS_pselect6 as u32,
    libc::SYS_epoll_pwait as u32,
    libc::SYS_poll as u32,
    libc::SYS_epoll_wait as u32,
    SELECT as u32,
];
#[cfg(all(target_pointer_width = "32", not(target_arch = "mips")))]
use libc::SYS__newselect as SELECT;
// The libc crate has no name for it (arch/mips/kernel/syscalls).
#[cfg(target_arch = "mips")]
const SELECT: core::ffi::c_long = 4142;
#[cfg(target_arch = "x86_64")]
use libc::SYS_select as SELECT;

/// Returns whether two processes have the same users: real, effective, saved and of the file system.
#[must_use]
pub fn have_same_users(one: Pid, other: Pid) -> bool {
    // The line is among the first ten.
    let (mut buffer, mut other_buffer) = ([0; 512], [0; 512]);
    let users = head(one, "/status", &mut buffer).and_then(process_stat::users);
    let other_users = head(other, "/status", &mut other_buffer).and_then(process_stat::users);
    users.is_some() && users == other_users
}

/// Reports whether the environment with which a process executed its program contains `variable`, which ends in NUL.
/// False if the process has overwritten it, or if dmon has no permission to read it (ptrace(2)).
#[must_use]
pub fn has_variable(pid: Pid, variable: &[u8]) -> bool {
    let mut search = VariableSearch::new(variable);
    let mut path = Text::new();
    if let Some(path) = proc_path(&mut path, pid, "/environ") {
        let _ = file::for_each_piece(path, &mut |piece| {
            piece.iter().for_each(|byte| search.feed(*byte));
        });
    }
    search.found
}

/// Reads the start of `/proc/PIDNAME`.
fn head<'a>(pid: Pid, name: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    file::head(proc_path(&mut Text::new(), pid, name)?, buffer).ok()
}

/// Returns the path `/proc/PIDNAME`, which it appends to `text`.
fn proc_path<'a>(text: &'a mut Text, pid: Pid, name: &str) -> Option<&'a CStr> {
    path(text, "/proc", pid.number().cast_unsigned(), name)
}

/// Returns the path `FOLDER/NUMBERNAME`, which it appends to `text`.
#[inline(never)]
pub(crate) fn path<'a>(
    text: &'a mut Text,
    folder: &str,
    number: u32,
    name: &str,
) -> Option<&'a CStr> {
    let Ok(()) = uwrite!(Writer(text), "{}/{}{}\0", folder, number, name);
    super::c_str(text.bytes())
}

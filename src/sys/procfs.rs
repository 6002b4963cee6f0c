//! The processes that /proc lists (proc(5)).

use super::dir::Directory;
use super::{Result, file};
use pure::cli::value;
use pure::process_stat::{ChildList, ProcessStat};
use pure::text::{TextBuf, Writer};
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
    Directory::open(c"/proc")?.for_each_directory(&mut |name| {
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
    let mut path = TextBuf::<32>::new();
    let Ok(()) = uwrite!(Writer(&mut path), "/proc/{}/stat\0", pid.number());
    // More than 20 fields: a name of 64 bytes and numbers of 20 digits.
    let mut buffer = [0; 512];
    ProcessStat::parse(file::head(super::c_str(path.bytes())?, &mut buffer).ok()?)
}

//! Processes: created, waited for, their groups, sessions, limits and attributes.

use super::args::Argv;
use super::environment::Variables;
use super::kernel::{self, syscall};
use super::{Result, call, check_int, check_long};
use core::ffi::{CStr, c_int, c_long};
use pure::unix::{Errno, Pid, Signal, WaitStatus};

/// Executes the program at `path` with the words of `command`, which replaces this process. Returns only if that fails.
#[must_use]
pub fn execve(path: &CStr, command: &Argv, variables: Variables) -> Errno {
    // SAFETY: path, vector and environment are C strings; the vectors end in a null pointer; nothing changes them.
    let answer = unsafe {
        syscall!(libc::SYS_execve, path.as_ptr(), command.pointer(), variables.pointer())
    };
    kernel::error(answer)
}

/// Forks. Returns the child's PID in the parent, `None` in the child. The call is made by number because the C
/// library's fork handles the locks of threads and of a heap, whose code would be added.
///
/// # Errors
/// `EAGAIN` if there are too many processes, `ENOMEM` (fork(2)).
pub fn fork() -> Result<Option<Pid>> {
    // SAFETY: the process has one thread, so the copy is complete.
    let answer = unsafe { syscall!(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    check_long(answer).map(|pid| i32::try_from(pid).ok().and_then(Pid::new))
}

/// Exits without calling exit handlers.
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: the argument is a number.
        unsafe { syscall!(libc::SYS_exit_group, c_int::from(code)) };
    }
}

/// The result of one waitpid(2).
pub enum Reaped {
    /// A child exited and has been reaped.
    Died(Pid, WaitStatus),
    /// A child was stopped by this signal.
    Stopped(Pid, Signal),
    /// There are children, and none has exited.
    NotYet,
    NoChildren,
}

/// Reaps one child that has exited, or reports one that was stopped. Never waits.
#[must_use]
pub fn reap() -> Reaped {
    wait_for_change(-1, libc::WNOHANG)
}

/// Waits until `child` has exited or was stopped.
#[must_use]
pub fn wait_or_stopped(child: Pid) -> Reaped {
    wait_for_change(child.number(), 0)
}

fn wait_for_change(child: c_int, flags: c_int) -> Reaped {
    let (answer, status) = wait4(child, flags | libc::WUNTRACED);
    match check_int(answer).map(Pid::new) {
        Ok(Some(pid)) if libc::WIFSTOPPED(status) => {
            let signal = Signal::new(libc::WSTOPSIG(status)).unwrap_or(Signal::STOP);
            Reaped::Stopped(pid, signal)
        }
        Ok(Some(pid)) => Reaped::Died(pid, WaitStatus(status)),
        Ok(None) => Reaped::NotYet,
        Err(_) => Reaped::NoChildren,
    }
}

/// Waits until `child` has exited, and reaps it. Where the kernel reaps the children of a process that ignores SIGCHLD,
/// the status is that of success.
pub fn wait_for(child: Pid) -> WaitStatus {
    WaitStatus(wait4(child.number(), 0).1)
}

/// Returns the answer and the status (wait4(2)).
fn wait4(child: c_int, flags: c_int) -> (c_long, c_int) {
    let (mut status, call, no_usage) = (0, libc::SYS_wait4, core::ptr::null::<c_int>());
    // SAFETY: `status` is writable.
    (unsafe { syscall!(call, child, &raw mut status, flags, no_usage) }, status)
}

/// Returns the PID of this process.
#[must_use]
pub fn getpid() -> c_int {
    // SAFETY: there are no arguments.
    unsafe { syscall!(libc::SYS_getpid) as c_int }
}

/// Returns the PID of the parent; 0 if it is outside of this PID namespace.
#[must_use]
pub fn getppid() -> c_int {
    // SAFETY: there are no arguments.
    unsafe { syscall!(libc::SYS_getppid) as c_int }
}

/// Returns the process group of a process; `None` if there is no such process.
#[must_use]
pub fn getpgid(of: Pid) -> Option<Pid> {
    // SAFETY: the argument is a number.
    unsafe { call!(libc::SYS_getpgid, of.number()) }.ok().and_then(Pid::new)
}

/// Returns the process group of this process.
#[must_use]
pub fn getpgrp() -> Option<Pid> {
    // SAFETY: the argument is a number; 0 is this process.
    unsafe { call!(libc::SYS_getpgid, 0) }.ok().and_then(Pid::new)
}

/// Makes this process the leader of a new process group.
///
/// # Errors
/// `EPERM` for a session leader (setpgid(2)).
pub fn setpgid_self() -> Result<()> {
    setpgid(0, 0)
}

/// Moves `child`, which has executed no command, into this process group.
///
/// # Errors
/// `EPERM` if there is no such group in its session (setpgid(2)).
pub fn setpgid_child(child: Pid, group: Pid) -> Result<()> {
    setpgid(child.number(), group.number())
}

fn setpgid(process: c_int, group: c_int) -> Result<()> {
    // SAFETY: the arguments are numbers.
    unsafe { call!(libc::SYS_setpgid, process, group) }.map(drop)
}

/// Sets the limit of resource `number` for this process (prlimit(2), 64 bits on every machine). Without `hard` the
/// hard limit stays.
///
/// # Errors
/// `EPERM` if the hard limit would rise without privileges, `EINVAL` if `soft` exceeds it.
pub fn set_rlimit(number: usize, soft: u64, hard: Option<u64>) -> Result<()> {
    let mut old = [0_u64; 2];
    let none = core::ptr::null::<u64>();
    let call = libc::SYS_prlimit64;
    // SAFETY: prlimit writes two numbers; 0 is this process.
    check_long(unsafe { syscall!(call, 0, number, none, old.as_mut_ptr()) })?;
    let [_, old] = old;
    let new = [soft, hard.unwrap_or(old)];
    // SAFETY: prlimit reads two numbers, and has no place for the old ones.
    check_long(unsafe { syscall!(call, 0, number, new.as_ptr(), none) }).map(drop)
}

/// Changes the working directory.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES` (chdir(2)).
pub fn change_directory(path: &CStr) -> Result<()> {
    // SAFETY: the path ends in NUL.
    unsafe { call!(libc::SYS_chdir, path.as_ptr()) }.map(drop)
}

/// Makes this process the leader of a new session without a controlling terminal.
///
/// # Errors
/// `EPERM` for a process group leader (setsid(2)).
pub fn setsid() -> Result<()> {
    // SAFETY: there are no arguments.
    unsafe { call!(libc::SYS_setsid) }.map(drop)
}

/// Makes the kernel send `signal` to this process when its parent dies (PR_SET_PDEATHSIG of prctl(2)). A later change
/// of the user cancels it.
///
/// # Errors
/// `EINVAL` for an invalid signal (prctl(2)).
pub fn set_parent_death_signal(signal: Signal) -> Result<()> {
    set(libc::PR_SET_PDEATHSIG, signal.number())
}

/// Drops the ambient capabilities, which execve(2) would pass on to a command that is not root (PR_CAP_AMBIENT of
/// prctl(2), Linux 4.3; older kernels have none).
///
/// # Errors
/// `EINVAL` on older kernels.
pub fn drop_capabilities() -> Result<()> {
    set(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL)
}

/// Makes this process the parent of orphans among its descendants (PR_SET_CHILD_SUBREAPER of prctl(2), Linux 3.4).
///
/// # Errors
/// `EINVAL` on older kernels.
pub fn become_subreaper() -> Result<()> {
    set(libc::PR_SET_CHILD_SUBREAPER, 1)
}

fn set(option: c_int, value: c_int) -> Result<()> {
    // SAFETY: the arguments are numbers.
    check_long(unsafe { syscall!(libc::SYS_prctl, option, value, 0, 0, 0) }).map(drop)
}

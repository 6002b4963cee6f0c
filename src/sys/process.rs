//! Processes: created, waited for, their groups, sessions, limits and attributes.

use super::args::Argv;
use super::static_cell::StaticCell;
use super::{Result, check, check_long, environment, signal};
use core::ffi::{CStr, c_int, c_void};
use pure::text::{Put, TextBuf, find_byte};
use pure::unix::{Errno, Pid, Signal, WaitStatus};

/// How far below a local of [`spawn`] a child's stack begins: beyond all that this one call has there.
const BELOW: usize = 1024;

/// Where the C library's notion of a stack begins.
const ALIGN: usize = 64;

unsafe extern "C" {
    /// The heart of the C library's clone(2), under this name in musl and in glibc: without the locks of
    /// threads and heap that musl's function holds for a process that we do not make.
    fn __clone(
        life: extern "C" fn(*mut c_void) -> c_int,
        stack: *mut c_void,
        flags: c_int,
        argument: *mut c_void,
        ...
    ) -> c_int;
}

/// Runs `life` in a new process, which shares our memory, while we stand still until it has executed a command
/// or ended (vfork(2)): nothing is copied, however large we are. Its stack is the rest of ours, which nobody
/// else uses meanwhile, and whose pages are there already.
/// `life` gives its exit status if it does not execute. Caught signals must be blocked.
///
/// `life` may make calls and set its own locals; emulators and checkers give it a copy of our memory
/// instead, so what it has to tell must go through a pipe.
///
/// # Errors
/// As clone(2): `EAGAIN` when there are too many processes.
#[inline(never)]
pub fn spawn<F: FnMut() -> c_int>(life: &mut F) -> Result<Pid> {
    extern "C" fn enter<F: FnMut() -> c_int>(life: *mut c_void) -> c_int {
        // SAFETY: it is the `F` that `spawn` was lent, which stands still meanwhile.
        let life = unsafe { &mut *life.cast::<F>() };
        life()
    }
    let mut flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let top = (&raw mut flags).map_addr(|here| here.wrapping_sub(BELOW) & !(ALIGN - 1));
    signal::in_child(true);
    // SAFETY: we use nothing below `top` until the child has left it, and `life` outlives that.
    let answer =
        unsafe { __clone(enter::<F>, top.cast(), flags, core::ptr::from_mut(life).cast()) };
    // musl gives the kernel's own answer here, glibc has put it into errno.
    let answer = if answer < -1 { Err(Errno(-answer)) } else { check(answer) };
    signal::in_child(false);
    Pid::new(answer?).ok_or(Errno::AGAIN)
}

/// Room for the path of a file: a directory of $PATH, of PATH_MAX bytes at the most, and a name.
pub type PathBuf = TextBuf<{ 4096 + 256 }>;

/// The room of this process, which lies where a stack would have to grow for it.
static PATH_BUF: StaticCell<PathBuf> = StaticCell::new(PathBuf::new());

/// The room, for the first who asks.
pub fn path_buf() -> Option<&'static mut PathBuf> {
    PATH_BUF.take()
}

/// Where commands are looked for without $PATH.
const PATH: &CStr = c"/usr/local/bin:/bin:/usr/bin";

/// Becomes the command, looked for in $PATH if its name has no slash, as execvp(3) does; comes back only
/// if that failed.
#[must_use]
pub fn execvp(command: &Argv, file: &mut PathBuf) -> Errno {
    let name = command.name();
    if find_byte(name.to_bytes(), b'/').is_some() {
        return execute_file(name, command);
    }
    let mut end = Errno::NOENT;
    let path = environment::variable(b"PATH").unwrap_or(PATH).to_bytes();
    for dir in path.split(|byte| *byte == b':').filter(|_| !name.is_empty()) {
        file.clear();
        file.put(dir);
        file.put(if dir.is_empty() { b"" } else { b"/" });
        file.put(name.to_bytes_with_nul());
        // A name that was cut to fit has no NUL at its end, and nobody has such a file.
        match super::c_str(file.bytes()).map(|file| execute_file(file, command)) {
            None | Some(Errno::NOENT | Errno::NOTDIR) => {}
            Some(Errno::ACCES) => end = Errno::ACCES,
            Some(other) => return other,
        }
    }
    end
}

fn execute_file(file: &CStr, command: &Argv) -> Errno {
    // SAFETY: name, vector and environment are C strings ended by a null pointer, which stay as they are.
    unsafe { libc::execve(file.as_ptr(), command.pointer(), environment::pointer()) };
    super::errno()
}

/// Forks. Returns the child's PID in the parent, `None` in the child. The call is made by number because the C
/// library's fork handles the locks of threads and of a heap, whose code would be added.
///
/// # Errors
/// `EAGAIN` if there are too many processes, `ENOMEM` (fork(2)).
pub fn fork() -> Result<Option<Pid>> {
    // SAFETY: the process has one thread, so the copy is complete.
    let answer = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    check_long(answer).map(|pid| i32::try_from(pid).ok().and_then(Pid::new))
}

/// Exits without calling exit handlers.
pub fn exit(code: u8) -> ! {
    // SAFETY: the argument is a number.
    unsafe { libc::_exit(code.into()) }
}

/// The result of one waitpid(2).
pub enum Reaped {
    /// A child exited and has been reaped.
    Died(Pid, WaitStatus),
    /// A child was stopped by a signal.
    Stopped(Pid),
    /// There are children, and none has exited.
    NotYet,
    NoChildren,
}

/// Reaps one child that has exited, or reports one that was stopped. Never waits.
#[must_use]
pub fn reap() -> Reaped {
    let mut status = 0;
    // SAFETY: `status` is writable.
    let answer =
        check(unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::WUNTRACED) });
    match answer.map(Pid::new) {
        Ok(Some(pid)) if libc::WIFSTOPPED(status) => Reaped::Stopped(pid),
        Ok(Some(pid)) => Reaped::Died(pid, WaitStatus(status)),
        Ok(None) => Reaped::NotYet,
        Err(_) => Reaped::NoChildren,
    }
}

/// Waits until `child` has exited, and reaps it.
pub fn wait_for(child: Pid) {
    // SAFETY: a number, and no place for the status.
    unsafe { libc::waitpid(child.number(), core::ptr::null_mut(), 0) };
}

/// Returns the PID of this process.
#[must_use]
pub fn getpid() -> c_int {
    // SAFETY: there are no arguments.
    unsafe { libc::getpid() }
}

/// Returns the PID of the parent; 0 if it is outside of this PID namespace.
#[must_use]
pub fn getppid() -> c_int {
    // SAFETY: there are no arguments.
    unsafe { libc::getppid() }
}

/// Returns the process group of a process; `None` if there is no such process.
#[must_use]
pub fn getpgid(of: Pid) -> Option<Pid> {
    // SAFETY: the argument is a number.
    Pid::new(unsafe { libc::getpgid(of.number()) })
}

/// Returns the process group of this process.
#[must_use]
pub fn getpgrp() -> Option<Pid> {
    // SAFETY: the argument is a number; 0 is this process.
    Pid::new(unsafe { libc::getpgid(0) })
}

/// Makes this process the leader of a new process group.
///
/// # Errors
/// `EPERM` for a session leader (setpgid(2)).
pub fn setpgid_self() -> Result<()> {
    // SAFETY: the arguments are numbers.
    check(unsafe { libc::setpgid(0, 0) }).map(drop)
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
    check_long(unsafe { libc::syscall(call, 0, number, none, old.as_mut_ptr()) })?;
    let [_, old] = old;
    let new = [soft, hard.unwrap_or(old)];
    // SAFETY: prlimit reads two numbers, and has no place for the old ones.
    check_long(unsafe { libc::syscall(call, 0, number, new.as_ptr(), none) }).map(drop)
}

/// Changes the working directory.
///
/// # Errors
/// The errno of chdir(2).
pub fn change_directory(path: &CStr) -> Result<()> {
    // SAFETY: the path ends in NUL.
    check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

/// Makes this process the leader of a new session without a controlling terminal.
///
/// # Errors
/// `EPERM` for a process group leader (setsid(2)).
pub fn setsid() -> Result<()> {
    // SAFETY: there are no arguments.
    check(unsafe { libc::setsid() }).map(drop)
}

/// Lets the kernel send `signal` to this process when its parent dies (PR_SET_PDEATHSIG of prctl(2)). A later change
/// of the user cancels it.
///
/// # Errors
/// The errno of prctl(2).
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

/// Becomes the parent of all orphans among our descendants (Linux 3.4; PR_SET_CHILD_SUBREAPER of
/// prctl(2)). Process 1 is that by nature.
///
/// # Errors
/// `EINVAL` on older kernels.
pub fn become_subreaper() -> Result<()> {
    set(libc::PR_SET_CHILD_SUBREAPER, 1)
        .or_else(|error| if getpid() == 1 { Ok(()) } else { Err(error) })
}

fn set(option: c_int, value: c_int) -> Result<()> {
    // SAFETY: the arguments are numbers.
    check_long(unsafe { libc::syscall(libc::SYS_prctl, option, value, 0, 0, 0) }).map(drop)
}

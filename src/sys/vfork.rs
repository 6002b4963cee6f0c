//! A child that runs in its parent's memory until it executes a command: vfork(2).
//!
//! `applets/dmon/spawn.rs` starts the command and the logger with it.

use super::{Result, signal};
use core::ffi::{c_int, c_void};
use pure::unix::{Errno, Pid};

/// Distance from a local of [`vfork`] to the top of the child's stack: more than this call uses below that local.
const STACK_GAP: usize = 1024;

/// Alignment of the top of a stack, enough for every architecture.
const STACK_ALIGN: usize = 64;

unsafe extern "C" {
    /// The C library's clone(2) without its locks for threads and heap; musl and glibc have the same name for it.
    fn __clone(
        entry: extern "C" fn(*mut c_void) -> c_int,
        stack: *mut c_void,
        flags: c_int,
        argument: *mut c_void,
        ...
    ) -> c_int;
}

/// Calls `child` in a new process. The caller is suspended until the process has executed a command or exited. `child`
/// returns the exit status if it does not execute a command. Signals that are caught must be blocked.
///
/// The process shares the caller's memory, so nothing is copied. Its stack is the unused part of the caller's, whose
/// pages exist already. But an emulator may give it a copy of the memory, and may not suspend the caller (qemu-user 10
/// does both). Then the caller sees no change that `child` makes, nor that the child was to stop.
///
/// # Errors
/// `EAGAIN` if there are too many processes, `ENOMEM` (clone(2)).
#[inline(never)]
pub fn vfork<F: FnMut() -> c_int>(child: &mut F) -> Result<Pid> {
    extern "C" fn enter<F: FnMut() -> c_int>(child: *mut c_void) -> c_int {
        // SAFETY: the pointer is to the `F` that `vfork` has borrowed, and `vfork` is suspended.
        let child = unsafe { &mut *child.cast::<F>() };
        child()
    }
    let mut flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let top = (&raw mut flags).map_addr(|here| here.wrapping_sub(STACK_GAP) & !(STACK_ALIGN - 1));
    signal::in_child(true);
    // SAFETY: the caller uses nothing below `top` while the child does, and `child` outlives that.
    let answer =
        unsafe { __clone(enter::<F>, top.cast(), flags, core::ptr::from_mut(child).cast()) };
    let answer = clone_result(answer);
    signal::in_child(false);
    Pid::new(answer?).ok_or(Errno::AGAIN)
}

/// Converts the answer of `__clone`: musl returns the kernel's answer, which is −errno for a failure.
#[cfg(target_env = "musl")]
fn clone_result(answer: c_int) -> Result<c_int> {
    if answer < 0 { Err(Errno(-answer)) } else { Ok(answer) }
}

/// Converts the answer of `__clone`: glibc returns −1 and sets errno.
#[cfg(not(target_env = "musl"))]
fn clone_result(answer: c_int) -> Result<c_int> {
    super::check_int(super::kernel::answer(answer.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;
    use pure::unix::{Signal, WaitStatus};

    /// The handlers are those of the whole process, and tests run in threads.
    static HANDLERS: std::sync::Mutex<()> = std::sync::Mutex::new(());

    /// Sends `signal`, which is caught, to a child before its exec. Returns its status and the mask of this process.
    fn signal_child(signal: Signal) -> (WaitStatus, signal::SignalSet) {
        let (inherited, _) = signal::catch_all(&[signal], &[]).unwrap();
        let child = vfork(&mut || {
            // It arrives while blocked, and is delivered when the child restores the mask.
            let _ = signal::kill(Pid::new(process::getpid()).unwrap(), Some(signal));
            let _ = signal::set_mask(&inherited);
            0
        });
        let child = child.unwrap().number();
        let mut status = 0;
        // SAFETY: `status` is writable.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        (WaitStatus(status), inherited)
    }

    #[test]
    fn the_parent_sees_a_stop_signal_to_a_child_before_its_exec() {
        let _lock = HANDLERS.lock();
        for signal in signal::STOP_SIGNALS {
            // A child that it had stopped would never return here.
            let (status, _) = signal_child(signal);
            assert_eq!(status, WaitStatus::SUCCESS);
            assert!(signal::take_stop_of_child() && !signal::take(signal));
        }
    }

    #[test]
    fn a_signal_before_the_exec_kills_only_the_child() {
        let _lock = HANDLERS.lock();
        let usr2 = Signal::USR2;
        let (status, inherited) = signal_child(usr2);
        assert!(status.killed_by(usr2), "{status:?}");
        assert!(!signal::take(usr2));

        signal::set_mask(&inherited).unwrap();
        // SAFETY: the argument is a number, and the signal is caught.
        unsafe { libc::raise(usr2.number()) };
        assert!(signal::take(usr2), "the parent's own signals are caught again");
    }
}

//! Signals: caught ones are blocked except inside the one wait, so none is lost and nothing races.
//!
//! The handler does one store. Because a handler, unlike "ignore", does not pass through `execve`,
//! commands start with the default action for all that is caught here.

use super::{Result, check};
use crate::pure::unix::{Pid, Signal};
use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Signals below 32, one flag each; set by the handler, taken after each wait.
static CAUGHT: [AtomicBool; 32] = [const { AtomicBool::new(false) }; 32];

/// Set while a child shares our memory on its way to `execve`.
static IN_CHILD: AtomicBool = AtomicBool::new(false);

extern "C" fn catch(number: c_int) {
    if IN_CHILD.load(Relaxed) {
        // For the child and not for us: it has our handlers until it has executed, and must die of
        // (say) TERM as if it had executed already.
        give_back(number);
    } else if let Some(flag) = usize::try_from(number).ok().and_then(|n| CAUGHT.get(n)) {
        flag.store(true, Relaxed);
    }
}

/// Default action from here on, and the same signal again, delivered when the handler returns.
fn give_back(number: c_int) {
    if let Some(signal) = Signal::new(number) {
        to_default(signal);
    }
    // SAFETY: two numbers; kill(2) may be called in a handler. `raise` would use the parent's notion
    // of the thread.
    unsafe { libc::kill(libc::getpid(), number) };
}

/// Called around the birth of a child that shares our memory.
pub(super) fn in_child(yes: bool) {
    IN_CHILD.store(yes, Relaxed);
}

/// A set of signals.
#[derive(Clone, Copy)]
pub struct Mask(pub(super) libc::sigset_t);

/// Catches `signals` from now on, and holds them back except in the wait; gives `reset` their default
/// action. Gives the mask we were started with, for commands, and the mask to wait with.
///
/// # Errors
/// As sigaction(2).
pub fn catch_all(signals: &[Signal], reset: &[Signal]) -> Result<(Mask, Mask)> {
    let empty = empty();
    let mut held = empty;
    let mut inherited = empty;
    for signal in signals {
        add(&mut held, *signal);
    }
    // SAFETY: two sets of ours.
    check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const held.0, &raw mut inherited.0) })?;
    for signal in signals {
        // SAFETY: all zeros are a valid sigaction.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_sigaction = catch as *const () as usize;
        action.sa_mask = held.0;
        action.sa_flags = libc::SA_NOCLDSTOP;
        // SAFETY: the handler only stores a flag, or makes calls that are allowed in one.
        check(unsafe {
            libc::sigaction(signal.number(), &raw const action, core::ptr::null_mut())
        })?;
    }
    reset.iter().for_each(|signal| to_default(*signal));
    let mut waiting = inherited;
    for signal in signals {
        // SAFETY: a set of ours, a signal that exists.
        unsafe { libc::sigdelset(&raw mut waiting.0, signal.number()) };
    }
    Ok((inherited, waiting))
}

/// Undoes [`catch_all`]: default actions, and the mask we were started with.
pub fn let_go(signals: &[Signal], inherited: &Mask) {
    signals.iter().for_each(|signal| to_default(*signal));
    let _ = set_mask(inherited);
}

fn to_default(signal: Signal) {
    // SAFETY: all zeros are the default action.
    let action: libc::sigaction = unsafe { core::mem::zeroed() };
    // SAFETY: as above; sigaction(2) may be called in a handler.
    unsafe { libc::sigaction(signal.number(), &raw const action, core::ptr::null_mut()) };
}

fn empty() -> Mask {
    // SAFETY: all zeros are the empty set on Linux.
    Mask(unsafe { core::mem::zeroed() })
}

fn add(mask: &mut Mask, signal: Signal) {
    // SAFETY: a set of ours, a signal that exists.
    unsafe { libc::sigaddset(&raw mut mask.0, signal.number()) };
}

/// Whether `signal` was caught since it was last asked for.
#[must_use]
pub fn take(signal: Signal) -> bool {
    let flag = usize::try_from(signal.number()).ok().and_then(|n| CAUGHT.get(n));
    // The handler runs only inside the wait, so reading and clearing need not be one step.
    flag.is_some_and(|flag| {
        flag.load(Relaxed) && {
            flag.store(false, Relaxed);
            true
        }
    })
}

/// Gives this process, about to execute a command, the mask `mask`.
///
/// # Errors
/// As sigprocmask(2).
pub fn set_mask(mask: &Mask) -> Result<()> {
    // SAFETY: a set of ours.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const mask.0, core::ptr::null_mut()) })
        .map(drop)
}

/// Sends `signal` to one process; `None` only asks whether it is there.
///
/// # Errors
/// As kill(2): `ESRCH` when there is no such process.
pub fn send(to: Pid, signal: Option<Signal>) -> Result<()> {
    // SAFETY: two numbers, the first above zero.
    check(unsafe { libc::kill(to.number(), signal.map_or(0, Signal::number)) }).map(drop)
}

/// Sends `signal` to a process group; `None` only asks whether it has members.
///
/// # Errors
/// As kill(2): `ESRCH` when it has no members.
pub fn send_group(group: Pid, signal: Option<Signal>) -> Result<()> {
    // SAFETY: two numbers, the first below −1 unless the group is that of pid 1, which is refused.
    match group.number() {
        1 => Err(crate::pure::unix::Errno(libc::ESRCH)),
        number => check(unsafe { libc::kill(-number, signal.map_or(0, Signal::number)) }).map(drop),
    }
}

//! Signals: caught ones are blocked except inside the one wait, so none is lost and nothing races.
//!
//! The handler does one store. Because a handler, unlike "ignore", does not pass through `execve`,
//! commands start with the default action for all that is caught here.

use super::{Result, check, check_long};
use core::ffi::{c_int, c_long, c_ulong};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use pure::unix::{Pid, Signal};

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
pub(crate) fn in_child(yes: bool) {
    IN_CHILD.store(yes, Relaxed);
}

/// A set of signals as the kernel has it: the beginning of the C library's `sigset_t`, 64 bits, on MIPS
/// 128.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct SignalSet([c_ulong; SIZE / size_of::<c_ulong>()]);

/// Bytes of it.
const SIZE: usize = if cfg!(target_arch = "mips") { 16 } else { 8 };

const EMPTY: SignalSet = SignalSet([0; SIZE / size_of::<c_ulong>()]);

impl SignalSet {
    /// The word and the bit of it that stand for `signal`.
    fn place(&mut self, signal: Signal) -> (Option<&mut c_ulong>, c_ulong) {
        let at = signal.number().unsigned_abs() - 1;
        let word = self.0.get_mut((at / c_ulong::BITS) as usize);
        (word, 1 << (at % c_ulong::BITS))
    }

    fn add(&mut self, signal: Signal) {
        let (word, bit) = self.place(signal);
        word.into_iter().for_each(|word| *word |= bit);
    }

    fn remove(&mut self, signal: Signal) {
        let (word, bit) = self.place(signal);
        word.into_iter().for_each(|word| *word &= !bit);
    }

    /// For calls that hand it to the kernel as it is.
    pub(crate) const fn pointer(&self) -> *const libc::sigset_t {
        core::ptr::from_ref(self).cast()
    }
}

/// Changes the signals that are held back; gives those that were before. By number, because the C
/// library's function asks for two signals of its own to be let through.
fn sigprocmask(how: c_int, mask: &SignalSet) -> Result<SignalSet> {
    let mut before = EMPTY;
    let call = libc::SYS_rt_sigprocmask;
    // SAFETY: two sets of that size.
    check_long(unsafe { libc::syscall(call, how, mask.pointer(), before.0.as_mut_ptr(), SIZE) })?;
    Ok(before)
}

/// Catches `signals` from now on, and holds them back except in the wait; gives `reset` their default
/// action; holds back `other` too. Gives the mask we were started with, for commands, and the mask to wait with.
///
/// # Errors
/// As sigaction(2).
pub fn catch_all(
    signals: &[Signal],
    reset: &[Signal],
    other: Option<Signal>,
) -> Result<(SignalSet, SignalSet)> {
    let mut held = EMPTY;
    signals.iter().chain(&other).for_each(|signal| held.add(*signal));
    let inherited = sigprocmask(libc::SIG_BLOCK, &held)?;
    let mut waiting = inherited;
    for signal in signals {
        waiting.remove(*signal);
        set_action(*signal, catch as *const () as usize)?;
    }
    reset.iter().for_each(|signal| to_default(*signal));
    Ok((inherited, waiting))
}

/// Undoes [`catch_all`]: default actions, and the mask we were started with.
pub fn restore_defaults(signals: &[Signal], inherited: &SignalSet) {
    signals.iter().for_each(|signal| to_default(*signal));
    let _ = set_mask(inherited);
}

fn to_default(signal: Signal) {
    let _ = set_action(signal, libc::SIG_DFL);
}

/// The kernel's `struct sigaction` (include/linux/signal_types.h).
#[repr(C)]
#[cfg(not(target_arch = "mips"))]
struct Action {
    handler: usize,
    flags: c_ulong,
    restorer: usize,
    mask: SignalSet,
}

/// On MIPS it has another order, and no restorer: what stands behind the mask is not read.
#[repr(C)]
#[cfg(target_arch = "mips")]
struct Action {
    flags: c_ulong,
    handler: usize,
    mask: SignalSet,
    restorer: usize,
}

// How a handler returns: rt_sigreturn(2). Only x86-64 wants to be told; others know by themselves.
#[cfg(target_arch = "x86_64")]
core::arch::global_asm!("dmon_return: mov $15, %eax", "syscall", options(att_syntax));

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    fn dmon_return();
}

/// Sets what `signal` does. By number, because the C library's function holds locks for threads, and brings
/// them along. The handler may be interrupted by another.
fn set_action(signal: Signal, handler: usize) -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    // SA_RESTORER of the kernel.
    let (flags, restorer) = (0x0400_0000, dmon_return as *const () as usize);
    #[cfg(not(target_arch = "x86_64"))]
    let (flags, restorer) = (0, 0);
    let action = Action { handler, flags, restorer, mask: EMPTY };
    let (call, none) = (libc::SYS_rt_sigaction, core::ptr::null::<Action>());
    // SAFETY: an action with a mask of that size. The handler only stores a flag, or makes calls that are
    // allowed in one.
    check_long(unsafe { libc::syscall(call, signal.number(), &raw const action, none, SIZE) })
        .map(drop)
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
pub fn set_mask(mask: &SignalSet) -> Result<()> {
    sigprocmask(libc::SIG_SETMASK, mask).map(drop)
}

/// Lets a second pass, or what is left of it when a signal comes that is held back: that counts as caught.
pub fn wait_one_second() {
    let all = SignalSet([c_ulong::MAX; SIZE / size_of::<c_ulong>()]);
    // The old timespec of the kernel: two longs everywhere.
    let second: [c_long; 2] = [1, 0];
    let (call, none) = (libc::SYS_rt_sigtimedwait, core::ptr::null_mut::<c_int>());
    // SAFETY: a set of that size and a time; nothing more is wanted to know of the signal.
    let number = unsafe { libc::syscall(call, all.pointer(), none, second.as_ptr(), SIZE) };
    catch(number as c_int);
}

/// Sends `signal` to one process; `None` only asks whether it is there.
///
/// # Errors
/// As kill(2): `ESRCH` when there is no such process.
pub fn kill(to: Pid, signal: Option<Signal>) -> Result<()> {
    // SAFETY: two numbers, the first above zero.
    check(unsafe { libc::kill(to.number(), signal.map_or(0, Signal::number)) }).map(drop)
}

/// Sends `signal` to our own process group, of which we are one.
///
/// # Errors
/// As kill(2).
pub fn killpg_self(signal: Signal) -> Result<()> {
    // SAFETY: two numbers.
    check(unsafe { libc::kill(0, signal.number()) }).map(drop)
}

/// Ends this process as if nobody had caught `signal`.
pub fn reraise(signal: Signal) {
    to_default(signal);
    let _ = set_mask(&EMPTY);
    // SAFETY: two numbers.
    unsafe { libc::kill(libc::getpid(), signal.number()) };
}

/// Sends `signal` to a process group; `None` only asks whether it has members.
///
/// # Errors
/// As kill(2): `ESRCH` when it has no members.
pub fn killpg(group: Pid, signal: Option<Signal>) -> Result<()> {
    match group.number() {
        1 => Err(pure::unix::Errno(libc::ESRCH)),
        // SAFETY: two numbers, the first below −1.
        number => check(unsafe { libc::kill(-number, signal.map_or(0, Signal::number)) }).map(drop),
    }
}

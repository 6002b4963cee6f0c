//! Signals: caught, blocked, sent.
//!
//! Caught signals are blocked except inside ppoll(2), so no signal is lost or races with the code. The handler stores one
//! flag.
//! execve(2) resets caught signals to their default action, but keeps ignored ones ignored. So [`ignore`] is only for a
//! child that executes a command.

use super::kernel::syscall;
use super::{Result, call, check_long};
use core::ffi::{c_int, c_long, c_ulong};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use pure::process_stat;
use pure::unix::{Pid, Signal};

/// One flag for each signal. The handler sets it; [`take`] clears it after a wait. The first is for a child, see
/// [`take_stop_of_child`].
static CAUGHT: [AtomicBool; 65] = [const { AtomicBool::new(false) }; 65];

/// The signals by which a terminal stops a process group.
pub const STOP_SIGNALS: [Signal; 3] = [Signal::TSTP, Signal::TTIN, Signal::TTOU];

/// Set while a child runs in this process's memory, before its `execve`.
static IN_CHILD: AtomicBool = AtomicBool::new(false);

extern "C" fn catch(number: c_int) {
    let stops = || STOP_SIGNALS.iter().any(|signal| signal.number() == number);
    let in_child = IN_CHILD.load(Relaxed);
    if in_child && !stops() {
        // Only the child can run now, and the signal is for the child. It has our handlers until its execve, but
        // must die of SIGTERM, say, as if it had executed the command already. But while a child is stopped before its
        // execve, its parent hangs in vfork(2). So the first flag tells the parent.
        reraise_in_handler(number);
    } else if let Some(flag) = flag_of(if in_child { 0 } else { number }) {
        flag.store(true, Relaxed);
    }
}

fn flag_of(number: c_int) -> Option<&'static AtomicBool> {
    usize::try_from(number).ok().and_then(|number| CAUGHT.get(number))
}

/// Resets the signal to its default action and sends it again; it is delivered when the handler returns.
fn reraise_in_handler(number: c_int) {
    if let Some(signal) = Signal::new(number) {
        to_default(signal);
    }
    // raise(3) would use the thread id of the parent.
    let _ = send(super::process::getpid(), number);
}

/// Sends a signal to a process or, with a negative number, to a process group (kill(2), async-signal-safe).
fn send(to: c_int, number: c_int) -> Result<()> {
    // SAFETY: the arguments are numbers.
    unsafe { call!(libc::SYS_kill, to, number) }.map(drop)
}

/// Notes that a child runs in this process's memory, or no longer does.
pub(crate) fn in_child(yes: bool) {
    IN_CHILD.store(yes, Relaxed);
}

/// A set of signals in the kernel's layout: 64 bits, on MIPS 128. The C library's `sigset_t` begins with it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct SignalSet([c_ulong; SIZE / size_of::<c_ulong>()]);

/// Bytes of a set.
pub(crate) const SIZE: usize = if cfg!(target_arch = "mips") { 16 } else { 8 };

impl SignalSet {
    /// The set without any signal.
    pub const EMPTY: Self = Self([0; SIZE / size_of::<c_ulong>()]);

    /// The set of all signals.
    pub const ALL: Self = Self([c_ulong::MAX; SIZE / size_of::<c_ulong>()]);

    /// Adds signals.
    #[inline(never)]
    fn add(&mut self, signals: &[Signal]) {
        for signal in signals {
            let at = signal.number().unsigned_abs() - 1;
            if let Some(word) = self.0.get_mut((at / c_ulong::BITS) as usize) {
                *word |= 1 << (at % c_ulong::BITS);
            }
        }
    }

    /// Returns a pointer for calls that pass the set to the kernel unchanged.
    pub(crate) const fn pointer(&self) -> *const libc::sigset_t {
        core::ptr::from_ref(self).cast()
    }
}

/// Changes the mask of blocked signals and returns the previous one. The call is made by number because the C
/// library's function never blocks two signals of its own.
fn sigprocmask(how: c_int, mask: &SignalSet) -> Result<SignalSet> {
    let mut before = SignalSet::EMPTY;
    let call = libc::SYS_rt_sigprocmask;
    // SAFETY: both pointers are to sets of that size.
    check_long(unsafe { syscall!(call, how, mask.pointer(), before.0.as_mut_ptr(), SIZE) })?;
    Ok(before)
}

/// Catches and blocks `signals`, and blocks `others` for good. Returns the mask that this process was started with, for
/// commands, and the mask for ppoll(2), in which `signals` are not blocked.
///
/// # Errors
/// `EINVAL` for a signal that cannot be caught (sigaction(2)).
pub fn catch_all(signals: &[Signal], others: &[Signal]) -> Result<(SignalSet, SignalSet)> {
    let (mut caught, mut blocked) = (SignalSet::EMPTY, SignalSet::EMPTY);
    caught.add(signals);
    blocked.add(signals);
    blocked.add(others);
    let inherited = sigprocmask(libc::SIG_BLOCK, &blocked)?;
    let mut waiting = inherited;
    for ((word, blocked), caught) in waiting.0.iter_mut().zip(&blocked.0).zip(&caught.0) {
        *word = (*word | blocked) & !caught;
    }
    signals.iter().try_for_each(|signal| to_caught(*signal))?;
    Ok((inherited, waiting))
}

/// Resets all ignored signals to their default action, except those that are to be `caught`. Returns whether SIGHUP was
/// ignored (nohup), so it must run before [`catch_all`].
///
/// /proc shows which are ignored: three calls instead of one for each signal. Without /proc all but the caught are
/// reset, and SIGHUP counts as not ignored.
#[inline(never)]
pub fn reset_ignored(caught: &[Signal]) -> bool {
    // The mask ends at about 720 on Linux 6, and later if the process has many groups.
    let mut buffer = [0; 1024];
    let status = super::file::head(c"/proc/self/status", &mut buffer).ok();
    // Bit 0 is SIGHUP.
    let mask = status.and_then(process_stat::ignored_signals).unwrap_or(b"fffffffffffffffe");
    let mut ignores_hangup = false;
    process_stat::for_each_signal(mask, &mut |signal| {
        ignores_hangup |= signal == Signal::HUP;
        if !caught.contains(&signal) {
            to_default(signal);
        }
    });
    ignores_hangup
}

/// Undoes [`catch_all`]: restores default actions and the mask that this process was started with.
pub fn restore_defaults(signals: &[Signal], inherited: &SignalSet) {
    signals.iter().for_each(|signal| to_default(*signal));
    let _ = set_mask(inherited);
}

fn to_default(signal: Signal) {
    let _ = set_action(signal, libc::SIG_DFL);
}

/// Ignores `signal`, also in the program that this process executes.
pub fn ignore(signal: Signal) {
    let _ = set_action(signal, libc::SIG_IGN);
}

fn to_caught(signal: Signal) -> Result<()> {
    set_action(signal, catch as *const () as usize)
}

/// The kernel's `struct sigaction` (include/linux/signal_types.h), which is not the C library's.
#[repr(C)]
#[cfg(not(target_arch = "mips"))]
struct Action {
    handler: usize,
    flags: c_ulong,
    restorer: usize,
    mask: SignalSet,
}

/// On MIPS the order differs. There is no restorer, and the kernel does not read behind the mask.
#[repr(C)]
#[cfg(target_arch = "mips")]
struct Action {
    flags: c_ulong,
    handler: usize,
    mask: SignalSet,
    restorer: usize,
}

// The return from a handler: rt_sigreturn(2), number 15. Only x86-64 requires a function for it; other kernels provide one.
#[cfg(target_arch = "x86_64")]
core::arch::global_asm!("dmon_return: mov $15, %eax", "syscall", options(att_syntax));

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    fn dmon_return();
}

/// Sets the action for `signal`. The call is made by number because the C library's function takes locks for threads,
/// which would add their code. No signal is blocked during the handler.
fn set_action(signal: Signal, handler: usize) -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    // SA_RESTORER (asm/signal.h).
    let (flags, restorer) = (0x0400_0000, dmon_return as *const () as usize);
    #[cfg(not(target_arch = "x86_64"))]
    let (flags, restorer) = (0, 0);
    let action = Action { handler, flags, restorer, mask: SignalSet::EMPTY };
    let (call, none) = (libc::SYS_rt_sigaction, core::ptr::null::<Action>());
    // SAFETY: an action with a mask of that size. The handler stores a flag, or makes calls that are
    // async-signal-safe (signal-safety(7)).
    check_long(unsafe { syscall!(call, signal.number(), &raw const action, none, SIZE) }).map(drop)
}

/// Returns whether `signal` was caught since the last call, and clears its flag.
#[must_use]
pub fn take(signal: Signal) -> bool {
    take_flag(signal.number())
}

/// Returns whether a child was to stop before its `execve` since the last call, which no child does.
#[must_use]
pub fn take_stop_of_child() -> bool {
    take_flag(0)
}

fn take_flag(number: c_int) -> bool {
    // The handler runs only inside ppoll(2) and vfork(2), so reading and clearing need not be one step.
    flag_of(number).is_some_and(|flag| {
        flag.load(Relaxed) && {
            flag.store(false, Relaxed);
            true
        }
    })
}

/// Blocks all signals and returns the previous mask.
#[must_use]
pub fn block_all() -> SignalSet {
    sigprocmask(libc::SIG_BLOCK, &SignalSet::ALL).unwrap_or(SignalSet::EMPTY)
}

/// Sets the mask of blocked signals.
///
/// # Errors
/// `EINVAL` for an unknown operation, which this function never requests (sigprocmask(2)).
pub fn set_mask(mask: &SignalSet) -> Result<()> {
    sigprocmask(libc::SIG_SETMASK, mask).map(drop)
}

/// Waits for one second, or until a blocked signal arrives, which then counts as caught.
pub fn wait_one_second() {
    // The kernel's old timespec consists of two longs on every machine.
    catch(sigtimedwait(&SignalSet::ALL, Some(&[1, 0])));
}

/// Blocks all signals and waits until one of `signals` arrives; returns its number. If several are pending, it is the
/// lowest number (next_signal, kernel/signal.c).
#[must_use]
pub fn wait_for(signals: &[Signal]) -> c_int {
    let _ = set_mask(&SignalSet::ALL);
    let mut set = SignalSet::EMPTY;
    set.add(signals);
    loop {
        // SIGCONT after SIGSTOP ends the call (EINTR).
        let number = sigtimedwait(&set, None);
        if number > 0 {
            return number;
        }
    }
}

/// Waits for a signal of `set`, for at most `limit`; returns its number, or −1.
fn sigtimedwait(set: &SignalSet, limit: Option<&[c_long; 2]>) -> c_int {
    let (call, none) = (libc::SYS_rt_sigtimedwait, core::ptr::null_mut::<c_int>());
    let limit = limit.map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: a set of that size, no place for details of the signal, a time or none.
    let number = unsafe { syscall!(call, set.pointer(), none, limit, SIZE) };
    number as c_int
}

/// Sends `signal` to one process; `None` only checks whether it exists.
///
/// # Errors
/// `ESRCH` if there is no such process, `EPERM` (kill(2)).
pub fn kill(to: Pid, signal: Option<Signal>) -> Result<()> {
    send(to.number(), signal.map_or(0, Signal::number))
}

/// Sends `signal` to the caller's process group, the caller included.
///
/// # Errors
/// `EPERM` (kill(2)).
pub fn killpg_self(signal: Signal) -> Result<()> {
    send(0, signal.number())
}

/// Stops the caller's process group with this signal, which is caught and blocked. `None`: stops only the caller, with
/// SIGTSTP. Returns after SIGCONT, or at once if the group is orphaned (setpgid(2)).
pub fn stop(group_signal: Option<Signal>) {
    let signal = group_signal.unwrap_or(Signal::TSTP);
    let target = if group_signal.is_some() { 0 } else { super::process::getpid() };
    let mut stop = SignalSet::EMPTY;
    stop.add(&[signal]);
    to_default(signal);
    // 0 is the caller's process group.
    let _ = send(target, signal.number());
    if let Ok(mask) = sigprocmask(libc::SIG_UNBLOCK, &stop) {
        let _ = set_mask(&mask);
    }
    let _ = to_caught(signal);
}

/// Terminates this process by `signal`, with its default action.
pub fn reraise(signal: Signal) {
    to_default(signal);
    let _ = set_mask(&SignalSet::EMPTY);
    let _ = send(super::process::getpid(), signal.number());
}

/// Sends `signal` to a process group; `None` only checks whether it has members.
///
/// # Errors
/// `ESRCH` if it has no members, and for group 1, because kill(2) takes −1 for every process; `EPERM`.
pub fn killpg(group: Pid, signal: Option<Signal>) -> Result<()> {
    match group.number() {
        1 => Err(pure::unix::Errno(libc::ESRCH)),
        number => send(-number, signal.map_or(0, Signal::number)),
    }
}
